"""What fuzzing found: each kind of failure once, made as small as may be; and inputs that reach more lines than the seeds."""

import hashlib
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import Target

CORPUS = Path(__file__).parent / "corpus"
_OURS = str(Path(__file__).parents[2])
_SMALL = 4_096
"""Most bytes of an input that is kept for reaching more."""
_KEPT = 40
_PATIENCE = 60.0
"""Seconds for making an input smaller, or choosing inputs."""


class Findings:
    """The failures of one run: in a folder a file each, named by kind, with what was raised beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, error: BaseException, data: bytes) -> None:
        """Keep an input that failed, if it is the smallest of its kind."""
        told = _told(error)
        path = self._folder / self.name_of(told.encode())
        if not path.exists() or path.stat().st_size > len(data):
            path.write_bytes(data)
            trace = "".join(traceback.format_exception(error)[-6:])
            path.with_suffix(".txt").write_text(f"{told}\n{trace}", encoding="utf-8", errors="replace")

    def all(self) -> list[tuple[str, bytes]]:
        """`(what was raised, the input)` of each kind."""
        paths = [path for path in sorted(self._folder.glob("*")) if path.suffix != ".txt"]
        return [(path.with_suffix(".txt").read_text(encoding="utf-8"), path.read_bytes()) for path in paths]

    @staticmethod
    def name_of(data: bytes) -> str:
        """A name for an input, by its hash."""
        return hashlib.sha256(data).hexdigest()[:12]


def _told(error: BaseException) -> str:
    """The kind of a failure: what was raised, and where in our code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_OURS)]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"


def signature(target: Target, data: bytes, folder: Path) -> str | None:
    """The kind of failure that an input is; None where there is none."""
    try:
        target.run(data, folder)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return _told(error)
    return None


def smaller(target: Target, data: bytes, folder: Path) -> bytes:
    """The same failure with as little as may be: parts are taken out, ever smaller ones, as long as it stays."""
    kind, size = signature(target, data, folder), len(data) // 2
    until = time.monotonic() + _PATIENCE
    while kind and size and time.monotonic() < until:
        at, cut = 0, False
        while at < len(data) and time.monotonic() < until:
            less = data[:at] + data[at + size :]
            if signature(target, less, folder) == kind:
                data, cut = less, True
            else:
                at += size
        size = size if cut and size == 1 else size // 2
    return data


def keep_reaching(target: Target, corpus: Path, folder: Path) -> int:
    """Keep, of small inputs, those that reach lines which neither the seeds nor what is kept already reach; returns how many."""
    kept = CORPUS / target.name
    kept.mkdir(parents=True, exist_ok=True)
    reached = set[tuple[str, int]]()
    for data in (*seeds(target.name), *(path.read_bytes() for path in sorted(kept.iterdir()))):
        reached |= _lines(target, data, folder)
    until, chosen = time.monotonic() + _PATIENCE, 0
    for data in sorted(_inputs(corpus), key=len):
        if time.monotonic() > until or chosen == _KEPT:
            break
        if more := _lines(target, data, folder) - reached:
            reached |= more
            chosen += 1
            (kept / Findings.name_of(data)).write_bytes(data)
    return chosen


def _inputs(corpus: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in corpus.iterdir() if path.stat().st_size <= _SMALL)


def _lines(target: Target, data: bytes, folder: Path) -> set[tuple[str, int]]:
    """The lines of our code that an input reaches; none of one that fails."""
    met = set[tuple[str, int]]()
    ours = (f"{_OURS}/loaders/", f"{_OURS}/graph/")

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        met.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(ours) else None

    sys.settrace(call)
    try:
        failed = signature(target, data, folder)
    finally:
        sys.settrace(None)
    return set() if failed else met
