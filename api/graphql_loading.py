"""What one GraphQL request shares: its viewer, its deadline, its Views, and loaders that fetch for whole sets at once.

A request is answered by an event loop of its own in a worker thread (`api.app`), so reads of the store stand here as plain
calls: they hold up nobody else.
"""

from collections import defaultdict
from typing import Any

from strawberry.dataloader import DataLoader

from api import render, settings
from api.snapshots import Snapshots
from api.uploads import Uploads
from graph.claims import Edge
from graph.record import Record
from graph.store import Deadline, Direction, Store
from graph.view import View

GRACE = 1.0
"""Seconds to make an answer of what was read in time."""


class Loading:
    """Loaders over one View: each turns the single keys that resolvers ask for into one read of the store.

    `end` is when the answer must be made, or given up."""

    def __init__(self, view: View, end: Deadline) -> None:
        self.view, self.end = view, end
        self.records: DataLoader[str, Record | None] = DataLoader(load_fn=self._records)
        self.evidence: DataLoader[str, list[dict[str, Any]]] = DataLoader(load_fn=self._evidence)
        self.relations: DataLoader[tuple[str, Direction, str], list[Edge]] = DataLoader(load_fn=self._relations)
        self._known: dict[str, Record] = {}

    def learn(self, records: dict[str, Record]) -> None:
        """Records that an answer has fetched already."""
        for record in records.values():
            self._known.update(dict.fromkeys(record.ids, record))

    async def _records(self, ids: list[str]) -> list[Record | None]:
        missing = [record for record in ids if record not in self._known]
        if missing:
            self.learn(self.view.records(self.view.joined(missing)))
        return [self._known.get(record) for record in ids]

    async def _evidence(self, ids: list[str]) -> list[list[dict[str, Any]]]:
        records = [record for record in await self._records(ids) if record is not None]
        found = render.evidence_of(self.view, records)
        return [found.get(record, []) for record in ids]

    async def _relations(self, keys: list[tuple[str, Direction, str]]) -> list[list[Edge]]:
        wanted: dict[tuple[Direction, str], set[str]] = defaultdict(set)
        for record, direction, type_ in keys:
            wanted[direction, type_].update(self._ids(record))
        found: dict[tuple[str, Direction, str], list[Edge]] = defaultdict(list)
        for (direction, type_), ids in wanted.items():
            for edge in self.view.neighbours(ids, direction, (type_,)):
                found[edge.target if direction == "up" else edge.source, direction, type_].append(edge)
        return [[edge for twin in self._ids(record) for edge in found[twin, direction, type_]] for record, direction, type_ in keys]

    def _ids(self, record: str) -> tuple[str, ...]:
        known = self._known.get(record)
        return known.ids if known else (record,)


class Request:
    """One request: `seconds` for all its reads, and `GRACE` more to tell what they found, be it only a part.

    `authorization` is what it was sent with: what loads through `uploads` needs a token."""

    def __init__(
        self, store: Store, viewer: str | None, seconds: float, snapshots: Snapshots, uploads: Uploads, authorization: str | None
    ) -> None:
        self.store, self.viewer, self._snapshots = store, viewer, snapshots
        self.uploads, self.authorization = uploads, authorization
        self.reads, self.end = Deadline(seconds), Deadline(seconds + GRACE)
        self._loading: dict[str | None, Loading] = {}

    def cancel(self) -> None:
        """Stop the work, in the store too; for any thread."""
        self.reads.cancel()
        self.end.cancel()

    def whole(self, as_of: str | None) -> Loading:
        """The same over a snapshot of the whole graph."""
        from graph.snapshot_store import SnapshotStore

        over = SnapshotStore(self.store, self._snapshots.current(self.reads))
        return Loading(settings.make_view(over, self.viewer, as_of, self.reads), self.end)

    def at(self, as_of: str | None) -> Loading:
        """The View and loaders as of a commit; made once a request, so that all its answers are of one commit."""
        if as_of not in self._loading:
            self._loading[as_of] = Loading(settings.make_view(self.store, self.viewer, as_of, self.reads), self.end)
        return self._loading[as_of]
