"""A lineage as a document of EPCIS 2.0 in JSON-LD, which loads back to the same lineage."""

from pathlib import Path
from typing import Any

from api.output import written_bytes
from api.render import SCHEMA_VERSION
from graph.claims import labels_of
from graph.errors import IncompleteAnswer
from graph.view import View
from loaders.epcis_rendering import Word
from loaders.epcis_writer import Writer
from queries.extract import extract
from queries.lineage import Lineage


def written(view: View, found: Lineage, out: Path) -> dict[str, Any]:
    """Write a lineage, with all that its View shows of its records, whole or not at all; returns what to say of it.

    Where all is of one steward the document names it as sender; else each event and element names its own. Raises
    `IncompleteAnswer` for a lineage that is not whole."""
    if not found.completeness.whole:
        raise IncompleteAnswer(found.completeness.reasons)
    told = extract(view, found)
    labels = {(word.steward, word.record): next(labels_of(word.standing.fields), None) for word in told.words if word.key is None}
    stewards = {word.steward for word in told.words}
    writer = Writer(
        told.keys, lambda steward, record: labels.get((steward, record)), next(iter(stewards), None) if len(stewards) == 1 else None
    )
    writer.add(
        Word(word.steward, word.record, word.standing.fields, word.standing.rank, word.standing.ranks) for word in told.words
    )
    events, elements = writer.counts
    file = written_bytes(out, writer.document())
    return {
        "schema_version": SCHEMA_VERSION,
        "format": "epcis",
        "roots": list(found.roots),
        "direction": found.direction,
        "as_of": view.as_of,
        "records": len(found.records),
        "events": events,
        "elements": elements,
        "stewards": sorted(stewards),
        "file": file,
    }
