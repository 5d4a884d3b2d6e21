"""What a store promises of commits, words, joins, past and present, on every store."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import times
from graph.claims import Claim, Evidence, relation_fields
from graph.copying import copy
from graph.errors import DeadlineExceeded
from graph.store import Batch, Deadline, Scope, Store
from graph.verify import verify
from graph.view import view
from queries.lineage import lineage
from queries.recall import recall
from tests.networks import FEW, WAYS, Network, at, everything, example, ids_of, land, networks, rid


def test_as_of_each_commit_the_answers_are_those_given_then(store: Store) -> None:
    claims = example(3)
    given_then = []
    for number in range(0, len(claims), 9):
        land(store, claims[number : number + 9], load=f"load-{number}")
        seen = view(store)
        record = seen.resolve(claims[0].record)
        given_then.append((store.head(), record, lineage(seen, [record], "both")))
    for commit, record, answer in given_then:
        assert commit is not None
        again = lineage(view(store, as_of=commit.number), [record], "both")
        assert (again.records, again.relations, again.depth) == (answer.records, answer.relations, answer.depth)


def test_what_was_said_before_is_unchanged_and_writes_nothing(store: Store) -> None:
    claims = example(1)
    land(store, claims)
    head = store.head()
    [again] = land(store, claims[::-1], load="again")
    assert set(again.verdicts) == {"unchanged"}
    assert again.commit is None
    assert store.head() == head


def test_a_restatement_leaves_the_relations_as_they_are(store: Store) -> None:
    net = Network()
    net.step("S", 1, ["object/A"], ["object/B"], status="in_progress")
    land(store, net.claims)
    before = [row for row in store.projection() if row[0] == "edge"]
    more = Network()
    more.step("S", 1, status="completed")
    owner, input_again = relation_fields("INPUT_TO", rid("object", "A"), rid("event", "S"), {})
    more.claims.append(Claim("H", owner, {".name": "expansion", **input_again}, Evidence("line 9")))
    land(store, more.claims, load="more")
    assert [row for row in store.projection() if row[0] == "edge"] == before
    assert rid("object", "A") in lineage(view(store), [rid("object", "B")]).records


def test_the_later_word_of_a_steward_stands_whatever_came_first(store: Store, fresh: Callable[[], Store]) -> None:
    net = Network()
    for recorded, status in ((9, "completed"), (5, "failed"), (7, "aborted")):
        net.say("event", "S", "Step", recorded=recorded, status=status)
    land(store, net.claims)
    assert view(store).record(rid("event", "S")).value("status") == "completed"
    other = fresh()
    for number, claim in enumerate(reversed(net.claims)):
        land(other, [claim], load=str(number))
    assert view(other).record(rid("event", "S")).value("status") == "completed"
    head, last = store.head(), other.head()
    assert head is not None
    assert last is not None
    assert head.digest == last.digest


def test_verdicts_tell_what_a_claim_did(store: Store) -> None:
    net = Network()
    net.say("object", "A", "Material", recorded=5, name="one")
    net.say("object", "A", "Material", recorded=5, name="two")
    net.say("object", "A", "Material", recorded=6, name="three")
    net.say("object", "A", "Container", recorded=7)
    assert [land(store, [claim], load=str(n))[0].verdicts for n, claim in enumerate(net.claims)] == [
        ["added"],
        ["conflict"],
        ["changed"],
        ["conflict"],
    ]


def test_parties_that_disagree_are_both_kept_and_the_one_that_answers_comes_first(store: Store) -> None:
    net = Network()
    net.say("event", "X", "Handoff", steward="H", recorded=9, released_at=at(1), accepted_at=at(5))
    net.say("event", "X", "Handoff", steward="M", recorded=1, released_at=at(2), accepted_at=at(6))
    for steward in ("H", "M"):
        for type_, organization in (("FROM", "WARD"), ("TO", "M")):
            net.relate(type_, "event/X", f"organization/{organization}", steward=steward)
    net.relate("PART_OF", "organization/WARD", "organization/H", steward="H")
    land(store, net.claims)
    record = view(store).record(rid("event", "X"))
    assert record.value("released_at") == at(1)
    assert record.value("accepted_at") == at(6)
    assert [(d["field"], [v["steward"] for v in d["values"]]) for d in record.disagreements] == [
        ("accepted_at", ["M", "H"]),
        ("released_at", ["H", "M"]),
    ]


def test_a_retraction_is_not_walked_stays_in_history_and_no_late_copy_revives_it(store: Store) -> None:
    net = Network()
    net.step("S", 1, ["object/A"], ["object/B"], recorded=5)
    land(store, net.claims)
    gone = Network()
    gone.retract("event", "S", recorded=8)
    land(store, gone.claims, load="declaration")
    late = Network()
    late.say("event", "S", "Step", recorded=6, started_at=at(1), status="completed")
    land(store, late.claims, load="late")
    seen = view(store)
    assert rid("event", "S") not in lineage(seen, [rid("object", "B")]).records
    assert seen.record(rid("event", "S")).retracted
    assert len(seen.history([rid("event", "S")])) == len(net.claims) + 2
    assert rid("event", "S") in lineage(view(store, as_of=1), [rid("object", "B")]).records


def test_a_stub_is_told_as_such_until_somebody_claims_it(store: Store) -> None:
    net = Network()
    net.step("S", 1, ["object/A"], ["object/B"])
    land(store, net.claims)
    head = store.head()
    assert head is not None
    assert store.stubs(0, head.number) == 2
    assert view(store).record(rid("object", "A")).stub
    more = Network()
    more.material("A")
    land(store, more.claims, load="more")
    assert not view(store).record(rid("object", "A")).stub
    assert store.stubs(0, head.number) == 1
    joined = Network()
    joined.relate("SAME_AS", "object/A", "object/B")
    land(store, joined.claims, load="joined")
    assert not view(store).record(rid("object", "B")).stub
    assert store.stubs(0, head.number) == 0


def test_joined_ids_answer_as_one_record_and_fall_apart_when_the_join_is_retracted(store: Store) -> None:
    net = Network()
    net.material("A", name="bag")
    net.say("object", "B", "Material", status="released")
    net.relate("SAME_AS", "object/A", "object/B")
    net.step("S", 1, ["object/B"], ["object/C"])
    land(store, net.claims)
    smallest = min(rid("object", "A"), rid("object", "B"))
    for name in ("A", "B"):
        record = view(store).record(rid("object", name))
        assert (record.id, record.value("name"), record.value("status")) == (smallest, "bag", "released")
    assert rid("object", "C") in lineage(view(store), [rid("object", "A")], "down").records
    gone = Network()
    gone.relate("SAME_AS", "object/A", "object/B", retracted=True)
    gone.claims[-1].fields[f"SAME_AS {rid('object', 'B')} retracted"] = True
    land(store, gone.claims, load="gone")
    assert view(store).record(rid("object", "A")).value("status") is None
    assert rid("object", "C") not in lineage(view(store), [rid("object", "A")], "down").records


def test_identifiers_are_found_by_what_a_viewer_may_see(store: Store) -> None:
    net = Network()
    net.material("A")
    net.claims[-1].fields["is din:A999917123456"] = True
    land(store, net.claims)
    scope = everything(store)
    assert store.find(["din:A999917123456"], scope) == {"din:A999917123456": [rid("object", "A")]}
    assert store.find(["din:A999917123456"], Scope(scope.commit, frozenset(("B",)))) == {"din:A999917123456": []}


def test_relations_come_in_ascending_order(store: Store) -> None:
    claims = example(2)
    land(store, claims)
    for way in WAYS:
        found = store.neighbours(ids_of(claims), way, ("SUBJECT_OF", "OUTPUT", "INPUT_TO", "SAME_AS"), everything(store))
        assert [edge[:4] for edge in found] == sorted(edge[:4] for edge in found)
        assert len(found) == len(set(found)) > 20


def test_writers_at_the_same_time_both_land(store: Store) -> None:
    nets = [Network(), Network()]
    for number, net in enumerate(nets):
        for n in range(30):
            net.step(f"S{number}-{n}", n, [f"object/{number}-{n}"], [f"object/{number}-{n + 1}"], steward="HB"[number])
    failures: list[BaseException] = []

    def write(net: Network, name: str) -> None:
        try:
            land(store, net.claims, load=name, size=20)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(net, f"load-{n}")) for n, net in enumerate(nets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [commit.number for commit in store.commits()] == list(range(1, 11))
    assert verify(store).ok


def test_a_deadline_stops_the_work_in_the_store(store: Store) -> None:
    net = Network()
    for layer in range(30):
        for n in range(6):
            net.step(f"S{layer}-{n}", layer, [f"object/L{layer}-{m}" for m in range(6)], [f"object/L{layer + 1}-{n}"])
    land(store, net.claims)
    over = Deadline(30)
    over.cancel()
    with pytest.raises(DeadlineExceeded):
        store.reach([rid("object", "L30-0")], "up", Scope(everything(store).commit, None, over), 10_000)
    assert lineage(view(store, deadline=over), [rid("object", "L30-0")]).completeness.reasons == ("TIME",)
    assert len(store.reach([rid("object", "L30-0")], "up", everything(store), 10_000).walked) > 300


def test_rebuilding_makes_the_same_rows_again(store: Store) -> None:
    for seed in range(3):
        land(store, example(seed), load=str(seed))
    rows = list(store.projection())
    store.rebuild()
    assert list(store.projection()) == rows
    assert verify(store).ok


def test_a_copy_has_the_same_commits_digest_and_rows(store: Store, fresh: Callable[[], Store]) -> None:
    for seed in range(3):
        land(store, example(seed), load=str(seed))
    other = fresh()
    assert copy(store, other) == store.head()
    assert list(other.commits()) == list(store.commits())
    assert list(other.projection()) == list(store.projection())


@FEW
@given(claims=networks(), data=st.data())
def test_the_order_of_arrival_does_not_matter(claims: list[Claim], data: st.DataObject, fresh: Callable[[], Store]) -> None:
    moment = times.now()
    one, other = fresh(), fresh()
    land(one, claims, moment=moment)
    shuffled = data.draw(st.permutations(claims))
    cut = data.draw(st.integers(0, len(claims)))
    land(other, shuffled[:cut], moment=moment, load="first")
    land(other, shuffled[cut:], moment=moment, load="second")
    heads = [one.head(), other.head()]
    assert heads[0] is not None
    assert heads[1] is not None
    assert heads[0].digest == heads[1].digest


def test_an_open_load_is_told_until_it_is_closed(store: Store) -> None:
    net = Network()
    net.material("A")
    net.material("B")
    store.apply(Batch(net.claims[:1], "f", "0", "load", "key", times.now(), "tester"))
    assert [commit.load_id for commit in store.open_loads()] == ["load"]
    assert lineage(view(store), [rid("object", "A")]).completeness.reasons == ("LOAD_IN_PROGRESS",)
    store.apply(Batch(net.claims[1:], "f", "0", "load", "key", times.now(), "tester", opened=True, closes=True))
    assert store.open_loads() == []
    assert lineage(view(store), [rid("object", "A")]).completeness.whole


def test_as_of_a_commit_amid_a_load_the_answer_is_still_told_to_be_partial(store: Store) -> None:
    net = Network()
    for name in "ABC":
        net.material(name)
    land(store, net.claims, size=1)
    reasons = [lineage(view(store, as_of=number), [rid("object", "A")]).completeness.reasons for number in (1, 2, 3)]
    assert reasons == [("LOAD_IN_PROGRESS",), ("LOAD_IN_PROGRESS",), ()]
    assert recall(view(store, as_of=1), [rid("object", "A")]).reached is None


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (True, 1)])
def test_values_that_only_python_holds_equal_stand_alike_in_either_order(
    store: Store, fresh: Callable[[], Store], one: Any, other: Any
) -> None:
    moment = times.now()
    digests = []
    for graph, values in ((store, (one, other)), (fresh(), (other, one))):
        for number, value in enumerate(values):
            net = Network()
            net.say("object", "A", "Material", recorded=5, **{"x:n": value})
            land(graph, net.claims, load=str(number), moment=moment)
        head = graph.head()
        assert head is not None
        digests.append(head.digest)
    assert digests[0] == digests[1]


def test_each_claim_of_a_commit_of_several_files_names_its_own(store: Store, fresh: Callable[[], Store]) -> None:
    claims = example(1)
    for number, claim in enumerate(claims):
        claim.evidence = Evidence(f"line {number}", source=number % 2)
    store.apply(Batch(claims, "step.csv\ninput_to.csv", "0\n1", "load", "load", times.now(), "tester", closes=True))
    other = fresh()
    copy(store, other)
    for each in (store, other):
        entries = view(each).history(sorted({claim.record for claim in claims}))
        told = {entry.claim.claim.evidence.at: entry.source for entry in entries}
        assert told == {f"line {n}": ("step.csv", "input_to.csv")[n % 2] for n in range(len(claims))}
        assert verify(each).ok


def test_meanwhile_is_called_once_and_the_batch_lands_even_if_it_raises(store: Store) -> None:
    called = []

    def broken() -> None:
        called.append(1)
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        store.apply(Batch(example(1), "net", "0" * 64, "load", "load", times.now(), "tester", closes=True), broken)
    head = store.head()
    assert called == [1]
    assert head is not None
    assert head.number == 1
    assert verify(store).ok
