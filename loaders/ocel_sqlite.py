"""OCEL 2.0 in SQLite: real tables, read in the order of ids, so that no row is looked for; each item becomes its twin in JSON.

A database is a program of others: it is opened to be read alone, from the file itself; nothing but reading tables and columns is
allowed, no view, function or virtual table of its schema runs, and cells are of limited length. A time without an offset is UTC:
the standard's own example writes the UNIX timestamp 0 as `1970-01-01 00:00:00`. A `zone` of a mapping says otherwise.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from graph.errors import UnreadableSource
from graph.sqlite_schema import APPLICATION_ID
from loaders.items import Context, Item, Problem, Refused
from loaders.mapping_files import PlacedLog
from loaders.ocel import FIRST, WRITE_ANEW, Kinds, left_out, opened
from loaders.ocel_claims import Log
from loaders.ocel_form import EPOCH, LONGEST_NAME, PARTS, LogItem, Part, Types, is_ever, type_named

MOST_BYTES = 32 * 2**20
"""Bytes that one cell, or one row, may have."""
MOST_TYPES = 500
"""Event types, and object types, of a log: each has a table that is read beside the others."""
_NEEDED = {
    "event": ("ocel_id", "ocel_type"),
    "object": ("ocel_id", "ocel_type"),
    "event_map_type": ("ocel_type", "ocel_type_map"),
    "object_map_type": ("ocel_type", "ocel_type_map"),
    "event_object": ("ocel_event_id", "ocel_object_id", "ocel_qualifier"),
    "object_object": ("ocel_source_id", "ocel_target_id", "ocel_qualifier"),
}
_FIRST = {"EVENTS", "OBJECTS", "RELATIONS"}  # OCEL 1.0 knows no tables: those of pm4py
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MOST_BYTES,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 2**20,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
_CELL = 50  # bytes that any cell takes at least, once it is read
_PRAGMAS = ("table_xinfo", "application_id")
_NAIVE = re.compile(r"\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s*", re.ASCII)
_OWN = ("ocel_id", "ocel_time", "ocel_changed_field")
_IN_UTC = "times without an offset are read as UTC; where they are not, say the `zone` of the log in a mapping"
_GIVE = "give a log of OCEL 2.0 with the tables event, object, event_map_type, object_map_type and event_object"


def read(path: Path, context: Context, placed: PlacedLog | None = None) -> Iterator[Item | Refused]:
    """Items of one file in order of ids, objects first. Raises `UnreadableSource` where it is no log, or damaged from there."""
    with _told(path), closing(_opened(path)) as database, Kinds() as kinds:
        tables = _Tables(path, database)
        log = opened(path, tables.types, context, placed, kinds.of)
        tables.as_utc = log.plans.zone is None
        if log.plans.needs_types:
            kinds.learn(database.execute('SELECT CAST(ocel_id AS TEXT), CAST(ocel_type AS TEXT) FROM "object"'))
        for part in PARTS:
            yield from tables.items(log, part)
        yield from left_out(tables.others())
        if tables.in_utc:
            yield Item("", [], (_IN_UTC,))
        context.reached(path.stat().st_size)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raises `UnreadableSource` for what SQLite cannot read."""
    try:
        yield
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        reason = f"SQLite cannot read it: {error}"
        raise UnreadableSource(str(path), "", reason, "give the file as it was written, or a copy that SQLite recovered") from None


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that can do nothing but read tables."""
    for end in ("-wal", "-journal"):
        beside = path.with_name(path.name + end)
        if beside.exists() and beside.stat().st_size:
            reason = f"{beside.name} lies beside it: not all that was written is in the file"
            raise UnreadableSource(str(path), "", reason, "close what writes it, or copy it with VACUUM INTO")
    database = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
    for limit, most in _LIMITS.items():
        database.setlimit(limit, most)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=ON"):
        database.execute(f"PRAGMA {pragma}")
    database.set_authorizer(_authorized)
    return database


def _authorized(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    allowed = action in _ALLOWED or (action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS)
    return sqlite3.SQLITE_OK if allowed and inner is None else sqlite3.SQLITE_DENY


class _Column(NamedTuple):
    """A column that holds an attribute, and its type."""

    name: str
    type: str


class _Tables:
    """The tables of a log. Raises `UnreadableSource` where they are none."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path, self._database = path, database
        self.as_utc = True
        self.in_utc = False  # whether any time was read so
        self._faulty = False  # whether anything read so far is no UTF-8: only then are texts looked through
        database.text_factory = self._text
        self._columns = {name: self._columns_of(name) for name in self._real()}
        if not {"event", "object"} <= self._columns.keys():
            if database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,):
                reason, repair = "it is a graph of Veintrace, no log", "open it with --graph, or copy it: `veintrace copy`"
            elif self._columns.keys() >= _FIRST:
                reason, repair = FIRST, WRITE_ANEW
            else:
                reason, repair = "it is a database, but no log: it has no tables event and object", _GIVE
            raise self._unreadable(reason, repair)
        for table, columns in _NEEDED.items():
            if table == "object_object" and table not in self._columns:
                continue
            self._has(table, columns)
        self.types, self._of = Types(), dict[Part, dict[str, str]]()
        self._attributes = dict[str, list[_Column]]()
        for part in PARTS:
            self._declared(part)

    def _unreadable(self, reason: str, repair: str) -> UnreadableSource:
        return UnreadableSource(str(self._path), "", reason, repair)

    def _real(self) -> Iterator[str]:
        """The tables that are neither views nor virtual."""
        told = self._database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        for name, sql in told.fetchmany(10 * MOST_TYPES):
            if not re.match(r"\s*CREATE\s+VIRTUAL", sql or "", re.IGNORECASE) and not str(name).startswith("sqlite_"):
                yield str(name)

    def _columns_of(self, table: str) -> dict[str, str]:
        """The columns of a table, generated ones left out, and the types they are declared with."""
        rows = self._database.execute(f"PRAGMA table_xinfo({_quoted(table)})")
        return {str(name): str(type_) for _, name, type_, _, _, _, hidden in rows if not hidden}

    def others(self) -> set[str]:
        """The tables that are no part of a log."""
        return self._columns.keys() - {*_NEEDED, *(table for tables in self._of.values() for table in tables.values())}

    def _has(self, table: str, columns: tuple[str, ...]) -> None:
        missing = [name for name in columns if name not in self._columns.get(table, ())]
        if missing:
            what = f"the table {table} has no column {missing[0]}" if table in self._columns else f"it has no table {table}"
            raise self._unreadable(what, _GIVE)

    def _declared(self, part: Part) -> None:
        """Learn the types of events or objects, and their tables."""
        single = part[:-1]
        rows = self._database.execute(f'SELECT ocel_type, ocel_type_map FROM "{single}_map_type"').fetchmany(MOST_TYPES + 1)
        if len(rows) > MOST_TYPES:
            raise self._unreadable(f"it has more than {MOST_TYPES} {single} types", "write it as JSON or XML")
        self._of[part] = {}
        for type_, mapped in rows:
            if not isinstance(type_, str) or not 0 < len(type_) <= LONGEST_NAME:
                raise self._unreadable(f"{single}_map_type names a type that is no text of 1 to {LONGEST_NAME:,} characters", _GIVE)
            table = f"{single}_{mapped}"
            self._has(table, ("ocel_id", "ocel_time") if part == "events" else ("ocel_id",))
            self._of[part][type_] = table
            columns = [_Column(name, _type_of(word)) for name, word in self._columns[table].items() if name not in _OWN]
            if any(_as_utf8(name)[0] for name in (type_, *(column.name for column in columns))):
                raise self._unreadable(f"the name of {single} type {_shown(type_)!r}, or of a column of it, is no UTF-8", _GIVE)
            self._attributes[table] = columns
            self.types.of(part)[type_] = {column.name: column.type for column in columns}

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self._faulty = True
            return data.decode("utf-8", "surrogateescape")

    # -- items

    def items(self, log: Log, part: Part) -> Iterator[Item | Refused]:
        """Each event, or object, with what other tables hold of it; then what these hold of others."""
        single = part[:-1]
        own = _Sorted(self._database, single, "ocel_id", ("CAST(ocel_type AS TEXT)",))
        relating = self._related(part)
        mapped = self._of[part]
        tables = {table: self._rows(part, table) for table in dict.fromkeys(mapped.values())}
        while own.key is not None:
            at, key, name = f"/{single}/{_shown(own.name)}", own.key, own.name
            types = sorted({str(type_) for [type_] in own.take(key)})
            told: dict[str, Any] = {"id": name}
            for others in (*tables.values(), *([relating] if relating else [])):
                yield from self._orphans(log, part, others, key)
            if relating:
                told["relationships"] = [_relationship(row) for row in relating.take(key)]
            holding = dict.fromkeys(mapped[type_] for type_ in types if type_ in mapped)
            rows = [row for table in holding for row in dict.fromkeys(tables[table].take(key))]
            if len(types) > 1:
                yield self._conflict(at, part, told, f"the table {single} holds it with the types {' and '.join(types)}")
                continue
            told["type"] = types[0]
            if part == "events":
                if len(rows) > 1:
                    yield self._conflict(at, part, told, f"the table of {types[0]} holds it {len(rows)} times")
                    continue
                told |= self._of_event(types[0], rows[0]) if rows else {}
            else:
                unknown = {str(row[1]) for row in rows if row[1]} - self.types.objects.get(types[0], {}).keys()
                if unknown:
                    reason = f"ocel_changed_field names {sorted(unknown)[0][:60]!r}, which its table has no column of"
                    yield self._conflict(at, part, told, reason)
                    continue
                told["attributes"] = [each for row in rows for each in self._of_object(types[0], row)]
            yield self._checked(log, part, at, told)
        for others in (*tables.values(), *([relating] if relating else [])):
            yield from self._orphans(log, part, others, None)

    def _related(self, part: Part) -> "_Sorted | None":
        if part == "events":
            return _Sorted(
                self._database, "event_object", "ocel_event_id", ("CAST(ocel_object_id AS TEXT)", "CAST(ocel_qualifier AS TEXT)")
            )
        if "object_object" in self._columns:
            return _Sorted(
                self._database, "object_object", "ocel_source_id", ("CAST(ocel_target_id AS TEXT)", "CAST(ocel_qualifier AS TEXT)")
            )
        return None

    def _rows(self, part: Part, table: str) -> "_Sorted":
        known = self._columns[table]
        heads = ["ocel_time"] if part == "events" else [n if n in known else "NULL" for n in ("ocel_time", "ocel_changed_field")]
        return _Sorted(self._database, table, "ocel_id", (*heads, *(_quoted(column.name) for column in self._attributes[table])))

    def _of_event(self, type_: str, row: tuple[Any, ...]) -> dict[str, Any]:
        columns = self._attributes[self._of["events"][type_]]
        told = [{"name": column.name, "value": self._value(column, value)} for column, value in zip(columns, row[1:], strict=True)]
        return {"time": self._moment(row[0]), "attributes": [each for each in told if each["value"] is not None]}

    def _of_object(self, type_: str, row: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
        """What a row says: of all its columns, or of the one that it says has changed."""
        time, changed, *values = row
        when = EPOCH if time is None or is_ever(time) else self._moment(time)
        for column, value in zip(self._attributes[self._of["objects"][type_]], values, strict=True):
            if value is not None and changed in (None, "", column.name):
                yield {"name": column.name, "time": when, "value": self._value(column, value)}

    def _value(self, column: _Column, value: Any) -> Any:
        self._faulty |= isinstance(value, bytes)
        return self._moment(value) if column.type == "time" else value

    def _moment(self, value: Any) -> Any:
        self._faulty |= isinstance(value, bytes)
        if not (self.as_utc and isinstance(value, str) and _NAIVE.fullmatch(value)):
            return value
        self.in_utc = True
        return f"{value.strip()}Z"

    # -- what is wrong

    def _checked(self, log: Log, part: Part, at: str, told: dict[str, Any]) -> Item | Refused:
        """What an item says; one that is no UTF-8 is refused, with what can be read of it."""
        faulty, told = _as_utf8(told) if self._faulty else (False, told)
        if faulty:
            problem = Problem(
                "", _shown(told["id"]), "INVALID_VALUE", "a text in it is not UTF-8, or is a blob", "write it as UTF-8"
            )
            return Refused(at, (problem,), LogItem(part, told, self.types))
        return log.item(part, at, told)

    def _conflict(self, at: str, part: Part, told: dict[str, Any], reason: str) -> Refused:
        problem = Problem("id", _shown(told["id"]), "CONFLICT", reason, "leave one of them, and write here what is right")
        return Refused(at, (problem,), LogItem(part, _as_utf8(told)[1], self.types))

    def _orphans(self, log: Log, part: Part, others: "_Sorted", key: bytes | None) -> Iterator[Refused]:
        """What a table holds of ids that are not in that of all events or objects."""
        while others.key is not None and (key is None or others.key < key):
            name, rows = others.name, others.take(others.key)
            told: dict[str, Any] = {"id": name}
            if others.table in ("event_object", "object_object"):
                told["relationships"] = [_relationship(row) for row in rows]
            reason = f"{others.table} has {len(rows)} rows of this id, the table {part[:-1]} none that is of it"
            problem = Problem("id", _shown(name), "UNKNOWN_ID", reason, f"add it to the table {part[:-1]}")
            yield Refused(f"/{others.table}/{_shown(name)}", (problem,), LogItem(part, _as_utf8(told)[1], self.types))


class _Sorted:
    """The rows of a table in the order of an id, a step ahead: `key` and `name` are the id of the next, None after the last."""

    def __init__(self, database: sqlite3.Connection, table: str, name: str, columns: tuple[str, ...]) -> None:
        self.table = table
        told = ", ".join((f"CAST({name} AS BLOB)", f"CAST({name} AS TEXT)", *columns))
        self._rows = database.execute(f"SELECT {told} FROM {_quoted(table)} ORDER BY 1")
        self.key: bytes | None = None
        self.name: Any = None
        self._row: tuple[Any, ...] = ()
        self._step()

    def _step(self) -> None:
        row = self._rows.fetchone()
        if row is None:
            self.key = None
        else:
            self.key, self.name, self._row = row[0] or b"", row[1], row[2:]

    def take(self, key: bytes) -> list[tuple[Any, ...]]:
        """The rows of an id, if they are next. Raises `UnreadableSource` for more than one item may have."""
        found, size = [], 0
        while self.key == key:
            found.append(self._row)
            size += _CELL * len(self._row) + sum([len(cell) for cell in self._row if isinstance(cell, str | bytes)])
            if size > MOST_BYTES:
                reason = f"what a table holds of one id may have {MOST_BYTES:,} bytes"
                raise UnreadableSource("", f"/{self.table}/{_shown(self.name)}", reason, "split it into several events or objects")
            self._step()
        return found


def _relationship(row: tuple[Any, ...]) -> dict[str, Any]:
    return {"objectId": row[0], "qualifier": row[1] or ""}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shown(name: Any) -> str:
    return str(name)[:200].encode("utf-8", "replace").decode()


def _as_utf8(told: Any) -> tuple[bool, Any]:
    """`(whether something in it was no UTF-8, the same with that replaced)`."""
    if isinstance(told, dict):
        parts = {_as_utf8(name)[1]: _as_utf8(value) for name, value in told.items()}
        return any(faulty for faulty, _ in parts.values()), {name: value for name, (_, value) in parts.items()}
    if isinstance(told, list):
        each = [_as_utf8(value) for value in told]
        return any(faulty for faulty, _ in each), [value for _, value in each]
    if isinstance(told, bytes):
        return True, told.decode("utf-8", "replace")
    if isinstance(told, str) and not told.isascii():
        try:
            told.encode()
        except UnicodeEncodeError:
            return True, told.encode("utf-8", "replace").decode()
    return False, told


def _type_of(declared: str) -> str:
    """The type of an attribute whose column is declared so; of other words what SQLite itself makes of them (section 3.1 there)."""
    try:
        return type_named(declared)
    except ValueError:
        word = declared.upper()
        if "INT" in word:
            return "integer"
        return "float" if any(part in word for part in ("REAL", "FLOA", "DOUB")) else "string"
