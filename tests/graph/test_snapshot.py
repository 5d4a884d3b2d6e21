"""A snapshot answers as its store does, and is never older than it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api import render
from graph import snapshot
from graph.claims import Claim
from graph.errors import UnknownIdentifier
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.view import View, view
from queries.handoffs import handoffs, legs
from queries.lineage import lineage
from queries.mass_recall import recall_all
from queries.recall import recall
from tests.networks import Network, example, ids_of, land, networks


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


def answers(store: Store, ids: list[str], viewer: str | None) -> list[Any]:
    """Every answer about these ids, as one viewer gets it."""
    seen, found = view(store, viewer), list[Any]()
    for record in ids:
        try:
            root = seen.resolve(record)
        except UnknownIdentifier as error:
            found.append(error.as_dict())
            continue
        found.append(render.lineage_json(seen, lineage(seen, [root], "up")))
        found.append(render.lineage_json(seen, lineage(seen, [root], "down", depth=2)))
        found.append(render.recall_json(seen, recall(seen, [root])))
    return found


def over(store: Store, taken: snapshot.Snapshot) -> SnapshotStore:
    return SnapshotStore(store, taken)


@settings(
    max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(parts=st.lists(networks(), min_size=1, max_size=3))
def test_after_any_commits_it_answers_as_the_store_does(parts: list[list[Claim]]) -> None:
    store, before = SqliteStore(":memory:"), None
    for number, claims in enumerate(parts):
        land(store, claims, load=str(number))
        before = snapshot.take(store, store.head(), before)
    ids = ids_of([claim for claims in parts for claim in claims])
    stewards = [None, *view(store).stewards]
    for taken in (before, snapshot.take(store, store.head())):
        for viewer in stewards:
            assert answers(over(store, taken), ids, viewer) == answers(store, ids, viewer)
    store.close()


@st.composite
def changes(draw: st.DrawFn) -> list[Claim]:
    """What a later load may bring: more of a network; ids joined and parted; relations and records taken back and restored."""
    net = Network(claims=draw(networks()) if draw(st.booleans()) else [])
    names = st.sampled_from([*(f"M{n}" for n in range(6)), "C0", "C1"])
    told = st.fixed_dictionaries({"steward": st.sampled_from("HB"), "recorded": st.sampled_from([None, 3, 6, 9])})
    for one, other in draw(st.lists(st.tuples(names, names), max_size=3)):
        if one != other:
            taken_back = draw(st.sampled_from([None, True, False]))
            net.relate("SAME_AS", f"object/{one}", f"object/{other}", retracted=taken_back, **draw(told))
    for step in draw(st.lists(st.sampled_from(["S0", "S1", "K0"]), max_size=2)):
        taken_back = draw(st.sampled_from([None, True, False]))
        net.relate("INPUT_TO", f"object/{draw(names)}", f"event/{step}", retracted=taken_back, **draw(told))
        net.retract("event", step, **draw(told))
    return net.claims


def columns(taken: snapshot.Snapshot) -> dict[str, list[tuple[Any, ...]]]:
    """All that a snapshot holds, stewards by name: their numbers depend on when each was met first."""
    names = pl.Series(taken.stewards, dtype=pl.String)
    told = {"ids": sorted(taken.ids.iter_rows())}
    for name in ("states", "edges", "labels"):
        frame = getattr(taken, name)
        told[name] = sorted(frame.with_columns(sid=names.gather(frame["sid"])).rows(), key=repr)
    return {**told, "into": [taken.edges["dst"].gather(taken.into["edge"]).to_list()]}


@settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(parts=st.lists(changes(), min_size=2, max_size=4))
def test_brought_up_to_date_it_holds_what_one_taken_anew_holds(parts: list[list[Claim]]) -> None:
    store, before = SqliteStore(":memory:"), None
    for number, claims in enumerate(parts):
        land(store, claims, load=str(number))
        before = snapshot.take(store, store.head(), before)
    assert columns(before) == columns(snapshot.take(store, store.head()))
    store.close()


@settings(
    max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(parts=st.lists(changes(), min_size=2, max_size=3))
def test_frames_kept_beside_it_are_never_of_an_earlier_commit_or_another_viewer(parts: list[list[Claim]]) -> None:
    store = SqliteStore(":memory:")
    with TemporaryDirectory() as folder:
        for number, claims in enumerate(parts):
            land(store, claims, load=str(number))
            taken = snapshot.current(store, Path(folder))
            for viewer in (None, *view(store).stewards):
                kept, anew = view(over(store, taken), viewer), view(store, viewer)
                assert derived(kept) == derived(anew)
    store.close()


def derived(seen: View) -> list[Any]:
    """Frames that are made of a snapshot and kept beside it."""
    found: list[Any] = [waits.each.to_dicts() for waits in (handoffs(seen), legs(seen))]
    found += [seen.frames.relations(type_).to_dicts() for type_ in ("INPUT_TO", "OUTPUT", "SUBJECT_OF", "PART_OF")]
    found += [seen.frames.of_class(cls).to_dicts() for cls in ("event", "object")]
    roots = seen.frames.of_class("object")["id"].to_list()[:2]
    return [*found, *(recall_all(seen, [root]).rows.to_dicts() for root in roots)]


def test_what_changed_is_all_that_is_read_again(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    land(store, example(3), load="one")
    before = snapshot.take(store, store.head())
    late = example(1)[:1]
    late[0].recorded_at = 2**50
    land(store, late, load="two")
    asked = list[str]()
    original = store.get
    monkeypatch.setattr(store, "get", lambda ids, scope: asked.extend(ids) or original(ids, scope))
    assert snapshot.take(store, store.head(), before).commit == store.head()
    assert asked == [late[0].record]


def test_it_is_kept_private_and_opened_again(store: SqliteStore, tmp_path: Path) -> None:
    claims = example(3)
    land(store, claims)
    cache = tmp_path / "cache"
    made = snapshot.current(store, cache)
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o077 for path in [*files, *cache.iterdir()]} == {0}
    again = snapshot.current(store, cache)
    assert again.commit == made.commit
    assert answers(over(store, again), ids_of(claims), None) == answers(store, ids_of(claims), None)


def test_of_a_graph_that_went_another_way_nothing_is_kept(store: SqliteStore, tmp_path: Path) -> None:
    land(store, example(2), load="one")
    other = SqliteStore(":memory:")
    land(other, example(4), load="other")
    elsewhere = snapshot.take(other, other.head())
    taken = snapshot.take(store, store.head(), elsewhere)
    assert taken.commit == store.head()
    assert answers(over(store, taken), ids_of(example(4)), None) == answers(store, ids_of(example(4)), None)


def test_of_an_empty_store_it_holds_nothing_and_is_not_kept(store: SqliteStore, tmp_path: Path) -> None:
    taken = snapshot.current(store, tmp_path)
    assert taken.commit is None
    assert not len(taken.ids)
    assert not list(tmp_path.iterdir())
