"""The three forms in which a log of OCEL 2.0 is written, item by item."""

import re
import sqlite3
from collections.abc import Callable, Collection
from html import escape
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from loaders.ocel_form import EPOCH, PARTS, Part, declarations, quoted
from loaders.ocel_spool import Spool, Written

_RELATING = {
    "events": ("event_object", "ocel_event_id", "ocel_object_id"),
    "objects": ("object_object", "ocel_source_id", "ocel_target_id"),
}
_COLUMNS = {"string": "TEXT", "time": "TIMESTAMP", "integer": "INTEGER", "float": "REAL", "boolean": "BOOLEAN"}


def write_json(spool: Spool, path: Path) -> None:
    """As JSON, an item a line."""
    with path.open("wb") as out:
        out.write(orjson.dumps(spool.types.as_json())[:-1])
        for part in PARTS:
            out.write(f',\n"{part}": [\n'.encode())
            for number, item in enumerate(spool.items(part)):
                out.write((b",\n" if number else b"") + orjson.dumps(_as_json(part, item)))
            out.write(b"\n]")
        out.write(b"}\n")


def _as_json(part: Part, item: Written) -> dict[str, Any]:
    when = {"time": EPOCH} if part == "objects" else {}
    return {
        "id": item.name,
        "type": item.type,
        **({"time": item.time} if part == "events" else {}),
        "attributes": [
            *({"name": name, **when, "value": value} for name, (_, value) in item.attributes),
            *({"name": each.attribute, "time": each.time, "value": each.value} for each in item.changes),
        ],
        "relationships": [{"objectId": name, "qualifier": qualifier} for qualifier, name in item.related],
    }


def write_xml(spool: Spool, path: Path) -> None:
    """As XML, an item a line."""
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<log>\n' + declarations(spool.types))
        for part in PARTS:
            out.write(f"<{part}>\n")
            out.writelines(_as_xml(part, item) for item in spool.items(part))
            out.write(f"</{part}>\n")
        out.write("</log>\n")


def _as_xml(part: Part, item: Written) -> str:
    single, when = part[:-1], f' time="{EPOCH}"' if part == "objects" else ""
    head = f'<{single} id="{quoted(item.name)}" type="{quoted(item.type)}"'
    head += f' time="{item.time}">' if part == "events" else ">"
    attributes = "".join(
        f'<attribute name="{quoted(name)}"{when}>{_text(kind, value)}</attribute>' for name, (kind, value) in item.attributes
    )
    attributes += "".join(
        f'<attribute name="{quoted(each.attribute)}" time="{each.time}">{_text(each.kind, each.value)}</attribute>'
        for each in item.changes
    )
    related = "".join(
        f'<relationship object-id="{quoted(name)}" qualifier="{quoted(qualifier)}"/>' for qualifier, name in item.related
    )
    return f"{head}<attributes>{attributes}</attributes><objects>{related}</objects></{single}>\n"


def _text(kind: str, value: Any) -> str:
    """A boolean is 1 or 0 (OCEL 2.0, XML)."""
    return str(int(value)) if kind == "boolean" else escape(str(value), quote=False).replace("\r", "&#13;")


def write_sqlite(spool: Spool, path: Path) -> None:
    """As a database."""
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN")
        for part in PARTS:
            _fill(database, spool, part)
        database.execute("COMMIT")
    finally:
        database.close()


def _fill(database: sqlite3.Connection, spool: Spool, part: Part) -> None:
    single = part[:-1]
    relating, owner, other = _RELATING[part]
    # primary and foreign keys are those that the standard asks for (OCEL 2.0, section 6)
    database.execute(f"CREATE TABLE {single}_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT)")
    typed = f"ocel_type TEXT REFERENCES {single}_map_type(ocel_type)"
    database.execute(f"CREATE TABLE {single} (ocel_id TEXT PRIMARY KEY, {typed})")
    ends = f"{owner} TEXT REFERENCES {single}(ocel_id), {other} TEXT REFERENCES object(ocel_id), ocel_qualifier TEXT"
    database.execute(f"CREATE TABLE {relating} ({ends}, PRIMARY KEY ({owner}, {other}, ocel_qualifier))")
    heads = f"ocel_id TEXT{' PRIMARY KEY' if part == 'events' else ''} REFERENCES {single}(ocel_id), ocel_time TIMESTAMP"
    heads += ", ocel_changed_field TEXT" if part == "objects" else ""
    inserts: dict[str, str] = {}
    taken = {"object"}  # event_object and object_object are tables of their own
    for type_, attributes in spool.types.of(part).items():
        mapped = _mapped(type_, taken)
        taken.add(mapped.casefold())
        database.execute(f"INSERT INTO {single}_map_type VALUES (?, ?)", (type_, mapped))
        columns = "".join(f", {_named(name)} {_COLUMNS[kind]}" for name, kind in attributes.items())
        database.execute(f"CREATE TABLE {single}_{mapped} ({heads}{columns})")
        places = ", ".join("?" * (heads.count(",") + 1 + len(attributes)))
        inserts[type_] = f"INSERT INTO {single}_{mapped} VALUES ({places})"
    for item in spool.items(part):
        told = {name: value for name, (_, value) in item.attributes}
        first = [item.name, item.time] if part == "events" else [item.name, EPOCH, None]
        database.execute(inserts[item.type], [*first, *map(told.get, spool.types.of(part)[item.type])])
        for each in item.changes:
            values = (each.value if name == each.attribute else None for name in spool.types.of(part)[item.type])
            database.execute(inserts[item.type], [item.name, each.time, each.attribute, *values])
        database.execute(f"INSERT INTO {single} VALUES (?, ?)", (item.name, item.type))
        rows = [(item.name, name, qualifier) for qualifier, name in item.related]
        database.executemany(f"INSERT INTO {relating} VALUES (?, ?, ?)", rows)


def _mapped(type_: str, taken: Collection[str]) -> str:
    """A name of letters and digits for the table of a type."""
    found = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", type_))[:60] or "Type"
    return next(name for number in count(1) if (name := found if number == 1 else f"{found}{number}").casefold() not in taken)


def _named(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


WRITERS: dict[str, Callable[[Spool, Path], None]] = {"ocel": write_json, "ocel-xml": write_xml, "ocel-sqlite": write_sqlite}
"""How a log of each form is written."""
