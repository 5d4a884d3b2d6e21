"""What is particular to the SQLite store: its file, its versions, and work that stops inside a statement."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from graph.errors import DeadlineExceeded, SchemaTooNew, StoreUnavailable
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Scope

LONG = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000000) SELECT max(x) FROM n"


def test_a_statement_is_stopped_in_its_midst_when_time_is_up() -> None:
    store = SqliteStore(":memory:")
    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        store._rows(Scope(0, None, Deadline(0.05)), LONG, [])
    assert time.monotonic() - begun < 2
    store.close()


def test_a_statement_is_stopped_when_its_reader_goes_away() -> None:
    store = SqliteStore(":memory:")
    deadline = Deadline(60)
    timer = threading.Timer(0.05, deadline.cancel)
    timer.start()
    with pytest.raises(DeadlineExceeded):
        store._rows(Scope(0, None, deadline), LONG, [])
    timer.join()
    store.close()


def test_a_graph_that_is_not_there_is_not_made_by_asking(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="load a file first"):
        SqliteStore(tmp_path / "graph.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(StoreUnavailable, match="something else"):
        SqliteStore(path, create=True)
    path.write_text("this is text, not a database, and long enough to be looked at")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        SqliteStore(path, create=True)


def test_a_graph_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    SqliteStore(path, create=True).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(SchemaTooNew, match="99"):
        SqliteStore(path)
