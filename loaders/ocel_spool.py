"""The items of a log that is being written, on the disk, until all types and all that is named are known."""

import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import orjson

from loaders.ocel_form import Part, Types
from loaders.ocel_own import OWN

_MOST_ATTRIBUTES = 1_000
"""Attributes that a type may have: each is a column of a table, of which SQLite takes 2,000."""
_RESERVED = ("ocel_id", "ocel_time", "ocel_changed_field", OWN)


class Change(NamedTuple):
    """A value that an object had from a time on, for other tools: the record of it is an object of its own."""

    attribute: str
    time: str
    kind: str
    value: Any


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
            "CREATE TABLE change (name TEXT, attribute TEXT, time TEXT, kind TEXT, value);"
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
        self._database.execute("INSERT INTO change VALUES (?, ?, ?, ?, ?)", (name, *change))

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
        """Declare what changes; drop what cannot be declared, or is of no object of the log."""
        run = self._database.execute
        run("CREATE INDEX by_changed ON change (name, time)")
        run("DELETE FROM change WHERE name NOT IN (SELECT name FROM item WHERE part = 'objects')")
        joined = "FROM change JOIN item ON item.name = change.name AND item.part = 'objects'"
        for type_, attribute, kind in run(f"SELECT DISTINCT type, attribute, kind {joined} ORDER BY 1, 2, 3").fetchall():
            if not self.declare("objects", type_, attribute, kind):
                wrong = "name IN (SELECT name FROM item WHERE type = ? AND part = 'objects') AND attribute = ? AND kind = ?"
                run(f"DELETE FROM change WHERE {wrong}", (type_, attribute, kind))

    def count(self, part: Part) -> int:
        """How many events, or objects, there are."""
        found: int = self._database.execute("SELECT count(*) FROM item WHERE part = ?", (part,)).fetchone()[0]
        return found

    def items(self, part: Part) -> Iterator[Written]:
        """The events, or objects, in the order in which they were told."""
        for (body,) in self._database.execute("SELECT body FROM item WHERE part = ? ORDER BY number", (part,)):
            name, type_, time, attributes, related = orjson.loads(body)
            told = [(each, (kind, value)) for each, (kind, value) in attributes]
            yield Written(name, type_, time, told, [(q, n) for q, n in related], self._changes(name) if part == "objects" else ())

    def _changes(self, name: str) -> list[Change]:
        asked = "SELECT DISTINCT attribute, time, kind, value FROM change WHERE name = ? ORDER BY time, attribute, value"
        return [Change(*row) for row in self._database.execute(asked, (name,))]
