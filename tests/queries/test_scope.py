"""A part of a graph answers as the whole does, restricted to the events inside: every number, for every viewer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.parts import part_of
from graph import snapshot as whole_snapshot
from graph import snapshot_part, times
from graph.claims import Claim
from graph.errors import OutOfScope
from graph.part import Part
from graph.record import Record
from graph.snapshot import Snapshot
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from queries.cohort_definition import parsed
from queries.cohorts import cohort
from queries.contradictions import contradictions
from queries.costliest import costliest
from queries.handoffs import Waits, handoffs, legs
from queries.mass_recall import recall_all
from tests.networks import BASE, FEW, HOUR, Network, at, ids_of, land, networks, rid

LONG = 3600.0
ENDS = ("PERFORMED_BY", "AT", "FROM", "TO", "CARRIED_BY")
SITES = ("SITE", "SITE-LAB", "SITE-BENCH", "OTHER", "CARRIER")
THERAPIES = ("CAR-T", "NK")


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


# -- networks in which parts are asked about


@st.composite
def peopled(draw: st.DrawFn) -> list[Claim]:
    """A random network whose events have departments, orders and handoffs, told by several; some of it under two ids."""
    net = Network(draw(networks()))
    stewards, hours = st.sampled_from(["H", "B"]), st.sampled_from([None, *range(13)])
    organizations = st.sampled_from([f"organization/{name}" for name in SITES])
    materials, containers = [f"M{n}" for n in range(4)], ["C0", "C1"]
    for name in containers:
        net.say("object", name, "Container", steward=draw(stewards))
    for number in range(draw(st.integers(2, 5))):
        name = f"H{number}"
        told = {f"{each}_at": _at_hour(draw(hours)) for each in ("released", "accepted", "agreed_delivery")}
        net.say("event", name, "Handoff", steward=draw(stewards), **told)
        for subject in draw(st.lists(st.sampled_from([*materials, *containers]), min_size=1, max_size=2, unique=True)):
            net.relate("SUBJECT_OF", f"object/{subject}", f"event/{name}", steward=draw(stewards))
    for number in range(draw(st.integers(1, 5))):
        contents, out = draw(st.lists(st.sampled_from([*materials, "C1"]), max_size=2, unique=True)), draw(st.booleans())
        net.pack(f"P{number}", draw(hours), draw(st.sampled_from(containers)), contents, out=out, steward=draw(stewards))
    events = [*(f"{kind}{n}" for kind in "HP" for n in range(5)), *(f"{kind}{n}" for kind in "SAK" for n in range(3))]
    for event in draw(st.lists(st.sampled_from(events), min_size=8, max_size=12, unique=True)):
        steward = draw(stewards)
        end = draw(st.sampled_from(["FROM", "TO", "CARRIED_BY"] if event[0] == "H" else ["PERFORMED_BY", "AT"]))
        net.relate(end, f"event/{event}", draw(organizations), steward=steward)
    for event in draw(st.lists(st.sampled_from([name for name in events if name[0] in "SAK"]), max_size=4, unique=True)):
        type_ = draw(st.sampled_from(["discard", "collection", "unpacking", "infusion"]))
        net.say("event", event, "Step", steward=draw(stewards), type=type_, started_at=_at_hour(draw(hours)))
    for child, parent in (("SITE-LAB", "SITE"), ("SITE-BENCH", "SITE-LAB")):
        net.relate("PART_OF", f"organization/{child}", f"organization/{parent}", steward=draw(stewards))
    for number, therapy in enumerate(THERAPIES):
        net.say("episode", f"E{number}", "Episode", steward=draw(stewards), therapy=therapy)
    for _ in range(draw(st.integers(2, 8))):
        of = draw(st.sampled_from([*(f"object/{name}" for name in materials), *(f"event/{name}" for name in events)]))
        net.relate("FOR_EPISODE", of, f"episode/E{draw(st.integers(0, 1))}", steward=draw(stewards))
    for cls, names in (("event", events), ("object", materials), ("organization", SITES), ("episode", ("E0", "E1"))):
        if draw(st.integers(0, 3)) == 0:
            one, other = draw(st.permutations(names))[:2]
            net.relate("SAME_AS", f"{cls}/{one}", f"{cls}/{other}", steward=draw(stewards))
    return net.claims


def _at_hour(hour: int | None) -> str | None:
    return None if hour is None else at(hour)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """One condition or all of them."""
    since, until = sorted(draw(st.permutations(range(13)))[:2])
    sites = draw(st.sampled_from([("SITE",), ("SITE-LAB",), ("OTHER",), ("SITE-LAB", "OTHER", "CARRIER")]))
    every = Part(
        tuple(rid("organization", name) for name in sites),
        (draw(st.sampled_from(THERAPIES)),),
        BASE + since * HOUR,
        draw(st.sampled_from([None, BASE + until * HOUR])),
    )
    return draw(
        st.sampled_from([Part(every.sites), Part(products=every.products), Part(since=every.since, until=every.until), every])
    )


# -- what is inside, event by event


def inside(seen: View, part: Part, ids: list[str], product: dict[str, str | None]) -> set[str]:
    """The events of the definition, from the records of a View; `product` of each event as the whole graph tells it."""
    events = seen.records(seen.joined([record for record in ids if record.startswith("event-")]))
    return {
        name
        for name, event in events.items()
        if (not part.sites or _at(seen, event, set(part.sites)))
        and (event.span is None or _in_period(part, event.span))
        and (not part.products or product.get(name) in part.products)
    }


def _in_period(part: Part, span: tuple[int, int]) -> bool:
    return (part.until is None or span[0] < part.until) and (part.since is None or span[1] >= part.since)


def _at(seen: View, event: Record, sites: set[str]) -> bool:
    frontier, met = {event.ends[end] for end in ENDS if end in event.ends}, set[str]()
    while frontier - met:
        joins = seen.joined(frontier)
        met |= joins.keys()
        frontier = {edge.target for edge in seen.neighbours(met, "down", ["PART_OF"])}
    return bool(met & sites)


# -- the law


def rows(waits: Waits) -> set[tuple[Any, ...]]:
    """The single ones, records by id."""
    frames, told = waits.frames, waits.each
    assert len(told) == len(told.unique())
    ids = dict(enumerate(frames.ids(list(range(len(frames))))))
    numbers = [name for name, type_ in told.schema.items() if type_ == pl.UInt32]
    named = told.with_columns(pl.col(name).replace_strict(ids, return_dtype=pl.String) for name in numbers)
    return set(named.select(sorted(named.columns)).with_columns(pl.exclude(pl.String).fill_null("-")).rows())


def assert_restricted(store: SqliteStore, part: Part, ids: list[str]) -> None:
    taken = part_of(store, store.head(), part)
    for viewer in (None, *view(store).stewards):
        whole = view(store, viewer)
        confined = view(store, viewer).within(taken)
        for ask in (handoffs, legs):
            every = ask(whole)
            named = every.each.with_columns(id=every.frames.ids(every.each["event"].to_numpy()))
            wanted = inside(whole, part, ids, dict(named.select("id", "product").iter_rows()))
            expected = Waits(every.frames, named.filter(pl.col("id").is_in(wanted)).drop("id"))
            assert rows(ask(confined)) == rows(expected), (viewer, ask.__name__)


@settings(FEW, max_examples=60)
@given(claims=peopled(), part=parts())
def test_its_handoffs_and_legs_are_those_of_the_whole_that_are_inside(claims: list[Claim], part: Part) -> None:
    store = SqliteStore(":memory:")
    land(store, claims)
    assert_restricted(store, part, ids_of(claims))
    store.close()


# -- where a part could go wrong


def of_site(store: SqliteStore, net: Network) -> dict[str | None, int]:
    """How many legs begin with an event at SITE, by viewer; the law holds of these."""
    land(store, net.claims)
    part = Part((rid("organization", "SITE"),))
    assert_restricted(store, part, ids_of(net.claims))
    taken = part_of(store, store.head(), part)
    return {viewer: len(legs(view(store, viewer).within(taken)).each) for viewer in (None, *view(store).stewards)}


def inspected(net: Network, name: str, hour: float, container: str, steward: str = "H") -> None:
    """A step on a container at SITE."""
    net.act(name, hour, container, steward=steward)
    net.relate("AT", f"event/{name}", "organization/SITE", steward=steward)


def test_what_acts_on_a_container_acts_on_what_is_in_it_however_deep(store: SqliteStore) -> None:
    net = Network()
    net.say("object", "SHIPPER", "Container")
    net.say("object", "CASSETTE", "Container")
    net.pack("in", 1, "CASSETTE", ["BAG"])
    net.pack("loaded", 2, "SHIPPER", ["CASSETTE"])
    inspected(net, "checked", 3, "SHIPPER")
    net.act("thawed", 9, "BAG")
    assert of_site(store, net) == {None: 1, "H": 1}


def test_what_left_a_container_before_is_not_taken_to_be_in_it(store: SqliteStore) -> None:
    net = Network()
    net.say("object", "FREEZER", "Container")
    net.pack("in", 1, "FREEZER", ["BAG"])
    net.act("used-elsewhere", 2, "BAG")
    inspected(net, "checked", 3, "FREEZER")
    inspected(net, "checked-again", 4, "FREEZER")
    assert of_site(store, net) == {None: 0, "H": 0}


def test_nor_does_its_way_count_as_one_to_a_patient(store: SqliteStore) -> None:
    net = Network()
    net.say("object", "FREEZER", "Container")
    net.material("VIAL", type="retain")
    net.material("BAG", type="dose")
    net.pack("in", 1, "FREEZER", ["BAG", "VIAL"])
    net.act("used-elsewhere", 2, "BAG")
    net.say("event", "moved", "Handoff", released_at=at(3), accepted_at=at(9))
    net.relate("SUBJECT_OF", "object/FREEZER", "event/moved")
    for end, name in (("FROM", "SITE"), ("TO", "OTHER")):
        net.relate(end, "event/moved", f"organization/{name}")
    land(store, net.claims)
    confined = view(store).within(part_of(store, store.head(), Part((rid("organization", "SITE"),))))
    for seen in (view(store), confined):
        assert len(handoffs(seen).each) == 1
        assert costliest(handoffs(seen), 1) == []


def test_who_was_not_told_of_the_unpacking_sees_the_content_still_inside(store: SqliteStore) -> None:
    net = Network()
    net.say("object", "FREEZER", "Container", steward="B")
    net.pack("in", 1, "FREEZER", ["BAG"], steward="B")
    net.pack("out", 2, "FREEZER", ["BAG"], out=True, steward="H")
    inspected(net, "checked", 3, "FREEZER", steward="B")
    net.act("thawed", 9, "BAG", steward="B")
    assert of_site(store, net) == {None: 0, "B": 1, "H": 0}


def test_an_event_without_a_time_is_inside_any_period_for_those_who_know_of_none(store: SqliteStore) -> None:
    net = Network()
    net.say("event", "moved", "Handoff", steward="B")
    net.say("event", "moved", "Handoff", steward="H", released_at=at(1))
    land(store, net.claims)
    taken = part_of(store, store.head(), Part(since=BASE + 5 * HOUR))
    found = {viewer: len(handoffs(view(store, viewer).within(taken)).each) for viewer in (None, "B", "H")}
    assert found == {None: 0, "B": 1, "H": 0}


# -- a generated network


@pytest.fixture(scope="module")
def network_ids(network_store: SqliteStore) -> list[str]:
    """The ids of all its events."""
    return sorted({entry.claim.record for entry in network_store.claims() if entry.claim.record.startswith("event-")})


def month_at(seen: View, site: str, *products: str) -> Part:
    """What one site did over the middle of the network's time."""
    first, last = (times.span(day)[0] for day in ("2023-01-01", "2023-02-01"))
    return Part((seen.resolve(site),), products, first, last)


def test_so_it_is_in_a_network_for_those_who_see_all_and_those_who_see_their_own(
    network_store: SqliteStore, network_view: View, network_ids: list[str]
) -> None:
    part = month_at(network_view, "helixworks")
    taken = part_of(network_store, network_store.head(), part)
    for viewer in (None, "helixworks", "coldline", "lakeside"):
        whole = view(network_store, viewer, deadline=Deadline(LONG))
        confined = whole.within(taken)
        for ask in (handoffs, legs):
            every = ask(whole)
            named = every.each.with_columns(id=every.frames.ids(every.each["event"].to_numpy()))
            wanted = inside(whole, part, network_ids, {})
            told = ask(confined)
            assert rows(told) == rows(Waits(every.frames, named.filter(pl.col("id").is_in(wanted)).drop("id")))
            assert bool(len(told.each)) == (viewer in (None, "helixworks"))


def test_the_costliest_handoffs_of_a_part_are_those_of_its_handoffs(network_store: SqliteStore, network_view: View) -> None:
    part = month_at(network_view, "helixworks")
    confined = network_view.within(part_of(network_store, network_store.head(), part))
    told, every = handoffs(confined), handoffs(network_view)
    here = set(told.frames.ids(told.each["event"].to_numpy()))
    restricted = every.each.filter(every.frames.ids(every.each["event"].to_numpy()).is_in(here))

    def found(waits: Waits) -> list[tuple[Any, ...]]:
        return [
            (*waits.frames.ids([each.giver, each.taker]), round(each.hours, 6), len(each.each), each.part, each.median_s, each.late)
            for each in costliest(waits, 5)
        ]

    assert found(told) == found(Waits(every.frames, restricted)) != []


def test_what_does_not_bear_on_it_is_left_out(network_store: SqliteStore, network_view: View) -> None:
    part = month_at(network_view, "helixworks", "novaleucel")
    taken = part_of(network_store, network_store.head(), part)
    whole = network_view.frames
    held = set(taken.named(taken.states["nid"].unique().to_numpy()))
    assert {record.partition("-")[0] for record in held} == {"event", "object", "organization", "episode"}
    assert len(held) * 3 < len(whole)


def test_its_store_is_asked_a_bounded_number_of_times_a_slice(
    network_store: SqliteStore, network_view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[str]()
    for name in ("get", "known", "neighbours"):
        original = getattr(SqliteStore, name)
        monkeypatch.setattr(SqliteStore, name, lambda *given, n=name, ask=original: calls.append(n) or ask(*given))
    for size in (5_000, 20_000):
        monkeypatch.setattr(snapshot_part, "SLICE", size)
        part_of(network_store, network_store.head(), month_at(network_view, "helixworks"))
        # some thousand records are kept, of which each would otherwise be asked for
        assert len(calls) < 400
        calls.clear()


# -- what a part cannot tell


def test_other_questions_about_the_whole_graph_are_refused_over_a_part_and_single_lineages_are_not(store: SqliteStore) -> None:
    net = Network()
    net.step("made", 1, ["object/A"], ["object/B"])
    net.relate("AT", "event/made", "organization/SITE")
    land(store, net.claims)
    confined = view(store).within(part_of(store, store.head(), Part((rid("organization", "OTHER"),))))
    definition = parsed("name: all\nunit: material\nindex: {step: [collection]}\n")
    for ask in (
        lambda: recall_all(confined, [rid("object", "A")]),
        lambda: cohort(confined, definition),
        lambda: contradictions(confined),
    ):
        with pytest.raises(OutOfScope):
            ask()
    assert confined.resolve("A@NET") == rid("object", "A")
    assert rid("object", "B") in confined.reach([rid("object", "A")], "down").walked


def test_collecting_and_infusing_departments_are_those_inside(store: SqliteStore) -> None:
    net = Network()
    for name, giver, taker in (("H1", "SITE", "OTHER"), ("H2", "OTHER", "CARRIER")):
        net.say("event", name, "Handoff", released_at=times.iso(BASE), accepted_at=times.iso(BASE + HOUR))
        net.relate("FROM", f"event/{name}", f"organization/{giver}")
        net.relate("TO", f"event/{name}", f"organization/{taker}")
        net.relate("SUBJECT_OF", "object/BAG", f"event/{name}")
    for name, hour, type_, performer in (("S1", 0, "collection", "SITE"), ("S2", 5, "infusion", "CARRIER")):
        net.act(name, hour, "BAG", type=type_)
        net.relate("PERFORMED_BY", f"event/{name}", f"organization/{performer}")
    land(store, net.claims)
    sites = (rid("organization", "SITE"), rid("organization", "OTHER"))
    assert handoffs(view(store)).bottlenecks.cut is not None
    # the infusion is at neither of the two
    assert handoffs(view(store).within(part_of(store, store.head(), Part(sites)))).bottlenecks.cut is None


# -- kept beside the graph


def test_it_is_kept_under_its_conditions_and_made_anew_when_the_graph_moved_on(store: SqliteStore, tmp_path: Path) -> None:
    made = list[Part]()

    def current(part: Part) -> Snapshot:
        def make() -> Snapshot:
            made.append(part)
            return part_of(store, store.head(), part)

        return snapshot_part.current(store, tmp_path, store.head(), part, make)

    net = Network()
    for name, hour in (("H1", 1), ("H2", 9)):
        net.say("event", name, "Handoff", released_at=times.iso(BASE + hour * HOUR))
        net.relate("FROM", f"event/{name}", "organization/SITE")
    land(store, net.claims)
    early, late = Part(until=BASE + 5 * HOUR), Part(since=BASE + 5 * HOUR)
    for part in (early, late):
        assert current(part).part == current(part).part == part
    assert made == [early, late]
    assert {len(handoffs(view(store).within(current(part))).each) for part in (early, late)} == {1}
    more = Network()
    more.say("event", "H3", "Handoff", released_at=times.iso(BASE))
    old = current(early)
    land(store, more.claims, load="more")
    with pytest.raises(ValueError, match="another"):
        view(store).within(old)
    assert len(handoffs(view(store).within(current(early))).each) == 2
    assert made == [early, late, early]
    # nobody will ask for the others again
    assert [path.name for path in tmp_path.glob("*/*")] == [early.name]
    assert whole_snapshot.current(store, tmp_path).part is None
