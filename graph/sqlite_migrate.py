"""Bringing the log of a file of an earlier version to the layout of this one."""

import sqlite3

from graph.sqlite_schema import TABLES, VERSION
from graph.sqlite_write import statements


def migrate(connection: sqlite3.Connection) -> bool:
    """Inside the caller's transaction; returns whether what stands must then be made again from the log."""
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version < 2:
        _from_1(connection)
    if version < 3:
        connection.execute("ALTER TABLE claim ADD COLUMN source INTEGER NOT NULL DEFAULT 0")
    connection.execute(f"PRAGMA user_version={VERSION}")
    return bool(version < 2)


def _from_1(connection: sqlite3.Connection) -> None:
    """There each node told the commit that named it."""
    named = dict(connection.execute("SELECT since, max(nid) FROM node GROUP BY since").fetchall())
    commits = connection.execute("SELECT number, load_id, closes, body FROM commits ORDER BY number").fetchall()
    for statement in ("DROP TABLE commits", "DROP INDEX node_since", "ALTER TABLE node DROP COLUMN since"):
        connection.execute(statement)
    for statement in statements(TABLES):
        if any(name in statement for name in ("TABLE commits ", "INDEX commits_load ", "INDEX node_joined ")):
            connection.execute(statement)
    last = 0
    for number, load, closes, body in commits:
        last = named.get(number, last)
        connection.execute("INSERT INTO commits VALUES (?, ?, ?, ?, ?)", [number, load, closes, last, body])
