"""Mappings as they are written: what is wrong with one is told before anything is read, with place, value, reason and repair."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InvalidMapping, UsageError
from loaders.mapped import check
from loaders.mapping import Mapping
from loaders.mapping_files import LONGEST, Mappings, parsed, read_files

ROOT = Path(__file__).parents[2]
ONE = "tables: [{files: b.csv, makes: [{%s}]}]"
BAGS = "tables: [{files: bags.csv, makes: [{kind: material, columns: {id: Bag, %s}}]}]"


def problems(text: str) -> list[dict[str, str]]:
    with pytest.raises(InvalidMapping) as raised:
        parsed(text, "site.yaml")
    told = raised.value.as_dict()
    assert (told["code"], told["file"], raised.value.exit_status) == ("INVALID_MAPPING", "site.yaml", 2)
    for each in told["problems"]:
        assert each["reason"]
        assert each["repair"]
    assert told["problems"][0]["reason"] in raised.value.message
    return list(told["problems"])


@pytest.mark.parametrize(
    ("text", "at", "value", "reason", "repair"),
    [
        ("", "", "", "valid dictionary", "docs/mapping.md"),
        ("tables: []", "/tables", "", "at least 1 item", "docs/mapping.md"),
        ("a: &b [1]\ntables: *b", "", "", "alias", "mend"),
        ("tables: [1]\ntables: [2]", "", "", "'tables' is there twice", "mend"),
        ("tables: [", "", "", "no YAML", "mend"),
        ("tables: [{files: b.csv, makes: [], colour: red}]", "TABLE/makes", "", "at least 1 item", "docs/mapping.md"),
        (BAGS % "type: {column: Typ, colour: red}", "COLUMNS/type/colour", "red", "unknown here", "take it out"),
        (BAGS % "type: {map: {a: dose}}", "COLUMNS/type", "", "exactly one of column, value", "docs/mapping.md"),
        (BAGS % "type: {column: a, value: b}", "COLUMNS/type", "", "not column and value", "docs/mapping.md"),
        (BAGS % "type: {column: a, other: keep}", "COLUMNS/type", "", "beside a `map`", "give one"),
        (BAGS % "type: {value: doze}", "COLUMNS/type/value", "doze", "none of the words", "starting_material"),
        (BAGS % "type: {column: T, map: {D: doze}}", "COLUMNS/type/map/D", "doze", "none of the words", "dose"),
        (BAGS % "quantty: V", "COLUMNS/quantty", "quantty", "material has no column", "did you mean 'quantity'"),
        (ONE % "kind: person, columns: {id: PATIENT_SSN}", "COLUMNS/id", "PATIENT_SSN", "21 CFR 1271.290", "a pseudonym"),
        (ONE % "kind: output, columns: {source: A, target: 'person/{Mrn}'}", "COLUMNS/target", "Mrn", "tracking code", "a local"),
        (BAGS % "identifiers: [a, {column: b, value: c}]", "COLUMNS/identifiers/1", "", "not column and value", "docs"),
        (BAGS % "name: [a, b]", "COLUMNS/name", "", "only `identifiers` holds several", "one value"),
        (BAGS % "name: {column: N, find: '('}", "COLUMNS/name/find", "(", "no regular expression", "put \\"),
        (BAGS % "expires_at: {column: E, dates: '%q'}", "COLUMNS/expires_at/dates/0", "%q", "%q is unknown", "%d.%m"),
        (BAGS % "expires_at: {column: E, dates: '%d.%m.'}", "COLUMNS/expires_at/dates/0", "%d.%m.", "year", "write"),
        (BAGS % "expires_at: {column: E, dates: '%Y %I'}", "COLUMNS/expires_at/dates/0", "%Y %I", "needs %p", "write"),
        (BAGS % "expires_at: {column: E, zone: Mars}", "COLUMNS/expires_at/zone", "Mars", "unknown", "Europe/Berlin"),
        ("encoding: klingon\n" + BAGS % "", "/encoding", "klingon", "unknown", "cp1252"),
        ("encoding: base64\n" + BAGS % "", "/encoding", "base64", "unknown", "cp1252"),
        ("delimiter: ab\n" + BAGS % "", "/delimiter", "ab", "match pattern", "docs/mapping.md"),
        ("decimal: ','\nthousands: ','\n" + BAGS % "", "", "", "both decimal sign", "another"),
        ("common: {id: X}\n" + BAGS % "", "/common/id/[key]", "id", "pattern", "docs/mapping.md"),
        ("tables: [{files: a/b.csv, makes: [{kind: person, columns: {id: I}}]}]", "TABLE/files", "a/b.csv", "without", "name"),
        (ONE % "kind: persn, columns: {id: I}", "TABLE/makes/0/kind", "persn", "no kind", "'person'"),
        (ONE % "kind: input_to, columns: {source: I}", "COLUMNS", "", "target", "target"),
        ("tables: [{files: b.csv, sheet: S, makes: [{kind: person, columns: {id: I}}]}]", "TABLE/sheet", "S", "workbooks", ".xlsx"),
        ("thousands: ','\n" + ONE.replace("csv", "xlsx") % "kind: person, columns: {id: I}", "TABLE/thousands", ",", "texts", ""),
        ("tables: [{files: b.csv, where: [{column: A}], makes: [{kind: person, columns: {id: I}}]}]", "TABLE/where/0", "",
         "exactly one of is, not, empty, matches", "docs/mapping.md"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_place_value_reason_and_repair(text: str, at: str, value: str, reason: str, repair: str) -> None:
    place = at.replace("COLUMNS", "/tables/0/makes/0/columns").replace("TABLE", "/tables/0")
    [found] = [each for each in problems(text) if each["at"] == place]
    assert found["value"] == value
    assert reason in found["reason"]
    assert repair in found["repair"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = BAGS % "type: {value: doze}, quantty: V, name: [a]"
    assert [each["at"].rpartition("/")[2] for each in problems(text)] == ["value", "quantty", "name"]


def test_a_text_is_a_column_with_braces_a_template_and_all_values_are_texts() -> None:
    columns = (
        parsed(BAGS % "name: '{A}-{B}', type: {column: T, map: {NO: dose, 1: sample}}, identifiers: [X, '{Y}']")
        .tables[0]
        .makes[0]
        .columns
    )
    assert columns["id"].column == "Bag"
    assert columns["name"].template == "{A}-{B}"
    assert columns["name"].columns == ["A", "B"]
    assert columns["type"].map == {"NO": "dose", "1": "sample"}
    assert columns["identifiers"].columns == ["X", "Y"]


def test_what_is_told_for_all_tables_holds_unless_a_table_says_otherwise() -> None:
    table = "tables: [{files: a.csv, zone: UTC, common: {recorded_at: Q}, makes: [{kind: person, columns: {id: I}}]}]"
    mapping = parsed(f"zone: Europe/Paris\ndecimal: ','\ncommon: {{steward: {{value: A}}, recorded_at: R}}\n{table}")
    whole = mapping.table(0)
    assert (whole.zone, whole.decimal) == ("UTC", ",")
    assert whole.common is not None
    assert (whole.common["steward"].value, whole.common["recorded_at"].column) == ("A", "Q")


def test_a_mapping_is_limited_in_size_and_depth() -> None:
    assert "more than" in problems("# " + "x" * LONGEST)[0]["reason"]
    assert "no YAML" in problems("a: " + "[" * 10_000)[0]["reason"]
    wide = "\n".join(f"k{number}: 1" for number in range(4_000))
    assert len(problems(wide)) == 100


def test_files_that_hold_no_mapping_are_typed_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_files([tmp_path / "none.yaml"])
    (tmp_path / "latin.yaml").write_bytes(b"zone: \xe9")
    with pytest.raises(InvalidMapping, match="not UTF-8"):
        read_files([tmp_path / "latin.yaml"])


KEYS = "tables files makes kind columns id where column value map each find dates zone is material x"
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


def nested(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), each, max_size=4)


@given(st.recursive(LEAVES, nested, max_leaves=12))
def test_whatever_is_written_is_a_mapping_or_a_typed_error(told: object) -> None:
    text = yaml.safe_dump(told)
    with suppress(InvalidMapping):
        assert isinstance(parsed(text), Mapping)


def test_a_file_read_by_two_tables_is_an_error_but_for_two_sheets_of_a_workbook(tmp_path: Path) -> None:
    made = "makes: [{kind: person, columns: {id: I}}]"
    files = ("'*.csv'", "'bags*'", "b.xlsx, sheet: A", "b.xlsx, sheet: B", "c.xlsx", "c.xlsx, sheet: A")
    (tmp_path / "m.yaml").write_text("tables: [" + ", ".join(f"{{files: {each}, {made}}}" for each in files) + "]")
    mappings = read_files([tmp_path / "m.yaml"])
    (tmp_path / "bags.csv").write_text("I\n1\n")
    for name in ("bags.csv", "c.xlsx"):
        with pytest.raises(InvalidMapping, match="is read by 2 tables"):
            mappings.of(tmp_path / name)
    assert [placed.table.sheet for placed in mappings.of(tmp_path / "b.xlsx")] == ["A", "B"]
    assert [placed.at for placed in mappings.of(tmp_path / "OTHER.CSV")] == ["/tables/0"]


def test_columns_that_a_file_does_not_have_are_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("""
common: {recorded_at: Entred}
tables:
  - files: bags.csv
    where: [{column: Void, empty: true}]
    makes:
      - kind: material
        where: Bagg
        columns: {id: "{Site}-{Bag No}", name: Name}
      - kind: observation
        each: 'CD(?P<code>\\d+)'
        columns: {about: "object/{Bag}", code: code, value: _cell, unit: unit}
      - {kind: observation, each: 'no.*', columns: {value: _cell}}
""")
    (tmp_path / "bags.csv").write_text("Site,Bag,Entered,Name,CD34\n")
    mappings = read_files([tmp_path / "m.yaml"])
    path = tmp_path / "bags.csv"
    with pytest.raises(InvalidMapping) as raised:
        check([(path, placed) for placed in mappings.of(path)], mappings)
    assert [(each["at"], each["value"]) for each in raised.value.problems] == [
        ("/tables/0/where/0", "Void"),
        ("/tables/0/common/recorded_at", "Entred"),
        ("/tables/0/makes/0/where/0", "Bagg"),
        ("/tables/0/makes/0/columns/id", "Bag No"),
        ("/tables/0/makes/1/columns/unit", "unit"),
        ("/tables/0/makes/2/each", "no.*"),
    ]
    assert "did you mean 'Entered'" in raised.value.problems[1]["repair"]


def test_no_mapping_reads_nothing(tmp_path: Path) -> None:
    assert Mappings().of(tmp_path / "any.csv") == []
    assert read_files([]) == Mappings()


def test_the_checked_in_schema_is_the_models() -> None:
    told = json.loads((ROOT / "api" / "schemas" / "mapping.json").read_text(encoding="utf-8"))
    assert told == {"$schema": told["$schema"], **Mapping.model_json_schema(by_alias=True)}


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "mappings").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_a_mapping(path: Path) -> None:
    assert read_files([path]).tables
    assert re.match(r"# \S", path.read_text(encoding="utf-8"))
