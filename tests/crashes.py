"""Loads that are killed: a process that loads and dies at a drawn moment, and what must hold after it."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.verify import verify
from loaders.pipeline import Options, load

ROOT = Path(__file__).parents[1]
COMMIT = 500

CHILD = """
import os, sys
from pathlib import Path
from api.settings import open_store
from graph.sqlite_store import SqliteStore
from loaders.pipeline import Options, load

url, bundle, die_at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
store = open_store(url, create=True)
seen = 0

def trace(statement):
    global seen
    seen += 1
    os.write(1, (statement.split(None, 1)[0] + "\\n").encode())
    if seen == die_at:
        os.kill(os.getpid(), 9)

applied = type(store).apply

def acknowledged(self, batch, *more):
    done = applied(self, batch, *more)
    os.write(1, f"ACK {done.commit.number if done.commit else 0}\\n".encode())
    return done

type(store).apply = acknowledged
if isinstance(store, SqliteStore):
    store._connection.set_trace_callback(trace)
load(store, [bundle], Options(steward="H", author="tester", batch_size=500, quarantine=bundle.parent / "q"))
os.write(1, b"DONE\\n")
"""


class Undisturbed(NamedTuple):
    """A load that nobody disturbs: its digest, its number of commits, and the words of its write trace (SQLite)."""

    digest: str
    commits: int
    trace: list[str]


def undisturbed(bundle: Path, folder: Path) -> Undisturbed:
    """Load a bundle in peace."""
    path = folder / "undisturbed.db"
    lines = child(f"sqlite:///{path}", bundle, 0)
    assert lines[-1] == "DONE"
    store = SqliteStore(path)
    head = store.head()
    assert head is not None
    store.close()
    return Undisturbed(head.digest, head.number, [line for line in lines if not line.startswith(("ACK", "DONE"))])


@contextmanager
def in_memory(otherwise: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is killed is the process, not the machine."""
    if not Path("/dev/shm").is_dir():
        yield otherwise
        return
    with TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def child(url: str, bundle: Path, die_at: int) -> list[str]:
    """Lines a loading process printed until it ended or killed itself at its n-th statement."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, url, str(bundle), str(die_at)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:]
    return done.stdout.split("\n")[:-1]


def kill_neo4j_client(uri: str, bundle: Path, after: int) -> list[str]:
    """Load into Neo4j and kill the loading process once it has acknowledged so many commits; the lines it printed."""
    process = subprocess.Popen([sys.executable, "-c", CHILD, uri, str(bundle), "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if len(lines) == after:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return lines


def opens_whole(store: Store, lines: list[str]) -> None:
    """What must hold after a kill: every acknowledged commit is there, and all of it verifies."""
    acknowledged = {int(line.split()[1]) for line in lines if line.startswith("ACK")} - {0}
    assert acknowledged <= {commit.number for commit in store.commits()}
    found = verify(store)
    assert found.ok, found.faults


def survives(store: Store, lines: list[str], bundle: Path, digest: str) -> None:
    """The same, and that loading the bundle again ends in the digest of a load that nobody disturbed."""
    opens_whole(store, lines)
    load(store, [bundle], Options(steward="H", author="tester", batch_size=COMMIT, quarantine=bundle.parent / "q"))
    head = store.head()
    assert head is not None
    assert head.digest == digest
    assert store.open_loads() == []


def kill_points(trace: list[str], within: int, at_commit: int, between: int) -> list[int]:
    """Statements to die before: some within a transaction, some at its COMMIT, some between two."""
    inside_at: list[int] = []
    between_at: list[int] = []
    inside = False
    for number, word in enumerate(trace, start=1):
        (inside_at if inside else between_at).append(number)
        inside = word.upper() == "BEGIN" or (inside and word.upper() not in ("COMMIT", "ROLLBACK"))
    draw = random.Random(20241123)
    started = trace.index("INSERT") if "INSERT" in trace else 0
    commits = [number for number in inside_at if trace[number - 1] == "COMMIT"]
    others = [number for number in inside_at if number > started and number not in set(commits)]
    between_at = [number for number in between_at if number > started]
    return draw.sample(others, within) + draw.sample(commits, at_commit) + draw.sample(between_at, between)


def survives_on_sqlite(points: list[int], bundle: Path, digest: str, folder: Path) -> None:
    """Kill a load into SQLite at each of these statements."""
    for die_at in points:
        path = folder / f"killed-{die_at}.db"
        lines = child(f"sqlite:///{path}", bundle, die_at)
        assert lines[-1:] != ["DONE"]
        store = SqliteStore(path, create=True)
        survives(store, lines, bundle, digest)
        store.close()
        path.unlink()
