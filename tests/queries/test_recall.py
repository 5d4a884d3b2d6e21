"""A recall finds every material, dose and person reached, who has each now, and never shows a part as if it were all."""

from collections.abc import Iterator

import pytest
from hypothesis import given

from graph.claims import Claim
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.view import view
from queries.mass_recall import recall_all
from queries.recall import Reached, recall
from tests.networks import FEW, Network, at, ids_of, land, networks, performed, rid


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty graph in memory."""
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


def handoff(net: Network, name: str, subject: str, **moments: str) -> None:
    """The blood centre gives to the hospital by a carrier."""
    net.say("event", name, "Handoff", recorded=None, **moments)
    for type_, party in (("FROM", "CENTRE"), ("CARRIED_BY", "CARRIER"), ("TO", "HOSPITAL")):
        net.relate(type_, f"event/{name}", f"organization/{party}")
    net.relate("SUBJECT_OF", f"object/{subject}", f"event/{name}")


def test_a_bad_lot_reaches_materials_doses_and_persons(store: Store) -> None:
    net = Network()
    net.material("LOT", type="vector_lot")
    net.material("CELLS", type="intermediate")
    for name in ("D1", "D2"):
        net.material(name, type="dose")
    net.say("person", "P", "Person")
    net.step("transduce", 1, ["object/LOT"], ["object/CELLS"])
    net.step("fill", 2, ["object/CELLS"], ["object/D1", "object/D2"])
    net.step("infuse", 3, ["object/D1"], ["person/P"], type="infusion")
    land(store, net.claims)
    found = recall(view(store), [rid("object", "LOT")])
    assert found.reached == Reached(materials=4, doses=2, persons=1)
    assert found.custodian[rid("object", "D1")] == rid("person", "P")
    assert found.status[rid("object", "D1")] == "infused"
    assert found.status[rid("object", "LOT")] == "used"


@pytest.mark.parametrize(
    ("moments", "custodian", "status"),
    [
        ({"released_at": at(1)}, "CENTRE", "in_transit"),
        ({"released_at": at(1), "picked_up_at": at(2)}, "CARRIER", "in_transit"),
        ({"released_at": at(1), "picked_up_at": at(2), "delivered_at": at(3)}, "CARRIER", "in_transit"),
        ({"released_at": at(1), "picked_up_at": at(2), "accepted_at": at(4)}, "HOSPITAL", "accepted"),
        ({"released_at": at(1), "picked_up_at": at(2), "refused_at": at(4)}, "CARRIER", "refused"),
    ],
)
def test_custody_is_with_the_giver_until_picked_up_and_with_the_taker_once_accepted(
    store: Store, moments: dict[str, str], custodian: str, status: str
) -> None:
    net = Network()
    net.material("BAG")
    handoff(net, "H1", "BAG", **moments)
    land(store, net.claims)
    found = recall(view(store), [rid("object", "BAG")])
    assert found.custodian[rid("object", "BAG")] == rid("organization", custodian)
    assert found.status[rid("object", "BAG")] == status


def test_an_infusion_that_is_only_planned_has_given_nothing_to_the_patient(store: Store) -> None:
    net = Network()
    net.material("DOSE", type="dose")
    net.say("person", "P", "Person")
    net.step("fill", 2, [], ["object/DOSE"])
    net.step("infuse", 3, ["object/DOSE"], ["person/P"], type="infusion", status="planned")
    net.act("test", 4, "DOSE", status="planned")
    for step, party in (("fill", "CENTRE"), ("infuse", "HOSPITAL"), ("test", "LAB")):
        net.relate("PERFORMED_BY", f"event/{step}", f"organization/{party}")
    land(store, net.claims)
    root = rid("object", "DOSE")
    seen = view(store)
    assert recall(seen, [root]).custodian[root] == rid("organization", "CENTRE")
    told = {row["id"]: row["custodian"] for row in recall_all(seen, [root]).rows.to_dicts()}
    assert told[root] == rid("organization", "CENTRE")


def test_a_box_that_is_handed_over_takes_the_custody_of_its_content_with_it(store: Store) -> None:
    net = Network()
    net.material("BAG")
    net.pack("in", 0, "BOX", ["BAG"])
    handoff(net, "H1", "BOX", released_at=at(1), accepted_at=at(4))
    land(store, net.claims)
    assert recall(view(store), [rid("object", "BAG")]).custodian[rid("object", "BAG")] == rid("organization", "HOSPITAL")


def test_the_last_event_in_time_tells_whatever_came_last_into_the_graph(store: Store) -> None:
    net = Network()
    net.material("BAG", status="stated")
    net.act("thaw", 9, "BAG", type="thaw")
    net.act("freeze", 3, "BAG", type="cryopreservation")
    net.act("undated", None, "BAG", type="discard")
    land(store, net.claims)
    assert recall(view(store), [rid("object", "BAG")]).status[rid("object", "BAG")] == "thawed"


def frozen_retain() -> Network:
    """A lot goes into cells, of which a retain is frozen; it is put into a box, which nothing happens to."""
    net = Network()
    net.material("LOT", type="vector_lot")
    net.material("RETAIN", type="retain")
    net.step("make", 1, ["object/LOT"], ["object/CELLS"])
    net.step("freeze", 2, ["object/CELLS"], ["object/RETAIN"], type="cryopreservation")
    net.relate("PERFORMED_BY", "event/freeze", "organization/LAB")
    net.pack("store", 3, "BOX", ["RETAIN"])
    return net


@pytest.mark.parametrize(("cls", "root"), [("object", "LOT"), ("object", "RETAIN"), ("object", "BOX"), ("event", "store")])
def test_whoever_made_a_thing_has_it_until_more_happens_to_it_whatever_is_recalled(store: Store, cls: str, root: str) -> None:
    land(store, frozen_retain().claims)
    found = recall(view(store), [rid(cls, root)])
    assert found.custodian[rid("object", "RETAIN")] == rid("organization", "LAB")
    assert found.status[rid("object", "RETAIN")] == "cryopreserved"


@FEW
@given(claims=networks().map(performed))
def test_who_has_a_thing_and_in_what_state_does_not_depend_on_what_is_recalled(claims: list[Claim]) -> None:
    store = SqliteStore(":memory:")
    land(store, claims)
    seen, told = view(store), dict[str, tuple[str | None, str | None]]()
    for root in sorted({min(group) for group in seen.joined(ids_of(claims)).values()}):
        found = recall(seen, [root])
        for record in found.custodian.keys() & found.lineage.depth.keys():
            word = found.custodian[record], found.status[record]
            assert told.setdefault(record, word) == word
    store.close()


def test_what_made_a_root_is_not_among_what_the_recall_reached(store: Store) -> None:
    land(store, frozen_retain().claims)
    found = recall(view(store), [rid("object", "RETAIN")])
    assert found.lineage.records.keys() == {rid("object", "RETAIN"), rid("object", "BOX"), rid("event", "store")}
    assert found.reached == Reached(materials=1, doses=0, persons=0)


def test_what_came_after_the_making_of_a_root_has_the_last_word(store: Store) -> None:
    net = frozen_retain()
    net.act("thaw", 5, "RETAIN", type="thaw")
    net.relate("PERFORMED_BY", "event/thaw", "organization/HOSPITAL")
    land(store, net.claims)
    found = recall(view(store), [rid("object", "RETAIN")])
    assert found.custodian[rid("object", "RETAIN")] == rid("organization", "HOSPITAL")
    assert found.status[rid("object", "RETAIN")] == "thawed"


def test_a_root_that_is_one_with_what_was_made_is_held_by_its_maker(store: Store) -> None:
    net = frozen_retain()
    net.relate("SAME_AS", "object/RETAIN", "object/ARCHIVED")
    land(store, net.claims)
    for root in ("RETAIN", "ARCHIVED"):
        found = recall(view(store), [rid("object", root)])
        assert {*filter(None, found.custodian.values())} == {rid("organization", "LAB")}


def test_a_root_made_by_a_step_that_the_viewer_may_not_see_is_held_by_nobody_it_knows(store: Store) -> None:
    net = frozen_retain()
    net.say("object", "RETAIN", "Material", steward="B", status="stored")
    land(store, net.claims)
    found = recall(view(store, "B"), [rid("object", "RETAIN")])
    assert found.custodian[rid("object", "RETAIN")] is None
    assert found.status[rid("object", "RETAIN")] == "stored"


def test_a_root_made_by_a_step_that_failed_is_not_in_the_state_it_should_have_come_to(store: Store) -> None:
    net = Network()
    net.step("freeze", 2, [], ["object/RETAIN"], type="cryopreservation", status="failed")
    land(store, net.claims)
    assert recall(view(store), [rid("object", "RETAIN")]).status[rid("object", "RETAIN")] == "failed"


def test_where_no_event_tells_the_status_is_the_stated_one(store: Store) -> None:
    net = Network()
    net.material("BAG", status="quarantined")
    land(store, net.claims)
    assert recall(view(store), [rid("object", "BAG")]).status[rid("object", "BAG")] == "quarantined"


def test_a_recall_of_a_donor_and_of_a_handoff_reach_what_came_after(store: Store) -> None:
    net = Network()
    net.say("person", "DONOR", "Person")
    net.material("BAG")
    net.material("DOSE", type="dose")
    net.step("collect", 0, ["person/DONOR"], ["object/BAG"])
    handoff(net, "H1", "BAG", released_at=at(1))
    net.step("make", 5, ["object/BAG"], ["object/DOSE"])
    land(store, net.claims)
    for root in (rid("person", "DONOR"), rid("event", "H1")):
        reached = recall(view(store), [root]).reached
        assert reached is not None
        assert reached.doses == 1


def test_a_part_is_never_counted_as_if_it_were_all(store: Store) -> None:
    net = Network()
    for n in range(20):
        net.step(f"S{n}", n, [f"object/M{n}"], [f"object/M{n + 1}"])
    land(store, net.claims)
    found = recall(view(store), [rid("object", "M0")], limit=10)
    assert found.lineage.completeness.reasons == ("RECORDS",)
    assert found.reached is None
