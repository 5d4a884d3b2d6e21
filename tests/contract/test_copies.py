"""A copy in another store, and a copy of that copy, answer as the original does."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api import render
from graph.claims import Claim
from graph.copying import copy
from graph.errors import UnknownIdentifier
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Store
from graph.verify import verify
from graph.view import View, view
from queries.lineage import Way, lineage
from queries.recall import recall
from tests.networks import ids_of, land, networks

NETWORKS = 24


def made_by_hypothesis() -> list[list[Claim]]:
    """Random networks beside each other, the same at every run."""
    found: list[list[Claim]] = []

    @settings(
        max_examples=NETWORKS, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(data=st.data())
    def draw(data: st.DataObject) -> None:
        found.append(data.draw(networks(assigner=f"NET{len(found)}")))

    draw()
    return found


def answers(seen: View, root: str, way: Way) -> list[dict[str, Any]]:
    """Lineage and recall of an id, or the error of one that nothing standing names."""
    try:
        record = seen.resolve(root)
        found = render.lineage_json(seen, lineage(seen, [record], way))
        return [found, render.recall_json(seen, recall(seen, [record]))] if way == "both" else [found]
    except UnknownIdentifier as error:
        return [{"error": error.as_dict()}]


@pytest.fixture
def original() -> Iterator[tuple[SqliteStore, list[str]]]:
    """A graph of random networks, and every id in it."""
    opened = SqliteStore(":memory:")
    told = made_by_hypothesis()
    for number, claims in enumerate(told):
        land(opened, claims, load=str(number))
    yield opened, ids_of([claim for claims in told for claim in claims])
    opened.close()


def test_a_copy_and_its_copy_back_have_the_digest_and_the_answers_of_the_original(
    store: Store, fresh: Callable[[], Store], original: tuple[Store, list[str]]
) -> None:
    first, ids = original
    back = fresh()
    assert copy(first, store) == copy(store, back) == first.head()
    graphs = [view(graph, deadline=Deadline(600)) for graph in (first, store, back)]
    roots = sorted(set(ids))[:: max(1, len(set(ids)) // 200)]
    assert len(roots) >= 200
    for number, root in enumerate(roots):
        told = [answers(seen, root, ("up", "down", "both")[number % 3]) for seen in graphs]
        assert told[0] == told[1] == told[2]
    assert verify(store).ok


def test_a_copy_is_continued_where_it_stopped(store: Store, fresh: Callable[[], Store]) -> None:
    source, told = fresh(), made_by_hypothesis()[:2]
    for number, claims in enumerate(told):
        land(source, claims, load=str(number))
        assert copy(source, store) == source.head()
    assert list(store.projection()) == list(source.projection())
