"""Published event hashes come out of their JSON-LD documents."""

import json
from pathlib import Path

import pytest

from loaders.event_hash import event_hash, instant

IGNORED = {"epcisQueryDocHavingEventWithIgnoreFields": ("repository-x:hash", "example:captureID")}


@pytest.mark.reference
def test_every_published_hash_of_a_json_document_comes_out(reference: Path) -> None:
    documents = sorted((reference / "epcis/event-hash").glob("*.jsonld"))
    assert len(documents) == 13
    for path in documents:
        document = json.loads(path.read_text(encoding="utf-8"))
        prefixes = {k: v for part in document["@context"] if isinstance(part, dict) for k, v in part.items()}
        body = document["epcisBody"]
        events = body["eventList"] if "eventList" in body else body["queryResults"]["resultsBody"]["eventList"]
        found = [event_hash(event, prefixes, IGNORED.get(path.stem, ()))[0] for event in events]
        assert sorted(found) == sorted(path.with_suffix(".hashes").read_text(encoding="utf-8").split()), path.name


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("2023-02-02T11:04:03.1415Z", "2023-02-02T11:04:03.142Z"),
        ("2023-02-02T11:04:03.1414Z", "2023-02-02T11:04:03.141Z"),
        ("2020-03-04T11:00:30+01:00", "2020-03-04T10:00:30.000Z"),
        ("2020-12-31T23:59:59.9996Z", "2021-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_hashed_in_utc_to_the_nearest_millisecond(text: str, hashed: str) -> None:
    assert instant(text) == hashed
