"""Loading through the service: who holds a token speaks as one steward, gets the verdicts of `load`, and nothing of others."""

import asyncio
import gzip
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Event
from time import time
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient
from starlette.types import Message

from api import app, settings, uploads
from api.app import make_app
from graph.errors import Busy, QuarantineFull, UsageError
from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders import room
from loaders.pipeline import Options, load

HOSPITAL, MAKER = "hospital-token-0001", "maker-token-0000002"
PEOPLE = "id,role,steward\nP-1,donor,MAKER\nP-2,patient,\n"
FAULTY = "id,role,birth_year\nP-1,donor,1980\nP-2,patient,soon\n"
LOAD = """mutation($files: [FileInput!]!, $key: String, $dry: Boolean! = false) {
  load(files: $files, idempotencyKey: $key, dryRun: $dry) {
    loadId steward dryRun replayed refusedTotal quarantine totals { read added changed unchanged refused conflicts }
    refused { file at field value code reason repair }
  }
}"""


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """An empty graph."""
    with closing(SqliteStore(tmp_path / "graph.db", create=True)) as opened:
        yield opened


@pytest.fixture
def client(store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service of the hospital, at which the hospital and a maker may load."""
    monkeypatch.setenv("VEINTRACE_LOAD_TOKENS", f"HOSPITAL={HOSPITAL}, MAKER={MAKER}")
    monkeypatch.setenv("VEINTRACE_QUARANTINE", str(tmp_path / "quarantine"))
    with TestClient(make_app(store, "HOSPITAL")) as made:
        yield made


Send = Callable[..., Any]


@pytest.fixture
def send(client: TestClient) -> Send:
    """Sends a body: `send(text, name="person.csv", token=HOSPITAL, key="k")`; returns status and JSON."""

    def post(body: str | bytes, token: str | None = HOSPITAL, key: str | None = None, **asked: str) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if key is not None:
            headers["idempotency-key"] = key
        answer = client.post("/load", params=asked, content=body, headers=headers)
        return answer.status_code, answer.json()

    return post


def code_of(answer: Any) -> str:
    [error] = answer["errors"]
    assert error["message"]
    return str(error["extensions"]["code"])


def test_what_is_sent_is_said_by_whom_the_token_stands_for_whatever_the_data_says(send: Send, store: SqliteStore) -> None:
    status, told = send(PEOPLE, name="person.csv")
    assert (status, told["steward"], told["totals"]["added"]) == (200, "HOSPITAL", 2)
    assert len(view(store, "HOSPITAL").find("P-1")) == 1
    assert view(store, "MAKER").find("P-1") == []
    assert {entry.claim.steward for entry in store.claims(0, store.head().number)} == {"HOSPITAL"}


@pytest.mark.parametrize("token", [None, "", "hospital-token-0002", "HOSPITAL", f"{HOSPITAL} {HOSPITAL}", f"x {HOSPITAL}"])
def test_without_a_token_nothing_is_read(send: Send, store: SqliteStore, token: str | None) -> None:
    status, told = send(PEOPLE, name="person.csv", token=token)
    assert (status, code_of(told)) == (401, "NOT_AUTHENTICATED")
    assert store.head() is None


def test_a_service_without_tokens_loads_for_nobody(store: SqliteStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VEINTRACE_QUARANTINE", str(tmp_path / "quarantine"))
    monkeypatch.delenv("VEINTRACE_LOAD_TOKENS", raising=False)
    with TestClient(make_app(store, None), base_url="http://localhost") as client:
        for header in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer x"}):
            assert client.post("/load?name=person.csv", content=PEOPLE, headers=header).status_code == 401


@pytest.mark.parametrize(
    "told", ["HOSPITAL", "HOSPITAL=short", "HOSPITAL=has space in the token", f"A={MAKER},B={MAKER}", f"={MAKER}"]
)
def test_tokens_that_do_not_fit_keep_the_service_from_starting(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("VEINTRACE_LOAD_TOKENS", told)
    with pytest.raises(UsageError):
        uploads.tokens()


def test_a_token_may_end_with_the_signs_that_fill_up_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEINTRACE_LOAD_TOKENS", f"HOSPITAL={HOSPITAL}==")
    assert uploads.tokens() == {f"{HOSPITAL}==": "HOSPITAL"}


def test_tokens_are_masked_where_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEINTRACE_LOAD_TOKENS", f"HOSPITAL={HOSPITAL}")
    assert HOSPITAL not in str(settings.shown())
    assert uploads.tokens() == {HOSPITAL: "HOSPITAL"}


def test_the_answer_tells_nothing_that_depends_on_what_others_said(send: Send) -> None:
    """Neither numbers of commits nor the digest, and not which records others have told of."""
    uses = "id,type,performed_by\nS-1,processing,LAB\n"
    _, before = send(uses, name="step.csv", dry_run="true")
    send("id\nLAB\n", name="organization.csv", token=MAKER)
    _, told = send(uses, name="step.csv")
    assert {"commits", "digest"}.isdisjoint(told)
    assert (told["totals"], told["files"]) == (before["totals"], before["files"])
    assert "stubs" not in told["totals"]
    assert "stubs" not in told["files"][0]


def test_archives_formats_and_encodings_are_known_as_by_the_command_line(send: Send, store: SqliteStore) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lab/person.csv", PEOPLE)
        archive.writestr("lab/material.csv", "id,name\nM-1,Bag\n")
    assert send(packed.getvalue(), name="today")[1]["totals"]["added"] == 3
    assert send(gzip.compress(PEOPLE.encode()))[1]["totals"]["unchanged"] == 2
    status, told = send("id,name\nM-2,Möller\n".encode("cp1252"), name="material.csv", encoding="cp1252")
    assert (status, told["totals"]["added"]) == (200, 1)
    assert {source for commit in store.commits() for source in commit.source.split("\n")} == {
        "today/lab/person.csv",
        "today/lab/material.csv",
        "material.csv",
    }


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"name": "notes"}, 400, "USAGE"),
        ({"name": ".person.csv"}, 400, "USAGE"),
        ({"name": "a/.."}, 400, "USAGE"),
        ({"name": "x" * 201}, 400, "USAGE"),
        ({"name": "person.csv", "format": "hl7v2"}, 400, "USAGE"),
        ({"name": "person.csv", "encoding": "base64"}, 400, "USAGE"),
        ({"name": "person.csv", "key": "k" * 256}, 400, "USAGE"),
        ({"name": "person.csv", "dry_run": "yes"}, 400, "USAGE"),
        ({"name": "person.csv", "dry-run": "true"}, 400, "USAGE"),
    ],
)
def test_a_call_that_is_wrong_is_told_what_is(
    send: Send, store: SqliteStore, asked: dict[str, str], status: int, code: str
) -> None:
    answered, told = send("id,colour\nP-1,red\n" if asked["name"] == "notes" else PEOPLE, **asked)
    assert (answered, code_of(told)) == (status, code)
    assert store.head() is None


def test_an_empty_and_a_too_large_body_are_refused(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    assert send(b"", name="person.csv")[0] == 400
    monkeypatch.setattr(app, "MOST_UPLOADED", 10)
    status, told = send(PEOPLE, name="person.csv")
    assert (status, code_of(told)) == (413, "TOO_LARGE")


def test_under_its_key_a_load_is_answered_again_and_not_done_again(send: Send, store: SqliteStore) -> None:
    first = send(PEOPLE, name="person.csv", key="monday")
    head = store.head()
    again = send(PEOPLE, name="person.csv", key="monday")
    assert again == (200, {**first[1], "replayed": True})
    assert first[1]["replayed"] is False
    assert store.head() == head
    assert send(PEOPLE, name="person.csv")[1]["totals"]["unchanged"] == 2
    assert send(PEOPLE, name="person.csv", key="tuesday")[1]["totals"]["unchanged"] == 2


def test_a_key_is_of_one_content_and_of_one_steward(send: Send) -> None:
    send(PEOPLE, name="person.csv", key="monday")
    for body, asked in ((f"{PEOPLE}P-3,donor,\n", {}), (PEOPLE, {"dry_run": "true"}), (PEOPLE, {"encoding": "cp1252"})):
        status, told = send(body, name="person.csv", key="monday", **asked)
        assert (status, code_of(told)) == (422, "KEY_REUSED")
    status, told = send(PEOPLE, name="person.csv", key="monday", token=MAKER)
    assert (status, told["replayed"], told["totals"]["added"]) == (200, False, 2)


def test_answers_outlive_the_service_and_are_private(send: Send, store: SqliteStore, tmp_path: Path) -> None:
    first = send(PEOPLE, name="person.csv", key="monday")[1]
    with TestClient(make_app(store, None), base_url="http://localhost") as other:
        headers = {"authorization": f"Bearer {HOSPITAL}", "idempotency-key": "monday"}
        again = other.post("/load?name=person.csv", content=PEOPLE, headers=headers).json()
    assert again == {**first, "replayed": True}
    kept = list((tmp_path / "quarantine" / ".answers").iterdir())
    assert [path.stat().st_mode & 0o077 for path in kept] == [0]
    with pytest.raises(UsageError, match="holds no file"):
        load(store, [tmp_path / "quarantine"], Options())


def test_what_is_refused_can_be_fetched_mended_and_sent_again_by_who_sent_it(send: Send, client: TestClient) -> None:
    status, told = send(FAULTY, name="person.csv")
    assert (status, told["totals"]["added"], told["totals"]["refused"]) == (200, 1, 1)
    assert told["refused"][0]["at"] == "line 3"
    answer = client.get(told["quarantine"], headers={"authorization": f"Bearer {HOSPITAL}"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        text = archive.read("person.csv").decode()
    assert "soon" in text
    mended = text.replace(",soon,", ",1990,")
    assert send(mended, name="person.csv")[1]["totals"] == {
        "read": 1, "added": 1, "changed": 0, "unchanged": 0, "refused": 0, "conflicts": 0,
    }  # fmt: skip


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("nobodys-token-00001", 401), (MAKER, 404)])
def test_what_is_refused_is_for_who_sent_it_alone(send: Send, client: TestClient, token: str | None, status: int) -> None:
    """A load of another answers exactly as one that never was."""
    path = send(FAULTY, name="person.csv")[1]["quarantine"]
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    never = client.get("/load/0123456789abcdef/refused.zip", headers=headers)
    told = [each.json()["errors"][0]["message"].replace(path.split("/")[2], "?") for each in (answer,)]
    assert told == [never.json()["errors"][0]["message"].replace("0123456789abcdef", "?")]
    assert client.get("/load/..%2F..%2Fgraph/refused.zip", headers=headers).status_code in (401, 404)


def test_nothing_that_was_sent_is_left_lying_about(send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "room").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))
    send(PEOPLE, name="person.csv")
    send(PEOPLE, name="person.csv", format="no")
    send(FAULTY, name="person.csv")
    assert list((tmp_path / "room").iterdir()) == []


def test_more_loads_than_may_wait_are_told_to_come_again(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_WAITING", 2)
    held = uploads.Uploads(store, tmp_path / "quarantine", {})
    go = Event()
    monkeypatch.setattr(held, "_loaded", lambda upload: go.wait(30))
    try:
        for _ in range(3):
            held.land(uploads.Upload("HOSPITAL", held.folder()))
        with pytest.raises(uploads.Busy):
            held.land(uploads.Upload("HOSPITAL", held.folder()))
    finally:
        go.set()
        held.close()


def test_more_uploads_than_may_come_in_at_once_are_told_to_come_again(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who sends slowly keeps others from sending, and what has come makes room for the next."""
    monkeypatch.setattr(uploads, "MOST_RECEIVED", 3)
    monkeypatch.setattr(uploads, "MOST_OF_ONE", 2)
    service = uploads.Uploads(store, tmp_path / "quarantine", {})
    with ExitStack() as coming:
        one, _ = (coming.enter_context(service.receiving("HOSPITAL")) for _ in range(2))
        with pytest.raises(Busy), service.receiving("HOSPITAL"):
            pass
        with service.receiving("MAKER"), pytest.raises(Busy), service.receiving("LAB"):
            pass
        with service.receiving("MAKER"):
            pass
        assert one.is_dir()
    with pytest.raises(KeyError), service.receiving("HOSPITAL") as folder:
        raise KeyError
    with service.receiving("HOSPITAL"), service.receiving("HOSPITAL"):
        assert not folder.exists()
    service.close()


def test_who_is_told_to_come_again_has_sent_for_nothing_and_can_send_later(
    send: Send, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "MOST_OF_ONE", 0)
        status, told = send(PEOPLE, name="person.csv")
    assert (status, code_of(told), store.head()) == (503, "BUSY", None)
    assert send(PEOPLE, name="person.csv")[1]["totals"]["added"] == 2


def test_a_quarantine_that_is_full_takes_no_further_upload(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked again under its key is still answered, and what was refused can still be fetched and cleared."""
    monkeypatch.setenv("VEINTRACE_QUARANTINE_GIB", "0")
    service = uploads.Uploads(store, tmp_path / "quarantine", {HOSPITAL: "HOSPITAL"})

    def loaded(text: str, key: str | None = None) -> dict[str, Any]:
        folder = service.folder()
        uploads.written(folder, [("person.csv", text)])
        return service.land(uploads.Upload("HOSPITAL", folder, key)).result()

    first = loaded("id,role\nP-1,nobody\n", "monday")
    assert (first["totals"]["refused"], first["replayed"]) == (1, False)
    with pytest.raises(QuarantineFull, match="VEINTRACE_QUARANTINE_GIB"):
        loaded(PEOPLE)
    assert store.head() is None
    assert loaded("id,role\nP-1,nobody\n", "monday")["replayed"] is True
    assert b"".join(service.refused("HOSPITAL", first["load_id"]))
    shutil.rmtree(tmp_path / "quarantine")
    assert loaded(PEOPLE)["totals"]["added"] == 2
    service.close()


@pytest.mark.parametrize("text", ["much", "-1", "nan", "1e30"])
def test_a_limit_that_is_none_is_a_wrong_call(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("VEINTRACE_QUARANTINE_GIB", text)
    with pytest.raises(UsageError, match="give a number of GiB"):
        uploads.Uploads(store, tmp_path, {})


def test_what_would_fill_the_disk_is_refused_and_leaves_nothing(
    send: Send, store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "room").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))
    packed = gzip.compress(PEOPLE.encode())
    # as much as: nothing, the body that is announced, what it unpacks to
    for looks, free in ((0, room.RESERVE - 1), (1, room.RESERVE), (3, room.RESERVE)):
        frees = iter([2**40] * looks + [free] * 9)
        monkeypatch.setattr(room.shutil, "disk_usage", lambda _, frees=frees: SimpleNamespace(free=next(frees)))
        status, told = send(packed, name="person.csv.gz", key="monday")
        assert (status, code_of(told), store.head()) == (507, "DISK_FULL", None)
        assert list((tmp_path / "room").iterdir()) == []
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=room.RESERVE + 2**20))
    assert send(packed, name="person.csv.gz", key="monday")[1]["totals"]["added"] == 2


def scope_of(path: str, method: str = "GET", query: str = "") -> dict[str, Any]:
    """A request as the server hands it on."""
    headers = [(b"authorization", f"Bearer {HOSPITAL}".encode())]
    asgi = {"spec_version": "2.4"}
    return {"type": "http", "method": method, "path": path, "query_string": query.encode(), "asgi": asgi, "headers": headers}


def test_a_disk_that_fills_while_a_body_comes_is_noticed_before_it_is_full(
    client: TestClient, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that does not say how large it is, or others that come at the same time."""
    free, read, sent = [room.RESERVE + 10 * 2**20], [0], list[Message]()

    async def part() -> Message:
        free[0] -= 2**20
        read[0] += 1
        return {"type": "http.request", "body": bytes(2**20), "more_body": True}

    async def keep(message: Message) -> None:
        sent.append(message)

    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    asyncio.run(client.app(scope_of("/load", "POST", "name=person.csv"), part, keep))
    assert (sent[0]["status"], code_of(orjson.loads(sent[1]["body"])), store.head()) == (507, "DISK_FULL", None)
    assert read[0] < 20


@pytest.mark.parametrize("said", [str(uploads.MOST_BYTES + 1), "9" * 5_000])
def test_a_body_that_says_that_it_is_too_large_is_refused_at_once(client: TestClient, said: str) -> None:
    headers = {"authorization": f"Bearer {HOSPITAL}", "content-length": said}
    answer = client.post("/load?name=person.csv", content=b"x", headers=headers)
    assert (answer.status_code, code_of(answer.json())) == (413, "TOO_LARGE")


def test_a_client_that_hangs_up_amid_what_was_refused_leaves_nothing(
    send: Send, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = send(FAULTY, name="person.csv")[1]["quarantine"]
    (tmp_path / "room").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))

    async def gone(message: Message) -> None:
        raise OSError("the client has hung up")

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    with suppress(OSError, ClientDisconnect):
        asyncio.run(client.app(scope_of(path), nothing, gone))
    assert list((tmp_path / "room").iterdir()) == []


def test_answers_that_were_kept_for_long_enough_go_while_the_service_runs(
    send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(PEOPLE, name="person.csv", key="long ago")
    [old] = (tmp_path / "quarantine" / ".answers").iterdir()
    os.utime(old, (0, 0))
    send(PEOPLE, name="person.csv", key="soon after")
    assert old.exists()
    now = time()
    monkeypatch.setattr(uploads, "time", lambda: now + 3_601)
    send(PEOPLE, name="person.csv", key="today")
    assert not old.exists()
    assert send(PEOPLE, name="person.csv", key="soon after")[1]["replayed"] is True
    assert send(PEOPLE, name="person.csv", key="long ago")[1]["replayed"] is False


def test_what_waits_when_the_service_ends_is_not_left_lying_about(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = uploads.Uploads(store, tmp_path / "quarantine", {})
    begun, go = Event(), Event()
    monkeypatch.setattr(held, "_loaded", lambda upload: (begun.set(), go.wait(30)))
    try:
        held.land(uploads.Upload("HOSPITAL", held.folder()))
        waiting = held.folder()
        held.land(uploads.Upload("HOSPITAL", waiting))
        assert begun.wait(30)
        held.close()
        assert not waiting.exists()
    finally:
        go.set()


# -- GraphQL


@pytest.fixture
def mutate(client: TestClient) -> Callable[..., Any]:
    """Loads small files by GraphQL; returns status and body."""

    def post(token: str | None = HOSPITAL, key: str | None = None, dry: bool = False, **files: str) -> tuple[int, Any]:
        told = [{"name": name.replace("__", "."), "content": text} for name, text in files.items()]
        body = {"query": LOAD, "variables": {"files": told, "key": key, "dry": dry}}
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = client.post("/graphql", json=body, headers=headers)
        return answer.status_code, answer.json()

    return post


def test_a_mutation_gives_the_verdicts_that_a_load_gives(mutate: Callable[..., Any], send: Send) -> None:
    tried = mutate(person__csv=FAULTY, dry=True)[1]["data"]["load"]
    assert (tried["dryRun"], tried["quarantine"]) == (True, None)
    told = mutate(person__csv=FAULTY, key="k")[1]["data"]["load"]
    assert told["totals"] == tried["totals"] == {
        "read": 2, "added": 1, "changed": 0, "unchanged": 0, "refused": 1, "conflicts": 0,
    }  # fmt: skip
    [refused] = told["refused"]
    assert (refused["file"], refused["at"], refused["field"], refused["value"]) == ("person.csv", "line 3", "birth_year", "soon")
    assert mutate(person__csv=FAULTY, key="k")[1]["data"]["load"] == {**told, "replayed": True}
    assert mutate(person__csv=PEOPLE, key="k")[1]["errors"][0]["extensions"]["code"] == "KEY_REUSED"
    assert send(FAULTY, name="person.csv")[1]["totals"]["unchanged"] == 1


def test_a_mutation_takes_several_files_that_speak_of_each_other(mutate: Callable[..., Any], store: SqliteStore) -> None:
    told = mutate(step__csv="id,type\nS-1,processing\n", output__csv="source,target\nS-1,M-1\n", material__csv="id\nM-1\n")
    assert told[1]["data"]["load"]["totals"]["added"] == 3
    assert len(view(store, "HOSPITAL").find("M-1")) == 1


@pytest.mark.parametrize("token", [None, "nobodys-token-00001"])
def test_a_mutation_needs_a_token(mutate: Callable[..., Any], store: SqliteStore, token: str | None) -> None:
    _, body = mutate(token=token, person__csv=PEOPLE)
    assert code_of(body) == "NOT_AUTHENTICATED"
    assert store.head() is None


def test_a_mutation_without_a_file_is_told_so(mutate: Callable[..., Any]) -> None:
    assert code_of(mutate()[1]) == "USAGE"


def test_a_mutation_is_not_sent_by_get(client: TestClient, store: SqliteStore) -> None:
    """Whatever follows a link would change the graph."""
    query = 'mutation { load(files: [{name: "person.csv", content: "id\\nP-1\\n"}]) { loadId } }'
    answer = client.get("/graphql", params={"query": query}, headers={"authorization": f"Bearer {HOSPITAL}"})
    assert (answer.status_code, code_of(answer.json())) == (400, "USAGE")
    assert store.head() is None
