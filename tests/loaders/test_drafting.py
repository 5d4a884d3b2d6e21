"""Drafts of mappings: they load, say what they are unsure of, and leave out what may lead to a person."""

import csv
import gzip
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from graph.errors import InvalidMapping, UnreadableSource, UsageError
from graph.sqlite_store import SqliteStore
from loaders.drafting import Draft, draft
from loaders.drafting_samples import decimals_of, forms_of
from loaders.drafting_terms import is_private
from loaders.generator import generate
from loaders.mapping_files import read_files
from loaders.pipeline import LoadReport, Options, dry_run

Landed = Callable[..., LoadReport]


def tables(made: Draft) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = yaml.load(made.text, yaml.BaseLoader)["tables"]
    return told


def drafted(path: Path, text: str, encoding: str = "utf-8", kind: str | None = None) -> tuple[Draft, dict[str, Any]]:
    path.write_bytes(text.encode(encoding))
    made = draft(path, kind)
    [table] = tables(made)
    return made, table


def loads(made: Draft, path: Path, folder: Path) -> LoadReport:
    """What loading a file by its draft would say."""
    (folder / "draft.yaml").write_text(made.text, encoding="utf-8")
    return dry_run([path], Options(mappings=read_files([folder / "draft.yaml"])))


BAGS = (
    "Bag No;Sorte;Volume (mL);CD34 (10^6/kg);Viability (%);Entnahme;Expiry;Donor name;SSN;Sex\n"
    "B-1;dose;102,5;3,2;98,1;x;31.12.2025;Eve Smith;123-45-6789;F\n"
    "B-2;sample;99;2,9;<5;y;01.02.2026;Adam Jones;123-45-6788;M\n"
)


def test_a_draft_knows_how_a_file_is_written_and_its_columns_by_name_and_content(tmp_path: Path) -> None:
    made, table = drafted(tmp_path / "bags.csv", BAGS)
    assert {name: table[name] for name in ("files", "delimiter", "decimal")} == {
        "files": "bags.csv",
        "delimiter": ";",
        "decimal": ",",
    }
    first, second, limits = table["makes"]
    assert first == {
        "kind": "material",
        "columns": {
            "id": "Bag No",
            "quantity": "Volume (mL)",
            "unit": {"value": "mL"},
            "expires_at": {"column": "Expiry", "dates": ["%d.%m.%Y"]},
        },
    }
    assert second["kind"] == "observation"
    assert second["columns"] == {"about": "object/{Bag No}", "code": "code", "value": "_cell"} | {
        "unit": {"column": "unit", "map": {"10^6/kg": "10*6/kg"}, "other": "keep"}
    }
    assert limits["where"] == {"column": "_cell", "matches": "^[<>]"}
    assert loads(made, tmp_path / "bags.csv", tmp_path).totals.added == 2
    assert made.private == ["Donor name", "SSN"]
    assert "Smith" not in made.text
    assert "not used: Sorte, Entnahme, Sex" in made.text


@pytest.mark.parametrize(
    ("name", "text", "encoding", "table"),
    [
        ("bags.csv", "Bag,Größe\nM-1,5\n", "cp1252", {"encoding": "cp1252"}),
        ("bags.csv", "Bag\tVolume\nM-1\t5\n", "utf-16", {"encoding": "utf-16", "delimiter": "\t"}),
        ("bags.txt", "Report\nof today, now\n\nBag|Volume|Unit\nM-1|5|mL\nM-2|6|mL\n", "utf-8", {"delimiter": "|", "skip": "3"}),
        ("bags.csv", 'Bag,"Volume, mL"\nM-1,"1,5"\nM-2,"2,5"\n', "utf-8", {"decimal": ","}),
        ("bags.csv", 'Bag;Volume\nM-1;1.234,5\nM-2;2,5\n', "utf-8", {"delimiter": ";", "decimal": ",", "thousands": "."}),
    ],
)  # fmt: skip
def test_a_draft_tells_how_text_is_written(tmp_path: Path, name: str, text: str, encoding: str, table: dict[str, str]) -> None:
    made, told = drafted(tmp_path / name, text, encoding)
    assert {each: told.get(each) for each in ("encoding", "delimiter", "skip", "decimal", "thousands") if each in told} == table
    assert loads(made, tmp_path / name, tmp_path).totals.refused == 0


@pytest.mark.parametrize(
    ("values", "forms", "doubt"),
    [
        (["2024-05-01", "2024-05-01T10:00Z"], [], ""),
        (["01.05.2024", "31.12.2024"], ["%d.%m.%Y"], ""),
        (["13/01/2024", "01/02/2024"], ["%d/%m/%Y"], ""),
        (["01/13/2024", "01/02/2024"], ["%m/%d/%Y"], ""),
        (["01/02/2024", "03/04/2024"], ["%d/%m/%Y"], "is the day or the month first?"),
        (["01/02/2024 10:00", "03/04/2024 11:00"], ["%d/%m/%Y %H:%M"], "is the day or the month first?"),
        (["5/13/2024 1:05 PM"], ["%m/%d/%Y %I:%M %p"], ""),
        (["01.05.2024", "02.05.2024 10:00"], ["%d.%m.%Y", "%d.%m.%Y %H:%M"], "in 2 ways"),
        (["20240501"], ["%Y%m%d"], ""),
        (["17", "2024"], None, ""),
        (["soon", "01.05.2024"], None, ""),
        ([], None, ""),
    ],
)
def test_dates_are_known_by_their_form_and_an_open_order_of_day_and_month_is_told(
    values: list[str], forms: list[str] | None, doubt: str
) -> None:
    found = forms_of(values)
    if forms is None or found is None:
        assert found == forms
    else:
        assert found[0] == forms
        assert (doubt in found[1]) if doubt else not found[1]


def test_a_comma_that_may_be_a_decimal_or_a_group_is_told() -> None:
    assert decimals_of([["1,234", "5,678"]])[:2] == (",", None)
    assert "may be" in decimals_of([["1,234", "5,678"]])[2]
    assert decimals_of([["1,234", "5,6"]]) == (",", None, "")
    assert decimals_of([["1,234.5"]]) == (None, ",", "")
    assert decimals_of([["1.5", "x"]]) == (None, None, "")


def test_codes_are_mapped_where_they_are_known_and_the_rest_is_for_a_person(tmp_path: Path) -> None:
    made, table = drafted(tmp_path / "patients.csv", "Patient,Gender,DOB\nP-1,F,2001-05-06\nP-2,M,1999-01-02\nP-3,Z,1980-03-04\n")
    [person] = table["makes"]
    assert person["kind"] == "person"
    assert person["columns"]["sex"] == {"column": "Gender", "map": {"F": "female", "M": "male"}}
    assert any("what 'Z' means is not known" in told for told in made.unsure)
    assert loads(made, tmp_path / "patients.csv", tmp_path).totals.refused == 1
    assert person["columns"]["birth_year"]["find"].startswith(r"^\d{4}")


def test_identifiers_of_known_schemes_are_known(tmp_path: Path) -> None:
    made, table = drafted(tmp_path / "bags.csv", "DIN,Product code\nA999221000001,S1130V00\nA998323000002,S1128V00\n")
    assert table["makes"][0]["columns"]["id"] == "isbt128:{DIN}-{Product code}"
    assert any("ISBT 128" in told for told in made.unsure)
    assert loads(made, tmp_path / "bags.csv", tmp_path).totals.added == 2
    made, table = drafted(tmp_path / "boxes.csv", "Box,Type\n006141411234567890,dewar\n")
    assert table["makes"][0]["columns"]["id"] == "(00){Box}"
    assert any("SSCC" in told for told in made.unsure)
    made, _ = drafted(tmp_path / "bags.csv", "Bag,Name\n09506000134352,a\n09506000134352,b\n")
    assert any("GTIN" in told for told in made.unsure)


def test_results_that_are_numbers_limits_and_texts_are_told_apart(tmp_path: Path) -> None:
    rows = "S-1,CD34,1.5,%,2024-05-01T10:00Z\nS-1,endotoxin,<0.5,EU,2024-05-01\nS-1,look,clear,,2024-05-02\n"
    made, table = drafted(tmp_path / "lab.csv", f"Sample,Test,Result,Unit,Measured\n{rows}")
    assert [sorted({"value", "comparator", "value_text"} & {*part["columns"]}) for part in table["makes"]] == [
        ["value"],
        ["comparator", "value"],
        ["value_text"],
    ]
    report = loads(made, tmp_path / "lab.csv", tmp_path)
    assert (report.totals.added, report.notes) == (3, {})


def test_rows_that_sum_up_others_are_left_out_and_told(tmp_path: Path) -> None:
    made, table = drafted(tmp_path / "bags.csv", "Bag;Volume (mL)\nB-1;10\nB-2;12\nSumme:;22\n;\nGrand Total;22\n")
    assert table["where"] == {"column": "Bag", "not": ["Grand Total", "Summe:"]}
    assert any("sums of others" in told for told in made.unsure)
    report = loads(made, tmp_path / "bags.csv", tmp_path)
    assert (report.totals.added, report.totals.read, report.totals.refused) == (2, 2, 0)


def test_a_number_that_tells_columns_of_one_name_apart_is_no_unit(tmp_path: Path) -> None:
    made, _ = drafted(tmp_path / "results.csv", "Bag,Result,Result,Result\nB-1,1,2,3\n")
    assert "unit: {value: '3'}" not in made.text
    assert loads(made, tmp_path / "results.csv", tmp_path).totals.added == 1


def test_local_times_are_asked_for_their_zone_and_values_that_do_not_fit_are_shown(tmp_path: Path) -> None:
    rows = "".join(f"S-{number},thaw,{number + 10}.05.2024 10:00,{'done' if number else 'odd'}\n" for number in range(9))
    made, table = drafted(tmp_path / "steps.csv", f"Step,Type,Start,Status\n{rows}")
    assert table["makes"][0]["kind"] == "step"
    assert any("have no offset: in which zone" in told for told in made.unsure)
    assert any("'odd'" in told for told in made.unsure)
    assert "# zone: Europe/Berlin" in made.text


@pytest.mark.parametrize(
    ("name", "kind", "private"),
    [
        ("SSN2", None, True), ("SSN", None, True), ("mRNA", None, False),
        ("Social Security No", None, True), ("MRN", None, True), ("medical_record_number", None, True),
        ("FirstName", None, True), ("LAST", "person", True), ("Patient Name", "material", True), ("name", "person", True),
        ("Full name", "step", True), ("passport", None, True), ("DRIVERS", None, True), ("Street address", None, True),
        ("phone", "organization", True), ("E-Mail", None, True), ("Operator name", "step", True),
        ("name", "organization", False), ("Product name", "step", False), ("Last modified", "person", False), ("Bag", None, False),
        ("first infusion", "step", False), ("Test name", "observation", False), ("Id", "person", False),
    ],
)  # fmt: skip
def test_a_column_that_may_lead_to_a_person_is_known_by_its_name(name: str, kind: str | None, private: bool) -> None:
    assert is_private(name, [], kind) is private


def test_a_column_that_may_lead_to_a_person_is_known_by_what_it_holds() -> None:
    assert is_private("code", ["123-45-6789"], "material")
    assert is_private("desk", ["eve@clinic.example"], "organization")
    assert not is_private("code", ["123-456"], "material")


def test_a_workbook_is_drafted_sheet_by_sheet_and_parquet_by_its_columns(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Donors"
    for row in (["List of donors"], [], ["Donor", "Sex", "Year of birth"], ["D-1", "F", 1980], ["D-2", "M", 1990]):
        sheet.append(row)
    more = book.create_sheet("Bags")
    more.append(["Bag", "Volume (mL)", "Expiry"])
    more.append(["M-1", 12.5, datetime(2024, 5, 1, 10)])  # noqa: DTZ001 - Excel knows no zones
    book.create_sheet("Empty")
    book.save(tmp_path / "bank.xlsx")
    made = draft(tmp_path / "bank.xlsx")
    donors, bags = tables(made)
    assert (donors["sheet"], donors["skip"], donors["makes"][0]["kind"]) == ("Donors", "2", "person")
    assert bags["makes"][0]["columns"] == {"id": "Bag", "quantity": "Volume (mL)", "unit": {"value": "mL"}, "expires_at": "Expiry"}
    assert any("have no offset" in told for told in made.unsure)
    pl.DataFrame({"Bag": ["M-1"], "Volume": [1.5]}).write_parquet(tmp_path / "bags.parquet")
    [table] = tables(draft(tmp_path / "bags.parquet"))
    assert table["makes"][0]["columns"] == {"id": "Bag", "quantity": "Volume"}


def test_the_kind_may_be_given(tmp_path: Path) -> None:
    _, table = drafted(tmp_path / "x.csv", "Number,State\n1,ok\n", kind="Handoff")
    assert table["makes"][0] == {"kind": "handoff", "columns": {"id": "Number"}}
    with pytest.raises(UsageError, match="no kind"):
        draft(tmp_path / "x.csv", "bagg")
    with pytest.raises(UsageError, match="known as the source or target of input_to"):
        draft(tmp_path / "x.csv", "input_to")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"SSN,Name\n123-45-6789,Eve\n"])
def test_a_file_of_which_nothing_can_be_made_is_a_typed_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises((UnreadableSource, UsageError)):
        draft(tmp_path / "x.csv")
    with pytest.raises(UsageError, match="no file"):
        draft(tmp_path)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"Bag\n1\n"))
    with pytest.raises(UnreadableSource, match="it is an archive; unpack it"):
        draft(tmp_path / "x.csv.gz")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "an archive that holds no file; name"),
        (["lab/"], "an archive that holds no file; name"),
        (["a.csv"], "an archive; unpack"),
    ],
)
def test_of_an_archive_it_is_said_whether_there_is_anything_in_it(tmp_path: Path, names: list[str], told: str) -> None:
    with zipfile.ZipFile(tmp_path / "sent.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "")
    with pytest.raises(UnreadableSource, match=told):
        draft(tmp_path / "sent.zip")


def test_an_archive_that_is_damaged_is_one_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "sent.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UnreadableSource, match="an archive; unpack"):
        draft(tmp_path / "sent.zip")


NAMES = ['Bag "No"', "O'Neill", "{Bag}", "a: b # c", "Größe\u00a0[mL]", "😀", "", "- x", "%d", "Bag", "\u00ad😀\\", "tab\there"]


def test_a_draft_is_a_mapping_whatever_columns_are_called(tmp_path: Path) -> None:
    path = tmp_path / "bags: of 'today' {1} [2]?.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([NAMES, [f"v\n{number}" if number == 3 else f"M-{number}" for number in range(len(NAMES))]])
    made = draft(path, "material")
    assert loads(made, path, tmp_path).totals.added == 1


PIECES = [
    *("Bag", "Donor", "SSN", "Start", "Value", "CD34 (%)", "{a}", "_unread", "_at,_field,_reason,_repair", "😀", "é", "\x00", "x"),
    *("1,5", "<5", "0.5", "12:30", "2024", "2024-05-01", "01/02/2024", "dose", "M", "person/P", "isbt128:", "A999221000001"),
    *("\n", "\n", ";", ",", "\t", "|", '"', "'", " ", "\r\n"),
]


@settings(deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=60),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    name=st.sampled_from(["bags", "step", "output"]),
)
def test_whatever_a_file_holds_its_draft_loads_it_or_is_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], encoding: str, name: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / f"{name}.csv"
    path.write_bytes("".join(pieces).encode(encoding, "replace"))
    try:
        made = draft(path)
    except InvalidMapping:
        raise
    except (UnreadableSource, UsageError):
        return
    told = loads(made, path, folder).totals
    assert told.read == told.added + told.changed + told.unchanged + told.refused + told.conflicts


@pytest.mark.reference
def test_every_table_of_synthea_has_a_draft_that_loads_it_and_holds_nobodys_name(reference: Path, tmp_path: Path) -> None:
    paths = sorted((reference / "synthea").glob("*.csv"))
    assert len(paths) > 15
    for path in paths:
        report = loads(draft(path), path, tmp_path)
        assert report.totals.read > 0
        assert report.totals.refused == 0, path.name
    patients = draft(reference / "synthea" / "patients.csv")
    assert {"SSN", "DRIVERS", "PASSPORT", "FIRST", "LAST", "MAIDEN", "ADDRESS"} <= {*patients.private}
    assert tables(patients)[0]["makes"][0]["columns"].keys() == {"id", "sex", "birth_year"}


def test_drafts_of_the_bundle_itself_come_to_the_same_graph(
    new_store: Callable[[], SqliteStore], landed: Landed, tmp_path: Path
) -> None:
    generate(tmp_path / "network", journeys=3, seed=1)
    folders = [folder for folder in sorted((tmp_path / "network").iterdir()) if folder.is_dir() and folder.name != "truth"]
    files = [path for folder in folders[:12] for path in sorted(folder.glob("*.csv"))]
    assert len(files) > 60
    stores = new_store(), new_store()
    for path in files:
        if path.name.endswith("organization.csv"):  # whose mail of a duty desk no draft takes
            landed(stores[0], path)
        else:
            (tmp_path / "draft.yaml").write_text(draft(path).text, encoding="utf-8")
            report = landed(stores[0], path, mappings=read_files([tmp_path / "draft.yaml"]))
            assert report.refused == [], path
        plain = landed(stores[1], path)
    heads = [store.head() for store in stores]
    assert heads[0] is not None
    assert heads[1] is not None
    assert heads[0].digest == heads[1].digest == plain.digest
