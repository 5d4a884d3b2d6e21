"""Containment of a whole graph at once is what it is object by object."""

from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, Phase, given, settings

from graph.claims import Claim
from graph.frames import Frames
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.containment import Holdings
from queries.stays import borne, held, stays
from tests.networks import Network, at, ids_of, land, networks, rid


def told(frames: Frames, rows: pl.DataFrame) -> set[tuple[object, ...]]:
    """Rows with ids in place of numbers."""
    named = [name for name, type_ in rows.schema.items() if type_ == pl.UInt32]
    ids = dict(enumerate(frames.ids(list(range(len(frames.group))))))
    return set(rows.with_columns(pl.col(name).replace_strict(ids, return_dtype=pl.String) for name in named).rows())


def assert_equal(seen: View, ids: list[str]) -> None:
    holdings = Holdings(seen)
    objects = {record for record in ids if record.startswith("object-")}
    holdings.gather_contents(objects)
    names = {holdings.name(record) for record in objects}
    frames = seen.frames
    single = stays(frames)
    whole = held(single)
    assert len(single) == len(single.unique())
    assert told(frames, single) == {
        (stay.content, stay.container, *stay.window, stay.opened_by, stay.closed_by)
        for name in names
        for stay in holdings.stays(name)
    }
    assert told(frames, whole) == {
        (name, stay.container, *window, stay.opened_by, stay.closed_by) for name in names for stay, window in holdings.held(name)
    }
    assert told(frames, borne(frames, whole)) == {
        (name, stay.container, event)
        for name in names
        for stay, window in holdings.held(name)
        for event in holdings.borne(stay, window)
    }


@settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(claims=networks())
def test_it_equals_what_is_told_of_each_object(claims: list[Claim]) -> None:
    store = SqliteStore(":memory:")
    land(store, claims)
    for viewer in (None, *view(store).stewards):
        assert_equal(view(store, viewer), ids_of(claims))
    store.close()


def test_of_the_first_journey_too() -> None:
    store = SqliteStore(":memory:")
    load(store, [Path(__file__).parents[2] / "examples" / "first-journey"], Options(author="test"))
    assert_equal(view(store), ids_of([entry.claim for entry in store.claims()]))
    store.close()


def moments(net: Network, content: str, container: str) -> list[tuple[str | None, str | None]]:
    """The stays of one object in another as (event that put it in, event that took it out)."""
    store = SqliteStore(":memory:")
    land(store, net.claims)
    frames = view(store).frames
    wanted = (rid("object", content), rid("object", container))
    names = {rid("event", name): name for name in ("in", "in-2", "out", "emptied", "moved", "made")} | {None: None}
    found = [(names[row[4]], names[row[5]]) for row in sorted(told(frames, stays(frames)), key=str) if row[:2] == wanted]
    assert_equal(view(store), ids_of(net.claims))
    store.close()
    return found


def test_a_stay_runs_from_a_packing_to_the_next_unpacking_of_it_or_of_all() -> None:
    net = Network()
    net.pack("in", 1, "BOX", ["BAG"])
    net.pack("emptied", 3, "BOX", [], out=True)
    net.pack("in-2", 4, "BOX", ["BAG"])
    net.pack("out", 5, "BOX", ["BAG"], out=True)
    assert moments(net, "BAG", "BOX") == [("in", "emptied"), ("in-2", "out")]


def test_an_unpacking_of_something_else_ends_nothing_and_one_without_a_time_neither() -> None:
    net = Network()
    net.pack("in", 1, "BOX", ["BAG", "VIAL"])
    net.pack("out", 3, "BOX", ["VIAL"], out=True)
    net.pack("emptied", None, "BOX", [], out=True)
    assert moments(net, "BAG", "BOX") == [("in", None)]


def test_an_unpacking_alone_means_inside_since_the_contents_last_act_of_its_own() -> None:
    net = Network()
    net.step("made", 1, [], ["object/BAG"])
    net.pack("out", 3, "BOX", ["BAG"], out=True)
    store = SqliteStore(":memory:")
    land(store, net.claims)
    [row] = told(view(store).frames, stays(view(store).frames))
    assert row[2:4] == tuple(view(store).record(rid("event", name)).span[0] for name in ("made", "out"))  # type: ignore[index]
    assert at(1) < at(3)
    store.close()
