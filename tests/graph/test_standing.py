"""What stands is a maximum: the order in which claims come decides nothing, and the digest sees all that stands."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.standing import MODULUS, Standing, contribution, joined, load, same_json

FIELDS = st.dictionaries(st.sampled_from(["kind", ".a", ".b", "INPUT_TO x"]), st.sampled_from([True, False, 1, 2.5, "one", "two"]))
TOLD = st.lists(st.tuples(FIELDS, st.integers(0, 3)), min_size=1, max_size=6)


def merged(told: list[tuple[dict[str, Any], int]]) -> Standing:
    """What stands after these (fields, rank), in this order."""
    first, rank = told[0]
    standing = Standing(dict(first), rank)
    for fields, later in told[1:]:
        standing.merge(fields, later)
    return standing


def effective(standing: Standing) -> dict[str, tuple[Any, int]]:
    """Value and rank of every field; the type is told apart, for True == 1."""
    return {path: (repr(value), standing.ranks.get(path, standing.rank)) for path, value in standing.fields.items()}


def test_the_later_word_stands_field_by_field_and_what_is_not_said_stays() -> None:
    standing = Standing({".a": 1, ".b": 1}, 5)
    assert standing.merge({".a": 2}, 7) == (True, False)
    assert standing.merge({".a": 3, ".b": 3}, 6) == (True, False)
    assert standing.fields == {".a": 2, ".b": 3}


def test_an_earlier_word_that_comes_late_changes_nothing() -> None:
    standing = Standing({".a": 1}, 5)
    assert standing.merge({".a": 2}, 4) == (False, False)
    assert standing.fields == {".a": 1}


def test_of_two_values_of_one_rank_the_larger_json_stands_and_a_person_should_look() -> None:
    standing = Standing({".a": "one"}, 5)
    assert standing.merge({".a": "two"}, 5) == (True, True)
    assert standing.merge({".a": "one"}, 5) == (False, True)
    assert standing.fields == {".a": "two"}


def test_a_word_said_again_later_raises_its_rank() -> None:
    standing = Standing({".a": "one"}, 5)
    assert standing.merge({".a": "one"}, 9) == (False, False)
    assert standing.merge({".a": "two"}, 7) == (False, False)
    assert standing.fields == {".a": "one"}


def test_two_kinds_are_a_conflict_at_any_rank() -> None:
    assert Standing({"kind": "Material"}, 5).merge({"kind": "Container"}, 9) == (True, True)


@given(TOLD, st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(told: list[tuple[dict[str, Any], int]], chance: Any) -> None:
    shuffled = list(told)
    chance.shuffle(shuffled)
    assert effective(merged(told)) == effective(merged(shuffled))


@given(TOLD)
def test_what_is_written_down_is_read_back(told: list[tuple[dict[str, Any], int]]) -> None:
    standing = merged(told)
    assert load(standing.dump()) == standing


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (True, 1), (0, False), ([1], [1.0]), ({"n": True}, {"n": 1})])
def test_values_that_only_python_holds_equal_are_two_words(one: Any, other: Any) -> None:
    standings = [Standing({".x:n": one}, 5), Standing({".x:n": other}, 5)]
    assert standings[0].merge({".x:n": other}, 5)[1]
    assert standings[1].merge({".x:n": one}, 5)[1]
    assert same_json(standings[0].fields, standings[1].fields)
    assert not Standing({".x:n": one}, 5).equals(Standing({".x:n": other}, 5))


def test_what_is_retracted_says_nothing_in_a_joined_record() -> None:
    gone = Standing({".a": 2, "retracted": True}, 9)
    kept = Standing({".a": 1}, 5)
    assert joined([gone, kept]).fields == {".a": 1}
    assert joined([gone]).fields == {}


def test_joined_ids_rank_their_values_together_and_leave_their_parts_alone() -> None:
    one, other = Standing({".a": 1, ".b": 1}, 5, {".b": 9}), Standing({".a": 2, ".b": 2}, 7)
    assert joined([one, other]).fields == joined([other, one]).fields == {".a": 2, ".b": 1}
    assert one.fields == {".a": 1, ".b": 1}


def test_the_digest_sees_steward_ids_values_and_retractions_but_no_dates() -> None:
    base = contribution("H", {"object-1": Standing({".a": 1}, 5)}, ["object-1"])
    assert 0 <= base < MODULUS
    assert base == contribution("H", {"object-1": Standing({".a": 1}, 9, {".a": 3})}, ["object-1"])
    others = {
        contribution("B", {"object-1": Standing({".a": 1}, 5)}, ["object-1"]),
        contribution("H", {"object-2": Standing({".a": 1}, 5)}, ["object-2"]),
        contribution("H", {"object-1": Standing({".a": 2}, 5)}, ["object-1"]),
        contribution("H", {"object-1": Standing({".a": 1}, 5)}, ["object-1", "object-2"]),
        contribution("H", {"object-1": Standing({".a": 1, "retracted": True}, 5)}, ["object-1"]),
    }
    assert len(others | {base}) == 6


def test_the_digest_of_a_joined_record_does_not_depend_on_the_order_of_its_ids() -> None:
    members = {"object-1": Standing({".a": 1}, 5), "object-2": Standing({".a": 2}, 7)}
    turned = dict(reversed(members.items()))
    assert contribution("H", members, ["object-1", "object-2"]) == contribution("H", turned, ["object-2", "object-1"])
