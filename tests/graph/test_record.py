"""A record shows every steward's word, the party that answers first, and disagrees only where words differ in meaning."""

from typing import Any

import pytest

from graph import times
from graph.record import Parties, Record, assemble, event_span
from graph.standing import Standing
from graph.store import Deadline, State

GIVER, CARRIER, TAKER = (f"organization-{n:032x}" for n in range(3))
SPEAKERS = {GIVER: frozenset(("Z",)), CARRIER: frozenset(("Y",)), TAKER: frozenset(("X",))}
ENDS = {"FROM": GIVER, "CARRIED_BY": CARRIER, "TO": TAKER}


def handoff(field: str) -> Record:
    """A handoff of which three parties each tell one field: the giver is Z, the carrier Y, the taker X; W only looks on."""
    words = {steward: {"kind": "Handoff", f".{field}": f"2024-01-0{day}T00:00Z", **ENDS} for day, steward in enumerate("WXYZ", 1)}
    return Record("event-0", ("event-0",), (), words, parties=Parties(SPEAKERS))


@pytest.mark.parametrize(
    ("field", "speaker"),
    [
        ("released_at", "Z"),
        ("agreed_delivery_at", "Z"),
        ("picked_up_at", "Y"),
        ("delivered_at", "Y"),
        ("accepted_at", "X"),
        ("discrepancy_code", "X"),
        ("priority", "Z"),
    ],
)
def test_the_party_that_answers_for_a_field_of_a_handoff_is_shown_first(field: str, speaker: str) -> None:
    record = handoff(field)
    [told] = record.disagreements
    assert [said["steward"] for said in told["values"]] == [speaker, *sorted({*"WXYZ"} - {speaker})]
    assert record.value(field) == told["values"][0]["value"]


def test_the_performer_answers_for_a_step_and_without_one_the_smallest_steward() -> None:
    words: dict[str, Any] = {steward: {"kind": "Step", ".status": steward, "PERFORMED_BY": TAKER} for steward in "WX"}
    assert Record("event-0", ("event-0",), (), words, parties=Parties(SPEAKERS)).value("status") == "X"
    assert Record("event-0", ("event-0",), (), words).value("status") == "W"


def test_one_moment_told_with_two_offsets_is_no_disagreement() -> None:
    words = {
        "A": {"kind": "Step", ".started_at": "2024-05-01T10:00+02:00"},
        "B": {"kind": "Step", ".started_at": "2024-05-01T08:00:00Z"},
    }
    assert Record("event-0", ("event-0",), (), words).disagreements == []
    words["B"][".started_at"] = "2024-05-01T08:00:01Z"
    assert [told["field"] for told in Record("event-0", ("event-0",), (), words).disagreements] == ["started_at"]


def test_two_ids_of_one_organisation_are_no_disagreement() -> None:
    words: dict[str, Any] = {"A": {"kind": "Step", "AT": GIVER}, "B": {"kind": "Step", "AT": TAKER}}
    assert Record("event-0", ("event-0",), (), words, parties=Parties({}, {TAKER: GIVER})).disagreements == []
    assert [told["field"] for told in Record("event-0", ("event-0",), (), words).disagreements] == ["at"]


def test_what_only_one_party_says_is_no_disagreement() -> None:
    words = {"A": {"kind": "Material", ".name": "bag"}, "B": {"kind": "Material", ".status": "released"}}
    record = Record("object-0", ("object-0",), (), words)
    assert record.disagreements == []
    assert record.values == {"name": "bag", "status": "released"}


def test_an_event_runs_from_the_earliest_start_to_the_latest_end_anybody_gives() -> None:
    words = {
        "A": {"kind": "Step", ".started_at": "2024-05-02", ".ended_at": "2024-05-03T00:00Z"},
        "B": {"kind": "Step", ".started_at": "2024-05-01T10:00Z"},
    }
    first, last = times.span("2024-05-01T10:00Z")[0], times.span("2024-05-03T00:00Z")[0]
    assert Record("event-0", ("event-0",), (), words).span == (first, last)
    assert event_span({"kind": "Step"}) is None
    assert event_span({".started_at": "2024-05"}) == times.span("2024-05")


def test_joined_ids_make_one_record_under_the_smallest_and_retracted_words_are_left_out() -> None:
    group = frozenset(("object-2", "object-1"))
    states = [
        State("object-1", "H", Standing({"kind": "Material", ".name": "old"}, 5), "local:1@H"),
        State("object-2", "H", Standing({"kind": "Material", ".name": "new"}, 7), "local:2@H"),
        State("object-2", "B", Standing({"kind": "Container", "retracted": True}, 7), "local:2@H"),
    ]
    [record] = assemble(dict.fromkeys(group, group), states, {}, Deadline()).values()
    assert (record.id, record.ids, record.kind, record.value("name")) == ("object-1", ("object-1", "object-2"), "Material", "new")
    assert record.identifiers == ["local:1@H", "local:2@H"]
    assert list(record.words) == ["H"]


def test_a_stub_is_claimed_by_nobody_and_a_retracted_record_is_none() -> None:
    alone = {"object-1": frozenset(("object-1",))}
    stub = assemble(alone, [], {"object-1": "local:1@H"}, Deadline())["object-1"]
    assert (stub.stub, stub.retracted, stub.kind, stub.steward, stub.identifiers) == (True, False, None, None, ["local:1@H"])
    gone = [State("object-1", "H", Standing({"kind": "Material", "retracted": True}, 5), None)]
    taken_back = assemble(alone, gone, {}, Deadline())["object-1"]
    assert (taken_back.stub, taken_back.retracted, taken_back.values) == (False, True, {})
