"""Departments and what they are part of, also where that goes round in a ring."""

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import view
from queries.organizations import Organizations, line, top
from tests.networks import Network, land, rid

ABOVE = {"ward": "clinic", "clinic": "union", "b": "c", "c": "a", "a": "b", "d": "b", "self": "self"}


@pytest.mark.parametrize(
    ("party", "expected", "highest"),
    [
        ("ward", ["ward", "clinic", "union"], "union"),
        ("union", ["union"], "union"),
        ("b", ["b", "c", "a"], "a"),
        ("d", ["d", "b", "c", "a"], "a"),
        ("self", ["self"], "self"),
        ("unheard of", ["unheard of"], "unheard of"),
    ],
)
def test_a_line_goes_up_and_ends_though_parts_go_round(party: str, expected: list[str], highest: str) -> None:
    assert (line(party, ABOVE), top(party, ABOVE)) == (expected, highest)


@pytest.mark.parametrize(
    ("party", "whole"), [("WARD", "CLINIC"), ("CLINIC", "CLINIC"), ("DESK", "BANK"), ("BANK", "BANK"), ("UNION", "UNION")]
)
def test_a_department_belongs_to_the_nearest_that_is_none(party: str, whole: str) -> None:
    net = Network()
    for name, type_ in (("WARD", "department"), ("CLINIC", "hospital"), ("UNION", "other"), ("BANK", None), ("DESK", None)):
        net.say("organization", name, "Organization", type=type_)
    for part, of in (("WARD", "CLINIC"), ("CLINIC", "UNION"), ("DESK", "BANK")):
        net.relate("PART_OF", f"organization/{part}", f"organization/{of}")
    store = SqliteStore(":memory:")
    land(store, net.claims)
    frames = view(store).frames
    organizations = Organizations(frames)
    assert organizations.whole(frames.number(rid("organization", party))) == frames.number(rid("organization", whole))
    store.close()
