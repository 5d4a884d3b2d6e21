"""The service over HTTP: it stays free for others, stops work nobody waits for, and answers every mistake in JSON."""

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.testclient import TestClient

from api import app
from api.app import make_app, serve
from graph.errors import NotPermitted, StoreUnavailable
from graph.sqlite_store import SqliteStore
from graph.store import Scope
from loaders.pipeline import Options, load
from tests.waiting import PATIENCE

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
"""A statement that SQLite works on until it is stopped."""
ASKED = {"query": '{ lineage(id: "M-1@H") { completeness { total truncated reasons } } }'}


class Working:
    """What the store was seen doing: `begun` and `ended` say when; a read in between is one statement without end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

        def reach(store: SqliteStore, _ids: Any, _direction: Any, scope: Scope, _limit: int) -> Any:
            self.begun.set()
            try:
                return store._rows(scope, FOREVER, ())
            finally:
                self.ended.set()

        monkeypatch.setattr(SqliteStore, "reach", reach)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """One material of one organisation."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "material.csv").write_text("id,steward\nM-1,H\n")
    with closing(SqliteStore(tmp_path / "graph.db", create=True)) as opened:
        load(opened, [tmp_path / "bundle"], Options(author="tester", quarantine=tmp_path / "quarantine"))
        yield opened


@pytest.fixture
def port(store: SqliteStore) -> Iterator[int]:
    """The port of a running service that sees everything."""
    server = uvicorn.Server(uvicorn.Config(make_app(store, None), port=0, log_level="error", ws="none"))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    running.join(PATIENCE)
    assert not running.is_alive()


def test_a_query_is_stopped_in_the_store_when_its_time_is_up(
    store: SqliteStore, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEINTRACE_TIMEOUT", "0.3")
    monkeypatch.setattr("api.graphql_loading.GRACE", PATIENCE)
    working = Working(monkeypatch)
    answer = httpx2.post(f"http://localhost:{port}/graphql", json=ASKED, timeout=PATIENCE).json()
    assert answer["data"]["lineage"]["completeness"] == {"total": 0, "truncated": True, "reasons": ["TIME"]}
    assert working.ended.is_set()


def test_the_store_is_idle_after_the_client_has_gone(store: SqliteStore, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    working = Working(monkeypatch)
    client = HTTPConnection("localhost", port)
    client.request("POST", "/graphql", json.dumps(ASKED), {"content-type": "application/json"})
    assert working.begun.wait(PATIENCE)
    assert not working.ended.wait(0.5)
    client.close()
    assert working.ended.wait(PATIENCE)


def test_others_are_answered_while_a_query_runs(store: SqliteStore, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    working = Working(monkeypatch)
    client = HTTPConnection("localhost", port)
    client.request("POST", "/graphql", json.dumps(ASKED), {"content-type": "application/json"})
    assert working.begun.wait(PATIENCE)
    for path in ("health", "ready", "graphql?query={__typename}"):
        assert httpx2.get(f"http://localhost:{port}/{path}", timeout=PATIENCE).status_code == 200
    assert not working.ended.is_set()
    client.close()
    assert working.ended.wait(PATIENCE)


def test_the_service_is_free_while_an_answer_is_put_together(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, free = threading.Event(), threading.Event()

    def told(*_: Any) -> dict[str, Any]:
        begun.set()
        assert free.wait(PATIENCE), "the service answered nobody else meanwhile"
        return {"claims": []}

    async def ask() -> None:
        transport = httpx2.ASGITransport(app=make_app(store, None))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = {"query": '{ history(id: "M-1@H", first: 9) { totalCount } }'}
            asking = asyncio.create_task(client.post("/graphql", json=asked))
            while not begun.is_set():
                await asyncio.sleep(0.005)
            assert (await client.get("/health")).status_code == 200
            free.set()
            assert (await asking).json() == {"data": {"history": {"totalCount": 0}}}

    monkeypatch.setattr("api.render.history_json", told)
    asyncio.run(ask())


def test_who_sends_a_query_too_slowly_is_not_waited_for(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many who begin a body and never end it would hold what has come in memory."""
    monkeypatch.setenv("VEINTRACE_TIMEOUT", "0.1")
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    answer: list[Any] = []

    async def one_letter_a_moment() -> Any:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def keep(message: Any) -> None:
        answer.append(message)

    asyncio.run(make_app(store, None)(scope, one_letter_a_moment, keep))
    assert (answer[0]["status"], json.loads(answer[1]["body"])["errors"][0]["extensions"]["code"]) == (400, "USAGE")


def test_a_service_that_sees_everything_is_refused_on_an_address_of_others(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted, match="name a viewer"):
        serve(store, "0.0.0.0", 8000, None, tmp_path)


def test_a_service_that_sees_everything_is_asked_as_localhost_only(store: SqliteStore) -> None:
    asked = {"query": '{ record(id: "M-1@H") { label } }'}
    with TestClient(make_app(store, None), base_url="http://rebound.example:8000") as client:
        answer = client.post("/graphql", json=asked)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_PERMITTED"
    for name in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
        with TestClient(make_app(store, None), base_url=f"http://{name}") as client:
            assert client.post("/graphql", json=asked).json() == {"data": {"record": {"label": "M-1"}}}
    with TestClient(make_app(store, "H"), base_url="http://trace.example") as client:
        assert client.post("/graphql", json=asked).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/graphql", 405)])
def test_a_door_that_is_not_there_is_told_in_json(store: SqliteStore, method: str, path: str, status: int) -> None:
    with TestClient(make_app(store, None)) as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"]["code"] == "USAGE"


@pytest.mark.parametrize("failure", [StoreUnavailable("no disk"), sqlite3.OperationalError("disk I/O error")])
def test_a_service_whose_store_does_not_answer_is_up_but_not_ready(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def broken(_: SqliteStore) -> None:
        raise failure

    monkeypatch.setattr(SqliteStore, "head", broken)
    with TestClient(make_app(store, None)) as client:
        assert client.get("/health").status_code == 200
        answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "STORE_UNAVAILABLE"


def test_a_failure_outside_the_query_is_masked_too(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("patient Smith")

    monkeypatch.setattr(app, "_checked", broken)
    with TestClient(make_app(store, None), base_url="http://localhost") as client:
        answer = client.post("/graphql", json=ASKED)
    assert answer.status_code == 500
    assert "Smith" not in answer.text
    assert answer.json()["errors"][0]["extensions"] == {"code": "TRACE_ERROR", "request": answer.headers["x-request-id"]}


def test_the_log_has_one_json_line_a_request_and_no_identifier(store: SqliteStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "veintrace")
    with TestClient(make_app(store, None), base_url="http://localhost") as client:
        answer = client.post("/graphql", json={"query": '{ record(id: "Smith-1970") { id } }'})
    lines = [json.loads(record.message) for record in caplog.records if record.name == "veintrace"]
    assert [(line["event"], line["status"], line["errors"]) for line in lines] == [("graphql", 200, ["UNKNOWN_IDENTIFIER"])]
    assert lines[0]["request"] == answer.headers["x-request-id"]
    assert "Smith" not in caplog.text
