"""From claims to verdicts, rows and a chained commit: what both stores write down is decided here, once."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from graph import times
from graph.claims import Claim, Evidence
from graph.sqlite_store import SqliteStore
from graph.store import Batch, Commit, Store
from graph.verify import verify
from tests.networks import Network, land, rid

EMPTY = "0" * 64


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty graph in memory."""
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


def head(store: Store) -> Commit:
    """The newest commit, which must exist."""
    found = store.head()
    assert found is not None
    return found


def event(steward: str, name: str, event_id: str) -> Claim:
    """A claim of an event with an eventID, which is a label and may repeat."""
    record = rid("event", name)
    fields = {"kind": "Step", f"is event_id:{event_id}": True}
    return Claim(steward, record, fields, Evidence("line 1", event_id, name), 5, {record: None})


def test_commits_are_numbered_chained_and_each_later_than_the_one_before(store: Store) -> None:
    for name in "ABC":
        net = Network()
        net.material(name)
        land(store, net.claims, load=name, moment=5)
    commits = list(store.commits())
    assert [commit.number for commit in commits] == [1, 2, 3]
    assert [commit.previous for commit in commits] == ["", commits[0].hash, commits[1].hash]
    assert [commit.time for commit in commits] == sorted({commit.time for commit in commits})
    assert all(commit.hash == commit.computed_hash() for commit in commits)


@pytest.mark.parametrize(
    "change", [{"author": "x"}, {"time": 1}, {"digest": EMPTY}, {"closes": False}, {"source": "x"}, {"claims": 9}]
)
def test_the_hash_of_a_commit_covers_every_field(store: Store, change: dict[str, object]) -> None:
    net = Network()
    net.material("A")
    land(store, net.claims)
    assert replace(head(store), **change).computed_hash() != head(store).hash  # type: ignore[arg-type]


def test_an_empty_batch_makes_no_commit_unless_it_has_to_close_its_load(store: Store) -> None:
    batch = Batch([], "f", EMPTY, "load", "key", times.now(), "tester")
    assert store.apply(batch).commit is None
    assert store.apply(replace(batch, closes=True)).commit is None
    assert store.apply(replace(batch, opened=True, closes=True)).commit is not None


def test_a_claim_said_twice_in_one_batch_is_written_once(store: Store) -> None:
    net = Network()
    net.material("A")
    net.material("A")
    [applied] = land(store, net.claims)
    assert applied.verdicts == ["added", "unchanged"]
    assert head(store).claims == 1


def test_what_another_steward_says_is_added_and_changes_nobodys_word(store: Store) -> None:
    net = Network()
    net.material("A", name="one", steward="H", recorded=5)
    net.material("A", name="two", steward="B", recorded=5)
    [applied] = land(store, net.claims)
    assert applied.verdicts == ["added", "added"]


def test_one_event_id_with_two_contents_is_a_conflict_of_its_steward_alone(store: Store) -> None:
    [first] = land(store, [event("H", "E1", "urn:1")], load="1")
    [other] = land(store, [event("B", "E2", "urn:1")], load="2")
    [again] = land(store, [event("H", "E3", "urn:1"), event("H", "E4", "urn:2")], load="3")
    assert (first.verdicts, other.verdicts, again.verdicts) == (["added"], ["added"], ["conflict", "added"])


def test_a_new_date_for_an_old_word_is_logged_but_changes_no_digest(store: Store) -> None:
    for recorded in (5, 9):
        net = Network()
        net.material("A", name="bag", recorded=recorded)
        land(store, net.claims, load=str(recorded))
    first, second = store.commits()
    assert first.digest == second.digest
    assert second.claims == 1


def test_taking_a_word_back_and_giving_it_again_leads_back_to_its_digest(store: Store) -> None:
    net = Network()
    net.material("A", name="bag", recorded=5)
    net.relate("SAME_AS", "object/A", "object/B", recorded=5)
    land(store, net.claims, load="1")
    digests = [head(store).digest]
    for recorded, gone in ((6, True), (7, False)):
        record = rid("object", "A")
        land(store, [Claim("H", record, {"retracted": gone}, Evidence("line 1"), recorded, {record: None})], load=str(recorded))
        digests.append(head(store).digest)
    assert digests[0] != digests[1]
    assert verify(store).ok


def test_a_join_changes_the_digest_of_those_joined_and_its_retraction_gives_it_back(store: Store) -> None:
    net = Network()
    net.material("A", name="a", recorded=5)
    net.material("B", name="b", recorded=5)
    land(store, net.claims, load="1")
    joined, parted = Network(), Network()
    joined.relate("SAME_AS", "object/A", "object/B", steward="J", recorded=5)
    land(store, joined.claims, load="2")
    parted.retract("object", "A", steward="J", recorded=6)
    land(store, parted.claims, load="3")
    without = SqliteStore(":memory:")
    land(without, [*net.claims, *parted.claims, *joined.claims])
    assert head(without).digest == head(store).digest
    assert len({commit.digest for commit in store.commits()}) == 3
    assert verify(store).ok
    without.close()
