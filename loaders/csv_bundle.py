"""The bundle: one CSV or Parquet file a record kind (`material.csv`) and one a relation (`input_to.csv`), headers = the model's
fields.

A file is known by its name, or the last part of it: `2024-05.material.csv` is a material file. Beside the fields of its
kind a record file has `id` (the identifier used first), `identifiers` (more, separated by `|`), `steward`,
`recorded_at` and `retract`; a relation file has `source`, `target` and the relation's properties. `contained_in.csv`
(`content,container,from,to`) is shorthand for packing and unpacking steps. Where a column may name records of several
classes, the class goes before the identifier: `person/P-1`; what goes into or comes out of a step is an object unless
it says otherwise. Columns that begin with `_` are ignored (but `_unread`, which the quarantine writes).
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from graph import naming, times
from graph.errors import TraceError
from graph.model import MODELS, RELATIONS
from loaders.csv_claims import COMMON, CONTAINED_IN, Claims, Invalid, compiled
from loaders.csv_rows import Row, Rows
from loaders.items import LATEST, Context, Item, Refused, Zone
from loaders.unpacking import beginning

_TELL_EVERY = 2_000


def kind_of(path: Path) -> str | None:
    """The kind (`Material`) or relation (`INPUT_TO`, `CONTAINED_IN`) a file is of by its name; None for any other."""
    return _NAMES.get(path.stem.lower().rpartition(".")[2]) if path.suffix.lower() in SUFFIXES else None


SUFFIXES = (".csv", ".parquet")
"""How names of bundle files end."""


_NAMES = {name.lower(): name for name in (*MODELS, *RELATIONS, "CONTAINED_IN")}


def kinds_of(columns: Collection[str]) -> list[str]:
    """The kinds and relations whose files may have all these columns, and have those that they need."""
    told = {name for name in columns if not name.startswith("_")}
    return [kind for kind in _NAMES.values() if told and told <= {*columns_of(kind)} and told >= {*needed_of(kind)}]


def needed_of(kind: str) -> tuple[str, ...]:
    """The columns that every file of this kind or relation must have."""
    return CONTAINED_IN[:2] if kind == "CONTAINED_IN" else ("source", "target") if kind in RELATIONS else ()


def columns_of(kind: str) -> tuple[str, ...]:
    """The columns of a file of this kind or relation."""
    if kind == "CONTAINED_IN":
        return (*CONTAINED_IN, *COMMON)
    if kind in RELATIONS:
        return ("source", "target", *RELATIONS[kind].fields, *COMMON)
    names = (info.alias or name for name, info in MODELS[kind].model_fields.items())
    return ("id", "identifiers", *names, *COMMON)


def _rows(path: Path, kind: str) -> Rows:
    if path.suffix.lower() == ".parquet" or beginning(path).startswith(b"PAR1"):
        # polars takes longer to import than a small CSV file to load
        from loaders.parquet_rows import ParquetRows

        return ParquetRows(path, columns_of(kind), needed_of(kind))
    return Rows(path, columns_of(kind), needed_of(kind))


def zones(path: Path, context: Context) -> Iterator[tuple[str, Zone]]:
    """`(organisation id, time zone)` of the rows of an organization file that give one."""
    rows = _rows(path, "Organization")
    for row in rows:
        if not isinstance(row, Row):
            continue
        cells = dict(zip(rows.header, row.cells, strict=True))
        if not (zone := cells.get("time_zone")):
            continue
        recorded, told = cells.get("recorded_at"), cells.get("steward")
        with suppress(TraceError):
            rank = times.span(times.canonical(recorded, zone))[1] if recorded else LATEST
            speaker = naming.steward_id(told if told and not context.forced else context.steward)
            ids = list(_organizations([cells.get("id", ""), *cells.get("identifiers", "").split("|")]))
            yield from ((record, Zone(speaker in ids, rank, zone)) for record in ids)


def _organizations(texts: Collection[str]) -> Iterator[str]:
    """The ids of those texts that name organisations."""
    for text in texts:
        with suppress(TraceError):
            yield naming.steward_id(text)


def read(path: Path, context: Context, kind: str | None = None) -> Iterator[Item | Refused]:
    """Items of one bundle file in order, of a kind or relation where its name tells none.

    Raises `UnreadableSource` where the file cannot be read, or not any further."""
    kind = kind or kind_of(path) or ""
    rows = _rows(path, kind)
    claims: Claims | None = None
    for number, row in enumerate(rows):
        if claims is None:
            claims = compiled(kind, rows.header, context)
        if number % _TELL_EVERY == 0:
            context.reached(rows.position)
        if isinstance(row, Refused):
            yield row
            continue
        try:
            yield Item(row.at, claims(row.at, row.cells))
        except Invalid as error:
            yield Refused(row.at, error.problems, dict(zip(rows.header, row.cells, strict=True)))
