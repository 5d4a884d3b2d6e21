"""The costliest handoffs: hours on the way to patients, what about them exceeds the others, and who carries them."""

from collections.abc import Iterator

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.generator import DECOYS, PLANTED
from queries.costliest import Costly, costliest
from queries.handoffs import handoffs
from tests.networks import Network, at, land, rid


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


class Story(Network):
    """A network with handoffs."""

    def hand(self, name: str, giver: str, taker: str, subject: str, carrier: str = "", **hours: float) -> None:
        """A handoff of a thing; times in hours by field name (`released=1`)."""
        self.say("event", name, "Handoff", **{f"{key}_at": at(value) for key, value in hours.items()})
        ends = {"FROM": giver, "TO": taker} | ({"CARRIED_BY": carrier} if carrier else {})
        for relation, end in ends.items():
            self.relate(relation, f"event/{name}", f"organization/{end}")
        self.relate("SUBJECT_OF", f"object/{subject}", f"event/{name}")


def _found(store: SqliteStore, told: Story, most: int = 3) -> tuple[View, list[Costly]]:
    land(store, told.claims)
    seen = view(store)
    return seen, costliest(handoffs(seen), most)


def _pairs(seen: View, found: list[Costly]) -> list[tuple[str, str]]:
    return [(seen.frames.ids([each.giver])[0], seen.frames.ids([each.taker])[0]) for each in found]


def _org(name: str) -> str:
    return rid("organization", name)


def test_samples_and_lots_cost_no_patient_an_hour(store: SqliteStore) -> None:
    told = Story()
    for name, type_ in (("BAG", "starting_material"), ("RETAIN", "retain"), ("QC", "sample"), ("LOT", "media_lot")):
        told.material(name, type=type_)
        told.hand(f"H-{name}", "LAB", f"TO-{name}", name, released=0, accepted=5 if name == "BAG" else 500)
    seen, found = _found(store, told)
    assert _pairs(seen, found) == [(_org("LAB"), _org("TO-BAG"))]
    assert found[0].hours == 5


def test_what_exceeds_the_others_most_is_told_with_both_medians(store: SqliteStore) -> None:
    told = Story()
    for n in range(3):
        told.material(f"BAG-{n}", type="starting_material")
        told.hand(f"SLOW-{n}", "LAB", "MAKER", f"BAG-{n}", "VAN", released=0, picked_up=40 + n, delivered=50 + n, accepted=51 + n)
        told.hand(f"GOOD-{n}", "WARD", "MAKER", f"BAG-{n}", "VAN", released=0, picked_up=1, delivered=13, accepted=14)
    seen, (first, second) = _found(store, told)
    assert _pairs(seen, [first]) == [(_org("LAB"), _org("MAKER"))]
    assert (first.part, first.median_s, first.others_s) == ("picked_up", 41 * 3600, 3600)
    assert second.part == "carried", "the way takes 12 hours here, 10 there"
    assert first.carrier is not None
    assert seen.frames.ids([first.carrier])[0] == _org("VAN")


def test_handoffs_without_a_carrier_are_compared_with_their_like(store: SqliteStore) -> None:
    told = Story()
    told.material("BAG", type="starting_material")
    told.hand("BY-HAND", "QC", "STORE", "BAG", released=0, accepted=30)
    told.hand("QUICK", "LAB", "QC", "BAG", released=0, accepted=2)
    told.hand("SENT", "STORE", "WARD", "BAG", "VAN", released=0, picked_up=1, delivered=9, accepted=10)
    _, found = _found(store, told, 1)
    assert [(each.part, each.median_s, each.others_s) for each in found] == [("taken_over", 30 * 3600, 2 * 3600)]


def test_it_is_late_by_the_median_of_what_came_after_the_agreed_time(store: SqliteStore) -> None:
    told = Story()
    told.material("BAG", type="starting_material")
    for n, delivered in enumerate((8, 13, 15)):
        told.hand(f"H-{n}", "LAB", "MAKER", "BAG", "VAN", released=0, delivered=delivered, accepted=20, agreed_delivery=10)
    _, [found] = _found(store, told)
    assert (found.late, found.late_by_s) == (2, 4 * 3600)


def test_what_nobody_recorded_is_not_made_up(store: SqliteStore) -> None:
    told = Story()
    told.material("BAG", type="starting_material")
    told.hand("H", "LAB", "MAKER", "BAG", released=0, accepted=5)
    _, [found] = _found(store, told)
    assert (found.part, found.median_s, found.others_s, found.late, found.carrier) == (None, None, None, 0, None)


def test_of_a_network_they_are_the_planted_ones_and_no_decoy(network_view: View) -> None:
    found = costliest(handoffs(network_view), 3)
    pairs = {tuple(network_view.frames.keys([each.giver, each.taker]).str.strip_prefix("org:")) for each in found}
    assert pairs == set(PLANTED.values())
    assert not pairs & {pair for group in DECOYS.values() for pair in group}
    assert {each.part for each in found} == {"taken_over", "picked_up"}
