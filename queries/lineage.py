"""Lineage: all that a record was made from (up), or all that was made of it (down), with everything that acted on these.

The definition is DESIGN section 3: making is reachability over `INPUT_TO` and `OUTPUT`; each object also has the steps
and handoffs it was the subject of, and those its containers were the subject of while it was inside. Down is the exact
mirror of up: b is down of a exactly if a is up of b.

An order (`Episode`) is no part of making. As a root it stands for the objects and events that are `FOR_EPISODE` it, and for the
materials that its events carried in containers; the answer tells these relations, and no walk from elsewhere leads to it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Literal, NamedTuple

from graph.claims import Edge, class_of, of_class
from graph.errors import DeadlineExceeded
from graph.record import Record
from graph.store import Direction, Reached
from graph.view import RECORD_LIMIT, View
from queries.containment import ALWAYS, EVER, NEVER, Holdings, Stay, Window

Way = Literal["up", "down", "both"]


@dataclass(frozen=True)
class Completeness:
    """How much of the answer is there. `reasons` are `RECORDS`, `DEPTH`, `TIME` (what stopped it) and `LOAD_IN_PROGRESS`."""

    total: int
    depth_reached: int
    truncated: bool
    reasons: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether this is all there is to know at its commit."""
        return not self.reasons


class Relation(NamedTuple):
    """A relation of an answer with the stewards who state it. `start` and `end` (UTC microseconds) bound a `CONTAINED_IN`."""

    type: str
    source: str
    target: str
    stewards: tuple[str, ...]
    role: str | None = None
    quantity: float | None = None
    unit: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass
class Lineage:
    """An answer. `records` by id in ascending order, the roots among them; `depth` counts steps of making from the roots.

    `after_use` are events that acted on an ancestor later than its last use here; `borne` tells for each event which
    objects it acted on through their containers."""

    roots: tuple[str, ...]
    direction: Way
    completeness: Completeness
    records: dict[str, Record] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    after_use: frozenset[str] = frozenset()
    acted_on: dict[str, set[str]] = field(default_factory=dict)


def lineage(
    view: View,
    roots: Collection[str],
    direction: Way = "up",
    *,
    depth: int | None = None,
    kinds: Collection[str] = (),
    limit: int = RECORD_LIMIT,
    period: Window = EVER,
) -> Lineage:
    """The lineage of records given by id (see `View.resolve`).

    `depth` bounds the steps of making, `limit` the records; `kinds` keeps records of these kinds only; `period` bounds
    what root containers held. Reaching a bound, or the View's deadline, is said in the completeness, never silent."""
    ways: tuple[Direction, ...] = ("up", "down") if direction == "both" else (direction,)
    found = [_one_way(view, roots, way, depth, limit, period) for way in ways]
    answer = found[0] if len(found) == 1 else _both(found)
    if kinds:
        answer.records = {record: r for record, r in answer.records.items() if r.kind in kinds}
        answer.relations = [r for r in answer.relations if r.source in answer.records and r.target in answer.records]
    reasons = sorted({reason for part in found for reason in part.completeness.reasons})
    truncated = bool(reasons)
    if view.load_in_progress:
        reasons.append("LOAD_IN_PROGRESS")
    answer.completeness = Completeness(len(answer.records), max(answer.depth.values(), default=0), truncated, tuple(reasons))
    return answer


def _is_box(record: Record) -> bool:
    """Whether it has journeys that concern only what was inside."""
    return record.kind == "Container"


def _serving(view: View, roots: Collection[str]) -> list[Edge]:
    """The `FOR_EPISODE` relations of objects and events with the orders among `roots`."""
    orders = of_class("episode", roots)
    if not orders:
        return []
    found = view.neighbours(set(view.joined(orders)), "up", ("FOR_EPISODE",))
    return [edge for edge in found if class_of(edge.source) in ("object", "event")]


def _one_way(view: View, roots: Collection[str], way: Direction, depth: int | None, limit: int, period: Window) -> Lineage:
    try:
        return _Walk(view, roots, way, depth, limit, period).answer()
    except DeadlineExceeded:
        return Lineage(tuple(sorted(roots)), way, Completeness(0, 0, True, ("TIME",)))


def _both(found: list[Lineage]) -> Lineage:
    up, down = found
    whole = Lineage(up.roots, "both", up.completeness)
    whole.records = dict(sorted((up.records | down.records).items()))
    whole.relations = sorted({*up.relations, *down.relations}, key=_order)
    whole.depth = down.depth | up.depth
    whole.after_use = up.after_use
    whole.acted_on = {
        event: up.acted_on.get(event, set()) | down.acted_on.get(event, set()) for event in up.acted_on | down.acted_on
    }
    return whole


def _order(relation: Relation) -> tuple[str, str, str, str, int, int, tuple[str, ...]]:
    start, end = relation.start or NEVER, ALWAYS if relation.end is None else relation.end
    return relation.type, relation.source, relation.target, relation.role or "", start, end, relation.stewards


class _Walk:
    """One walk in one direction: making first, then containment, again while containers used as inputs add starts."""

    def __init__(self, view: View, roots: Collection[str], way: Direction, depth: int | None, limit: int, period: Window) -> None:
        self.view, self.way, self.depth_limit, self.limit, self.period = view, way, depth, limit, period
        self.holdings = Holdings(view)
        self.asked = set(roots)
        self.serving = _serving(view, roots)
        self.roots = {*roots, *(edge.source for edge in self.serving)}
        self.starts = set(self.roots)
        self.carrying: set[tuple[str, str]] = set()
        self.opened: set[str] = set()
        self.reached = Reached(set(), [])
        self.taken_in: list[Edge] = []

    # -- finding

    def answer(self) -> Lineage:
        """Walk until nothing more is found, then put the answer together."""
        events = self._joined_events(self.roots)
        acts = {edge[1:3] for edge in self.view.neighbours(events, "up", ("SUBJECT_OF",))}
        self.carrying = self._only_carried(acts) if self.serving else set()
        acted_on = {record for record, _ in acts - self.carrying}
        self.starts |= events | acted_on
        while True:
            self.reached = self.view.reach(self.starts, self.way, self.depth_limit, self.limit)
            self.holdings.take(self.reached)
            self.asked, self.roots = ({self.holdings.name(root) for root in roots} for roots in (self.asked, self.roots))
            objects = of_class("object", self.reached.walked)
            more = self._through_roots(events, acted_on) | self._through_carrying() | self._through_containers(objects)
            if self.reached.stopped or not more - self.reached.walked:
                break
            self.starts |= more
        return self._compose()

    def _joined_events(self, roots: Collection[str]) -> set[str]:
        """The events among these, by all their ids."""
        events = of_class("event", roots)
        return set(self.view.joined(events)) if events else events

    def _only_carried(self, acts: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which acts are those of an order's events on containers, whose other journeys are not the order's."""
        asked = self._joined_events(self.asked)
        serving = {(record, event) for record, event in acts if event not in asked}
        joins, records = self.view.fetch({record for record, _ in serving})
        return {(record, event) for record, event in serving if _is_box(records[min(joins[record])])}

    def _through_carrying(self) -> set[str]:
        """The materials inside the containers that an order's events acted on."""
        holdings = self.holdings
        acts = self._carrying()
        containers = {container for container, _ in acts}
        self._open(containers)
        contents = {content for act in acts for content in holdings.contents_at(*act)}
        return self._ids(content for content in contents if not _is_box(holdings.records[content]))

    def _carrying(self) -> set[tuple[str, str]]:
        return {(self.holdings.name(record), self.holdings.name(event)) for record, event in self.carrying}

    def _through_roots(self, events: set[str], acted_on: set[str]) -> set[str]:
        """What root containers, and containers that root events acted on, stand for: their contents."""
        holdings = self.holdings
        named = set(map(holdings.name, of_class("object", acted_on | self.roots)))
        containers = {container for container in named if holdings.is_container(container)}
        self._open(containers)
        return self._ids(content for container in containers for content in self._contents_of(container, events))

    def _open(self, containers: set[str]) -> None:
        """Fetch what was ever in containers, once for each."""
        if containers - self.opened:
            self.opened |= containers
            self.holdings.gather_contents(self._ids(containers))

    def _contents_of(self, container: str, events: set[str]) -> set[str]:
        """A root container stands for all it held in the period; one acted on by a root event for what it held then."""
        found = self.holdings.contents(container, self.period) if container in self.roots else set()
        for event in {self.holdings.name(record) for record in events}:
            if event in self.holdings.acts(container):
                found |= self.holdings.contents_at(container, event)
        return found

    def _ids(self, records: Iterable[str]) -> set[str]:
        return {record for name in records for record in self.holdings.ids(name)}

    def _through_containers(self, objects: set[str]) -> set[str]:
        """Up: the contents of containers that were inputs. Down: the steps that took in a container with the object in it."""
        holdings = self.holdings
        if self.way == "up":
            inputs = [e for e in self.reached.edges if e.type == "INPUT_TO" and holdings.is_container(holdings.name(e.source))]
            holdings.gather_contents({edge.source for edge in inputs})
            return self._ids(
                content for edge in inputs for content in self._input_contents(holdings.name(edge.source), edge.target)
            )
        names = {holdings.name(record) for record in objects}
        stays = [(stay.container, window) for name in names for stay, window in holdings.held(name)]
        containers = self._ids({container for container, _ in [*stays, *self._carrying()]})
        uses = defaultdict(set)
        taken_in = self.view.neighbours(containers, "down", ("INPUT_TO",))
        self.taken_in = taken_in
        for edge in taken_in:
            uses[holdings.name(edge.source)].add(edge.target)
        spans = self._spans({step for steps in uses.values() for step in steps})
        return {step for container, window in stays for step in uses[container] if window.meets(spans[step])}

    def _input_contents(self, container: str, step: str) -> set[str]:
        span = self._spans({step})[step]
        return self.holdings.contents(container, Window(span[0], span[1] + 1) if span else EVER)

    def _spans(self, events: set[str]) -> dict[str, tuple[int, int] | None]:
        if not events:
            return {}
        joins, records = self.view.fetch(events)
        return {event: records[min(joins[event])].span for event in events}

    # -- composing

    def _compose(self) -> Lineage:
        holdings = self.holdings
        name = holdings.name
        walked = {name(record) for record in self.reached.walked}
        acted_on: dict[str, set[str]] = defaultdict(set)
        acts = self._carrying()
        stays: set[Stay] = set()
        for record in self.view.deadline.watch(of_class("object", walked)):
            for event in holdings.acts(record):
                acted_on[event].add(record)
                acts.add((record, event))
            for stay, window in holdings.held(record):
                stays.add(stay)
                for event in holdings.borne(stay, window):
                    acted_on[event].add(record)
                    acts.add((stay.container, event))
        included = walked.union(acted_on, [stay.container for stay in stays], [record for record, _ in self._carrying()])
        missing = self._ids(included - holdings.records.keys())
        records = holdings.records | (self.view.fetch(missing)[1] if missing else {})
        relations = self._relations(included, acts)
        depth = self._depth()
        for event, subjects in self.view.deadline.watch(acted_on.items()):
            if event not in depth:
                depth[event] = min([depth[subject] for subject in subjects])
        answer = Lineage(tuple(sorted(self.asked)), self.way, self._completeness())
        answer.records = {record: records[record] for record in self.view.deadline.watch(sorted(included))}
        # only stays can have equal ends, and those are in order already: sorted by ends alone, which takes half as long
        answer.relations = sorted([*relations, *sorted(map(self._contained_in, stays), key=_order)], key=itemgetter(0, 1, 2))
        answer.depth = depth
        answer.acted_on = acted_on
        if self.way == "up":
            answer.after_use = self._after_use(answer)
        return answer

    def _completeness(self) -> Completeness:
        return Completeness(0, 0, bool(self.reached.stopped), tuple(sorted(self.reached.stopped)))

    def _contained_in(self, stay: Stay) -> Relation:
        stewards: set[str] = set()
        for event in (stay.opened_by, stay.closed_by):
            if event is not None:
                stewards.update(self.holdings.records[event].words)
        start, end = stay.window
        return Relation(
            "CONTAINED_IN",
            stay.content,
            stay.container,
            tuple(sorted(stewards)),
            start=None if start == NEVER else start,
            end=None if end == ALWAYS else end,
        )

    def _relations(self, included: set[str], acts: set[tuple[str, str]]) -> list[Relation]:
        """The stored relations between included records, each once with all who state it; the first one's amounts are shown.

        What acted on an object or container is told where it is one of `acts`: a container has a life of its own."""
        names = self.holdings.names
        told: dict[tuple[str, str, str], Edge] = {}
        more: dict[tuple[str, str, str], list[Edge]] = {}
        for edge in self.view.deadline.watch([*self.reached.edges, *self.holdings.edges, *self.taken_in, *self.serving]):
            type_, source, target = ends = edge[:3]
            if type_ == "SAME_AS":
                continue
            if names:
                source, target = names.get(source, source), names.get(target, target)
                ends = type_, source, target
            if (source, target) in acts if type_ == "SUBJECT_OF" else source in included and target in included:
                if ends not in told:
                    told[ends] = edge
                else:
                    more.setdefault(ends, [told[ends]]).append(edge)
        found = [Relation(*ends, (edge.steward,), *edge[4:]) for ends, edge in told.items() if ends not in more]
        for ends, edges in self.view.deadline.watch(more.items()):
            first = min(edges, key=lambda edge: (edge.steward, edge.source, edge.target))
            found.append(Relation(*ends, tuple(sorted({edge.steward for edge in edges})), *first[4:]))
        return found

    def _depth(self) -> dict[str, int]:
        """Steps of making between each walked record and the nearest start."""
        names, up = self.holdings.names, self.way == "up"
        onward: dict[str, set[str]] = defaultdict(set)
        for type_, source, target, *_ in self.view.deadline.watch(self.reached.edges):
            if type_ != "SAME_AS":
                if names:
                    source, target = names.get(source, source), names.get(target, target)
                here, there = (target, source) if up else (source, target)
                onward[here].add(there)
        depth = {names.get(record, record): 0 for record in self.starts}
        frontier = list(depth)
        while frontier:
            found: dict[str, int] = {}
            for here in self.view.deadline.watch(frontier):
                if here in onward:
                    deeper = depth[here] + (not here.startswith("event-"))
                    for there in onward[here]:
                        if there not in depth:
                            found[there] = deeper
            depth.update(found)
            frontier = list(found)
        return depth

    def _after_use(self, answer: Lineage) -> frozenset[str]:
        """Events later than the last use, in this lineage, of every object they acted on."""
        last_use: dict[str, int] = {}
        for relation in answer.relations:
            if relation.type == "INPUT_TO":
                span = answer.records[relation.target].span
                used = span[1] if span else ALWAYS
                last_use[relation.source] = max(last_use.get(relation.source, NEVER), used)
        found = set()
        for event, subjects in self.view.deadline.watch(answer.acted_on.items()):
            if subjects <= last_use.keys():
                span = answer.records[event].span
                if span is not None and span[0] > max([last_use[subject] for subject in subjects]):
                    found.add(event)
        return frozenset(found)
