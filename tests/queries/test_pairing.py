"""Handoffs that one side tells alone become one where they fit, by a rule whose word can be taken back."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.pairing import pair
from graph import snapshot
from graph.identifiers import parse, record_id
from graph.neo4j_store import Neo4jStore
from graph.snapshot import Snapshot
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.verify import verify
from graph.view import view
from loaders.pipeline import Options, load
from loaders.sources import files_of
from queries.handoffs import handoffs
from queries.lineage import lineage
from queries.pairing import NAME, pairing
from tests.networks import at, land, rid
from tests.sides import Sides


@pytest.fixture(params=["sqlite", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty graph on each store."""
    opened: Store
    if request.param == "neo4j":
        opened = Neo4jStore(request.getfixturevalue("clean_neo4j"), create=True)
    else:
        opened = SqliteStore(tmp_path / "graph.db", create=True)
    yield opened
    opened.close()


@pytest.fixture
def memory() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


def runs(store: Store, net: Sides) -> list[tuple[str, ...]]:
    """What the rule joins in a graph of these claims."""
    land(store, net.claims)
    return pairing(view(store)).runs


def test_two_sides_of_one_shipment_become_one(memory: SqliteStore) -> None:
    net = Sides()
    sides = net.gave("S", 1, "M", "N"), net.took("R", 9, "N", "M")
    assert runs(memory, net) == [sides]


def test_all_that_happens_on_the_way_is_of_the_one_handoff(memory: SqliteStore) -> None:
    net = Sides()
    sides = (
        net.gave("S", 1, "M"),
        net._side("P", ("M",), None, None, picked_up_at=at(2)),
        net._side("D", ("M",), None, "LAB", delivered_at=at(8)),
        net.took("R", 9, "M"),
    )
    assert runs(memory, net) == [sides]


def test_what_left_in_a_container_arrives_as_its_content(memory: SqliteStore) -> None:
    net = Sides()
    net.say("object", "BOX", "Container")
    net.pack("K", 0, "BOX", ["M"])
    net.pack("U", 10, "BOX", ["M"], out=True)
    sides = net.gave("S", 1, "BOX"), net.took("R", 9, "M")
    assert runs(memory, net) == [sides]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({"things": "M"}, {"things": "MN"}, "something came that had not left"),
        ({"things": "MN"}, {"things": "M"}, "something has not come"),
        ({"things": "M"}, {"things": "N"}, "another thing"),
        ({}, {"taker": "WARD"}, "sent to the laboratory, taken by a ward"),
        ({}, {"giver": "CLINIC"}, "the bank sent it, taken as from a clinic"),
        ({"carrier": "FAST"}, {"carrier": "SLOW"}, "two carriers"),
        ({"giver": None}, {"giver": None}, "nobody says who gave"),
        ({"giver": None, "taker": None}, {"giver": "LAB-IN"}, "given to oneself"),
        ({"hour": 9}, {"hour": 1}, "taken before it was given"),
        ({"hour": 5}, {"hour": 5}, "at one moment: who was first?"),
        ({}, {"hour": 24 * 31 + 2}, "more than 30 days later"),
    ],
)
def test_what_does_not_fit_stays_open(memory: SqliteStore, first: dict[str, Any], second: dict[str, Any], why: str) -> None:
    net = Sides()
    for tell, told in ((net.gave, {"hour": 1, "things": "M", **first}), (net.took, {"hour": 9, "things": "M", **second})):
        tell("S" if tell == net.gave else "R", told.pop("hour"), *told.pop("things"), **told)
    land(memory, net.claims)
    found = pairing(view(memory))
    assert (found.runs, found.released, found.accepted) == ([], 1, 1), why


def test_only_the_next_in_time_is_the_other_side(memory: SqliteStore) -> None:
    """A thing given twice and taken once was taken the second time; the first is open."""
    net = Sides()
    net.gave("S1", 1, "M")
    sides = net.gave("S2", 4, "M"), net.took("R2", 9, "M")
    net.took("R3", 12, "M")
    assert runs(memory, net) == [sides]


def test_a_handoff_of_some_of_it_in_between_breaks_the_pair(memory: SqliteStore) -> None:
    net = Sides()
    net.gave("S", 1, "M", "N")
    net.gave("S2", 4, "N", taker="WARD")
    net.took("R", 9, "M", "N")
    assert runs(memory, net) == []


def test_a_handoff_told_whole_is_left_alone(memory: SqliteStore) -> None:
    net = Sides()
    net.gave("S", 1, "M")
    net._side("W", ("M",), "BANK", "LAB", released_at=at(2), accepted_at=at(5))
    net.took("R", 9, "M")
    assert runs(memory, net) == []


@pytest.mark.parametrize(
    ("act", "joined", "why"),
    [
        ({"by": "CLINIC"}, False, "a clinic had it in hands"),
        ({"by": "CLINIC", "things": "M"}, False, "or a part of it"),
        ({"by": "CLINIC", "things": "X"}, True, "something else is not on the way"),
        ({"by": "CLINIC", "hour": 0.5}, True, "before it was given"),
        ({"by": "CLINIC", "hour": 1}, True, "at the moment it was given: not after it"),
        ({"by": "CLINIC", "hour": 9}, True, "at the moment it was taken: not before it"),
        ({"by": "CLINIC", "hour": 10}, True, "after it was taken"),
        ({"by": "BANK-OUT"}, True, "who gave packs it after the signature"),
        ({"by": "BANK"}, True, "said of the whole bank"),
        ({"by": "BANK-DOCK"}, True, "another department of the bank"),
        ({"by": "LAB-IN"}, True, "who takes looks at it before it signs"),
        ({"by": "LAB-DOCK"}, True, "another department of the laboratory"),
        ({"by": "SISTER"}, False, "a laboratory of its own, if of one association with it"),
        ({"by": "FAST"}, True, "the carrier"),
        ({"by": "SLOW"}, False, "another carrier than the one they name"),
        ({}, True, "nobody tells who"),
        ({"place": "LAB"}, True, "by whom is not told, but at whose place"),
        ({"place": "CLINIC"}, False, "at the place of somebody else"),
        ({"place": "DOOR-7"}, True, "at a place of which nobody says whose it is"),
        ({"by": "LAB-IN", "place": "CLINIC"}, True, "by who takes, wherever"),
        ({"by": "BANK-OUT", "type": "discard"}, False, "what was discarded cannot come"),
        ({"type": "destroying"}, False, "whoever discarded it"),
    ],
)
def test_a_third_party_that_acts_on_what_is_on_the_way_stops_the_pair(
    memory: SqliteStore, act: dict[str, Any], joined: bool, why: str
) -> None:
    net = Sides()
    for name, type_, above in (
        ("CLINIC", "hospital", None),
        ("BANK-DOCK", "department", "BANK"),
        ("LAB-DOCK", "site", "LAB"),
        ("LAB", "laboratory", "UNION"),
        ("SISTER", "laboratory", "UNION"),
    ):
        net.say("organization", name, "Organization", type=type_)
        if above:
            net.relate("PART_OF", f"organization/{name}", f"organization/{above}")
    sides = net.gave("S", 1, "M", "N", carrier="FAST"), net.took("R", 9, "M", "N")
    told = {"hour": 5, "things": "MN", **act}
    net.acted(told.pop("hour"), *told.pop("things"), **told)
    assert runs(memory, net) == ([sides] if joined else []), why


@pytest.mark.parametrize(("named", "joined"), [(None, True), ("SLOW", False)])
def test_where_no_carrier_is_named_a_carrier_that_acts_is_the_one(memory: SqliteStore, named: str | None, joined: bool) -> None:
    net = Sides()
    net.say("organization", "FAST", "Organization", type="carrier")
    net.gave("S", 1, "M", carrier=named)
    net.took("R", 9, "M")
    net.acted(5, "M", by="FAST", type="loading")
    assert len(runs(memory, net)) == joined


@pytest.mark.parametrize(("by", "joined"), [("BANK-DOCK", False), ("BANK-OUT", True), ("BANK", True)])
def test_within_one_organisation_each_department_is_a_party(memory: SqliteStore, by: str, joined: bool) -> None:
    net = Sides()
    for name in ("BANK-DOCK", "BANK-LAB"):
        net.say("organization", name, "Organization")
        net.relate("PART_OF", f"organization/{name}", "organization/BANK")
    net.gave("S", 1, "M", giver="BANK-OUT", taker="BANK-LAB")
    net.took("R", 9, "M", giver="BANK-OUT", taker="BANK-LAB")
    net.acted(5, "M", by=by)
    assert len(runs(memory, net)) == joined


@pytest.mark.parametrize(
    ("act", "joined"),
    [
        ({"things": ("BOX",), "hour": 5}, False),
        ({"things": ("BOX",), "hour": 11}, True),
        ({"things": ("OTHER",), "hour": 5}, True),
    ],
)
def test_who_has_the_container_has_what_is_inside(memory: SqliteStore, act: dict[str, Any], joined: bool) -> None:
    net = Sides()
    for name in ("BOX", "OTHER"):
        net.say("object", name, "Container")
    net.pack("K", 0, "BOX", ["M"])
    net.pack("U", 10, "BOX", ["M"], out=True)
    net.gave("S", 1, "BOX")
    net.took("R", 12, "M")
    net.acted(act["hour"], *act["things"], by="CLINIC")
    assert len(runs(memory, net)) == joined


def test_who_packs_it_anew_on_the_way_has_it_in_hands(memory: SqliteStore) -> None:
    net = Sides()
    net.gave("S", 1, "M")
    net.pack("K", 5, "BOX", ["M"])
    net.relate("PERFORMED_BY", "event/K", "organization/CLINIC")
    net.took("R", 9, "M")
    assert runs(memory, net) == []


def test_what_others_use_of_a_lot_is_not_what_is_on_the_way(memory: SqliteStore) -> None:
    net = Sides()
    net.material("LOT", type="reagent_lot")
    sides = net.gave("S", 1, "LOT"), net.took("R", 9, "LOT")
    net.acted(5, "LOT", by="CLINIC")
    assert runs(memory, net) == [sides]


def test_after_delivery_a_third_party_leaves_the_acceptance_open(memory: SqliteStore) -> None:
    """What came before it is still one handoff."""
    net = Sides()
    sides = net.gave("S", 1, "M"), net._side("D", ("M",), None, "LAB", delivered_at=at(4))
    net.acted(6, "M", by="CLINIC")
    net.took("R", 9, "M")
    assert runs(memory, net) == [sides]


def test_between_delivery_and_acceptance_in_one_word_a_third_party_stops_the_pair(memory: SqliteStore) -> None:
    net = Sides()
    net.gave("S", 1, "M")
    net.acted(6, "M", by="CLINIC")
    net.took("R", 9, "M", delivered_at=at(4))
    assert runs(memory, net) == []


def test_a_third_party_that_is_told_of_later_parts_what_was_joined(memory: SqliteStore, tmp_path: Path) -> None:
    net, late = Sides(), Sides()
    net.gave("S", 1, "M")
    net.took("R", 9, "M")
    land(memory, net.claims)
    assert pair(memory, tmp_path, author="t")["added"] == 1
    late.acted(5, "M", by="CLINIC")
    land(memory, late.claims, load="second")
    told = pair(memory, tmp_path, author="t")
    assert (told["joined"], told["withdrawn"], told["released_only"], told["accepted_only"]) == (0, 1, 1, 1)


def test_the_two_sides_are_one_in_every_answer_and_apart_again_when_it_is_undone(store: Store, tmp_path: Path) -> None:
    net = Sides()
    sides = {net.gave("S", 1, "M"), net.took("R", 9, "M")}
    land(store, net.claims)
    before = store.head()
    told = pair(store, tmp_path / "cache", author="tester")
    assert (told["joined"], told["added"], told["withdrawn"]) == (1, 1, 0)
    found = lineage(view(store), [rid("object", "M")]).records
    assert len(found.keys() & sides) == 1
    assert set(found[min(sides)].ids) == sides
    [row] = handoffs(view(store)).table().iter_rows(named=True)
    assert (row["count"], row["open"], row["wait_mean_s"]) == (1, 0, 8 * 3600)
    again = pair(store, tmp_path / "cache", author="tester")
    assert (again["joined"], again["added"], again["commits"]) == (1, 0, None)
    undone = pair(store, tmp_path / "cache", undo=True, author="tester")
    assert (undone["joined"], undone["withdrawn"]) == (0, 1)
    assert lineage(view(store), [rid("object", "M")]).records.keys() >= sides
    assert pair(store, tmp_path / "cache", author="tester")["added"] == 1
    assert len(lineage(view(store), [rid("object", "M")]).records.keys() & sides) == 1
    assert verify(store).ok
    assert len(lineage(view(store, None, before.number), [rid("object", "M")]).records.keys() & sides) == 2


def test_what_comes_later_and_fits_better_takes_its_place(memory: SqliteStore, tmp_path: Path) -> None:
    early, late = Sides(), Sides()
    early.gave("S1", 1, "M")
    early.took("R", 9, "M")
    land(memory, early.claims)
    assert pair(memory, tmp_path, author="t")["added"] == 1
    sides = late.gave("S2", 4, "M"), rid("event", "R")
    land(memory, late.claims, load="second")
    told = pair(memory, tmp_path, author="t")
    assert (told["added"], told["withdrawn"], told["runs"]) == (1, 1, [list(sides)])


def test_a_dry_run_writes_nothing(memory: SqliteStore, tmp_path: Path) -> None:
    net = Sides()
    net.gave("S", 1, "M")
    net.took("R", 9, "M")
    land(memory, net.claims)
    head = memory.head()
    assert pair(memory, tmp_path, dry_run=True)["added"] == 1
    assert memory.head() == head


def test_what_is_loaded_while_the_rule_looks_is_for_the_next_time(
    memory: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sides(number: int) -> Sides:
        net = Sides()
        net.gave(f"out-{number}", 1, f"BAG-{number}")
        net.took(f"in-{number}", 5, f"BAG-{number}")
        return net

    def taken_before_more_came(store: Store, cache: Path) -> Snapshot:
        taken = current(store, cache)
        land(memory, sides(2).claims)
        return taken

    current = snapshot.current
    land(memory, sides(1).claims)
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "current", taken_before_more_came)
        assert pair(memory, tmp_path / "cache")["added"] == 1
    assert pair(memory, tmp_path / "cache")["added"] == 1


def test_a_partner_sees_no_more_by_it(memory: SqliteStore, tmp_path: Path) -> None:
    """The rule's word is the service's: to who sees one side only, nothing tells that there is another."""
    net = Sides()
    net.gave("S", 1, "M")
    net.took("R", 9, "M")
    land(memory, net.claims)
    before = [lineage(view(memory, viewer), [rid("object", "M")]).records for viewer in ("H", "L")]
    pair(memory, tmp_path, author="t")
    assert [lineage(view(memory, viewer), [rid("object", "M")]).records for viewer in ("H", "L")] == before


def test_of_a_generated_network_what_both_told_is_found_and_nothing_else(network: Path, network_store: SqliteStore) -> None:
    """But for what left in a container of which somebody forgot to say that it was emptied before."""
    lines = [json.loads(line) for line in (network / "truth" / "handoffs.jsonl").read_text(encoding="utf-8").splitlines()]
    ids = [sorted(record_id("event", parse(name, cls="event")) for name in line["names"]) for line in lines]
    seen = view(network_store)
    known = set(handoffs(seen).frames.shown("Handoff")["id"])
    both = {tuple(pair) for pair in ids if len(pair) == 2 and known.issuperset(pair)}
    found = pairing(seen.without(NAME))
    joined = {tuple(sorted(run)) for run in found.runs}
    assert joined <= both
    assert len(joined) >= 0.98 * len(both) > 100


def test_the_order_of_loading_decides_nothing(network: Path, tmp_path: Path) -> None:
    """Nor does a load more in between."""
    files = [path for path in files_of([network]) if "part-0000" in path.name]
    digests = set()
    for seed in range(3):
        random.Random(seed).shuffle(files)
        files.sort(key=lambda path: "organization" not in path.name)  # they tell the zones of local times
        opened = SqliteStore(tmp_path / f"{seed}.db", create=True, scratch=True)
        for place in (slice(0, 40), slice(40, None)):
            assert load(opened, files[place], Options(author="t", quarantine=tmp_path / "quarantine")).refused_total == 0
        pair(opened, tmp_path / f"cache-{seed}", author="t")
        digests.add(opened.head().digest)
        opened.close()
    assert len(digests) == 1
