"""JSON documents of any size in little memory: what stands around a list of items, and the items one by one.

A document is read twice, as what heads its items may stand behind them. `ijson` reads as strictly as RFC 8259 asks, but for a
surrogate without its pair, which it would replace; that is looked for here.
"""

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import ijson
import orjson

from graph.errors import UnreadableSource

MOST_BYTES = 32 * 2**20
"""Bytes that one item may have, and all that stands around the items."""
DEEPEST = 200
"""Levels of objects and lists in each other; real documents stay under 20."""
LONGEST_NAME = 1_000
"""Characters that the name of a member may have; URIs of real documents stay below 200."""
_AWAY = "\0"  # a name that is no part of a place
_TOLD = 2**20
_PLACED = 64 * 2**20
"""In a file of so many bytes the line of a fault is looked up."""
_BEGIN, _END = ("start_map", "start_array"), ("end_map", "end_array")
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"%b%b|(?P<lone>%b|%b)|\\." % (_HIGH, _LOW, _HIGH, _LOW), re.DOTALL)
_PAIR = rb"\ud800\udc00"
Reached = Callable[[int], None]


def around(path: Path, lists: Collection[str], reached: Reached, counts: Counter[str] | None = None) -> Any:
    """A document without the items of its `lists` (`epcisBody.eventList`; the empty name of one that is the whole document): these
    are empty. `counts` is told how many there are of each.

    Raises `UnreadableSource` for what is no JSON, not UTF-8, nested too deep or longer than may be."""
    places = {f"{name}.item" if name else "item" for name in lists}
    with path.open("rb") as file:
        stretch = _Stretch(path, file, reached)
        return _guarded(path, stretch, lambda: _built(stretch, places, Counter() if counts is None else counts))


def items(path: Path, name: str, reached: Reached, count: int | None = None) -> Iterator[Any]:
    """The items of the list of this name in a document that `around` found no fault in; the first `count` where that is given, so
    that what lies behind them is not read."""
    with path.open("rb") as file:
        yield from islice(
            ijson.items(_Stretch(path, file, reached, most=None), f"{name}.item" if name else "item", use_float=True), count
        )


def _guarded(path: Path, stretch: "_Stretch", read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ijson.JSONError, UnicodeDecodeError) as error:
        if path.stat().st_size <= _PLACED:
            whole(path)  # which tells line and column
        raise _no_json(path, f"byte {stretch.at:,} or before", str(error).splitlines()[0].strip("b'\"")) from None


def whole(path: Path) -> Any:
    """A document that fits into memory. Raises `UnreadableSource`."""
    try:
        return orjson.loads(path.read_bytes().removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise _no_json(path, f"line {error.lineno} column {error.colno}", error.msg) from None


def _no_json(path: Path, place: str, reason: str) -> UnreadableSource:
    return UnreadableSource(str(path), place, f"it is not JSON: {reason}", "mend the file at this place")


def _built(stretch: "_Stretch", places: Collection[str], counts: Counter[str]) -> Any:
    """The document without what stands at `places`. Where each event stands is reckoned here and no deeper than places are: ijson
    would write down the whole path of each, which of a small file of brackets alone takes gigabytes."""
    builder, opened, inside, size = ijson.ObjectBuilder(), list[str](), 0, 0
    deepest, longest = max(place.count(".") for place in places) + 1, max(map(len, places))
    for event, value in ijson.basic_parse(stretch, use_float=True):
        if inside:  # most of a document lies within its items: no more is done there than must be
            if event in _BEGIN:
                inside += 1
                if len(opened) + inside > DEEPEST + 1:
                    raise _too_deep(stretch)
            elif event in _END:
                inside -= 1
                if not inside:
                    opened.pop()
                    stretch.passed()
            elif event == "map_key" and len(value) > LONGEST_NAME:
                raise _too_long_named(stretch)
            continue
        if not opened:
            places = {"item"} & {*places} if event == "start_array" else {*places} - {"item"}
        if event in _END or event == "map_key":
            opened.pop()
        if len(opened) + (event in _BEGIN or event == "map_key") > DEEPEST:
            raise _too_deep(stretch)
        if event == "map_key" and len(value) > LONGEST_NAME:
            raise _too_long_named(stretch)
        if len(opened) <= deepest and (prefix := ".".join(opened)) in places and event not in ("map_key", *_END):
            inside = int(event in _BEGIN)
            counts[prefix.rpartition("item")[0].rstrip(".")] += 1
            stretch.passed()
        else:
            size += len(value) if isinstance(value, str) else 8
            if event == "map_key" and "." in value and len(opened) <= deepest:
                told = f"{prefix}.{value}".lstrip(".")
                if any(place.startswith(told) for place in places):
                    raise UnreadableSource(stretch.name, "", f"a member is named {value!r}, as a place is", "rename it")
            if size > MOST_BYTES:
                reason = f"what stands around the events may have {MOST_BYTES:,} bytes"
                raise UnreadableSource(stretch.name, "", reason, "split it into several documents")
            builder.event(event, value)
        if event == "map_key":
            opened.append(value if len(value) <= longest else _AWAY)
        elif event in _BEGIN:
            opened.append("item" if event == "start_array" else "")
    return getattr(builder, "value", None)


def _too_deep(stretch: "_Stretch") -> UnreadableSource:
    reason = f"objects and lists may lie {DEEPEST} deep in each other"
    return UnreadableSource(stretch.name, f"byte {stretch.at:,} or before", reason, "write it flatter")


def _too_long_named(stretch: "_Stretch") -> UnreadableSource:
    reason = f"the name of a member may have {LONGEST_NAME:,} characters"
    return UnreadableSource(stretch.name, f"byte {stretch.at:,} or before", reason, "shorten it")


class _Stretch:
    """A file read in stretches: it may go on for `most` bytes from where `passed` was called last."""

    def __init__(self, path: Path, file: BinaryIO, reached: Reached, most: int | None = MOST_BYTES) -> None:
        self.name, self.at = str(path), 0
        self._file, self._reached, self._most = file, reached, most
        self._begun = self._told = 0
        self._tail = b""
        if file.read(len(BOM_UTF8)) != BOM_UTF8:
            file.seek(0)

    def passed(self) -> None:
        """What was read so far is done with."""
        self._begun = self.at

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises `UnreadableSource`."""
        if self._most is not None and self.at - self._begun > self._most + 2**20:
            reason = f"one event may have {self._most:,} bytes"
            raise UnreadableSource(self.name, f"byte {self._begun:,}", reason, "split it into several events")
        data = self._file.read(size)
        self.at += len(data)
        self._look(data)
        if self.at - self._told >= _TOLD:
            self._told = self.at
            self._reached(self.at)
        return data

    def _look(self, data: bytes) -> None:
        """Raises `UnreadableSource` for a surrogate without its pair."""
        told = self._tail + data
        if b"\\" not in told:
            self._tail = b""
            return
        # what begins after `sure` may go on in what comes next
        sure = len(told) - len(_PAIR) + 1 if data else len(told)
        done = max(0, sure)
        for found in _ESCAPE.finditer(told):
            if found.start() >= sure:
                break
            if found["lone"]:
                at = f"byte {self.at - len(told) + found.start():,}"
                raise UnreadableSource(self.name, at, "it holds a surrogate without its pair", "write the character itself")
            done = max(done, found.end())
        self._tail = told[done:]
