"""Drafts of mappings of event logs: they load what the log holds, in every form, and say what they are unsure of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from graph.errors import UnreadableSource, UsageError
from loaders.drafting import draft
from loaders.mapping_files import read_files
from loaders.pipeline import LoadReport
from tests.ocel_logs import Log, log, write

Landed = Callable[..., LoadReport]
FORMS = (".json", ".xml", ".sqlite")
ODD = "select 'x' \"y\": {Bär} # drop"
PLANT = log(
    [
        {"id": "e1", "type": "mix", "time": "2024-05-01T10:00:00+02:00", "has": {"operator": "OP-1"},
         "to": [("b1", "made"), ("l1", "used"), ("p1", "of"), ("d1", "by")]},
        {"id": "e2", "type": "ship bag", "time": "2024-05-02T10:00:00+02:00", "to": [("b1", "order made from"), ("t1", "on")]},
    ],
    [
        {"id": "b1", "type": "Bag", "has": {"volume_mL": 70.5, "expiry date": "2024-06-01", "patient name": "Jane Roe"},
         "to": [("l1", "filled of")]},
        {"id": "l1", "type": "ReagentLot"},
        {"id": "p1", "type": "Patient"},
        {"id": "o1", "type": "purchase order"},
        {"id": "t1", "type": "Trolley"},
        {"id": "d1", "type": "Department"},
        {"id": "x1", "type": ODD},
    ],
    mix={"operator": "string"},
    Bag={"volume_mL": "float", "expiry date": "string", "patient name": "string"},
)  # fmt: skip


KINDS = {
    "Bag": "material",
    "ReagentLot": "material",
    "Patient": "person",
    "purchase order": "material",
    "Trolley": "container",
    "Department": "organization",
    ODD: "material",
}


def plant(form: str) -> Log:
    """The log for a form: the tests' own writer names tables after types, so that a database has none of an odd name."""
    if form != ".sqlite":
        return PLANT
    return {**PLANT, "objects": PLANT["objects"][:-1], "objectTypes": PLANT["objectTypes"][:-1]}


def told(path: Path) -> dict[str, Any]:
    """The section of a draft."""
    found: dict[str, Any] = yaml.load(draft(path).text, yaml.BaseLoader)["ocel"]
    return found


@pytest.mark.parametrize("form", FORMS)
def test_types_are_drafted_by_the_words_of_their_names_in_every_form(form: str, tmp_path: Path) -> None:
    found = told(write(plant(form), tmp_path / f"plant{form}"))
    expected = {name: kind for name, kind in KINDS.items() if name != ODD or form != ".sqlite"}
    assert {name: each["kind"] for name, each in found["objects"].items()} == expected
    assert {name: each["kind"] for name, each in found["events"].items()} == {"mix": "step", "ship bag": "step"}
    assert {column: each for column, each in found["objects"]["Bag"]["columns"].items() if column != "unit"} == {
        "quantity": "volume_mL",
        "expires_at": "expiry date",
    }
    assert found["relations"] == [
        {"qualifier": "made", "relation": "output"},
        {"qualifier": "used", "relation": "input_to"},
    ]


def test_it_says_what_it_is_unsure_of_and_what_may_lead_to_a_person(tmp_path: Path) -> None:
    made = draft(write(PLANT, tmp_path / "plant.json"))
    unsure = "\n".join(made.unsure)
    for words in ("Patient: is it a donor or patient?", "purchase order: is it a therapy order?", "ship bag: does custody move?",
                  "'made' is output by its words alone"):  # fmt: skip
        assert words in unsure
        assert words in " ".join(line.strip().removeprefix("#").strip() for line in made.text.splitlines())
    assert made.private == ["Bag: patient name"]
    assert "'filled of'" in made.text
    assert "'order made from'" in made.text


@pytest.mark.parametrize("form", FORMS)
def test_what_is_drafted_loads_as_it_is(form: str, tmp_path: Path, store: Any, landed: Landed) -> None:
    path = write(plant(form), tmp_path / f"plant{form}")
    mapping = tmp_path / "plant.yaml"
    mapping.write_text(draft(path).text, encoding="utf-8")
    report = landed(store, path, steward="LAB", mappings=read_files([mapping]))
    assert report.refused == []
    assert report.totals.added == len(plant(form)["objects"]) + len(plant(form)["events"])


@pytest.mark.parametrize("form", FORMS)
def test_times_without_an_offset_are_asked_for(form: str, tmp_path: Path) -> None:
    plain = log([{"id": "e1", "type": "mix", "time": "2024-05-01 10:00:00"}], [])
    made = draft(write(plain, tmp_path / f"plant{form}"))
    assert "in which zone are they?" in made.unsure[0]
    assert yaml.load(made.text, yaml.BaseLoader)["ocel"]["events"] == {"mix": {"kind": "step"}}


def test_what_cannot_be_drafted_is_told(tmp_path: Path) -> None:
    first = tmp_path / "first.json"
    first.write_text('{"ocel:events": {}}', encoding="utf-8")
    with pytest.raises(UnreadableSource, match=r"OCEL 1\.0"):
        draft(first)
    with pytest.raises(UsageError, match="nothing to map"):
        draft(write(log([], []), tmp_path / "empty.json"))
    with pytest.raises(UsageError, match="--kind"):
        draft(write(PLANT, tmp_path / "plant.json"), "material")
