"""What a statement read ahead for the next questions of the same view, so that a lineage costs few round trips.

Whoever asks what acted on objects goes on to ask what else took part in those packings, and what is said of the events
and containers; whoever walks a genealogy, what is said of its records. All of it is fixed by commit and stewards.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import TypeVar
from weakref import WeakKeyDictionary

from graph.claims import Edge
from graph.store import Scope, State

T = TypeVar("T")


class Ahead:
    """States by id and acts by event, each handed out once: who asks keeps what is answered."""

    def __init__(self) -> None:
        self._states: dict[str, list[State]] = {}
        self._sides: dict[str, list[Edge]] = {}

    def learn(self, ids: Collection[str], states: Iterable[State]) -> None:
        """Take in all that stands of `ids`."""
        told = defaultdict(list)
        for state in states:
            told[state.record].append(state)
        for record in ids:
            self._states[record] = told[record]

    def learn_sides(self, events: Collection[str], sides: Iterable[Edge]) -> None:
        """Take in all `SUBJECT_OF` into `events`."""
        told = defaultdict(list)
        for edge in sides:
            told[edge.target].append(edge)
        for event in events:
            self._sides[event] = told[event]

    def states(self, ids: Collection[str]) -> tuple[list[State], list[str]]:
        """States of those of `ids` that were read ahead, and the other ids."""
        return _taken(self._states, ids)

    def sides(self, events: Collection[str]) -> tuple[list[Edge], list[str]]:
        """`SUBJECT_OF` into those of `events` that were read ahead, and the other events."""
        return _taken(self._sides, events)


def _taken(known: dict[str, list[T]], ids: Collection[str]) -> tuple[list[T], list[str]]:
    found: list[T] = []
    others = []
    for record in ids:
        told = known.pop(record, None)
        if told is None:
            others.append(record)
        else:
            found += told
    return found, others


class Aheads:
    """What was read ahead for each scope, forgotten with it."""

    def __init__(self) -> None:
        self._by_scope: WeakKeyDictionary[Scope, Ahead] = WeakKeyDictionary()

    def of(self, scope: Scope) -> Ahead:
        """What was read ahead for a scope."""
        return self._by_scope.setdefault(scope, Ahead())
