"""The CSV bundle: from rows to claims, and what is said of rows and files that cannot be read."""

import re
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from graph import identifiers, times
from graph.claims import RETRACTED, Claim
from graph.errors import InvalidInstant, UnreadableSource
from graph.model import MODELS, refs
from loaders import csv_bundle, csv_cells
from loaders.csv_rows import LONGEST_LINE
from loaders.items import Context, Item, Problem, Refused

Written = Callable[..., Path]
CONTEXT = Context("LAB")


def local(cls: str, number: str, assigner: str = "LAB") -> str:
    return identifiers.record_id(cls, identifiers.parse(number, cls=cls, assigner=assigner))


def items(written: Written, name: str, text: str, context: Context = CONTEXT) -> list[Item | Refused]:
    return list(csv_bundle.read(written({name: text}) / f"{name}.csv", context))


def claims(written: Written, name: str, text: str, context: Context = CONTEXT) -> list[Claim]:
    found = []
    for item in items(written, name, text, context):
        assert isinstance(item, Item), item
        found += item.claims
    return found


def problems(written: Written, name: str, text: str, context: Context = CONTEXT) -> list[Problem]:
    [item] = (item for item in items(written, name, text, context) if isinstance(item, Refused))
    return list(item.problems)


# -- records


def test_a_row_is_a_claim_of_its_steward_about_its_identifier(written: Written) -> None:
    [claim] = claims(written, "material", "id,type,quantity,steward,recorded_at\nM-1,dose,5,HOSPITAL,2024-05-01T10:00:00Z\n")
    assert claim.steward == "HOSPITAL"
    assert claim.record == local("object", "M-1", "HOSPITAL")
    assert claim.fields == {"kind": "Material", ".type": "dose", ".quantity": 5.0}
    assert claim.recorded_at == times.span("2024-05-01T10:00:00Z")[0]
    assert claim.names == {claim.record: "local:M-1@HOSPITAL"}
    assert claim.evidence.at == "line 2"


def test_without_a_steward_column_the_steward_of_the_load_speaks(written: Written) -> None:
    assert [claim.steward for claim in claims(written, "person", "id\nP-1\n")] == ["LAB"]


def test_a_named_steward_speaks_even_where_the_data_names_another(written: Written) -> None:
    [claim] = claims(written, "person", "id,steward\nP-1,HOSPITAL\n", Context("LAB", forced=True))
    assert (claim.steward, claim.record) == ("LAB", local("person", "P-1"))


def test_an_empty_cell_says_nothing(written: Written) -> None:
    [claim] = claims(written, "material", "id,type,name,recorded_at,retract\nM-1,, ,,\n")
    assert claim.fields == {"kind": "Material"}
    assert claim.recorded_at is None


def test_the_most_preferred_key_of_a_row_carries_its_claim_and_joins_the_others(written: Written) -> None:
    [claim] = claims(written, "container", "id,identifiers\nRACK-1,https://id.gs1.org/00/006141411234567890|uri:urn:x:1\n")
    sscc, number, uri = "https://id.gs1.org/00/006141411234567890", "RACK-1", "uri:urn:x:1"
    assert claim.record == local("object", sscc)
    assert {path for path in claim.fields if path.startswith("SAME_AS")} == {
        f"SAME_AS {local('object', number)}",
        f"SAME_AS {local('object', uri)}",
    }
    assert set(claim.names.values()) == {sscc, "local:RACK-1@LAB", "urn:x:1"}


def test_two_forms_of_one_gs1_key_are_one_identifier(written: Written) -> None:
    text = "id\nurn:epc:id:sscc:0614141.0123456789\n(00)006141411234567890\n"
    assert len({claim.record for claim in claims(written, "container", text)}) == 1


def test_a_label_is_carried_but_names_nothing(written: Written) -> None:
    [claim] = claims(written, "material", "id,identifiers\nM-1,gtin:09506000134352\n".replace("gtin:", "https://id.gs1.org/01/"))
    assert claim.record == local("object", "M-1")
    assert claim.fields["is https://id.gs1.org/01/09506000134352"] is True


def test_a_row_without_a_key_has_an_id_computed_from_what_it_says(written: Written) -> None:
    [first] = claims(written, "observation", "about,code,value,recorded_at\nperson/P-1,CD34,5.0,\n")
    [again] = claims(written, "observation", "value,code,about,recorded_at\n5,CD34,person/P-1,2024-05-01\n")
    [other] = claims(written, "observation", "about,code,value\nperson/P-1,CD34,6\n")
    [taken_back] = claims(written, "observation", "about,code,value,retract\nperson/P-1,CD34,5,true\n")
    assert first.record == again.record == taken_back.record != other.record
    assert first.names[first.record] is None
    assert taken_back.fields[RETRACTED] is True


def test_a_material_and_a_container_that_say_the_same_are_two_things(written: Written) -> None:
    [material] = claims(written, "material", "name\nX\n")
    [container] = claims(written, "container", "name\nX\n")
    assert material.record != container.record


def test_a_field_that_names_a_record_becomes_a_relation(written: Written) -> None:
    text = "id,from,to,carried_by,for_episode\nH-1,LAB,HOSPITAL,CARRIER,coi:C-1\n"
    [claim] = claims(written, "handoff", text)
    hospital = local("organization", "HOSPITAL")
    assert claim.fields["TO"] == hospital
    assert claim.fields["FROM"] == local("organization", "LAB")
    assert claim.fields["FOR_EPISODE"] == local("episode", "coi:C-1")
    assert claim.names[hospital] == "org:HOSPITAL"


def test_a_reference_may_name_another_assigner(written: Written) -> None:
    [claim] = claims(written, "consent", "id,person\nC-1,P-1@BLOODBANK\n")
    assert f"ABOUT {local('person', 'P-1', 'BLOODBANK')}" in claim.fields


def test_retract_takes_back_all_that_is_said_under_an_id(written: Written) -> None:
    [gone, back, silent] = claims(written, "material", "id,retract\nM-1,true\nM-1,no\nM-1,\n")
    assert (gone.fields[RETRACTED], back.fields[RETRACTED], RETRACTED in silent.fields) == (True, False, False)


# -- time


def test_a_local_time_is_read_in_the_zone_of_the_steward(written: Written) -> None:
    context = Context("LAB", zone_of={"LAB": "Europe/Berlin", "HOSPITAL": "America/New_York"}.get)
    text = "id,started_at,steward\nS-1,2024-05-01 10:00,\nS-2,2024-05-01 10:00,HOSPITAL\n"
    assert [claim.fields[".started_at"] for claim in claims(written, "step", text, context)] == [
        "2024-05-01T10:00+02:00",
        "2024-05-01T10:00-04:00",
    ]


@pytest.mark.parametrize(
    ("moment", "said"),
    [("2024-03-31T02:30", "does not exist"), ("2024-10-27T02:30", "exists twice")],
)
def test_a_local_time_that_is_no_single_instant_is_refused_with_both_readings(written: Written, moment: str, said: str) -> None:
    context = Context("LAB", zone_of=lambda steward: "Europe/Berlin")
    [problem] = problems(written, "step", f"id,started_at\nS-1,{moment}\n", context)
    assert (problem.field, problem.value, problem.code) == ("started_at", moment, "INVALID_INSTANT")
    assert said in problem.reason
    assert "+01:00 or " in problem.reason or " or " in problem.reason
    assert re.findall(r"\+0[12]:00", problem.reason)


def test_a_local_time_of_an_organisation_without_zone_is_refused(written: Written) -> None:
    [problem] = problems(written, "step", "id,started_at\nS-1,2024-05-01T10:00\n")
    assert "no time zone" in problem.reason


def test_a_date_of_recording_that_is_a_day_ranks_as_its_end(written: Written) -> None:
    [claim] = claims(written, "material", "id,recorded_at\nM-1,2024-05-01\n")
    assert claim.recorded_at == times.span("2024-05-01")[1]


# -- relations


def test_a_relation_is_claimed_under_the_record_that_owns_it(written: Written) -> None:
    [claim] = claims(written, "input_to", "source,target,quantity,unit\nM-1,S-1,2.5,mL\n")
    material = local("object", "M-1")
    assert claim.record == local("event", "S-1")
    assert claim.fields == {
        f"INPUT_TO {material}": True,
        f"INPUT_TO {material} quantity": 2.5,
        f"INPUT_TO {material} unit": "mL",
    }
    assert set(claim.names.values()) == {"local:M-1@LAB", "local:S-1@LAB"}


def test_the_class_goes_before_the_identifier_where_a_column_may_name_several(written: Written) -> None:
    [claim] = claims(written, "about", "source,target\nobservation/O-1,person/P-1\n")
    assert claim.record == local("observation", "O-1")
    assert f"ABOUT {local('person', 'P-1')}" in claim.fields


def test_what_goes_into_a_step_is_an_object_unless_it_says_otherwise(written: Written) -> None:
    [thing, person] = claims(written, "input_to", "source,target\nX-1,S-1\nperson/X-1,S-1\n")
    assert f"INPUT_TO {local('object', 'X-1')}" in thing.fields
    assert f"INPUT_TO {local('person', 'X-1')}" in person.fields


def test_the_class_may_go_before_any_identifier(written: Written) -> None:
    [claim] = claims(written, "consent", "id,person\nconsent/C-1,person/P-1\n")
    assert claim.record == local("consent", "C-1")
    assert f"ABOUT {local('person', 'P-1')}" in claim.fields


def test_a_relation_that_holds_one_end_is_a_field_of_its_source(written: Written) -> None:
    [claim] = claims(written, "performed_by", "source,target\nS-1,LAB\n")
    assert claim.fields == {"PERFORMED_BY": local("organization", "LAB")}


def test_a_relation_can_be_taken_back(written: Written) -> None:
    [claim] = claims(written, "output", "source,target,retract\nS-1,M-1,yes\n")
    assert claim.fields[f"OUTPUT {local('object', 'M-1')} retracted"] is True


def test_same_as_joins_two_ids(written: Written) -> None:
    [claim] = claims(written, "same_as", "source,target\nobject/M-1,object/M-1@HOSPITAL\n")
    assert claim.record == local("object", "M-1")
    assert claim.fields == {f"SAME_AS {local('object', 'M-1', 'HOSPITAL')}": True}


# -- stays


def test_a_stay_is_a_packing_and_an_unpacking(written: Written) -> None:
    packing, unpacking = claims(
        written, "contained_in", "content,container,from,to\nBAG,RACK,2024-05-01T10:00Z,2024-05-02T10:00Z\n"
    )
    bag, rack = local("object", "BAG"), local("object", "RACK")
    for claim, type_, action, moment in (
        (packing, "packing", "ADD", "2024-05-01T10:00Z"),
        (unpacking, "unpacking", "DELETE", "2024-05-02T10:00Z"),
    ):
        assert claim.fields == {
            "kind": "Step",
            ".type": type_,
            ".action": action,
            ".started_at": moment,
            f"SUBJECT_OF {bag}": True,
            f"SUBJECT_OF {bag} role": "content",
            f"SUBJECT_OF {rack}": True,
            f"SUBJECT_OF {rack} role": "container",
        }


@pytest.mark.parametrize(
    ("interval", "steps"),
    [
        ("2024-05-01,", ["packing"]),
        (",2024-05-02", ["unpacking"]),
        (",", ["packing"]),
        ("2024-05-01,2024-05-01", ["packing", "unpacking"]),
    ],
)
def test_an_open_end_of_a_stay_is_no_step(written: Written, interval: str, steps: list[str]) -> None:
    found = claims(written, "contained_in", f"content,container,from,to\nBAG,RACK,{interval}\n")
    assert [claim.fields[".type"] for claim in found] == steps


def test_a_stay_told_again_with_its_end_keeps_its_packing(written: Written) -> None:
    [before] = claims(written, "contained_in", "content,container,from,to\nBAG,RACK,2024-05-01,\n")
    [after, _] = claims(written, "contained_in", "content,container,from,to\nBAG,RACK,2024-05-01,2024-05-03\n")
    assert before.body() == after.body()


# -- bad rows

BAD_ROWS = {
    "too few cells": ("person", "id,sex\nP-1\n", "", "WRONG_LENGTH"),
    "too many cells": ("person", "id,sex\nP-1,male,x\n", "", "WRONG_LENGTH"),
    "a stray quote": ("person", 'id,sex\n"P"1,male\n', "", "BAD_QUOTES"),
    "a control character": ("material", "id,name\nM-1,a\0b\n", "name", "CONTROL_CHARACTER"),
    "a word that is not allowed": ("person", "id,sex\nP-1,f\n", "sex", "INVALID_VALUE"),
    "a decimal comma": ("material", 'id,quantity\nM-1,"1,5"\n', "quantity", "INVALID_VALUE"),
    "a negative amount": ("material", "id,quantity\nM-1,-1\n", "quantity", "INVALID_VALUE"),
    "no number at all": ("material", "id,quantity\nM-1,nan\n", "quantity", "INVALID_VALUE"),
    "a fraction of a year": ("person", "id,birth_year\nP-1,1960.5\n", "birth_year", "INVALID_VALUE"),
    "a year out of range": ("person", "id,birth_year\nP-1,60\n", "birth_year", "INVALID_VALUE"),
    "a date that does not exist": ("step", "id,started_at\nS-1,2024-02-30\n", "started_at", "INVALID_INSTANT"),
    "a date in another form": ("step", "id,started_at\nS-1,01.02.2024\n", "started_at", "INVALID_INSTANT"),
    "digits of another script": ("step", "id,started_at\nS-1,２０２４-01-01\n", "started_at", "INVALID_INSTANT"),
    "a bad date of recording": ("person", "id,recorded_at\nP-1,yesterday\n", "recorded_at", "INVALID_INSTANT"),
    "a bad retract": ("person", "id,retract\nP-1,maybe\n", "retract", "INVALID_VALUE"),
    "a wrong check digit": ("material", "id\n(00)006141411234567891\n", "id", "INVALID_IDENTIFIER"),
    "a medical record number": ("person", "id\nmrn:123\n", "id", "INVALID_IDENTIFIER"),
    "an identifier of another class": ("person", "id\n(00)006141411234567890\n", "id", "INVALID_IDENTIFIER"),
    "a bad further identifier": ("person", "id,identifiers\nP-1,ssn:1\n", "identifiers", "INVALID_IDENTIFIER"),
    "a bad steward": ("person", "id,steward\nP-1,(00)1\n", "steward", "INVALID_IDENTIFIER"),
    "a reference to a label": (
        "output",
        "source,target\nS-1,https://id.gs1.org/01/09506000134352\n",
        "target",
        "INVALID_IDENTIFIER",
    ),
    "a reference without class": ("observation", "id,about\nO-1,P-1\n", "about", "CLASS_NEEDED"),
    "a reference of a wrong class": ("consent", "id,person\nC-1,object/P-1\n", "person", "WRONG_CLASS"),
    "a relation without an end": ("input_to", "source,target\n,S-1\n", "source", "MISSING"),
    "a negative quantity": ("input_to", "source,target,quantity\nM-1,S-1,-2\n", "quantity", "INVALID_VALUE"),
    "an unknown role": ("subject_of", "source,target,role\nM-1,S-1,lid\n", "role", "INVALID_VALUE"),
    "taking back a single relation": ("performed_by", "source,target,retract\nS-1,LAB,true\n", "retract", "INVALID_VALUE"),
    "a stay that ends before it begins": (
        "contained_in",
        "content,container,from,to\nB,R,2024-05-02,2024-05-01\n",
        "to",
        "INTERVAL_REVERSED",
    ),
    "a thing inside itself": ("contained_in", "content,container\nB,B\n", "container", "INVALID_VALUE"),
}


@pytest.mark.parametrize(("name", "text", "field", "code"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_refused_with_field_code_reason_and_repair(
    written: Written, name: str, text: str, field: str, code: str
) -> None:
    [problem] = problems(written, name, text)
    assert (problem.field, problem.code) == (field, code)
    assert problem.reason
    assert problem.repair


def test_a_byte_that_is_not_utf8_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "material.csv"
    path.write_bytes("id,name\nM-1,Grün\n".encode("latin-1") + "M-2,Grün\n".encode())
    refused, good = csv_bundle.read(path, CONTEXT)
    assert isinstance(refused, Refused)
    assert isinstance(good, Item)
    [problem] = refused.problems
    assert (problem.field, problem.value, problem.code) == ("name", "Grün", "BAD_ENCODING")
    assert "byte 3 of the cell is 0xFC" in problem.reason


def test_every_problem_of_a_row_is_told(written: Written) -> None:
    text = "id,type,started_at,status,performed_by,retract,recorded_at\nmrn:1,processing,soon,done,(00)1,perhaps,now\n"
    assert {problem.field for problem in problems(written, "step", text)} == {
        "id",
        "started_at",
        "status",
        "performed_by",
        "retract",
        "recorded_at",
    }


def test_the_good_rows_beside_a_bad_one_are_kept(written: Written) -> None:
    found = items(written, "person", 'id,sex\nP-1,male\nP-2,x\n"P"3,male\nP-4,female\n')
    assert [(type(item).__name__, item.at) for item in found] == [
        ("Item", "line 2"),
        ("Refused", "line 3"),
        ("Refused", "line 4"),
        ("Item", "line 5"),
    ]


def test_lines_are_counted_as_an_editor_does(written: Written) -> None:
    text = 'id,name\nM-1,"two\nlines"\n\n,\nM-2,"a ""quoted"" word, and a comma"\n'
    first, second = items(written, "material", text)
    assert (first.at, second.at) == ("line 2", "line 6")
    assert isinstance(second, Item)
    assert second.claims[0].fields[".name"] == 'a "quoted" word, and a comma'


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_any_line_ending_is_read_with_or_without_byte_order_mark(tmp_path: Path, ending: str, mark: bytes) -> None:
    path = tmp_path / "person.csv"
    path.write_bytes(mark + ending.join(["id,sex", "P-1,male", "P-2,female"]).encode())
    assert [item.at for item in csv_bundle.read(path, CONTEXT)] == ["line 2", "line 3"]


# -- bad files

BAD_FILES = {
    "an empty file": (b"", "line 1", "no header"),
    "only a byte order mark": (b"\xef\xbb\xbf", "line 1", "no header"),
    "only line ends": (b"\n\n", "line 1", "no header"),
    "UTF-16": ("id,sex\n".encode("utf-16"), "line 1", "UTF-16"),
    "a workbook": (b"PK\x03\x04rest", "line 1", "workbook"),
    "semicolons": (b"id;sex\nP-1;male\n", "line 1", "separated by semicolons"),
    "an unknown column": (b"id,gender\nP-1,male\n", "line 1", "'gender' is unknown"),
    "a column twice": (b"id,sex,sex\nP-1,male,male\n", "line 1", "'sex' is there twice"),
    "a column without name": (b"id,\nP-1,\n", "line 1", "'' is unknown"),
    "a header that is not UTF-8": (b"id,_gr\xfcn\n", "line 1", "'_grün' is not UTF-8"),
    "a quote never closed": (b'id,sex\nP-1,male\n"P-2,male\nP-3,male\n', "line 3", "not closed"),
    "a quote never closed in a large file": (b'id,sex\n"P-1,male\n' + b"P-2,male\n" * (LONGEST_LINE // 8), "line 2", "not closed"),
    "an endless line": (b"id,sex\n" + b"," * (LONGEST_LINE + 1), "line 2", "1,048,576 characters"),
}


@pytest.mark.parametrize(("data", "at", "reason"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_cannot_be_read_says_where_why_and_what_to_do(tmp_path: Path, data: bytes, at: str, reason: str) -> None:
    path = tmp_path / "person.csv"
    path.write_bytes(data)
    with pytest.raises(UnreadableSource, match=re.escape(reason)) as raised:
        list(csv_bundle.read(path, CONTEXT))
    assert raised.value.at == at
    assert raised.value.repair


@pytest.mark.parametrize(
    ("name", "header", "missing"),
    [("input_to", "source", "target"), ("contained_in", "content,from", "container"), ("same_as", "target", "source")],
)
def test_a_relation_file_needs_both_ends(written: Written, name: str, header: str, missing: str) -> None:
    with pytest.raises(UnreadableSource, match=f"'{missing}' is missing"):
        items(written, name, f"{header}\n")


# -- names of files, memory, and the model


def test_a_file_is_known_by_the_last_part_of_its_name() -> None:
    assert csv_bundle.kind_of(Path("2024-05.material.csv")) == "Material"
    assert csv_bundle.kind_of(Path("INPUT_TO.CSV")) == "INPUT_TO"
    assert csv_bundle.kind_of(Path("contained_in.csv")) == "CONTAINED_IN"
    assert csv_bundle.kind_of(Path("materials.csv")) is None
    assert csv_bundle.kind_of(Path("material.json")) is None


def test_columns_that_begin_with_an_underscore_are_ignored(written: Written) -> None:
    [claim] = claims(written, "material", "id,_reason,_x\nM-1,whatever,\n")
    assert claim.fields == {"kind": "Material"}


def test_rows_are_read_as_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "material.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("id,name\n")
        file.writelines(f"M-{number},{'x' * 500}\n" for number in range(20_000))
    tracemalloc.start()
    try:
        for item in islice(csv_bundle.read(path, CONTEXT), 5_000):
            assert isinstance(item, Item)
        first = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert first < path.stat().st_size


CELLS = [
    (kind, name, info.alias or name)
    for kind, model in MODELS.items()
    for name, info in model.model_fields.items()
    if (info.alias or name) not in refs(kind)
]
OFFSETS = st.sampled_from(["", "Z", "z", "+00:00", "-00:00", "-00:30", "+01:00", "+0100", "-13:59", "+14:00", "+15:00"])
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20),
    st.sampled_from(
        ["dose", "fresh", "female", "2024-05-01T10:00:00+02:00", "2024-05", "2024-13-01", "24:00", "5", "-1", "1e400", "0x1"]
    ),
    st.floats().map(str),
    st.builds("{:%Y-%m-%dT%H:%M}{}{}".format, st.datetimes(), st.sampled_from(["", ":00", ":59", ":60", ":00.5"]), OFFSETS),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.just("x" * 4001),
)


@given(cell=st.sampled_from(CELLS), text=TEXTS)
def test_a_cell_is_read_exactly_as_the_model_reads_it(cell: tuple[str, str, str], text: str) -> None:
    kind, name, column = cell
    text = text.strip()
    if not text:
        return
    zone = "Europe/Berlin"
    try:
        expected: Any = getattr(MODELS[kind].model_validate({column: text}, context={"zone": zone}), name)
    except (ValidationError, InvalidInstant):
        with pytest.raises(csv_cells.Unfit):
            csv_cells.field(kind, name)(text, zone)
    else:
        found = csv_cells.field(kind, name)(text, zone)
        assert (found, type(found)) == (expected, type(expected))


def test_no_model_has_rules_over_several_fields_which_cells_could_not_know() -> None:
    assert not any(model.__pydantic_decorators__.model_validators for model in MODELS.values())


@given(
    st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)),  # noqa: DTZ001 - the offset is drawn apart
    st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
    st.sampled_from(["Z", "+00:00", "-00:00", "+02:00", "-12:30", "+14:00", "+13:59"]),
)
def test_the_short_way_to_an_instant_leads_where_the_long_one_does(moment: datetime, precision: str, offset: str) -> None:
    text = moment.isoformat(timespec=precision) + offset
    assert csv_cells.instant(text, None) == times.canonical(text)
