"""A mapping says what the types and qualifiers of an event log mean; one that does not fit is told before anything lands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.errors import InvalidMapping
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.mapping_files import parsed, read_files
from loaders.pipeline import LoadReport
from queries.handoffs import handoffs
from tests.ocel_logs import EPOCH, Log, log, write

Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]
FORMS = (".json", ".xml", ".sqlite")
COLUMNS = "/ocel/objects/A/columns"

MAPPING = """
zone: Europe/Berlin
dates: "%d.%m.%Y %H:%M"
common:
  steward: {value: CDMO}
ocel:
  files: "plant*"
  objects:
    Bag:
      kind: material
      columns:
        type: {column: content, map: {DP: dose, IM: intermediate}}
        quantity: volume
        unit: {value: mL}
        expires_at: best before
        identifiers: ["{gs1}", "lot:{lot}@CDMO"]
    Box: {kind: container, columns: {type: {value: shipper}}}
    Room: {kind: organization, columns: {type: {value: department}, name: "{ocel:id} ({floor})"}}
    Patient: {kind: person, columns: {role: {value: patient}}}
    Order: {kind: episode, columns: {therapy: {value: CAR-T}}}
  events:
    mix: {kind: step, columns: {type: {value: processing}, equipment: device}}
    pack: {kind: step, columns: {type: {value: packing}, action: {value: ADD}}}
    hand over: {kind: handoff, columns: {id: "{slip}", type: {value: transfer}, released_at: ocel:time}}
    take over: {kind: handoff, columns: {id: "{slip}", type: {value: transfer}, accepted_at: ocel:time}}
  relations:
    - {of: mix, qualifier: [source, added], relation: input_to}
    - {of: mix, qualifier: result, relation: output}
    - {of: mix, to: Room, relation: performed_by}
    - {of: [hand over, take over], qualifier: giver, relation: from}
    - {of: [hand over, take over], qualifier: taker, relation: to}
    - {of: pack, to: Box, relation: subject_of, role: container}
    - {of: pack, to: Bag, relation: subject_of, role: content}
    - {of: Room, qualifier: in, relation: part_of}
    - {of: Bag, to: Order, relation: for_episode}
    - {of: Order, to: Patient, relation: about}
"""
PLANT = log(
    [
        {"id": "e1", "type": "mix", "time": "2024-05-01T10:00:00", "has": {"device": "MIX-2", "speed": 30},
         "to": [("b1", "source"), ("p1", "source"), ("b2", "result"), ("clean", "by"), ("o1", "for"), ("o2", "for")]},
        {"id": "e2", "type": "pack", "time": "2024-05-01T11:00:00+02:00", "to": [("b2", ""), ("x1", "")]},
        {"id": "e3", "type": "hand over", "time": "2024-05-01T12:00:00+02:00", "has": {"slip": "S-1"},
         "to": [("b2", "load"), ("clean", "giver"), ("store", "taker"), ("clean", "witness")]},
        {"id": "e4", "type": "take over", "time": "2024-05-01T14:30:00+02:00", "has": {"slip": "S-1"}, "to": [("b2", "load")]},
        {"id": "e5", "type": "look", "time": "2024-05-02T08:00:00Z", "to": [("b2", "seen")]},
    ],
    [
        {"id": "b1", "type": "Bag", "has": {"content": "IM", "lot": "L 1"}},
        {"id": "b2", "type": "Bag", "to": [("o1", "for"), ("b1", "of")],
         "has": {"content": "DP", "volume": [(EPOCH, 70.0), ("2024-05-01T10:30:00+02:00", 68.5)], "best before": "01.06.2024 12:00",
                 "gs1": "https://id.gs1.org/01/09506000134352/21/7", "hue": "red"}},
        {"id": "x1", "type": "Box"},
        {"id": "clean", "type": "Room", "has": {"floor": 2}, "to": [("plant", "in")]},
        {"id": "store", "type": "Room", "has": {"floor": 1}},
        {"id": "p1", "type": "Patient"},
        {"id": "o1", "type": "Order", "to": [("p1", "")]},
        {"id": "o2", "type": "Order"},
    ],
    mix={"device": "string", "speed": "integer"},
    hand_over={"slip": "string"},
    take_over={"slip": "string"},
    Bag={"content": "string", "lot": "string", "volume": "float", "best before": "string", "gs1": "string", "hue": "string"},
    Room={"floor": "integer"},
)  # fmt: skip


def loaded(store: SqliteStore, landed: Landed, told: Log, folder: Path, form: str, mapping: str = MAPPING) -> LoadReport:
    """Load the plant's log by a mapping."""
    (folder / "plant.yaml").write_text(mapping, encoding="utf-8")
    path = write(told, folder / f"plant{form}")
    return landed(store, path, mappings=read_files([folder / "plant.yaml"]), steward="LAB")


@pytest.fixture
def seen(store: SqliteStore, landed: Landed, tmp_path: Path) -> View:
    """The plant's log, read by its mapping."""
    report = loaded(store, landed, PLANT, tmp_path, ".json")
    assert (report.totals.added, report.totals.conflicts, report.refused) == (13, 0, [])
    return view(store)


def ends(seen: View, name: str, type_: str, direction: Any = "up") -> set[str]:
    """The local numbers of what a relation joins with a record."""
    edges = seen.neighbours([*seen.joined([seen.resolve(name)])], direction, (type_,))
    others = {edge.source if direction == "up" else edge.target for edge in edges}
    return {(key or "").removeprefix("local:").removesuffix("@CDMO").removeprefix("org:") for key in seen.keys(others).values()}


def test_objects_and_events_are_what_the_mapping_says(seen: View) -> None:
    bag = seen.record("b2@CDMO")
    assert (bag.kind, bag.steward) == ("Material", "CDMO")
    told = {name: bag.values[name] for name in ("type", "quantity", "unit", "expires_at", "x:hue", "x:ocel:type")}
    assert told == {"type": "dose", "quantity": 68.5, "unit": "mL", "expires_at": "2024-06-01T12:00+02:00", "x:hue": "red",
                    "x:ocel:type": "Bag"}  # fmt: skip
    assert not {"x:volume", "x:content", "x:gs1"} & bag.values.keys()
    assert seen.resolve("(01)09506000134352(21)7") == seen.resolve("b2@CDMO")
    assert seen.resolve("lot:L 1@CDMO") == seen.resolve("b1@CDMO")
    mix = seen.record("e1@CDMO")
    assert (mix.values["type"], mix.values["x:ocel:type"], mix.values["equipment"]) == ("processing", "mix", "MIX-2")
    assert (mix.values["started_at"], mix.values["x:speed"]) == ("2024-05-01T10:00:00+02:00", 30)
    assert seen.record("org:clean").values["name"] == "clean (2)"
    assert seen.record("e5@CDMO").values["type"] == "look"


def test_relationships_are_what_the_mapping_says(seen: View) -> None:
    assert ends(seen, "e1@CDMO", "INPUT_TO") == {"b1", "p1"}
    assert ends(seen, "e1@CDMO", "OUTPUT", "down") == {"b2"}
    assert ends(seen, "e1@CDMO", "PERFORMED_BY", "down") == {"clean"}
    assert ends(seen, "S-1@CDMO", "FROM", "down") == {"clean"}
    assert ends(seen, "S-1@CDMO", "SUBJECT_OF") == {"b2"}
    assert ends(seen, "org:clean", "PART_OF", "down") == {"plant"}
    assert ends(seen, "b2@CDMO", "FOR_EPISODE", "down") == {"o1"}
    roles = {edge.role for edge in seen.neighbours([seen.resolve("e2@CDMO")], "up", ("SUBJECT_OF",))}
    assert roles == {"content", "container"}


def test_what_no_relation_of_ours_can_say_is_kept(seen: View) -> None:
    """Two orders of one step, who stood by, and what a bag is of."""
    assert ends(seen, "e1@CDMO", "FOR_EPISODE", "down") == {"o1"}
    assert seen.record("e1@CDMO").values["x:ocel:qualifiers"]["for"] == ["local:o1@CDMO", "local:o2@CDMO"]
    given, taken = (seen.record("S-1@CDMO").values[f"x:ocel:event:{type_}"] for type_ in ("hand over", "take over"))
    assert (given["id"], given["qualifiers"]["witness"]) == ("e3", ["org:clean"])
    assert taken == {"id": "e4", "qualifiers": {"load": ["local:b2@CDMO"]}}
    assert seen.record("b2@CDMO").values["x:ocel:objects"] == {"for": ["local:o1@CDMO"], "of": ["local:b1@CDMO"]}


def test_two_events_may_be_one_handoff(seen: View) -> None:
    [row] = handoffs(seen).each.to_dicts()
    assert row["wait_s"] == 2.5 * 3600


def test_a_mapped_log_is_one_graph_in_every_form(new_store: NewStore, landed: Landed, tmp_path: Path) -> None:
    digests = set()
    for form in FORMS:
        report = loaded(new_store(), landed, PLANT, tmp_path, form)
        assert report.refused == []
        digests.add(report.digest)
    assert len(digests) == 1


def test_a_value_that_does_not_fit_its_field_refuses_the_item_in_the_words_of_the_log(
    store: SqliteStore, landed: Landed, tmp_path: Path
) -> None:
    told = log([], [{"id": "b1", "type": "Bag", "has": {"content": "XX", "volume": -1.0}}], Bag=dict.fromkeys(
        ("content", "volume", "best before", "gs1", "lot"), "string") | {"volume": "float"})  # fmt: skip
    for name in ("Box", "Room", "Patient", "Order"):
        told["objectTypes"].append({"name": name, "attributes": [{"name": "floor", "type": "integer"}]})
    report = loaded(store, landed, told, tmp_path, ".json", MAPPING.split("  events:")[0])
    problems = [(each["field"], each["value"], each["code"]) for each in report.refused]
    assert problems == [("content", "XX", "UNMAPPED_VALUE")]
    assert report.totals.refused == 1


def test_a_mapping_that_asks_for_what_a_log_does_not_have_refuses_it(store: SqliteStore, landed: Landed, tmp_path: Path) -> None:
    report = loaded(store, landed, PLANT, tmp_path, ".sqlite", MAPPING.replace("equipment: device", "equipment: divice"))
    assert report.totals.added == 0
    [refused] = report.refused
    assert "did you mean 'device'?" in refused["reason"]


def test_types_that_a_log_does_not_have_and_logs_that_are_not_there_are_told(
    store: SqliteStore, landed: Landed, tmp_path: Path
) -> None:
    report = loaded(store, landed, PLANT, tmp_path, ".json", MAPPING + "\n").notes
    assert not any("has no" in note for note in report)
    lacking = MAPPING.replace("    Box:", "    Crate: {kind: container}\n    Box:")
    assert any("no object type 'Crate'" in note for note in loaded(store, landed, PLANT, tmp_path, ".json", lacking).notes)
    other = loaded(store, landed, PLANT, tmp_path, ".json", MAPPING.replace("plant*", "other*"))
    assert any("no event log is read as plant.yaml says" in note for note in other.notes)


@pytest.mark.parametrize(("text", "at", "reason"), [
    ("ocel: {objects: {A: {kind: step}}}", "/ocel/objects/A/kind", "no object can be that"),
    ("ocel: {events: {A: {kind: material}}}", "/ocel/events/A/kind", "no event can be that"),
    ("ocel: {events: {A: {kind: handoff, columns: {type: {value: x}}}}}", "/ocel/events/A/columns", "none is said to be"),
    ("ocel: {objects: {A: {kind: material, columns: {id: x}}}}", f"{COLUMNS}/id", "known by its own id"),
    ("ocel: {objects: {A: {kind: material, columns: {type: {value: doze}}}}}", f"{COLUMNS}/type/value", "none of the words"),
    ("ocel: {objects: {A: {kind: person, columns: {identifiers: [SSN]}}}}", f"{COLUMNS}/identifiers", "21 CFR 1271.290"),
    ("ocel: {relations: [{relation: eats}]}", "/ocel/relations/0/relation", "no relation"),
    ("ocel: {relations: [{relation: at, role: content}]}", "/ocel/relations/0/role", "has no role"),
    ("leave_out: a", "", "it says nothing"),
])  # fmt: skip
def test_what_is_wrong_with_the_section_is_told(text: str, at: str, reason: str) -> None:
    with pytest.raises(InvalidMapping) as refused:
        parsed(text, "plant.yaml")
    [problem] = refused.value.as_dict()["problems"]
    assert (problem["at"], reason in problem["reason"]) == (at, True), problem
    assert problem["repair"]


def test_two_mappings_of_one_log_are_an_error(store: SqliteStore, landed: Landed, tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("ocel: {}", encoding="utf-8")
    with pytest.raises(InvalidMapping, match="is read by 2 mappings"):
        landed(store, write(PLANT, tmp_path / "log.json"), mappings=read_files([tmp_path / "a.yaml", tmp_path / "b.yaml"]))
