"""Measure loading, format by format, from file to commit, against the bare parsers; prints a table, writes RESULTS-formats.md.

    python -m benchmarks.formats                    60,000 events, as many resources, 2,000 journeys as CSV; a tenth into Neo4j
    python -m benchmarks.formats --events 6000 --journeys 200

Each load is a process of its own, with Python's start; of two the faster counts (a shared machine only ever adds). The events are
of all five types, with readings of sensors, transactions and an extension of another namespace; in XML and in JSON the same.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from lxml import etree

from api.neo4j_server import LocalNeo4j, missing_tools
from benchmarks.graphs import run
from benchmarks.network import machine
from benchmarks.timing import best

Row = tuple[str, str, str]
_BARS = {"EPCIS JSON-LD": 3_000, "EPCIS XML": 2_000, "CSV bundle": 15_000, "FHIR NDJSON": 5_000}
_STEPS = ("shipping", "receiving", "storing", "inspecting", "packing", "commissioning")
_V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
_NAMESPACE = "https://ns.partner.example/epcis/"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--journeys", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="veintrace-bench-") as folder:
        files = _files(Path(folder), options.events, options.journeys)
        table = [row for name, path in files.items() for row in _sqlite(Path(folder), name, path)]
        if missing := missing_tools():
            table.append(("Neo4j", "not measured", f"{', '.join(missing)} not installed"))
        else:
            few = _files(Path(folder) / "few", options.events // 10, options.journeys // 10)
            with LocalNeo4j() as server:
                table += [row for name, path in few.items() for row in _neo4j(server.uri, name, path)]
    lines = ["# Results by format", "", f"Measured by `make bench-formats` on {machine()}.", ""]
    text = "\n".join(
        [*lines, "| what | measured | bar or peer |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in table), ""]
    )
    print(text)
    Path(__file__).with_name("RESULTS-formats.md").write_text(text, encoding="utf-8")


# -- files


def _files(folder: Path, events: int, journeys: int) -> dict[str, Path]:
    """One file or folder of each format."""
    folder.mkdir(exist_ok=True)
    files = {"EPCIS JSON-LD": folder / "events.jsonld", "EPCIS XML": folder / "events.xml", "CSV bundle": folder / "csv"}
    told = [event(number) for number in range(events)]
    head = {"@context": [{"ex": _NAMESPACE}], "type": "EPCISDocument", "schemaVersion": "2.0"}
    files["EPCIS JSON-LD"].write_bytes(orjson.dumps({**head, "epcisBody": {"eventList": told}}))
    names = f'xmlns:epcis="urn:epcglobal:epcis:xsd:2" xmlns:ex="{_NAMESPACE}"'
    with files["EPCIS XML"].open("w", encoding="utf-8") as file:
        file.write(f'<epcis:EPCISDocument {names} schemaVersion="2.0"><EPCISBody><EventList>\n')
        file.writelines(f"{as_xml(each)}\n" for each in told)
        file.write("</EventList></EPCISBody></epcis:EPCISDocument>\n")
    files["FHIR NDJSON"] = folder / "bulk.ndjson"
    with files["FHIR NDJSON"].open("wb") as lines:
        lines.writelines(orjson.dumps(resource(number)) + b"\n" for number in range(events))
    run(["-m", "api.cli", "generate", "--journeys", str(journeys), "--seed", "1", "--out", str(files["CSV bundle"])])
    return files


def event(number: int) -> dict[str, Any]:
    """One of many events, as a system exports it."""
    type_ = ("ObjectEvent", "AggregationEvent", "TransformationEvent", "TransactionEvent", "AssociationEvent")[number % 5]
    item = f"urn:epc:id:sgtin:4012345.012345.{number}"
    day, time = f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d}", f"{number % 24:02d}:{number % 60:02d}:{number * 7 % 60:02d}"
    told: dict[str, Any] = {
        "type": type_,
        "eventID": f"urn:uuid:{number:08x}-0000-4000-8000-000000000000",
        "eventTime": f"{day}T{time}.000Z",
        "eventTimeZoneOffset": "+02:00",
        "recordTime": "2025-01-01T00:00:00.000Z",
        "bizStep": _STEPS[number % len(_STEPS)],
        "disposition": "in_progress",
        "readPoint": {"id": f"urn:epc:id:sgln:4012345.{number % 700:05d}.0"},
        "bizTransactionList": [{"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:4012345000009:{number // 3}"}],
        "ex:operator": f"OP-{number % 40}",
    }
    if type_ == "TransformationEvent":
        told |= {"inputEPCList": [item], "outputEPCList": [f"urn:epc:id:sgtin:4012345.054321.{number}"]}
    else:
        told["action"] = "OBSERVE" if type_ != "AggregationEvent" else "ADD"
        if type_ in ("AggregationEvent", "AssociationEvent"):
            told |= {"parentID": f"urn:epc:id:sscc:4012345.{number:010d}", "childEPCs": [item]}
        else:
            told["epcList"] = [f"urn:epc:id:sscc:4012345.{number:010d}", item]
    if number % 4 == 0:
        report = {"type": "Temperature", "value": 2 + number % 6, "uom": "CEL"}
        told["sensorElementList"] = [{"sensorMetadata": {"time": told["eventTime"]}, "sensorReport": [report]}]
    return told


def resource(number: int) -> dict[str, Any]:
    """One of many resources of FHIR R4 as a bulk export has them: of 20 one each is a patient, specimen, product and procedure."""
    patient, day = number // 20, f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    subject = {"reference": f"Patient/pat-{patient}", "display": "Given Family"}
    text = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{"what a person reads " * 10}</p></div>'}
    head = {"id": f"res-{number}", "meta": {"versionId": "1", "lastUpdated": f"{day}T12:00:00.000+00:00"}, "text": text}
    match number % 20:
        case 0:
            number_ = {
                "use": "usual",
                "type": {"coding": [{"system": _V2_0203, "code": "MR"}]},
                "system": "urn:oid:1.2.3",
                "value": f"{patient}",
            }
            name = [{"family": "Family", "given": ["Given"]}]
            told = {"id": f"pat-{patient}", "identifier": [number_], "name": name, "gender": "female", "birthDate": day}
            return {"resourceType": "Patient", **head, **told}
        case 1:
            identifier = [{"system": "https://lab.example/specimens", "value": f"S-{number}"}]
            collection = {"collector": {"reference": "Practitioner/n1"}, "collectedDateTime": f"{day}T08:30:00+02:00"}
            type_ = {"coding": [{"system": "http://snomed.info/sct", "code": "119297000", "display": "Blood specimen"}]}
            told = {
                "identifier": identifier,
                "type": type_,
                "subject": subject,
                "collection": collection,
                "receivedTime": f"{day}T11:00:00+02:00",
            }
            return {"resourceType": "Specimen", **head, **told}
        case 2:
            collection = {
                "collector": {"reference": "Organization/centre"},
                "source": subject,
                "collectedPeriod": {"start": day, "end": day},
            }
            code = {"coding": [{"system": "https://www.isbt128.org/uri/ProductDescriptionCode", "code": "S2598"}]}
            return {"resourceType": "BiologicallyDerivedProduct", **head, "productCode": code, "collection": collection}
        case 3:
            used = [{"reference": f"BiologicallyDerivedProduct/res-{number - 1}"}]
            told = {
                "status": "completed",
                "code": {"text": "Infusion"},
                "subject": subject,
                "performedDateTime": f"{day}T10:00:00Z",
            }
            return {"resourceType": "Procedure", **head, **told, "usedReference": used}
    code = {"coding": [{"system": "http://loinc.org", "code": f"{number % 90 + 10}8-7", "display": "Hemoglobin"}], "text": "Hb"}
    value = {"value": number % 90 / 4, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}
    category = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]
    told = {"status": "final", "category": category, "code": code, "subject": subject, "encounter": {"reference": "Encounter/1"},
            "effectiveDateTime": f"{day}T{number % 24:02d}:30:00+02:00", "issued": f"{day}T23:30:00+02:00", "valueQuantity": value,
            "specimen": {"reference": f"Specimen/res-{patient * 20 + 1}"}}  # fmt: skip
    return {"resourceType": "Observation", **head, **told}


def as_xml(told: dict[str, Any]) -> str:
    """The same event in XML, in the order of its schema."""
    parts = [f"<{name}>{told[name]}</{name}>" for name in ("eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "parentID")
             if name in told]  # fmt: skip
    for name in ("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
        if name in told:
            parts.append(f"<{name}>{''.join(f'<epc>{epc}</epc>' for epc in told[name])}</{name}>")
    parts += [f"<{name}>{told[name]}</{name}>" for name in ("action", "bizStep", "disposition") if name in told]
    parts.append(f"<readPoint><id>{told['readPoint']['id']}</id></readPoint>")
    [order] = told["bizTransactionList"]
    parts.append(f'<bizTransactionList><bizTransaction type="po">{order["bizTransaction"]}</bizTransaction></bizTransactionList>')
    for element in told.get("sensorElementList", ()):
        [report] = element["sensorReport"]
        reading = " ".join(f'{name}="{value}"' for name, value in report.items())
        metadata = f'<sensorMetadata time="{element["sensorMetadata"]["time"]}"/>'
        parts.append(f"<sensorElementList><sensorElement>{metadata}<sensorReport {reading}/></sensorElement></sensorElementList>")
    return f"<{told['type']}>{''.join(parts)}<ex:operator>{told['ex:operator']}</ex:operator></{told['type']}>"


# -- loads


def _sqlite(folder: Path, name: str, path: Path) -> Iterator[Row]:
    rounds = []
    for number in range(2):
        graph = folder / f"{number}-{name.replace(' ', '-')}.db"
        rounds.append(_loaded(f"sqlite:///{graph}", path))
        graph.unlink()
    seconds, items, memory = min(rounds)
    rate, bar = items / seconds, _BARS[name]
    bare = best(_BARE[name](path), 3)
    yield f"{name} into SQLite ({items:,} items, {_megabytes(path):,.0f} MB)", _rates(rate, path, seconds), f"bar {bar:,} items/s"
    yield "its most memory", f"{memory:,.0f} MB", ""
    yield f"bare {_PEERS[name]}, parsing only", f"{bare:.2f} s; {seconds / bare:,.0f} times faster than the load", "limit"


def _neo4j(url: str, name: str, path: Path) -> Iterator[Row]:
    from neo4j import GraphDatabase

    with GraphDatabase.driver(url) as driver, driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS").consume()
    seconds, items, _ = _loaded(url, path)
    yield f"{name} into Neo4j ({items:,} items, {_megabytes(path):,.0f} MB)", _rates(items / seconds, path, seconds), ""


def _loaded(url: str, path: Path) -> tuple[float, int, float]:
    """Seconds, items and most memory of a load."""
    took, said = run(["-m", "api.cli", "load", str(path), "--graph", url, "--steward", "PARTNER", "--json"] if path.is_file()
                     else ["-m", "api.cli", "load", str(path), "--graph", url, "--json"])  # fmt: skip
    totals = json.loads(said)["totals"]
    assert totals["refused"] == 0
    return took.seconds, totals["read"], took.megabytes


def _rates(rate: float, path: Path, seconds: float) -> str:
    return f"{rate:,.0f} items/s, {_megabytes(path) / seconds:.1f} MB/s"


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else list(path.rglob("*.csv"))
    return sum(file.stat().st_size for file in files) / 1e6


# -- the parsers alone


def _by_orjson(path: Path) -> Callable[[], object]:
    return lambda: orjson.loads(path.read_bytes())


def _by_orjson_lines(path: Path) -> Callable[[], object]:
    return lambda: [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _by_lxml(path: Path) -> Callable[[], object]:
    return lambda: sum(1 for _ in etree.iterparse(path, events=("end",)))


def _by_polars(path: Path) -> Callable[[], object]:
    return lambda: [pl.read_csv(file, infer_schema=False) for file in path.rglob("*.csv")]


_BARE = {"EPCIS JSON-LD": _by_orjson, "EPCIS XML": _by_lxml, "CSV bundle": _by_polars, "FHIR NDJSON": _by_orjson_lines}
_PEERS = {"EPCIS JSON-LD": "orjson", "EPCIS XML": "lxml iterparse", "CSV bundle": "polars", "FHIR NDJSON": "orjson"}


if __name__ == "__main__":
    main()
