"""FHIR through the service: no answer, archive of what was refused, log or file holds what names a person."""

import io
import json
import logging
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import make_app
from graph.sqlite_store import SqliteStore
from loaders.fhir import READ
from tests.loaders.test_fhir_privacy import KEY, SECRETS, planted, secrets_in, spoiled

TOKEN = "hospital-token-0001"
LOAD = """mutation($files: [FileInput!]!) {
  load(files: $files) { quarantine totals { read refused } refused(first: 100) { file at field value code reason repair } }
}"""


@pytest.mark.parametrize("key", [None, KEY])
def test_what_names_a_person_is_in_no_answer_of_the_service(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    key: str | None,
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("VEINTRACE_LOAD_TOKENS", f"HOSPITAL={TOKEN}")
    monkeypatch.setenv("VEINTRACE_QUARANTINE", str(tmp_path / "quarantine"))
    if key:
        monkeypatch.setenv("VEINTRACE_PSEUDONYM_KEY", key)
    caplog.set_level(logging.DEBUG)
    headers = {"authorization": f"Bearer {TOKEN}"}
    sent = "".join(f"{json.dumps(make(type_))}\n" for make in (planted, spoiled) for type_ in READ) + f'{{"name": "{SECRETS[0]}\n'
    answers = []
    with closing(SqliteStore(tmp_path / "graph.db", create=True)) as store, TestClient(make_app(store, "HOSPITAL")) as client:
        for name in ("bulk.ndjson", "bulk"):
            told = client.post("/load", params={"name": name}, content=sent, headers=headers)
            assert told.json()["totals"]["refused"] == len(READ) + 1
            answers += [told.content, client.get(told.json()["quarantine"], headers=headers).content]
            with zipfile.ZipFile(io.BytesIO(answers[-1])) as archive:
                answers += [archive.read(name) for name in archive.namelist()]
        files = [{"name": "bulk.ndjson", "content": sent}]
        told = client.post("/graphql", json={"query": LOAD, "variables": {"files": files}}, headers=headers)
        assert told.json()["data"]["load"]["totals"]["refused"] == len(READ) + 1
        answers.append(told.content)
        answers.append(client.post("/load", params={"name": "broken.json"}, content=sent[:-40][::-1], headers=headers).content)
        answers += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    printed = capfd.readouterr()
    assert secrets_in(b"\n".join(answers)) == []
    assert secrets_in(f"{caplog.text}{printed.out}{printed.err}".encode()) == []
