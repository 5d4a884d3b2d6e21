"""Walks and containment, held against an independent oracle, on every store."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import times, walk
from graph.claims import Claim
from graph.store import Scope, Store
from graph.view import view
from queries.lineage import lineage
from tests.contract.oracle import ALWAYS, NEVER, Facts
from tests.networks import FEW, WAYS, Network, at, everything, example, ids_of, land, networks, rid


def test_a_chain_of_sixty_steps_is_walked_to_its_end(store: Store) -> None:
    net = Network()
    for n in range(60):
        net.step(f"S{n}", n, [f"object/M{n}"], [f"object/M{n + 1}"])
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "M60")])
    assert found.completeness.total == 121
    assert found.completeness.depth_reached == 60
    shallow = lineage(view(store), [rid("object", "M60")], depth=3)
    assert (shallow.completeness.total, shallow.completeness.reasons) == (7, ("DEPTH",))


def test_a_dense_diamond_is_walked_once_a_node(store: Store) -> None:
    net = Network()
    layers, width = 8, 4
    for layer in range(layers):
        inputs = [f"object/L{layer}-{n}" for n in range(width)]
        outputs = [f"object/L{layer + 1}-{n}" for n in range(width)]
        for n in range(width):
            net.step(f"S{layer}-{n}", layer, inputs, [outputs[n]])
    land(store, net.claims)
    found = store.reach([rid("object", f"L{layers}-0")], "up", everything(store), 10_000)
    assert len(found.walked) == layers * width + (layers - 1) * width + 1 + 1
    assert len(found.edges) == len(set(found.edges))


def test_a_cycle_is_walked_once(store: Store) -> None:
    net = Network()
    net.step("S1", 1, ["object/A"], ["object/B"])
    net.step("S2", 2, ["object/B"], ["object/A"])
    land(store, net.claims)
    for name in ("A", "B"):
        for way in WAYS:
            assert lineage(view(store), [rid("object", name)], way).completeness.total == 4


def test_a_person_ends_the_walk_unless_it_is_the_root(store: Store) -> None:
    net = Network()
    net.step("earlier", 1, ["object/OLD"], ["person/P"])
    net.step("collect", 2, ["person/P"], ["object/A"])
    land(store, net.claims)
    assert rid("object", "OLD") not in lineage(view(store), [rid("object", "A")]).records
    assert rid("object", "OLD") in lineage(view(store), [rid("person", "P")]).records


def test_too_many_records_are_told_as_a_limit(store: Store) -> None:
    net = Network()
    for n in range(20):
        net.step(f"S{n}", n, [f"object/M{n}"], [f"object/M{n + 1}"])
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "M20")], limit=10)
    assert found.completeness.truncated
    assert found.completeness.reasons == ("RECORDS",)


@FEW
@given(data=st.data(), claims=networks())
def test_the_walk_is_reachability_and_the_stores_shortcut_equals_it(
    data: st.DataObject, claims: list[Claim], fresh: Callable[[], Store]
) -> None:
    _walk_is_reachability(fresh(), claims, data.draw(st.sampled_from(WAYS)), data.draw(st.sampled_from([None, "H", "B"])))


@pytest.mark.parametrize("seed", range(6))
def test_the_walk_is_reachability_on_every_store(store: Store, seed: int) -> None:
    claims = example(seed)
    for steward in (None, "H"):
        _walk_is_reachability(store, claims, WAYS[seed % 2], steward)


def _walk_is_reachability(store: Store, claims: list[Claim], way: str, steward: str | None) -> None:
    moment = times.now()
    if store.head() is None:
        half = len(claims) // 2
        for number, part in enumerate((claims[:half], claims[half:])):
            land(store, part, moment=moment, load=str(number))
    stewards = None if steward is None else frozenset((steward,))
    scope = Scope(everything(store).commit, stewards)
    facts = Facts(claims, moment, None if steward is None else {steward})
    for record in ids_of(claims):
        found = store.reach([record], way, scope, 10_000)  # type: ignore[arg-type]
        reference = walk.reach(store, [record], way, scope, 10_000)  # type: ignore[arg-type]
        assert found.walked == reference.walked
        assert set(found.edges) == set(reference.edges)
        assert {facts.named(r) for r in found.walked} == facts.walked(facts.named(record), way)


@FEW
@given(claims=networks())
def test_containment_is_what_a_brute_force_reading_finds(claims: list[Claim], fresh: Callable[[], Store]) -> None:
    _containment_is_brute_force(fresh(), claims)


@pytest.mark.parametrize("seed", range(4))
def test_containment_is_the_same_on_every_store(store: Store, seed: int) -> None:
    _containment_is_brute_force(store, example(seed))


def _containment_is_brute_force(store: Store, claims: list[Claim]) -> None:
    moment = times.now()
    land(store, claims, moment=moment)
    facts = Facts(claims, moment)
    seen = view(store)
    for record in sorted({facts.named(r) for r in ids_of(claims) if r.startswith("object-")}):
        found = lineage(seen, [record])
        stays = {
            (r.target, NEVER if r.start is None else r.start, ALWAYS if r.end is None else r.end)
            for r in found.relations
            if r.type == "CONTAINED_IN" and r.source == record
        }
        assert stays == {stay for stay in facts.stays(record) if stay[1] < stay[2]}


@FEW
@given(claims=networks())
def test_down_is_the_exact_mirror_of_up(claims: list[Claim], fresh: Callable[[], Store]) -> None:
    store = fresh()
    land(store, claims)
    seen = view(store)
    records = sorted({record for text in ids_of(claims) for record in seen.find(text)})
    up, down = ({record: set(lineage(seen, [record], way).records) for record in records} for way in WAYS)
    for one in records:
        assert {other for other in records if other in down[one]} == {other for other in records if one in up[other]}


def test_an_order_stands_for_what_a_viewer_may_know_to_be_for_it(store: Store) -> None:
    net = Network()
    net.step("make", 1, ["object/A"], ["object/DOSE"])
    net.relate("FOR_EPISODE", "object/DOSE", "episode/ORDER", steward="H")
    net.act("ship", 2, "BAG", steward="B")
    net.relate("FOR_EPISODE", "event/ship", "episode/ORDER", steward="B")
    land(store, net.claims)
    order, all_of_h = rid("episode", "ORDER"), {rid("object", "A"), rid("object", "DOSE"), rid("event", "make")}
    all_of_b = {rid("object", "BAG"), rid("event", "ship")}
    for viewer, known in ((None, all_of_h | all_of_b), ("H", all_of_h), ("B", all_of_b)):
        assert lineage(view(store, viewer), [order]).records.keys() == {order} | known


def test_a_late_packing_puts_its_content_inside(store: Store) -> None:
    net = Network()
    net.material("A")
    net.act("ship", 5, "BOX")
    net.pack("unpack", 9, "BOX", ["A"], out=True)
    land(store, net.claims)
    before = lineage(view(store), [rid("object", "A")])
    assert rid("event", "ship") in before.records
    late = Network()
    late.pack("pack", 7, "BOX", ["A"])
    land(store, late.claims, load="late")
    assert rid("event", "ship") not in lineage(view(store), [rid("object", "A")]).records
    assert rid("event", "ship") in lineage(view(store, as_of=1), [rid("object", "A")]).records


def test_an_unpacking_of_another_content_does_not_end_a_stay(store: Store) -> None:
    net = Network()
    net.pack("pack", 1, "BOX", ["A", "B"])
    net.pack("unpack-b", 2, "BOX", ["B"], out=True)
    net.act("ship", 3, "BOX")
    net.pack("unpack-a", 4, "BOX", ["A"], out=True)
    net.act("later", 5, "BOX")
    land(store, net.claims)
    events = {
        name for name in ("ship", "later", "unpack-b") if rid("event", name) in lineage(view(store), [rid("object", "A")]).records
    }
    assert events == {"ship", "unpack-b"}


def test_nested_containers_share_what_happened_while_inside(store: Store) -> None:
    net = Network()
    net.pack("in-rack", 1, "RACK", ["BAG"])
    net.act("before", 2, "DEWAR")
    net.pack("in-dewar", 3, "DEWAR", ["RACK"])
    net.act("during", 4, "DEWAR")
    net.pack("emptied", 5, "DEWAR", [], out=True)
    net.act("after", 6, "DEWAR")
    net.pack("out-rack", 7, "RACK", ["BAG"], out=True)
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "BAG")]).records
    assert {n for n in ("before", "during", "emptied", "after") if rid("event", n) in found} == {"during", "emptied"}
    assert rid("object", "BAG") in lineage(view(store), [rid("object", "DEWAR")]).records


def test_an_unpacking_after_the_period_tells_of_a_stay_in_it(store: Store) -> None:
    net = Network()
    net.pack("out-bag", 2, "RACK", ["BAG"], out=True)
    net.pack("in-box", None, "BOX", ["RACK"])
    net.pack("in-dewar", 2, "DEWAR", ["RACK"])
    net.pack("filled", None, "DEWAR", [])
    net.pack("out-box", 3, "DEWAR", ["BOX"], out=True)
    land(store, net.claims)
    seen = view(store)
    assert rid("event", "filled") in lineage(seen, [rid("object", "BAG")]).records
    assert rid("object", "BAG") in lineage(seen, [rid("event", "filled")], "down").records


def test_what_ended_the_stay_of_a_container_before_its_content_came_is_not_overlooked(store: Store) -> None:
    net = Network()
    net.pack("in-dewar", None, "DEWAR", ["RACK"])
    net.act("moved", 1, "RACK")
    net.step("fill", 2, [], ["object/BAG"])
    net.pack("out-rack", 3, "RACK", ["BAG"], out=True)
    land(store, net.claims)
    seen = view(store)
    assert rid("object", "DEWAR") not in lineage(seen, [rid("object", "BAG")]).records
    assert rid("object", "BAG") not in lineage(seen, [rid("object", "DEWAR")]).records


@pytest.mark.parametrize("hours", [(2,), (2, 3)])
def test_of_a_container_only_what_happened_with_the_object_inside_is_told(store: Store, hours: tuple[int, ...]) -> None:
    """Whatever else is in the answer, and whether or not the parties agree on the hour: then a store may read more along."""
    net = Network()
    for steward, hour in zip("HB", hours, strict=False):
        net.act("before", hour, "DEWAR", "SAMPLE", steward=steward)
    net.act("joint", 1, "BAG", "SAMPLE")
    net.pack("in-dewar", 7, "DEWAR", ["BAG"])
    land(store, net.claims)
    found = lineage(view(store), [rid("event", "joint")])
    assert {rid("event", "before"), rid("object", "DEWAR")} <= found.records.keys()
    told = {(relation.source, relation.target) for relation in found.relations}
    assert (rid("object", "DEWAR"), rid("event", "in-dewar")) in told
    assert (rid("object", "SAMPLE"), rid("event", "before")) in told
    assert (rid("object", "DEWAR"), rid("event", "before")) not in told


def test_a_container_that_was_never_packed_may_share_a_packing_with_another(store: Store) -> None:
    net = Network()
    net.pack("filled", 1, "DEWAR", ["VIAL"])
    net.relate("SUBJECT_OF", "object/RACK", "event/filled", role="container")
    net.act("shipped", 2, "DEWAR")
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "RACK")]).records
    assert {rid("event", "filled"), rid("event", "shipped"), rid("object", "VIAL")} <= found.keys()


def test_a_container_emptied_before_its_content_came_is_not_around_it(store: Store) -> None:
    net = Network()
    net.pack("in-dewar", 0, "DEWAR", ["RACK"])
    net.pack("emptied", 1, "DEWAR", [], out=True)
    net.step("fill", 2, [], ["object/BAG"])
    net.pack("out-rack", 3, "RACK", ["BAG"], out=True)
    land(store, net.claims)
    seen = view(store)
    assert rid("object", "DEWAR") not in lineage(seen, [rid("object", "BAG")]).records
    assert rid("object", "BAG") not in lineage(seen, [rid("object", "DEWAR")]).records


def test_a_period_leaves_out_only_what_cannot_have_happened_in_it(store: Store) -> None:
    claims = example(5)
    land(store, claims)
    objects = [record for record in ids_of(claims) if record.startswith("object-")]
    first, last = times.span(at(3))[0], times.span(at(5))[0]
    whole, part = (set(store.around(objects, everything(store), period).edges) for period in (None, (first, last)))
    assert part <= whole
    spans = {record: view(store).record(record).span for record in {edge.target for edge in whole}}
    packings = {edge.target for edge in part if edge.role}
    for edge in whole - part:
        span = spans[edge.target]
        assert edge.target not in packings
        assert span is not None
        assert span[1] < first or span[0] > last


def test_a_steward_who_never_spoke_sees_nothing_around_anything(store: Store) -> None:
    claims = example(3)
    land(store, claims)
    seen = view(store, "urn:nobody:never")
    for record in ids_of(claims):
        for direction in ("up", "down"):
            assert seen.reach([record], direction).edges == []
        assert seen.around([record], (0, 2**50)).edges == []
