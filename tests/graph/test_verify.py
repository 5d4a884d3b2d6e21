"""Verify names the first commit, claim or record that does not fit."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.sqlite_store import SqliteStore
from graph.verify import Verification, verify
from tests.networks import Network, land, rid


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A graph of three commits."""
    store = SqliteStore(tmp_path / "graph.db", create=True)
    for number in range(3):
        net = Network()
        net.step(f"S{number}", number, [f"object/M{number}"], [f"object/M{number + 1}"], status="completed")
        land(store, net.claims, load=str(number))
    store.close()
    return tmp_path / "graph.db"


def after(path: Path, change: str) -> Verification:
    """What verify finds once a hand has changed the file."""
    with sqlite3.connect(path) as hand:
        assert hand.execute(change).rowcount > 0
    hand.close()
    store = SqliteStore(path)
    found = verify(store)
    store.close()
    return found


def test_an_untouched_graph_holds(path: Path) -> None:
    store = SqliteStore(path)
    found = verify(store)
    head = store.head()
    store.close()
    assert head is not None
    assert (found.ok, found.commits, found.claims, found.digest) == (True, 3, 9, head.digest)


@pytest.mark.parametrize(
    ("change", "kind", "place"),
    [
        (
            'UPDATE commits SET body = replace(CAST(body AS TEXT), \'"author":"tester"\', \'"author":"other"\') WHERE number = 2',
            "commit",
            "commit 2",
        ),
        ("DELETE FROM commits WHERE number = 2", "commit", "commit 3"),
        ("UPDATE claim SET body = replace(CAST(body AS TEXT), 'completed', 'failed') WHERE number = 4", "claim", "commit 2"),
        ("DELETE FROM claim WHERE number = 9", "claim", "commit 3"),
        ("UPDATE claim SET at = 'line 99' WHERE number = 1", "claim", "commit 1"),
        ("UPDATE claim SET source = 1 WHERE number = 1", "claim", "commit 1"),
        (
            "INSERT INTO claim SELECT 99, 7, nid, sid, x'00', body, at, event_id, event_hash, source FROM claim WHERE number = 1",
            "claim",
            "after commit 3",
        ),
    ],
)
def test_a_changed_log_is_found_at_its_commit(path: Path, change: str, kind: str, place: str) -> None:
    found = after(path, change)
    assert not found.ok
    assert (found.faults[0]["kind"], found.faults[0]["at"]) == (kind, place)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE word SET doc = replace(CAST(doc AS TEXT), 'completed', 'aborted') WHERE number ="
        " (SELECT word FROM state JOIN node USING (nid) WHERE id = '{0}')",
        "DELETE FROM edge WHERE dst = (SELECT nid FROM node WHERE id = '{0}')",
        "UPDATE edge SET until = 3 WHERE dst = (SELECT nid FROM node WHERE id = '{0}')",
        "DELETE FROM state WHERE nid = (SELECT nid FROM node WHERE id = '{0}')",
    ],
)
def test_a_changed_record_is_named(path: Path, change: str) -> None:
    step = rid("event", "S1")
    found = after(path, change.format(step))
    assert [fault["kind"] for fault in found.faults] == ["record"]
    assert step in found.faults[0]["at"]


def test_a_rebuild_mends_what_stands(path: Path) -> None:
    assert not after(path, "DELETE FROM edge").ok
    store = SqliteStore(path)
    store.rebuild()
    assert verify(store).ok
    store.close()
