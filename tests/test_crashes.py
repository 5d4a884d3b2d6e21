"""A load that is killed leaves a graph that opens, verifies, holds every acknowledged commit, and can be loaded again."""

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.verify import verify
from loaders.pipeline import Options, load

ROOT = Path(__file__).parents[1]
COMMIT = 500
ROWS = 10_400
KILLS_WITHIN, KILLS_AT_COMMIT, KILLS_BETWEEN = 40, 5, 5

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

def acknowledged(self, batch):
    done = applied(self, batch)
    os.write(1, f"ACK {done.commit.number if done.commit else 0}\\n".encode())
    return done

type(store).apply = acknowledged
if isinstance(store, SqliteStore):
    store._connection.set_trace_callback(trace)
load(store, [bundle], Options(steward="H", author="tester", batch_size=500, quarantine=bundle.parent / "q"))
os.write(1, b"DONE\\n")
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that makes more than twenty commits of 500 claims."""
    folder = tmp_path_factory.mktemp("bundle")
    rows = "".join(f"M-{n},dose,{n % 7},2024-01-{n % 28 + 1:02d}T00:00:00Z\n" for n in range(ROWS))
    (folder / "material.csv").write_text("id,type,quantity,recorded_at\n" + rows, encoding="utf-8")
    return folder


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is killed is the process, not the machine."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def undisturbed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """The digest of a load that nobody disturbs, and the words of its write trace."""
    path = tmp_path_factory.mktemp("undisturbed") / "graph.db"
    lines = child(f"sqlite:///{path}", bundle, 0)
    assert lines[-1] == "DONE"
    store = SqliteStore(path)
    head = store.head()
    assert head is not None
    assert head.number > 20
    store.close()
    return head.digest, [line for line in lines if not line.startswith(("ACK", "DONE"))]


def child(url: str, bundle: Path, die_at: int) -> list[str]:
    """Lines a loading process printed until it ended or killed itself at its n-th statement."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, url, str(bundle), str(die_at)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:]
    return done.stdout.split("\n")[:-1]


def survives(store: Store, lines: list[str], bundle: Path, digest: str) -> None:
    """What must hold after a kill."""
    acknowledged = [int(line.split()[1]) for line in lines if line.startswith("ACK")]
    numbers = [commit.number for commit in store.commits()]
    assert set(acknowledged) <= set(numbers)
    found = verify(store)
    assert found.ok, found.faults
    load(store, [bundle], Options(steward="H", author="tester", batch_size=COMMIT, quarantine=bundle.parent / "q"))
    head = store.head()
    assert head is not None
    assert head.digest == digest
    assert store.open_loads() == []


def kill_points(trace: list[str]) -> list[int]:
    """Statements to die before: most inside a transaction (its COMMIT among them), some between two."""
    within: list[int] = []
    between: list[int] = []
    inside = False
    for number, word in enumerate(trace, start=1):
        (within if inside else between).append(number)
        inside = word.upper() == "BEGIN" or (inside and word.upper() not in ("COMMIT", "ROLLBACK"))
    draw = random.Random(20241123)
    started = trace.index("INSERT") if "INSERT" in trace else 0
    commits = [number for number in within if trace[number - 1] == "COMMIT"]
    others = [number for number in within if number > started and number not in commits]
    between = [number for number in between if number > started]
    return draw.sample(others, KILLS_WITHIN) + draw.sample(commits, KILLS_AT_COMMIT) + draw.sample(between, KILLS_BETWEEN)


@pytest.mark.parametrize("part", range(5))
def test_sqlite_survives_being_killed_anywhere(part: int, bundle: Path, undisturbed: tuple[str, list[str]], fast: Path) -> None:
    digest, trace = undisturbed
    points = kill_points(trace)
    assert len(points) == 50
    for number, die_at in enumerate(points[part::5]):
        path = fast / f"killed-{part}-{number}.db"
        lines = child(f"sqlite:///{path}", bundle, die_at)
        assert lines[-1:] != ["DONE"]
        store = SqliteStore(path, create=True)
        survives(store, lines, bundle, digest)
        store.close()
        path.unlink()


@pytest.mark.neo4j
def test_neo4j_survives_the_client_being_killed(clean_neo4j: str, bundle: Path, undisturbed: tuple[str, list[str]]) -> None:
    digest, _ = undisturbed
    for number in range(10):
        store = Neo4jStore(clean_neo4j, create=True)
        with store._driver.session() as session:
            session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS").consume()
        store.close()
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, clean_neo4j, str(bundle), "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if len(lines) == 1 + number * 2:
                os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        store = Neo4jStore(clean_neo4j, create=True)
        survives(store, lines, bundle, digest)
        store.close()
