"""A graph exported as an object-centric event log, in each of its forms, loads back to the same graph, and is a sound log."""

import json
import random
import sqlite3
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import ocel_exports
from api.cli import run
from graph.errors import IncompleteAnswer
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.view import View, view
from loaders.generator import generate
from loaders.items import Context, Item, Refused
from loaders.ocel_own import OWN
from loaders.reading import read_one
from loaders.sources import Source, format_of
from queries.lineage import Way, lineage
from tests.ocel_logs import EPOCH, log, write
from tests.round_trips import EXAMPLE, landed, loaded

PALLETS = "process/logs/pallet-logistics-v0.9.sqlite"
SUFFIX = {"ocel": ".json", "ocel-xml": ".xml", "ocel-sqlite": ".sqlite"}
FORMS = [*SUFFIX]


def digest(store: Store) -> str:
    """That of what stands."""
    head = store.head()
    assert head is not None
    return head.digest


def exported(seen: View, folder: Path, form: str, roots: list[str] | None = None, way: Way = "both") -> Path:
    """All that a View shows, or a lineage, as a log in one form."""
    out = folder / f"log{SUFFIX[form]}"
    found = None if roots is None else lineage(seen, sorted({seen.resolve(root) for root in roots}), way)
    ocel_exports.written(seen, found, out, form)
    return out


def document(seen: View, folder: Path) -> dict[str, Any]:
    """All that a View shows as JSON."""
    told: dict[str, Any] = json.loads(exported(seen, folder, "ocel").read_bytes())
    return told


# -- the same graph


@pytest.mark.reference
@pytest.mark.parametrize("form", FORMS)
def test_the_published_log_loads_back_to_an_equal_digest(form: str, reference: Path, tmp_path: Path) -> None:
    store = loaded([reference / PALLETS], tmp_path, steward="wms")
    out = exported(view(store), tmp_path, form)
    assert digest(loaded([out], tmp_path)) == digest(store)


@pytest.mark.reference
def test_the_published_log_comes_out_with_its_types_qualifiers_and_times(reference: Path, tmp_path: Path) -> None:
    out = exported(view(loaded([reference / PALLETS], tmp_path, steward="wms")), tmp_path, "ocel-sqlite")
    with sqlite3.connect(reference / PALLETS) as ours, sqlite3.connect(out) as theirs:
        for query in (
            "SELECT ocel_type, count(*) FROM event GROUP BY 1 ORDER BY 1",
            "SELECT ocel_type, count(*) FROM object GROUP BY 1 ORDER BY 1",
            "SELECT ocel_qualifier, count(*) FROM event_object GROUP BY 1 ORDER BY 1",
            "SELECT unixepoch(ocel_time), distance FROM event_Deliver ORDER BY 1",
            "SELECT consumption FROM object_Vehicle ORDER BY 1",
        ):
            assert theirs.execute(query).fetchall() == ours.execute(query).fetchall(), query
    ours.close(), theirs.close()


@pytest.mark.parametrize("form", FORMS)
def test_an_example_of_many_stewards_loads_back(form: str, tmp_path: Path) -> None:
    store = loaded([EXAMPLE], tmp_path)
    assert digest(loaded([exported(view(store), tmp_path, form)], tmp_path)) == digest(store)


def test_a_network_loads_back_in_every_form_and_what_is_exported_again_is_the_same(tmp_path: Path) -> None:
    generate(tmp_path / "csv", 4, 3)
    store = loaded([tmp_path / "csv"], tmp_path)
    for form in FORMS:
        again = loaded([exported(view(store), tmp_path, form)], tmp_path)
        assert digest(again) == digest(store)
    first = document(view(store), tmp_path)
    assert document(view(again), tmp_path) == first


@pytest.mark.parametrize(("seed", "viewer"), [(1, None), (2, "cellforge")])
def test_lineages_load_back(seed: int, viewer: str | None, tmp_path: Path) -> None:
    generate(tmp_path / "csv", 4, seed)
    store = loaded([tmp_path / "csv"], tmp_path)
    seen = view(store, viewer)
    known = sorted(
        {e.claim.record for e in store.claims() if e.claim.record.startswith(("object-", "event-")) and seen.find(e.claim.record)}
    )
    for root, form in zip(random.Random(seed).sample(known, 9), FORMS * 3, strict=True):
        again = view(loaded([exported(seen, tmp_path, form, [root])], tmp_path), viewer)
        ours, theirs = (lineage(each, [each.resolve(root)], "both") for each in (seen, again))
        assert theirs.records.keys() == ours.records.keys()
        assert [r.values for r in theirs.records.values()] == [r.values for r in ours.records.values()]
        assert theirs.relations == ours.relations


@pytest.mark.reference
def test_what_came_as_epcis_or_fhir_loads_back(reference: Path, tmp_path: Path) -> None:
    patterns = (
        "epcis/opentraceability/traceback_tests.jsonld",
        "epcis/openepcis/2.0/**/*ransformation*.json",
        "fhir/r5/*[0-9]*Specimen*.json",
    )
    paths = [path for pattern in patterns for path in sorted(reference.glob(pattern))][:30]
    assert len(paths) > 3
    for number, path in enumerate(paths):
        store = SqliteStore(":memory:")
        if landed(store, [path], tmp_path).totals.added:
            assert digest(loaded([exported(view(store), tmp_path, FORMS[number % 3])], tmp_path)) == digest(store), path


CORRECTED = {
    "material": "id,quantity,name,steward,recorded_at\nM-1,2,Bag,LAB,2024-05-01\nM-1,3,,LAB,2024-05-02\n",
    "step": "id,type,started_at,status,steward,recorded_at,retract\nS-1,thaw,2024-05-01T10:00+02:00,,LAB,2024-05-03,\n"
    "S-1,,,failed,LAB,2024-05-04,\nS-2,test,2024-05-01T12:00:00Z,,LAB,2024-05-05,\nS-2,,,,LAB,2024-05-09,true\n"
    "S-3,wash,2024-05,,LAB,2024-05-05,\nS-4,plan,,planned,LAB,2024-05-05,\n",
    "output": "source,target,quantity,unit,steward,recorded_at,retract\nS-1,M-1,2,mL,LAB,2024-05-03,\nS-1,M-2,,,LAB,2024-05-03,\n"
    "S-1,M-2,,,LAB,2024-05-06,true\n",
    "subject_of": "source,target,role,steward,recorded_at\nM-1,S-3,content,LAB,2024-05-05\nM-1@LAB,S-1@LAB,,OTHER,2024-05-05\n",
    "observation": "id,about,code,value,unit,observed_at,steward\nO-1,event/S-1,temperature,4.5,Cel,2024-05-01T10:01:00Z,LAB\n",
    "handoff": "id,type,from,to,released_at,delivered_at,accepted_at,steward\n"
    "H-1,shipment,LAB,WARD,2024-05-02T10:00+02:00,,2024-05-02T12:00:00.000001Z,LAB\n",
}  # fmt: skip


@pytest.fixture
def corrected(tmp_path: Path) -> SqliteStore:
    """A graph with corrections, retractions, coarse times and a handoff."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name, text in CORRECTED.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return loaded([folder], tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_corrections_and_retractions_keep_their_dates(form: str, corrected: SqliteStore, tmp_path: Path) -> None:
    again = loaded([exported(view(corrected), tmp_path, form)], tmp_path)
    assert digest(again) == digest(corrected)
    late = tmp_path / "late" / "material.csv"
    late.parent.mkdir()
    late.write_text("id,quantity,name,steward,recorded_at\nM-1,9,Sack,LAB,2024-05-01T12:00Z\n", encoding="utf-8")
    for store in (corrected, again):
        landed(store, [late], tmp_path)
    assert digest(again) == digest(corrected)
    assert view(again).record("M-1").values["quantity"] == 3


NAMES = st.text(min_size=1, max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
).filter(lambda value: value is not None)
WRITTEN = st.sampled_from(
    ["name", "Name", "NAME", "type", "status", "ocel_id", "ocel_time", "veintrace", "ocel:type", "x:x", "kind", "is"]
)
HELD = st.dictionaries(WRITTEN | NAMES, VALUES, max_size=5)
_numbers = count()


@given(objects=st.lists(HELD, min_size=1, max_size=3), events=st.lists(HELD, max_size=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_values_a_record_has_they_come_back(
    objects: list[dict[str, Any]], events: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Names that differ in case alone, that are fields of ours or columns of a table, and texts that XML cannot hold."""
    folder = tmp_path / str(next(_numbers))
    folder.mkdir()
    words = []
    for part, kind, listed in (("object", "Material", objects), ("event", "Step", events)):
        for number, held in enumerate(listed):
            extra = {"started_at": "2024-05-01T10:00:00Z"} if part == "event" else {}
            words.append(
                (f"{part}/local:{number}@LAB", {"kind": kind, **extra, **{f"x:{name}": value for name, value in held.items()}})
            )
    told = log(
        [
            {"id": name, "type": "a", "time": "2024-05-01T10:00:00Z", "has": {OWN: _own(said)}}
            for name, said in words
            if name[0] == "e"
        ],
        [{"id": name, "type": "b", "has": {OWN: [(EPOCH, _own(said))]}} for name, said in words if name[0] == "o"],
        a={OWN: "string"},
        b={OWN: "string"},
    )
    store = loaded([write(told, folder / "told.json")], folder)
    for form in FORMS:
        assert digest(loaded([exported(view(store), folder, form)], folder)) == digest(store)


def _own(said: dict[str, Any]) -> str:
    """What two say of a record, so that what is shown does not count."""
    return json.dumps([{"steward": "LAB", **said}, {"steward": "OTHER", "x:a": 1}][: 1 + len(said) % 2])


QUALIFIED = ("AT", "OUTPUT", "SUBJECT_OF content", "PART_OF", "", " in ", "a\tb\nc", "Ä & <b>", "x" * 1_000)


def test_whatever_qualifiers_and_ids_a_log_has_they_come_back(tmp_path: Path) -> None:
    """Also those that are called as our relations are, and ids as long as may be."""
    names = ["b1", "(Screw) 5", "é" * 990, "urn:x:" + "y" * 990, "lot:7", "https://id.gs1.org/01/09506000134352/21/7", "a/b", "x@y"]
    told = log(
        [
            {"id": f"e{at}", "type": "go", "time": "2024-05-01T10:00:00Z", "to": [(name, qualifier) for name in names]}
            for at, qualifier in enumerate(QUALIFIED)
        ],
        [{"id": name, "type": "Bag", "to": [(names[0], qualifier) for qualifier in QUALIFIED]} for name in names],
    )
    store = loaded([write(told, tmp_path / "told.json")], tmp_path, steward="LAB")
    for form in FORMS:
        assert digest(loaded([exported(view(store), tmp_path, form)], tmp_path)) == digest(store)


# -- a sound log


def test_a_log_declares_all_types_and_holds_every_object_it_names(corrected: SqliteStore, tmp_path: Path) -> None:
    generate(tmp_path / "csv", 3, 5)
    for store in (corrected, loaded([tmp_path / "csv"], tmp_path)):
        told = document(view(store), tmp_path)
        for part in ("object", "event"):
            types = {each["name"]: {a["name"] for a in each["attributes"]} for each in told[f"{part}Types"]}
            ids = [item["id"] for item in told[f"{part}s"]]
            assert len({*ids}) == len(ids)
            for item in told[f"{part}s"]:
                assert {each["name"] for each in item["attributes"]} <= types[item["type"]]
        objects = {item["id"] for item in told["objects"]}
        assert {
            each["objectId"] for part in ("events", "objects") for item in told[part] for each in item["relationships"]
        } <= objects


def test_the_keys_of_a_database_hold(corrected: SqliteStore, tmp_path: Path) -> None:
    """Primary keys cannot but hold; foreign keys are declared for every table, and nothing is named that is not there."""
    with sqlite3.connect(exported(view(corrected), tmp_path, "ocel-sqlite")) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        keys = {name: len(database.execute(f"PRAGMA foreign_key_list('{name}')").fetchall()) for name in tables}
    database.close()
    assert {name for name, count in keys.items() if not count} == {"event_map_type", "object_map_type"}
    assert (keys["event_object"], keys["object_object"]) == (2, 2)


def test_each_moment_of_a_handoff_is_an_event_and_says_itself_once(corrected: SqliteStore, tmp_path: Path) -> None:
    told = document(view(corrected), tmp_path)
    moments = [(each["type"], each["time"], each["id"]) for each in told["events"] if "H-1" in each["id"]]
    assert moments == [
        ("shipment released", "2024-05-02T10:00:00+02:00", "event/local:H-1@LAB"),
        ("shipment accepted", "2024-05-02T12:00:00.000001Z", "event/local:H-1@LAB accepted"),
    ]
    assert {each["type"] for each in told["objects"] if each["id"].startswith("event/")} == {"Retracted", "plan"}


@pytest.mark.parametrize("form", FORMS)
def test_what_changed_in_a_log_comes_out_as_a_change_again(form: str, tmp_path: Path) -> None:
    told = log(
        [],
        [{"id": "b1", "type": "Bag", "has": {
            "weight": [(EPOCH, 100.0), ("2024-05-01T10:00:00+02:00", 98.5), ("2024-05-02T08:00:00.5Z", 97.0)],
            "state": [("2024-05-01T10:00:00+02:00", "thawed")]}}],
        Bag={"weight": "float", "state": "string"},
    )  # fmt: skip
    store = loaded([write(told, tmp_path / "told.json")], tmp_path, steward="LAB")
    out = exported(view(store), tmp_path, form)
    again = loaded([out], tmp_path)
    assert digest(again) == digest(store)
    [bag] = [item for item in document(view(again), tmp_path)["objects"] if item["type"] == "Bag"]
    changes = [(each["name"], each["time"], each["value"]) for each in bag["attributes"] if each["time"] != EPOCH]
    assert changes == [
        ("state", "2024-05-01T10:00:00+02:00", "thawed"),
        ("weight", "2024-05-01T10:00:00+02:00", 98.5),
        ("weight", "2024-05-02T08:00:00.5Z", 97.0),
    ]


HISTORY = {
    "string": ("raw", "thawed", "used"),
    "float": (100.0, 98.5, 97.0),
    "integer": (3, 2, 1),
    "boolean": (True, False, True),
    "time": ("2024-04-01T10:00:00+02:00", "2024-04-02T10:00:00Z", "2024-04-03T10:00:00.5Z"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("initial", [True, False])
def test_what_was_so_before_a_change_and_what_since_comes_out_as_it_was_in_the_log(
    initial: bool, form: str, tmp_path: Path
) -> None:
    """Other tools read since when each value was so; of an attribute that began with a change nothing is told before."""
    since = (EPOCH, "2024-05-01T10:00:00+02:00", "2024-05-02T08:00:00.5Z")
    has = {f"of {kind}": [*zip(since, values, strict=True)][not initial :] for kind, values in HISTORY.items()}
    told = log([], [{"id": "b1", "type": "Bag", "has": has}], Bag={f"of {kind}": kind for kind in HISTORY})
    store = loaded([write(told, tmp_path / "told.json")], tmp_path, steward="LAB")
    again = loaded([exported(view(store), tmp_path, form)], tmp_path)
    assert digest(again) == digest(store)
    for each in (store, again):
        [bag] = [item for item in document(view(each), tmp_path)["objects"] if item["type"] == "Bag"]
        found = [(a["name"], a["time"], a["value"]) for a in bag["attributes"] if a["name"].startswith("of ")]
        assert sorted(found, key=str) == sorted([(name, *pair) for name, pairs in has.items() for pair in pairs], key=str)


def test_what_others_measured_of_an_object_changes_nothing_of_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "material.csv").write_text("id,quantity,steward\nM-1,70,LAB\n", encoding="utf-8")
    observed = "id,about,code,value,observed_at,steward\nO-1,object/M-1,quantity,68,2024-05-01T10:00:00Z,LAB\n"
    (tmp_path / "observation.csv").write_text(observed, encoding="utf-8")
    store = loaded([tmp_path / "material.csv", tmp_path / "observation.csv"], tmp_path)
    [bag] = [item for item in document(view(store), tmp_path)["objects"] if item["type"] == "Material"]
    found = [(each["time"], each["value"]) for each in bag["attributes"] if each["name"] == "quantity"]
    assert found == [(EPOCH, 70.0), ("2024-05-01T10:00:00Z", 68.0)]


def test_a_log_says_what_its_viewer_sees_and_nothing_else(tmp_path: Path) -> None:
    generate(tmp_path / "csv", 4, 1)
    store = loaded([tmp_path / "csv"], tmp_path)
    told = document(view(store, "cellforge"), tmp_path)
    stewards = {word["steward"] for part in ("objects", "events") for item in told[part] for word in _words(item)}
    assert stewards == {"cellforge"}
    again = loaded([tmp_path / "log.json"], tmp_path)
    assert {entry.claim.steward for entry in again.claims()} == {"cellforge"}
    assert len(document(view(store), tmp_path)["events"]) > len(told["events"]) > 10


def _words(item: dict[str, Any]) -> list[dict[str, Any]]:
    [own] = [each["value"] for each in item["attributes"] if each["name"] == OWN]
    found: list[dict[str, Any]] = json.loads(own)
    return found


def test_a_steward_who_is_forced_speaks_whatever_the_log_says(tmp_path: Path) -> None:
    out = exported(view(loaded([EXAMPLE], tmp_path)), tmp_path, "ocel-xml")
    store = loaded([out], tmp_path, steward="HOSPITAL", forced=True)
    assert {entry.claim.steward for entry in store.claims()} == {"HOSPITAL"}


def test_what_others_changed_in_a_log_counts(corrected: SqliteStore, tmp_path: Path) -> None:
    told = document(view(corrected), tmp_path)
    [bag] = [item for item in told["objects"] if item["id"] == "object/local:M-1@LAB"]
    [name] = [each for each in bag["attributes"] if each["name"] == "name"]
    name["value"] = "Sack"
    (tmp_path / "log.json").write_text(json.dumps(told), encoding="utf-8")
    assert view(loaded([tmp_path / "log.json"], tmp_path)).record("M-1").values["name"] == "Sack"


def test_a_lineage_that_is_not_whole_is_not_written(tmp_path: Path) -> None:
    seen = view(loaded([EXAMPLE], tmp_path))
    found = lineage(seen, [seen.resolve("DOSE-101-A")], "up", limit=3)
    with pytest.raises(IncompleteAnswer):
        ocel_exports.written(seen, found, tmp_path / "log.json", "ocel")
    assert not (tmp_path / "log.json").exists()


def test_the_command_writes_a_lineage_or_all_and_says_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["load", str(EXAMPLE)]) == 0
    capsys.readouterr()
    assert run(["export", "DOSE-101-A", "--direction", "both", "--format", "ocel", "--out", "dose.json", "--json"]) == 0
    part = json.loads(capsys.readouterr().out)
    assert run(["export", "--all", "--format", "ocel-sqlite", "--out", "all.sqlite", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert 0 < part["events"] < whole["events"]
    assert format_of(tmp_path / "dose.json") == "ocel"
    assert format_of(tmp_path / "all.sqlite") == "ocel-sqlite"
    assert run(["export", "--all", "--out", "all.json"]) == 2
    assert run(["export", "--all", "DOSE-101-A", "--format", "ocel", "--out", "all.json"]) == 2
    assert run(["export", "--format", "ocel", "--out", "all.json"]) == 2
    assert run(["export", "--all", "--format", "ocel", "--out", "missing/all.json"]) == 2
    assert sorted(path.name for path in tmp_path.glob("all*")) == ["all.sqlite"]


# -- damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file that is written again and again, and the document it begins with."""
    folder = tmp_path_factory.mktemp("damaged")
    out = exported(view(loaded([EXAMPLE], folder)), folder, "ocel")
    return out, out.read_text(encoding="utf-8")


WILD = st.sampled_from(
    [None, True, -1, 1e300, "", "x", "object/lot:1", [], [7], {}, {"id": 7}, "[{}]", "[7]", '[{"later": 7}]', "[" * 999]
)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_whatever_our_extension_holds_there_is_a_typed_verdict(whole: tuple[Path, str], data: st.DataObject) -> None:
    path, told = whole
    changed = json.loads(told)
    item = data.draw(st.sampled_from(changed[data.draw(st.sampled_from(["objects", "events"]))]))
    if data.draw(st.booleans()):
        item[data.draw(st.sampled_from([*item]))] = data.draw(WILD)
    else:
        [own] = [each for each in item["attributes"] if each["name"] == OWN]
        words = json.loads(own["value"]) or [{}]
        words[0][data.draw(st.sampled_from([*words[0], "implied", "later", "recorded", "OUTPUT", "name"]))] = data.draw(WILD)
        own["value"] = json.dumps(words)
    path.write_text(json.dumps(changed), encoding="utf-8")
    for found in read_one(Source(path, "ocel"), Context("LAB")):
        assert isinstance(found, Item | Refused)
        if isinstance(found, Refused):
            assert all(problem.code and problem.reason and problem.repair for problem in found.problems)
