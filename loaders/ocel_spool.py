"""The items of a log that is being written, on the disk, until all types and all that is named are known."""

import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import orjson

from loaders.ocel_form import Part, Types, fitted
from loaders.ocel_own import OWN, as_json, statement

_MOST_ATTRIBUTES = 1_000
"""Attributes that a type may have: each is a column of a table, of which SQLite takes 2,000."""
_RESERVED = ("ocel_id", "ocel_time", "ocel_changed_field", OWN)


Attribute = tuple[str, tuple[str, Any]]
"""`(name, (type, value))`."""


class Change(NamedTuple):
    """A value that an object had from a time on (empty: ever since), for other tools: the record of it is an object of its own.

    `of_log`: a log said so of this attribute, whose value is the latest of these."""

    attribute: str
    time: str
    kind: str
    value: Any
    of_log: bool


class Written(NamedTuple):
    """An item: `attributes` are `(name, (type, value))`, `related` `(qualifier, name)`."""

    name: str
    type: str
    time: str | None
    attributes: Sequence[tuple[str, tuple[str, Any]]]
    related: Sequence[tuple[str, str]]
    changes: Sequence[Change] = ()


class Spool:
    """A context manager. Names of attributes that differ in case alone are one column of a table: the first is declared."""

    def __init__(self) -> None:
        self.types = Types()
        self._cases: dict[tuple[Part, str], dict[str, str]] = {}
        self._database = sqlite3.connect("")
        self._database.executescript(
            "PRAGMA journal_mode=OFF;"
            "CREATE TABLE item (number INTEGER PRIMARY KEY, part TEXT, name TEXT, type TEXT, body BLOB);"
            "CREATE TABLE change (name TEXT, attribute TEXT, time TEXT, kind TEXT, value, of_log INTEGER);"
            "CREATE TABLE needed (name TEXT PRIMARY KEY, type TEXT) WITHOUT ROWID;"
        )

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    def declare(self, part: Part, type_: str, name: str, kind: str) -> bool:
        """Whether an attribute of this type can be written: it is the first of its name, or of the same type as that."""
        cases = self._cases.setdefault((part, type_), {each: each for each in _RESERVED})
        if name.casefold() not in cases:
            if len(cases) >= _MOST_ATTRIBUTES:
                return False
            cases[name.casefold()] = name
            self.types.of(part).setdefault(type_, {})[name] = kind
        return name not in _RESERVED and cases[name.casefold()] == name and self.types.of(part)[type_][name] == kind

    def add(
        self,
        part: Part,
        name: str,
        type_: str,
        time: str | None,
        attributes: Sequence[tuple[str, tuple[str, Any]]],
        related: Sequence[tuple[str, str]],
    ) -> None:
        """Write an item down."""
        self.types.of(part).setdefault(type_, {})[OWN] = "string"
        body = orjson.dumps([name, type_, time, attributes, sorted({*related})])
        self._database.execute("INSERT INTO item (part, name, type, body) VALUES (?, ?, ?, ?)", (part, name, type_, body))

    def changed(self, name: str, change: Change) -> None:
        """An object had a value from a time on."""
        self._database.execute("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)", (name, *change))

    def needs(self, name: str, type_: str) -> None:
        """An object is named, which must be in the log: if nothing is told of it, as one of this type."""
        self._database.execute("INSERT OR IGNORE INTO needed VALUES (?, ?)", (name, type_))

    def close(self) -> int:
        """Write down what is named and not told; returns how many these are."""
        self._database.execute("CREATE INDEX by_name ON item (name)")
        untold = (
            "SELECT name, type FROM needed WHERE NOT EXISTS (SELECT 1 FROM item WHERE part = 'objects' AND item.name = needed.name)"
        )
        count = 0
        for name, type_ in self._database.execute(untold).fetchall():
            self.add("objects", name, type_, None, [(OWN, ("string", "[]"))], [])
            count += 1
        self._declare_changes()
        return count

    def _declare_changes(self) -> None:
        """Declare what changes, where no item of the type did."""
        run = self._database.execute
        run("CREATE INDEX by_changed ON change (name, time)")
        joined = "FROM change JOIN item ON item.name = change.name AND item.part = 'objects'"
        for type_, attribute, kind in run(f"SELECT DISTINCT type, attribute, kind {joined} ORDER BY 1, 2, 3").fetchall():
            self.declare("objects", type_, attribute, kind)

    def count(self, part: Part) -> int:
        """How many events, or objects, there are."""
        found: int = self._database.execute("SELECT count(*) FROM item WHERE part = ?", (part,)).fetchone()[0]
        return found

    def items(self, part: Part) -> Iterator[Written]:
        """The events, or objects, in the order in which they were told."""
        for (body,) in self._database.execute("SELECT body FROM item WHERE part = ? ORDER BY number", (part,)):
            name, type_, time, attributes, related = orjson.loads(body)
            told = [(each, (kind, value)) for each, (kind, value) in attributes]
            changes = self._changes(name, type_) if part == "objects" else []
            if any(each.of_log for each in changes):
                told = _as_it_was(told, changes)
            dated = [each for each in changes if each.time]
            yield Written(name, type_, time, told, [(q, n) for q, n in related], dated)

    def _changes(self, name: str, type_: str) -> list[Change]:
        """The changes of an object that can be written as its type declares them."""
        asked = "SELECT DISTINCT attribute, time, kind, value, of_log FROM change WHERE name = ? ORDER BY time, attribute, value"
        declared, found = self.types.objects[type_], []
        for each in (Change(*row) for row in self._database.execute(asked, (name,))):
            kind = declared.get(each.attribute, "") if each.attribute not in _RESERVED else ""
            if (value := fitted(each.kind, each.value, kind)) is not None:
                found.append(each._replace(kind=kind, value=value))
        return found


def _as_it_was(told: list[Attribute], changes: Sequence[Change]) -> list[Attribute]:
    """The attributes of an object with what those of a log were before they changed; what they are now our own attribute tells."""
    of_log = {each.attribute for each in changes if each.of_log}
    ever = {each.attribute: each.value for each in changes if each.of_log and not each.time}
    now = {statement("object", name): value for name, (_, value) in told if name in of_log}
    found = []
    for name, (kind, value) in told:
        if name == OWN and len(words := orjson.loads(value)) == 1:
            found.append((name, (kind, as_json([{**now, **words[0]}]))))
        elif name not in of_log:
            found.append((name, (kind, value)))
        elif name in ever:
            found.append((name, (kind, ever[name])))
    return found
