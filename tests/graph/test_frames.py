"""The frames of a graph show of every record what the View shows of it, to every viewer."""

import gc
from pathlib import Path
from typing import Any
from weakref import ref as weak

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.claims import Claim, canonical_json
from graph.errors import DeadlineExceeded
from graph.model import MODELS, RELATIONS, refs
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.cohort_definition import parsed
from queries.cohorts import cohort
from queries.mass_recall import recall_all
from tests.networks import FEW, Network, at, ids_of, land, networks, rid


def shown(seen: View, kind: str) -> dict[str, dict[str, Any]]:
    """The rows of a kind by id, references as ids."""
    frame = seen.frames.shown(kind)
    rows = {row["id"]: row for row in frame.to_dicts()}
    for row in rows.values():
        for name, ref in refs(kind).items():
            if RELATIONS[ref.relation].single and row[name] is not None:
                row[name] = seen.frames.ids([row[name]])[0]
    return rows


def told(seen: View, ids: list[str], kind: str) -> dict[str, dict[str, Any]]:
    """The same, record by record."""
    joins = seen.joined(ids)
    smallest = {
        record: min(group)
        for record, group in seen.joined({e for r in seen.records(joins).values() for e in r.ends.values()}).items()
    }
    rows = {}
    for record in seen.records(joins).values():
        if record.kind == kind and not record.stub:
            names = {info.alias or name for name, info in MODELS[kind].model_fields.items()} - refs(kind).keys()
            rows[record.id] = {name: record.value(name) for name in names}
            for name, ref in refs(kind).items():
                if RELATIONS[ref.relation].single:
                    end = record.get(ref.relation)
                    rows[record.id][name] = smallest[end] if end else None
    return rows


def assert_equal(store: SqliteStore, claims: list[Claim]) -> None:
    for viewer in (None, *view(store).stewards):
        seen = view(store, viewer)
        records = seen.records(seen.joined(ids_of(claims))).values()
        spans = {record.id: record.span for record in records if record.id.startswith("event-") and record.span}
        found = seen.frames.spans
        assert dict(zip(seen.frames.ids(found["record"]), found.select("first", "last").iter_rows(), strict=True)) == spans
        for kind in MODELS:
            expected = told(seen, ids_of(claims), kind)
            found = shown(seen, kind)
            assert found.keys() == expected.keys()
            for record, row in expected.items():
                assert {name: found[record][name] for name in row} == row


@settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(claims=networks())
def test_they_show_what_the_view_shows(claims: list[Claim]) -> None:
    store = SqliteStore(":memory:")
    land(store, claims)
    assert_equal(store, claims)
    store.close()


TYPES = st.sampled_from(["Bag", 'Bag, "large"', "", 5, [1, "a"], {"a": {".x:ocel:type": "Box"}}])


@FEW
@given(
    networks(), st.lists(st.tuples(st.sampled_from(["M0", "M1", "C0"]), st.sampled_from("HB"), TYPES, st.booleans()), max_size=6)
)
def test_they_show_a_value_that_no_model_knows_as_the_view_does(
    claims: list[Claim], told: list[tuple[str, str, Any, bool]]
) -> None:
    net = Network(claims)
    for number, (name, steward, value, taken_back) in enumerate(told):
        net.say("object", name, "Material", steward=steward, recorded=10 + number, **{"x:ocel:type": value})
        if taken_back:
            net.retract("object", name, steward=steward, recorded=10 + number)
    store = SqliteStore(":memory:")
    land(store, net.claims)
    for viewer in (None, *view(store).stewards):
        seen = view(store, viewer)
        found = seen.frames.extension("object", "ocel:type")
        values = {record.id: record.get(".x:ocel:type") for record in seen.records(seen.joined(ids_of(net.claims))).values()}
        texts = {
            name: each if isinstance(each, str) else canonical_json(each).decode()
            for name, each in values.items()
            if each is not None
        }
        assert dict(zip(seen.frames.ids(found["record"]), found["value"], strict=True)) == texts
    store.close()


def test_of_several_words_they_show_that_of_the_party_that_answers() -> None:
    net = Network()
    net.say("organization", "WARD", "Organization", steward="H")
    net.relate("PART_OF", "organization/WARD", "organization/H", steward="H")
    for steward, hour in (("B", 1), ("C", 2), ("H", 3)):
        instants = {f"{name}_at": at(hour) for name in ("released", "picked_up", "delivered", "accepted", "refused")}
        net.say("event", "H1", "Handoff", steward=steward, **instants)
        net.say("event", "S1", "Step", steward=steward, started_at=at(hour))
    net.relate("FROM", "event/H1", "organization/B", steward="C")
    net.relate("TO", "event/H1", "organization/WARD", steward="B")
    net.relate("CARRIED_BY", "event/H1", "organization/C", steward="H")
    net.relate("PERFORMED_BY", "event/S1", "organization/WARD", steward="B")
    store = SqliteStore(":memory:")
    land(store, net.claims)
    assert_equal(store, net.claims)
    [handoff] = view(store).frames.shown("Handoff").to_dicts()
    assert [handoff[f"{name}_at"] for name in ("released", "picked_up", "accepted")] == [at(1), at(2), at(3)]
    store.close()


def test_of_the_first_journey_they_show_what_the_view_shows() -> None:
    store = SqliteStore(":memory:")
    load(store, [Path(__file__).parents[2] / "examples" / "first-journey"], Options(author="test"))
    assert_equal(store, [entry.claim for entry in store.claims()])
    store.close()


def test_as_of_a_commit_they_show_what_was_known_then() -> None:
    store = SqliteStore(":memory:")
    for number, status in enumerate(("in_progress", "completed"), 1):
        net = Network()
        net.say("event", "S1", "Step", recorded=number, status=status)
        net.say("event", f"S{number}-{number}", "Step")
        land(store, net.claims, load=str(number))
    then, now = view(store, as_of=1), view(store)
    assert sorted(then.frames.shown("Step")["status"].to_list(), key=str) == [None, "in_progress"]
    assert sorted(now.frames.shown("Step")["status"].to_list(), key=str) == [None, None, "completed"]
    store.close()


def test_they_go_with_their_view_and_so_does_all_that_queries_worked_out() -> None:
    net = Network()
    net.step("S1", 1, ["object/A"], ["object/B"], type="infusion")
    store = SqliteStore(":memory:")
    land(store, net.claims)
    seen = view(store)
    recall_all(seen, [rid("object", "A")])
    path = "{include: made, path: {step: {type: [infusion]}}}"
    cohort(seen, parsed(f"{{name: c, unit: episode, index: {{step: [infusion]}}, rules: [{path}]}}"))
    frames = weak(seen.frames)
    del seen
    gc.collect()
    assert frames() is None
    store.close()


def test_to_make_them_may_take_longer_than_a_question_about_one_product() -> None:
    """What a View puts together for them begins anew each time, by its own rules of who is heard."""
    net = Network()
    for steward in ("B", "H"):
        net.material("M", steward=steward, type=f"told by {steward}")
    net.material("N", type="sample")
    net.relate("SAME_AS", "object/M", "object/N")
    store = SqliteStore(":memory:")
    land(store, net.claims)
    seen = view(store, deadline=Deadline(0.2))
    frames = seen.without("B").frames
    while not seen.deadline.over():
        pass
    assert frames.shown("Material")["type"].to_list() == ["told by H"]
    seen.deadline.cancel()
    with pytest.raises(DeadlineExceeded):
        seen.frames.shown("Material")
    store.close()
