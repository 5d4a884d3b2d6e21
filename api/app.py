"""The ASGI application: GraphQL and its query page for one viewer, health and readiness."""

import asyncio
import logging
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from html import escape
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import orjson
import uvicorn
from graphql import GraphQLError, OperationType, get_operation_ast, parse, validate
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api import limits, settings
from api.graphql_loading import Request
from api.schema import schema
from api.snapshots import Snapshots
from api.uploads import IDLE, Upload, Uploads, file_name, tokens
from api.uploads import MOST_BYTES as MOST_UPLOADED
from graph.errors import DeadlineExceeded, NotPermitted, TooLarge, TraceError, UsageError
from graph.store import Store
from loaders.room import Room

MOST_BYTES = 256 * 1024
MOST_AT_ONCE = 8
"""Queries worked on at one time; others wait, and their deadline runs."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names of this machine, for this machine alone."""
_PARAMETERS = ("name", "format", "encoding", "dry_run")
"""What `/load` may be asked with."""
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_PAGES = Path(__file__).parent / "pages"
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_log = logging.getLogger("veintrace")
T = TypeVar("T")
Answer = tuple[int, dict[str, Any]]
"""Status and JSON."""


def make_app(store: Store, viewer: str | None, cache: Path | None = None) -> Starlette:
    """The application over one store for one viewer (None sees all; bind it to loopback only).

    Snapshots of the graph are kept in the folder `cache`; without one in memory alone. Who may load is in the environment.
    Raises `UsageError` where that does not fit."""
    door = _Door(store, viewer, cache)
    routes = [
        Route("/", door.page),
        Route("/graphql", door.graphql, methods=["GET", "POST"]),
        Route("/query.js", door.script),
        Route("/load", door.load, methods=["POST"]),
        Route("/load/{load_id}/refused.zip", door.refused),
        Route("/health", door.health),
        Route("/ready", door.ready),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_such_door}, lifespan=door.lifespan)


def serve(store: Store, host: str, port: int, viewer: str | None, cache: Path) -> None:
    """Serve until interrupted; one JSON line a request on stderr.

    Raises `NotPermitted` for an address others can reach where no viewer is named: such a service sees everything."""
    if viewer is None and host not in LOOPBACK:
        raise NotPermitted("without --viewer the service sees everything and listens on loopback only; name a viewer", host=host)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    uvicorn.run(make_app(store, viewer, cache), host=host, port=port, log_level="warning", access_log=False)


def _no_such_door(_: HttpRequest, error: Exception) -> Response:
    """A path or method there is none of."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    told = UsageError("ask /graphql by GET or POST, load by POST to /load; /health and /ready tell how the service is")
    return _answer({"errors": [_told(told)]}, status, _new_id())


def _answer(body: Any, status: int, request_id: str) -> Response:
    return Response(orjson.dumps(body), status, {**_HEADERS, "x-request-id": request_id}, "application/json")


class _Door:
    """The endpoints."""

    def __init__(self, store: Store, viewer: str | None, cache: Path | None) -> None:
        self.store, self.viewer = store, viewer
        self._workers = ThreadPoolExecutor(MOST_AT_ONCE, "query")
        self._snapshots = Snapshots(store, cache)
        self._uploads = Uploads(store, Path(settings.value("VEINTRACE_QUARANTINE")), tokens())

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Lets go of the workers at the end."""
        yield
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._snapshots.close()
        self._uploads.close()

    async def page(self, _: HttpRequest) -> Response:
        """The query page: no network but this service."""
        sees = f"You see what {self.viewer} may see." if self.viewer else "You see everything: no viewer is set."
        text = (_PAGES / "query.html").read_text(encoding="utf-8").replace("{{viewer}}", escape(sees))
        return Response(text, headers=_HEADERS, media_type="text/html")

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
        except Exception as error:
            _log_failure(error, request_id)
            return _answer({"error": {"code": "STORE_UNAVAILABLE", "message": "the graph does not answer"}}, 503, request_id)
        return _answer({"status": "ready"}, 200, request_id)

    async def graphql(self, http: HttpRequest) -> Response:
        """One GraphQL request; a browser that asks for a page gets the query page."""
        if http.method == "GET" and "text/html" in http.headers.get("accept", ""):
            return await self.page(http)
        return await self._answered(http, "graphql", self._graphql)

    async def _graphql(self, http: HttpRequest, request_id: str) -> Answer:
        self._permit(http)
        try:
            asked = await asyncio.wait_for(_asked(http), settings.timeout())
        except TimeoutError:
            raise UsageError("the query did not come in time; send it again", limit="seconds") from None
        return await self._execute(http, asked, request_id)

    def _permit(self, http: HttpRequest) -> None:
        """Without a viewer, answer only what was addressed to this machine by a name of loopback: a page of another site
        whose name was pointed at 127.0.0.1 (DNS rebinding) would otherwise read everything. Raises `NotPermitted`."""
        if self.viewer is None and http.url.hostname not in LOOPBACK:
            raise NotPermitted("without --viewer the service is asked as localhost only; name a viewer", host=http.url.hostname)

    async def _execute(self, http: HttpRequest, asked: dict[str, Any], request_id: str) -> tuple[int, dict[str, Any]]:
        variables, operation = asked.get("variables") or {}, asked.get("operationName")
        sent = http.headers.get("authorization")
        request = Request(self.store, self.viewer, settings.timeout(), self._snapshots, self._uploads, sent)
        async with _watched(http, request):
            if problem := await self._work(lambda: _checked(asked, http.method), request):
                return 400, {"errors": problem}
            result = await self._work(
                lambda: asyncio.run(schema.execute(asked["query"], variables, request, operation_name=operation)), request
            )
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [_masked(error, request_id) for error in result.errors]
        if result.data is None and any(isinstance(error.original_error, DeadlineExceeded) for error in result.errors or ()):
            return DeadlineExceeded.http_status, body
        return 200, body

    async def load(self, http: HttpRequest) -> Response:
        """`POST /load?name=FILE`: the body is one file, or an archive of several, from whom the token stands for."""
        return await self._answered(http, "load", self._load)

    async def refused(self, http: HttpRequest) -> Response:
        """What a load refused, as files to be mended and sent again."""
        return await self._answered(http, "refused", self._refused)

    async def _answered(
        self, http: HttpRequest, event: str, answer: Callable[[HttpRequest, str], Awaitable[Answer | Response]]
    ) -> Response:
        """An answer (a file as it is, else in JSON), or the error in JSON; logged in one line."""
        request_id, begun = _new_id(), monotonic()
        try:
            told = await answer(http, request_id)
        except TraceError as error:
            told = error.http_status, {"errors": [_told(error)]}
        except Exception as error:
            told = 500, {"errors": [_unforeseen(error, request_id)]}
        codes = [] if isinstance(told, Response) else [error["extensions"]["code"] for error in told[1].get("errors", [])]
        response = told if isinstance(told, Response) else _answer(told[1], told[0], request_id)
        response.headers["x-request-id"] = request_id
        line = {
            "event": event,
            "request": request_id,
            "status": response.status_code,
            "errors": codes,
            "ms": round((monotonic() - begun) * 1000),
        }
        _log.info(orjson.dumps(line).decode())
        return response

    async def _load(self, http: HttpRequest, _: str) -> Answer:
        steward, asked = self._uploads.steward(http.headers.get("authorization")), http.query_params
        dry_run = _dry_run(asked)
        with self._uploads.receiving(steward) as folder:
            await _received(http, folder / file_name(asked.get("name")))
            upload = Upload(
                steward,
                folder,
                http.headers.get("idempotency-key"),
                asked.get("format"),
                asked.get("encoding"),
                dry_run,
            )
            landed = self._uploads.land(upload)
        return 200, await asyncio.shield(asyncio.wrap_future(landed))

    async def _refused(self, http: HttpRequest, _: str) -> Response:
        steward = self._uploads.steward(http.headers.get("authorization"))
        parts = await asyncio.to_thread(self._uploads.refused, steward, http.path_params["load_id"])
        headers = {**_HEADERS, "content-disposition": 'attachment; filename="refused.zip"'}
        return StreamingResponse(parts, headers=headers, media_type="application/zip")

    async def _work(self, work: Callable[[], T], request: Request) -> T:
        """The result of `work`, done by a worker so that the service answers others meanwhile. Raises `DeadlineExceeded`."""
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(self._workers, work), request.end.remaining())
        except TimeoutError:
            request.cancel()
            raise DeadlineExceeded(request.end.seconds) from None
        except asyncio.CancelledError:
            request.cancel()
            raise


def _new_id() -> str:
    return uuid.uuid4().hex


def _dry_run(asked: QueryParams) -> bool:
    """Whether a load is only to be tried. Raises `UsageError` for that and for any other parameter that is not understood: what was
    meant to be tried must not land."""
    if unknown := asked.keys() - _PARAMETERS:
        raise UsageError(f"{min(unknown)!r} is no parameter; give {', '.join(_PARAMETERS)}", field=min(unknown))
    told = asked.get("dry_run", "false").lower()
    if told not in _TRUTHS:
        raise UsageError(f"dry_run is true or false, not {told!r}", field="dry_run")
    return _TRUTHS[told]


async def _received(http: HttpRequest, path: Path) -> None:
    """Write the body of a request to a file as it comes. Raises `TooLarge`, `DiskFull`, and `UsageError` for one that stops
    coming."""
    chunks, size, room = aiter(http.stream()), 0, Room(path.parent)
    declared = http.headers.get("content-length", "")[:20]  # one digit more than any disk has bytes
    if declared.isdecimal():
        _bounded(int(declared))
        room.look(int(declared))
    with path.open("wb") as file:
        while True:
            try:
                chunk = await asyncio.wait_for(anext(chunks), IDLE)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise UsageError(f"nothing came for {IDLE} seconds; send it again", limit="seconds") from None
            size += len(chunk)
            _bounded(size)
            room.take(len(chunk))
            file.write(chunk)
    if not size:
        raise UsageError("the body is empty; send a file", field="body")


def _bounded(size: int) -> None:
    if size > MOST_UPLOADED:
        raise TooLarge(MOST_UPLOADED)


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
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        raise UsageError('send {"query": "...", "variables": {...}}', field="query")
    for name, kind in (("variables", dict), ("operationName", str)):
        if asked.get(name) is not None and not isinstance(asked[name], kind):
            raise UsageError(f"{name} is of the wrong kind; send a {kind.__name__}", field=name)
    return asked


def _checked(asked: dict[str, Any], method: str) -> list[dict[str, Any]]:
    """Errors of syntax and validity. Raises `QueryTooCostly` where the query passes a limit, `UsageError` for a mutation by GET."""
    variables, operation = asked.get("variables") or {}, asked.get("operationName")
    try:
        document = parse(asked["query"], max_tokens=limits.MOST_TOKENS)
    except GraphQLError as error:
        return [_invalid(error)]
    inner = schema._schema
    errors = validate(inner, document)
    if errors:
        return [_invalid(error) for error in errors]
    try:
        limits.check(inner, document, variables, operation)
    except GraphQLError as error:
        return [_invalid(error)]
    chosen = get_operation_ast(document, operation)
    if method == "GET" and chosen is not None and chosen.operation is not OperationType.QUERY:
        raise UsageError("send mutations by POST", field="query")
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
        told.update(_unforeseen(cause, request_id))
    return told


def _unforeseen(error: Exception, request_id: str) -> dict[str, Any]:
    """What is told of a failure with no code of its own; its text may name a person, so only its type is logged."""
    _log_failure(error, request_id)
    message = f"unexpected failure; the log knows it as request {request_id}"
    return {"message": message, "extensions": {"code": TraceError.code, "request": request_id}}


def _log_failure(error: Exception, request_id: str) -> None:
    _log.error(orjson.dumps({"event": "failure", "request": request_id, "type": type(error).__name__}).decode())


@asynccontextmanager
async def _watched(http: HttpRequest, request: Request) -> AsyncIterator[None]:
    """Cancels the request, and so the work in the store, when the client goes away."""

    async def watch() -> None:
        while not await http.is_disconnected():
            await asyncio.sleep(0.1)
        request.cancel()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
