"""Recall of a whole graph at once gives what recall gives, record by record."""

from hypothesis import HealthCheck, Phase, given, settings

from graph.claims import Claim
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from queries.containment import EVER, Window
from queries.mass_recall import recall_all
from queries.recall import recall
from tests.networks import BASE, HOUR, ids_of, land, networks, ordered, performed

ORDER = "coi:COI-0000004"


def assert_equal(seen: View, root: str, period: Window = EVER) -> None:
    one, whole = recall(seen, [root], period=period), recall_all(seen, [root], period=period)
    found = {row["id"]: row for row in whole.rows.to_dicts()}
    assert found.keys() == one.lineage.records.keys()
    joined = seen.joined({holder for holder in one.custodian.values() if holder})
    for record, row in found.items():
        holder = one.custodian.get(record)
        assert row["custodian"] == (min(joined[holder]) if holder else None), record
        assert row["status"] == one.status.get(record), record
        assert row["kind"] == one.lineage.records[record].kind
    if one.reached:
        assert (whole.materials, whole.doses, whole.persons) == (one.reached.materials, one.reached.doses, one.reached.persons)


@settings(
    max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(claims=networks().map(performed).map(ordered))
def test_it_equals_recall_on_any_network(claims: list[Claim]) -> None:
    store = SqliteStore(":memory:")
    land(store, claims)
    for viewer in (None, *view(store).stewards):
        seen = view(store, viewer)
        roots = {min(group) for group in seen.joined(seen._store.known(ids_of(claims), seen._scope)).values()}
        for root in sorted(roots):
            assert_equal(seen, root)
            assert_equal(seen, root, Window(BASE, BASE + 20 * HOUR))
    store.close()


def test_it_equals_recall_on_a_generated_network(network_view: View) -> None:
    for text in (
        "lot:MD-900@mediara",
        "PAT-0000004@lakeside",
        "DON-N000002-1@lumisang",
        "FRZ-1@st-vera",
        "SHP-00003@skylane",
        ORDER,
    ):
        for root in network_view.find(text):
            assert_equal(network_view, root)
