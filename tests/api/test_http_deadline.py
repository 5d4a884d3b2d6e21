"""The service at its limits, on every store: time that is up, clients that go away, and many slow queries at once.

`GRACE` is what an answer may take beyond the service's own second to tell what it read (`graphql_loading.GRACE`)."""

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
from api.graphql_loading import GRACE as TELLING
from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from graph.store import Scope, Store
from graph.view import view
from queries.lineage import lineage
from tests.networks import Network, land

SECONDS = 0.5
GRACE = 1.0
SQLITE_FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
NEO4J_FOREVER = "UNWIND range(1, 1000000000) AS a WITH a WHERE a % 7 = 8 RETURN count(a)"
RECORD = '{ record(id: "M-1@NET") { label } }'
LINEAGE = '{ lineage(id: "M-1@NET") { completeness { truncated reasons } } }'


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

    def wait_for(self, running: int, seconds: float) -> bool:
        """Whether so many reads run within that time."""
        until = time.monotonic() + seconds
        while self.running != running:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True


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
    """The port of a running service that sees everything."""
    monkeypatch.setenv("VEINTRACE_TIMEOUT", str(SECONDS))
    server = uvicorn.Server(uvicorn.Config(make_app(store, None), port=0, log_level="error", ws="none"))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    running.join(10)
    assert not running.is_alive()


@pytest.fixture
def ask(port: int) -> Callable[[str], tuple[int, dict[str, Any], float]]:
    """Asks the service a query: status, body, and the seconds it took."""

    def send(query: str) -> tuple[int, dict[str, Any], float]:
        begun = time.monotonic()
        answer = httpx2.post(f"http://localhost:{port}/graphql", json={"query": query}, timeout=20)
        return answer.status_code, answer.json(), time.monotonic() - begun

    return send


def assert_idle(store: Store, work: Work) -> None:
    """Within a second no read is running, in the server neither."""
    assert work.wait_for(0, 1)
    if isinstance(store, Neo4jStore):
        rows = store._bolt.rows("SHOW TRANSACTIONS YIELD metaData WHERE metaData.veintrace IS NOT NULL RETURN count(*)")
        assert rows == [[0]]


def test_a_query_over_its_deadline_is_answered_with_the_typed_error_and_its_status(
    store: Store, work: Work, ask: Callable[[str], tuple[int, dict[str, Any], float]]
) -> None:
    status, body, took = ask(RECORD)
    assert status == 504
    assert body["data"] is None
    assert body["errors"][0]["extensions"] == {"code": "DEADLINE_EXCEEDED", "seconds": SECONDS}
    assert took < SECONDS + GRACE
    assert_idle(store, work)


def test_a_lineage_over_its_deadline_is_answered_as_partial(
    store: Store, work: Work, ask: Callable[[str], tuple[int, dict[str, Any], float]]
) -> None:
    status, body, took = ask(LINEAGE)
    assert (status, body) == (200, {"data": {"lineage": {"completeness": {"truncated": True, "reasons": ["TIME"]}}}})
    assert took < SECONDS + GRACE
    assert_idle(store, work)


@pytest.mark.parametrize("query", [RECORD, LINEAGE])
def test_the_store_is_idle_within_a_second_after_the_client_has_gone(
    store: Store, work: Work, port: int, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setenv("VEINTRACE_TIMEOUT", "60")
    client = HTTPConnection("localhost", port)
    client.request("POST", "/graphql", json.dumps({"query": query}), {"content-type": "application/json"})
    assert work.wait_for(1, 5)
    client.close()
    assert_idle(store, work)


def test_many_slow_queries_at_once_all_end_in_time_and_hold_up_neither_health_nor_readiness(
    store: Store, work: Work, port: int, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], tuple[int, dict[str, Any], float]]
) -> None:
    seconds = 2.0
    monkeypatch.setenv("VEINTRACE_TIMEOUT", str(seconds))
    count = 3 * MOST_AT_ONCE
    with ThreadPoolExecutor(count) as clients:
        asking = [clients.submit(ask, RECORD) for _ in range(count)]
        assert work.wait_for(MOST_AT_ONCE, 1.5)
        for path in ("health", "ready"):
            begun = time.monotonic()
            assert httpx2.get(f"http://localhost:{port}/{path}").status_code == 200
            assert time.monotonic() - begun < 1
        answers = [each.result() for each in asking]
    assert {status for status, _, _ in answers} == {504}
    assert {body["errors"][0]["extensions"]["code"] for _, body, _ in answers} == {"DEADLINE_EXCEEDED"}
    assert max(took for _, _, took in answers) < seconds + TELLING + GRACE
    assert_idle(store, work)
