"""Generated networks and the graphs loaded from them, in a folder that is kept: what is there already is not made again.

Each is made by the command line in a process of its own, which is measured: seconds and most memory. What a load that was
killed had written stays; the next run goes on with it, and says that its seconds are not of one run.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.sqlite_store import SqliteStore
from graph.store import Commit

_PAUSE = 0.01


@dataclass(frozen=True)
class Run:
    """What a process took: wall-clock seconds, and most memory in MB."""

    seconds: float
    megabytes: float


def run(arguments: list[str]) -> tuple[Run, str]:
    """Run Python with `arguments` in a process of its own; returns what it took and what it printed."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        begun, most = time.perf_counter(), 0.0
        process = subprocess.Popen([sys.executable, *arguments], stdout=out)
        while process.poll() is None:
            most = max(most, _megabytes(process.pid))
            time.sleep(_PAUSE)
        took = time.perf_counter() - begun
        out.seek(0)
        said = out.read()
    if process.returncode:
        raise SystemExit(f"python {' '.join(arguments)} ended with {process.returncode}: {said[-500:]}")
    return Run(took, most), said


def _megabytes(process: int) -> float:
    """The most memory a process and those it started have held, as Linux tells it (0 elsewhere). What `wait4` tells counts its
    parent's in."""
    try:
        begun = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    own = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
    return own + sum(_megabytes(int(child)) for child in begun)


@dataclass(frozen=True)
class Network:
    """A network of so many journeys below `keep`: `files`, loaded into `graph`."""

    keep: Path
    journeys: int

    @property
    def folder(self) -> Path:
        """The folder of this network."""
        return self.keep / f"of-{self.journeys}"

    @property
    def files(self) -> Path:
        """What `veintrace generate` wrote."""
        return self.folder / "files"

    @property
    def graph(self) -> Path:
        """The SQLite graph."""
        return self.folder / "graph.db"

    @property
    def url(self) -> str:
        """The graph as commands name it."""
        return f"sqlite:///{self.graph}"

    def generated(self) -> dict[str, Any]:
        """`{files, rows, seconds, megabytes}` of generating it."""
        command = ["-m", "api.cli", "generate", "--journeys", str(self.journeys), "--seed", "1", "--out", str(self.files), "--json"]
        return self._once("generated", command, self.files)

    def loaded(self) -> dict[str, Any]:
        """`{totals, seconds, megabytes}` of loading it into SQLite. `resumed` where an earlier run had begun it."""
        self.generated()
        begun = self.graph.exists()
        command = ["-m", "api.cli", "load", str(self.files), "--graph", self.url, "--json"]
        return self._once("loaded", command, None, resumed=begun)

    def _once(self, name: str, command: list[str], leftover: Path | None, **more: object) -> dict[str, Any]:
        """What a step told, from the file that says it is done; else it is done now, without what was left over."""
        done = self.folder / f"{name}.json"
        if not done.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            if leftover and leftover.exists():
                shutil.rmtree(leftover)
            took, said = run(command)
            told = {key: value for key, value in json.loads(said).items() if not isinstance(value, list)}
            done.write_text(json.dumps({**told, **took.__dict__, **more}), encoding="utf-8")
        found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return found

    def commits(self) -> list[Commit]:
        """The commits of the load."""
        store = SqliteStore(self.graph)
        found = list(store.commits())
        store.close()
        return found


def tenths(commits: list[Commit]) -> tuple[float, float]:
    """Claims a second in the first and in the last tenth of the claims of a load, by the times of its commits."""
    total, done, marks = sum(commit.claims for commit in commits), 0, [(0, commits[0].load_time)]
    for commit in commits:
        done += commit.claims
        marks.append((done, commit.time))
    first = next(mark for mark in marks if mark[0] >= total / 10)
    last = next(mark for mark in reversed(marks) if mark[0] <= total * 9 / 10)
    return _rate(marks[0], first), _rate(last, marks[-1])


def _rate(begin: tuple[int, int], end: tuple[int, int]) -> float:
    return (end[0] - begin[0]) / ((end[1] - begin[1]) / 1e6)
