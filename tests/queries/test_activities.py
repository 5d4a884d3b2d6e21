"""Waits between activities, and what legs tell of an event log, equal what process mining finds in the published one."""

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import networkx as nx
import polars as pl
import pytest

from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.activities import Activities
from queries.handoffs import legs
from tests.networks import Network, land
from tests.ocel_logs import log, write

LOG = "process/logs/pallet-logistics-v0.9.sqlite"


@pytest.fixture(scope="module")
def seen(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> View:
    """The published log, loaded as it is."""
    store = SqliteStore(":memory:")
    report = load(store, [reference / LOG], Options("wms", author="tester", quarantine=tmp_path_factory.mktemp("quarantine")))
    assert report.totals.added == 25
    return view(store)


@pytest.fixture(scope="module")
def oracle(reference: Path) -> dict[str, Any]:
    """What pm4py finds in it, and what is computed from its events directly."""
    told: dict[str, Any] = json.loads((reference / "process/ocel_pallet_logistics.json").read_text(encoding="utf-8"))
    return told


def events(seen: View) -> pl.DataFrame:
    """The log's own id and activity of each event, by number."""
    told = seen.scoped_frames.shown("Step")
    keys = seen.scoped_frames.keys(told["record"].to_list())
    return told.select("record", activity="type").with_columns(name=keys.str.extract("^local:(.*)@wms$"))


@pytest.mark.reference
def test_the_waits_of_each_object_type_are_those_of_its_directly_follows_graph(seen: View, oracle: dict[str, Any]) -> None:
    """`n_triples` counts (event, object, event), `n_event_couples` each two events once."""
    ours = {(row["object_type"], row["source"], row["target"]): row for row in Activities(seen).waits.to_dicts()}
    theirs = {(row["object_type"], row["source"], row["target"]): row for row in oracle["ocdfg"]}
    assert ours.keys() == theirs.keys()
    for key, row in theirs.items():
        told = ours[key]
        assert (told["count"], told["couples"], told["objects"]) == (
            row["n_triples"],
            row["n_event_couples"],
            row["unique_objects"],
        )
        measures = (told["sum_s"], told["median_s"], told["min_s"], told["max_s"])
        assert measures == (row["sum_triples_s"], row["median_triples_s"], row["min_s"], row["max_s"]), key


@pytest.mark.reference
def test_legs_tell_how_long_each_activity_waits_for_its_first_and_last_object(seen: View, oracle: dict[str, Any]) -> None:
    """The flow time of an event is its longest leg, the sojourn time its shortest, and their difference the synchronisation."""
    into = legs(seen).each.join(events(seen), left_on="next", right_on="record")
    each = into.group_by("next", "activity").agg(flow=pl.col("wait_s").max(), sojourn=pl.col("wait_s").min())
    each = each.with_columns(sync=pl.col("flow") - pl.col("sojourn"))
    compared = 0
    for row in oracle["opera"]:
        measure = row["measure"].removesuffix("_us")
        if measure in ("flow", "sojourn", "sync"):
            told = each.filter(pl.col("activity") == row["activity"])[measure]
            assert len(told) == row["n"]
            figures = (told.sum() * 1e6, told.min() * 1e6, told.max() * 1e6, told.mean(), told.median())  # type: ignore[operator]
            assert figures == (row["sum_us"], row["min_us"], row["max_us"], row["mean_s"], row["median_s"]), row
            compared += 1
    assert compared == 12


@pytest.mark.reference
def test_what_each_activity_waits_for_is_what_performance_analysis_finds(seen: View, oracle: dict[str, Any]) -> None:
    """All figures of OPerA, of each activity and type of object; our `lag` and `late` are its `lag_all` and signed `lag_others`."""
    names = {"lag": "lag_all", "late": "lag_others"}
    ours = {}
    for row in Activities(seen).gatherings.to_dicts():
        measure = names.get(row["measure"], row["measure"])
        ours[row["activity"], f"{measure}[{row['object_type']}]" if row["object_type"] else measure] = row
    theirs = {(row["activity"], row["measure"].removesuffix("_us")): row for row in oracle["opera"]}
    assert ours.keys() == theirs.keys()
    assert len(theirs) > 30
    for key, row in theirs.items():
        told = ours[key]
        figures = (told["count"], told["sum_s"] * 1e6, told["min_s"] * 1e6, told["max_s"] * 1e6, told["median_s"])
        assert figures == (row["n"], row["sum_us"], row["min_us"], row["max_us"], row["median_s"]), key


@pytest.mark.reference
def test_legs_tell_the_measures_of_each_event(seen: View, reference: Path) -> None:
    names = dict(events(seen).select("record", "name").iter_rows())
    into: dict[str, list[float]] = defaultdict(list)
    for following, wait in legs(seen).each.select("next", "wait_s").iter_rows():
        into[names[following]].append(wait)
    with gzip.open(reference / "process/ocel_pallet_logistics_events.csv.gz", "rt", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert {row["event"] for row in rows} == into.keys()
    for row in rows:
        told = into[row["event"]]
        measures = (max(told), min(told), max(told) - min(told))
        assert [each * 1e6 for each in measures] == [int(row[name]) for name in ("flow_us", "sojourn_us", "sync_us")], row["event"]


@pytest.mark.reference
def test_the_longest_way_through_legs_is_that_of_the_event_graph(seen: View, oracle: dict[str, Any]) -> None:
    names = dict(events(seen).select("record", "name").iter_rows())
    graph: nx.DiGraph[str] = nx.DiGraph()
    for event, following, wait in legs(seen).each.select("event", "next", "wait_s").iter_rows():
        graph.add_edge(names[event], names[following], weight=wait)
    told = oracle["longest_path"]
    assert nx.dag_longest_path_length(graph) * 1e6 == told["length_us"]
    ways = nx.all_simple_paths(graph, told["first"], told["last"])
    lengths = {len(way) for way in ways if nx.path_weight(graph, way, "weight") * 1e6 == told["length_us"]}
    assert told["events"] in lengths  # of several ways as long


def test_waits_keep_microseconds_whatever_the_offset(tmp_path: Path) -> None:
    told = log(
        [
            {"id": "a", "type": "mix", "time": "2024-05-01T10:00:00.000001+02:00", "to": [("b", "")]},
            {"id": "c", "type": "fill", "time": "2024-05-01T08:00:00.5Z", "to": [("b", "")]},
        ],
        [{"id": "b", "type": "Bag"}],
    )
    store = SqliteStore(":memory:")
    load(store, [write(told, tmp_path / "log.xml")], Options("LAB", author="tester", quarantine=tmp_path / "quarantine"))
    [row] = Activities(view(store)).waits.to_dicts()
    assert (row["object_type"], row["source"], row["target"], row["sum_s"]) == ("Bag", "mix", "fill", 0.499999)


def test_objects_of_which_nothing_is_told_are_left_out_and_counted(tmp_path: Path) -> None:
    told = log(
        [
            {"id": "a", "type": "mix", "time": "2024-05-01T08:00:00Z", "to": [("b", ""), ("gone", "")]},
            {"id": "c", "type": "fill", "time": "2024-05-01T09:00:00Z", "to": [("b", ""), ("gone", "")]},
        ],
        [{"id": "b", "type": "Bag"}],
    )
    store = SqliteStore(":memory:")
    load(store, [write(told, tmp_path / "log.json")], Options("LAB", author="tester", quarantine=tmp_path / "quarantine"))
    found = Activities(view(store))
    assert found.waits.select("object_type", "count", "objects").rows() == [("Bag", 1, 1)]
    assert {(row["measure"], row["object_type"]): row["sum_s"] for row in found.gatherings.to_dicts()} == {
        **{(name, None): seconds for name, seconds in (("flow", 3600), ("sojourn", 3600), ("sync", 0))},
        **{(name, "Bag"): 0 for name in ("pool", "ready", "lag")},
    }
    assert found.untold == 1


@pytest.mark.parametrize("events", [0, 1, 2])
def test_a_graph_in_which_nothing_waits_has_no_rows(events: int) -> None:
    net = Network()
    for number in range(events):
        net.act(f"S{number}", number, "A")
    store = SqliteStore(":memory:")
    land(store, net.claims)
    found = Activities(view(store))
    assert (found.waits.rows(), found.gatherings.rows(), found.untold) == ([], [], int(events == 2))


def test_no_record_is_read_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log has millions of objects: only those of several ids are put together one by one."""
    told = log([{"id": "a", "type": "mix", "time": "2024-05-01T08:00:00Z", "to": [("b", "")]}], [{"id": "b", "type": "Bag"}])
    store = SqliteStore(":memory:")
    load(store, [write(told, tmp_path / "log.json")], Options("LAB", author="tester", quarantine=tmp_path / "quarantine"))
    asked: list[str] = []
    records = View.records
    monkeypatch.setattr(View, "records", lambda self, joins: (asked.extend(joins), records(self, joins))[1])
    assert Activities(view(store)).waits.is_empty()
    assert asked == []
