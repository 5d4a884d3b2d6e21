"""Hints that narrow what is read: which ids were ever joined, and when an event happened where all agree.

They are computed from everybody's claims at every commit, so they never depend on a viewer; what they leave in is
judged again by what the viewer sees.
"""

import sqlite3
from collections import defaultdict

import orjson

from graph.ledger import Plan
from graph.record import event_span

_UNSAID, _AGREED, _VAGUE = range(3)
LONGEST = "longest"


class Hints:
    """Keeps `node.joined`, `node.first` and `last`, and `edge.first` up to date as plans are written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def update(self, plan: Plan, nids: dict[str, int]) -> dict[str, int]:
        """Take in a plan; returns the first moment of the events in it whose time all agree on."""
        joined = {end for edge in plan.edges_opened if edge.type == "SAME_AS" for end in (edge.source, edge.target)}
        self._connection.executemany("UPDATE node SET joined = 1 WHERE nid = ?", [(nids[record],) for record in joined])
        told: dict[str, set[tuple[int, int] | None]] = defaultdict(set)
        for record, _, word in plan.opened:
            if record.startswith("event-"):
                told[record].add(event_span(word.fields))
        for record in joined:
            if record.startswith("event-"):
                told[record].add(None)
        known = self._known(told)
        agreed: dict[str, tuple[int, int]] = {}
        fresh, vague = [], []
        for record, spans in told.items():
            dated, before = known[record]
            [span] = spans if len(spans) == 1 else [None]
            if span is not None and (dated == _UNSAID or (dated == _AGREED and before == span)):
                agreed[record] = span
                if dated == _UNSAID:
                    fresh.append((*span, nids[record]))
            elif dated != _VAGUE:
                vague.append((nids[record],))
        self._write(fresh, vague)
        return {record: span[0] for record, span in agreed.items()}

    def _known(self, records: dict[str, set[tuple[int, int] | None]]) -> dict[str, tuple[int, tuple[int, int]]]:
        rows = self._connection.execute(
            "SELECT node.id, node.dated, node.first, node.last FROM json_each(?) AS asked JOIN node ON node.id = asked.value",
            [orjson.dumps(list(records)).decode()],
        )
        return {record: (dated, (first, last)) for record, dated, first, last in rows}

    def _write(self, fresh: list[tuple[int, int, int]], vague: list[tuple[int]]) -> None:
        many = self._connection.executemany
        many(f"UPDATE node SET dated = {_AGREED}, first = ?, last = ? WHERE nid = ?", fresh)
        many(f"UPDATE node SET dated = {_VAGUE}, first = NULL, last = NULL WHERE nid = ?", vague)
        many("UPDATE edge SET first = NULL WHERE dst = ? AND type IN (7, 8, 9)", vague)
        longest = max((last - first for first, last, _ in fresh), default=0)
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value + 0, excluded.value + 0)",
            [LONGEST, longest],
        )
