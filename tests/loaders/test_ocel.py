"""An object-centric event log says the same in JSON, XML and SQLite, loses nothing, and what is wrong in it is told and kept."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders import ocel_sqlite
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport
from loaders.reading import read_one
from loaders.sources import Source, format_of
from tests.ocel_logs import EPOCH, Log, log, write

Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]
ROOT = Path(__file__).parents[2]
FORMS = (".json", ".xml", ".sqlite")
PALLETS = "process/logs/pallet-logistics-v0.9.sqlite"

WORKSHOP = log(
    [
        {"id": "e1", "type": "fill bag", "time": "2024-05-01T10:00:00.123456+02:00",
         "has": {"volume": 99.5, "lot no": 17, "ok": True}, "to": [("b1", "filled"), ("b1", "inspected"), ("r1", "")]},
        {"id": "e2", "type": "ship", "time": "2024-05-02T08:00:00Z", "has": {"packed": "2024-05-01T23:30:00-05:00", "note": ""},
         "to": [("b1", "sent"), ("gone", "sent")]},
    ],
    [
        {"id": "b1", "type": "Bag", "to": [("r1", "made of")],
         "has": {"label": "Möller & <Sohn>", "weight": [(EPOCH, 100), ("2024-05-01T12:00:00Z", 98.25)]}},
        {"id": "r1", "type": "Reagent", "has": {"opened": False}},
        {"id": "urn:epc:id:sscc:4012345.0000000333", "type": "Bag"},
    ],
    fill_bag={"volume": "float", "lot no": "integer", "ok": "boolean"},
    ship={"packed": "time", "note": "string"},
    Bag={"label": "string", "weight": "float"},
    Reagent={"opened": "boolean"},
)  # fmt: skip


def items(path: Path, **context: Any) -> list[Item | Refused]:
    """What the reader says of a file."""
    source = Source(path, format_of(path) or "")
    return [*read_one(source, Context("LAB", **context))]


def refusals(path: Path) -> list[tuple[str, str, str]]:
    """`(where, field, code)` of everything that is refused."""
    return [(item.at, p.field, p.code) for item in items(path) if isinstance(item, Refused) for p in item.problems]


def values(store: SqliteStore, name: str) -> dict[str, Any]:
    """What is told of a record."""
    return view(store).record(name).values


# -- one log in three forms


@pytest.mark.parametrize("form", FORMS)
def test_a_log_says_what_it_holds_in_every_form(form: str, tmp_path: Path, store: SqliteStore, landed: Landed) -> None:
    report = landed(store, write(WORKSHOP, tmp_path / f"log{form}"), steward="LAB")
    assert (report.totals.read, report.totals.added, report.refused) == (5, 5, [])
    assert report.totals.stubs == 1
    fill = view(store).record("e1")
    assert (fill.kind, fill.values["type"], fill.values["started_at"]) == ("Step", "fill bag", "2024-05-01T10:00:00.123456+02:00")
    assert (fill.values["x:volume"], fill.values["x:lot no"], fill.values["x:ok"]) == (99.5, 17, True)
    assert fill.values["x:ocel:qualifiers"] == {"filled": ["local:b1@LAB"], "inspected": ["local:b1@LAB"]}
    ship = values(store, "e2")
    assert (ship["x:packed"], ship["x:note"]) == ("2024-05-01T23:30:00-05:00", "")
    bag = view(store).record("b1")
    assert (bag.kind, bag.values["x:ocel:type"], bag.values["x:label"]) == ("Material", "Bag", "Möller & <Sohn>")
    assert bag.values["x:ocel:objects"] == {"made of": ["local:r1@LAB"]}
    assert values(store, "r1")["x:opened"] is False
    assert view(store).resolve("(00)040123450000003338")


def test_all_forms_of_a_log_are_one_graph(tmp_path: Path, new_store: NewStore, landed: Landed) -> None:
    digests = {landed(new_store(), write(WORKSHOP, tmp_path / f"log{form}"), steward="LAB").digest for form in FORMS}
    assert len(digests) == 1


def test_a_form_loaded_after_another_says_nothing_new(tmp_path: Path, store: SqliteStore, landed: Landed) -> None:
    landed(store, write(WORKSHOP, tmp_path / "log.json"), steward="LAB")
    for form in FORMS:
        report = landed(store, write(WORKSHOP, tmp_path / f"again{form}"), steward="LAB")
        assert (report.totals.unchanged, report.totals.read) == (5, 5)


def test_what_changes_is_observed_when_and_its_latest_value_stands(tmp_path: Path, store: SqliteStore, landed: Landed) -> None:
    landed(store, write(WORKSHOP, tmp_path / "log.xml"), steward="LAB")
    seen = view(store)
    assert values(store, "b1")["x:weight"] == 98.25
    edges = seen.neighbours([seen.resolve("b1")], "up", ("ABOUT",))
    _, records = seen.fetch({edge.source for edge in edges})
    told = [(each.values["code"], each.values.get("observed_at"), each.values["value"]) for each in records.values()]
    assert sorted(told, key=str) == [("weight", "2024-05-01T12:00:00Z", 98.25), ("weight", None, 100.0)]


def test_names_of_ids_that_are_no_keys_elsewhere_are_local_numbers(tmp_path: Path, store: SqliteStore, landed: Landed) -> None:
    """A GTIN names many items, but within a log an id names one thing."""
    told = log([], [{"id": "(Screw) 5", "type": "Part"}, {"id": "urn:epc:idpat:sgtin:4012345.012345.*", "type": "Part"}])
    assert landed(store, write(told, tmp_path / "log.json"), steward="LAB").totals.added == 2
    assert view(store).resolve("local:(Screw) 5@LAB")


# -- times


@pytest.mark.parametrize(("form", "zone", "expected"), [
    (".sqlite", None, "2024-05-01T10:00:00Z"),
    (".sqlite", "Europe/Berlin", "2024-05-01T10:00:00Z"),
    (".json", "Europe/Berlin", "2024-05-01T10:00:00+02:00"),
    (".xml", "Europe/Berlin", "2024-05-01T10:00:00+02:00"),
    (".json", None, None),
    (".xml", None, None),
])  # fmt: skip
def test_a_time_without_offset_is_utc_in_sqlite_and_of_the_organisation_elsewhere(
    form: str, zone: str | None, expected: str | None, tmp_path: Path
) -> None:
    told = log([{"id": "e1", "type": "go", "time": "2024-05-01 10:00:00"}], [])
    [item, *_] = items(write(told, tmp_path / f"log{form}"), zone_of=lambda steward: zone)
    if expected is None:
        assert isinstance(item, Refused)
        assert (item.problems[0].field, item.problems[0].code) == ("time", "INVALID_INSTANT")
    else:
        assert isinstance(item, Item)
        assert item.claims[0].fields[".started_at"] == expected


def test_that_times_are_read_as_utc_is_told(tmp_path: Path) -> None:
    """One log of the standard is published as a database and as JSON whose times are an hour apart."""
    for time, notes in (("2024-05-01 10:00:00", 1), ("2024-05-01T10:00:00+02:00", 0)):
        told = items(write(log([{"id": "e1", "type": "go", "time": time}], []), tmp_path / "log.sqlite"))
        assert [*map(len, (item.notes for item in told if isinstance(item, Item)))].count(1) == notes


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ever", ["0", "1970-01-01T00:00:00", "1970-01-01T00:00:00.000", "1970-01-01T00:00:00Z", EPOCH])
def test_what_has_ever_been_so_has_no_time_whatever_the_zone(ever: str, form: str, tmp_path: Path) -> None:
    told = log(
        [], [{"id": "b1", "type": "Bag", "has": {"weight": [(ever, 100), ("2024-05-01T10:00:00Z", 99)]}}], Bag={"weight": "float"}
    )
    [item] = items(write(told, tmp_path / f"log{form}"), zone_of=lambda steward: "Europe/Berlin")
    assert isinstance(item, Item)
    assert [claim.fields.get(".observed_at") for claim in item.claims[1:]] == [None, "2024-05-01T10:00:00Z"]


@pytest.mark.parametrize("form", [".json", ".xml"])
def test_a_wrong_time_of_an_attribute_is_told_as_that(form: str, tmp_path: Path) -> None:
    told = log([], [{"id": "b1", "type": "Bag", "has": {"weight": [("yesterday", 100)]}}], Bag={"weight": "float"})
    [item] = items(write(told, tmp_path / f"log{form}"))
    assert isinstance(item, Refused)
    assert [(each.field, each.value, each.code) for each in item.problems] == [("weight, time", "yesterday", "INVALID_INSTANT")]


# -- what is wrong


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no time": ({"id": "e9", "type": "go", "has": {"count": 1}}, "time", "MISSING"),
    "a time that is none": ({"id": "e9", "type": "go", "time": "null"}, "time", "MISSING"),
    "no instant": ({"id": "e9", "type": "go", "time": "yesterday"}, "time", "INVALID_INSTANT"),
    "no number": ({"id": "e9", "type": "go", "time": "2024-05-01T10:00:00Z", "has": {"count": "many"}}, "count", "INVALID_VALUE"),
    "a broken key": ({"id": "sscc:123", "type": "go", "time": "2024-05-01T10:00:00Z"}, "id", "INVALID_IDENTIFIER"),
    "a name": ({"id": "name:Bob", "type": "go", "time": "2024-05-01T10:00:00Z"}, "id", "INVALID_IDENTIFIER"),
}


@pytest.mark.parametrize("form", [".json", ".xml"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_refused_and_the_rest_lands(fault: str, form: str, tmp_path: Path) -> None:
    event, field, code = FAULTS[fault]
    told = log([event, {"id": "e1", "type": "go", "time": "2024-05-01T10:00:00Z"}], [], go={"count": "integer"})
    found = items(write(told, tmp_path / f"log{form}"))
    assert [isinstance(item, Refused) for item in found] == [True, False]
    assert [(f, c) for _, f, c in refusals(tmp_path / f"log{form}")] == [(field, code)]


def test_an_item_of_a_type_that_is_not_declared_or_without_an_id_is_refused(tmp_path: Path) -> None:
    told = log([{"id": "e1", "type": "go", "time": "2024-05-01T10:00:00Z"}], [{"type": "Bag"}])
    told["eventTypes"] = []
    for form in (".json", ".xml"):
        assert {code for _, _, code in refusals(write(told, tmp_path / f"log{form}"))} == {"MISSING", "UNKNOWN_TYPE"}


def test_what_no_type_declares_is_kept_and_told(tmp_path: Path, store: SqliteStore, landed: Landed) -> None:
    told = log([{"id": "e1", "type": "go", "time": "2024-05-01T10:00:00Z", "has": {"hue": "red"}}], [])
    told["events"][0]["vendor"] = {"a": 1}
    told["events"][0]["empty"] = None
    told["colours"] = ["red"]
    report = landed(store, write(told, tmp_path / "log.json"), steward="LAB")
    assert values(store, "e1")["x:hue"] == "red"
    assert values(store, "e1")["x:ocel:member:vendor"] == {"a": 1}
    assert any("'colours' is no part of a log" in note for note in report.notes)
    assert any("'hue'" in note for note in report.notes)
    assert any("'vendor'" in note for note in report.notes)


@pytest.mark.parametrize("form", FORMS)
def test_what_was_refused_is_kept_as_a_log_and_lands_when_mended(
    form: str, tmp_path: Path, store: SqliteStore, landed: Landed
) -> None:
    told = log(
        [{"id": "e1", "type": "go", "time": "24:00 -- sharp"}, {"id": "e2", "type": "go", "time": "2024-05-01T10:00:00Z"}],
        [{"id": "b1", "type": "Bag", "has": {"count": "many"}}],
        Bag={"count": "integer"},
    )
    report = landed(store, write(told, tmp_path / f"log{form}"), steward="LAB")
    assert (report.totals.added, report.totals.refused) == (1, 2)
    [kept] = (tmp_path / "quarantine").rglob("log.*")
    assert kept.suffix == (".xml" if form == ".xml" else ".json")
    assert landed(store, kept.parent, steward="LAB").totals.refused == 2
    text = kept.read_text(encoding="utf-8")
    assert "it is not ISO 8601" in text
    kept.write_text(
        text.replace("24:00 -- sharp", "2024-05-01T24:00:00Z".replace("T24", "T23")).replace("many", "12"), encoding="utf-8"
    )
    assert landed(store, kept.parent, steward="LAB", quarantine=tmp_path / "none").totals.added == 2
    assert values(store, "b1")["x:count"] == 12


@pytest.mark.parametrize(("text", "reason"), [
    ('{"objectTypes": [], "eventTypes": {}}', "no list eventTypes"),
    ('{"eventTypes": [{"name": "a", "attributes": [{"name": "b", "type": "colour"}]}], "objectTypes": []}', "'colour' is no type"),
    ('{"eventTypes": [], "objectTypes": [], "objects": {}}', "no list"),
    ('{"eventTypes": [], "objectTypes": [', "not JSON"),
    ("<log><events><event/></events></log>", "declares no types"),
    ('{"ocel:global-log": {"ocel:version": ["1.0"]}, "ocel:events": {}, "ocel:objects": {}}', "it is a log of OCEL 1.0"),
    ('<log><global scope="event"/><events><event/></events><objects/></log>', "it is a log of OCEL 1.0"),
    ('<log xmlns="http://www.xes-standard.org/"><trace/></log>', "it is log of http://www.xes-standard.org/, no log of OCEL 2.0"),
    ("<!DOCTYPE log [<!ENTITY a 'b'>]><log><event-types/></log>", "DOCTYPE"),
    ('<log><event-types><event-type name="a"/></event-types><events><event', "no XML from here"),
])  # fmt: skip
def test_a_file_that_is_no_log_is_refused_as_what_it_is(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "log.xml"
    path.write_text(text, encoding="utf-8")
    [*_, last] = items(path)
    assert isinstance(last, Refused)
    assert reason in last.problems[0].reason
    assert last.problems[0].repair


# -- databases


def damaged(path: Path, *statements: str) -> Path:
    """A database of the workshop in which something was done."""
    write(WORKSHOP, path)
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return path


@pytest.mark.parametrize(("statement", "refused"), [
    ("INSERT INTO event_object VALUES ('e9', 'b1', 'x')", ("/event_object/e9", "id", "UNKNOWN_ID")),
    ("INSERT INTO event_Ship (ocel_id, ocel_time) VALUES ('a', '2024-05-01')", ("/event_Ship/a", "id", "UNKNOWN_ID")),
    ("DELETE FROM event_Ship", ("/event/e2", "time", "MISSING")),
    ("INSERT INTO event_Ship (ocel_id, ocel_time) VALUES ('e2', '2025-05-01')", ("/event/e2", "id", "CONFLICT")),
    ("INSERT INTO event VALUES ('e2', 'fill bag')", ("/event/e2", "id", "CONFLICT")),
    ("INSERT INTO event VALUES (NULL, 'ship')", ("/event/None", "id", "MISSING")),
    ("INSERT INTO event VALUES ('e3', 'fly')", ("/event/e3", "type", "UNKNOWN_TYPE")),
    ("UPDATE event_FillBag SET volume = 'much'", ("/event/e1", "volume", "INVALID_VALUE")),
    ("UPDATE object_Bag SET ocel_changed_field = 'wait' WHERE weight = 98.25", ("/object/b1", "id", "CONFLICT")),
    ("UPDATE event_object SET ocel_qualifier = x'ff' WHERE ocel_object_id = 'r1'", ("/event/e1", "", "INVALID_VALUE")),
    ("UPDATE event_Ship SET ocel_time = x'ff'", ("/event/e2", "", "INVALID_VALUE")),
    ("UPDATE event_Ship SET note = x'ff'", ("/event/e2", "", "INVALID_VALUE")),
    ("UPDATE event_Ship SET note = CAST(x'ff41' AS TEXT)", ("/event/e2", "", "INVALID_VALUE")),
])  # fmt: skip
def test_rows_that_do_not_fit_each_other_are_refused_and_the_rest_lands(
    statement: str, refused: tuple[str, str, str], tmp_path: Path, store: SqliteStore, landed: Landed
) -> None:
    path = damaged(tmp_path / "log.sqlite", statement)
    assert refusals(path) == [refused]
    assert landed(store, path, steward="LAB").totals.refused == 1
    assert sum(isinstance(item, Item) for item in items(path)) >= 4


@pytest.mark.parametrize(("statements", "reason"), [
    (["DROP TABLE event_map_type"], "no table event_map_type"),
    (["DROP TABLE event_Ship"], "no table event_Ship"),
    (["DROP TABLE event", "CREATE VIEW event AS SELECT 'e1' AS ocel_id, 'ship' AS ocel_type"], "no tables event and object"),
    (["ALTER TABLE event_Ship RENAME ocel_time TO moment"], "has no column ocel_time"),
    ([f"UPDATE event_Ship SET note = hex(zeroblob({20 * 2**20}))"], "too big"),
    (["DROP TABLE event", *(f"CREATE TABLE {name} (\"ocel:eid\")" for name in ("EVENTS", "OBJECTS", "RELATIONS"))], "OCEL 1.0"),
    (["DROP TABLE event", "CREATE VIRTUAL TABLE event USING fts5(ocel_id, ocel_type)"], "no tables event and object"),
])  # fmt: skip
def test_a_database_that_is_no_log_is_refused_as_what_it_is(statements: list[str], reason: str, tmp_path: Path) -> None:
    [*_, last] = items(damaged(tmp_path / "log.sqlite", *statements))
    assert isinstance(last, Refused)
    assert last.problems[0].code == "UNREADABLE_SOURCE"
    assert reason in last.problems[0].reason


@pytest.mark.parametrize(("form", "put", "name"), [
    (".xml", ("</events>", "</events><colours><red/></colours>"), "colours"),
    (".json", ('"events"', '"colours": [], "events"'), "colours"),
    (".sqlite", ("", "CREATE TABLE colours (red)"), "colours"),
])  # fmt: skip
def test_what_is_no_part_of_a_log_is_told(
    form: str, put: tuple[str, str], name: str, tmp_path: Path, store: SqliteStore, landed: Landed
) -> None:
    path = write(WORKSHOP, tmp_path / f"log{form}")
    if form == ".sqlite":
        damaged(path, put[1])
    else:
        path.write_text(path.read_text(encoding="utf-8").replace(*put), encoding="utf-8")
    report = landed(store, path, steward="LAB")
    assert (report.totals.read, report.totals.added) == (5, 5)
    assert any(f"'{name}' is no part of a log" in note for note in report.notes)


def test_two_types_may_share_a_table(tmp_path: Path) -> None:
    path = damaged(
        tmp_path / "log.sqlite",
        "INSERT INTO event_map_type VALUES ('send', 'Ship')",
        "INSERT INTO event VALUES ('e3', 'send')",
        "INSERT INTO event_Ship (ocel_id, ocel_time) VALUES ('e3', '2024-05-03T10:00:00Z')",
    )
    assert refusals(path) == []
    assert len(items(path)) == 6


def test_one_event_of_endless_rows_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocel_sqlite, "MOST_BYTES", 20_000)
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) SELECT 'e2', 'b' || x, '' FROM n"
    path = damaged(tmp_path / "log.sqlite", f"INSERT INTO event_object {numbers}")
    assert refusals(path) == [("/event_object/e2", "", "UNREADABLE_SOURCE")]
    assert sum(isinstance(item, Item) for item in items(path)) == 4


def test_a_graph_of_ours_is_no_log(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "graph.db", create=True).close()
    [refused] = items(tmp_path / "graph.db")
    assert isinstance(refused, Refused)
    assert "graph of Veintrace" in refused.problems[0].reason


def test_a_database_that_is_still_written_is_refused(tmp_path: Path) -> None:
    path = write(WORKSHOP, tmp_path / "log.sqlite")
    (tmp_path / "log.sqlite-wal").write_bytes(b"x")
    [refused] = items(path)
    assert isinstance(refused, Refused)
    assert "lies beside it" in refused.problems[0].reason


def test_reading_a_database_changes_nothing_beside_it(tmp_path: Path) -> None:
    path = write(WORKSHOP, tmp_path / "log.sqlite")
    before = path.read_bytes()
    assert len(items(path)) == 5
    assert [each.name for each in tmp_path.iterdir()] == ["log.sqlite"]
    assert path.read_bytes() == before


def test_ids_of_numbers_meet_those_of_texts(tmp_path: Path) -> None:
    told = log([{"id": "7", "type": "go", "time": "2024-05-01T10:00:00Z", "to": [("1", "")]}], [{"id": "1", "type": "Bag"}])
    path = write(told, tmp_path / "log.sqlite")
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE other AS SELECT CAST(ocel_id AS INTEGER) AS ocel_id, ocel_type FROM event")
        database.execute("DROP TABLE event")
        database.execute("ALTER TABLE other RENAME TO event")
    database.close()
    assert refusals(path) == []


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_databases_of_other_encodings_are_the_same_graph(
    encoding: str, tmp_path: Path, new_store: NewStore, landed: Landed
) -> None:
    path, other = write(WORKSHOP, tmp_path / "log.sqlite"), tmp_path / "other.sqlite"
    with sqlite3.connect(path) as source, sqlite3.connect(other) as target:
        target.execute(f"PRAGMA encoding = '{encoding}'")
        for line in source.iterdump():
            if line not in ("BEGIN TRANSACTION;", "COMMIT;"):
                target.execute(line)
    source.close(), target.close()
    assert landed(new_store(), other, steward="LAB").digest == landed(new_store(), path, steward="LAB").digest


# -- what is published


@pytest.mark.reference
def test_the_published_log_lands_whole_in_every_form(reference: Path, tmp_path: Path, new_store: NewStore, landed: Landed) -> None:
    """Rewritten by another hand as JSON and XML it is the same graph."""
    told = pallets(reference)
    digests = set()
    for path in (reference / PALLETS, *(write(told, tmp_path / f"pallets{form}") for form in FORMS)):
        report = landed(new_store(), path, steward="wms")
        assert (report.totals.read, report.totals.added, report.totals.stubs, report.refused) == (25, 25, 0, [])
        digests.add(report.digest)
    assert len(digests) == 1


def pallets(reference: Path) -> Log:
    """The published log, read here without our reader."""
    database = sqlite3.connect(f"file:{reference / PALLETS}?mode=ro", uri=True)
    found: dict[str, list[dict[str, Any]]] = {"event": [], "object": []}
    types: dict[str, dict[str, str]] = {}
    kinds = {column: type_ for type_, column in {"float": "REAL"}.items()}
    for single, into in found.items():
        for type_, table in database.execute(f"SELECT * FROM {single}_map_type").fetchall():
            columns = database.execute(f"SELECT name, type FROM pragma_table_info('{single}_{table}')").fetchall()
            types[type_.replace(" ", "_")] = {name: kinds[kind] for name, kind in columns if not name.startswith("ocel_")}
            rows = database.execute(f"SELECT * FROM {single}_{table}").fetchall()
            for row in rows:
                told = dict(zip([name for name, _ in columns], row, strict=True))
                item = {"id": told.pop("ocel_id"), "type": type_, "has": {k: v for k, v in told.items() if k != "ocel_time"}}
                if single == "event":
                    item["time"] = told["ocel_time"].replace(" ", "T")
                    related = "SELECT ocel_object_id, ocel_qualifier FROM event_object WHERE ocel_event_id = ?"
                    item["to"] = database.execute(related, (item["id"],)).fetchall()
                into.append(item)
    database.close()
    return log(found["event"], found["object"], **types)


def test_a_document_of_another_form_is_told_apart(tmp_path: Path) -> None:
    told = log([{"id": "e1", "type": "go", "time": "2024-05-01T10:00:00Z"}], [])
    for path, expected in ((tmp_path / "a.json", "ocel"), (tmp_path / "a.xml", "ocel-xml"), (tmp_path / "a.sqlite", "ocel-sqlite")):
        assert format_of(write(told, path)) == expected
    turned = tmp_path / "turned.json"
    turned.write_text(json.dumps(dict(reversed(told.items()))), encoding="utf-8")
    assert format_of(turned) == "ocel"


# -- memory


MEASURE = """
import resource, sys
from pathlib import Path
from loaders.items import Context
from loaders.reading import read_one
from loaders.sources import Source

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

form, small, large = sys.argv[1:]
counts = [sum(1 for _ in read_one(Source(Path(small), form), Context("H")))]
before = peak()
counts.append(sum(1 for _ in read_one(Source(Path(large), form), Context("H"))))
print(*counts, (peak() - before) // 1024)
"""


@pytest.mark.parametrize("form", FORMS)
def test_a_log_forty_times_as_long_takes_little_more_memory(form: str, tmp_path: Path) -> None:
    paths = []
    for count in (1_000, 40_000):
        events = [
            {"id": f"e{n}", "type": "go", "time": "2024-05-01T10:00:00Z", "has": {"note": f"{n}" * 20}, "to": [(f"b{n % 7}", "in")]}
            for n in range(count)
        ]
        paths.append(str(write(log(events, [], go={"note": "string"}), tmp_path / f"{count}{form}")))
    command = [sys.executable, "-c", MEASURE, format_of(Path(paths[0])) or "", *paths]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}).stdout
    small, large, grown = map(int, told.split())
    assert (small, large) == (1_000, 40_000)
    assert grown < 30, f"{grown} MB"
