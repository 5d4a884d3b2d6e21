"""A pairing that is killed between its commits is whole when it is done again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.pairing import pair
from graph.sqlite_store import SqliteStore
from graph.store import Batch
from graph.verify import verify
from graph.view import view
from queries.pairing import NAME, pairing
from tests.dying import Dying, Killed
from tests.networks import land
from tests.sides import Sides


def many(count: int) -> Sides:
    """As many handoffs that both sides tell alone."""
    net = Sides()
    for number in range(count):
        net.gave(f"out-{number}", 1, f"BAG-{number}")
        net.took(f"in-{number}", 5, f"BAG-{number}")
    return net


@pytest.fixture
def killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[tuple[SqliteStore, dict[str, Any]]]:
    """A graph of nine handoffs whose pairing, two joins a commit, was killed after some commits; and what it says undisturbed."""
    monkeypatch.setattr("api.pairing._BATCH", 2)
    whole, part = (SqliteStore(tmp_path / f"{name}.db", create=True, scratch=True) for name in ("whole", "part"))
    for store in (whole, part):
        land(store, many(9).claims, moment=1)
    told = pair(whole, tmp_path / "whole", author="t")
    dying: Any = Dying(part, request.param)
    with pytest.raises(Killed):
        pair(dying, tmp_path / "part", author="t")
    yield part, {"digest": whole.head().digest, "runs": told["runs"]}
    whole.close()
    part.close()


@pytest.mark.parametrize("killed", range(5), indirect=True)
def test_a_pairing_that_was_killed_is_whole_when_it_is_done_again(
    killed: tuple[SqliteStore, dict[str, Any]], tmp_path: Path
) -> None:
    store, undisturbed = killed
    begun = store.open_loads()
    assert pair(store, tmp_path / "part", dry_run=True)["commits"] is None
    assert (store.open_loads(), view(store).load_in_progress) == (begun, bool(begun))
    told = pair(store, tmp_path / "part", author="t")
    assert (told["runs"], store.head().digest) == (undisturbed["runs"], undisturbed["digest"])
    assert (store.open_loads(), view(store).load_in_progress) == ([], False)
    assert told["commits"][1] == store.head().number
    assert pair(store, tmp_path / "part", author="t")["commits"] is None
    assert verify(store).ok


@pytest.mark.parametrize("killed", [3], indirect=True)
def test_a_pairing_that_is_killed_twice_is_whole_in_the_end(killed: tuple[SqliteStore, dict[str, Any]], tmp_path: Path) -> None:
    store, undisturbed = killed
    for commits in (1, 1):  # the second is killed when all is said, before it closes what was killed before
        dying: Any = Dying(store, commits)
        with pytest.raises(Killed):
            pair(dying, tmp_path / "part", author="t")
    assert store.open_loads()
    pair(store, tmp_path / "part", author="t")
    assert (store.open_loads(), store.head().digest) == ([], undisturbed["digest"])


@pytest.mark.parametrize("killed", [3], indirect=True)
def test_what_a_killed_pairing_said_can_be_taken_back(killed: tuple[SqliteStore, dict[str, Any]], tmp_path: Path) -> None:
    store, _ = killed
    assert pair(store, tmp_path / "part", undo=True, author="t")["withdrawn"] == 6
    assert (store.open_loads(), pairing(view(store)).runs) == ([], pairing(view(store).without(NAME)).runs)
    assert pair(store, tmp_path / "part", author="t")["added"] == 9
    assert verify(store).ok


def test_an_open_load_of_files_is_left_to_who_loads_them(tmp_path: Path) -> None:
    memory, net = SqliteStore(":memory:"), many(1)
    memory.apply(Batch(net.claims, NAME, "0" * 64, "files", "key", 1, "tester"))
    pair(memory, tmp_path, author="t")
    assert [load.load_id for load in memory.open_loads()] == ["files"]
    memory.close()
