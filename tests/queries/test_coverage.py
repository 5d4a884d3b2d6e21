"""What each party's records lack equals what its files lack, and who owes whom a side of a handoff is what nobody told."""

import csv
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import cli
from api.app import make_app
from api.coverage import Covered, coverage_text
from graph.errors import UnknownIdentifier
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from queries.coverage import EXPECTED, Coverage
from tests.networks import Network, at, land, rid


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def covered(network_view: View) -> Coverage:
    """The coverage of a generated network."""
    return Coverage(network_view)


def rows_of(network: Path, table: str) -> Iterator[dict[str, str]]:
    """Rows of all organisations' files of one kind."""
    for path in sorted(network.glob(f"*/*.{table}.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def by_id(network: Path, table: str) -> dict[tuple[str, str], dict[str, str]]:
    """What each steward tells of each record, later rows over earlier ones."""
    told: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in sorted(rows_of(network, table), key=lambda row: datetime.fromisoformat(row["recorded_at"]).timestamp()):
        told[row["steward"], row["id"]] |= {name: cell for name, cell in row.items() if cell}
    return told


@pytest.mark.parametrize(
    ("kind", "table"), [("Step", "step"), ("Episode", "episode"), ("Consent", "consent"), ("Person", "person")]
)
def test_shares_of_required_fields_are_those_of_the_files(network: Path, covered: Coverage, kind: str, table: str) -> None:
    records, present = Counter[tuple[str, str | None]](), Counter[tuple[str, str | None, str]]()
    for (steward, _), row in by_id(network, table).items():
        type_ = row.get("type") if kind == "Step" else None
        records[steward, type_] += 1
        present.update((steward, type_, field) for field in EXPECTED[kind] if row.get(field))
    found = covered.fields.filter(covered.fields["kind"] == kind)
    found = found.filter(~found["type"].is_in(["packing", "unpacking"]).fill_null(False))  # these are told by contained_in
    assert {(r["steward"], r["type"]): r["records"] for r in found.iter_rows(named=True)} == records
    assert {(r["steward"], r["type"], r["field"]): r["present"] for r in found.iter_rows(named=True) if r["present"]} == present
    assert set(found["field"]) == set(EXPECTED[kind])


def test_days_until_a_step_is_recorded_are_those_of_the_files(network: Path, covered: Coverage) -> None:
    """Of stewards whose rows were never corrected: a correction is recorded when it is."""
    told, counts = defaultdict[tuple[str, str], list[float]](list), Counter[tuple[str, str]]()
    for row in rows_of(network, "step"):
        counts[row["steward"], row["id"]] += 1
    local = {row["id"] for row in rows_of(network, "organization") if row["time_zone"]}
    corrected = {(steward, row["type"]) for row in rows_of(network, "step") if counts[steward := row["steward"], row["id"]] > 1}
    for row in rows_of(network, "step"):
        ends = [datetime.fromisoformat(row[name]) for name in ("started_at", "ended_at") if row[name]]
        recorded = datetime.fromisoformat(row["recorded_at"])
        if (row["steward"], row["type"]) not in corrected and local and ends and all(end.tzinfo for end in (*ends, recorded)):
            told[row["steward"], row["type"]].append((recorded - max(ends)).total_seconds())
    found = {(r["steward"], r["type"]): r for r in covered.delays.filter(covered.delays["kind"] == "Step").iter_rows(named=True)}
    compared = [key for key in told if found[key]["records"] == len(told[key])]
    assert len(compared) > 20
    for key in compared:
        assert found[key]["p50_s"] == pytest.approx(statistics.median(told[key]), abs=1.1), key
        assert found[key]["undated"] == 0


def test_of_a_whole_network_no_reference_leads_nowhere_and_without_a_file_those_to_it_do(
    covered: Coverage, network: Path, store: SqliteStore
) -> None:
    assert covered.dangling["dangling"].sum() == 0
    net = Network()
    net.step("S", 1, ["object/M", "object/N"], ["object/D"])
    net.material("N")
    net.relate("AT", "event/S", "organization/LAB")
    land(store, net.claims)
    found = {r["relation"]: (r["references"], r["dangling"]) for r in Coverage(view(store)).dangling.iter_rows(named=True)}
    assert found == {"INPUT_TO": (2, 1), "OUTPUT": (1, 1), "AT": (1, 1)}


def test_disagreements_are_those_of_the_records(network_view: View, covered: Coverage) -> None:
    """Record by record, as every other answer tells them."""
    frames = network_view.frames
    ids = frames.shown("Handoff")["id"].to_list()
    expected = Counter[tuple[str, str]]()
    for record in network_view.fetch(ids)[1].values():
        for told in record.disagreements:
            expected.update((value["steward"], told["field"]) for value in told["values"])
    assert sum(expected.values()) > 20
    rows = covered.disagreements.filter((covered.disagreements["kind"] == "Handoff") & (covered.disagreements["disagreed"] > 0))
    assert {(r["steward"], r["field"]): r["disagreed"] for r in rows.iter_rows(named=True)} == expected


def story() -> Network:
    """A shipment told by who gave alone, one told by both, one by who took alone; BANK-OUT is a department of BANK."""
    net = Network()
    for name in ("BANK", "LAB", "FAST"):
        net.say("organization", f"org:{name}", "Organization", name=name, type="cdmo", steward=name)
    net.say("organization", "org:BANK-OUT", "Organization", name="Dispatch", type="department", steward="BANK")
    net.relate("PART_OF", "organization/org:BANK-OUT", "organization/org:BANK", steward="BANK")
    for name, giver, taker in (("H1", True, False), ("H2", True, True), ("H3", False, True)):
        for steward, speaks, told in (("BANK", giver, {"released_at": at(1)}), ("LAB", taker, {"accepted_at": at(9)})):
            if speaks:
                net.say("event", f"waybill:{name}@FAST", "Handoff", steward=steward, **told)
                net.relate("FROM", f"event/waybill:{name}@FAST", "organization/org:BANK-OUT", steward=steward)
                net.relate("TO", f"event/waybill:{name}@FAST", "organization/org:LAB", steward=steward)
                net.relate("CARRIED_BY", f"event/waybill:{name}@FAST", "organization/org:FAST", steward=steward)
    return net


def test_who_has_not_told_its_side_owes_it_to_who_has(store: SqliteStore) -> None:
    land(store, story().claims)
    found = Coverage(view(store))
    names = {number: record.value("name") for number, record in _organizations(found).items()}
    owed = {(names[r["debtor"]], names[r["creditor"]], r["side"]): r["handoffs"] for r in found.owed.iter_rows(named=True)}
    assert owed == {("LAB", "BANK", "taker"): 1, ("BANK", "LAB", "giver"): 1, ("FAST", "BANK", "carrier"): 2}
    sides = found.fields.filter(found.fields["kind"] == "Handoff")
    told = {(r["steward"], r["type"], r["field"]): (r["records"], r["present"]) for r in sides.iter_rows(named=True)}
    assert told["BANK", "giver", "released_at"] == (2, 2)
    assert told["LAB", "taker", "accepted_at|refused_at"] == (2, 2)


def test_organisations_that_are_part_of_each_other_are_owed_as_one(store: SqliteStore) -> None:
    net = story()
    net.relate("PART_OF", "organization/org:BANK", "organization/org:HOLDING", steward="BANK")
    net.relate("PART_OF", "organization/org:HOLDING", "organization/org:BANK", steward="BANK")
    net.say("event", "waybill:H4@FAST", "Handoff", steward="BANK", released_at=at(1))
    for relation, end in (("FROM", "HOLDING"), ("TO", "LAB"), ("CARRIED_BY", "FAST")):
        net.relate(relation, "event/waybill:H4@FAST", f"organization/org:{end}", steward="BANK")
    land(store, net.claims)
    owed = Coverage(view(store)).owed
    assert owed.filter(owed["side"] == "carrier")["handoffs"].to_list() == [3]


def test_a_side_told_under_an_id_of_its_own_is_told_though_it_names_its_party_elsewhere(store: SqliteStore) -> None:
    """LAB's receipt says under its own number when it accepted, and under the waybill from whom to whom."""
    net = story()
    net.say("event", "RECEIPT-1", "Handoff", steward="LAB", accepted_at=at(9))
    net.relate("FROM", "event/RECEIPT-1", "organization/org:BANK-OUT", steward="LAB")
    net.relate("SAME_AS", "event/RECEIPT-1", "event/waybill:H1@FAST", steward="LAB")
    land(store, net.claims)
    found = Coverage(view(store))
    assert "taker" not in found.owed["side"].to_list()
    taken = found.fields.filter((found.fields["type"] == "taker") & (found.fields["field"] == "accepted_at|refused_at"))
    assert taken["records"].to_list() == [3]


def test_who_tells_of_relations_alone_is_listed_and_may_be_asked_for(store: SqliteStore) -> None:
    net = Network()
    net.step("S", 1, steward="LAB", type="test")
    net.relate("INPUT_TO", "object/M", "event/S", steward="FAST")
    land(store, net.claims)
    rows = {row["steward"]: row for row in Covered(view(store)).organizations()}
    assert (rows["FAST"]["required_share"], rows["FAST"]["dangling"]) == (None, 1)
    assert rows["LAB"]["required_share"] == 2 / 5
    assert Covered(view(store), "FAST").organizations() == [rows["FAST"]]
    assert any(line.startswith("FAST") for line in coverage_text(Covered(view(store))))
    with pytest.raises(UnknownIdentifier):
        Covered(view(store), "NOBODY")


def test_what_is_missing_as_often_is_told_in_order_of_its_names(store: SqliteStore) -> None:
    net = Network()
    for number in range(60):
        net.step(f"S{number}", number + 1, steward="LAB", type=f"step {number * 7 % 60:02d}")
    land(store, net.claims)
    told = [line.partition("(")[2].partition(")")[0] for line in coverage_text(Covered(view(store))) if "  LAB: step" in line]
    assert told == [f"step {number:02d}" for number in range(15)]


def test_to_one_party_alone_it_is_not_said_that_nothing_is_owed(store: SqliteStore) -> None:
    land(store, story().claims)
    assert coverage_text(Covered(view(store, "BANK")))[-1].startswith("  not known")


def _organizations(found: Coverage) -> dict[int, Any]:
    frames = found._frames
    shown = frames.shown("Organization")
    records = found._view.fetch(shown["id"].to_list())[1]
    return {number: records[record] for number, record in shown.select("record", "id").iter_rows()}


def test_a_party_sees_what_its_own_records_lack_and_nothing_of_others(store: SqliteStore) -> None:
    """Of a side that it does not see it cannot know whether it was told."""
    land(store, story().claims)
    found = Coverage(view(store, "BANK"))
    assert set(found.fields["steward"]) == {"BANK"}
    assert len(found.owed) == 0
    assert set(found.dangling["steward"]) == {"BANK"}


def test_undated_records_are_counted_apart(store: SqliteStore) -> None:
    net = Network()
    net.step("S1", 1, type="test", recorded=None)
    net.step("S2", 1, type="test", recorded=rid_time(3))
    net.step("S3", None, type="test", recorded=rid_time(3))
    land(store, net.claims)
    [row] = Coverage(view(store)).delays.iter_rows(named=True)
    assert (row["records"], row["undated"], row["p50_s"]) == (3, 2, 2 * 3600.0)


def rid_time(hour: float) -> int:
    """A date of recording."""
    return int(datetime.fromisoformat(at(hour)).timestamp() * 1_000_000)


def test_an_empty_graph_has_nothing_to_cover(store: SqliteStore) -> None:
    found = Coverage(view(store))
    assert [len(getattr(found, name)) for name in ("fields", "delays", "dangling", "disagreements", "owed")] == [0] * 5


def test_the_command_line_and_graphql_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'graph.db'}"
    with SqliteStore_(tmp_path / "graph.db") as store:
        land(store, story().claims)
        assert cli.run(["coverage", "--graph", url, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        query = """{ coverage { organizations { steward requiredShare delayP50S dangling disagreements }
          owed { side handoffs oldest debtor { id } creditor { id } examples { id } } fields(first: 1) { steward field share }
          totals { organizations fields delays dangling disagreements owed } } }"""
        with TestClient(make_app(store, None), base_url="http://localhost") as client:
            answer = client.post("/graphql", json={"query": query}).json()["data"]["coverage"]
    names = {"requiredShare": "required_share", "delayP50S": "delay_p50_s"}
    assert [{names.get(k, k): v for k, v in row.items()} for row in answer["organizations"]] == told["organizations"]
    assert [row["debtor"]["id"] for row in answer["owed"]] == [row["debtor"]["id"] for row in told["owed"]]
    assert [[each["id"] for each in row["examples"]] for row in answer["owed"]] == [row["examples"] for row in told["owed"]]
    assert answer["totals"] == {name: len(told[name]) for name in answer["totals"]}
    assert len(answer["fields"]) == 1 < answer["totals"]["fields"]
    assert cli.run(["coverage", "--graph", url, "--org", "LAB"]) == 0
    text = capsys.readouterr().out
    assert "LAB owes BANK its side (as taker) of 1 handoffs" in text
    assert cli.run(["coverage", "--graph", url, "--org", "NOBODY"]) == 4
    assert rid("event", "waybill:H1@FAST") in str(told["owed"])


class SqliteStore_(SqliteStore):  # noqa: N801 - a store that closes itself
    """A graph that is made, and closed at the end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)

    def __enter__(self) -> "SqliteStore_":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
