"""What is particular to the SQLite store: its file, its versions, and work that stops inside a statement."""

import sqlite3
import threading
from pathlib import Path

import pytest

from graph.errors import DeadlineExceeded, SchemaTooNew, StoreUnavailable
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Scope
from graph.verify import verify
from tests.networks import Network, example, land

ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


def test_a_statement_is_stopped_in_its_midst_when_time_is_up() -> None:
    store = SqliteStore(":memory:")
    with pytest.raises(DeadlineExceeded):
        store._rows(Scope(0, None, Deadline(0.05)), ENDLESS, [])
    store.close()


def test_a_statement_is_stopped_when_its_reader_goes_away() -> None:
    store = SqliteStore(":memory:")
    deadline = Deadline(60)
    timer = threading.Timer(0.05, deadline.cancel)
    timer.start()
    with pytest.raises(DeadlineExceeded):
        store._rows(Scope(0, None, deadline), ENDLESS, [])
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


def test_a_full_disk_is_told_and_leaves_the_graph_as_it_was(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "graph.db", create=True)
    land(store, example(1))
    head = store.head()
    [pages] = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(StoreUnavailable, match=r"cannot be written: .* full"):
        land(store, example(40), load="more")
    assert store.head() == head
    store._connection.execute("PRAGMA max_page_count=1073741823")
    land(store, example(40), load="more")
    assert verify(store).ok


def test_a_graph_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    SqliteStore(path, create=True).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(SchemaTooNew, match="99"):
        SqliteStore(path)


_AS_OF_VERSION_2 = """
ALTER TABLE claim DROP COLUMN source;
PRAGMA user_version = 2;
"""
_AS_OF_VERSION_1 = f"""
{_AS_OF_VERSION_2}
ALTER TABLE node ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE node SET since = (SELECT min(number) FROM commits WHERE last_nid >= nid);
DROP INDEX node_joined;
CREATE INDEX node_since ON node (since);
CREATE TABLE old (nid INTEGER NOT NULL, sid INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, doc BLOB NOT NULL);
INSERT INTO old SELECT nid, sid, since, until, doc FROM state JOIN word ON word.number = state.word;
DROP TABLE state;
DROP TABLE word;
ALTER TABLE old RENAME TO state;
CREATE UNIQUE INDEX state_of ON state (nid, sid, since, until);
ALTER TABLE commits DROP COLUMN last_nid;
PRAGMA user_version = 1;
"""


@pytest.mark.parametrize("script", [_AS_OF_VERSION_1, _AS_OF_VERSION_2])
def test_a_graph_of_a_version_before_is_brought_up_to_date(tmp_path: Path, script: str) -> None:
    path = tmp_path / "graph.db"
    store = SqliteStore(path, create=True)
    for number in range(3):
        net = Network()
        net.step(f"S{number}", number, [f"object/M{number}"], [f"object/M{number + 1}"], status="completed")
        net.relate("SAME_AS", f"object/M{number}", f"object/N{number}")
        land(store, net.claims, load=str(number))
    before, stubs = list(store.projection()), [store.stubs(number, number + 1) for number in range(3)]
    store.close()
    with sqlite3.connect(path) as old:
        old.executescript(script)
    old.close()
    again = SqliteStore(path)
    assert list(again.projection()) == before
    assert [again.stubs(number, number + 1) for number in range(3)] == stubs
    assert verify(again).ok
    land(again, net.claims, load="again")
    more = Network()
    more.step("S3", 3, ["object/M3"], ["object/M4"])
    assert [applied.commit is not None for applied in land(again, more.claims, load="3")] == [True]
    assert verify(again).ok
    again.close()
