"""Snapshots in a cache: whoever else writes, reads, dies or moves on there, nobody gets an answer of another graph or viewer."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import polars as pl
import pytest

from graph import snapshot
from graph.copying import copy
from graph.errors import StoreUnavailable
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from tests.networks import Network, at, example, land

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    """A graph in a file, as other processes can open it too."""
    opened = SqliteStore(tmp_path / "graph.db", create=True)
    land(opened, example(3), load="one")
    return opened


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def over(store: SqliteStore, cache: Path, viewer: str | None = None) -> View:
    return view(SnapshotStore(store, snapshot.current(store, cache)), viewer)


def folders(cache: Path) -> list[Path]:
    return sorted(cache.glob("*/*"))


def steps(seen: View) -> list[str]:
    """A frame that is kept beside the snapshot."""
    return seen.frames.kept("steps", lambda: seen.frames.shown("Step").select("id"))["id"].to_list()


def grow(store: SqliteStore, name: str) -> None:
    net = Network()
    net.step(name, 1, ["object/M0"], ["object/NEW"])
    land(store, net.claims, load=name)


def test_a_reader_whose_snapshot_gave_way_to_a_later_one_goes_on_answering(store: SqliteStore, cache: Path) -> None:
    seen, expected = over(store, cache), steps(view(store))
    grow(store, "LATER")
    assert snapshot.current(store, cache).commit == store.head()
    assert steps(seen) == expected
    assert len(steps(over(store, cache))) == len(expected) + 1


def test_what_is_derived_is_made_again_when_the_graph_moved_on(store: SqliteStore, cache: Path) -> None:
    for name in ("X1", "X2", "X3"):
        assert steps(over(store, cache)) == steps(view(store))
        grow(store, name)
    assert steps(over(store, cache)) == steps(view(store))
    assert len(folders(cache)) == 1


def test_what_is_derived_for_one_viewer_is_shown_to_no_other(store: SqliteStore, cache: Path) -> None:
    for viewer in (None, "B", "H", "B", None, "nobody"):
        assert steps(over(store, cache, viewer)) == steps(view(store, viewer))


def meanwhile(monkeypatch: pytest.MonkeyPatch, write: int, act: Callable[[], None]) -> None:
    """Let `act` happen just before the n-th file is written."""
    original, written = snapshot._write, list[Path]()

    def interrupted(frame: pl.DataFrame, path: Path) -> None:
        written.append(path)
        if len(written) == write:
            act()
        original(frame, path)

    monkeypatch.setattr(snapshot, "_write", interrupted)


@pytest.mark.parametrize("write", [1, 3, 5])
def test_two_that_take_the_same_snapshot_at_once_both_answer(
    store: SqliteStore, cache: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    told = list[list[str]]()
    meanwhile(monkeypatch, write, lambda: told.append(steps(over(store, cache))))
    assert steps(over(store, cache)) == told[0] == steps(view(store))
    assert len(folders(cache)) == 1


@pytest.mark.parametrize("write", [1, 3, 5])
def test_one_that_finishes_late_does_not_take_a_later_snapshot_away(
    store: SqliteStore, cache: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    def overtake() -> None:
        grow(store, "LATER")
        assert steps(over(store, cache)) == steps(view(store))

    meanwhile(monkeypatch, write, overtake)
    snapshot.current(store, cache)
    assert snapshot.saved(cache / folders(cache)[0].parent.name, lambda commit: commit == store.head())
    assert steps(over(store, cache)) == steps(view(store))


ASKED = """
import sys
from pathlib import Path
from graph import snapshot
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.view import view
store = SqliteStore(Path(sys.argv[1]))
sys.stdin.readline()
seen = view(SnapshotStore(store, snapshot.current(store, Path(sys.argv[2]))))
print(seen.frames.kept("steps", lambda: seen.frames.shown("Step").select("id"))["id"].to_list())
"""


def test_processes_that_start_at_once_all_answer(store: SqliteStore, cache: Path) -> None:
    arguments = [sys.executable, "-c", ASKED, store.path, str(cache)]
    asking = [subprocess.Popen(arguments, stdin=-1, stdout=-1, stderr=-1, text=True, cwd=ROOT) for _ in range(2)]
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in asking:
        told, errors = process.communicate()
        assert told.strip() == str(steps(view(store))), errors
    assert len(folders(cache)) == 1


@pytest.mark.parametrize("part", ["snapshot.json", "ids.arrow", "states.arrow", "into.arrow"])
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "end zeroed"])
def test_a_damaged_file_is_made_again(store: SqliteStore, cache: Path, part: str, damage: str) -> None:
    snapshot.current(store, cache)
    path = folders(cache)[0] / part
    content = path.read_bytes()
    half = content[: len(content) // 2]
    path.unlink()
    if damage != "gone":
        path.write_bytes({"empty": b"", "half": half, "end zeroed": half + bytes(len(half))}[damage])
    assert steps(over(store, cache)) == steps(view(store))
    again = snapshot.current(store, cache)
    assert again.place == folders(cache)[0]
    assert (folders(cache)[0] / part).stat().st_size == len(content)


@pytest.mark.parametrize("kept", [0, 1, 300])
def test_a_derived_file_that_was_cut_short_is_made_again(store: SqliteStore, cache: Path, kept: int) -> None:
    expected = steps(over(store, cache))
    [path] = folders(cache)[0].glob("steps-*.arrow")
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:kept])
    assert steps(over(store, cache)) == expected
    assert path.read_bytes() == content


def test_what_somebody_is_writing_is_no_snapshot_and_stays_until_it_was_given_up_long_ago(store: SqliteStore, cache: Path) -> None:
    snapshot.current(store, cache)
    [made] = folders(cache)
    coming = made.parent / ".coming"
    copytree(made, coming)
    rmtree(made)
    assert snapshot.current(store, cache).place == made
    assert coming.exists()
    os.utime(coming, (0, 0))
    grow(store, "LATER")
    assert snapshot.current(store, cache).place != made
    assert not coming.exists()


def correction(recorded: int | None) -> Network:
    net = Network()
    net.say("event", "S0", "Step", recorded=recorded, status="completed", started_at=at(1))
    return net


def test_graphs_that_part_after_a_common_beginning_share_nothing_later(store: SqliteStore, cache: Path) -> None:
    other = SqliteStore(":memory:")
    copy(store, other)
    for graph, load in ((store, "yes"), (other, "no")):
        # undated: it was recorded when it was loaded, which no digest tells
        land(graph, correction(None).claims, load=load, moment=2**52 + len(load))
    heads = store.head(), other.head()
    assert heads[0]
    assert heads[1]
    assert heads[0].digest == heads[1].digest
    for graph in (store, other, store, other):
        taken = snapshot.current(graph, cache)
        assert taken.commit == graph.head()
        seen = view(SnapshotStore(graph, taken))
        assert seen.frames.recorded.of_class("event").equals(view(graph).frames.recorded.of_class("event"))
        assert seen.frames.recorded.values("event", "status").equals(view(graph).frames.recorded.values("event", "status"))


def test_a_graph_that_went_back_to_a_backup_is_told_as_it_is(store: SqliteStore, cache: Path) -> None:
    backup = SqliteStore(":memory:")
    copy(store, backup)
    for name in ("X1", "X2"):
        grow(store, name)
    snapshot.current(store, cache)
    for name in ("Y1", "Y2", "Y3"):
        assert steps(over(backup, cache)) == steps(view(backup))
        grow(backup, name)
    assert steps(over(backup, cache)) == steps(view(backup))


def test_a_graph_emptied_and_loaded_again_is_another_graph(store: SqliteStore, cache: Path, tmp_path: Path) -> None:
    snapshot.current(store, cache)
    store.close()
    for path in tmp_path.glob("graph.db*"):
        path.unlink()
    again = SqliteStore(tmp_path / "graph.db", create=True)
    land(again, example(4), load="one")
    assert steps(over(again, cache)) == steps(view(again))
    again.close()


def test_a_copy_in_another_store_is_answered_from_the_same_files(store: SqliteStore, cache: Path) -> None:
    other = SqliteStore(":memory:")
    copy(store, other)
    assert snapshot.current(store, cache).place == snapshot.current(other, cache).place
    assert steps(over(other, cache)) == steps(view(store))


def test_where_nothing_can_be_kept_that_is_said(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="--cache"):
        snapshot.current(store, tmp_path / "file")
