"""Contradictions of a whole graph: every disagreement of every record, by field and by who contradicts whom."""

from collections.abc import Iterator

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import View, view
from queries.contradictions import contradictions
from tests.networks import Network, land, rid


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


def test_two_who_contradict_each_other_are_told_once_with_all_records(store: SqliteStore) -> None:
    told = Network()
    for name, ours, theirs in (("A", 1, 2), ("B", 3, 4), ("C", 5, 5)):
        told.material(name, steward="H", quantity=ours)
        told.material(name, steward="LAB", quantity=theirs)
    land(store, told.claims)
    [found] = contradictions(view(store))
    assert (found.name, found.kind, found.first, found.other) == ("quantity", "Material", "H", "LAB")
    assert {record.id for record in found.records} == {rid("object", "A"), rid("object", "B")}
    assert {found.said(record) for record in found.records} == {(1, 2), (3, 4)}


def test_of_three_only_those_who_differ_contradict_each_other(store: SqliteStore) -> None:
    told = Network()
    for steward, moment in (("H", "2024-05-01T10:00:00+02:00"), ("LAB", "2024-05-01T08:00:00Z"), ("Z", "2024-05-01T09:00:00Z")):
        told.say("event", "S", "Step", steward=steward, started_at=moment)
    land(store, told.claims)
    assert [(each.first, each.other) for each in contradictions(view(store))] == [("H", "Z")]


def test_a_viewer_finds_none_in_its_own_words(store: SqliteStore) -> None:
    told = Network()
    told.material("A", steward="H", quantity=1)
    told.material("A", steward="LAB", quantity=2)
    land(store, told.claims)
    assert contradictions(view(store, "H")) == []


def test_they_are_the_disagreements_of_all_records_of_a_network(network_view: View) -> None:
    counted: dict[str, int] = {}
    for each in contradictions(network_view):
        counted[each.name] = counted.get(each.name, 0) + len(each.records)
    ids = network_view.frames.ids(list(range(len(network_view.frames)))).to_list()
    expected: dict[str, int] = {}
    for record in network_view.records(network_view.joined(ids)).values():
        for told in record.disagreements:
            assert len(told["values"]) == 2
            expected[told["field"]] = expected.get(told["field"], 0) + 1
    assert counted == expected
    assert sum(counted.values()) > 20
