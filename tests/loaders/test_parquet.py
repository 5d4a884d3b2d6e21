"""The bundle as Parquet: it gives the same graph as CSV, whatever the types of its columns, and refuses as CSV does."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders.mapping import Table
from loaders.mapping_files import Mappings, Placed
from loaders.pipeline import LoadReport

EXAMPLE = Path(__file__).parents[2] / "examples" / "first-journey"
Landed = Callable[..., LoadReport]


def as_parquet(csv: Path, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    pl.read_csv(csv, infer_schema=False).write_parquet(out, row_group_size=3)


def test_the_example_as_parquet_gives_the_same_graph(
    store: SqliteStore, new_store: Callable[[], SqliteStore], landed: Landed, tmp_path: Path
) -> None:
    for path in EXAMPLE.rglob("*.csv"):
        as_parquet(path, tmp_path / "parquet" / path.relative_to(EXAMPLE).with_suffix(".parquet"))
    told = landed(store, tmp_path / "parquet")
    csv = landed(new_store(), EXAMPLE)
    assert told.digest == csv.digest
    assert told.totals.read == csv.totals.read
    assert {file.format for file in told.files} == {"parquet"}


def test_numbers_dates_and_instants_are_read_as_csv_would_write_them(store: SqliteStore, landed: Landed, tmp_path: Path) -> None:
    local = datetime(2024, 7, 1, 10, 30, 0, 250_000)  # noqa: DTZ001 - a column without a zone is meant
    zoned = pl.Series([datetime(2024, 5, 1, 8, tzinfo=UTC)], dtype=pl.Datetime("ns", "Europe/Berlin"))
    folder = tmp_path / "typed"
    folder.mkdir()
    steward = {"steward": ["LAB"], "recorded_at": [date(2024, 7, 2)]}
    pl.DataFrame({"id": ["LAB"], "time_zone": ["Europe/Berlin"], **steward}).write_parquet(folder / "organization.parquet")
    pl.DataFrame({"id": [17], "quantity": [2.5], "type": pl.Series(["dose"], dtype=pl.Categorical), **steward}).write_parquet(
        folder / "material.parquet"
    )
    pl.DataFrame({"id": ["S-1"], "started_at": zoned, "ended_at": [local], "status": [None], **steward}).write_parquet(
        folder / "2024.step.parquet"
    )
    report = landed(store, folder)
    assert (report.totals.read, report.totals.refused) == (3, 0)
    seen = view(store)
    dose, step = (seen.record(seen.resolve(name)) for name in ("17@LAB", "S-1@LAB"))
    assert (dose.value("quantity"), dose.value("type")) == (2.5, "dose")
    assert step.value("started_at").startswith("2024-05-01T08:00:00")
    assert step.value("ended_at") == "2024-07-01T10:30:00.25+02:00"
    assert step.value("status") is None


def test_a_refused_row_is_told_by_its_number_and_mended_as_csv(store: SqliteStore, landed: Landed, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    ids = [f"M-{number}" for number in range(5)]
    types = ["dose", "doze", "dose", "do\x00se", "dose"]
    pl.DataFrame({"id": ids, "type": types}).write_parquet(folder / "part.material.parquet")
    report = landed(store, folder)
    assert (report.totals.added, report.totals.refused) == (3, 2)
    assert [(refused["at"], refused["field"], refused["code"]) for refused in report.refused] == [
        ("row 2", "type", "INVALID_VALUE"),
        ("row 4", "type", "CONTROL_CHARACTER"),
    ]
    [file] = Path(str(report.quarantine)).iterdir()
    assert file.name == "part.material.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("doze", "dose"), encoding="utf-8")
    again = landed(store, file)
    assert (again.totals.added, again.totals.refused) == (1, 1)


def test_a_file_that_is_no_bundle_is_refused_whole(store: SqliteStore, landed: Landed, tmp_path: Path) -> None:
    good = tmp_path / "good.person.parquet"
    pl.DataFrame({"id": ["P-1", "P-2"]}).write_parquet(good)
    cases = {
        "cut.person.parquet": good.read_bytes()[:-9],
        "text.person.parquet": b"id\nP-1\n",
        "empty.person.parquet": b"",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
    pl.DataFrame({"id": ["P-1"], "name": ["Eve"]}).write_parquet(tmp_path / "named.person.parquet")
    pl.DataFrame({"id": [["P-1"]]}).write_parquet(tmp_path / "nested.person.parquet")
    pl.DataFrame({"source": ["M-1"]}).write_parquet(tmp_path / "one.input_to.parquet")
    for path in sorted(tmp_path.glob("*.parquet")):
        report = landed(store, path)
        expected = (2, 0) if path == good else (0, 1)
        assert (report.totals.added, report.totals.refused) == expected, path.name
        if path != good:
            assert report.refused[0]["code"] == "UNREADABLE_SOURCE"
            assert report.refused[0]["repair"]


@pytest.mark.parametrize("rows", [0, 1, 45_001])
def test_every_row_is_read_once_whatever_the_size(store: SqliteStore, landed: Landed, tmp_path: Path, rows: int) -> None:
    path = tmp_path / "many.person.parquet"
    pl.DataFrame({"id": pl.Series([f"P-{number}" for number in range(rows)], dtype=pl.String)}).write_parquet(path)
    assert landed(store, path).totals.added == rows


@pytest.mark.parametrize("mapped", [False, True])
def test_a_damaged_file_is_refused_even_where_it_would_end_the_process_that_reads_it(
    store: SqliteStore, landed: Landed, tmp_path: Path, mapped: bool
) -> None:
    """Some bytes make the library that reads Parquet panic, or ask for all the memory there is and abort."""
    path = tmp_path / "damaged.person.parquet"
    pl.DataFrame({"id": [f"P-{number}" for number in range(3)]}).write_parquet(path, compression="uncompressed", statistics=False)
    sound = path.read_bytes()
    said = Mappings()
    if mapped:
        person = {"kind": "person", "columns": {"id": "id"}}
        said = Mappings((Placed("m.yaml", "/tables/0", Table.model_validate({"files": "*.parquet", "makes": [person]})),))
    assert landed(store, path, mappings=said).totals.added == 3
    for at, byte in ((4, 0xFF), (21, 0xFF), (46, 0x7F), (48, 0x7F), (59, 0xFF)):
        path.write_bytes(sound[:at] + bytes([byte]) + sound[at + 1 :])
        report = landed(store, path, mappings=said)
        assert [refused["code"] for refused in report.refused] == ["UNREADABLE_SOURCE"], at
        assert "cannot be read as Parquet" in report.refused[0]["reason"]
    path.write_bytes(sound)
    assert landed(store, path, mappings=said).totals.unchanged == 3


def test_a_damaged_table_whose_name_tells_no_kind_is_refused_as_any_of_no_kind(
    store: SqliteStore, landed: Landed, tmp_path: Path
) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    path = folder / "export.parquet"
    pl.DataFrame({"id": ["P-0", "P-1", "P-2"]}).write_parquet(path, compression="uncompressed", statistics=False)
    data = bytearray(path.read_bytes())
    data[46] = 0x7F
    path.write_bytes(data)
    [refused] = landed(store, folder).refused
    assert refused["code"] == "UNKNOWN_FORMAT"
