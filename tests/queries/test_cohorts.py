"""What enters a cohort, and what must not: rules in order, windows, corrections, dates of recording, labels."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.cohorts import definition_hash
from graph.errors import InvalidDefinition
from graph.sqlite_store import SqliteStore
from graph.view import view
from queries.cohort_definition import Definition, parsed
from queries.cohorts import Cohort, cohort
from tests.networks import BASE, HOUR, Network, at, land, rid

ROOT = Path(__file__).parents[2]
SOON = BASE - 1000 * HOUR
"""When everything is recorded that does not say otherwise: long before any index date."""


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


class Clinic(Network):
    """Patients who are treated at hour 100 with a dose made at hour 50 of a bag collected at hour 10."""

    def patient(self, name: str, *, steward: str = "H", **told: Any) -> None:
        recorded = SOON
        self.say("person", f"P-{name}", "Person", recorded=recorded, steward=steward, **told)
        self.say("episode", f"E-{name}", "Episode", recorded=recorded, steward=steward, therapy="CAR-T", ordered_at=at(0))
        self.relate("ABOUT", f"episode/E-{name}", f"person/P-{name}", recorded=recorded, steward=steward)
        self.material(f"BAG-{name}", type="starting_material", recorded=recorded, steward=steward)
        self.material(f"DOSE-{name}", type="dose", recorded=recorded, steward=steward)
        told_by = {"steward": steward, "recorded": recorded}
        self.step(f"COL-{name}", 10, [f"person/P-{name}"], [f"object/BAG-{name}"], type="collection", **told_by)
        self.step(f"MFG-{name}", 50, [f"object/BAG-{name}"], [f"object/DOSE-{name}"], type="manufacturing", **told_by)
        step = self.step(f"INF-{name}", 100, [f"object/DOSE-{name}"], [f"person/P-{name}"], type="infusion", **told_by)
        assert step
        self.relate("FOR_EPISODE", f"event/INF-{name}", f"episode/E-{name}", **told_by)

    def seen(self, name: str, about: str, value: float, hour: float, *, recorded: float | None = None, **told: Any) -> None:
        """An observation `viability` at an hour, recorded at once unless said otherwise."""
        when = BASE + int((hour if recorded is None else recorded) * HOUR)
        told = {"code": "viability", "unit": "%"} | told
        self.say("observation", name, "Observation", recorded=when, value=value, observed_at=at(hour), **told)
        self.relate("ABOUT", f"observation/{name}", about, recorded=when)


def asked(store: SqliteStore, viewer: str | None = None, **told: Any) -> Cohort:
    definition = {"name": "c", "unit": "episode", "index": {"step": ["infusion"]}} | told
    return cohort(view(store, viewer), parsed(json.dumps(definition)))


def names(found: Cohort, cls: str = "episode", prefix: str = "E") -> set[str]:
    return {name for name in "ABCDEF" if rid(cls, f"{prefix}-{name}") in found.rows["unit"].to_list()}


def observed(**told: Any) -> dict[str, Any]:
    return {"observed": {"code": "viability"} | told}


def test_rules_are_applied_in_order_and_each_tells_what_it_lost(store: SqliteStore) -> None:
    net = Clinic()
    for name, sex, born in (("A", "female", 1960), ("B", "male", 1980), ("C", "female", 2015), ("D", None, None)):
        net.patient(name, sex=sex, birth_year=born)
    net.say("episode", "E-E", "Episode", recorded=SOON, therapy="CAR-T")
    land(store, net.claims)
    rules = [{"include": "adults", "person": {"age": {"min": 18}}}, {"exclude": "men", "person": {"sex": ["male"]}}]
    found = asked(store, rules=rules)
    assert [(each.rule, each.kept, each.lost) for each in found.attrition] == [
        ("has the index event", 4, 1),
        ("adults", 2, 2),
        ("not: men", 1, 1),
    ]
    assert names(found) == {"A"}
    assert [(each.kept, each.lost) for each in asked(store, rules=rules[::-1]).attrition] == [(4, 1), (3, 1), (1, 2)]


@pytest.mark.parametrize(
    ("hour", "recorded", "enters"),
    [(90, 90, True), (90, 99.9, True), (90, 100.5, False), (101, 101, False), (101, 90, False)],
    ids=["before", "late, but before", "recorded after", "measured after", "measured after, dated before"],
)
def test_nothing_measured_or_recorded_after_the_index_date_enters(
    store: SqliteStore, hour: float, recorded: float, enters: bool
) -> None:
    net = Clinic()
    net.patient("A")
    net.seen("O-1", "person/P-A", 80, hour, recorded=recorded)
    net.seen("O-2", "object/BAG-A", 70, hour, recorded=recorded)
    land(store, net.claims)
    columns = {"own": observed(), "of_bag": observed(about="lineage")}
    [row] = asked(store, columns=columns).rows.to_dicts()
    assert (row["own"], row["of_bag"]) == ((80, 70) if enters else (None, None))
    assert names(asked(store, rules=[{"include": "v", **observed()}])) == ({"A"} if enters else set())
    [label] = asked(store, labels={"own": observed(days={"min": -5, "max": 5})}).rows["own"]
    assert label == 80


def test_a_value_corrected_after_the_index_date_is_as_it_was_then(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A", sex="female")
    net.seen("O-1", "person/P-A", 80, 90)
    land(store, net.claims)
    more = Clinic()
    more.say("observation", "O-1", "Observation", recorded=BASE + 95 * HOUR, value=81)
    more.say("observation", "O-1", "Observation", recorded=BASE + 200 * HOUR, value=20)
    more.say("person", "P-A", "Person", recorded=BASE + 200 * HOUR, sex="male")
    land(store, more.claims, load="more")
    columns = {"v": observed(), "sex": {"person": "sex"}}
    [row] = asked(store, columns=columns).rows.to_dicts()
    assert (row["v"], row["sex"]) == (81, "female")
    [row] = asked(store, columns=columns, known="now").rows.to_dicts()
    assert (row["v"], row["sex"]) == (20, "male")


def test_a_value_said_again_later_was_known_from_the_first(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A")
    net.seen("O-1", "person/P-A", 80, 90)
    net.seen("O-1", "person/P-A", 80, 90, recorded=500)
    land(store, net.claims)
    assert asked(store, columns={"v": observed()}).rows["v"].to_list() == [80]


def test_which_of_several_values_counts(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A")
    for number, (value, hour) in enumerate([(70, 20), (90, 40), (80, 60)]):
        net.seen(f"O-{number}", "person/P-A", value, hour)
    net.seen("O-9", "person/P-A", 1, 70, comparator="<")
    land(store, net.claims)
    taken = {take: observed(take=take) for take in ("last", "first", "min", "max", "mean")}
    [row] = asked(store, columns=taken).rows.to_dicts()
    assert [row[take] for take in taken] == [80, 70, 70, 90, 80]
    [row] = asked(store, columns={"early": observed(days={"max": -2})}).rows.to_dicts()
    assert row["early"] == 90


def test_a_code_told_in_two_units_needs_to_know_which(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A")
    net.seen("O-1", "person/P-A", 80, 20)
    net.seen("O-2", "person/P-A", 0.8, 30, unit="1")
    land(store, net.claims)
    with pytest.raises(InvalidDefinition, match="/columns/v/unit"):
        asked(store, columns={"v": observed()})
    assert asked(store, columns={"v": observed(unit="%")}).rows["v"].to_list() == [80]


def test_a_path_goes_through_pools_and_containers_but_not_through_persons(store: SqliteStore) -> None:
    net = Clinic()
    for name in "AB":
        net.patient(name)
    soon = {"recorded": SOON}
    net.material("DONATED", type="starting_material", preservation="cryopreserved", **soon)
    net.step("POOL", 30, ["object/DONATED"], ["object/POOLED"], type="pooling", **soon)
    net.relate("INPUT_TO", "object/POOLED", "event/MFG-A", **soon)
    net.step("PACK", 20, type="packing", action="ADD", **soon)
    net.relate("SUBJECT_OF", "object/BAG-B", "event/PACK", role="content", **soon)
    net.relate("SUBJECT_OF", "object/BOX", "event/PACK", role="container", **soon)
    net.step("CHECK", 25, type="inspection", status="failed", **soon)
    net.relate("SUBJECT_OF", "object/BOX", "event/CHECK", **soon)
    land(store, net.claims)

    def through(**path: Any) -> set[str]:
        return names(asked(store, rules=[{"include": "it", "path": path}]))

    assert through(material={"preservation": ["cryopreserved"]}) == {"A"}
    assert through(lot=f"DONATED@{net.assigner}") == {"A"}
    assert through(step={"type": ["pooling"]}) == {"A"}
    assert through(step={"status": ["failed"]}) == {"B"}
    assert through(container=f"BOX@{net.assigner}") == {"B"}
    assert through(step={"type": ["collection"]}) == {"A", "B"}
    assert through(step={"type": ["infusion"]}) == {"A", "B"}


def test_what_happened_to_a_material_after_the_index_date_is_no_part_of_its_path(store: SqliteStore) -> None:
    net = Clinic()
    for name, hour in (("A", 90), ("B", 110)):
        net.patient(name)
        net.act(f"CHECK-{name}", hour, f"BAG-{name}", type="inspection", recorded=SOON)
    land(store, net.claims)
    rules = [{"include": "inspected", "path": {"step": {"type": ["inspection"]}}}]
    assert names(asked(store, rules=rules)) == {"A"}


def test_a_department_includes_its_parts_and_a_handoff_its_wait(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A")
    net.patient("B")
    soon = {"recorded": SOON}
    net.relate("PART_OF", "organization/MAKER-LAB", "organization/MAKER", **soon)
    for name, accepted in (("A", 20), ("B", 80)):
        net.say("event", f"HO-{name}", "Handoff", recorded=SOON, released_at=at(12), accepted_at=at(accepted))
        net.relate("TO", f"event/HO-{name}", "organization/MAKER-LAB" if name == "A" else "organization/OTHER", **soon)
        net.relate("SUBJECT_OF", f"object/BAG-{name}", f"event/HO-{name}", **soon)
    land(store, net.claims)
    by_department = [{"include": "it", "path": {"department": rid("organization", "MAKER")}}]
    by_wait = [{"include": "it", "path": {"handoff": {"wait_h": {"min": 48}}}}]
    assert names(asked(store, rules=by_department)) == {"A"}
    assert names(asked(store, rules=by_wait)) == {"B"}


def test_units_are_persons_episodes_or_materials(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A")
    net.step("INF-A2", 150, ["object/DOSE2-A"], ["person/P-A"], type="infusion", recorded=SOON)
    net.relate("FOR_EPISODE", "event/INF-A2", "episode/E-A", recorded=SOON)
    net.material("DOSE2-A", type="dose", recorded=SOON)
    land(store, net.claims)
    for unit, cls, name in (("person", "person", "P-A"), ("episode", "episode", "E-A")):
        [row] = asked(store, unit=unit).rows.to_dicts()
        assert row["unit"] == rid(cls, name)
        assert row["index_date"].startswith("2024-01-05T04:00")
        assert (row["person"], row["episode"]) == (rid("person", "P-A"), rid("episode", "E-A"))
    [last] = asked(store, index={"step": ["infusion"], "which": "last"}).rows["index_date"]
    assert last.startswith("2024-01-07T06:00")
    doses = asked(store, unit="material", material={"type": ["dose"]}).rows
    assert set(doses["unit"]) == {rid("object", "DOSE-A"), rid("object", "DOSE2-A")}
    [ordered] = asked(store, index={"ordered": True}).rows["index_date"]
    assert ordered.startswith("2024-01-01T00:00")


def test_outcomes_are_labels_and_only_earlier_ones_are_rules(store: SqliteStore) -> None:
    net = Clinic()
    for name, hour in (("A", 60), ("B", 300)):
        net.patient(name)
        recorded = BASE + hour * HOUR
        net.say("outcome", f"OUT-{name}", "Outcome", recorded=recorded, type="toxicity", term="CRS", grade=3, occurred_at=at(hour))
        net.relate("FOR_EPISODE", f"outcome/OUT-{name}", f"episode/E-{name}", recorded=recorded)
    land(store, net.claims)
    assert names(asked(store, rules=[{"include": "had it", "outcome": {"type": ["toxicity"]}}])) == {"A"}
    later = {"outcome": {"type": ["toxicity"], "days": {"min": 0, "max": 30}}}
    found = asked(store, labels={"any": later, "grade": {**later, "take": "grade"}, "term": {**later, "take": "term"}})
    told = {row["unit"]: (row["any"], row["grade"], row["term"]) for row in found.rows.to_dicts()}
    assert told == {rid("episode", "E-A"): (False, None, None), rid("episode", "E-B"): (True, 3, "CRS")}


def test_a_viewer_has_cohorts_of_its_own_claims_alone(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A", steward="H")
    net.patient("B", steward="K")
    land(store, net.claims)
    assert names(asked(store)) == {"A", "B"}
    found = asked(store, viewer="K")
    assert names(found) == {"B"}
    assert found.attrition[0].lost == 0


START = '"name": "c", "unit": "episode", "index": {"step": ["x"]}'
BAD = {
    "[]": "dictionary",
    "{": "no YAML",
    "a: &x [1]\nb: *x": "alias",
    "name: c\nname: d": "twice",
    '{"name": "c", "unit": "episode", "index": {"step": ["x"], "ordered": true}}': "/index: give exactly one",
    f'{{{START}, "rules": [{{"include": "a", "outcome": {{"days": {{"min": 1}}}}}}]}}': "/rules/0: a rule may not look beyond",
    f'{{{START}, "rules": [{{"include": "a"}}]}}': "/rules/0: give exactly one of person",
    f'{{{START}, "rules": [{{"include": "a", "path": {{"lot": "a", "container": "b"}}}}]}}': "not lot and container",
    f'{{{START}, "columns": {{"unit": {{"person": "sex"}}}}}}': "taken: unit",
    '{"name": "c", "unit": "episode", "index": {"ordered": true}, "columns": {"x": {"path": {"lot": "a"}}}}': "no lineage",
    '{"name": "c", "unit": "bag", "index": {"step": ["x"]}}': "/unit",
    f'{{{START}, "colour": 1}}': "/colour",
}


@pytest.mark.parametrize("text", BAD)
def test_a_definition_that_does_not_fit_says_where(text: str) -> None:
    with pytest.raises(InvalidDefinition, match=BAD[text]):
        parsed(text)


def test_an_identifier_that_names_nothing_is_told_with_its_place(store: SqliteStore) -> None:
    net = Clinic()
    net.patient("A")
    land(store, net.claims)
    with pytest.raises(InvalidDefinition, match="/rules/0/path/lot: nothing is stored under"):
        asked(store, rules=[{"include": "a", "path": {"lot": "lot:NONE@X"}}])


def test_texts_that_mean_the_same_have_one_hash() -> None:
    one = parsed("name: c\nunit: episode\nindex: {step: [infusion]}")
    other = parsed('{"index": {"which": "first", "step": ["infusion"]}, "unit": "episode", "name": "c", "known": "at_index"}')
    assert definition_hash(one) == definition_hash(other)
    assert definition_hash(one) != definition_hash(parsed("name: d\nunit: episode\nindex: {step: [infusion]}"))


def test_the_checked_in_schema_is_the_models() -> None:
    told = json.loads((ROOT / "api" / "schemas" / "cohort-definition.json").read_text(encoding="utf-8"))
    assert told == {"$schema": told["$schema"], **Definition.model_json_schema(by_alias=True)}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_same_bytes_again_with_any_number_of_threads(network_store: SqliteStore, tmp_path: Path, threads: int) -> None:
    command = [sys.executable, "-m", "api.cli", "cohort", str(ROOT / "examples/cohorts/responders.yaml"), "--json"]
    command += ["--graph", f"sqlite:///{network_store.path}", "--out", "cohort", "--cache", str(tmp_path / "cache")]
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["count"] > 100
    hashes = {each["path"]: each["sha256"] for each in answer["files"]}
    kept = Path(network_store.path).parent / "hashes.json"
    if not kept.exists():
        kept.write_text(json.dumps(hashes), encoding="utf-8")
    assert json.loads(kept.read_text(encoding="utf-8")) == hashes
