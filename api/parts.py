"""What a snapshot of a part of a graph must hold, found in the store slice by slice: nothing is held but ids and one slice.

A part is told alike to every viewer, so what is taken is what any of them may need: an event is taken if somebody's word, or that
of several, may put it inside. Whether it is, and what acted on what, is judged again from what the viewer sees.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain

import polars as pl

from graph import snapshot_part
from graph.claims import RETRACTED, Edge, class_of
from graph.model import CONTAINER, CONTENT
from graph.part import Part
from graph.record import event_span
from graph.snapshot import Snapshot
from graph.snapshot_part import slices
from graph.store import Commit, Deadline, Direction, Scope, State, Store
from graph.view import View
from queries.handoffs import acts

_ENDS = ("PERFORMED_BY", "AT", "FROM", "TO", "CARRIED_BY")


def part_of(store: Store, commit: Commit | None, part: Part) -> Snapshot:
    """A snapshot of a part of a store at a commit."""
    return _Taking(store, commit, part).snapshot()


class _Taking:
    """One part of a graph being taken."""

    def __init__(self, store: Store, commit: Commit | None, part: Part) -> None:
        self._store, self._commit, self._part = store, commit, part
        self._scope = Scope(commit.number if commit else 0, None, Deadline(float("inf")))
        self._view = self._seen_by(None)

    def _seen_by(self, viewer: str | None) -> View:
        return View(self._store, viewer, self._commit, self._scope.deadline)

    def snapshot(self) -> Snapshot:
        """The events that may be inside, what they may have acted on, and all that is needed to tell of these."""
        events = self._events()
        objects = self._acted_on(events)
        followed, others = self._followed(objects)
        events |= others
        return self._taken(followed | events | self._named(followed | events), followed)

    def _taken(self, kept: Collection[str], followed: Collection[str]) -> Snapshot:
        return snapshot_part.take(self._store, self._commit, self._part, kept, followed)

    # -- reading in slices

    def _edges(self, ids: Collection[str], direction: Direction, *types: str) -> Iterator[Edge]:
        return chain.from_iterable(self._view.neighbours(some, direction, types) for some in slices(ids))

    def _joined(self, ids: Collection[str]) -> set[str]:
        """`ids` with all ids that anybody joins with them."""
        return set(chain.from_iterable(self._view.joined(some) for some in slices(ids)))

    def _walked(self, ids: Collection[str], step: Callable[[set[str]], set[str]]) -> set[str]:
        """`ids` with all that steps lead to, joined."""
        found = set[str]()
        frontier = self._joined(ids)
        while frontier:
            found |= frontier
            frontier = self._joined(step(frontier)) - found
        return found

    # -- events that may be inside

    def _events(self) -> set[str]:
        found = set[str]()
        for some in slices(self._at_sites() if self._part.sites else self._all_events()):
            groups = self._view.joined(some)
            states = self._store.get(groups, self._scope)
            members = dict[str, list[State]]()
            for state in states:
                members.setdefault(min(groups[state.record]), []).append(state)
            met = {record for name, told in members.items() if _may_meet(self._part, told) for record in groups[name]}
            found |= self._serving(met) if self._part.products else met
        return found

    def _all_events(self) -> set[str]:
        claims = self._store.claims(0, self._scope.commit)
        return {entry.claim.record for entry in claims if entry.claim.record.startswith("event-")}

    def _at_sites(self) -> set[str]:
        sites = self._walked(self._part.sites, lambda ids: {edge.source for edge in self._edges(ids, "up", "PART_OF")})
        return {edge.source for edge in self._edges(sites, "up", *_ENDS)}

    def _serving(self, events: set[str]) -> set[str]:
        """Those of events that may be of a journey with one of the products: they tell so, or acted on something of such a
        journey or on a container, which may have held some."""
        acted = [(edge.target, edge.source) for edge in self._edges(events, "up", "SUBJECT_OF", "INPUT_TO")]
        acted += [(edge.source, edge.target) for edge in self._edges(events, "down", "OUTPUT")]
        objects = self._joined({thing for _, thing in acted if class_of(thing) == "object"})
        serving = {edge.source for edge in self._edges(objects, "down", "SUBJECT_OF") if edge.role == CONTAINER}
        orders = [(edge.source, edge.target) for edge in self._edges(objects | events, "down", "FOR_EPISODE")]
        ordered = self._ordered({order for _, order in orders})
        serving = self._joined(serving | {record for record, order in orders if order in ordered})
        return self._joined({event for event, thing in acted if thing in serving} | (events & serving))

    def _ordered(self, episodes: set[str]) -> set[str]:
        """Those of episodes of which somebody says that one of the products was ordered."""
        states = chain.from_iterable(self._store.get(some, self._scope) for some in slices(self._joined(episodes)))
        return self._joined({state.record for state in states if state.standing.fields.get(".therapy") in self._part.products})

    # -- what they may have acted on

    def _acted_on(self, events: set[str]) -> set[str]:
        """The objects that an event acted on, as anybody or everybody sees it, itself or through what held it."""
        direct = {edge.source for edge in self._edges(events, "up", "SUBJECT_OF", "INPUT_TO")}
        direct |= {edge.target for edge in self._edges(events, "down", "OUTPUT")}
        found = self._joined({thing for thing in direct if class_of(thing) == "object"})
        for some in slices(self._walked(found, self._contents) - found):
            found |= self._reached(some, events)
        return self._joined(found)

    def _contents(self, containers: set[str]) -> set[str]:
        """All that was ever packed into containers, or unpacked from them."""
        acted = self._edges(containers, "down", "SUBJECT_OF")
        packings = self._joined({edge.target for edge in acted if edge.role == CONTAINER})
        return {edge.source for edge in self._edges(packings, "up", "SUBJECT_OF") if edge.role == CONTENT}

    def _reached(self, objects: Sequence[str], events: set[str]) -> set[str]:
        """Those of objects that one of the events acted on, for one viewer at least: how long one stayed in a container depends
        on who tells."""
        followed, around = self._followed(objects)
        taken = self._taken(followed | around, followed)
        told, found = taken.numbers(events & around), set[str]()
        telling = [taken.stewards[sid] for sid in taken.states["sid"].unique().sort()]
        for viewer in (None, *telling):
            acted = acts(self._seen_by(viewer).within(taken).scoped_frames)
            met = acted.filter(pl.col("event").is_in(pl.Series(told).implode()))["object"].unique()
            found.update(taken.named(met.to_numpy()))
        return found

    # -- what is needed to tell of them

    def _followed(self, objects: Collection[str]) -> tuple[set[str], set[str]]:
        """`(objects, events)`: these objects and whatever they were ever in, and all that ever acted on any of them."""
        events = set[str]()

        def holders(ids: set[str]) -> set[str]:
            acted = [*self._edges(ids, "down", "SUBJECT_OF", "INPUT_TO")]
            made = {edge.source for edge in self._edges(ids, "up", "OUTPUT")}
            events.update(self._joined(made.union(edge.target for edge in acted)))
            packings = self._joined({edge.target for edge in acted if edge.role == CONTENT})
            return {edge.source for edge in self._edges(packings, "up", "SUBJECT_OF") if edge.role == CONTAINER}

        return self._walked(objects, holders), events

    def _named(self, records: Collection[str]) -> set[str]:
        """The organisations, with those they are part of, and the orders that records name."""
        named = {edge.target for edge in self._edges(records, "down", *_ENDS, "FOR_EPISODE")}
        return self._walked(named, lambda ids: {edge.target for edge in self._edges(ids, "down", "PART_OF")})


def _may_meet(part: Part, told: Sequence[State]) -> bool:
    """Whether an event may meet the period by some of the words on it, of whom one that tells no time may be all that is seen."""
    spans = [event_span(state.standing.fields) for state in told if not state.standing.fields.get(RETRACTED)]
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return True
    return bool(known) and part.meets((min(first for first, _ in known), max(last for _, last in known)))
