"""The handoff table equals what the definitions say, and what DuckDB counts over the files themselves."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import networkx as nx
import pytest

from graph import times
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.containment import Window
from queries.handoffs import Filter, Waits, handoffs, legs
from tests.networks import BASE, HOUR, Network, at, land, rid

DEPARTMENTS = ("APHERESIS", "COURIER-DESK", "CLEANROOM", "QC", "STORE", "WARD")


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


class Story(Network):
    """A network with handoffs and steps of departments."""

    def hand(self, name: str, giver: str, taker: str, *subjects: str, **told: Any) -> None:
        """A handoff of objects; hours by field name (`released=1`)."""
        instants = {f"{key}_at": at(value) for key, value in told.items() if isinstance(value, int | float)}
        self.say("event", name, "Handoff", **instants, **{k: v for k, v in told.items() if isinstance(v, str)})
        self.relate("FROM", f"event/{name}", f"organization/{giver}")
        self.relate("TO", f"event/{name}", f"organization/{taker}")
        for subject in subjects:
            self.relate("SUBJECT_OF", f"object/{subject}", f"event/{name}")

    def by(self, step: str, department: str) -> None:
        self.relate("PERFORMED_BY", f"event/{step}", f"organization/{department}")


def rows(seen: View, waits: Waits, *by: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """The table by the names of giver and taker (local numbers) and the other keys."""
    names = {rid("organization", name): name for name in DEPARTMENTS}
    told = {}
    for row in waits.table(by).to_dicts():
        ends = [names[waits.frames.ids([row[end]])[0]] for end in ("giver", "taker")]
        told[*ends, *(row[key] for key in by)] = row
    return told


# -- the definitions


def test_a_handoff_waits_from_its_release_to_its_acceptance_and_an_open_one_is_counted_apart(store: SqliteStore) -> None:
    net = Story()
    net.hand("H1", "CLEANROOM", "STORE", released=1, accepted=3)
    net.hand("H2", "CLEANROOM", "STORE", released=1, accepted=7)
    net.hand("H3", "CLEANROOM", "STORE", released=5)
    net.hand("H4", "STORE", "WARD", released=9, accepted=8)
    land(store, net.claims)
    told = rows(view(store), handoffs(view(store)))
    out = told["CLEANROOM", "STORE"]
    assert (out["count"], out["open"], out["negative"], out["hours"]) == (3, 1, 0, 8.0)
    assert [out[f"wait_p{share}_s"] / 3600 for share in (50, 90, 99)] == pytest.approx([4.0, 5.6, 5.96])
    assert out["wait_mean_s"] == 4 * 3600
    assert (told["STORE", "WARD"]["negative"], told["STORE", "WARD"]["wait_p50_s"]) == (1, -3600)


def test_it_is_late_against_the_agreed_release_or_delivery(store: SqliteStore) -> None:
    net = Story()
    net.hand("in-time", "QC", "WARD", released=1, agreed_release=1, delivered=4, agreed_delivery=4, accepted=9)
    net.hand("released-late", "QC", "WARD", released=2, agreed_release=1, accepted=3)
    net.hand("delivered-late", "QC", "WARD", released=1, delivered=5, agreed_delivery=4, accepted=5)
    net.hand("accepted-late", "QC", "WARD", released=1, accepted=5, agreed_delivery=4)
    land(store, net.claims)
    [row] = rows(view(store), handoffs(view(store))).values()
    assert (row["count"], row["late"]) == (4, 3)


def test_it_failed_if_refused_or_discrepant_or_if_the_next_step_discards_what_it_moved(store: SqliteStore) -> None:
    net = Story()
    net.hand("refused", "QC", "WARD", "A", released=1, refused=2)
    net.hand("broken", "QC", "WARD", "B", released=1, accepted=2, discrepancy_code="TEMPERATURE")
    net.hand("discarded", "QC", "WARD", "C", released=1, accepted=2)
    net.hand("stored", "WARD", "STORE", "C", released=3, accepted=4)
    net.act("thrown-away", 5, "C", type="discard")
    net.hand("used", "QC", "WARD", "D", released=1, accepted=2)
    net.act("thawed", 3, "D", type="thaw")
    net.act("rest-discarded", 4, "D", type="discard")
    land(store, net.claims)
    told = rows(view(store), handoffs(view(store)))
    row = told["QC", "WARD"]
    assert (row["count"], row["failed"]) == (4, 3)
    assert told["WARD", "STORE"]["failed"] == 1
    # Wilson 1927, 3 of 4
    assert (row["failed_low"], row["failed_high"]) == pytest.approx((0.30064, 0.95441), abs=1e-4)


def test_a_container_hands_over_what_is_inside(store: SqliteStore) -> None:
    net = Story()
    net.pack("in", 1, "SHIPPER", ["BAG"])
    net.hand("shipped", "QC", "WARD", "SHIPPER", released=2, accepted=3)
    net.pack("out", 4, "SHIPPER", ["BAG"], out=True)
    net.act("thrown-away", 5, "BAG", type="discard")
    net.say("episode", "COI-1", "Episode", therapy="CAR-T")
    net.material("BAG")
    net.relate("FOR_EPISODE", "object/BAG", "episode/COI-1")
    land(store, net.claims)
    [row] = rows(view(store), handoffs(view(store)), "product").values()
    assert (row["failed"], row["journeys"], row["product"]) == (1, 1, "CAR-T")


def test_a_leg_leads_to_what_happened_next_to_the_material_or_to_what_was_made_of_it(store: SqliteStore) -> None:
    net = Story()
    net.step("collect", 0, [], ["object/APH"], type="collection")
    net.hand("sent", "APHERESIS", "CLEANROOM", "APH", released=2, accepted=5)
    net.step("process", 9, ["object/APH"], ["object/DP"], type="processing")
    net.act("test", 10, "DP", type="test")
    for name, department in (("collect", "APHERESIS"), ("process", "CLEANROOM"), ("test", "QC")):
        net.by(name, department)
    for name in ("APH", "DP"):
        net.material(name)
    land(store, net.claims)
    told = rows(view(store), legs(view(store)))
    assert {ends: row["hours"] for ends, row in told.items()} == {
        ("APHERESIS", "APHERESIS"): 2.0,
        ("CLEANROOM", "CLEANROOM"): 4.0,
        ("CLEANROOM", "QC"): 1.0,
    }


def test_what_nobody_is_said_to_have_done_was_done_where_the_material_was(store: SqliteStore) -> None:
    net = Story()
    net.hand("sent", "APHERESIS", "CLEANROOM", "APH", released=1, accepted=2)
    net.act("frozen", 5, "APH", type="cryopreservation")
    net.act("tested", 6, "APH", type="test")
    net.by("tested", "QC")
    land(store, net.claims)
    told = rows(view(store), legs(view(store)))
    assert {ends: row["hours"] for ends, row in told.items()} == {("CLEANROOM", "CLEANROOM"): 3.0, ("CLEANROOM", "QC"): 1.0}


def test_two_uses_of_a_lot_are_no_leg(store: SqliteStore) -> None:
    net = Story()
    net.material("LOT", type="vector_lot")
    for hour in (1, 100):
        net.step(f"process-{hour}", hour, ["object/LOT"], [f"object/DP-{hour}"])
    land(store, net.claims)
    assert not len(legs(view(store)).each)


def test_the_life_of_a_patient_between_two_steps_is_no_leg(store: SqliteStore) -> None:
    net = Story()
    net.step("collect", 0, ["person/PAT"], ["object/APH"], type="collection")
    net.step("infuse", 900, ["object/APH"], ["person/PAT"], type="infusion")
    net.step("infuse-again", 1200, ["object/OTHER"], ["person/PAT"], type="infusion")
    land(store, net.claims)
    assert [hours / 3600 for hours in legs(view(store)).each["wait_s"]] == [900.0]


def test_a_leg_of_materials_in_two_departments_counts_once_for_each(store: SqliteStore) -> None:
    """Two doses from different places that are tested and inspected together."""
    net = Story()
    for dose, department in (("A", "CLEANROOM"), ("B", "STORE"), ("C", "STORE")):
        net.step(f"make-{dose}", 1, [], [f"object/{dose}"])
        net.by(f"make-{dose}", department)
    net.act("look", 5, "A", "B", "C", type="inspection")
    net.act("test", 7, "A", "B", "C", type="test")
    net.by("test", "QC")
    land(store, net.claims)
    told = rows(view(store), legs(view(store)))
    assert {ends: (row["count"], row["hours"]) for ends, row in told.items()} == {
        ("CLEANROOM", "CLEANROOM"): (1, 4.0),
        ("STORE", "STORE"): (2, 8.0),
        ("CLEANROOM", "QC"): (1, 2.0),
        ("STORE", "QC"): (1, 2.0),
    }


def test_only_what_is_asked_for_counts_and_can_be_told_apart(store: SqliteStore) -> None:
    net = Story()
    for month, (carrier, preservation) in enumerate((("FAST", "fresh"), ("SLOW", "fresh"), ("SLOW", "cryopreserved"))):
        net.hand(f"H{month}", "QC", "WARD", released=month * 24 * 31, accepted=month * 24 * 31 + 1, preservation=preservation)
        net.relate("CARRIED_BY", f"event/H{month}", f"organization/{carrier}")
    land(store, net.claims)
    seen = view(store)
    by_month = rows(seen, handoffs(seen), "period")
    assert [key[2] for key in sorted(by_month)] == ["2024-01", "2024-02", "2024-03"]
    assert rows(seen, handoffs(seen, Filter(preservation="fresh")))["QC", "WARD"]["count"] == 2
    slow = seen.frames.number(rid("organization", "SLOW"))
    assert rows(seen, handoffs(seen, Filter(carrier=slow)))["QC", "WARD"]["count"] == 2
    first = Window(BASE, BASE + 24 * HOUR)
    assert rows(seen, handoffs(seen, Filter(period=first)))["QC", "WARD"]["count"] == 1


def test_an_organisation_counts_what_it_says_itself(store: SqliteStore) -> None:
    net = Story()
    net.hand("H1", "QC", "WARD", released=1, accepted=3)
    net.say("event", "H2", "Handoff", steward="B", released_at=at(1), accepted_at=at(9))
    land(store, net.claims)
    seen = view(store, "B")
    [row] = handoffs(seen).table().to_dicts()
    assert (row["giver"], row["count"], row["hours"]) == (None, 1, 8.0)


def test_the_cut_and_the_betweenness_are_those_of_the_graph_of_departments(store: SqliteStore) -> None:
    net = Story()
    ways = {
        ("APHERESIS", "CLEANROOM"): 5,
        ("CLEANROOM", "QC"): 2,
        ("CLEANROOM", "STORE"): 1,
        ("QC", "WARD"): 9,
        ("STORE", "WARD"): 4,
    }
    for number, ((giver, taker), hours) in enumerate(ways.items()):
        net.hand(f"H{number}", giver, taker, released=1, accepted=1 + hours)
    for name, type_, department in (("collect", "collection", "APHERESIS"), ("give", "infusion", "WARD")):
        net.step(name, 1, type=type_)
        net.by(name, department)
    land(store, net.claims)
    seen = view(store)
    waits = handoffs(seen)
    number = {name: seen.frames.number(rid("organization", name)) for name in DEPARTMENTS if name != "COURIER-DESK"}
    found = waits.bottlenecks
    assert found.cut_hours == 3.0
    assert {edge[:2] for edge in found.cut or ()} == {
        (number["CLEANROOM"], number["QC"]),
        (number["CLEANROOM"], number["STORE"]),
    }
    first = found.betweenness.row(0, named=True)
    # all from APHERESIS (4 places) pass it, of 20 ordered pairs
    assert (first["giver"], first["taker"], first["betweenness"]) == (number["APHERESIS"], number["CLEANROOM"], 4 / 20)
    assert nx.is_directed_acyclic_graph(nx.DiGraph(found.betweenness.select("giver", "taker").rows()))


# -- over the files


def bundle(folder: Path, count: int) -> None:
    """A CSV file of handoffs as one system writes them: gaps, lateness, refusals, discrepancies."""
    draw = random.Random(7)
    moment = lambda hours: times.iso(BASE + int(hours * HOUR))  # noqa: E731
    with (folder / "handoff.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        columns = ("released", "delivered", "accepted", "refused", "agreed_release", "agreed_delivery")
        writer.writerow(["id", "from", "to", *(f"{name}_at" for name in columns), "discrepancy_code"])
        for number in range(count):
            start, wait = draw.uniform(0, 5000), draw.lognormvariate(2, 1)
            times_ = [start, start + wait * 0.8, start + wait, start + wait, start + draw.uniform(-1, 2), start + 9]
            kept = (0.97, 0.5, 0.85, 0.05, 0.3, 0.6)
            cells = [moment(each) if draw.random() < share else "" for each, share in zip(times_, kept, strict=True)]
            giver, taker = draw.sample(DEPARTMENTS, 2)
            writer.writerow([f"H-{number}", giver, taker, *cells, "TEMP" if draw.random() < 0.04 else ""])


def test_counts_quantiles_and_failures_equal_duckdb_over_the_files(store: SqliteStore, tmp_path: Path) -> None:
    bundle(tmp_path, 1500)
    assert load(store, [tmp_path], Options(steward="NET", author="test")).totals.refused == 0
    wait = "epoch_us(accepted_at::TIMESTAMPTZ) - epoch_us(released_at::TIMESTAMPTZ)"
    counted = duckdb.sql(f"""
        SELECT "from", "to", count(*) AS count, count(*) FILTER (released_at IS NOT NULL AND accepted_at IS NULL) AS open,
          quantile_cont(({wait}) / 1e6, [0.5, 0.9, 0.99]) AS waits, avg(({wait}) / 1e6) AS mean,
          count(*) FILTER (released_at::TIMESTAMPTZ > agreed_release_at::TIMESTAMPTZ
            OR coalesce(delivered_at, accepted_at)::TIMESTAMPTZ > agreed_delivery_at::TIMESTAMPTZ) AS late,
          count(*) FILTER (refused_at IS NOT NULL OR discrepancy_code IS NOT NULL) AS failed
        FROM read_csv('{tmp_path}/handoff.csv', all_varchar = true) GROUP BY ALL""")
    seen = view(store)
    names = {rid("organization", name): name for name in DEPARTMENTS}
    waits = handoffs(seen)
    told = {
        (names[waits.frames.ids([row["giver"]])[0]], names[waits.frames.ids([row["taker"]])[0]]): row
        for row in waits.table().to_dicts()
    }
    assert len(told) == len(counted) == 30
    assert all(sum(row[name] for row in told.values()) > 30 for name in ("open", "late", "failed"))
    for row in (dict(zip(counted.columns, values, strict=True)) for values in counted.fetchall()):
        ours = told[row["from"], row["to"]]
        assert [ours[name] for name in ("count", "open", "late", "failed")] == [row[n] for n in ("count", "open", "late", "failed")]
        assert [ours[f"wait_p{share}_s"] for share in (50, 90, 99)] == pytest.approx(row["waits"], rel=1e-12)
        assert ours["wait_mean_s"] == pytest.approx(row["mean"], rel=1e-9)
