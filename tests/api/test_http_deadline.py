"""The service at its limits, on every store: time that is up, clients that go away, and many slow queries at once.

The store's work has no end of its own: whoever answers has stopped it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from api.app import MOST_AT_ONCE, make_app
from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from graph.store import Scope, Store
from graph.view import view
from queries.lineage import lineage
from tests.networks import Network, land
from tests.waiting import PATIENCE, eventually

SECONDS = 0.5
LONG = 600.0
SQLITE_FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
NEO4J_FOREVER = "UNWIND range(1, 1000000000) AS a UNWIND range(1, 1000000000) AS b WITH b WHERE b % 7 = 8 RETURN count(b)"
RECORD = '{ record(id: "M-1@NET") { label } }'
LINEAGE = '{ lineage(id: "M-1@NET") { completeness { truncated reasons } } }'
Ask = Callable[[str], tuple[int, dict[str, Any]]]
"""A query's status and body."""


class Work:
    """Reads without end, as many as are running in the store."""

    def __init__(self) -> None:
        self.running = 0
        self._lock = threading.Lock()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts what runs inside."""
        with self._lock:
            self.running += 1
        try:
            yield
        finally:
            with self._lock:
                self.running -= 1

    def comes_to(self, running: int) -> bool:
        """Whether so many reads run, at some time soon."""
        return eventually(lambda: self.running == running)


@pytest.fixture(params=["sqlite", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One material on one store."""
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "graph.db", create=True)
    else:
        opened = Neo4jStore(request.getfixturevalue("clean_neo4j"), create=True)
    net = Network()
    net.material("M-1")
    land(opened, net.claims)
    plan(opened)
    with closing(opened):
        yield opened


def plan(store: Store) -> None:
    """Have a new server plan the statements of a lineage, and of ending one, which may take it longer than `SECONDS`."""
    lineage(view(store, None), ["M-1@NET"])
    if isinstance(store, Neo4jStore):
        store._bolt._terminate([])


@pytest.fixture
def work(store: Store, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Makes every walk, and every read of what stands, one statement that the store works on until it is stopped."""
    told = Work()

    def endless(_ids: Any, *more: Any) -> Any:
        scope = next(each for each in more if isinstance(each, Scope))
        with told.counted():
            if isinstance(store, SqliteStore):
                return store._rows(scope, SQLITE_FOREVER, ())
            assert isinstance(store, Neo4jStore)
            return store._bolt.read(scope.deadline, NEO4J_FOREVER)

    monkeypatch.setattr(store, "reach", endless)
    monkeypatch.setattr(store, "get", endless)
    return told


@pytest.fixture
def port(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a running service that sees everything, on a machine that may take long to tell what was read."""
    monkeypatch.setenv("VEINTRACE_TIMEOUT", str(SECONDS))
    monkeypatch.setattr("api.graphql_loading.GRACE", PATIENCE)
    server = uvicorn.Server(uvicorn.Config(make_app(store, None), port=0, log_level="error", ws="none"))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    running.join(PATIENCE)
    assert not running.is_alive()


@pytest.fixture
def ask(port: int) -> Ask:
    """Asks the service a query."""

    def send(query: str) -> tuple[int, dict[str, Any]]:
        answer = httpx2.post(f"http://localhost:{port}/graphql", json={"query": query}, timeout=PATIENCE)
        return answer.status_code, answer.json()

    return send


def begin(port: int, query: str) -> HTTPConnection:
    """A client that has asked and waits."""
    client = HTTPConnection("localhost", port, timeout=PATIENCE)
    client.request("POST", "/graphql", json.dumps({"query": query}), {"content-type": "application/json"})
    return client


def assert_idle(store: Store, work: Work) -> None:
    """No read is running any more, in the server neither."""
    assert work.comes_to(0)
    if isinstance(store, Neo4jStore):
        rows = store._bolt.rows("SHOW TRANSACTIONS YIELD metaData WHERE metaData.veintrace IS NOT NULL RETURN count(*)")
        assert rows == [[0]]


def test_a_query_over_its_deadline_is_answered_with_the_typed_error_and_its_status(store: Store, work: Work, ask: Ask) -> None:
    status, body = ask(RECORD)
    assert status == 504
    assert body["data"] is None
    assert body["errors"][0]["extensions"] == {"code": "DEADLINE_EXCEEDED", "seconds": SECONDS}
    assert_idle(store, work)


def test_a_lineage_over_its_deadline_is_answered_as_partial(store: Store, work: Work, ask: Ask) -> None:
    status, body = ask(LINEAGE)
    assert (status, body) == (200, {"data": {"lineage": {"completeness": {"truncated": True, "reasons": ["TIME"]}}}})
    assert_idle(store, work)


@pytest.mark.parametrize("query", [RECORD, LINEAGE])
def test_the_store_is_idle_after_the_client_has_gone(
    store: Store, work: Work, port: int, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setenv("VEINTRACE_TIMEOUT", str(LONG))
    client = begin(port, query)
    assert work.comes_to(1)
    client.close()
    assert_idle(store, work)


def test_many_slow_queries_at_once_all_end_at_their_deadline(store: Store, work: Work, ask: Ask) -> None:
    count = 3 * MOST_AT_ONCE
    with ThreadPoolExecutor(count) as clients:
        answers = [each.result() for each in [clients.submit(ask, RECORD) for _ in range(count)]]
    assert {status for status, _ in answers} == {504}
    assert {body["errors"][0]["extensions"]["code"] for _, body in answers} == {"DEADLINE_EXCEEDED"}
    assert_idle(store, work)


def test_many_slow_queries_at_once_hold_up_neither_health_nor_readiness(
    store: Store, work: Work, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEINTRACE_TIMEOUT", str(LONG))
    clients = [begin(port, RECORD) for _ in range(3 * MOST_AT_ONCE)]
    assert work.comes_to(MOST_AT_ONCE)
    for path in ("health", "ready"):
        assert httpx2.get(f"http://localhost:{port}/{path}", timeout=PATIENCE).status_code == 200
    assert work.running == MOST_AT_ONCE
    for client in clients:
        client.close()
    assert_idle(store, work)
