"""Folders for what is written only to be read again.

They are removed at the end; those of a process that was killed, by the next that makes one. A lock tells whose process still runs:
the system lets go of it however that ends.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PREFIX = "veintrace-scratch-"
_held: dict[Path, int] = {}
"""The lock on each folder of this process."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder, removed at the end."""
    folder = new()
    try:
        yield folder
    finally:
        remove(folder)


def new() -> Path:
    """A new folder; whoever asks for it must `remove` it."""
    _sweep()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        held = _locked(folder, wait=True)
        if folder.exists():
            if held is not None:
                _held[folder] = held
            return folder
        if held is not None:  # another process swept it before it was locked
            os.close(held)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if (held := _held.pop(folder, None)) is not None:
        os.close(held)


def _sweep() -> None:
    """Remove the folders of processes that are gone; of this user alone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if (held := _locked(folder)) is not None:
            if os.fstat(held).st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _locked(folder: Path, wait: bool = False) -> int | None:
    """A lock on a folder, to be closed; None where another has it, it is none, or the system has no such locks."""
    if sys.platform == "win32":
        return None
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
