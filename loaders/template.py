"""Empty files of the CSV bundle, and the data dictionary that explains their columns: both made from the model."""

import csv
from pathlib import Path
from typing import get_args

from graph.model import MODELS, RELATIONS, refs
from loaders.csv_bundle import columns_of

_COMMON = {
    "id": ("identifier", "The identifier used first: a local number, or any form README names (GS1, ISBT 128, lot:..., ...)."),
    "identifiers": ("identifiers", "Further identifiers, separated by |."),
    "steward": ("organization", "Who says so; without it the steward of the load."),
    "recorded_at": ("instant", "When it was recorded: the later word of one steward stands. Empty: the time of the load."),
    "retract": ("true or false", "true takes back all that the steward says under this id (or this relation)."),
    "source": ("identifier", "The record the relation comes from."),
    "target": ("identifier", "The record the relation goes to."),
    "role": ("content or container", "What the object is in a packing or unpacking; empty otherwise."),
    "quantity": ("number", "Amount used or made."),
    "unit": ("text", "Unit of the amount."),
    "content": ("identifier", "What was inside."),
    "container": ("identifier", "What it was in."),
    "from": ("instant", "When it was packed; empty where unknown."),
    "to": ("instant", "When it was unpacked; empty where it was not."),
}


def write(folder: Path) -> list[Path]:
    """Write one empty CSV a kind and relation, and `data-dictionary.txt`; returns their paths. Existing files stay."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in (*MODELS, *RELATIONS, "CONTAINED_IN"):
        path = folder / f"{kind.lower()}.csv"
        if not path.exists():
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(columns_of(kind))
            written.append(path)
    dictionary = folder / "data-dictionary.txt"
    dictionary.write_text(data_dictionary(), encoding="utf-8")
    return [*written, dictionary]


def data_dictionary() -> str:
    """Every file and column of the bundle with its type and meaning, as plain text."""
    parts = []
    for kind, model in MODELS.items():
        parts.append(f"{kind.lower()}.csv\n  {' '.join((model.__doc__ or '').split())}")
        parts += [_line(column, *_described(kind, column)) for column in columns_of(kind)]
        parts.append("")
    for name, relation in RELATIONS.items():
        parts.append(f"{name.lower()}.csv\n  {relation.description}")
        parts += [_line(column, *_COMMON[column]) for column in columns_of(name)]
        parts.append("")
    parts.append("contained_in.csv\n  Shorthand for a packing and an unpacking step.")
    parts += [_line(column, *_COMMON[column]) for column in columns_of("CONTAINED_IN")]
    return "\n".join(parts) + "\n"


def _line(column: str, type_: str, description: str) -> str:
    return f"    {column:20} {type_:14} {description}"


def _described(kind: str, column: str) -> tuple[str, str]:
    """`(type, description)` of a column of a record file."""
    model = MODELS[kind]
    for name, info in model.model_fields.items():
        if (info.alias or name) == column:
            return _type_of(kind, column, info.annotation), info.description or ""
    return _COMMON[column]


def _type_of(kind: str, column: str, annotation: object) -> str:
    if column in refs(kind):
        return "identifier"
    if column in MODELS[kind].INSTANTS:
        return "instant"
    words = [word for part in get_args(annotation) for word in get_args(part) if isinstance(word, str)]
    if words:
        return " | ".join(words)
    return "number" if "float" in str(annotation) or "int" in str(annotation) else "text"
