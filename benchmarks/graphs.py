"""Generated networks and the graphs loaded from them, in a folder that is kept: what is there already is not made again.

Each is made by the command line in a process of its own, which is measured: seconds and most memory. What a load that was
killed had written stays; the next run goes on with it, and says that its seconds are not of one run.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.sqlite_store import SqliteStore
from graph.store import Commit


@dataclass(frozen=True)
class Run:
    """What a process took: wall-clock seconds, and most memory in MB."""

    seconds: float
    megabytes: float


def run(arguments: list[str], environment: dict[str, str] | None = None) -> tuple[Run, str]:
    """Run Python with `arguments` in a process of its own; returns what it took and what it printed."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"python {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}: {said[-500:]}")
    return Run(time.perf_counter() - begun, used.ru_maxrss / 1024), said


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
