"""Files damaged as files are: what is wrong gets a typed verdict, all else lands, and nothing is lost.

How many files says VEINTRACE_DAMAGED; `make damage` damages 2,000 of each format.
"""

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from graph.sqlite_store import SqliteStore
from loaders.generator import generate
from loaders.items import Context, Item, Refused
from loaders.pipeline import Options, load
from loaders.reading import read_one
from loaders.sources import found
from tests.ocel_logs import log, write

FILES = int(os.environ.get("VEINTRACE_DAMAGED", "120"))
TABLES = ("handoff", "material", "step", "input_to", "observation", "contained_in", "person", "subject_of")
ROWS = 40


class File(NamedTuple):
    """A file as parts that are items each (rows, events), with what stands around and between them."""

    name: str
    head: bytes
    parts: list[bytes]
    between: bytes
    tail: bytes

    def whole(self) -> bytes:
        return self.head + self.between.join(self.parts) + self.tail

    def with_parts(self, parts: list[bytes]) -> "File":
        return self._replace(parts=parts)


Damaged = tuple[bytes, set[int] | None]
"""The damaged bytes, and the parts of the file that must land as they were; None: which these are depends on what is left."""


def tables(folder: Path) -> Iterator[File]:
    """The beginnings of tables of a generated network."""
    for table in TABLES:
        for path in sorted(folder.glob(f"*/*.{table}.csv"))[:4]:
            header, *rows = path.read_bytes().splitlines(keepends=True)[: ROWS + 1]
            yield File(f"{path.parent.name}.{table}.csv", header, rows, b"", b"")


def event(number: int) -> dict[str, object]:
    """One of many events."""
    return {
        "type": "ObjectEvent",
        "eventTime": f"2024-05-{number % 28 + 1:02d}T10:{number % 60:02d}:00.000Z",
        "eventTimeZoneOffset": "+02:00",
        "epcList": [f"urn:epc:id:sscc:4012345.{number:010d}", f"urn:epc:id:sgtin:4012345.012345.{number}"],
        "action": "OBSERVE",
        "bizStep": ("shipping", "receiving", "storing")[number % 3],
        "readPoint": {"id": f"urn:epc:id:sgln:4012345.{number % 7:05d}.0"},
    }


def as_xml(told: dict[str, object]) -> bytes:
    """The same event in XML."""
    epcs = "".join(f"<epc>{epc}</epc>" for epc in told["epcList"])  # type: ignore[attr-defined]
    names = ("eventTime", "eventTimeZoneOffset")
    times = "".join(f"<{name}>{told[name]}</{name}>" for name in names)
    place = told["readPoint"]["id"]  # type: ignore[index]
    rest = f"<action>OBSERVE</action><bizStep>{told['bizStep']}</bizStep><readPoint><id>{place}</id></readPoint>"
    return f"<ObjectEvent>{times}<epcList>{epcs}</epcList>{rest}</ObjectEvent>".encode()


def resource(number: int) -> bytes:
    """One resource of FHIR."""
    told = {
        "resourceType": "Observation",
        "id": f"obs-{number:06d}",
        "meta": {"lastUpdated": f"2024-05-{number % 28 + 1:02d}T12:00:00+02:00"},
        "code": {"coding": [{"system": "http://loinc.org", "code": f"{number % 90 + 10}718-7"}]},
        "subject": {"reference": f"Patient/pat-{number % 7:06d}"},
        "effectiveDateTime": f"2024-05-{number % 28 + 1:02d}T10:{number % 60:02d}:00+02:00",
        "valueQuantity": {"value": number + 0.5, "unit": "g/dL"},
    }
    return orjson.dumps(told)


def logged(number: int) -> dict[str, str]:
    """One event of a log, in JSON and XML."""
    time, name, other = (
        f"2024-05-{number % 28 + 1:02d}T10:{number % 60:02d}:00.25+02:00",
        f"ev-{number:06d}",
        f"bag-{number % 9:06d}",
    )
    told = {
        "id": name,
        "type": ("fill", "ship")[number % 2],
        "time": time,
        "attributes": [{"name": "volume", "value": number + 0.5}],
        "relationships": [{"objectId": other, "qualifier": "filled"}],
    }
    xml = f'<event id="{name}" type="{told["type"]}" time="{time}"><attributes><attribute name="volume">{number}.5</attribute>'
    xml += f'</attributes><objects><relationship object-id="{other}" qualifier="filled"/></objects></event>'
    return {"json": orjson.dumps(told).decode(), "xml": xml}


def logs() -> Iterator[File]:
    """Event logs (OCEL) in JSON and XML."""
    volume = '"attributes": [{"name": "volume", "type": "float"}]'
    types = ", ".join(f'{{"name": "{name}", {volume}}}' for name in ("fill", "ship"))
    head = f'{{"objectTypes": [], "eventTypes": [{types}], "events": [\n'.encode()
    yield File("log.ocel.json", head, [logged(number)["json"].encode() for number in range(ROWS)], b",\n", b"]}\n")
    volume = '<attributes><attribute name="volume" type="float"/></attributes>'
    types = "".join(f'<event-type name="{name}">{volume}</event-type>' for name in ("fill", "ship"))
    root = f"<log><object-types/><event-types>{types}</event-types><events>\n".encode()
    yield File("log.xmlocel", root, [logged(number)["xml"].encode() for number in range(ROWS)], b"\n", b"\n</events></log>\n")


def documents() -> Iterator[File]:
    """EPCIS in JSON-LD and XML, FHIR in lines and in a bundle, event logs."""
    yield from logs()
    yield File("bulk.ndjson", b"", [resource(number) for number in range(ROWS)], b"\n", b"\n")
    entries = [b'{"resource": %b}' % resource(number) for number in range(ROWS)]
    yield File("bundle.json", b'{"resourceType": "Bundle", "type": "collection", "entry": [\n', entries, b",\n", b"]}\n")
    head = b'{"@context": [], "type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": [\n'
    yield File("events.jsonld", head, [orjson.dumps(event(number)) for number in range(ROWS)], b",\n", b"]}}\n")
    root = b'<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"><EPCISBody><EventList>\n'
    end = b"\n</EventList></EPCISBody></e:EPCISDocument>\n"
    yield File("events.xml", root, [as_xml(event(number)) for number in range(ROWS)], b"\n", end)


# -- damage


def dropped(file: File, draw: random.Random) -> Damaged:
    """A row or event is missing."""
    gone = draw.randrange(len(file.parts))
    return file.with_parts([part for at, part in enumerate(file.parts) if at != gone]).whole(), {*range(len(file.parts))} - {gone}


def doubled(file: File, draw: random.Random) -> Damaged:
    """One is there twice."""
    at = draw.randrange(len(file.parts))
    return file.with_parts([*file.parts[:at], file.parts[at], *file.parts[at:]]).whole(), {*range(len(file.parts))}


def shuffled(file: File, draw: random.Random) -> Damaged:
    """They come in another order."""
    parts = [*file.parts]
    draw.shuffle(parts)
    return file.with_parts(parts).whole(), {*range(len(file.parts))}


def _within(file: File, draw: random.Random, pattern: bytes, change: Callable[[re.Match[bytes]], bytes]) -> Damaged:
    """One place that fits a pattern is changed, if there is any."""
    places = [(at, found) for at, part in enumerate(file.parts) for found in re.finditer(pattern, part)]
    if not places:
        return dropped(file, draw)
    at, found = draw.choice(places)
    part = file.parts[at]
    changed = part[: found.start()] + change(found) + part[found.end() :]
    return file.with_parts([changed if at == other else part for other, part in enumerate(file.parts)]).whole(), {
        *range(len(file.parts))
    } - {at}


def swapped(file: File, draw: random.Random) -> Damaged:
    """Two identifiers stand in each other's place."""
    places = [(at, found) for at, part in enumerate(file.parts) for found in re.finditer(rb"[A-Za-z:.]*\d{4,}[-\w.@]*", part)]
    if len(places) < 2:
        return dropped(file, draw)
    (one, first), (other, second) = sorted(draw.sample(places, 2), key=lambda place: (place[0], place[1].start()))
    if one == other:
        return dropped(file, draw)
    parts = [*file.parts]
    parts[one] = parts[one][: first.start()] + second[0] + parts[one][first.end() :]
    parts[other] = parts[other][: second.start()] + first[0] + parts[other][second.end() :]
    return file.with_parts(parts).whole(), {*range(len(parts))} - {one, other}


def shifted(file: File, draw: random.Random) -> Damaged:
    """A time is another, or none that there is."""
    return _within(file, draw, rb"T\d\d:\d\d", lambda _: draw.choice([b"T23:59", b"T24:61", b"T99:99", b"T1:5", b" "]))


def offset(file: File, draw: random.Random) -> Damaged:
    """An offset is another, or none that there is."""
    return _within(file, draw, rb"[+-]\d\d:\d\d", lambda _: draw.choice([b"+05:30", b"-12:00", b"+25:00", b"+2", b"Z", b""]))


def truncated(file: File, draw: random.Random) -> Damaged:
    """The file breaks off."""
    length = draw.randrange(len(file.whole()))
    whole, at = set[int](), len(file.head)
    for number, part in enumerate(file.parts):
        at += len(part)
        if at <= length:
            whole.add(number)
        at += len(file.between)
    return file.whole()[:length], set() if file.name.endswith(("jsonld", "bundle.json", "ocel.json")) else whole


def flipped(file: File, draw: random.Random) -> Damaged:
    """A byte is another one."""
    data = bytearray(file.whole())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data), None


def mixed(file: File, draw: random.Random) -> Damaged:
    """One part is in another encoding."""
    at = draw.randrange(len(file.parts))
    told = draw.choice(["Möller", "naïve", "Ærø"]).encode("latin-1")
    places = [found.start() for found in re.finditer(rb"[A-Za-z]{3}", file.parts[at])]
    place = draw.choice(places or [0])
    part = file.parts[at][:place] + told + file.parts[at][place:]
    parts = [part if at == other else each for other, each in enumerate(file.parts)]
    rows = file.name.endswith(("csv", "ndjson"))
    return file.with_parts(parts).whole(), (
        {*range(len(parts))} - {at} if rows else set(range(at)) if "xml" in file.name else set()
    )


DAMAGES = (dropped, doubled, shuffled, swapped, shifted, offset, truncated, flipped, mixed)


# -- what must hold


def read(path: Path, scratch: Path) -> list[Item | Refused]:
    """What the reader says of a file."""
    told = found([path.parent], scratch)
    items = [item for source in told.sources for item in read_one(source, Context("H", True, lambda _: "Europe/Berlin"))]
    return [*items, *(Refused("", (problem,)) for _, problem in told.refused)]


def said(item: Item) -> frozenset[tuple[str, bytes]]:
    """What an item claims."""
    return frozenset((claim.record, claim.text()) for claim in item.claims)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    """Files to damage."""
    folder = tmp_path_factory.mktemp("network") / "files"
    generate(folder, 12, 5)
    return [*tables(folder), *documents()]


@pytest.mark.parametrize("form", ["csv", "jsonld", "xml", "ndjson", "bundle.json", "ocel.json", "xmlocel"])
def test_what_is_damaged_gets_a_verdict_and_all_else_lands(form: str, files: list[File], tmp_path: Path) -> None:
    draw, verdicts = random.Random(form), Counter[str]()
    chosen = [file for file in files if file.name.endswith(form)]
    whole = {}
    path, scratch = tmp_path / "sent", tmp_path / "scratch"
    for folder in (path, scratch):
        folder.mkdir()
    for file in chosen:
        sound = path / file.name
        sound.write_bytes(file.whole())
        whole[file.name] = [said(item) for item in read(sound, scratch) if isinstance(item, Item)]
        sound.unlink()
        assert len(whole[file.name]) == len(file.parts), file.name
    for number in range(FILES):
        file, damage = draw.choice(chosen), DAMAGES[number % len(DAMAGES)]
        data, sound_parts = damage(file, draw)
        damaged = path / file.name
        damaged.write_bytes(data)
        items = read(damaged, scratch)
        for item in items:
            if isinstance(item, Refused):
                assert all(problem.code and problem.reason and problem.repair for problem in item.problems)
                assert item.problems
        landed = {said(item) for item in items if isinstance(item, Item)}
        lost = [at for at in sound_parts or () if whole[file.name][at] not in landed]
        assert not lost, (damage.__name__, file.name, number, lost)
        verdicts.update(loaded(damaged, tmp_path))
        damaged.unlink()
    assert verdicts["added"] > FILES
    assert verdicts["refused"] > FILES / 10


def loaded(path: Path, folder: Path) -> Counter[str]:
    """The verdicts on a file, whose sum is what was read; loaded again nothing more lands."""
    store = SqliteStore(":memory:")
    try:
        options = Options(steward="H", forced=True, quarantine=folder / "quarantine")
        first = load(store, [path.parent], options).totals.as_dict()
        again = load(store, [path.parent], options).totals.as_dict()
    finally:
        store.close()
    names = ("added", "changed", "unchanged", "refused", "conflicts")
    assert first["read"] == sum(first[name] for name in names)
    assert (again["added"], again["refused"], again["read"]) == (0, first["refused"], first["read"])
    return Counter({name: first[name] for name in names})


def test_a_damaged_database_ends_in_verdicts(tmp_path: Path) -> None:
    """Bytes that are others, and files that break off: what can be read lands, and nothing is left without a word."""
    draw, verdicts = random.Random("sqlite"), Counter[str]()
    events = [{"id": f"ev-{n}", "type": "fill", "time": "2024-05-01T10:00:00Z", "to": [(f"b-{n % 9}", "in")]} for n in range(200)]
    (tmp_path / "sent").mkdir()
    path = write(log(events, [{"id": f"b-{n}", "type": "Bag"} for n in range(9)]), tmp_path / "sent" / "log.sqlite")
    whole = path.read_bytes()
    for number in range(FILES):
        data = bytearray(whole)
        for _ in range(1 + number % 8):
            data[draw.randrange(100, len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data[: draw.randrange(16, len(data))] if number % 4 == 0 else data)
        for item in read(path, tmp_path):
            if isinstance(item, Refused):
                assert item.problems
                assert all(problem.code and problem.reason and problem.repair for problem in item.problems)
        verdicts.update(loaded(path, tmp_path))
    assert verdicts["added"] > FILES
    assert verdicts["refused"] > FILES / 4
