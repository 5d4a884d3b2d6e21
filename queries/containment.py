"""Which containers held which objects, and when: computed from packing and unpacking steps, as seen in one View.

An interval runs from a packing to the next unpacking; an unpacking that names no content empties its container. An
object never unpacked counts as inside until it is next acted on by itself; an unpacking without a packing means inside
since the content's last act of its own. A packing without a time has no known start, an unpacking without one ends
nothing: where the record is vague, an object counts as inside rather than not, as a recall must (DESIGN section 3).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from graph.claims import Edge
from graph.joins import groups
from graph.model import CONTAINER, CONTENT
from graph.record import Record
from graph.view import View

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


@dataclass(frozen=True)
class Stay:
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
        self.edges: set[Edge] = set()
        self.joins: dict[str, frozenset[str]] = {}
        self.records: dict[str, Record] = {}
        self._asked: set[str] = set()
        self._holders_asked: set[str] = set()
        self._sided: set[str] = set()
        self._acts: dict[str, dict[str, str | None]] = {}
        self._contents: dict[str, set[str]] = {}
        self._holders: dict[str, set[str]] = {}
        self._stays: dict[str, list[Stay]] = {}

    # -- gathering

    def gather(self, objects: Collection[str]) -> None:
        """Fetch what acted on `objects`, on the containers that ever held them, on theirs, and so on.

        Of the containers only what happened while one of `objects` can have been inside."""
        news = set(objects) - self._asked
        if not news:
            return
        news |= {twin for twin in self._learn(news) if twin.startswith("object-")}
        self._asked |= news
        holders = self._ask(news, None)
        self._holders_asked = set()
        if self._asked - news:
            holders |= {edge.source for edge in self.edges if edge.role == CONTAINER}
        self._index()
        period = self._period() if holders else EVER
        while frontier := holders - self._asked - self._holders_asked:
            self._holders_asked |= frontier
            holders = self._ask(frontier, period)
        self._index()

    def gather_contents(self, containers: Collection[str]) -> None:
        """Fetch likewise everything that was ever in `containers`, however deep."""
        frontier = set(containers)
        seen: set[str] = set()
        while frontier:
            seen |= frontier
            self.gather(frontier)
            events = {edge.target for edge in self.edges if edge.source in frontier and edge.role == CONTAINER}
            frontier = {edge.source for edge in self.edges if edge.target in events and edge.role == CONTENT} - seen

    def _ask(self, frontier: set[str], period: Window | None) -> set[str]:
        """What acted on `frontier`, who else took part in its packings; returns the containers met (and twins of them)."""
        acts = self._view.neighbours(frontier, "down", ("SUBJECT_OF",), period)
        self.edges.update(acts)
        sides = self._side({edge.target for edge in acts if edge.role is not None})
        containers = {edge.source for edge in sides if edge.role == CONTAINER}
        twins = self._learn({edge.target for edge in acts} | containers)
        more = self._side({twin for twin in twins if twin.startswith("event-")})
        self._learn({edge.source for edge in more if edge.role == CONTAINER})
        return containers | {twin for twin in twins if twin.startswith("object-")} | {e.source for e in more if e.role == CONTAINER}

    def _side(self, events: set[str]) -> list[Edge]:
        """All that packings and unpackings acted on."""
        sides = self._view.neighbours(events - self._sided, "up", ("SUBJECT_OF",))
        self._sided |= events
        self.edges.update(sides)
        return sides

    def _learn(self, ids: set[str]) -> set[str]:
        """Fetch records not known yet; returns ids that turned out to be joined with them."""
        news = ids - self.joins.keys()
        if not news:
            return set()
        joins, records = self._view.fetch(news)
        self.joins.update(joins)
        self.records.update(records)
        return joins.keys() - news

    def _period(self) -> Window:
        """The time over which any object asked about can have been inside a container, by its own packings alone."""
        stays = [stay for record in {self.name(record) for record in self._asked} for stay in self.stays(record)]
        named = [stay.window if stay.closed_by else Window(stay.window.start, ALWAYS) for stay in stays]
        return Window(min((w.start for w in named), default=NEVER), max((w.end for w in named), default=ALWAYS))

    def learn(self, ids: Collection[str], pairs: Collection[tuple[str, str]]) -> None:
        """Take in joins that somebody else asked for: all of `ids` are known to be joined by `pairs` alone."""
        found = groups(pairs)
        for record in ids:
            self.joins[record] = found.get(record, frozenset((record,)))

    def name(self, record: str) -> str:
        """The joined record an id belongs to."""
        group = self.joins.get(record)
        return record if group is None or len(group) == 1 else min(group)

    def _index(self) -> None:
        self._acts, self._stays = defaultdict(dict), {}
        self._contents, self._holders = defaultdict(set), defaultdict(set)
        for edge in self.edges:
            if edge.type == "SUBJECT_OF":
                source, event = self.name(edge.source), self.name(edge.target)
                acts = self._acts[source]
                acts[event] = edge.role or acts.get(event)
                if edge.role == CONTENT:
                    self._contents[event].add(source)
                elif edge.role == CONTAINER:
                    self._holders[event].add(source)

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
        return CONTAINER in self._acts.get(record, {}).values()

    def stays(self, content: str) -> list[Stay]:
        """The direct stays of an object or container, by container and start."""
        if content not in self._stays:
            self._stays[content] = sorted(
                (stay for container in self._containers(content) for stay in self._stays_in(content, container)),
                key=lambda stay: (stay.container, stay.window),
            )
        return self._stays[content]

    def _containers(self, content: str) -> set[str]:
        packings = (event for event, role in self._acts.get(content, {}).items() if role == CONTENT)
        return {container for event in packings for container in self._holders[event]} - {content}

    def _stays_in(self, content: str, container: str) -> Iterator[Stay]:
        """Stays of one object in one container, from the events of the two in order of time."""
        inward, outward = [], []
        for event, role in self._acts[container].items():
            if role != CONTAINER:
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
        making = set(self._view.neighbours(self.ids(content), "down", ("INPUT_TO",)))
        making.update(self._view.neighbours(self.ids(content), "up", ("OUTPUT",)))
        steps = {edge.target if edge.type == "INPUT_TO" else edge.source for edge in making}
        others = steps - self.records.keys()
        records = self._view.records(self._view.joined(others)) if others else {}
        for event in (*self.acts(content), *steps):
            record = self.records.get(event) or records.get(event)
            if record is not None and record.span is not None:
                yield event, record.span

    def ids(self, record: str) -> frozenset[str]:
        """All ids of a joined record."""
        return self.joins.get(record, frozenset((record,)))

    def _next_own(self, content: str, after: int) -> int:
        return min((span[0] for _, span in self._own_spans(content) if span[0] > after), default=ALWAYS)

    def _last_own(self, content: str, before: int, unpacking: str) -> int:
        ends = (span[1] for event, span in self._own_spans(content) if span[1] <= before and event != unpacking)
        return max(ends, default=NEVER)

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

    def borne(self, content: str) -> Iterator[str]:
        """Events that acted on an object through its containers while it was inside, packing and unpacking included."""
        for stay, window in self.held(content):
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


_OUT_TYPES = frozenset(("unpacking", "unloading", "removing", "disassembling"))


def takes_out(event: Record | None) -> bool:
    """Whether a step with contents and a container takes the contents out: by its EPCIS action, else by its type."""
    if event is None:
        return False
    action = event.value("action")
    return action == "DELETE" if action else event.value("type") in _OUT_TYPES
