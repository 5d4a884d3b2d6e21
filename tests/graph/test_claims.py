"""A claim is a flat set of fields of one record, and its relations, labels and hash are read from these alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.claims import Claim, Edge, Evidence, chain_hash, edges_of, from_body, labels_of, relation_fields

A, B, EVENT, WARD = (f"{cls}-{n:032x}" for n, cls in enumerate(("object", "object", "event", "organization")))


def claim(fields: dict[str, Any], at: str = "line 2", recorded: int | None = None) -> Claim:
    """A hospital's claim about A."""
    return Claim("H", A, fields, Evidence(at), recorded, {A: "local:A@H"})


def test_a_relation_is_claimed_under_the_record_that_owns_it() -> None:
    assert relation_fields("INPUT_TO", A, EVENT) == (EVENT, {f"INPUT_TO {A}": True})
    assert relation_fields("OUTPUT", EVENT, A, {"quantity": 2.0, "unit": None}) == (
        EVENT,
        {f"OUTPUT {A}": True, f"OUTPUT {A} quantity": 2.0},
    )
    assert relation_fields("PERFORMED_BY", EVENT, WARD) == (EVENT, {"PERFORMED_BY": WARD})


@pytest.mark.parametrize(
    ("type_", "source", "target", "properties"),
    [
        ("INPUT_TO", A, EVENT, {"quantity": 1.5, "unit": "mL"}),
        ("OUTPUT", EVENT, A, {}),
        ("SUBJECT_OF", A, EVENT, {"role": "content"}),
        ("PERFORMED_BY", EVENT, WARD, {}),
        ("SAME_AS", A, B, {}),
    ],
)
def test_what_is_claimed_as_fields_is_read_back_as_the_same_relation(
    type_: str, source: str, target: str, properties: dict[str, Any]
) -> None:
    owner, fields = relation_fields(type_, source, target, properties)
    assert edges_of(owner, "H", fields) == [Edge(type_, source, target, "H", **properties)]


def test_a_relation_or_a_whole_word_that_is_taken_back_states_nothing() -> None:
    owner, fields = relation_fields("INPUT_TO", A, EVENT, {"quantity": 1.0})
    assert edges_of(owner, "H", {**fields, f"INPUT_TO {A} retracted": True}) == []
    assert len(edges_of(owner, "H", {**fields, f"INPUT_TO {A} retracted": False})) == 1
    assert edges_of(owner, "H", {**fields, "retracted": True}) == []
    assert list(labels_of({"is din:A999917123456": True, "retracted": True})) == []


def test_properties_alone_make_no_relation() -> None:
    assert edges_of(EVENT, "H", {f"INPUT_TO {A} quantity": 1.0}) == []


def test_ids_of_two_classes_are_never_joined() -> None:
    assert edges_of(A, "H", {f"SAME_AS {EVENT}": True}) == []


def test_labels_are_told_by_their_names() -> None:
    fields = {"kind": "Material", ".quantity": 2.0, "is din:A999917123456": True, f"SAME_AS {B}": True}
    assert list(labels_of(fields)) == ["din:A999917123456"]


def test_evidence_is_no_part_of_what_is_said_but_the_date_of_recording_is() -> None:
    said = claim({".name": "bag"}).said()
    assert claim({".name": "bag"}, at="line 99").said() == said
    assert claim({".name": "bag"}, recorded=5).said() != said
    assert claim({".name": "Bag"}).said() != said


def test_the_order_of_fields_is_no_part_of_what_is_said() -> None:
    assert claim({".a": 1, ".b": {"x": 1, "y": 2}}).body() == claim({".b": {"y": 2, "x": 1}, ".a": 1}).body()


@given(
    st.dictionaries(st.text(min_size=1), st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.text())), st.integers(0, 2**60)
)
def test_a_logged_claim_is_read_back_whole(fields: dict[str, Any], recorded: int) -> None:
    told = claim(fields, recorded=recorded)
    assert from_body(told.body(), told.evidence) == told


def test_no_two_lists_of_parts_share_a_chain_hash() -> None:
    assert len({chain_hash(parts) for parts in ([], [b""], [b"ab"], [b"a", b"b"], [b"", b"ab"], [b"b", b"a"])}) == 6
