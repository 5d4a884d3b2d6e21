"""Generated networks on their way through the product: files, a graph, a snapshot, a View; and the truth beside them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from graph import snapshot
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from loaders.generator import TRUTH, Rules, generate
from loaders.pipeline import Options, load

LONG = 3600.0
"""Seconds for all that is asked of one network."""


@dataclass(frozen=True)
class Loaded:
    """A generated network in a graph: its folder of files, and all of it as a View over a snapshot."""

    files: Path
    view: View

    def truth(self, table: str) -> list[dict[str, Any]]:
        """A table of what truly was."""
        return [orjson.loads(line) for line in (self.files / TRUTH / f"{table}.jsonl").read_bytes().splitlines()]


@contextmanager
def loaded(journeys: int, seed: int, rules: Sequence[str] = ()) -> Iterator[Loaded]:
    """A network of these rules (as `--set` takes them), for as long as it is looked at."""
    with TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        generate(files, journeys, seed, rules=Rules.parsed(rules))
        store = SqliteStore(Path(folder) / "graph.db", create=True)
        try:
            report = load(store, [files], Options(quarantine=Path(folder) / "quarantine"))
            assert report.refused_total == 0
            columns = SnapshotStore(store, snapshot.take(store, store.head()))
            yield Loaded(files, view(columns, deadline=Deadline(LONG)))
        finally:
            store.close()
