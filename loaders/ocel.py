"""The reader of OCEL 2.0 in JSON: types, objects and events. Each object and each event is one item.

A document is read in stretches: first what its types declare, then its objects and its events, wherever these stand in it.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from graph.errors import InvalidMapping, UnreadableSource
from loaders.items import REFUSED, Context, Item, Refused
from loaders.json_forms import is_first_ocel
from loaders.json_stream import Reached, around, items
from loaders.mapping_files import PlacedLog
from loaders.ocel_claims import Log, TypeOf
from loaders.ocel_form import Types, declared

_DECLARING = ("eventTypes", "objectTypes")
FIRST = "it is a log of OCEL 1.0, which is another form"
"""What is wrong with a log of the standard before."""
WRITE_ANEW = "write it as OCEL 2.0, as tools of process mining that read it can"
"""What to do with it."""
LISTS = ("objects", "events", REFUSED)
"""Where a document has lists of any length, in the words of `json_stream`."""


def read(path: Path, context: Context, placed: PlacedLog | None = None) -> Iterator[Item | Refused]:
    """Items of one file, objects first. Raises `UnreadableSource` where the file as a whole is no OCEL JSON."""
    third = path.stat().st_size // 3
    counts, others = Counter[str](), set[str]()
    types = types_of(path, counts, others, lambda at: context.reached(at // 3))
    with Kinds() as kinds:
        log = opened(path, types, context, placed, kinds.of)
        if log.plans.needs_types:
            objects = items(path, "objects", nowhere, counts["objects"])
            kinds.learn((each.get("id"), each.get("type")) for each in objects if isinstance(each, dict))
        for number, told in enumerate(items(path, "objects", lambda at: context.reached(third + at // 3), counts["objects"])):
            yield log.item("objects", f"/objects/{number}", told)
        for number, told in enumerate(items(path, "events", lambda at: context.reached(2 * third + at // 3), counts["events"])):
            yield log.item("events", f"/events/{number}", told)
    yield from left_out(others)


def left_out(others: Collection[str]) -> Iterator[Item]:
    """What is no part of a log, told in notes."""
    if others:
        yield Item("", [], tuple(f"{name[:60]!r} is no part of a log (OCEL 2.0) and was left out" for name in sorted(others)))


def nowhere(at: int) -> None:
    """What is read a further time is not told of."""


def opened(path: Path, types: Types, context: Context, placed: PlacedLog | None, type_of: TypeOf) -> Log:
    """What reads the items of a log. Raises `UnreadableSource` where the mapping does not fit it."""
    try:
        return Log(types, context, placed, type_of)
    except InvalidMapping as error:
        raise UnreadableSource(str(path), "", error.message, "mend the mapping and load it again") from None


def types_of(path: Path, counts: Counter[str], others: set[str], reached: Reached = nowhere) -> Types:
    """What a document declares; `counts` is told how many objects and events it has, `others` what else there is in it.

    Raises `UnreadableSource` for what is no log."""
    if is_first_ocel(path):
        raise UnreadableSource(str(path), "", FIRST, WRITE_ANEW)
    document = around(path, LISTS, reached, counts)
    if not isinstance(document, dict):
        raise UnreadableSource(str(path), "line 1", "it is no object", "give a log of OCEL 2.0")
    others |= document.keys() - {*_DECLARING, *LISTS}
    found = Types()
    for member, into in zip(_DECLARING, (found.events, found.objects), strict=True):
        if not isinstance(document.get(member), list):
            reason = f"it has no list {member}"
            raise UnreadableSource(str(path), f"/{member}", reason, "declare the types of its events and objects (OCEL 2.0)")
        try:
            into |= declared(document[member])
        except ValueError as error:
            raise UnreadableSource(str(path), f"/{member}", str(error), "declare the type as OCEL 2.0 does") from None
    for member in ("events", "objects"):
        if not isinstance(document.get(member, []), list):
            raise UnreadableSource(str(path), f"/{member}", "it is no list", f"write its {member} as a list")
    return found


class Kinds:
    """The types of a log's objects by id, on the disk where they are many; a context manager."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute("CREATE TABLE kind (id TEXT PRIMARY KEY, type TEXT) WITHOUT ROWID")

    def __enter__(self) -> "Kinds":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def learn(self, told: Iterator[tuple[Any, Any]]) -> None:
        """Keep ids and types."""
        pairs = ((name, type_) for name, type_ in told if isinstance(name, str) and isinstance(type_, str))
        self._database.executemany("INSERT OR IGNORE INTO kind VALUES (?, ?)", pairs)

    def of(self, name: str) -> str | None:
        """The type of an object; None where the log does not hold it."""
        found = self._database.execute("SELECT type FROM kind WHERE id = ?", (name,)).fetchone()
        return found[0] if found else None
