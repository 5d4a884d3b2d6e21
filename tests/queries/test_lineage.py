"""Lineage as DESIGN section 3 defines it, told as small stories on the embedded store."""

from collections.abc import Iterator

import pytest

from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.view import view
from queries.lineage import Lineage, Way, lineage
from queries.recall import period
from tests.networks import BASE, HOUR, Network, land, one_order, rid


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty graph in memory."""
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


def asked(store: Store, net: Network, root: str, way: Way = "up") -> Lineage:
    """The lineage of `class/name` once a network has landed."""
    land(store, net.claims)
    return lineage(view(store), [rid(*root.split("/"))], way)


def has(found: Lineage, *names: str) -> list[bool]:
    """Which of these records of the form `class/name` are in an answer."""
    return [rid(*name.split("/")) in found.records for name in names]


def test_up_of_an_object_does_not_hold_the_step_that_consumes_it(store: Store) -> None:
    net = Network()
    net.step("make", 1, ["object/A"], ["object/B"])
    net.step("use", 2, ["object/B"], ["object/C"])
    found = asked(store, net, "object/B")
    assert has(found, "object/A", "event/make", "event/use", "object/C") == [True, True, False, False]


def test_up_of_an_event_is_what_it_consumed_and_acted_on_and_their_lineage(store: Store) -> None:
    net = Network()
    net.step("make", 1, ["object/A"], ["object/B", "object/T"])
    net.step("use", 2, ["object/B"], ["object/C"])
    net.act("test", 3, "T")
    land(store, net.claims)
    assert has(lineage(view(store), [rid("event", "use")]), "event/make", "object/A", "object/B", "object/C") == [
        True,
        True,
        True,
        False,
    ]
    assert has(lineage(view(store), [rid("event", "test")]), "object/T", "event/make", "object/A", "object/B") == [True] * 3 + [
        False
    ]


def test_down_of_an_event_is_everything_it_acted_on_and_all_made_of_that(store: Store) -> None:
    net = Network()
    net.act("irradiate", 1, "A")
    net.step("make", 2, ["object/A"], ["object/B"])
    assert has(asked(store, net, "event/irradiate", "down"), "object/A", "event/make", "object/B") == [True] * 3


def test_a_container_as_an_input_means_what_it_held_at_that_time(store: Store) -> None:
    net = Network()
    net.pack("in", 1, "RACK", ["A", "B"])
    net.pack("out", 2, "RACK", ["B"], out=True)
    net.step("make", 3, ["object/RACK"], ["object/C"])
    net.pack("late", 4, "RACK", ["D"])
    land(store, net.claims)
    assert has(lineage(view(store), [rid("object", "C")]), "object/A", "object/B", "object/D") == [True, False, False]
    for name, reached in (("A", True), ("B", False), ("D", False)):
        assert has(lineage(view(store), [rid("object", name)], "down"), "object/C") == [reached]


def test_a_container_as_a_root_is_all_it_held_in_the_period_asked_about(store: Store) -> None:
    net = Network()
    net.pack("in-a", 1, "RACK", ["A"])
    net.pack("out-a", 2, "RACK", ["A"], out=True)
    net.pack("in-b", 30, "RACK", ["B"])
    land(store, net.claims)
    rack = [rid("object", "RACK")]
    assert has(lineage(view(store), rack, "down"), "object/A", "object/B") == [True, True]
    assert has(lineage(view(store), rack, "down", period=period("2024-01-02", None)), "object/A", "object/B") == [False, True]
    assert has(lineage(view(store), rack, "down", period=period(None, "2024-01-01")), "object/A", "object/B") == [True, False]


def test_what_acted_on_an_ancestor_after_its_last_use_is_marked(store: Store) -> None:
    net = Network()
    net.act("before", 1, "LOT")
    net.step("make", 2, ["object/LOT"], ["object/DOSE"])
    net.act("after", 3, "LOT")
    net.act("release", 4, "DOSE")
    assert asked(store, net, "object/DOSE").after_use == {rid("event", "after")}


def test_an_object_never_unpacked_counts_as_inside_until_it_is_next_acted_on(store: Store) -> None:
    net = Network()
    net.pack("in", 1, "BOX", ["A"])
    net.act("ship", 2, "BOX")
    net.act("thaw", 3, "A")
    net.act("reuse", 4, "BOX")
    assert has(asked(store, net, "object/A"), "event/ship", "event/thaw", "event/reuse") == [True, True, False]


def test_a_handoff_of_a_box_is_in_the_lineage_of_its_content_with_the_stay(store: Store) -> None:
    net = Network()
    net.pack("in", 1, "BOX", ["A"])
    net.act("ship", 2, "BOX")
    net.pack("out", 3, "BOX", ["A"], out=True)
    found = asked(store, net, "object/A")
    [stay] = [relation for relation in found.relations if relation.type == "CONTAINED_IN"]
    assert (stay.source, stay.target) == (rid("object", "A"), rid("object", "BOX"))
    assert stay.start is not None
    assert stay.end is not None
    assert stay.end - stay.start == 2 * 3_600_000_000
    assert has(found, "event/in", "event/ship", "event/out", "object/BOX") == [True] * 4


def test_two_parties_who_state_one_relation_are_both_named_on_it(store: Store) -> None:
    net = Network()
    for steward in ("H", "B"):
        net.step("make", 1, ["object/A"], ["object/B"], steward=steward)
    found = asked(store, net, "object/B")
    assert {relation.stewards for relation in found.relations} == {("B", "H")}
    assert len(found.relations) == 2


def test_both_is_up_and_down_together_and_no_more(store: Store) -> None:
    net = Network()
    net.step("make", 1, ["object/A", "object/X"], ["object/B"])
    net.step("use", 2, ["object/B"], ["object/C"])
    net.step("other", 2, ["object/X"], ["object/Y"])
    land(store, net.claims)
    up, down, both = (lineage(view(store), [rid("object", "B")], way) for way in ("up", "down", "both"))
    assert set(both.records) == set(up.records) | set(down.records)
    assert not has(both, "object/Y")[0]


def test_kinds_keep_records_of_these_kinds_and_the_relations_between_them(store: Store) -> None:
    net = Network()
    for name in "AB":
        net.material(name)
    net.step("make", 1, ["object/A"], ["object/B"])
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "B")], kinds=["Material"])
    assert {record.kind for record in found.records.values()} == {"Material"}
    assert found.relations == []
    assert found.completeness.total == 2
    assert found.completeness.whole


def test_stays_that_differ_in_who_tells_them_alone_are_in_order_of_that(store: Store) -> None:
    """So that an answer asked for again is the same, letter by letter."""
    net = Network()
    stewards = [f"PARTY-{number}" for number in range(8)]
    for number, steward in enumerate(stewards):
        net.pack(f"in-{number}", None, "BOX", ["BAG"], steward=steward)
    found = asked(store, net, "object/BAG", "both")
    assert [relation.stewards for relation in found.relations if relation.type == "CONTAINED_IN"] == [(each,) for each in stewards]


def test_what_acted_on_an_outer_container_is_told_though_it_was_emptied_after_the_object_had_left_the_inner_one(
    store: Store,
) -> None:
    """The rack was handled by itself while it stood in the dewar: that ends its stay only where nothing else does."""
    net = Network()
    net.pack("rack-in", 0, "DEWAR", ["RACK"])
    net.pack("in", 1, "RACK", ["VIAL"])
    net.act("inspected", 2, "RACK")
    net.act("warmed", 2.5, "DEWAR")
    net.pack("out", 3, "RACK", ["VIAL"], out=True)
    net.act("washed", 10, "DEWAR")
    net.pack("emptied", 11, "DEWAR", [], out=True)
    found = asked(store, net, "object/VIAL")
    assert has(found, "event/inspected", "event/warmed", "event/washed") == [True, True, False]
    ends = {relation.target: relation.end for relation in found.relations if relation.type == "CONTAINED_IN"}
    assert ends[rid("object", "DEWAR")] == BASE + 11 * HOUR


def test_an_order_is_what_is_said_to_be_for_it_with_its_lineage(store: Store) -> None:
    found = asked(store, one_order(), "episode/ORDER")
    assert found.roots == (rid("episode", "ORDER"),)
    assert all(has(found, "episode/ORDER", "object/DOSE", "event/make", "object/A", "person/P", "event/load", "event/ship"))
    assert not has(found, "event/infuse")[0]
    serving = [relation.source for relation in found.relations if relation.type == "FOR_EPISODE"]
    assert sorted(serving) == sorted([rid("event", "ship"), rid("event", "return"), rid("object", "DOSE")])


def test_an_order_has_what_its_shipments_carried_and_nothing_else_of_their_containers(store: Store) -> None:
    found = asked(store, one_order(), "episode/ORDER")
    assert all(has(found, "object/PAPERS", "object/DEWAR", "event/return"))
    assert not any(has(found, "object/OTHER", "event/ship other", "event/load other", "event/other"))
    acts = {relation.target for relation in found.relations if relation.source == rid("object", "DEWAR")}
    assert acts == {rid("event", name) for name in ("load", "ship", "empty", "return")}


def test_what_was_made_of_an_order_is_made_of_what_is_for_it(store: Store) -> None:
    found = asked(store, one_order(), "episode/ORDER", "down")
    assert all(has(found, "object/DOSE", "event/infuse", "person/P"))
    assert not any(has(found, "event/make", "event/ship other", "object/OTHER"))


def test_no_walk_from_elsewhere_leads_to_an_order(store: Store) -> None:
    net = one_order()
    land(store, net.claims)
    for name in ("object/DOSE", "event/ship", "object/DEWAR", "person/P"):
        assert not has(lineage(view(store), [rid(*name.split("/"))], "both"), "episode/ORDER")[0]


def test_an_order_of_two_ids_is_one(store: Store) -> None:
    net = one_order()
    net.relate("FOR_EPISODE", "event/other", "episode/SAME")
    net.relate("SAME_AS", "episode/ORDER", "episode/SAME")
    land(store, net.claims)
    one, other = (lineage(view(store), [view(store).resolve(rid("episode", name))]) for name in ("ORDER", "SAME"))
    assert one.records.keys() == other.records.keys()
    assert all(has(one, "event/other", "object/Y", "object/DOSE"))
