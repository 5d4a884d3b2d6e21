"""The Neo4j store answers every primitive as SQLite does, shows the present in plain sight, and stops when told to."""

import random
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from graph import neo4j_cypher as q
from graph import times, walk
from graph.claims import Claim, Edge
from graph.copying import copy
from graph.errors import DeadlineExceeded, SchemaTooNew, StoreUnavailable
from graph.model import RELATIONS
from graph.neo4j_store import Neo4jStore
from graph.replay import with_claims
from graph.sqlite_store import SqliteStore
from graph.store import SCHEMA_VERSION, Batch, Deadline, Direction, Scope, Store
from tests.networks import BASE, HOUR, Network, at, land, rid

pytestmark = pytest.mark.neo4j
WAYS: tuple[Direction, ...] = ("up", "down")
ENDLESS = "UNWIND range(1, 1000000000) AS a UNWIND range(1, 1000000000) AS b WITH b WHERE b % 7 = 8 RETURN count(b)"


@pytest.fixture
def store(clean_neo4j: str) -> Iterator[Neo4jStore]:
    """An empty graph on Neo4j; whatever a test did to it is gone after."""
    opened = Neo4jStore(clean_neo4j, create=True)
    yield opened
    ask(opened, "MATCH (n) DETACH DELETE n")
    opened.close()


def ask(store: Neo4jStore, cypher: str, **parameters: Any) -> list[list[Any]]:
    """What somebody with Bolt credentials reads."""
    with store._driver.session() as session:
        return session.run(cypher, **parameters).values()


def now(store: Store, *stewards: str) -> Scope:
    """The newest commit, for all or some stewards."""
    head = store.head()
    return Scope(head.number if head else 0, frozenset(stewards) or None)


def told(seed: int) -> list[list[Claim]]:
    """The claims of a few loads: making, acting, packing, persons, joins, corrections, retractions by two stewards."""
    draw = random.Random(seed)
    things = [*(f"object/M{n}" for n in range(7)), "person/P", "person/Q"]
    loads = []
    for load in range(4):
        net = Network()
        for _ in range(8):
            steward, recorded = draw.choice("HB"), draw.choice([None, 5, 9])
            name = f"S{draw.randrange(7)}"
            inputs, outputs = draw.sample(things, draw.randrange(3)), draw.sample(things, draw.randrange(3))
            net.step(name, draw.choice([None, 1, 5, 9]), inputs, outputs, steward=steward, recorded=recorded)
            if outputs and draw.random() < 0.3:
                net.relate("OUTPUT", f"event/{name}", outputs[0], steward=steward, recorded=11, retracted=True)
            if inputs:
                net.relate("INPUT_TO", inputs[0], f"event/{name}", steward=steward, quantity=draw.randrange(1, 4), unit="mL")
        net.material(f"M{load}", steward=draw.choice("HB"), type=draw.choice(["dose", "sample"]), name=draw.choice("xyz"))
        net.pack(f"K{load}", draw.choice([None, 3]), "C", [f"M{draw.randrange(7)}"], out=draw.random() < 0.5, steward="B")
        net.relate("PERFORMED_BY", f"event/S{load}", f"organization/O{draw.randrange(2)}", steward=draw.choice("HB"))
        one, other = draw.sample(range(7), 2)
        net.relate("SAME_AS", f"object/M{one}", f"object/M{other}", steward="H", recorded=3 + load)
        if load > 1:
            net.relate("SAME_AS", f"object/M{one}", f"object/M{other}", steward="H", recorded=20, retracted=True)
            net.retract("event", f"S{draw.randrange(7)}", steward=draw.choice("HB"))
            net.relate("SAME_AS", "person/P", "person/Q", steward="B")
        label = net.claims[draw.randrange(len(net.claims))]
        label.fields[f"is label:{draw.choice(['a', 'b', chr(0xFFFD), chr(0x1F9EC)])}"] = True
        loads.append(net.claims)
    return loads


def filled(seed: int, store: Neo4jStore) -> SqliteStore:
    """The same loads in both stores, by way of a copy."""
    other = SqliteStore(":memory:")
    for number, claims in enumerate(told(seed)):
        land(other, claims, load=f"L{number}", size=20)
    copy(other, store)
    return other


# -- the same answers


@pytest.mark.parametrize("seed", range(4))
def test_every_primitive_answers_as_sqlite_does_at_every_commit_for_every_viewer(store: Neo4jStore, seed: int) -> None:
    other = filled(seed, store)
    head = other.head()
    assert head is not None
    assert store.head() == head
    ids = sorted({record for entry in other.claims() for record in entry.claim.names})
    texts = ["label:a", "label:b", f"label:{chr(0x1F9EC)}", "label:none"]
    for commit in range(head.number + 1):
        for stewards in (None, frozenset("H"), frozenset("BH"), frozenset(["nobody"])):
            scope = Scope(commit, stewards)
            assert _reads(store, ids, texts, scope) == _reads(other, ids, texts, scope)
        assert store.stubs(0, commit) == other.stubs(0, commit)
        assert list(store.claims(commit)) == list(other.claims(commit))
        assert list(store.commits(commit)) == list(other.commits(commit))


def _reads(store: Store, ids: list[str], texts: list[str], scope: Scope) -> list[Any]:
    return [
        store.get(ids, scope),
        store.known(ids, scope),
        store.find(texts, scope),
        store.history(ids[:5], scope),
        store.stewards(scope),
        store.visible_commits(scope),
        store.last_commit(scope),
        *(store.neighbours(ids, way, types, scope) for way in WAYS for types in (list(RELATIONS), ["SAME_AS"])),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_walk_equals_the_reference_at_every_commit_for_every_viewer(store: Neo4jStore, seed: int) -> None:
    other = filled(seed, store)
    head = other.head()
    assert head is not None
    ids = sorted({record for entry in other.claims() for record in entry.claim.names})
    draw = random.Random(seed)
    for commit in range(0, head.number + 1, 2):
        for scope in (Scope(commit), Scope(commit, frozenset("H"))):
            roots = [[draw.choice(ids)], [rid("person", "P")], draw.sample(ids, 5), ids]
            for asked in roots:
                for way in WAYS:
                    _same_walk(store.reach(asked, way, scope, 1000), walk.reach(other, asked, way, scope, 1000))


def _same_walk(found: Any, right: Any) -> None:
    assert found.walked == right.walked
    assert sorted(found.edges) == sorted(right.edges)
    assert found.stopped == right.stopped


def test_many_starts_are_walked_as_one_by_one(store: Neo4jStore) -> None:
    net = Network()
    starts = [net.material(f"M{n}") for n in range(40)]
    for n in range(40):
        net.step(f"S{n}", n, [f"object/M{n}"], [f"object/N{n // 2}", "person/P"])
        net.step(f"T{n}", n, [f"object/N{n // 2}"], [f"object/M{(n + 7) % 40}"])
    land(store, net.claims)
    together = store.reach(starts, "down", now(store), 1000)
    single = [store.reach([start], "down", now(store), 1000) for start in starts]
    assert together.walked == set().union(*(found.walked for found in single))
    assert set(together.edges) == set().union(*(found.edges for found in single))
    assert store.reach(starts, "down", now(store), 50).stopped == {"RECORDS"}
    few = store.reach(starts[:10], "down", now(store), len(together.walked))
    assert few.stopped == frozenset()
    assert few.walked == set().union(*(found.walked for found in single[:10]))


def test_every_row_that_stands_or_stood_is_told_in_the_same_order(store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> None:
    other = filled(7, store)
    rows = list(other.projection())
    assert list(store.projection()) == rows
    monkeypatch.setattr("graph.neo4j_store._PAGE", 3)
    assert list(store.projection()) == rows
    assert list(store.claims()) == list(other.claims())


def test_a_load_makes_the_same_commits_digest_and_verdicts_on_both(store: Neo4jStore) -> None:
    other = SqliteStore(":memory:")
    for number, claims in enumerate(told(3)):
        one, two = (land(each, claims, load=str(number), moment=1 + number) for each in (store, other))
        assert [each.verdicts for each in one] == [each.verdicts for each in two]
        assert [each.commit.digest for each in one if each.commit] == [each.commit.digest for each in two if each.commit]
    again = land(store, told(3)[0], load="again", moment=1)
    assert {verdict for each in again for verdict in each.verdicts} == {"unchanged"}


def test_acts_of_containers_that_cannot_have_been_in_the_period_are_not_sent(store: Neo4jStore) -> None:
    net = Network()
    for n in range(6):
        net.act(f"A{n}", n if n < 5 else None, "C")
    net.say("event", "A1", "Step", steward="B", started_at=at(50))
    land(store, net.claims)
    period = (BASE + 3 * HOUR, BASE + 60 * HOUR)
    found = store.around([rid("object", "C")], now(store), period)
    assert {edge.target for edge in found.edges} == {rid("event", f"A{n}") for n in (1, 3, 4, 5)}


# -- the present in plain sight


def test_a_record_is_one_node_labelled_by_kind_with_its_values(store: Neo4jStore) -> None:
    net = Network()
    net.material("M", type="dose", name="a dose", quantity=5)
    net.step("S", 1, ["object/M"])
    land(store, net.claims)
    assert ask(store, "MATCH (m:Material:Record)-[:INPUT_TO]->(s:Step) RETURN m.name, m.type, m.quantity, s.started_at") == [
        ["a dose", "dose", 5, at(1)]
    ]


def test_properties_show_the_smallest_steward_that_says_one_and_vanish_when_taken_back(store: Neo4jStore) -> None:
    net = Network()
    net.material("M", steward="H", name="theirs", type="dose")
    net.material("M", steward="B", name="ours")
    land(store, net.claims)
    shown = "MATCH (m:Record {id: $id}) RETURN m.name, m.type, m:Material"
    assert ask(store, shown, id=rid("object", "M")) == [["ours", "dose", True]]
    for steward, left in (("H", ["ours", None, True]), ("B", [None, None, False])):
        net = Network()
        net.retract("object", "M", steward=steward)
        land(store, net.claims, load=steward)
        assert ask(store, shown, id=rid("object", "M")) == [left]


def test_every_word_on_a_field_is_shown_while_stewards_say_different_things(store: Neo4jStore) -> None:
    net = Network()
    net.material("M", steward="H", name="theirs", type="dose", quantity=5, expires_at="2024-05-01T10:00Z", recorded=1)
    net.material("M", steward="B", name="ours", type="dose", quantity=4, expires_at="2024-05-01T12:00+02:00")
    net.relate("FOR_EPISODE", "object/M", "episode/E", steward="B")
    net.relate("FOR_EPISODE", "object/M", "episode/F", steward="H", recorded=1)
    land(store, net.claims)
    shown = "MATCH (m:Record {id: $id}) RETURN m.disagreements"
    name = ["name: B says ours", "name: H says theirs"]
    assert ask(store, shown, id=rid("object", "M")) == [[[*name, "quantity: B says 4", "quantity: H says 5"]]]
    agreed = Network()
    agreed.material("M", steward="H", quantity=4, recorded=2)
    land(store, agreed.claims, load="2")
    assert ask(store, shown, id=rid("object", "M")) == [[name]]
    gone = Network()
    gone.retract("object", "M", steward="H")
    land(store, gone.claims, load="3")
    assert ask(store, shown, id=rid("object", "M")) == [[None]]


def test_a_commit_shows_its_time_author_and_source(store: Neo4jStore) -> None:
    net = Network()
    net.material("M")
    land(store, net.claims)
    [commit] = store.commits()
    told = [times.iso(commit.time), commit.author, commit.source]
    assert ask(store, "MATCH (c:_Commit) RETURN c.time, c.author, c.source") == [told]


def test_a_kind_that_is_corrected_changes_the_label(store: Neo4jStore) -> None:
    net = Network()
    net.say("object", "X", "Material", recorded=1)
    land(store, net.claims)
    net.claims.clear()
    net.say("object", "X", "Container", recorded=2)
    land(store, net.claims, load="2")
    assert ask(store, "MATCH (n:Record {id: $id}) RETURN labels(n)", id=rid("object", "X")) == [[["Record", "Container"]]]


def test_a_record_is_found_by_its_key_without_reading_all(store: Neo4jStore) -> None:
    with store._driver.session() as session:
        plan = session.run("EXPLAIN MATCH (n:Record {key: $key}) RETURN n", key="local:M1@NET").consume().plan
    assert "NodeIndexSeek" in set(_operators(plan))


def test_a_stub_has_no_kind_label(store: Neo4jStore) -> None:
    net = Network()
    net.step("S", 1, ["object/M"])
    land(store, net.claims)
    assert ask(store, "MATCH (n:Record {id: $id}) RETURN labels(n)", id=rid("object", "M")) == [[["Record"]]]


def test_what_no_longer_stands_is_retyped_so_that_the_present_needs_no_condition(store: Neo4jStore) -> None:
    net = Network()
    net.step("S", 1, ["object/M", "object/N"])
    land(store, net.claims)
    net.claims.clear()
    net.relate("INPUT_TO", "object/M", "event/S", retracted=True)
    land(store, net.claims, load="2")
    assert ask(store, "MATCH (m)-[:INPUT_TO]->(:Step) RETURN m.id") == [[rid("object", "N")]]
    assert ask(store, "MATCH (m)-[r:WAS_INPUT_TO]->(:Step) RETURN m.id, r.since, r.until") == [[rid("object", "M"), 1, 2]]
    assert {edge.source for edge in store.neighbours([rid("event", "S")], "up", ["INPUT_TO"], Scope(1))} == {
        rid("object", "M"),
        rid("object", "N"),
    }


def test_same_as_stands_in_both_directions_and_is_told_as_stated(store: Neo4jStore) -> None:
    net = Network()
    net.relate("SAME_AS", "object/Z", "object/A")
    land(store, net.claims)
    ends = {rid("object", "Z"), rid("object", "A")}
    assert {tuple(row) for row in ask(store, "MATCH (a)-[:SAME_AS]->(b) RETURN a.id, b.id")} == {
        (one, other) for one in ends for other in ends - {one}
    }
    stated = [Edge("SAME_AS", rid("object", "Z"), rid("object", "A"), "H")]
    assert [store.neighbours([end], way, ["SAME_AS"], now(store)) for end in ends for way in WAYS] == [stated] * 4


def test_a_value_that_neo4j_has_no_type_for_is_shown_as_text(store: Neo4jStore) -> None:
    net = Network()
    net.material("M")
    net.claims[0].fields |= {".x:big": 2**63, ".x:list": [1, "a"]}
    land(store, net.claims)
    assert ask(store, "MATCH (m:Material) RETURN m.`x:big`, m.`x:list`") == [[str(2**63), '[1,"a"]']]
    assert store.get([rid("object", "M")], now(store))[0].standing.fields[".x:big"] == 2**63


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("restricted", [False, True])
def test_the_walk_is_pruned_breadth_first(store: Neo4jStore, past: bool, restricted: bool) -> None:
    statement = f"EXPLAIN {q.reach(True, past, restricted)}"
    with store._driver.session() as session:
        plan = session.run(statement, ids=["x", "y"], limit=5, ahead=5, commit=1, stewards=["H"]).consume().plan
    assert "VarLengthExpand(Pruning,BFS,All)" in set(_operators(plan))


def _operators(plan: Any) -> Iterator[str]:
    yield plan["operatorType"].partition("@")[0]
    for part in plan.get("children", ()):
        yield from _operators(part)


# -- stopping


def test_a_cancelled_read_is_stopped_in_the_server(store: Neo4jStore) -> None:
    deadline = Deadline(60)
    threading.Timer(0.3, deadline.cancel).start()
    with pytest.raises(DeadlineExceeded):
        store._bolt.read(deadline, ENDLESS)
    assert _running(store) == 0


def test_a_read_is_stopped_in_the_server_when_its_time_is_up(store: Neo4jStore) -> None:
    with pytest.raises(DeadlineExceeded):
        store._bolt.read(Deadline(0.2), ENDLESS)
    assert _running(store) == 0


def _running(store: Neo4jStore) -> int:
    rows = ask(store, "SHOW TRANSACTIONS YIELD metaData WHERE metaData.veintrace IS NOT NULL RETURN count(*)")
    return int(rows[0][0])


# -- writers, readers, rebuilding


def test_a_reader_of_an_older_commit_does_not_see_what_a_writer_announced(store: Neo4jStore) -> None:
    other = filled(1, store)
    scope = now(store)
    roots = [rid("object", "M0")]
    for way in WAYS:
        before = store.reach(roots, way, scope, 1000)
        _same_walk(before, other.reach(roots, way, scope, 1000))
    net = Network()
    net.step("LATE", 1, ["object/M0"], ["object/M0"])
    other_reader = Neo4jStore(store.uri)
    land(store, net.claims, load="late")
    for reader in (store, other_reader):
        for way in WAYS:
            _same_walk(reader.reach(roots, way, scope, 1000), other.reach(roots, way, scope, 1000))
    other_reader.close()


def test_a_reader_beside_a_writer_sees_every_commit_whole_and_nothing_after_it(store: Neo4jStore) -> None:
    source = SqliteStore(":memory:")
    for seed in range(3):
        for number, claims in enumerate(told(seed)):
            land(source, claims, load=f"{seed}-{number}", size=5)
    batches = [Batch.of(commit, claims) for commit, claims in with_claims(source)]
    store.apply(batches[0])
    writer = threading.Thread(target=lambda: [store.apply(batch) for batch in batches[1:]])
    writer.start()
    ids = sorted({record for batch in batches for claim in batch.claims for record in claim.names})
    seen = set()
    with closing(Neo4jStore(store.uri)) as reader:
        while writer.is_alive():
            scope = now(reader)
            seen.add(scope.commit)
            assert reader.neighbours(ids, "up", list(RELATIONS), scope) == source.neighbours(ids, "up", list(RELATIONS), scope)
            _same_walk(reader.reach(ids[:9], "down", scope, 1000), source.reach(ids[:9], "down", scope, 1000))
            assert _words(reader, ids, scope) == _words(source, ids, scope)
    writer.join()
    assert len(seen) > 3
    assert store.head() == source.head()


def _words(store: Store, ids: list[str], scope: Scope) -> list[Any]:
    """What stands, but for the hint that anybody ever joined an id, which knows later commits."""
    return [(state.record, state.steward, state.standing, state.key) for state in store.get(ids, scope)]


def test_a_writer_killed_after_its_announcement_changes_no_answer(store: Neo4jStore) -> None:
    other = filled(1, store)
    ask(store, "MATCH (w:_Notice) SET w.next = w.next + 1")
    ids = [rid("object", f"M{n}") for n in range(7)]
    for way in WAYS:
        assert store.neighbours(ids, way, list(RELATIONS), now(store)) == other.neighbours(ids, way, list(RELATIONS), now(other))


def test_a_commit_whose_writer_was_killed_right_after_it_is_there_when_the_graph_is_opened_again(store: Neo4jStore) -> None:
    head = filled(1, store).head()
    ask(store, "MATCH (w:_Notice) SET w.head = w.head - 1")
    assert store.head() != head
    Neo4jStore(store.uri).close()
    assert store.head() == head


def test_a_commit_whose_writer_was_killed_right_after_it_is_there_for_the_next_writer(store: Neo4jStore) -> None:
    other = filled(1, store)
    ask(store, "MATCH (w:_Notice) SET w.head = w.head - 1")
    one, two = (land(each, told(1)[0], load="L0", moment=1) for each in (store, other))
    assert [each.verdicts for each in one] == [each.verdicts for each in two]
    assert [c.digest for c in store.commits()] == [c.digest for c in other.commits()]


def test_rebuilding_makes_rows_labels_and_properties_again(store: Neo4jStore) -> None:
    other = filled(2, store)
    visible = "MATCH (n:Record) RETURN n.id, labels(n), properties(n) ORDER BY n.id"
    shown = ask(store, visible)
    ask(store, "MATCH (n:Record) SET n.name = 'tampered', n:Consent")
    ask(store, "MATCH (s:_State) WITH s LIMIT 3 DETACH DELETE s")
    done: list[tuple[int, int]] = []
    store.rebuild(lambda *progress: done.append(progress))
    assert list(store.projection()) == list(other.projection())
    assert [[i, set(labels), p] for i, labels, p in ask(store, visible)] == [[i, set(labels), p] for i, labels, p in shown]
    assert done[-1][0] == done[-1][1] > 0


def test_a_graph_that_is_being_rebuilt_is_neither_read_nor_written_until_it_is(store: Neo4jStore) -> None:
    other = filled(2, store)
    reader = Neo4jStore(store.uri)
    ask(store, "MATCH (w:_Notice) SET w.era = 1 WITH w MATCH (s:_State) DETACH DELETE s")
    for each in (store, reader):
        with pytest.raises(StoreUnavailable, match="rebuild"):
            each.get([rid("object", "M0")], now(each))
        with pytest.raises(StoreUnavailable, match="rebuild"):
            each.reach([rid("object", "M0")], "up", now(each), 10)
        with pytest.raises(StoreUnavailable, match="rebuild"):
            land(each, told(3)[0])
        with pytest.raises(StoreUnavailable, match="rebuild"):
            list(each.projection())
    store.rebuild()
    ids = [rid("object", f"M{n}") for n in range(7)]
    assert reader.get(ids, now(reader)) == other.get(ids, now(other))
    reader.close()


def test_a_rebuild_stops_when_another_has_begun(store: Neo4jStore) -> None:
    filled(2, store)

    def overtaken(done: int, total: int) -> None:
        ask(store, "MATCH (w:_Notice) SET w.era = w.era + 2")

    with pytest.raises(StoreUnavailable, match="another rebuild"):
        store.rebuild(overtaken)


# -- opening


def test_a_database_without_a_graph_is_not_opened_unless_asked(clean_neo4j: str) -> None:
    with pytest.raises(StoreUnavailable, match="load a file first"):
        Neo4jStore(clean_neo4j)


def test_a_database_of_something_else_is_left_alone(store: Neo4jStore) -> None:
    ask(store, "MATCH (n:_Graph) DETACH DELETE n")
    with pytest.raises(StoreUnavailable, match="something else"):
        Neo4jStore(store.uri, create=True)


def test_a_newer_schema_is_refused(store: Neo4jStore) -> None:
    ask(store, "MATCH (g:_Graph) SET g.schema = $schema", schema=SCHEMA_VERSION + 1)
    with pytest.raises(SchemaTooNew, match=f"schema version {SCHEMA_VERSION + 1}"):
        Neo4jStore(store.uri)


def test_a_graph_that_was_emptied_behind_an_open_store_is_told(store: Neo4jStore) -> None:
    ask(store, "MATCH (n) DETACH DELETE n")
    with pytest.raises(StoreUnavailable, match="is gone"):
        store.get(["object-1"], Scope(0))
    with pytest.raises(StoreUnavailable, match="is gone"):
        land(store, told(0)[0])


@pytest.mark.parametrize("uri", ["neo4j://127.0.0.1:1", "bolt://127.0.0.1:1", "neo4j://127.0.0.1:port"])
def test_a_server_that_is_not_there_is_named_in_the_error(uri: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1") as refused:
        Neo4jStore(uri)
    assert "is the server up" in str(refused.value)
