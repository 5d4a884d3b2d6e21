"""FHIR: any resources, dated, in any order, split over any files and loads, come to one graph; and said twice, to no other."""

import json
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.sqlite_store import SqliteStore
from loaders.fhir import READ
from loaders.pipeline import LoadReport, Options, load
from tests.fuzz.seeds_fhir import resources as seeds

Resource = dict[str, Any]
_IDS = st.sampled_from(["a", "b"])
_DATES = st.sampled_from([f"2024-0{month}-01T00:00:00Z" for month in range(1, 6)])
_STATUS = st.sampled_from(
    ["completed", "final", "cancelled", "not-done", "entered-in-error", "preparation", "active", "inactive", "unknown"]
)
_TYPES = sorted(READ)
_REFERENCES = st.builds(lambda type_, id_: {"reference": f"{type_}/{id_}"}, st.sampled_from(_TYPES), _IDS)
_CODES = st.sampled_from(["leukapheresis", "infusion", "refuted", "confirmed", "fatal"]).map(
    lambda word: {"coding": [{"code": word}]}
)
_CONTAINED = st.builds(lambda code: [{"resourceType": "Specimen", "id": "in", "type": code}], _CODES)
_MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "subject": _REFERENCES,
        "patient": _REFERENCES,
        "parent": st.lists(_REFERENCES, max_size=2),
        "focus": _REFERENCES,
        "code": _CODES,
        "verificationStatus": _CODES,
        "deceasedBoolean": st.booleans(),
        "contained": _CONTAINED,
        "specimen": st.just({"reference": "#in"}),
        "identifier": st.lists(
            st.builds(lambda value: {"system": "http://h.example", "value": value}, st.sampled_from("xy")), max_size=1
        ),
    },
)
_ONE_FOCUS = ("Procedure", "Task", "Transport")


@st.composite
def made(draw: st.DrawFn) -> Resource:
    """A resource of any type that is read, dated, of few ids."""
    type_ = draw(st.sampled_from(_TYPES))
    told = {**next(seed for seed in seeds() if seed["resourceType"] == type_)} if draw(st.booleans()) else {}
    told |= draw(_MEMBERS)
    if type_ not in _ONE_FOCUS and isinstance(told.get("focus"), dict):
        told["focus"] = [told["focus"]]
    if type_ == "DiagnosticReport" and isinstance(told.get("specimen"), dict):
        told["specimen"] = [told["specimen"]]
    return {**told, "resourceType": type_, "id": draw(_IDS), "status": draw(_STATUS), "meta": {"lastUpdated": draw(_DATES)}}


def landed(store: SqliteStore, folder: Path, name: str, part: list[Resource], as_bundle: bool) -> LoadReport:
    """A file of a load of its own."""
    path = folder / name
    entries = [{"resource": each} for each in part]
    lines = [{"resourceType": "Bundle", "type": "collection", "entry": entries}] if as_bundle else part
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    return load(store, [path], Options("H", author="tester", quarantine=folder / "quarantine"))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(told=st.lists(made(), min_size=1, max_size=8), data=st.data())
def test_order_and_division_decide_nothing_and_twice_is_once(
    tmp_path_factory: pytest.TempPathFactory, told: list[Resource], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("order")
    with closing(SqliteStore(":memory:")) as one, closing(SqliteStore(":memory:")) as other:
        first = landed(one, folder, "all.ndjson", told, as_bundle=False)
        assert first.totals.refused == 0
        again = landed(one, folder, "again.json", told, as_bundle=True)
        assert (again.digest, again.totals.unchanged) == (first.digest, again.totals.read)
        turned = data.draw(st.permutations(told))
        cuts = sorted({0, len(turned), *data.draw(st.lists(st.integers(0, len(turned)), max_size=2))})
        for at, (begin, end) in enumerate(pairwise(cuts)):
            last = landed(other, folder, f"{at}.json", turned[begin:end], as_bundle=data.draw(st.booleans()))
        assert last.digest == first.digest
