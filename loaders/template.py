"""Empty files of the CSV bundle, and the data dictionary that explains their columns: both made from the model."""

import csv
import textwrap
from pathlib import Path
from types import NoneType
from typing import get_args

from graph.model import CONTAINER, CONTENT, MODELS, RELATIONS, refs
from loaders.csv_bundle import columns_of

DICTIONARY = "data-dictionary.txt"

_INTRODUCTION = """\
The CSV bundle: one file a kind of record and one a relation. Fill in what you know and delete what you do not need; an
empty cell, an absent column and an absent file say nothing. Then: veintrace load --dry-run THIS_FOLDER

Files        are known by the last part of their names: 2024-05.material.csv holds materials. UTF-8, commas.
Identifiers  are a local number of the steward (M-1), one of somebody else (M-1@BLOODBANK), a GS1 key in any form, an
             ISBT 128 number as scanned, a URI, or scheme:value (coi:C-17, lot:A42@MAKER). Organisations have a code.
References   are identifiers of other records, whether these are loaded yet or not. The class may go before
             (person/P-1); it must where several are possible, but in input_to and output objects need none.
Times        are ISO 8601 with an offset (2024-05-01T10:00+02:00), or a day, month or year. A local time is read in the
             time zone of the steward's organisation.
Corrections  are rows with the same identifier and a later recorded_at: the later word of one steward stands, field by
             field. Nobody overwrites what another steward said.
"""

_COMMON = {
    "id": ("identifier", "The identifier used first. A row without any has an id computed from its content."),
    "identifiers": ("identifiers", "Further identifiers, separated by |."),
    "steward": ("organization", "Who says so; empty: the steward of the load."),
    "recorded_at": ("instant", "When it was recorded; empty: the time of the load."),
    "retract": ("true, false", "true takes back all that the steward says under this id, or this relation."),
    "source": ("identifier", "The record that the relation comes from"),
    "target": ("identifier", "The record that the relation goes to"),
    "role": (f"{CONTENT}, {CONTAINER}", "What the object is in a packing or unpacking; empty otherwise."),
    "quantity": ("number", "Amount used or made."),
    "unit": ("text", "Unit of the amount."),
    "content": ("identifier", "The material or container that was inside."),
    "container": ("identifier", "The container it was in."),
    "from": ("instant", "When it was packed; empty where unknown."),
    "to": ("instant", "When it was unpacked; empty where it was not."),
}
_STAYS = "An object was in a container from one time to another: shorthand for a packing and an unpacking step."


def write(folder: Path) -> list[Path]:
    """Write one empty CSV a kind and relation, and the data dictionary; returns the paths written. Existing CSV files stay."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in (*MODELS, *RELATIONS, "CONTAINED_IN"):
        path = folder / f"{kind.lower()}.csv"
        if not path.exists():
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(columns_of(kind))
            written.append(path)
    dictionary = folder / DICTIONARY
    dictionary.write_text(data_dictionary(), encoding="utf-8")
    return [*written, dictionary]


def data_dictionary() -> str:
    """Every file and column of the bundle with its type and meaning, as plain text."""
    parts = [_INTRODUCTION]
    for kind, model in MODELS.items():
        parts += _file(kind, model.__doc__ or "")
    for name, relation in RELATIONS.items():
        parts += _file(name, relation.description)
    return "\n".join([*parts, *_file("CONTAINED_IN", _STAYS)])


def _file(kind: str, description: str) -> list[str]:
    """The lines on one file and its columns."""
    told = textwrap.fill(" ".join(description.split()), 118, initial_indent="  ", subsequent_indent="  ")
    lines = [f"{kind.lower()}.csv", told]
    for column in columns_of(kind):
        type_, meaning = described(kind, column)
        words = f"{type_}. {meaning}" if ", " not in type_ else f"{meaning} One of: {type_}."
        lines.append(textwrap.fill(words, 118, initial_indent=f"    {column:20} ", subsequent_indent=" " * 25))
    return [*lines, ""]


def described(kind: str, column: str) -> tuple[str, str]:
    """`(type, meaning)` of a column of a file; the type of a coded column is its words."""
    if kind in RELATIONS and column in ("source", "target"):
        classes = RELATIONS[kind].source if column == "source" else RELATIONS[kind].target
        return "identifier", f"{_COMMON[column][1]} ({' or '.join(classes)})."
    if kind in MODELS:
        for name, info in MODELS[kind].model_fields.items():
            if (info.alias or name) == column:
                return _type_of(kind, column, info.annotation), info.description or ""
    return _COMMON[column]


def _type_of(kind: str, column: str, annotation: object) -> str:
    if column in refs(kind):
        return "identifier"
    if column in MODELS[kind].INSTANTS:
        return "instant"
    [stated] = (part for part in get_args(annotation) if part is not NoneType)
    base, *_ = get_args(stated)
    if isinstance(base, str):
        return ", ".join(get_args(stated))
    return {str: "text", int: "whole number", float: "number"}[base]
