"""A lineage, or all that a viewer sees, as an object-centric event log (OCEL 2.0), which loads back to the same."""

import hashlib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from api.render import SCHEMA_VERSION
from graph.errors import IncompleteAnswer
from graph.view import View
from loaders.epcis_rendering import Word
from loaders.ocel_documents import WRITERS
from loaders.ocel_spool import Spool
from loaders.ocel_writer import Writer
from queries.extract import Extract, everything, extract
from queries.lineage import Lineage

FORMS = tuple(WRITERS)
"""The forms of a log: JSON, XML, SQLite."""


def written(view: View, found: Lineage | None, out: Path, form: str) -> dict[str, Any]:
    """Write a lineage, or without one all that its View shows, whole or not at all; returns what to say of it.

    Raises `IncompleteAnswer` for a lineage that is not whole."""
    if found is not None and not found.completeness.whole:
        raise IncompleteAnswer(found.completeness.reasons)
    stewards: set[str] = set()
    with Spool() as spool:
        records = _told(spool, everything(view) if found is None else [extract(view, found)], stewards)
        spool.close()
        file = _written(spool, out, form)
        return {
            "schema_version": SCHEMA_VERSION,
            "format": form,
            "roots": list(found.roots) if found else [],
            "direction": found.direction if found else "both",
            "as_of": view.as_of,
            "records": len(found.records) if found else records,
            "events": spool.count("events"),
            "objects": spool.count("objects"),
            "stewards": sorted(stewards),
            "file": file,
        }


def _told(spool: Spool, parts: Iterable[Extract], stewards: set[str]) -> int:
    """Tell the words of each record; returns of how many ids. The `stewards` heard are added."""
    writer, records = Writer(spool), 0
    for part in parts:
        for _, states in groupby(part.words, key=lambda state: state.record):
            words = [
                Word(state.steward, state.record, state.standing.fields, state.standing.rank, state.standing.ranks)
                for state in states
            ]
            stewards.update(word.steward for word in words)
            writer.add(words, part.keys)
            records += 1
    return records


def _written(spool: Spool, out: Path, form: str) -> dict[str, Any]:
    coming = out.with_name(f"{out.name}.part")
    try:
        WRITERS[form](spool, coming)
        coming.replace(out)
    finally:
        coming.unlink(missing_ok=True)
    with out.open("rb") as file:
        return {"path": str(out), "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
