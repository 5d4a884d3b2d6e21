"""The tree of a lineage: each record once, below what it belongs to."""

from api.tree import Tree
from graph.sqlite_store import SqliteStore
from graph.view import view
from queries.lineage import Way, lineage
from tests.networks import Network, land, one_order, rid


def drawn(net: Network, cls: str, name: str, way: Way) -> str:
    """The tree of one record, without times and marks."""
    store = SqliteStore(":memory:")
    land(store, net.claims)
    lines = Tree(lineage(view(store), [rid(cls, name)], way), {}).lines()
    store.close()
    return "\n".join(line.split(" (not claimed")[0].split("  2024")[0] + "  (see above)" * ("see above" in line) for line in lines)


def order() -> Network:
    """An order whose steps have types, which is what a tree shows of them."""
    net = one_order()
    for name in ("make", "ship", "infuse", "return"):
        net.say("event", name, "Step", type=name)
    return net


def test_an_order_is_drawn_from_what_happened_last_to_the_beginnings() -> None:
    assert (
        drawn(order(), "episode", "ORDER", "up")
        == """
ORDER
├─ return
└─ DOSE
   ├─ make
   │  ├─ A
   │  └─ P
   ├─ · packing: DEWAR
   ├─ · ship
   └─ · unpacking: DEWAR
PAPERS""".lstrip()
    )


def test_downward_an_order_is_drawn_from_what_happened_first() -> None:
    net = order()
    for name in ("make", "infuse"):
        net.relate("FOR_EPISODE", f"event/{name}", "episode/ORDER")
    assert drawn(net, "episode", "ORDER", "down").splitlines()[:5] == [
        "ORDER",
        "├─ make",
        "│  └─ DOSE",
        "│     ├─ infuse",
        "│     │  └─ P",
    ]


def test_both_ways_what_acted_on_the_root_is_drawn_once() -> None:
    net = Network()
    net.step("make", 1, ["object/A"], ["object/DOSE"], type="making")
    net.act("test", 2, "DOSE", type="testing")
    net.step("use", 3, ["object/DOSE"], ["object/B"], type="using")
    assert (
        drawn(net, "object", "DOSE", "both")
        == """
DOSE
├─ making
│  └─ A
└─ · testing
and what was made of DOSE
└─ using
   └─ B""".lstrip()
    )
