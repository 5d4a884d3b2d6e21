"""Parquet on trial: a damaged file may end the process that reads it, so each is read first by one that may be lost.

The library that reads Parquet trusts what a file says of itself, such as how much memory to ask for. The process reads all
of a file once, slice by slice, and waits for the next; it ends with ours.
"""

import atexit
import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from threading import Lock

_SLICE = 20_000
"""Rows in memory at a time."""
_ENDED = "the file is damaged, and reading it ends the process that reads"


def fault(path: Path) -> str | None:
    """What is wrong with a file that cannot be read to its end; None of one that can. Raises `OSError` where it is not there."""
    told = path.stat()
    return _fault(str(path.resolve()), told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=4_096)
def _fault(path: str, changed: int, size: int) -> str | None:
    return _taster.asked(path)


class _Taster:
    """The process that reads first, begun with the first file and anew after each that ended it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def asked(self, path: str) -> str | None:
        """What the process says of a file."""
        with self._lock:
            process = self._process or self._begun()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(path).encode() + b"\n")
                process.stdin.flush()
                answer = process.stdout.readline()
            except OSError:
                answer = b""
            if not answer:
                self._end()
                return _ENDED
            told: str | None = json.loads(answer)
            return told

    def _begun(self) -> "subprocess.Popen[bytes]":
        root = str(Path(__file__).parents[1])
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from loaders.parquet_trial import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)},
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()


_taster = _Taster()
atexit.register(_taster.close)


def main() -> None:
    """Read each file that is named on the standard input, and say what is wrong with it."""
    for line in sys.stdin.buffer:
        try:
            told = _read(json.loads(line))
        except BaseException:  # a panic, after which threads of the library are gone and what is read next may wait for them
            os._exit(1)
        print(json.dumps(told), flush=True)


def _read(path: str) -> str | None:
    # polars takes longer to import than a small CSV file to load
    import polars as pl

    try:
        source = pl.scan_parquet(path, glob=False)
        rows: int = source.select(pl.len()).collect().item()
        for first in range(0, rows, _SLICE):
            source.slice(first, _SLICE).collect()
    except Exception as error:  # its many ways to fail are not declared
        return (str(error).splitlines() or [type(error).__name__])[0][:200]
    return None
