"""Room on the disk for what is written only to be read again: some of it always stays free for others."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graph.errors import DiskFull

RESERVE = 256 * 2**20
"""Bytes that stay free: what a graph and all else on the disk go on with."""
_BETWEEN = 8 * 2**20
"""Bytes written between two looks at the disk: of all that write at once together less than the reserve."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Room:
    """The room on the disk of a folder, looked at now and then while something is written there."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._unseen = folder, _BETWEEN

    def look(self, coming: int = 0) -> None:
        """Raises `DiskFull` where, with so many bytes more, less than the reserve would stay free."""
        if shutil.disk_usage(self._folder).free - coming < RESERVE:
            raise DiskFull(RESERVE)

    def take(self, size: int) -> None:
        """To be called before so many bytes are written. Raises `DiskFull`."""
        self._unseen += size
        if self._unseen >= _BETWEEN:
            self.look(size)
            self._unseen = 0


@contextmanager
def full_told() -> Iterator[None]:
    """Turns what a full disk, or quota, raises into `DiskFull`: others write there, too."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(RESERVE) from None
        raise
