"""What a store promises, held against an independent oracle, on every engine."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph import times, walk
from graph.claims import Claim
from graph.copying import copy
from graph.errors import DeadlineExceeded
from graph.store import Deadline, Scope, Store
from graph.verify import verify
from graph.view import view
from queries.lineage import lineage
from tests.contract.oracle import ALWAYS, NEVER, Facts
from tests.networks import Network, at, land, networks, rid

WAYS = ("up", "down")
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def everything(store: Store) -> Scope:
    """All claims, now."""
    head = store.head()
    return Scope(head.number if head else 0)


def ids_of(claims: list[Claim]) -> list[str]:
    """Every id that claims use."""
    return sorted({record for claim in claims for record in claim.names})


def test_a_chain_of_sixty_steps_is_walked_to_its_end(store: Store) -> None:
    net = Network()
    for n in range(60):
        net.step(f"S{n}", n, [f"object/M{n}"], [f"object/M{n + 1}"])
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "M60")])
    assert found.completeness.total == 121
    assert found.completeness.depth_reached == 60
    shallow = lineage(view(store), [rid("object", "M60")], depth=3)
    assert (shallow.completeness.total, shallow.completeness.reasons) == (7, ("DEPTH",))


def test_a_dense_diamond_is_walked_once_a_node(store: Store) -> None:
    net = Network()
    layers, width = 8, 4
    for layer in range(layers):
        inputs = [f"object/L{layer}-{n}" for n in range(width)]
        outputs = [f"object/L{layer + 1}-{n}" for n in range(width)]
        for n in range(width):
            net.step(f"S{layer}-{n}", layer, inputs, [outputs[n]])
    land(store, net.claims)
    found = store.reach([rid("object", f"L{layers}-0")], "up", everything(store), 10_000)
    assert len(found.walked) == layers * width + (layers - 1) * width + 1 + 1
    assert len(found.edges) == len(set(found.edges))


def test_a_cycle_is_walked_once(store: Store) -> None:
    net = Network()
    net.step("S1", 1, ["object/A"], ["object/B"])
    net.step("S2", 2, ["object/B"], ["object/A"])
    land(store, net.claims)
    for name in ("A", "B"):
        for way in WAYS:
            assert lineage(view(store), [rid("object", name)], way).completeness.total == 4


def test_a_person_ends_the_walk_unless_it_is_the_root(store: Store) -> None:
    net = Network()
    net.step("earlier", 1, ["object/OLD"], ["person/P"])
    net.step("collect", 2, ["person/P"], ["object/A"])
    land(store, net.claims)
    assert rid("object", "OLD") not in lineage(view(store), [rid("object", "A")]).records
    assert rid("object", "OLD") in lineage(view(store), [rid("person", "P")]).records


def test_too_many_records_are_told_as_a_limit(store: Store) -> None:
    net = Network()
    for n in range(20):
        net.step(f"S{n}", n, [f"object/M{n}"], [f"object/M{n + 1}"])
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "M20")], limit=10)
    assert found.completeness.truncated
    assert found.completeness.reasons == ("RECORDS",)


@FEW
@given(data=st.data(), claims=networks())
def test_the_walk_is_reachability_and_the_stores_shortcut_equals_it(
    data: st.DataObject, claims: list[Claim], fresh: Callable[[], Store]
) -> None:
    _walk_is_reachability(fresh(), claims, data.draw(st.sampled_from(WAYS)), data.draw(st.sampled_from([None, "H", "B"])))


@pytest.mark.parametrize("seed", range(6))
def test_the_walk_is_reachability_on_every_store(store: Store, seed: int) -> None:
    claims = _example(seed)
    for steward in (None, "H"):
        _walk_is_reachability(store, claims, WAYS[seed % 2], steward)


def _example(seed: int) -> list[Claim]:
    """A network that is the same at every run."""
    import random

    draw = random.Random(seed)
    net = Network()
    for n in range(12):
        ends = [draw.choice([f"object/M{draw.randrange(6)}", f"object/M{draw.randrange(6)}", "person/P"]) for _ in range(4)]
        net.step(f"S{n}", draw.randrange(10), sorted(set(ends[:2])), sorted(set(ends[2:])), steward=draw.choice("HB"))
    for n in range(8):
        contents = draw.sample(["M0", "M1", "M2", "C1", "C2"], draw.randrange(3))
        net.pack(f"K{n}", draw.choice([None, *range(10)]), draw.choice(["C0", "C1"]), contents, out=draw.random() < 0.5)
    net.relate("SAME_AS", "object/M1", "object/M5", steward=draw.choice("HB"))
    return net.claims


def _walk_is_reachability(store: Store, claims: list[Claim], way: str, steward: str | None) -> None:
    moment = times.now()
    if store.head() is None:
        half = len(claims) // 2
        for number, part in enumerate((claims[:half], claims[half:])):
            land(store, part, moment=moment, load=str(number))
    stewards = None if steward is None else frozenset((steward,))
    scope = Scope(everything(store).commit, stewards)
    facts = Facts(claims, moment, None if steward is None else {steward})
    for record in ids_of(claims):
        found = store.reach([record], way, scope, 10_000)  # type: ignore[arg-type]
        reference = walk.reach(store, [record], way, scope, 10_000)  # type: ignore[arg-type]
        assert found.walked == reference.walked
        assert set(found.edges) == set(reference.edges)
        assert {facts.named(r) for r in found.walked} == facts.walked(facts.named(record), way)


@FEW
@given(claims=networks())
def test_containment_is_what_a_brute_force_reading_finds(claims: list[Claim], fresh: Callable[[], Store]) -> None:
    _containment_is_brute_force(fresh(), claims)


@pytest.mark.parametrize("seed", range(4))
def test_containment_is_the_same_on_every_store(store: Store, seed: int) -> None:
    _containment_is_brute_force(store, _example(seed))


def _containment_is_brute_force(store: Store, claims: list[Claim]) -> None:
    moment = times.now()
    land(store, claims, moment=moment)
    facts = Facts(claims, moment)
    seen = view(store)
    for record in sorted({facts.named(r) for r in ids_of(claims) if r.startswith("object-")}):
        found = lineage(seen, [record])
        stays = {
            (r.target, NEVER if r.start is None else r.start, ALWAYS if r.end is None else r.end)
            for r in found.relations
            if r.type == "CONTAINED_IN" and r.source == record
        }
        assert stays == {stay for stay in facts.stays(record) if stay[1] < stay[2]}


@FEW
@given(claims=networks())
def test_down_is_the_exact_mirror_of_up(claims: list[Claim], fresh: Callable[[], Store]) -> None:
    store = fresh()
    land(store, claims)
    seen = view(store)
    records = sorted({record for text in ids_of(claims) for record in seen.find(text)})
    up, down = ({record: set(lineage(seen, [record], way).records) for record in records} for way in WAYS)  # type: ignore[arg-type]
    for one in records:
        assert {other for other in records if other in down[one]} == {other for other in records if one in up[other]}


def test_a_late_packing_puts_its_content_inside(store: Store) -> None:
    net = Network()
    net.material("A")
    net.act("ship", 5, "BOX")
    net.pack("unpack", 9, "BOX", ["A"], out=True)
    land(store, net.claims)
    before = lineage(view(store), [rid("object", "A")])
    assert rid("event", "ship") in before.records
    late = Network()
    late.pack("pack", 7, "BOX", ["A"])
    land(store, late.claims, load="late")
    assert rid("event", "ship") not in lineage(view(store), [rid("object", "A")]).records
    assert rid("event", "ship") in lineage(view(store, as_of=1), [rid("object", "A")]).records


def test_an_unpacking_of_another_content_does_not_end_a_stay(store: Store) -> None:
    net = Network()
    net.pack("pack", 1, "BOX", ["A", "B"])
    net.pack("unpack-b", 2, "BOX", ["B"], out=True)
    net.act("ship", 3, "BOX")
    net.pack("unpack-a", 4, "BOX", ["A"], out=True)
    net.act("later", 5, "BOX")
    land(store, net.claims)
    events = {
        name for name in ("ship", "later", "unpack-b") if rid("event", name) in lineage(view(store), [rid("object", "A")]).records
    }
    assert events == {"ship", "unpack-b"}


def test_nested_containers_share_what_happened_while_inside(store: Store) -> None:
    net = Network()
    net.pack("in-rack", 1, "RACK", ["BAG"])
    net.act("before", 2, "DEWAR")
    net.pack("in-dewar", 3, "DEWAR", ["RACK"])
    net.act("during", 4, "DEWAR")
    net.pack("emptied", 5, "DEWAR", [], out=True)
    net.act("after", 6, "DEWAR")
    net.pack("out-rack", 7, "RACK", ["BAG"], out=True)
    land(store, net.claims)
    found = lineage(view(store), [rid("object", "BAG")]).records
    assert {n for n in ("before", "during", "emptied", "after") if rid("event", n) in found} == {"during", "emptied"}
    assert rid("object", "BAG") in lineage(view(store), [rid("object", "DEWAR")]).records


def test_as_of_each_commit_the_answers_are_those_given_then(store: Store) -> None:
    claims = _example(3)
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
    claims = _example(1)
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
    claims = _example(2)
    land(store, claims)
    for way in WAYS:
        found = store.neighbours(ids_of(claims), way, ("SUBJECT_OF", "OUTPUT", "INPUT_TO", "SAME_AS"), everything(store))  # type: ignore[arg-type]
        assert [edge[:4] for edge in found] == sorted(edge[:4] for edge in found)
        assert len(found) == len(set(found)) > 20


def test_a_period_leaves_out_only_what_cannot_have_happened_in_it(store: Store) -> None:
    claims = _example(5)
    land(store, claims)
    objects = [record for record in ids_of(claims) if record.startswith("object-")]
    whole = set(store.neighbours(objects, "down", ("SUBJECT_OF",), everything(store)))
    first, last = times.span(at(3))[0], times.span(at(5))[0]
    part = set(store.neighbours(objects, "down", ("SUBJECT_OF",), everything(store), (first, last)))
    assert part <= whole
    spans = {record: view(store).record(record).span for record in {edge.target for edge in whole}}
    for edge in whole - part:
        span = spans[edge.target]
        assert edge.role != "content"
        assert span is not None
        assert span[1] < first or span[0] > last


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
        land(store, _example(seed), load=str(seed))
    rows = list(store.projection())
    store.rebuild()
    assert list(store.projection()) == rows
    assert verify(store).ok


def test_a_copy_has_the_same_commits_digest_and_rows(store: Store, fresh: Callable[[], Store]) -> None:
    for seed in range(3):
        land(store, _example(seed), load=str(seed))
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
    from graph.store import Batch

    store.apply(Batch(net.claims[:1], "f", "0", "load", "key", times.now(), "tester"))
    assert [commit.load_id for commit in store.open_loads()] == ["load"]
    assert lineage(view(store), [rid("object", "A")]).completeness.reasons == ("LOAD_IN_PROGRESS",)
    store.apply(Batch(net.claims[1:], "f", "0", "load", "key", times.now(), "tester", opened=True, closes=True))
    assert store.open_loads() == []
    assert lineage(view(store), [rid("object", "A")]).completeness.whole
