"""The snapshot that a service's whole-graph answers are made from: one at a time, brought up to date when the graph moved on."""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillMaking
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from graph.errors import DeadlineExceeded
from graph.store import Commit, Deadline, Store

if TYPE_CHECKING:
    from graph.snapshot import Snapshot


class Snapshots:
    """The newest snapshot of one store, kept in the folder `cache`, if there is one."""

    def __init__(self, store: Store, cache: Path | None) -> None:
        self._store, self._cache, self._lock = store, cache, Lock()
        self._maker = ThreadPoolExecutor(1, "snapshot")
        self._made: tuple[Commit | None, Future[Snapshot]] | None = None

    def current(self, deadline: Deadline) -> "Snapshot":
        """The graph as it now is. What takes longer than the deadline is gone on with, for the next who asks.

        Raises `DeadlineExceeded`."""
        head = self._store.head()
        with self._lock:
            if self._made is None or self._made[0] != head or (self._made[1].done() and self._made[1].exception()):
                self._made = head, self._maker.submit(self._make)
            made = self._made[1]
        try:
            return made.result(deadline.remaining())
        except StillMaking:
            raise DeadlineExceeded(deadline.seconds) from None

    def _make(self) -> "Snapshot":
        # polars takes longer to import than most questions to answer
        from graph import snapshot

        return snapshot.current(self._store, self._cache)

    def close(self) -> None:
        """Let go of the thread."""
        self._maker.shutdown(wait=False, cancel_futures=True)
