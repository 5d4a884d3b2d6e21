"""What one GraphQL request shares: its viewer, its deadline, its Views, and loaders that fetch for whole sets at once."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader

from api import render, settings
from graph.claims import Edge
from graph.record import Record
from graph.store import Deadline, Direction, Store
from graph.view import View

T = TypeVar("T")


class Loading:
    """Loaders over one View: each turns the single keys that resolvers ask for into one read of the store."""

    def __init__(self, view: View) -> None:
        self.view = view
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
            self.learn(await asyncio.to_thread(lambda: self.view.records(self.view.joined(missing))))
        return [self._known.get(record) for record in ids]

    async def _evidence(self, ids: list[str]) -> list[list[dict[str, Any]]]:
        records = [record for record in await self._records(ids) if record is not None]
        found = await asyncio.to_thread(render.evidence_of, self.view, records)
        return [found.get(record, []) for record in ids]

    async def _relations(self, keys: list[tuple[str, Direction, str]]) -> list[list[Edge]]:
        wanted: dict[tuple[Direction, str], set[str]] = defaultdict(set)
        for record, direction, type_ in keys:
            wanted[direction, type_].update(self._ids(record))
        found: dict[tuple[str, Direction, str], list[Edge]] = defaultdict(list)
        for (direction, type_), ids in wanted.items():
            for edge in await asyncio.to_thread(self.view.neighbours, ids, direction, (type_,)):
                found[edge.target if direction == "up" else edge.source, direction, type_].append(edge)
        return [[edge for twin in self._ids(record) for edge in found[twin, direction, type_]] for record, direction, type_ in keys]

    def _ids(self, record: str) -> tuple[str, ...]:
        known = self._known.get(record)
        return known.ids if known else (record,)


class Request:
    """One request. `run` does blocking work in a worker thread, so the event loop is never held."""

    def __init__(self, store: Store, viewer: str | None, deadline: Deadline) -> None:
        self.store, self.viewer, self.deadline = store, viewer, deadline
        self._loading: dict[str | None, Loading] = {}

    async def at(self, as_of: str | None) -> Loading:
        """The View and loaders as of a commit; made once a request, so that all its answers are of one commit."""
        if as_of not in self._loading:
            made = await asyncio.to_thread(settings.make_view, self.store, self.viewer, as_of, self.deadline)
            self._loading.setdefault(as_of, Loading(made))
        return self._loading[as_of]

    async def run(self, work: Callable[[], T]) -> T:
        """The result of blocking work."""
        return await asyncio.to_thread(work)
