"""Hints narrow what is read and save what need not be computed again; they never change what is shown, whoever looks, whenever."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.claims import Claim, Evidence
from graph.record import EVENT_TIMES, event_span
from graph.sqlite_hints import _OF_TIME
from graph.sqlite_store import SqliteStore
from graph.view import view
from queries.lineage import lineage
from tests.networks import Network, land, rid

BAG = rid("object", "BAG")
EVENTS = {rid("event", name): f"local:{name}@NET" for name in ("E1", "E2", "E3")}
MOMENTS = ("2024-01-01T08:00:00Z", "2024-01-01T09:00:00Z", "2024-01-02")


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:", create=True)
    yield opened
    opened.close()


@st.composite
def words(draw: st.DrawFn) -> Claim:
    """Something that one of two stewards says of one of three events."""
    record = draw(st.sampled_from(sorted(EVENTS)))
    names: dict[str, str | None] = {record: EVENTS[record], BAG: "local:BAG@NET"}
    fields: dict[str, object] = {"kind": "Step", f"SUBJECT_OF {BAG}": True}
    fields |= {path: draw(st.sampled_from(MOMENTS)) for path in (".started_at", ".ended_at") if draw(st.booleans())}
    if draw(st.integers(0, 5)) == 0:
        fields["retracted"] = draw(st.booleans())
    if draw(st.integers(0, 7)) == 0:
        other = draw(st.sampled_from(sorted(EVENTS.keys() - {record})))
        fields[f"SAME_AS {other}"] = True
        names[other] = EVENTS[other]
    return Claim(draw(st.sampled_from("AB")), record, fields, Evidence("line 2"), draw(st.integers(1, 4)), names)


@settings(max_examples=150, deadline=None)
@given(commits=st.lists(st.lists(words(), min_size=1, max_size=3), min_size=1, max_size=4))
def test_an_event_is_shown_with_the_span_of_the_words_on_it(commits: list[list[Claim]]) -> None:
    store = SqliteStore(":memory:", create=True)
    for number, claims in enumerate(commits):
        land(store, claims, load=str(number))
    head = store.head()
    assert head is not None
    asked = [(None, number) for number in range(1, head.number + 1)] + [("A", None), ("B", None)]
    for viewer, as_of in asked:
        found = lineage(view(store, viewer, as_of), [BAG])
        for record in found.records.values():
            assert record.span == event_span(*record.words.values()), (viewer, as_of, record.id)
    store.close()


def test_a_span_that_everybody_gives_comes_with_the_words(store: SqliteStore) -> None:
    net = Network()
    net.say("event", "E1", "Step", started_at=MOMENTS[0])
    net.say("event", "E1", "Step", started_at=MOMENTS[0], steward="B")
    net.say("event", "E2", "Step", started_at=MOMENTS[0])
    net.say("event", "E2", "Step", started_at=MOMENTS[1], steward="B")
    net.say("event", "E3", "Step")
    for name in ("E1", "E2", "E3"):
        net.relate("SUBJECT_OF", "object/BAG", f"event/{name}")
    land(store, net.claims)
    told = {state.record: state.span for state in view(store).around([BAG]).told.states}
    span = event_span({".started_at": MOMENTS[0]})
    assert [told[rid("event", name)] for name in ("E1", "E2", "E3")] == [span, None, None]


def test_every_claim_on_a_time_is_known_by_its_text() -> None:
    for path in EVENT_TIMES:
        claim = Claim("A", BAG, {path: MOMENTS[0]}, Evidence("line 2"))
        assert _OF_TIME in claim.body()
