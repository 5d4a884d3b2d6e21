"""Which containers held which objects, and when: computed from packing and unpacking steps, as seen in one View.

An interval runs from a packing to the next unpacking; an unpacking that names no content empties its container. An
object never unpacked counts as inside until it is next acted on by itself; an unpacking without a packing means inside
since the content's last act of its own. A packing without a time has no known start, an unpacking without one ends
nothing: where the record is vague, an object counts as inside rather than not, as a recall must (DESIGN section 3).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from graph.claims import Edge, of_class
from graph.model import CONTAINER, CONTENT
from graph.record import Record
from graph.store import Around, Reached, Told
from graph.view import NOTHING, View

NEVER = -(2**62)
ALWAYS = 2**62


class Window(NamedTuple):
    """[start, end) in UTC microseconds; `NEVER` and `ALWAYS` where open."""

    start: int
    end: int

    def meets(self, span: tuple[int, int] | None) -> bool:
        """Whether something that happened over `span` can have happened inside; without a time it can."""
        return span is None or (span[0] < self.end and span[1] >= self.start)


EVER = Window(NEVER, ALWAYS)


class Stay(NamedTuple):
    """One object in one container, with the events that put it in and took it out where they are known."""

    content: str
    container: str
    window: Window
    opened_by: str | None = None
    closed_by: str | None = None


class Holdings:
    """The facts about containers around a set of objects, gathered set-wise, and the stays they mean.

    Ids given and returned are those of joined records. `edges` are all `SUBJECT_OF` met, `records` the events they lead to."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.edges: list[Edge] = []
        self.records: dict[str, Record] = {}
        self._joins: dict[str, frozenset[str]] = {}
        self.names: dict[str, str] = {}
        self._asked: set[str] = set()
        self._sided: set[str] = set()
        self._over: dict[str, Window] = {}
        self._emptied: set[str] = set()
        self._acts: dict[str, dict[str, None]] = {}
        self._boxes: set[str] = set()
        self._packed: dict[str, set[str]] = {}
        self._contents: dict[str, set[str]] = {}
        self._holders: dict[str, set[str]] = {}
        self._stays: dict[str, list[Stay]] = {}
        self._making: dict[str, set[str]] = {}

    # -- gathering

    def take(self, reached: Reached) -> None:
        """Take in a walk with what acted on its objects, and gather what its objects need."""
        told = reached.around.told
        self._learn(reached.walked.union(told.ids), told)
        self._gather(of_class("object", reached.walked), reached.around)

    def gather(self, objects: Collection[str]) -> None:
        """Fetch what acted on `objects`, on the containers that ever held them, on theirs, and so on.

        Of the containers only what happened while one of `objects` can have been inside."""
        news = set(objects) - self._asked
        if news:
            news |= of_class("object", self._learn(news))
            self._gather(news, self._view.around(news))

    def _gather(self, objects: set[str], around: Around) -> None:
        self._asked |= objects
        self._meet(around)
        self._index()
        told = around.holders.items()
        self._over |= {record: Window(*period) for record, period in told if len(self.ids(record)) == 1}
        fetched = set[str]()
        while True:
            if missing := self._missing():
                self._fetch(missing, EVER if missing.keys() & fetched else _around(missing.values()))
                fetched |= missing.keys()
            elif unknown := self._perhaps_emptied():
                self._meet(self._view.emptied(unknown))
                self._index()
                self._emptied |= unknown
            elif unseen := self._own_unseen():
                self._fetch(unseen, EVER)
            else:
                break

    def _fetch(self, containers: Collection[str], period: Window) -> None:
        """Fetch what acted on containers over a period."""
        self._meet(self._view.around(containers, None if period == EVER else period))
        self._index()
        self._over |= dict.fromkeys(containers, period)

    def _missing(self) -> dict[str, Window]:
        """Containers whose acts are not all there while something asked about can have been inside, and that time."""
        found = {}
        for container, window in self._needed().items():
            for record in self.ids(container) - self._asked:
                here = self._over.get(record)
                if here is None or window.start < here.start or here.end < window.end:
                    found[record] = window
        return found

    def _needed(self) -> dict[str, Window]:
        """From when to when containers can have held an object asked about, or a container that then did."""
        needed: dict[str, Window] = {}
        asked = {self.name(record) for record in self._asked} & self._packed.keys()
        todo = [(stay, EVER) for record in self._view.deadline.watch(asked) for stay in self.stays(record)]
        while todo:
            stay, outer = todo.pop()
            window = _both(_named(stay), outer)
            if window.start <= window.end:
                before = needed.get(stay.container)
                wider = window if before is None else _around((before, window))
                if wider != before:
                    needed[stay.container] = wider
                    todo += [(further, wider) for further in self.stays(stay.container)]
        return needed

    def _perhaps_emptied(self) -> set[str]:
        """Containers that others were in for longer than their acts are there: what ended that can be an unpacking outside, which
        named nothing."""
        return {
            record
            for stay, here, _ in self._shared_stays()
            if _both(here, _named(stay)) != _named(stay)
            for record in self.ids(stay.container) - self._emptied - self._asked
        }

    def _own_unseen(self) -> set[str]:
        """Containers in others of which it is not seen whether something of their own ended that: their acts are there over a part
        of the stay only."""
        return {
            record
            for stay, _, inner in self._shared_stays()
            if not (stay.opened_by and stay.closed_by) and _both(inner, stay.window) != stay.window
            for record in self.ids(stay.content) - self._asked
            if self._over.get(record) != EVER
        }

    def _shared_stays(self) -> Iterator[tuple[Stay, Window, Window]]:
        """The stays of containers in others that concern the time that is asked about, each with the periods over which the acts of
        the outer and of the inner one are there."""
        over: dict[str, Window] = {}
        for record, period in self._over.items():
            name = self.name(record)
            over[name] = _both(over.get(name, EVER), period)
        for content in self._packed.keys() & over.keys():
            for stay in self.stays(content):
                here, inner = over.get(stay.container, EVER), over[content]
                if not _is_empty(_both(here, _named(stay))) and not _is_empty(_both(inner, _named(stay))):
                    yield stay, here, inner

    def gather_contents(self, containers: Collection[str]) -> None:
        """Fetch likewise everything that was ever in `containers`, however deep."""
        frontier = set(containers)
        seen: set[str] = set()
        while frontier:
            seen |= frontier
            self.gather(frontier)
            events = {edge.target for edge in self.edges if edge.source in frontier and edge.role == CONTAINER}
            frontier = {edge.source for edge in self.edges if edge.target in events and edge.role == CONTENT} - seen

    def _meet(self, around: Around) -> None:
        """Take in what acted on objects or containers."""
        self._learn(around.told.ids, around.told)
        edges = [*around.edges]
        if self.names:
            events = {edge.target for edge in edges}
            self._sided |= events
            twins = {twin for event in events for twin in self.ids(event)} - self._sided
            self._sided |= twins
            edges += self._view.neighbours(twins, "up", ("SUBJECT_OF",))
        self.edges += edges
        self._learn({edge.source for edge in edges if edge.role == CONTAINER})

    def _learn(self, ids: Collection[str], told: Told = NOTHING) -> set[str]:
        """Fetch records not known yet, but for what came along `told`; returns ids that turned out to be joined with them."""
        news = {record for record in ids if record not in self._joins}
        if not news:
            return set()
        joins, records = self._view.fetch(news, told)
        self._know(joins, records)
        return joins.keys() - news

    def _know(self, joins: Mapping[str, frozenset[str]], records: Mapping[str, Record]) -> None:
        self._joins.update(joins)
        self.records.update(records)
        if len(records) < len(joins):
            self.names.update((record, min(group)) for record, group in joins.items() if len(group) > 1)

    @property
    def asked(self) -> frozenset[str]:
        """The ids whose holders were gathered."""
        return frozenset(self._asked)

    def name(self, record: str) -> str:
        """The joined record an id belongs to."""
        return self.names.get(record, record)

    def ids(self, record: str) -> frozenset[str]:
        """All ids of a joined record."""
        return self._joins.get(record) or frozenset((record,))

    def _index(self) -> None:
        self._acts, self._stays, self._boxes = defaultdict(dict), {}, set()
        self._packed, self._contents, self._holders = defaultdict(set), defaultdict(set), defaultdict(set)
        names = self.names
        for _, source, event, _, role, _, _ in self._view.deadline.watch(self.edges):
            if names:
                source, event = names.get(source, source), names.get(event, event)
            self._acts[source][event] = None
            if role == CONTENT:
                self._packed[source].add(event)
                self._contents[event].add(source)
            elif role == CONTAINER:
                self._holders[event].add(source)
                self._boxes.add(source)

    # -- what happened to an object

    def acts(self, record: str) -> Collection[str]:
        """Events that an object or container was itself the subject of."""
        return self._acts.get(record, {}).keys()

    def span(self, event: str) -> tuple[int, int] | None:
        """When an event happened."""
        record = self.records.get(event)
        return record.span if record else None

    def is_container(self, record: str) -> bool:
        """Whether anything was ever packed into it or unpacked from it."""
        return record in self._boxes

    def stays(self, content: str) -> list[Stay]:
        """The direct stays of an object or container, by container and start."""
        if content not in self._packed:
            return []
        if content not in self._stays:
            self._stays[content] = sorted(
                (stay for container in self._containers(content) for stay in self._stays_in(content, container)),
                key=lambda stay: (stay.container, stay.window),
            )
        return self._stays[content]

    def _containers(self, content: str) -> set[str]:
        return {container for event in self._packed[content] for container in self._holders[event]} - {content}

    def _stays_in(self, content: str, container: str) -> Iterator[Stay]:
        """Stays of one object in one container, from the events of the two in order of time."""
        inward, outward = [], []
        for event in self._acts[container]:
            if container not in self._holders[event]:
                continue
            named = content in self._contents[event]
            if takes_out(self.records.get(event)):
                span = self.span(event)
                if span is not None and (named or not self._contents[event]):
                    outward.append((span[1], event, named))
            elif named:
                span = self.span(event)
                inward.append((span[0] if span else NEVER, event))
        inward.sort()
        outward.sort()
        used = set()
        for start, event in inward:
            closing = next(((at, out) for at, out, _ in outward if at >= start), None)
            if closing:
                used.add(closing[1])
                yield Stay(content, container, Window(start, closing[0]), event, closing[1])
            else:
                yield Stay(content, container, Window(start, self._next_own(content, start)), event)
        for at, event, named in outward:
            if named and event not in used:
                yield Stay(content, container, Window(self._last_own(content, at, event), at), None, event)

    def _own_spans(self, content: str) -> Iterator[tuple[str, tuple[int, int]]]:
        """The events of an object's own: what acted on it, what made it, and what took it in."""
        ids = self.ids(content)
        if not ids <= self._making.keys():
            self._learn_making()
        for event in (*self.acts(content), *(step for record in ids for step in self._making[record])):
            span = self.span(self.name(event))
            if span is not None:
                yield event, span

    def _learn_making(self) -> None:
        """Fetch the steps that made or took in any content known, with one look for all."""
        news = {record for content in self._packed for record in self.ids(content)} - self._making.keys()
        made = [(edge.target, edge.source) for edge in self._view.neighbours(news, "up", ("OUTPUT",))]
        taken_in = [(edge.source, edge.target) for edge in self._view.neighbours(news, "down", ("INPUT_TO",))]
        self._learn({step for _, step in made + taken_in})
        self._making |= {record: set() for record in news}
        for record, step in made + taken_in:
            self._making[record].add(step)

    def _next_own(self, content: str, after: int) -> int:
        return min((span[0] for _, span in self._own_spans(content) if span[0] > after), default=ALWAYS)

    def _last_own(self, content: str, before: int, unpacking: str) -> int:
        ends = (span[1] for event, span in self._own_spans(content) if span[1] <= before and event != unpacking)
        return max(ends, default=NEVER)

    def bounds(self, stay: Stay) -> set[str]:
        """The events that begin and end a stay: packing and unpacking, or what happened to the content itself."""
        found = {event for event in (stay.opened_by, stay.closed_by) if event is not None}
        if len(found) < 2:
            start, end = stay.window
            for event, span in self._own_spans(stay.content):
                if (stay.closed_by is None and span[0] == end) or (stay.opened_by is None and span[1] == start):
                    found.add(event)
        return found

    # -- through containers

    def held(self, content: str) -> Iterator[tuple[Stay, Window]]:
        """Every stay an object took part in, its own and those of its containers, with the time it did."""
        yield from self._held(content, EVER, frozenset((content,)))

    def _held(self, content: str, window: Window, inside: frozenset[str]) -> Iterator[tuple[Stay, Window]]:
        for stay in self.stays(content):
            start, end = max(stay.window.start, window.start), min(stay.window.end, window.end)
            if stay.container not in inside and start < end:
                yield stay, Window(start, end)
                yield from self._held(stay.container, Window(start, end), inside | {stay.container})

    def borne(self, stay: Stay, window: Window) -> Iterator[str]:
        """Events that acted on the container of a stay over `window`, a part of it; packing and unpacking included.

        For each of `held` these are what acted on an object through its containers while it was inside."""
        for event in self.acts(stay.container):
            if self._shared(event, stay, window):
                yield event

    def _shared(self, event: str, stay: Stay, window: Window) -> bool:
        """Whether what acted on a container acted on what was inside it over `window`, a part of `stay`."""
        span = self.span(event)
        if span is not None and event in (stay.opened_by, stay.closed_by):
            return window.start <= span[1] and span[0] <= window.end
        return window.meets(span)

    def contents(self, container: str, period: Window = EVER) -> set[str]:
        """Objects and containers that were in `container`, however deep, at some time in `period`."""
        return {content for content, _, _ in self._inside(container, None, period, frozenset((container,)))}

    def contents_at(self, container: str, event: str) -> set[str]:
        """Objects and containers inside `container`, however deep, when `event` acted on it: the mirror of `borne`."""
        inside = self._inside(container, None, EVER, frozenset((container,)))
        return {content for content, stay, window in inside if self._shared(event, stay, window)}

    def _inside(
        self, container: str, outer: Stay | None, window: Window, around: frozenset[str]
    ) -> Iterator[tuple[str, Stay, Window]]:
        for content in {c for event in self._acts.get(container, {}) for c in self._contents[event]} - around:
            for stay in self.stays(content):
                shared = Window(max(stay.window.start, window.start), min(stay.window.end, window.end))
                if stay.container == container and shared.start < shared.end:
                    yield content, outer or stay, shared
                    yield from self._inside(content, outer or stay, shared, around | {content})


def _around(windows: Iterable[Window]) -> Window:
    """The smallest window around some."""
    starts, ends = zip(*windows, strict=True)
    return Window(min(starts), max(ends))


def _both(one: Window, other: Window) -> Window:
    """What two windows share; it ends before it begins where that is nothing."""
    return Window(max(one.start, other.start), min(one.end, other.end))


def _is_empty(window: Window) -> bool:
    return window.end < window.start


def _named(stay: Stay) -> Window:
    """A stay by its own packing and unpacking alone."""
    return stay.window if stay.closed_by else Window(stay.window.start, ALWAYS)


OUT_TYPES = frozenset(("unpacking", "unloading", "removing", "disassembling"))


def takes_out(event: Record | None) -> bool:
    """Whether a step with contents and a container takes the contents out: by its EPCIS action, else by its type."""
    if event is None:
        return False
    action = event.value("action")
    return action == "DELETE" if action else event.value("type") in OUT_TYPES
