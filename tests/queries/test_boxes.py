"""What happened in containers is the same whether they are read whole or only over the time in which they held what is asked."""

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import snapshot, walk
from graph.claims import Claim
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.store import Around, Deadline, Direction, Reached, Scope
from graph.view import View, view
from queries import lineage as asking
from queries.containment import EVER, Holdings, Window
from queries.lineage import Lineage, lineage
from tests.networks import FEW, Network, ids_of, land

BOXES = ("RACK", "DEWAR", "SHIPPER", "FREEZER")
BAGS = ("BAG", "VIAL", "DOSE")
LONG = 3600.0
STEWARDS = ("H", "B")
HOURS = st.one_of(*[st.integers(0, 12)] * 6, st.none())


class WholeStore(SqliteStore):
    """The reference walk, and all that ever acted on a container whenever it is asked about."""

    def reach(self, ids: Collection[str], direction: Direction, scope: Scope, limit: int) -> Reached:
        return walk.reach(self, ids, direction, scope, limit)

    def around(self, ids: Collection[str], scope: Scope, period: tuple[int, int] | None = None) -> Around:
        return walk.around(self, ids, scope)


class WholeHoldings(Holdings):
    """Every container met is read whole, whatever it held when."""

    def _missing(self) -> dict[str, Window]:
        met = {record for box in self._boxes for record in self.ids(box)}
        return dict.fromkeys(met - self._asked - self._over.keys(), EVER)


@st.composite
def loaded_boxes(draw: st.DrawFn) -> list[Claim]:
    """Containers in containers: packed again without being emptied, emptied of what is not named, moved while loaded, acted on
    and used up; undated events, two stewards who tell different times, and objects, boxes and events of several ids."""
    net = Network()
    stewards = st.sampled_from(STEWARDS)
    for number in range(draw(st.integers(2, 10))):
        level = draw(st.integers(0, len(BOXES) - 1))
        below = st.sampled_from((*BAGS, *BOXES) if draw(st.integers(0, 5)) == 0 else BOXES[level - 1 : level] or BAGS)
        inside, out = draw(st.lists(below, max_size=2, unique=True)), draw(st.sampled_from((False, False, True)))
        net.pack(f"K{number}", draw(HOURS), BOXES[level], inside, out=out, steward=draw(stewards))
    for number in range(draw(st.integers(0, 4))):
        net.act(f"A{number}", draw(HOURS), draw(st.sampled_from((*BOXES, *BOXES, *BAGS))), steward=draw(stewards))
    for number in range(draw(st.integers(0, 3))):
        ends = [draw(st.lists(st.sampled_from((*BAGS, *BAGS, *BOXES)), max_size=1)) for _ in range(2)]
        inputs, outputs = ([f"object/{name}" for name in names] for names in ends)
        net.step(f"S{number}", draw(HOURS), inputs, outputs, steward=draw(stewards))
    for number in draw(st.lists(st.integers(0, 5), max_size=2)):
        hour = draw(st.integers(0, 9))
        ended = {"ended_at": f"2024-01-01T{hour + draw(st.integers(0, 9)):02}:30:00Z"}
        net.step(f"K{number}", hour, steward=draw(stewards), **ended)
    joined = st.sampled_from((("object", BAGS), ("object", BOXES), ("event", ("K0", "K1", "K2", "A0"))))
    for class_, names in draw(st.lists(joined, max_size=2)):
        one, other = draw(st.permutations(names))[:2]
        net.relate("SAME_AS", f"{class_}/{one}", f"{class_}/{other}", steward=draw(stewards))
    if draw(st.booleans()):
        net.retract("event", draw(st.sampled_from(("K0", "K1", "A0"))), steward=draw(stewards))
    return draw(st.permutations(net.claims)) if draw(st.booleans()) else net.claims


def answer(found: Lineage) -> dict[str, Any]:
    """All that a lineage tells."""
    return vars(found) | {"spans": {record: each.span for record, each in found.records.items()}}


def answers(seen: View, ids: Collection[str]) -> dict[tuple[str, str], Any]:
    return {(record, way): answer(lineage(seen, [record], way)) for record in ids for way in ("up", "down")}


@FEW
@given(claims=loaded_boxes(), cut=st.integers(1, 20))
def test_a_lineage_is_the_same_however_much_of_its_containers_is_read(claims: list[Claim], cut: int) -> None:
    store, whole = SqliteStore(":memory:"), WholeStore(":memory:")
    for each in (store, whole):
        land(each, claims, size=cut, moment=1_750_000_000_000_000)
    columns = SnapshotStore(store, snapshot.take(store, store.head()))
    for viewer in (None, *STEWARDS):
        ids = ids_of(claims)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asking, "Holdings", WholeHoldings)
            expected = answers(view(whole, viewer, deadline=Deadline(LONG)), ids)
        assert answers(view(store, viewer, deadline=Deadline(LONG)), ids) == expected
        assert answers(view(columns, viewer, deadline=Deadline(LONG)), ids) == expected
    store.close()
    whole.close()
