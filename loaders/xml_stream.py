"""XML documents of any size in little memory: what begins and ends, one element after the other, safely.

No document type is read, no entity resolved and nothing fetched.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from lxml import etree
from lxml.etree import _Element

from graph.errors import UnreadableSource

MOST_BYTES = 32 * 2**20
"""Bytes that one item may have, and whatever else stands between two tags of a document."""
MOST_LINES = 65_535
"""libxml2 counts no further."""
_TOLD = 2**20
_HEAD = 2**16
_ASIDE = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_BARE = re.compile(rb"<!DOCTYPE\s+[^\s<>\[\]\"'%]+\s*>")
Moment = Literal["start", "end"]


class Stretch:
    """A file read in stretches: it may go on for `MOST_BYTES` from where `passed` was called last.

    `check` is called before each read: after a fault the parser would take what comes next for another document."""

    def __init__(self, path: Path, file: BinaryIO, reached: Callable[[int], None]) -> None:
        self._path, self._file, self._reached = path, file, reached
        self._begun = self._at = self._told = 0
        self.check: Callable[[], None] = lambda: None

    def passed(self) -> None:
        """What was read so far is done with."""
        self._begun = self._at

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises `UnreadableSource` for a stretch that is too long, and what `check` does."""
        self.check()
        if self._at - self._begun > MOST_BYTES:
            reason = f"an event, or what stands between two tags, may have {MOST_BYTES:,} bytes"
            raise UnreadableSource(str(self._path), f"byte {self._begun}", reason, "split it into several events")
        data = self._file.read(size)
        self._at += len(data)
        if self._at - self._told >= _TOLD:
            self._told = self._at
            self._reached(self._at)
        return data


def moments(path: Path, stretch: Stretch) -> Iterator[tuple[str, _Element]]:
    """`(start or end, element)` of each element of a document in order. Raises `UnreadableSource` where it is damaged."""
    found = etree.iterparse(
        stretch,
        events=("start", "end"),
        load_dtd=False,
        no_network=True,
        resolve_entities=False,
        huge_tree=False,
        collect_ids=False,
    )
    stretch.check = lambda: _check(path, found.error_log)
    try:
        yield from found
    except etree.XMLSyntaxError as error:
        _check(path, found.error_log)
        raise _broken(path, *error.position, error.msg or "") from None


def refuse_doctype(path: Path, root: _Element) -> None:
    """Raises `UnreadableSource` for a document whose type declares anything; a bare `<!DOCTYPE name>` says nothing.

    What a declaration brings along is not read, and a reference to it would vanish without a word."""
    if not root.getroottree().docinfo.doctype:
        return
    with path.open("rb") as file:
        head = _ASIDE.sub(b"", file.read(_HEAD))
    at = head.find(b"<!DOCTYPE")
    if at < 0 or not _BARE.match(head, at):
        reason = "its document type (DOCTYPE) declares something or names a file; nothing may be declared, and no entities"
        repair = "leave the DOCTYPE out and write what its entities stand for"
        raise UnreadableSource(str(path), f"line {root.sourceline}", reason, repair)


def _check(path: Path, log: etree._ListErrorLog) -> None:
    """Raises `UnreadableSource` for the first fault that the parser met."""
    for fault in log.filter_from_errors():
        raise _broken(path, fault.line, fault.column, fault.message)


def _broken(path: Path, line: int, column: int, reason: str) -> UnreadableSource:
    place = f"line {line} column {column}"
    return UnreadableSource(str(path), place, f"it is no XML from here on: {reason}", "mend the file at this place")


def forget(element: _Element) -> None:
    """Let go of what an element holds and of all before it; the element itself is still in the parser's hands."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
