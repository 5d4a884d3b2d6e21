"""What becomes of the published EPCIS documents, and of what hospitals send: tables by folder, printed by `make reference`.

python -m tests.reference_table [REFERENCE]
"""

import csv
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lxml import etree

from api.output import table
from graph.sqlite_store import SqliteStore
from loaders.items import Context, Refused
from loaders.mapping_files import read_files
from loaders.pipeline import LoadReport, Options, load
from loaders.reading import read_one
from loaders.sources import found
from tests import fhir_counts

REFERENCE = Path(os.environ.get("VEINTRACE_REFERENCE", Path(__file__).parents[2] / "shared" / "reference"))
MAPPINGS = Path(__file__).parents[1] / "examples" / "mappings"
EVENTS = frozenset(("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"))
SUFFIXES = (".json", ".jsonld", ".xml", ".log")


@dataclass
class Told:
    """What was said of a file: how many items, events and elements of master data among them, and what was refused and where."""

    items: int = 0
    events: int = 0
    master: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)


def documents(reference: Path) -> Iterator[Path]:
    """The documents of the EPCIS folders of the reference."""
    yield from sorted(path for path in (reference / "epcis").rglob("*") if path.suffix in SUFFIXES)


def told_of(path: Path) -> Told:
    """What the loaders say of a file."""
    told = Told()
    with tempfile.TemporaryDirectory() as scratch:
        for source in found([path], Path(scratch)).sources:
            for item in read_one(source, Context("REFERENCE")):
                told.items += 1
                if isinstance(item, Refused):
                    told.refused.append((item.at, item.problems[0].code, item.problems[0].reason))
                elif item.claims[0].record.startswith("event-"):
                    told.events += 1
                else:
                    told.master += 1
    return told


def counted(path: Path) -> tuple[int, int]:
    """Events and elements of master data of a file, counted without our code; none where it cannot be parsed."""
    if path.suffix == ".xml":
        named = " or ".join(f"local-name() = '{type_}'" for type_ in EVENTS)
        tree = etree.parse(path)
        return int(tree.xpath(f"count(//*[{named}])")), int(tree.xpath("count(//*[local-name() = 'VocabularyElement'])"))
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        return 0, 0
    found = [*_objects(document)]
    events = sum(each.get("type") in EVENTS for each in found)
    return events, sum(len(each["vocabularyElementList"]) for each in found if isinstance(each.get("vocabularyElementList"), list))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def lines(reference: Path) -> list[str]:
    """The table, and below it what was refused."""
    rows: dict[str, Counter[str]] = {}
    reasons = []
    for path in documents(reference):
        told, (events, master) = told_of(path), counted(path)
        row = rows.setdefault(path.parent.relative_to(reference / "epcis").as_posix(), Counter())
        row.update(files=1, read=told.items, events=told.events, master=told.master, refused=len(told.refused))
        row.update(counted=events + master)
        name = path.relative_to(reference / "epcis").as_posix()
        reasons += [f"{name} {at}: {code}: {reason}" for at, code, reason in told.refused]
    header = ("folder", "files", "read", "events", "master", "refused", "counted")
    shown = table(header, [(name, *(row[column] for column in header[1:])) for name, row in sorted(rows.items())])
    return [*shown, "", "refused:", *reasons]


def clinical(reference: Path) -> list[str]:
    """The table of what hospitals send, each folder loaded by itself: FHIR, and Synthea's tables by their mapping."""
    rows, left_out = [], []
    for folder, mapping in (("fhir/r4", None), ("fhir/r5", None), ("synthea", MAPPINGS / "synthea.yaml")):
        report, dangling = landed(reference / folder, mapping)
        totals = report.totals
        verdicts = (totals.read, totals.added, totals.changed, totals.unchanged, totals.conflicts, totals.refused)
        files = sorted((reference / folder).glob("*.json"))
        counted = fhir_counts.counted(files) if files else None
        apart = (counted.read, len(counted.dangling)) if counted else (rows_of(reference / folder, mapping), "")
        rows.append((folder, len(report.files), *verdicts, len(dangling), *apart))
        left_out += [f"{folder}: {count} x {note}" for note, count in sorted(report.notes.items())]
    header = (
        "folder",
        "files",
        "read",
        "added",
        "changed",
        "unchanged",
        "conflict",
        "refused",
        "dangling",
        "counted",
        "counted dangling",
    )
    return [*table(header, rows), "", "left out:", *left_out]


def landed(folder: Path, mapping: Path | None) -> tuple[LoadReport, set[str]]:
    """What becomes of a folder in a graph of its own, and the keys of the records that are only referred to."""
    store = SqliteStore(":memory:")
    try:
        mappings = read_files([mapping] if mapping else ())
        report = load(store, [folder], Options("REFERENCE", author="table", mappings=mappings))
        told = [entry.claim for entry in store.claims()]
    finally:
        store.close()
    claimed = {claim.record for claim in told}
    claimed |= {path.split()[1] for claim in told for path in claim.fields if path.startswith("SAME_AS ")}
    names = {record: str(text) for claim in told for record, text in claim.names.items() if record not in claimed}
    return report, {text.removeprefix("local:").removesuffix("@REFERENCE") for text in names.values()}


def rows_of(folder: Path, mapping: Path | None) -> int:
    """The rows of those tables in a folder that a mapping reads, each as often as it does, counted without our code."""
    told = yaml.safe_load(mapping.read_text(encoding="utf-8")) if mapping else {"tables": []}
    found = 0
    for each in told["tables"]:
        for path in folder.glob(each["files"]):
            with path.open(encoding="utf-8", newline="") as file:
                found += sum(1 for row in csv.reader(file) if any(row)) - 1
    return found


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCE
    print("\n".join([*lines(where), "", *clinical(where)]))
