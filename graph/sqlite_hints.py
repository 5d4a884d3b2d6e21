"""Hints that narrow what is read: which ids were ever joined, and when an event happened where all agree.

They are computed from everybody's claims at every commit, so they never depend on a viewer; what they leave in is
judged again by what the viewer sees.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from typing import NamedTuple

from graph.ledger import Plan
from graph.record import event_span, event_times

_UNSAID, _AGREED, _VAGUE = range(3)
_OF_TIME = b'_at":'
"""In the body of every claim that speaks of a time of an event (`graph.record.EVENT_TIMES`)."""
Span = tuple[int, int]


class Node(NamedTuple):
    """The row of one id in `node`: its number and its hints."""

    nid: int
    joined: int = 0
    dated: int = _UNSAID
    first: int | None = None
    last: int | None = None

    @property
    def span(self) -> Span | None:
        """First and last microsecond of an event where all who spoke of it agree."""
        return (self.first, self.last) if self.first is not None and self.last is not None else None

    @property
    def length(self) -> int:
        """Microseconds from first to last, 0 without a span."""
        return self.span[1] - self.span[0] if self.span else 0


def told(plan: Plan, joined: Collection[str]) -> dict[str, set[Span | None]]:
    """What a plan newly says of the time of events; one that it has `joined` has no one time."""
    spans: dict[str, set[Span | None]] = defaultdict(set)
    before = plan.before
    timed = {claim.record for claim, body, _ in plan.claims if _OF_TIME in body}
    for record, steward, word in plan.opened:
        if record[:6] == "event-":
            old = before.get((record, steward))
            if old is None or (record in timed and event_times(old.fields) != event_times(word.fields)):
                spans[record].add(event_span(word.fields))
    for record in joined:
        if record.startswith("event-"):
            spans[record].add(None)
    return spans


def hinted(joined: Collection[str], told: Mapping[str, Set[Span | None]], nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes that change by what was `joined` and `told`, as they are then."""
    changed = {record: nodes[record]._replace(joined=1) for record in joined if not nodes[record].joined}
    for record, spans in told.items():
        node = changed.get(record) or nodes[record]
        [span] = spans if len(spans) == 1 else [None]
        if node.dated == _UNSAID and span is not None:
            changed[record] = Node(node.nid, node.joined, _AGREED, *span)
        elif node.dated != _VAGUE and (span is None or span != node.span):
            changed[record] = node._replace(dated=_VAGUE, first=None, last=None)
    return changed
