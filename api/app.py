"""The ASGI application: GraphQL and its query page for one viewer, health and readiness."""

import asyncio
import logging
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import uvicorn
from graphql import GraphQLError, parse, validate
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from api import limits, settings
from api.graphql_loading import Request
from api.schema import schema
from graph.errors import DeadlineExceeded, TraceError, UsageError
from graph.store import Deadline, Store

MOST_BYTES = 256 * 1024
_PAGES = Path(__file__).parent / "pages"
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_log = logging.getLogger("veintrace")


def make_app(store: Store, viewer: str | None) -> Starlette:
    """The application over one store for one viewer (None sees all; bind it to loopback only)."""
    door = _Door(store, viewer)
    routes = [
        Route("/", door.page),
        Route("/graphql", door.graphql, methods=["GET", "POST"]),
        Route("/query.js", door.script),
        Route("/health", door.health),
        Route("/ready", door.ready),
    ]
    return Starlette(routes=routes)


def serve(store: Store, host: str, port: int, viewer: str | None) -> None:
    """Serve until interrupted; one JSON line a request on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    uvicorn.run(make_app(store, viewer), host=host, port=port, log_level="warning", access_log=False)


def _answer(body: Any, status: int, request_id: str) -> Response:
    return Response(orjson.dumps(body), status, {**_HEADERS, "x-request-id": request_id}, "application/json")


class _Door:
    """The endpoints."""

    def __init__(self, store: Store, viewer: str | None) -> None:
        self.store, self.viewer = store, viewer

    async def page(self, _: HttpRequest) -> Response:
        """The query page: no network but this service."""
        return Response((_PAGES / "query.html").read_bytes(), headers=_HEADERS, media_type="text/html")

    async def script(self, _: HttpRequest) -> Response:
        """The query page's script."""
        return Response((_PAGES / "query.js").read_bytes(), headers=_HEADERS, media_type="text/javascript")

    async def health(self, _: HttpRequest) -> Response:
        """The process is up."""
        return _answer({"status": "up"}, 200, _new_id())

    async def ready(self, _: HttpRequest) -> Response:
        """The store answers."""
        request_id = _new_id()
        try:
            await asyncio.to_thread(self.store.head)
        except TraceError as error:
            return _answer({"error": {"code": error.code, "message": "the graph does not answer"}}, 503, request_id)
        return _answer({"status": "ready"}, 200, request_id)

    async def graphql(self, http: HttpRequest) -> Response:
        """One GraphQL request; a browser that asks for a page gets the query page."""
        if http.method == "GET" and "text/html" in http.headers.get("accept", ""):
            return await self.page(http)
        request_id, begun = _new_id(), monotonic()
        try:
            asked = await _asked(http)
            status, body = await self._execute(http, asked, request_id)
        except TraceError as error:
            status, body = error.http_status, {"errors": [_told(error)]}
        codes = [error["extensions"]["code"] for error in body.get("errors", [])]
        line = {
            "event": "graphql",
            "request": request_id,
            "status": status,
            "errors": codes,
            "ms": round((monotonic() - begun) * 1000),
        }
        _log.info(orjson.dumps(line).decode())
        return _answer(body, status, request_id)

    async def _execute(self, http: HttpRequest, asked: dict[str, Any], request_id: str) -> tuple[int, dict[str, Any]]:
        variables = asked.get("variables") or {}
        problem = _checked(asked["query"], variables, asked.get("operationName"))
        if problem:
            return 400, {"errors": problem}
        deadline = Deadline(settings.timeout())
        async with _watched(http, deadline):
            work = schema.execute(
                asked["query"], variables, Request(self.store, self.viewer, deadline), operation_name=asked.get("operationName")
            )
            try:
                result = await asyncio.wait_for(work, deadline.seconds + 1)
            except TimeoutError:
                deadline.cancel()
                raise DeadlineExceeded(deadline.seconds) from None
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [_masked(error, request_id) for error in result.errors]
        return 200, body


def _new_id() -> str:
    return uuid.uuid4().hex


async def _asked(http: HttpRequest) -> dict[str, Any]:
    """The request's query, variables and operation name. Raises `UsageError`."""
    if http.method == "GET":
        text = http.query_params.get("query")
        asked: Any = {"query": text, "operationName": http.query_params.get("operationName")}
        try:
            asked["variables"] = orjson.loads(http.query_params.get("variables") or "{}")
        except orjson.JSONDecodeError:
            raise UsageError("variables are not JSON", field="variables") from None
    else:
        if http.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise UsageError("send application/json", field="content-type")
        body = b""
        async for chunk in http.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise UsageError(f"a request may have {MOST_BYTES:,} bytes", limit="bytes")
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise UsageError(f"the body is not JSON: {error.msg}", field="body") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str) or not isinstance(asked.get("variables") or {}, dict):
        raise UsageError('send {"query": "...", "variables": {...}}', field="query")
    return asked


def _checked(query: str, variables: dict[str, Any], operation: str | None) -> list[dict[str, Any]]:
    """Errors of syntax and validity. Raises `QueryTooCostly` where the query passes a limit."""
    try:
        document = parse(query, max_tokens=limits.MOST_TOKENS)
    except GraphQLError as error:
        return [_invalid(error)]
    inner = schema._schema
    errors = validate(inner, document)
    if errors:
        return [_invalid(error) for error in errors]
    limits.check(inner, document, variables, operation)
    return []


def _invalid(error: GraphQLError) -> dict[str, Any]:
    told = dict(error.formatted)
    told["extensions"] = {"code": "INVALID_QUERY"}
    return told


def _told(error: TraceError) -> dict[str, Any]:
    return {"message": error.message, "extensions": {"code": error.code, **error.fields}}


def _masked(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """An error for the caller: ours as it is, anything unforeseen by its request id alone."""
    told = dict(error.formatted)
    cause = error.original_error
    if isinstance(cause, TraceError):
        told.update(_told(cause))
    elif cause is None:
        told["extensions"] = {"code": "INVALID_QUERY"}
    else:
        _log.error(orjson.dumps({"event": "failure", "request": request_id, "type": type(cause).__name__}).decode())
        told["message"] = f"unexpected failure; the log knows it as request {request_id}"
        told["extensions"] = {"code": "TRACE_ERROR", "request": request_id}
    return told


@asynccontextmanager
async def _watched(http: HttpRequest, deadline: Deadline) -> AsyncIterator[None]:
    """Cancels the deadline, and so the work in the store, when the client goes away."""

    async def watch() -> None:
        while not await http.is_disconnected():
            await asyncio.sleep(0.1)
        deadline.cancel()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
