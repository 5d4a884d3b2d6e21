"""The reference walk of a lineage, written once over `neighbours`: what every store's `reach` must equal.

Up follows `OUTPUT` and `INPUT_TO` backwards, down follows them forwards; `SAME_AS` is followed either way. A person
is reached but ends the walk, unless the walk starts there (DESIGN section 3).
"""

from collections.abc import Collection

from graph.claims import Edge, class_of, of_class
from graph.model import CONTAINER
from graph.store import Around, Direction, Reached, Scope, Store, Told

MAKING = ("INPUT_TO", "OUTPUT")


def reach(store: Store, ids: Collection[str], direction: Direction, scope: Scope, limit: int, depth: int | None = None) -> Reached:
    """Everything `ids` were made from (`up`) or that was made of them (`down`), with the relations on the way.

    Breadth-first, one call of `neighbours` a generation and one for its `SAME_AS`: a walk of `depth` steps of making
    costs some 4 * depth + 4 calls. Stops at the first generation with which more than `limit` ids are walked."""
    roots, joins = with_joined(store, ids, scope)
    steps = dict.fromkeys(roots, 0)
    edges = set(joins)
    stopped: set[str] = set()
    frontier = roots
    while frontier:
        if len(steps) > limit:
            stopped.add("RECORDS")
            break
        asking = {n for n in frontier if n in roots or class_of(n) != "person"}
        beyond = {n for n in asking if depth is not None and steps[n] >= depth and class_of(n) != "event"}
        if beyond and store.neighbours(beyond, direction, MAKING, scope):
            stopped.add("DEPTH")
        met = store.neighbours(asking - beyond, direction, MAKING, scope)
        edges.update(met)
        found: dict[str, int] = {}
        for edge in met:
            here, there = (edge.target, edge.source) if direction == "up" else (edge.source, edge.target)
            if there not in steps:
                found[there] = steps[here] + (class_of(here) != "event")
        fresh, joins = with_joined(store, found, scope)
        edges.update(joins)
        frontier = fresh - steps.keys()
        level = {class_of(n): step for n, step in found.items()}
        steps.update({n: level[class_of(n)] for n in frontier})
    objects = of_class("object", steps)
    return Reached(set(steps), list(edges), frozenset(stopped), store.around(objects, scope))


def around(store: Store, ids: Collection[str], scope: Scope) -> Around:
    """What acted on objects and containers; of packings and unpackings among it, all that they acted on.

    The states that come along are those of the events, and of the containers of these packings that are not among `ids`."""
    acts = store.neighbours(ids, "down", ("SUBJECT_OF",), scope)
    sides = store.neighbours({edge.target for edge in acts if edge.role is not None}, "up", ("SUBJECT_OF",), scope)
    told = {edge.target for edge in acts} | {edge.source for edge in sides if edge.role == CONTAINER} - set(ids)
    return Around(sorted({*acts, *sides}, key=lambda edge: edge[:4]), Told(told, store.get(told, scope)))


def with_joined(store: Store, ids: Collection[str], scope: Scope) -> tuple[set[str], set[Edge]]:
    """`ids` with all ids joined to them, and the `SAME_AS` that join them."""
    group, joins = set(ids), set[Edge]()
    frontier = set(ids)
    while frontier:
        scope.deadline.check()
        met = store.neighbours(frontier, "down", ("SAME_AS",), scope)
        joins.update(met)
        frontier = {end for edge in met for end in (edge.source, edge.target)} - group
        group |= frontier
    return group, joins
