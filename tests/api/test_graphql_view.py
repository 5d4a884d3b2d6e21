"""Over GraphQL an organisation is answered as if nobody else had ever loaded, errors included."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from api.app import make_app
from graph.claims import Claim
from graph.sqlite_store import SqliteStore
from tests.networks import land, networks

ENDS = """... on Step { startedAt performedBy { label } inputs { id } outputs { id } subjects { id label stub } }
  ... on Material { type inputTo { id kind } outputOf { id } subjectOf { id } } ... on Container { subjectOf { id } }
  ... on Person { inputTo { id } outputOf { id } about { id } }"""
RECORD = f"""id ids kind label identifiers {{ scheme value assigner }} steward stewards stub retracted start end
  disagreements {{ field values {{ steward value }} }} evidence {{ source at eventId eventHash steward }} {ENDS}"""
LINEAGE = f"""root roots events completeness {{ total depthReached truncated reasons }} parties {{ id label }}
  records(first: 40) {{ totalCount pageInfo {{ hasNextPage endCursor }}
    edges {{ cursor depth afterUse custodian status node {{ {RECORD} }} }} }}
  relations(first: 100) {{ totalCount edges {{ node {{ source type target role stewards from to }} }} }}"""
QUESTIONS = {
    "find": f"query($id: String!) {{ find(text: $id) {{ matches {{ {RECORD} }} }} }}",
    "record": f"query($id: ID!) {{ record(id: $id) {{ {RECORD} }} }}",
    "node": "query($id: ID!) { node(id: $id) { id label } }",
    "lineage": f"query($id: ID!) {{ lineage(id: $id, direction: both) {{ {LINEAGE} }} }}",
    "recall": f"query($id: ID!) {{ recall(ids: [$id]) {{ reached {{ materials doses persons }} {LINEAGE} }} }}",
    "history": """query($id: ID!) { history(id: $id) { totalCount edges { cursor
      node { author steward source at eventId recordedAt record reason values } } } }""",
    "handoffs": """query($id: ID!) { handoffs(carrier: $id) { reasons legs { count from { id } to { id }
      handoffs { waitS event { id } journey { id } } } betweenness { from { id } to { id } } } }""",
    "activities": """{ activities { reasons untold totalWaits waits { objectType source target count couples objects sumS }
      gatherings { activity measure objectType count sumS } } }""",
    "legs": """{ handoffs(legs: true, by: [period]) { reasons legs(first: 100) { count open waitMeanS journeys from { id label }
      to { id label } handoffs(first: 20) { waitS event { id label } next { id label } journey { id } } } } }""",
}


def answers(store: SqliteStore, viewer: str | None, texts: list[str]) -> dict[str, Any]:
    """Every question about every id, and what names none once: status and body."""
    with TestClient(make_app(store, viewer), base_url="http://localhost") as client:
        return {
            f"{name} {text}": (answer.status_code, answer.json())
            for text in texts
            for name, query in QUESTIONS.items()
            if "$id" in query or text == texts[0]
            for answer in [client.post("/graphql", json={"query": query, "variables": {"id": text}})]
        }


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(claims=networks())
def test_a_viewer_is_answered_over_graphql_as_if_nobody_else_had_ever_loaded(claims: list[Claim]) -> None:
    texts = sorted({key or record for claim in claims for record, key in claim.names.items()})
    with tempfile.TemporaryDirectory() as folder:
        mixed, alone = (closing(SqliteStore(Path(folder) / f"{name}.db", create=True)) for name in ("mixed", "alone"))
        with mixed as all_claims, alone as own_claims:
            land(all_claims, claims, moment=1_000_000)
            land(own_claims, [claim for claim in claims if claim.steward == "B"], moment=1_000_000)
            assert answers(all_claims, "B", texts) == answers(own_claims, None, texts)
