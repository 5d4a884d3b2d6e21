"""A Neo4j of one's own for development and tests: the published artifacts, a separate process, loopback only, no sign-in.

Neo4j Community is GPLv3; nothing of it is in this package. Maven copies its jars into the user's cache once, `javac`
compiles a main class of a dozen lines, and the server ends when the process that started it does.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from graph.errors import StoreUnavailable

VERSION = "5.26.0"
_HERE = Path(__file__).parent / "neo4j"
_OPENS = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "java.io", "sun.nio.ch", "java.lang")]


def missing_tools() -> list[str]:
    """Which of the programs needed to start a server are not there."""
    return [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "veintrace" / f"neo4j-{VERSION}"


def _classes() -> Path:
    """The folder with the jars and the compiled main class, made on first use. Raises `StoreUnavailable`."""
    folder = _cache()
    if (folder / "LocalNeo4j.class").exists():
        return folder
    if missing := missing_tools():
        raise StoreUnavailable(f"a local Neo4j needs {', '.join(missing)}; install a JDK 17 or later and Maven")
    folder.mkdir(parents=True, exist_ok=True)
    jars = folder / "jars"
    _run(["mvn", "-q", "-B", "-f", str(_HERE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"])
    _run(["javac", "-cp", f"{jars}/*", "-d", str(folder), str(_HERE / "LocalNeo4j.java")])
    return folder


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed programs, no shell
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-500:]
        raise StoreUnavailable(f"{command[0]} failed while preparing a local Neo4j: {said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LocalNeo4j:
    """One server. `data` keeps the graph between runs; without it everything is gone at the end."""

    def __init__(self, data: Path | None = None, port: int = 0, heap: str = "1g") -> None:
        self._data, self._port, self._heap = data, port or _free_port(), heap
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None

    @property
    def uri(self) -> str:
        """The Bolt address."""
        return f"neo4j://127.0.0.1:{self._port}"

    def start(self) -> str:
        """Start the server and wait until it answers; returns its address. Raises `StoreUnavailable`."""
        folder = _classes()
        if self._data is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="veintrace-neo4j-")
            self._data = Path(self._scratch.name)
        command = ["java", f"-Xmx{self._heap}", *_OPENS, "-cp", f"{folder}:{folder}/jars/*", "LocalNeo4j", str(self._data)]
        log = (self._data / "server.log").open("w", encoding="utf-8")
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - fixed program, no shell
                [*command, str(self._port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip() == "ready":
                return self.uri
        said = (self._data / "server.log").read_text(encoding="utf-8")[-500:]
        self.stop()
        raise StoreUnavailable(f"the local Neo4j did not start on port {self._port}: {said}")

    def wait(self) -> None:
        """Block until the server ends."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End the server; its graph is flushed to disk first."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def __enter__(self) -> "LocalNeo4j":
        self.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()
