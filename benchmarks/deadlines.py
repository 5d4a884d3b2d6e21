"""Measure how long after its end a read of a large graph still takes, and the store after it; writes RESULTS-deadlines.md.

    python -m benchmarks.deadlines             SQLite, and a local Neo4j where there is one

An end is a deadline that passes, or a reader who goes away (`Deadline.cancel`). The graph is a mesh of 200 layers (on
Neo4j 40), of which nearly everything is the lineage of one material. Of each read the longest of `_TIMES` is told.
"""

import os
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from rich.progress import track

from api.neo4j_server import LocalNeo4j, missing_tools
from graph.errors import DeadlineExceeded
from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Scope, Store
from graph.view import view
from queries.lineage import lineage
from queries.recall import recall
from tests.networks import land
from tests.networks_large import Mesh

BAR = 1.0
"""Seconds that a read may take beyond its end."""
_ENDS = (0.03, 0.3, 1.0)
"""Seconds from a read's begin to its end: in its first statement, in a later one, while the answer is put together."""
_TIMES = 3
_MANY = 200_000
Read = Callable[[Deadline], object]


def main() -> None:
    """Measure both stores."""
    table: list[tuple[str, str, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="veintrace-bench-") as folder:
        store = SqliteStore(Path(folder) / "graph.db", create=True)
        table += _measured("SQLite", store, Mesh(layers=200, width=100, links=200))
        store.close()
    if missing := missing_tools():
        table.append(("Neo4j", "", "not measured", f"{', '.join(missing)} not installed"))
    else:
        with LocalNeo4j() as server:
            on_server = Neo4jStore(server.uri, create=True)
            table += _measured("Neo4j", on_server, Mesh(layers=40, width=100, links=100))
            on_server.close()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    lines = ["# How soon reads end", "", f"Measured by `make bench-deadlines` on {machine}. The bar is {BAR:g} s.", ""]
    lines += ["| store | read | beyond its deadline | after its reader has gone |", "|---|---|---|---|"]
    text = "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in table)]) + "\n"
    print(text)
    Path(__file__).with_name("RESULTS-deadlines.md").write_text(text, encoding="utf-8")


def _measured(name: str, store: Store, mesh: Mesh) -> Iterator[tuple[str, str, str, str]]:
    land(store, mesh.claims())
    for what, read in track(_reads(store, mesh).items(), description=name):
        _beyond(read, _ENDS[0], False)  # a server plans a statement that is new to it
        overs = [max(_beyond(read, end, gone) for end in _ENDS for _ in range(_TIMES)) for gone in (False, True)]
        yield (name, what, *(f"{over * 1e3:.0f} ms{'' if over < BAR else ' **over the bar**'}" for over in overs))


def _reads(store: Store, mesh: Mesh) -> dict[str, Read]:
    """Reads by what they are; those of many ids ask for some that are there and many that are not."""
    known = mesh.ids()
    ids = known + [f"object-{number:032x}" for number in range(_MANY - len(known))]
    commit = store.head()
    assert commit is not None

    def of_many(read: Callable[[Scope], object]) -> Read:
        return lambda deadline: read(Scope(commit.number, None, deadline))

    return {
        f"get of {_MANY:,}": of_many(lambda scope: store.get(ids, scope)),
        f"find of {_MANY:,}": of_many(lambda scope: store.find([f"ni:X:{each}" for each in ids], scope)),
        f"history of {_MANY:,}": of_many(lambda scope: store.history(ids, scope)),
        f"neighbours of {_MANY:,}": of_many(lambda scope: store.neighbours(ids, "down", ("INPUT_TO", "OUTPUT"), scope)),
        f"around {_MANY:,}": of_many(lambda scope: store.around(ids, scope)),
        f"reach from {_MANY:,}": of_many(lambda scope: store.reach(ids, "down", scope, _MANY)),
        "lineage up": lambda deadline: lineage(view(store, deadline=deadline), [mesh.last], "up"),
        "lineage up, one organisation": lambda deadline: lineage(view(store, "H", deadline=deadline), [mesh.last], "up"),
        "lineage down": lambda deadline: lineage(view(store, deadline=deadline), [mesh.first], "down"),
        "lineage up, by generations": lambda deadline: lineage(view(store, deadline=deadline), [mesh.last], "up", depth=1_000),
        "recall": lambda deadline: recall(view(store, deadline=deadline), [mesh.first]),
    }


def _beyond(read: Read, end: float, gone: bool) -> float:
    """Seconds from the end of a read until it is over, 0 for one that is done before."""
    deadline = Deadline(600 if gone else end)
    leaving = threading.Timer(end, deadline.cancel)
    if gone:
        leaving.start()
    begun = time.perf_counter()
    with suppress(DeadlineExceeded):
        read(deadline)
    took = time.perf_counter() - begun
    leaving.cancel()
    return max(0.0, took - end)


if __name__ == "__main__":
    main()
