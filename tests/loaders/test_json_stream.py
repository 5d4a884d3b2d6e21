"""A JSON document read as a stream is what it is when read whole, and what is wrong with it is told with its place."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import UnreadableSource
from loaders import json_stream

PLACES = ("", "epcisBody.eventList", "epcisBody.queryResults.resultsBody.eventList")


def streamed(path: Path, *places: str) -> tuple[Any, dict[str, list[Any]]]:
    """What stands around the lists, and their items."""
    told: list[int] = []
    found = json_stream.around(path, places, told.append)
    return found, {place: list(json_stream.items(path, place, told.append)) for place in places}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is written again and again."""
    return tmp_path_factory.mktemp("json") / "document.json"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e300, 1e300), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


@given(JSON, st.lists(JSON, max_size=4), st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=300, deadline=None)
def test_what_stands_around_and_the_items_are_those_of_the_document(
    path: Path, head: Any, items: list[Any], escaped: bool, indent: int | None
) -> None:
    document = {"a": head, "epcisBody": {"eventList": items, "b": head}, "z": head}
    path.write_text(json.dumps(document, ensure_ascii=escaped, indent=indent), encoding="utf-8", errors="surrogatepass")
    whole = json.loads(path.read_bytes())
    found, told = streamed(path, "epcisBody.eventList")
    assert told == {"epcisBody.eventList": whole["epcisBody"]["eventList"]}
    counts = Counter[str]()
    json_stream.around(path, ["epcisBody.eventList"], lambda at: None, counts)
    assert counts["epcisBody.eventList"] == len(items)
    few = json_stream.items(path, "epcisBody.eventList", lambda at: None, 2)
    assert list(few) == whole["epcisBody"]["eventList"][:2]
    whole["epcisBody"]["eventList"] = []
    assert found == whole
    path.write_text(json.dumps(items), encoding="utf-8")
    assert streamed(path, "") == ([], {"": items})


@pytest.mark.parametrize("document", [{"item": [1, {"a": 2}], "b": 1}, {"item": 3}, {"a": {"item": [1]}}])
def test_a_member_named_as_items_are_is_kept(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")
    assert streamed(path, *PLACES)[0] == document


def test_a_member_whose_name_is_a_place_is_refused(path: Path) -> None:
    """Its items would pass for events."""
    path.write_text(json.dumps({"epcisBody.eventList": [1], "epcisBody": {"eventList": [2]}}), encoding="utf-8")
    with pytest.raises(UnreadableSource, match=r"named 'epcisBody\.eventList'"):
        streamed(path, *PLACES)


@pytest.mark.reference
def test_every_json_of_the_reference_is_read_as_orjson_reads_it(reference: Path, tmp_path: Path) -> None:
    read = 0
    for file in sorted((reference / "epcis").rglob("*.json*")):
        try:
            whole = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError as error:
            with pytest.raises(UnreadableSource, match=f"line {error.lineno} column {error.colno}"):
                streamed(file, *PLACES)
            continue
        found, told = streamed(file, *PLACES)
        if isinstance(whole, list):
            assert told[""] == whole
        elif isinstance(whole.get("epcisBody"), dict) and "eventList" in whole["epcisBody"]:
            assert told["epcisBody.eventList"] == whole["epcisBody"].pop("eventList")
            assert found["epcisBody"].pop("eventList") == []
            assert found == whole
        read += 1
    assert read > 50


DOCUMENT = orjson.dumps({"epcisBody": {"eventList": [{"a": 1.5, "b": ["x", None, True]}, {"c": "\u00fc\U0001f489"}]}, "s": "t"})


def test_a_document_cut_off_anywhere_is_refused_with_its_place(path: Path) -> None:
    for length in range(len(DOCUMENT)):
        path.write_bytes(DOCUMENT[:length])
        with pytest.raises(UnreadableSource, match="line 1 column") as caught:
            streamed(path, *PLACES)
        assert caught.value.repair


@given(st.lists(st.tuples(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 255)), min_size=1, max_size=3))
@settings(max_examples=500, deadline=None)
def test_damaged_bytes_are_refused_where_orjson_refuses_them(path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(DOCUMENT)
    for at, byte in changes:
        data[at] = byte
    path.write_bytes(data)
    try:
        orjson.loads(bytes(data).removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        with pytest.raises(UnreadableSource):
            streamed(path, *PLACES)
    else:
        streamed(path, *PLACES)


@pytest.mark.parametrize("padding", [0, 3, 65_520, 65_525, 65_530, 65_533, 65_536])
@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("\\ud83d\\udc89", True),
        ("\\ud83d", False),
        ("\\\\ud83d", True),
        ("\\udc89", False),
        ("\\uD83Dx", False),
        ("\\udc89\\ud83d", False),
        ("\\u00fc", True),
    ],
)
def test_a_surrogate_without_its_pair_is_refused_wherever_it_stands(path: Path, padding: int, text: str, fits: bool) -> None:
    """It would be read as a question mark: another text than was sent."""
    path.write_text(f'{{"p": "{"x" * padding}", "epcisBody": {{"eventList": [{{"a": "{text}"}}]}}}}', encoding="utf-8")
    if fits:
        assert streamed(path, PLACES[1])[1][PLACES[1]] == [{"a": json.loads(f'"{text}"')}]
    else:
        with pytest.raises(UnreadableSource):
            streamed(path, PLACES[1])


def test_limits_are_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("[" * 500 + "]" * 500, encoding="utf-8")
    with pytest.raises(UnreadableSource, match="200 deep"):
        streamed(path, "x")
    monkeypatch.setattr(json_stream, "MOST_BYTES", 1000)
    path.write_text(json.dumps({"epcisHeader": ["x" * 400] * 3}), encoding="utf-8")
    with pytest.raises(UnreadableSource, match="around the events may have 1,000 bytes"):
        streamed(path, PLACES[1])


MEASURE = """
import resource, sys
from pathlib import Path
from loaders import json_stream

path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    json_stream.around(path, ["epcisBody.eventList"], lambda at: None)
    count = sum(1 for _ in json_stream.items(path, "epcisBody.eventList", lambda at: None))
except Exception as error:
    count = type(error).__name__
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(("length", "count", "told"), [(5_000, 30_000, "30000"), (10**8, 1, "UnreadableSource")])
def test_a_long_file_takes_little_memory_and_an_event_without_end_is_refused(
    path: Path, length: int, count: int, told: str
) -> None:
    event = f'{{"a":"{"x" * length}"}}'
    with path.open("w", encoding="utf-8") as file:
        file.write('{"epcisBody": {"eventList": [' + event)
        for _ in range(count - 1):
            file.write("," + event)
        file.write("]}}")
    run = [sys.executable, "-c", MEASURE, path]
    found, kilobytes = subprocess.run(run, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout.split()
    assert found == told
    assert int(kilobytes) < 150_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * 65_000,
        '{"a":' * 13_000,
        '{"epcisBody":{"eventList":[' + "[" * 65_000,
        '{"' + "a" * 500_000 + '":{' + '"b":1,' * 10_000 + '"c":1}}',
        '{"epcisBody":{"eventList":[{"' + "a" * 500_000 + '":{' + '"b":1,' * 10_000 + '"c":1}}]}}',
    ],
    ids=["lists", "objects", "within an event", "a long name", "a long name within an event"],
)
def test_a_short_file_takes_little_memory_however_deep_it_is_and_long_its_names(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    run = [sys.executable, "-c", MEASURE, path]
    found, kilobytes = subprocess.run(run, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout.split()
    assert found == "UnreadableSource"
    assert int(kilobytes) < 150_000


def places(draw: Any) -> Any:
    """JSON of names that are those of places, or nearly."""
    names = st.sampled_from(["", "epcisBody", "eventList", "queryResults", "resultsBody", "item", "a"])
    return draw(
        st.recursive(st.integers(0, 3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4))
    )


@given(st.composite(places)())
@settings(max_examples=300, deadline=None)
def test_what_is_taken_out_is_what_the_second_reading_finds(path: Path, document: Any) -> None:
    path.write_bytes(orjson.dumps(document))
    around, items = streamed(path, *PLACES)

    def count(told: Any) -> int:
        return 1 + sum(map(count, told.values() if isinstance(told, dict) else told)) if isinstance(told, dict | list) else 1

    listed = {place: found for place, found in items.items() if place or isinstance(document, list)}
    assert count(document) == count(around) + sum(map(count, (each for found in listed.values() for each in found)))
