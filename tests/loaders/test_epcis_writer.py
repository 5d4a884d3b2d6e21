"""Whatever a steward can say of a record stands in a document from which it is read again: value by value, date by date."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from graph.claims import Fields, canonical_json
from graph.identifiers import keyed_id
from graph.model import CLASSES, MODELS, RELATIONS, refs
from graph.standing import Standing
from loaders import epcis
from loaders.epcis_event import STANDARD
from loaders.epcis_rendering import Word
from loaders.epcis_said import differences, fields_of, statements
from loaders.epcis_writer import Writer
from loaders.items import Context, Item
from tests.epcis_schema import faults

KEYS = {
    "object": ["lot:L-1@MAKER", "local:bag 7@HOSPITAL", "https://id.gs1.org/01/09521411000034/21/A%2F1", "urn:x:1", "uri:a:b",
               "https://id.gs1.org/00/040123450000003338", "https://id.gs1.org/01/09521411000034/10/L1"],
    "event": ["local:S-1@LAB", "waybill:W/1@CARRIER", "despatch_advice:LAB-1", "despatch_advice:urn:x:2", "transformation:urn:x:3",
              f"ni:///sha-256;{'0' * 64}?ver=CBV2.0"],
    "person": ["local:P-1@HOSPITAL", "https://id.gs1.org/8018/385888700000000017", "urn:uuid:1"],
    "organization": ["org:LAB", "https://id.gs1.org/414/4012345000115", "urn:x:place", "local:Ward 3@HOSPITAL"],
    "episode": ["coi:COI-1", "local:ä?#@HOSPITAL"],
    "observation": ["local:O-1@LAB"],
    "outcome": ["local:O-1@HOSPITAL"],
    "consent": ["local:C-1@HOSPITAL"],
}  # fmt: skip
NAMES: dict[str, str | None] = {keyed_id(cls, text): text for cls, texts in KEYS.items() for text in texts}
NAMES |= {keyed_id(cls, "a row of nobody"): None for cls in CLASSES}
IDS = {cls: [record for record in NAMES if record.startswith(f"{cls}-")] for cls in CLASSES}
LABELS = {
    "event": ["event_id:urn:uuid:7", "event_id:7", "din:A999917123456"],
    "object": ["https://id.gs1.org/01/09521411000034", "din:A999917123456"],
}
INSTANTS = ["2024", "2024-05", "2024-05-01", "2024-05-01T10:00+02:00", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00.25-06:30",
            "2024-05-01T10:00:00+14:30", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999-01:00"]  # fmt: skip
WORDS = ["shipping", "receiving", "packing", "unpacking", "commissioning", "collection", "a word: of ours", "urn:x:word",
         "cbv:Disp-x", "urn:epcglobal:cbv:bizstep:shipping", "ObjectEvent", "TransformationEvent"]  # fmt: skip
EXTENSIONS = ["colour", "cbvmda:lotNumber", "{https://ns.example.com/}a", "{urn:veintrace:epcis:1#}key", "rdfs:comment", "a b",
              "ilmd", "sourceList", "destinationList", "bizTransactionList", "readPoint", "bizLocation", "eventType", "parentID",
              "sensorElementList", "epcList", "quantityList", "errorDeclaration", "persistentDisposition", "type", "@context",
              "certificationInfo", "{urn:y}"]  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(EXTENSIONS), inner, max_size=3)
    ),
    max_leaves=6,
)
MOMENTS = st.integers(-(10**15), 2 * 10**15) | st.sampled_from([0, 1714550400000000])


def _text() -> SearchStrategy[str]:
    return st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def _values(kind: str, name: str) -> SearchStrategy[Any]:
    """What a field of a kind may hold."""
    info = MODELS[kind].model_fields[name]
    words = [word for part in get_args(info.annotation) for word in get_args(part) if isinstance(word, str)]
    if name in MODELS[kind].INSTANTS:
        return st.sampled_from(INSTANTS)
    if words:
        return st.sampled_from(words)
    if name in ("birth_year", "grade"):
        return st.integers(1850, 2200) if name == "birth_year" else st.integers(0, 5)
    if name in ("quantity", "value"):
        return st.floats(0, allow_infinity=False)
    return _text()


@composite
def said(draw: DrawFn) -> Word:
    """What a steward says of some record, in any way a claim can."""
    kind = draw(st.sampled_from(sorted(MODELS)))
    cls = MODELS[kind].CLASS
    fields: Fields = {"kind": kind} if draw(st.booleans()) else {}
    named = [name for name in MODELS[kind].model_fields if name not in {ref.rstrip("_") for ref in refs(kind)} | {"from_"}]
    for name in draw(st.lists(st.sampled_from(named), unique=True)) if named else ():
        fields[f".{name}"] = draw(_values(kind, name))
    for name in draw(st.lists(st.sampled_from(EXTENSIONS), max_size=3, unique=True)):
        fields[f".x:{name}"] = draw(JSON.filter(lambda value: value is not None))
    for label in draw(st.lists(st.sampled_from(LABELS.get(cls, [""])), unique=True)):
        if label:
            fields[f"is {label}"] = True
    for relation in draw(st.lists(st.sampled_from(sorted(RELATIONS)), max_size=4, unique=True)):
        fields |= draw(related(relation, cls))
    if not fields or draw(st.integers(0, 5)) == 0:
        fields["retracted"] = draw(st.booleans())
    rank = draw(MOMENTS)
    ranks = {path: draw(MOMENTS) for path in fields if draw(st.integers(0, 9)) == 0}
    return Word(
        draw(st.sampled_from(["LAB", "https://id.gs1.org/417/4012345002256"])), draw(st.sampled_from(IDS[cls])), fields, rank, ranks
    )


@composite
def related(draw: DrawFn, type_: str, cls: str) -> Fields:
    """Some relations of a type that a record of a class states; none where it states none."""
    relation = RELATIONS[type_]
    own, others = (relation.source, relation.target) if relation.owner == "source" else (relation.target, relation.source)
    if cls not in own:
        return {}
    ends = [record for other in others for record in IDS[other]] if type_ != "SAME_AS" else IDS[cls]
    if relation.single:
        return {type_: draw(st.sampled_from(ends))}
    fields: Fields = {}
    for end in draw(st.lists(st.sampled_from(ends), min_size=1, max_size=4, unique=True)):
        fields[f"{type_} {end}"] = True
        for name in (*relation.fields, "retracted"):
            if draw(st.integers(0, 2)) == 0:
                values = {"quantity": st.floats(0, allow_infinity=False), "unit": st.sampled_from(["KGM", "10*9", "mL"]),
                          "role": st.sampled_from(["content", "container"]), "retracted": st.booleans()}  # fmt: skip
                fields[f"{type_} {end} {name}"] = draw(values[name])
    return fields


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is written again and again."""
    return tmp_path_factory.mktemp("documents") / "events.jsonld"


def standing(words: list[Word]) -> dict[tuple[str, str], dict[str, tuple[bytes, int]]]:
    """Each value with its date, by who says it of what."""
    return {
        (word.steward, word.record): {
            name: (canonical_json(value), word.ranks.get(name, word.rank)) for name, value in word.fields.items()
        }
        for word in words
    }


def read_again(path: Path, document: dict[str, Any]) -> list[Word]:
    """What a document says, put together."""
    path.write_text(json.dumps(document), encoding="utf-8")
    merged: dict[tuple[str, str], Standing] = {}
    for item in epcis.read(path, Context("local")):
        assert isinstance(item, Item), item
        for claim in item.claims:
            told = merged.setdefault((claim.steward, claim.record), Standing({}, claim.recorded_at or 0))
            told.merge(claim.fields, claim.recorded_at or 0)
            assert all(NAMES[record] == name for record, name in claim.names.items())
    return [Word(steward, record, told.fields, told.rank, told.ranks) for (steward, record), told in merged.items()]


@given(st.lists(said(), min_size=1, max_size=3, unique_by=lambda word: word[:2]))
@settings(max_examples=250, deadline=None)
def test_what_is_said_is_read_again_with_its_dates(path: Path, words: list[Word]) -> None:
    writer = Writer(NAMES, lambda steward, record: None, "LAB")
    writer.add(words)
    document = json.loads(writer.document())
    if not any(path[3:] in STANDARD for word in words for path in word.fields):
        assert faults(document) == []
    assert standing(read_again(path, document)) == standing(words)


@given(said())
@settings(max_examples=200, deadline=None)
def test_statements_are_the_fields_they_were_made_of(word: Word) -> None:
    told = json.loads(json.dumps(statements(word.fields, NAMES)))
    fields, names = fields_of(told, word.record.partition("-")[0])
    assert canonical_json(fields) == canonical_json(word.fields)
    assert all(NAMES[record] == name for record, name in names.items())


@given(said(), said())
@settings(max_examples=200, deadline=None)
def test_differences_make_of_what_was_read_what_is_wanted(wanted: Word, read: Word) -> None:
    from loaders.epcis_said import corrected

    more, fewer = differences(wanted.fields, read.fields)
    assert canonical_json(corrected(read.fields, more, fewer)) == canonical_json(wanted.fields)
