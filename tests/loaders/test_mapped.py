"""Files of any shape, by their mapping: what rows make, what is said of those that are refused, and what is left out."""

import csv
import gzip
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from graph.errors import InvalidMapping, UsageError
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders import csv_bundle, excel_rows, mapped, reading
from loaders.items import Context, Item, Refused
from loaders.mapping_files import Mappings, Placed, parsed, read_files
from loaders.pipeline import LoadReport, Options, dry_run, load

Landed = Callable[..., LoadReport]
CONTEXT = Context("LAB")


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[[str], Mappings]:
    """Writes a mapping and reads it."""

    def write(text: str) -> Mappings:
        path = tmp_path / "site.yaml"
        path.write_text(text, encoding="utf-8")
        return read_files([path])

    return write


def made(text: str, **columns: str) -> str:
    """A mapping of `bags.csv` with these lines before its tables, that makes a material of these columns."""
    told = ", ".join(f"{name}: {value}" for name, value in {"id": "Bag", **columns}.items())
    return f"{text}\ntables: [{{files: 'bags*', makes: [{{kind: material, columns: {{{told}}}}}]}}]"


def read(text: str, path: Path, context: Context = CONTEXT) -> list[Item | Refused]:
    return list(mapped.read(path, Placed("site.yaml", "/tables/0", parsed(text).table(0)), context))


def fields(text: str, path: Path, context: Context = CONTEXT) -> list[dict[str, Any]]:
    found = read(text, path, context)
    assert all(isinstance(item, Item) for item in found), found
    return [claim.fields for item in found if isinstance(item, Item) for claim in item.claims]


def seen(store: SqliteStore) -> View:
    return view(store)


@pytest.fixture
def bags(tmp_path: Path) -> Callable[..., Path]:
    """Writes `bags.csv`."""

    def write(text: str, encoding: str = "utf-8", name: str = "bags.csv") -> Path:
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return write


Bags = Callable[..., Path]
Write = Callable[[str], Mappings]


# -- values


def test_a_row_makes_what_a_row_of_the_bundle_would(bags: Bags, written: Callable[..., Path]) -> None:
    path = bags("Bag;Sorte;Menge;Verfall;Stand\nM-1;D;1.012,5;31.12.2024 14:30;05.01.2024 08:00\n")
    text = made("delimiter: ';'\ndecimal: ','\nthousands: '.'\nzone: Europe/Berlin\ndates: '%d.%m.%Y %H:%M'\n"
                "common: {steward: {value: BANK}, recorded_at: Stand}",
                type="{column: Sorte, map: {D: dose}}", quantity="Menge", unit="{value: mL}", expires_at="Verfall")  # fmt: skip
    row = "M-1,dose,1012.5,mL,2024-12-31T14:30+01:00,BANK,2024-01-05T08:00+01:00"
    folder = written(material=f"id,type,quantity,unit,expires_at,steward,recorded_at\n{row}\n")
    [item] = read(text, path)
    [same] = csv_bundle.read(folder / "material.csv", CONTEXT)
    assert item == same


@pytest.mark.parametrize(
    ("value", "cell", "said"),
    [
        ("Typ", "dose", "dose"),
        ("{value: dose}", "", "dose"),
        ("{column: Typ, map: {D: dose}}", "D", "dose"),
        ("{column: Typ, map: {D: dose}, other: keep}", "sample", "sample"),
        ("{column: Typ, map: {'': other}}", "", "other"),
        ("{column: Typ, find: '^[a-z]+'}", "dose 12", "dose"),
        ("{column: Typ, find: 'a (\\w+)'}", "a dose of", "dose"),
        ("{column: Typ, find: '^.', map: {d: dose}}", "does", "dose"),
        ("'{Typ}'", "dose", "dose"),
    ],
)
def test_a_value_is_a_column_fixed_found_mapped_or_a_template(bags: Bags, value: str, cell: str, said: str) -> None:
    [told] = fields(made("", type=value), bags(f"Bag,Typ\nM-1,{cell}\n"))
    assert told == {"kind": "Material", ".type": said}


@pytest.mark.parametrize(
    ("value", "cell", "code", "reason"),
    [
        ("Typ", "doze", "INVALID_VALUE", "none of the words"),
        ("{column: Typ, map: {D: dose}}", "Q", "UNMAPPED_VALUE", "does not know this word"),
        ("{column: Typ, map: {D: dose}, other: keep}", "Q", "INVALID_VALUE", "(as material.type)"),
        ("{column: Typ, find: '[a-z]'}", "7", "INVALID_VALUE", "nothing in it fits"),
        ("'{Typ}{Sub}'", "do", "MISSING", "Sub is empty"),
        ("{column: Typ, map: {D: dose}, other: keep, find: '.'}", "x7", "INVALID_VALUE", "(as material.type 'x')"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_words_of_the_file(bags: Bags, value: str, cell: str, code: str, reason: str) -> None:
    [refused] = read(made("", type=value), bags(f"Bag,Typ,Sub\nM-1,{cell},\n"))
    assert isinstance(refused, Refused)
    assert refused.at == "line 2"
    assert refused.raw == {"Bag": "M-1", "Typ": cell, "Sub": ""}
    [problem] = refused.problems
    assert (problem.field.split(", ")[0], problem.value.split(", ")[0], problem.code) == ("Typ", cell, code)
    assert reason in problem.reason
    assert problem.repair


def test_a_word_that_is_dropped_is_told(bags: Bags, store: SqliteStore, landed: Landed, mapping: Write) -> None:
    path = bags("Bag,Typ\nM-1,D\nM-2,Q\n")
    report = landed(store, path, mappings=mapping(made("", type="{column: Typ, map: {D: dose}, other: drop}")))
    assert report.totals.added == 2
    assert report.notes == {"Typ: a word that is not in the map was left out, as the mapping says": 1}


def test_an_identifier_is_composed_and_a_template_of_empty_columns_says_nothing(bags: Bags) -> None:
    text = made("", id="'{Site}-{Bag}'", identifiers="['uri:urn:x:{Bag}', Alt]", for_episode="'coi:{COI}'")
    [first, second] = read(text, bags("Site,Bag,Alt,COI\nA,1,,\nA,2,ALT-2,C-9\n"))
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert set(first.claims[0].names.values()) == {"local:A-1@LAB", "urn:x:1"}
    assert set(second.claims[0].names.values()) == {"local:A-2@LAB", "urn:x:2", "local:ALT-2@LAB", "coi:C-9"}


@pytest.mark.parametrize(
    ("dates", "cell", "said"),
    [
        ("'%d.%m.%Y'", "31.12.2024", "2024-12-31"),
        ("'%m/%d/%Y'", "12/31/2024", "2024-12-31"),
        ("'%m/%Y'", "12/2024", "2024-12"),
        ("'%Y'", "2024", "2024"),
        ("'%d.%m.%Y %H:%M'", "1.7.2024 9:05", "2024-07-01T09:05+02:00"),
        ("'%d.%m.%Y %H:%M:%S'", "01.07.2024 09:05:00", "2024-07-01T09:05:00+02:00"),
        ("'%d %b %Y %I:%M %p'", "01 Jul 2024 09:05 PM", "2024-07-01T21:05+02:00"),
        ("'%Y%m%dT%H%M%S%z'", "20240701T090500+0100", "2024-07-01T09:05:00+01:00"),
        ("'%d.%m.%Y %H:%M:%S.%f'", "01.07.2024 09:05:00.25", "2024-07-01T09:05:00.25+02:00"),
        ("['%d.%m.%Y %H:%M', '%d.%m.%Y']", "01.07.2024", "2024-07-01"),
        ("'%d.%m.%Y'", "2024-07-01T09:05Z", "2024-07-01T09:05Z"),
        ("'%d.%m.%Y'", "2024-07-01 09:05", "2024-07-01T09:05+02:00"),
    ],
)
def test_a_date_is_as_precise_as_it_is_written_and_a_local_time_is_placed(bags: Bags, dates: str, cell: str, said: str) -> None:
    [told] = fields(made(f"zone: Europe/Berlin\ndates: {dates}", expires_at="E"), bags(f"Bag,E\nM-1,{cell}\n"))
    assert told[".expires_at"] == said


def test_a_local_time_without_a_zone_takes_that_of_the_stewards_organisation(bags: Bags) -> None:
    context = Context("LAB", zone_of=lambda steward: "Asia/Tokyo")
    text = made("dates: '%d.%m.%Y %H:%M'", expires_at="E")
    [told] = fields(text, bags("Bag,E\nM-1,01.07.2024 09:05\n"), context)
    assert told[".expires_at"] == "2024-07-01T09:05+09:00"


@pytest.mark.parametrize("cell", ["31.03.2024 02:30", "27.10.2024 02:30", "31.12.24", "32.01.2024 10:00", "2024", "soon"])
def test_a_date_that_cannot_be_placed_is_refused(bags: Bags, cell: str) -> None:
    text = made("zone: Europe/Berlin\ndates: '%d.%m.%Y %H:%M'", expires_at="E")
    [refused] = read(text, bags(f"Bag,E\nM-1,{cell}\n"))
    assert isinstance(refused, Refused)
    assert [(each.field, each.value, each.code) for each in refused.problems] == [("E", cell, "INVALID_INSTANT")]


@pytest.mark.parametrize(
    ("written_as", "cell", "said"),
    [
        ("decimal: ','", "1,5", 1.5),
        ("decimal: ','", "1,5e3", 1500.0),
        ("decimal: ','", "12", 12.0),
        ("decimal: ','", "1.5", None),
        ("decimal: ','\nthousands: '.'", "1.234.567,5", 1234567.5),
        ("decimal: ','\nthousands: '.'", "1.5", None),
        ("decimal: ','\nthousands: '.'", "12.34,5", None),
        ("thousands: ','", "1,234.5", 1234.5),
        ("thousands: ','", "1234.5", 1234.5),
        ("thousands: ' '", "1\u00a0234", 1234.0),
        ('thousands: "\'"', "1'234.5", 1234.5),
        ("", "1,5", None),
        ("decimal: ','", "5 mL", None),
    ],
)
def test_numbers_are_read_as_the_mapping_says_they_are_written_or_refused(
    bags: Bags, written_as: str, cell: str, said: float | None
) -> None:
    [item] = read(made(f"delimiter: ';'\n{written_as}", quantity="Menge"), bags(f"Bag;Menge\nM-1;{cell}\n"))
    if said is None:
        assert isinstance(item, Refused)
        assert (item.problems[0].field, item.problems[0].value, item.problems[0].code) == ("Menge", cell, "INVALID_VALUE")
    else:
        assert isinstance(item, Item)
        assert item.claims[0].fields[".quantity"] == said


# -- what rows make

WIDE = """
tables:
  - files: bags.csv
    where: [Bag, {column: State, not: [void, trial]}, {column: Bag, matches: '^M'}]
    makes:
      - {kind: material, columns: {id: Bag, type: {value: dose}}}
      - kind: step
        where: Collected
        columns: {id: "C-{Bag}", type: {value: collection}, started_at: Collected}
      - kind: output
        where: Collected
        columns: {source: "C-{Bag}", target: Bag}
      - kind: observation
        each: '(?P<code>CD\\d+|viability) \\[(?P<unit>.+)\\]'
        columns: {about: "object/{Bag}", code: {column: code, map: {CD34: stem cells}, other: keep}, unit: unit, value: _cell, method: _column}
"""  # noqa: E501


def test_a_row_makes_several_records_relations_and_an_observation_of_each_column(
    bags: Bags, store: SqliteStore, landed: Landed, mapping: Write
) -> None:
    path = bags("Bag,State,Collected,CD34 [10*6/kg],viability [%],note\nM-1,ok,2024-05-01,3.5,98,x\nM-2,ok,,,97,\n")
    report = landed(store, path, mappings=mapping(WIDE))
    assert (report.totals.read, report.totals.added) == (2, 2)
    assert report.notes == {"bags.csv: columns that the mapping does not use: note": 1}
    claims = [entry.claim.fields for entry in store.claims()]
    observed = [
        (told[".code"], told[".value"], told[".unit"], told[".method"]) for told in claims if told.get("kind") == "Observation"
    ]
    assert sorted(observed) == [
        ("stem cells", 3.5, "10*6/kg", "CD34 [10*6/kg]"),
        ("viability", 97.0, "%", "viability [%]"),
        ("viability", 98.0, "%", "viability [%]"),
    ]
    assert [told["kind"] for told in claims if "kind" in told].count("Step") == 1


def test_rows_that_a_filter_leaves_out_and_rows_that_make_nothing_are_counted(
    bags: Bags, store: SqliteStore, landed: Landed, mapping: Write
) -> None:
    text = "tables: [{files: bags.csv, where: {column: State, is: ok}, makes: [{kind: material, where: Bag, columns: {id: Bag}}]}]"
    report = landed(store, bags("Bag,State\nM-1,ok\nM-2,void\n,ok\nM-4,\nM-5,ok\n"), mappings=mapping(text))
    assert (report.totals.read, report.totals.added) == (2, 2)
    assert report.notes == {"left out by the filter of bags.csv": 2, "makes nothing by the mapping of bags.csv": 1}


def test_a_row_is_refused_whole_with_all_that_is_wrong_with_it(
    bags: Bags, store: SqliteStore, landed: Landed, mapping: Write
) -> None:
    path = bags("Bag,State,Collected,CD34 [10*6/kg],viability [%]\nM-1,ok,1 May,many,\nM-2,ok,2024-05-01,2,\n")
    report = landed(store, path, mappings=mapping(WIDE))
    assert (report.totals.added, report.totals.refused) == (1, 1)
    [refused] = report.refused
    assert (refused["at"], refused["field"], refused["value"]) == ("line 2", "Collected", "1 May")
    assert [(each["field"], each["value"]) for each in refused["also"]] == [("CD34 [10*6/kg]", "many")]
    assert not [entry for entry in store.claims() if "M-1" in str(entry.claim.names)]


def test_files_that_are_written_differently_are_read(bags: Bags) -> None:
    lead = "Export of café\nno table\n"
    cases = {
        "utf-8": ("", "Bag,Größe\nM-1,5\n"),
        "utf-8-sig": ("", "Bag,Größe\nM-1,5\n"),
        "cp1252": ("encoding: cp1252\nskip: 2\ndelimiter: ';'", f"{lead}Bag;Größe\r\nM-1;5\r\n"),
        "utf-16": ('encoding: utf-16\ndelimiter: "\\t"', "Bag\tGröße\nM-1\t5\n"),
        "latin-1": ("encoding: latin-1\ndelimiter: '|'\nskip: 1", "x\nBag|Größe\n\nM-1|5\n"),
    }
    for number, (encoding, (how, text)) in enumerate(cases.items()):
        [told] = fields(made(how, quantity="Größe"), bags(text, encoding, f"bags{number}.txt"))
        assert told[".quantity"] == 5.0, encoding


def test_columns_without_a_name_or_with_the_same_can_be_named(bags: Bags) -> None:
    [told] = fields(
        made("", name="column 3", status="Bag (2)", unit="column 3 (2)"), bags("Bag,Bag,,column 3\nM-1,two,three,four\n")
    )
    assert told == {"kind": "Material", ".name": "three", ".status": "two", ".unit": "four"}


@pytest.mark.parametrize(
    ("content", "how", "reason"),
    [
        (b"", "", "no header"),
        (b"\n\n", "skip: 5", "no header"),
        (b"Bag,Gr\xf6\xdfe\n", "", "not UTF-8"),
        (b"PK\x03\x04", "", "unpacked"),
        (b"\xff\xfeB\x00a", "encoding: utf-16", "utf-16"),
        (b'Bag\n"M-1\n', "", "not closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path, content: bytes, how: str, reason: str
) -> None:
    path = tmp_path / "bags.csv"
    path.write_bytes(content)
    report = landed(store, path, mappings=mapping(made(how)))
    assert report.totals.refused == report.totals.read == 1
    assert report.refused[0]["code"] == "UNREADABLE_SOURCE"
    assert reason in report.refused[0]["reason"]


def test_a_file_without_the_columns_of_its_table_stops_the_load_before_it_begins(
    bags: Bags, store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path
) -> None:
    (tmp_path / "person.csv").write_text("id\nP-1\n")
    with pytest.raises(InvalidMapping, match="`delimiter` that ';'"):
        landed(store, tmp_path / "person.csv", bags("Bag;A\nM-1;2\n"), mappings=mapping(made("")))
    assert store.head() is None


# -- workbooks and Parquet


def workbook(path: Path, rows: list[list[Any]], title: str = "Bags", lead: int = 0) -> Path:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for row in [["printed today"]] * lead + rows:
        sheet.append(row)
    book.create_sheet("Notes").append(["nothing"])
    book.save(path)
    return path


SHEET = "zone: Europe/Berlin\ndecimal: ','\ntables: [{files: bags.xlsx, sheet: Bags, skip: 1, makes: [{kind: material, columns: {id: Bag, quantity: Q, expires_at: E, name: N}}]}]"  # noqa: E501


def test_cells_of_a_workbook_are_numbers_and_dates_as_they_are_not_as_they_are_shown(tmp_path: Path) -> None:
    moment = datetime(2024, 7, 1, 10, 30, 15)  # noqa: DTZ001 - Excel knows no zones
    path = workbook(
        tmp_path / "bags.xlsx",
        [
            ["Bag", "Q", "E", "N"],
            ["M-1", 1 / 3, moment, True],
            [17, 1e-12, date(2024, 7, 2), time(9, 5)],
            [None, None],
            ["M-3", "1,5"],
        ],
        lead=1,
    )
    assert [(item.at, item.claims[0].fields) for item in read(SHEET, path) if isinstance(item, Item)] == [
        ("sheet Bags row 3", {"kind": "Material", ".quantity": 1 / 3, ".expires_at": "2024-07-01T10:30:15+02:00", ".name": "true"}),
        ("sheet Bags row 4", {"kind": "Material", ".quantity": 1e-12, ".expires_at": "2024-07-02", ".name": "09:05:00"}),
        ("sheet Bags row 6", {"kind": "Material", ".quantity": 1.5}),
    ]


def test_an_error_of_excel_and_a_cell_beyond_the_header_are_refused_and_mended(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path
) -> None:
    rows = [["Bag", "Q", "E", "N"], ["M-1", "#DIV/0!"], ["M-2", 5, None, None, "lost"], ["M-3", "x"], ["M-4", 2]]
    workbook(tmp_path / "bags.xlsx", rows, lead=1)
    mappings = mapping(SHEET)
    report = landed(store, tmp_path / "bags.xlsx", mappings=mappings)
    assert (report.totals.added, report.totals.refused) == (1, 3)
    assert [(told["at"], told["field"], told["code"]) for told in report.refused] == [
        ("sheet Bags row 3", "Q", "INVALID_VALUE"),
        ("sheet Bags row 4", "", "WRONG_LENGTH"),
        ("sheet Bags row 5", "Q", "INVALID_VALUE"),
    ]
    [file] = Path(str(report.quarantine)).iterdir()
    assert file.name == "bags.xlsx#Bags.csv"
    file.write_text(file.read_text().replace("#DIV/0!", "1.5").replace(",,,lost,", ",,,,").replace("M-3,x", 'M-3,"2,5"'))
    again = landed(store, file.parent, mappings=mappings)
    assert (again.totals.read, again.totals.added) == (3, 3)
    found = {key: seen(store).record(seen(store).resolve(f"{key}@local")).value("quantity") for key in ("M-1", "M-2", "M-3", "M-4")}
    assert found == {"M-1": 1.5, "M-2": 5.0, "M-3": 2.5, "M-4": 2.0}


def test_sheets_are_tables_of_their_own(store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path) -> None:
    path = workbook(tmp_path / "bags.xlsx", [["Bag"], ["M-1"], ["M-2"]])
    book = load_workbook(path)
    book["Notes"].append(["P-1"])
    book.save(path)
    told = "tables: [{files: '*.xlsx', sheet: Bags, makes: [{kind: material, columns: {id: Bag}}]},"
    report = landed(
        store,
        tmp_path,
        mappings=mapping(f"{told} {{files: '*.xlsx', sheet: Notes, makes: [{{kind: person, columns: {{id: nothing}}}}]}}]"),
    )
    assert [(file.sheet, file.format, file.counts.added) for file in report.files] == [("Bags", "excel", 2), ("Notes", "excel", 1)]


@pytest.mark.parametrize("case", ["text", "empty", "no sheet", "too large", "no header"])
def test_a_workbook_that_cannot_be_read_is_refused_whole(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    path = workbook(
        tmp_path / "bags.xlsx", [["Bag", "Q", "E", "N"]] if case != "no header" else [], title="Bags" if case != "no sheet" else "X"
    )
    if case in ("text", "empty"):
        path.write_bytes(b"Bag,Q\n" if case == "text" else b"")
    if case == "too large":
        monkeypatch.setattr(excel_rows, "MOST_UNPACKED", 1_000)
    report = landed(store, path, mappings=mapping(SHEET))
    assert (report.totals.read, report.totals.refused) == (1, 1)
    assert report.refused[0]["code"] == "UNREADABLE_SOURCE"


def test_times_of_day_and_lists_of_parquet_are_told_whole(tmp_path: Path) -> None:
    path = tmp_path / "bags.parquet"
    clock, tags = [time(10, 30), time(10, 30, 0, 500_000)], [["a", 'b"}'], []]
    pl.DataFrame({"Bag": ["B1", "B2"], "Clock": clock, "Tags": tags}).write_parquet(path)
    assert [(each[".name"], each[".status"]) for each in fields(made("", name="Clock", status="Tags"), path)] == [
        ("10:30:00", '["a","b\\"}"]'),
        ("10:30:00.500", "[]"),
    ]


@pytest.mark.parametrize(
    ("value", "form", "told"),
    [
        (0.955, "0.0%", "95.5%"),
        (1, "0%", "100%"),
        (-0.00001, "0.00%;[Red]-0.00%", "-0.001%"),
        (95.5, '0.0"%"', "95.5"),
        (95.5, "0.0\\%", "95.5"),
        (123, "00000", "00123"),
        (1234567, "00000", "1234567"),
        (12.5, "00000", "12.5"),
        (-7, "000", "-7"),
        (1234.5, "#,##0.00", "1234.5"),
        (7, "General", "7"),
    ],
)
def test_a_percentage_and_leading_zeros_of_a_workbook_are_kept(tmp_path: Path, value: float, form: str, told: str) -> None:
    """A share of 0.955 below `Viability (%)` is 95.5; a bag numbered 00123 is not bag 123 of another list."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Bag", "Shown"])
    sheet.append(["B1", value])
    sheet["B2"].number_format = form
    book.save(tmp_path / "bags.xlsx")
    [found] = fields(made("", name="Shown"), tmp_path / "bags.xlsx")
    assert found[".name"] == told


def test_a_percentage_of_a_workbook_is_a_number_only_where_the_mapping_makes_it_one(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Bag", "Viability"])
    sheet.append(["B1", 0.955])
    sheet["B2"].number_format = "0.0%"
    book.save(tmp_path / "bags.xlsx")
    [refused] = read(made("", quantity="Viability"), tmp_path / "bags.xlsx")
    assert isinstance(refused, Refused)
    [found] = fields(made("", quantity=r"{column: Viability, find: '[\d.]+'}"), tmp_path / "bags.xlsx")
    assert found[".quantity"] == 95.5


def test_a_workbook_with_damaged_styles_is_read(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Bag"])
    sheet.append([7])
    book.save(tmp_path / "whole.xlsx")
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as whole, zipfile.ZipFile(tmp_path / "bags.xlsx", "w") as damaged:
        for name in whole.namelist():
            text = whole.read(name)
            damaged.writestr(name, text.replace(b'<c r="A2"', b'<c r="A2" s="99"') if name.endswith("sheet1.xml") else text)
    [item] = read(made(""), tmp_path / "bags.xlsx")
    assert isinstance(item, Item)
    assert item.claims[0].names[item.claims[0].record] == "local:7@LAB"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([b"B-1", "Bärbel".encode()], ["B-1", "Bärbel"]),
        ([b"B-1", b"\xff\x00"], ["422d31", "ff00"]),
        ([b"B-1", b"\x01"], ["422d31", "01"]),
    ],
)
def test_bytes_that_are_text_in_all_of_a_column_are_text(tmp_path: Path, cells: list[bytes], told: list[str]) -> None:
    """Older writers of Parquet do not say that a column holds text."""
    path = tmp_path / "bags.parquet"
    pl.DataFrame({"Bag": ["B1", "B2"], "Raw": cells}).write_parquet(path)
    assert [each[".name"] for each in fields(made("", name="Raw"), path)] == told


def test_whole_numbers_that_parquet_has_as_floats_are_whole(tmp_path: Path) -> None:
    """A column of them becomes one of floats where some are missing."""
    path = tmp_path / "bags.parquet"
    pl.DataFrame({"Bag": [1001.0, 1002.5, -0.0], "Amount": [1e-7, None, 2.0**52]}).write_parquet(path)
    found = [item for item in read(made("", name="Amount"), path) if isinstance(item, Item)]
    assert [item.claims[0].names[item.claims[0].record] for item in found] == ["local:1001@LAB", "local:1002.5@LAB", "local:0@LAB"]
    assert [item.claims[0].fields.get(".name") for item in found] == ["1e-7", None, "4503599627370496"]
    pl.DataFrame({"Bag": [340123450000003338e0]}).write_parquet(path)
    [refused] = read(made(""), path)
    assert isinstance(refused, Refused)
    assert "last digits are lost" in refused.problems[0].reason


def test_a_map_of_parquet_is_told_whatever_its_keys_are(tmp_path: Path) -> None:
    path = tmp_path / "bags.parquet"
    numbered = pl.Series([[{"key": 1, "value": True}]], dtype=pl.List(pl.Struct({"key": pl.Int32, "value": pl.Boolean})))
    pl.DataFrame({"Bag": ["B1"], "Seals": numbered.cast(pl.Map(pl.Int32, pl.Boolean))}).write_parquet(path)
    [told] = fields(made("", name="Seals"), path)
    assert told[".name"] == '[{"key":1,"value":true}]'


def test_parquet_of_any_columns_is_read_and_mended_as_csv(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path
) -> None:
    path = tmp_path / "bags.parquet"
    pl.DataFrame(
        {
            "Bag No": [1, 2, 3],
            "Vol": [1.25, 2.5, None],
            "Exp": [datetime(2024, 7, 1, 8, tzinfo=UTC), None, None],
            "Clock": [time(9, 5), None, None],
            "Parts": [["a", "b"], None, []],
            "Typ": ["dose", "doze", "sample"],
        }
    ).write_parquet(path)
    columns = "{id: 'B-{Bag No}', quantity: Vol, expires_at: Exp, name: Parts, status: Clock, type: Typ}"
    mappings = mapping(f"decimal: ','\ntables: [{{files: bags.parquet, makes: [{{kind: material, columns: {columns}}}]}}]")
    report = landed(store, path, mappings=mappings)
    assert (report.totals.added, report.totals.refused, report.files[0].format) == (2, 1, "parquet")
    first = seen(store).record(seen(store).resolve("B-1@local"))
    assert {name: first.value(name) for name in ("quantity", "expires_at", "status", "name")} == {
        "quantity": 1.25,
        "expires_at": "2024-07-01T08:00:00Z",
        "status": "09:05:00",
        "name": '["a","b"]',
    }
    [file] = Path(str(report.quarantine)).iterdir()
    assert file.name == "bags.parquet.csv"
    file.write_text(file.read_text().replace("doze", "dose"))
    again = landed(store, file, mappings=mappings)
    assert (again.totals.added, again.totals.refused) == (1, 0)
    assert seen(store).record(seen(store).resolve("B-2@local")).value("quantity") == 2.5


# -- loads


def test_refused_rows_are_kept_in_their_own_columns_mended_there_and_loaded_by_the_same_mapping(
    bags: Bags, new_store: Callable[[], SqliteStore], landed: Landed, mapping: Write
) -> None:
    how = "delimiter: ';'\nencoding: cp1252\nskip: 1\ndecimal: ','\nzone: Europe/Berlin\ndates: '%d.%m.%Y %H:%M'"
    mappings = mapping(made(how, quantity="Menge", expires_at="Verfällt", type="{column: Typ, map: {D: dose}}"))
    rows = "lead\nBag;Typ;Menge;Verfällt\nM-1;D;1,5;01.07.2024 10:00\nM-2;{};{};{}\nM-3;D;2;{}\n"
    store = new_store()
    bad = landed(store, bags(rows.format("Q", "1.5", "soon", "01.07.2024 10:00;x"), "cp1252"), mappings=mappings)
    assert (bad.totals.added, bad.totals.refused) == (1, 2)
    [file] = Path(str(bad.quarantine)).iterdir()
    assert file.name == "bags.csv"
    with file.open(encoding="utf-8", newline="") as opened:
        reader = csv.DictReader(opened)
        assert reader.fieldnames == ["Bag", "Typ", "Menge", "Verfällt", "_unread", "_at", "_field", "_reason", "_repair"]
        first, second = reader
    assert (first["Typ"], first["Menge"], first["_at"], first["_field"]) == ("Q", "1.5", "line 4", "Menge; Verfällt; Typ")
    assert second["_unread"]
    text = file.read_text(encoding="utf-8").replace("M-2,Q,1.5,soon", 'M-2,D,"1,5",02.07.2024 10:00')
    mended = [line for line in text.splitlines() if not line.startswith("M-3")]
    file.write_text("\n".join([*mended, "M-3,D,2,01.07.2024 10:00,,,,,"]) + "\n", encoding="utf-8")
    again = landed(store, file.parent, mappings=mappings)
    assert (again.totals.added, again.totals.refused) == (2, 0)
    good = landed(new_store(), bags(rows.format("D", "1,5", "02.07.2024 10:00", "01.07.2024 10:00"), "cp1252"), mappings=mappings)
    assert again.digest == good.digest


def test_the_same_files_by_another_mapping_are_another_load_and_by_the_same_the_same(bags: Bags, mapping: Write) -> None:
    path = bags("Bag,Name\nM-1,one\n")
    ids = []
    for text in (made(""), made(""), made("", name="Name")):
        report = dry_run([path], Options(mappings=mapping(text)))
        ids.append(report.load_id)
        assert [each["sha256"] for each in report.as_dict()["mappings"]] == list(report.mappings.values())
    assert ids[0] == ids[1] != ids[2]


def test_in_a_folder_tables_are_read_by_the_mapping_and_the_rest_as_before(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    files = {"bags-1.csv": "Bag\nM-1\n", "material.csv": "id\nM-2\n", "stray.csv": "x\n1\n", "money.csv": "x\n", "bags.json": "{}"}
    for name, text in files.items():
        (folder / name).write_text(text)
    text = "leave_out: [money*]\ntables: [{files: bags-*.csv, makes: [{kind: material, columns: {id: Bag}}]},"
    report = landed(store, folder, mappings=mapping(f"{text} {{files: gone.csv, makes: [{{kind: person, columns: {{id: x}}}}]}}]"))
    assert {Path(file.path).name: (file.counts.added, file.counts.refused) for file in report.files} == {
        "bags-1.csv": (1, 0),
        "material.csv": (1, 0),
        "stray.csv": (0, 1),
        "bags.json": (0, 1),
    }
    assert report.notes == {"no file is read as gone.csv (site.yaml /tables/1)": 1, "money*: left out, as the mapping says": 1}


def test_a_file_whose_name_is_in_no_mapping_is_a_wrong_call(bags: Bags, mapping: Write) -> None:
    path = bags("Bag\n", name="other.csv")
    with pytest.raises(UsageError, match="--mapping"):
        dry_run([path], Options(mappings=mapping(made(""))))


def test_organisations_of_a_mapping_give_their_zone_to_local_times(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path
) -> None:
    (tmp_path / "a-bags.csv").write_text("Bag,E\nM-1,2024-07-01T10:00\n")
    (tmp_path / "z-sites.csv").write_text("Code,Clock\nBANK,Asia/Tokyo\n")
    told = "tables: [{files: a-bags.csv, makes: [{kind: material, columns: {id: Bag, expires_at: E}}]},"
    text = f"{told} {{files: z-sites.csv, makes: [{{kind: organization, columns: {{id: Code, time_zone: Clock}}}}]}}]"
    report = landed(store, tmp_path, steward="BANK", mappings=mapping(text))
    assert report.totals.refused == 0
    assert seen(store).record(seen(store).resolve("M-1@BANK")).value("expires_at") == "2024-07-01T10:00+09:00"


def test_what_another_says_of_an_organisation_sets_no_clock_of_its_own_mapped_rows(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path
) -> None:
    (tmp_path / "a-bags.csv").write_text("Bag,E\nM-1,2024-07-01T10:00\n")
    (tmp_path / "b.organization.csv").write_text("id,time_zone,steward\nBANK,Europe/Berlin,ACME\n")
    (tmp_path / "z-sites.csv").write_text("Code,Clock,Told\nBANK,Asia/Tokyo,2024-01-01\n")
    told = "tables: [{files: a-bags.csv, makes: [{kind: material, columns: {id: Bag, expires_at: E}}]},"
    columns = "{id: Code, time_zone: Clock, recorded_at: Told}"
    text = f"{told} {{files: z-sites.csv, makes: [{{kind: organization, columns: {columns}}}]}}]"
    report = landed(store, tmp_path, steward="BANK", mappings=mapping(text))
    assert report.totals.refused == 0
    assert seen(store).record(seen(store).resolve("M-1@BANK")).value("expires_at") == "2024-07-01T10:00+09:00"


def test_read_beside_it_tells_the_same(
    bags: Bags, new_store: Callable[[], SqliteStore], landed: Landed, mapping: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(
        f"M-{number},{'ok' if number % 3 else 'void'},2024-05-0{number % 10},{number % 7 or 'x'},98\n" for number in range(3_000)
    )
    path, mappings = bags(f"Bag,State,Collected,CD34 [10*6/kg],viability [%]\n{rows}"), mapping(WIDE)
    told = []
    for large in (reading.LARGE, 0):
        monkeypatch.setattr(reading, "LARGE", large)
        report = landed(new_store(), path, mappings=mappings)
        told.append({name: value for name, value in report.as_dict().items() if name not in ("load_id", "quarantine")})
    assert told[0] == told[1]
    assert told[0]["refused_total"] > 200
    assert {note["items"] for note in told[0]["notes"]} == {1_000}


CELL = st.text(st.characters(codec="utf-8", exclude_characters='";\r\n\x00'), max_size=8) | st.sampled_from(
    ["D", "1,5", "1.5", "01.05.2024 10:00", "31.03.2024 02:30", "M-1", "person/P", "ok", "void", "#N/A", "\x07"]
)


@given(rows=st.lists(st.lists(CELL, min_size=4, max_size=6), max_size=12))
def test_whatever_rows_hold_each_gets_one_verdict_or_is_told_as_left_out(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    (folder / "site.yaml").write_text(
        made("delimiter: ';'\ndecimal: ','\nzone: Europe/Berlin\ndates: '%d.%m.%Y %H:%M'", quantity="Q", expires_at="E",
             type="{column: T, map: {D: dose}, other: drop}").replace("makes", "where: [Bag], makes")
    )  # fmt: skip
    (folder / "bags.csv").write_text("Bag;Q;E;T\n" + "".join(";".join(row) + "\n" for row in rows), encoding="utf-8")
    mappings = read_files([folder / "site.yaml"])
    store = SqliteStore(":memory:")
    options = Options(mappings=mappings, quarantine=folder / "quarantine")
    try:
        report, again = (load(store, [folder / "bags.csv"], options) for _ in range(2))
    finally:
        store.close()
    told = report.totals
    assert told.read == told.added + told.changed + told.unchanged + told.refused + told.conflicts
    blank = sum(1 for row in rows if not "".join(row) or "".join(row).isspace())
    assert told.read + report.notes.get("left out by the filter of bags*", 0) == len(rows) - blank
    assert (again.totals.added, again.totals.changed, again.totals.refused) == (0, 0, told.refused)
    assert again.digest == report.digest


def test_files_in_archives_and_in_other_encodings_are_read_by_the_mapping(
    store: SqliteStore, landed: Landed, mapping: Write, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("a/bags-1.csv", "Bag,Größe\nM-1,1\n".encode("cp1252"))
        archive.writestr("a/money.txt", "x")
        archive.write(workbook(tmp_path / "other.xlsx", [["Bag"], ["M-2"]]), "bags-2.xlsx")
    (tmp_path / "bags-3.csv.gz").write_bytes(gzip.compress("Bag,Größe\nM-3,3\n".encode("cp1252")))
    table = "encoding: cp1252, makes: [{kind: material, columns: {id: Bag, quantity: Größe}}]"
    sheet = "{files: bags-2.xlsx, makes: [{kind: material, columns: {id: Bag}}]}"
    mappings = mapping(f"leave_out: money*\ntables: [{{files: 'bags-*.csv', {table}}}, {sheet}]")
    report = landed(store, tmp_path / "export.zip", tmp_path / "bags-3.csv.gz", mappings=mappings, encoding="cp1252")
    assert (report.totals.read, report.totals.added) == (3, 3)
    assert report.notes == {"money*: left out, as the mapping says": 1}
    assert seen(store).record(seen(store).resolve("M-3@local")).value("quantity") == 3.0


def test_utf16_is_known_by_its_mark_whether_the_mapping_says_so_or_not(
    bags: Bags, new_store: Callable[[], SqliteStore], landed: Landed, mapping: Write
) -> None:
    path = bags("Bag,Name\nM-1,Größe\n", "utf-16")
    digests = {landed(new_store(), path, mappings=mapping(made(how, name="Name"))).digest for how in ("", "encoding: utf-16")}
    assert len(digests) == 1
    assert digests != {"0" * 64}
