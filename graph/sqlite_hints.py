"""Hints that narrow what is read: which ids were ever joined, and when an event happened where all agree.

They are computed from everybody's claims at every commit, so they never depend on a viewer; what they leave in is
judged again by what the viewer sees.
"""

from collections import defaultdict
from collections.abc import Mapping
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


def hinted(plan: Plan, nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes that a plan changes, as they are after it."""
    joined = {end for edge in plan.edges_opened if edge.type == "SAME_AS" for end in (edge.source, edge.target)}
    changed = {record: nodes[record]._replace(joined=1) for record in joined if not nodes[record].joined}
    for record, spans in _told(plan, joined).items():
        node = changed.get(record) or nodes[record]
        [span] = spans if len(spans) == 1 else [None]
        if node.dated == _UNSAID and span is not None:
            changed[record] = Node(node.nid, node.joined, _AGREED, *span)
        elif node.dated != _VAGUE and (span is None or span != node.span):
            changed[record] = node._replace(dated=_VAGUE, first=None, last=None)
    return changed


def _told(plan: Plan, joined: set[str]) -> dict[str, set[Span | None]]:
    """What is newly said of the time of events; a joined event has no one time."""
    told: dict[str, set[Span | None]] = defaultdict(set)
    before = plan.before
    timed = {claim.record for claim, body, _ in plan.claims if _OF_TIME in body}
    for record, steward, word in plan.opened:
        if record[:6] == "event-":
            old = before.get((record, steward))
            if old is None or (record in timed and event_times(old.fields) != event_times(word.fields)):
                told[record].add(event_span(word.fields))
    for record in joined:
        if record.startswith("event-"):
            told[record].add(None)
    return told
