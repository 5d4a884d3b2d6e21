"""All that must be told with a lineage so that it can be told again elsewhere.

That is what stewards say of its records and of what was measured of them, of what these name, and of the events that end stays in
containers: without these an object would be thought to be inside still.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from graph.claims import RETRACTED, edges_of, of_class
from graph.model import CONTAINER, CONTENT
from graph.record import SINGLE
from graph.store import State
from graph.view import View
from queries.containment import Holdings
from queries.lineage import Lineage
from queries.outcomes import outcomes

_TOLD_AT_ONCE = 5_000


class Extract(NamedTuple):
    """What each steward says under each id, ascending, and the key texts of all ids that are named."""

    words: list[State]
    keys: dict[str, str | None]


def extract(view: View, found: Lineage) -> Extract:
    """The words about the records of a lineage, what was measured and came of them, and what bounds the stays that were looked at.

    With these come therapy orders, organisations and what they are part of, and objects that no key names, where they are named."""
    frontier = {twin for record in found.records.values() for twin in record.ids}
    measured = view.neighbours(of_class("object", frontier) | of_class("event", frontier), "up", ("ABOUT",))
    came = {twin for outcome in outcomes(view, found).records.values() for twin in outcome.ids}
    frontier |= of_class("observation", (edge.source for edge in measured)) | came | _bounds(view, found)
    words: list[State] = []
    keys: dict[str, str | None] = {}
    seen: set[str] = set()
    while frontier:
        frontier = set(view.joined(frontier)) - seen
        seen |= frontier
        told = view.words(frontier)
        words += told
        keys |= _keys(view, told, frontier)
        frontier = set(_needed(told, keys)) - seen
    return Extract(sorted(words, key=lambda word: word[:2]), keys)


def everything(view: View) -> Iterator[Extract]:
    """The same of all that a viewer sees, some thousand ids after the other, in order; each time within the View's deadline."""
    frames = view.scoped_frames
    for first in range(0, len(frames), _TOLD_AT_ONCE):
        ids = set(frames.ids([*range(first, min(first + _TOLD_AT_ONCE, len(frames)))]))
        part = view.afresh()
        told = part.words(ids)
        yield Extract(sorted(told, key=lambda word: word[:2]), _keys(part, told, ids))


# -- stays


def _bounds(view: View, found: Lineage) -> set[str]:
    """The events that bound the stays of a lineage's objects, and of whatever else its events put into containers that stand for
    their contents."""
    holdings = Holdings(view)
    events, contents = of_class("event", found.records), of_class("object", found.records)
    opened = _opened(found)
    bounds: set[str] = set()
    while contents:
        holdings.gather({twin for content in contents for twin in holdings.ids(content)})
        for content in view.deadline.watch(contents):
            for stay in holdings.stays(holdings.name(content)):
                if content in found.records or stay.container in opened:
                    bounds |= holdings.bounds(stay)
        edges = view.neighbours(_twins(holdings, events | bounds), "up", ("SUBJECT_OF",)) if opened else []
        others = {holdings.name(edge.source) for edge in edges if edge.role == CONTENT}
        contents = others - {holdings.name(record) for record in holdings.asked} - found.records.keys()
    return _twins(holdings, bounds)


def _twins(holdings: Holdings, records: Iterable[str]) -> set[str]:
    return {twin for record in records for twin in holdings.ids(record)}


def _opened(found: Lineage) -> set[str]:
    """The containers that stood for their contents: roots, those that root events acted on, those that went into a step, and those
    that were inside one of these."""
    roots = set(found.roots)
    containers = {relation.source for relation in found.relations if relation.role == CONTAINER}
    used = {r.source for r in found.relations if r.type == "INPUT_TO" or (r.type == "SUBJECT_OF" and r.target in roots)}
    opened = containers & (roots | used)
    stays = [(relation.source, relation.target) for relation in found.relations if relation.type == "CONTAINED_IN"]
    while inner := {content for content, container in stays if container in opened and content in containers} - opened:
        opened |= inner
    return opened


# -- names


def _keys(view: View, words: list[State], ids: set[str]) -> dict[str, str | None]:
    """The key texts of some ids and of all that words about them name."""
    named = _named(words) | ids
    keys = view.keys(named)
    if missing := named - keys.keys():  # what only a retracted word names is not known otherwise
        for entry in view.history({word.record for word in words if _named([word]) & missing}):
            keys |= {record: text for record, text in entry.claim.claim.names.items() if record in missing}
    return keys


def _named(words: Iterable[State]) -> set[str]:
    """The ids that words name."""
    named: set[str] = set()
    for record, steward, standing, *_ in words:
        live = {path: value for path, value in standing.fields.items() if path != RETRACTED}
        named.update(end for edge in edges_of(record, steward, live) for end in edge[1:3])
        named.update(path.split(" ")[1] for path in live if "A" <= path[0] <= "Z" and " " in path)
    return named


def _needed(words: Iterable[State], keys: dict[str, str | None]) -> Iterable[str]:
    """What is named and must be told, too."""
    for state in words:
        yield from (value for path, value in state.standing.fields.items() if path in SINGLE)
        if state.record.startswith("event-"):
            yield from (end for end in of_class("object", _named([state])) if keys.get(end) is None)
