"""Which files a load is made of, in which format and order: by content, wherever they lie and however they are packed."""

import errno
import gzip
import io
import random
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import zstandard

from graph.errors import DiskFull, UsageError
from graph.sqlite_store import SqliteStore
from loaders import room, unpacking
from loaders.pipeline import LoadReport, Options, dry_run
from loaders.sources import found

Written = Callable[..., Path]
Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]

PEOPLE = "id,role,sex\nP-1,donor,female\nP-2,patient,male\n"
BAGS = "id,type,name\nM-1,starting_material,Leukapheresis für Möller\n"
USES = "source,target\nM-1,S-1\n"
EVENT = (
    '{"@context": [], "type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": [{"type": "ObjectEvent", '
    '"eventTime": "2024-05-01T10:00:00Z", "eventTimeZoneOffset": "+02:00", "epcList": ["urn:epc:id:sscc:4012345.0000000333"], '
    '"action": "OBSERVE", "bizStep": "storing"}]}}'
)
XML = """<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"><EPCISBody><EventList><ObjectEvent>
<eventTime>2024-05-01T10:00:00Z</eventTime><eventTimeZoneOffset>+02:00</eventTimeZoneOffset>
<epcList><epc>urn:epc:id:sscc:4012345.0000000333</epc></epcList><action>OBSERVE</action><bizStep>storing</bizStep>
</ObjectEvent></EventList></EPCISBody></e:EPCISDocument>"""
FILES = {"people.person.csv": PEOPLE, "lab/material.csv": BAGS, "lab/input_to.csv": USES, "lab/events.jsonld": EVENT}


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to unpack into."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with plain files."""
    for name, text in FILES.items():
        path = tmp_path / "sent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "sent"


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    """An archive of files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def problem_of(report: LoadReport) -> tuple[str, str]:
    """Where something was refused, and why."""
    [refused] = report.refused
    assert refused["repair"]
    return f"{refused['file']} {refused['at']}".strip(), refused["reason"]


def test_in_each_folder_organisations_are_read_first_and_relations_last(tmp_path: Path, scratch: Path) -> None:
    for folder in ("a-hospital", "b-maker"):
        (tmp_path / folder).mkdir()
        for name in ("contained_in.csv", "input_to.csv", "step.csv", "material.parquet", "events.jsonld"):
            (tmp_path / folder / name).touch()
    (tmp_path / "b-maker" / "organization.csv").touch()
    read = [source.path.relative_to(tmp_path).as_posix() for source in found([tmp_path], scratch).sources]
    each = ["events.jsonld", "material.parquet", "step.csv", "contained_in.csv", "input_to.csv"]
    assert read == ["b-maker/organization.csv", *(f"{folder}/{name}" for folder in ("a-hospital", "b-maker") for name in each)]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("data.txt", EVENT, ("epcis", None)),
        ("data", f"\ufeff\n {XML}", ("epcis-xml", None)),
        ("export.csv", EVENT, ("epcis", None)),
        ("events.json", XML, ("epcis-xml", None)),
        ("people.csv", "id,role,sex\n", ("csv", "Person")),
        ("stays", "content,container,from,to\n", ("csv", "CONTAINED_IN")),
        ("2024.step.csv", "id,name\n", ("csv", "Step")),
    ],
)
def test_what_a_file_is_its_content_tells_before_its_name(
    tmp_path: Path, scratch: Path, name: str, text: str, told: tuple[str, str | None]
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    [source] = found([path], scratch).sources
    assert (source.format, source.kind, source.name) == (*told, str(path))


def test_a_parquet_table_is_known_by_its_columns(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = tmp_path / "upload"
    pl.read_csv(PEOPLE.encode()).write_parquet(path)
    assert landed(store, path).totals.added == 2


@pytest.mark.parametrize("header", ["source,target", "id,name,type", "id,colour", "", '"id'])
def test_a_table_that_may_be_of_several_kinds_or_of_none_is_no_guess(
    store: SqliteStore, tmp_path: Path, landed: Landed, header: str
) -> None:
    path = tmp_path / "sent" / "table.csv"
    path.parent.mkdir()
    path.write_text(f"{header}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="name a CSV or Parquet file after its kind"):
        landed(store, path)
    assert [(told["code"], told["value"]) for told in landed(store, path.parent).refused] == [("UNKNOWN_FORMAT", "table.csv")]


def packed_in_every_way(folder: Path, out: Path) -> dict[str, Path]:
    """The files of a folder, packed."""
    data = {name: (folder / name).read_bytes() for name in FILES}
    out.mkdir()
    one = zipped(out / "all.zip", data)
    each = out / "each"
    for number, (name, content) in enumerate(data.items()):
        path = each / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 2:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content[:9]) + gzip.compress(content[9:]))
        else:
            frames = zstandard.compress(content[:9]) + zstandard.ZstdCompressor().compress(content[9:])
            path.with_name(f"{path.name}.zst").write_bytes(frames)
    inner = {name: gzip.compress(content) for name, content in data.items()}
    return {"zip": one, "each": each, "nested": zipped(out / "upload", {f"{name}.gz": content for name, content in inner.items()})}


def test_packed_files_say_what_the_plain_ones_say(new_store: NewStore, folder: Path, tmp_path: Path, landed: Landed) -> None:
    plain = landed(new_store(), folder)
    assert (plain.totals.read, plain.totals.refused) == (5, 0)
    for path in packed_in_every_way(folder, tmp_path / "packed").values():
        store = new_store()
        report = landed(store, path)
        assert (report.digest, report.totals) == (plain.digest, plain.totals)
        assert sorted(file.sha256 for file in report.files) == sorted(file.sha256 for file in plain.files)
        assert landed(store, folder).totals.unchanged == 5


def test_evidence_names_the_archive_and_the_place_in_it(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = zipped(tmp_path / "sent.zip", {"lab/people.csv": PEOPLE.replace(",male", ",unsure").encode()})
    report = landed(store, path)
    assert problem_of(report)[0] == f"{path}/lab/people.csv line 3"
    assert report.quarantine
    kept = Path(report.quarantine) / "people.person.csv"
    kept.write_text(kept.read_text(encoding="utf-8").replace("unsure", "male"), encoding="utf-8")
    assert landed(store, kept).totals.added == 1


def test_standard_input_is_read_as_a_file_is(
    store: SqliteStore, landed: Landed, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for data, added in ((PEOPLE.encode(), 2), (gzip.compress(EVENT.encode()), 1)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        report = landed(store, Path("-"))
        assert (report.totals.added, report.files[0].path) == (added, "standard input")
    assert landed(store, folder).totals.unchanged == 3


@pytest.mark.parametrize(("name", "text"), [("material.csv", BAGS), ("events.jsonld", EVENT), ("events.xml", XML)])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(
    new_store: NewStore, tmp_path: Path, landed: Landed, encoding: str, name: str, text: str
) -> None:
    plain, marked = tmp_path / "plain" / name, tmp_path / "marked" / name
    for path in (plain, marked):
        path.parent.mkdir()
    plain.write_text(text, encoding="utf-8")
    told = f"\ufeff{text}" if encoding.endswith("le") else text
    marked.write_text(told, encoding=encoding)
    assert landed(new_store(), marked).digest == landed(new_store(), plain).digest


def test_the_encoding_of_tables_can_be_said(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = tmp_path / "material.csv"
    path.write_bytes(BAGS.encode("cp1252"))
    assert landed(store, path).refused[0]["code"] == "BAD_ENCODING"
    report = landed(store, path, encoding="cp1252")
    assert report.totals.added == 1
    path.write_text(BAGS, encoding="utf-8")
    assert landed(store, path).totals.unchanged == 1


def test_a_byte_that_is_not_of_the_encoding_refuses_its_row_alone(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = tmp_path / "material.csv"
    path.write_bytes(BAGS.encode("cp1252") + b"M-2,starting_material,Bag \x81\nM-3,starting_material,Bag\n")
    report = landed(store, path, encoding="cp1252")
    assert (report.totals.added, report.totals.refused) == (2, 1)
    assert report.refused[0]["at"] == "line 3"


def test_what_would_unpack_without_end_is_refused(
    store: SqliteStore, tmp_path: Path, landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = b"id,role\n" + b"\0" * (32 * 2**20)
    for name, data in {"bomb.gz": gzip.compress(bomb), "bomb.zst": zstandard.compress(bomb)}.items():
        path = tmp_path / name
        path.write_bytes(data)
        place, reason = problem_of(landed(store, path))
        assert (place, "400 times its size" in reason) == (str(path), True)
    path = zipped(tmp_path / "bomb.zip", {"person.csv": PEOPLE.encode(), "other/person.csv": bomb})
    assert "400 times" in problem_of(landed(store, path))[1]
    monkeypatch.setattr(unpacking, "MOST_BYTES", 100)
    path = zipped(tmp_path / "large.zip", {"person.csv": PEOPLE.encode(), "other/person.csv": PEOPLE.encode() * 2})
    assert "more bytes than one load may have (100)" in problem_of(landed(store, path))[1]
    assert store.head() is None


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A disk with `free` bytes left, `after` of them when it has been looked at once."""
    state = {"free": 2**40, "looks": 0}

    def usage(_: Path) -> SimpleNamespace:
        state["looks"] += 1
        return SimpleNamespace(free=state["free"] if state["looks"] == 1 else state.get("after", state["free"]))

    monkeypatch.setattr(room.shutil, "disk_usage", usage)
    return state


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("person.csv.gz", gzip.compress(PEOPLE.encode(), mtime=0)),
        ("person.csv.zst", zstandard.compress(PEOPLE.encode())),
        ("person.csv", PEOPLE.encode("utf-16")),
    ],
)
def test_a_load_that_would_leave_too_little_of_the_disk_is_given_up_whole(
    store: SqliteStore,
    tmp_path: Path,
    landed: Landed,
    disk: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: bytes,
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "material.csv").write_text(BAGS, encoding="utf-8")
    (tmp_path / "sent" / name).write_bytes(data)
    disk["free"] = room.RESERVE
    with pytest.raises(DiskFull, match="TMPDIR"):
        landed(store, tmp_path / "sent")
    assert (store.head(), list((tmp_path / "scratch").iterdir())) == (None, [])
    disk["free"] = room.RESERVE + 2**20
    assert landed(store, tmp_path / "sent").totals.added == 3


def test_the_disk_is_looked_at_again_while_something_large_is_unpacked(
    store: SqliteStore, tmp_path: Path, landed: Landed, disk: dict[str, int]
) -> None:
    disk["after"] = room.RESERVE
    path = tmp_path / "person.csv.gz"
    path.write_bytes(gzip.compress(b"id,role\n" + random.Random(1).randbytes(2**20) * 20))
    with pytest.raises(DiskFull):
        landed(store, path)
    assert disk["looks"] == 2


def test_a_dry_run_of_much_leaves_room_for_others(
    tmp_path: Path, folder: Path, disk: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its graph is written for nothing but the verdicts."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    disk["after"] = room.RESERVE - 1
    with pytest.raises(DiskFull):
        dry_run([folder], Options(batch_size=1))
    assert list((tmp_path / "scratch").iterdir()) == []


def test_plain_files_need_no_room(store: SqliteStore, folder: Path, landed: Landed, disk: dict[str, int]) -> None:
    disk["free"] = 0
    assert landed(store, folder).refused_total == 0


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_others_filled_is_told_as_such(
    store: SqliteStore, tmp_path: Path, landed: Landed, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def fill(*_: object) -> None:
        raise OSError(error, "no room")

    path = zipped(tmp_path / "people.zip", {"person.csv": PEOPLE.encode()})
    monkeypatch.setattr(unpacking.Unpacker, "_copy", fill)
    with pytest.raises(DiskFull):
        landed(store, path)
    assert store.head() is None


def test_archives_without_end_are_refused(
    store: SqliteStore, tmp_path: Path, landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = PEOPLE.encode()
    for _ in range(3):
        data = gzip.compress(data)
    path = tmp_path / "person.csv.gz"
    path.write_bytes(data)
    assert "2 deep" in problem_of(landed(store, path))[1]
    monkeypatch.setattr(unpacking, "MOST_FILES", 2)
    path = zipped(tmp_path / "many.zip", {f"{number}.person.csv": PEOPLE.encode() for number in range(3)})
    assert "may hold 2 files" in problem_of(landed(store, path))[1]


def test_names_in_an_archive_lead_nowhere(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    names = [
        "../../out.person.csv",
        "/abs/person.csv",
        "a\\person.csv",
        "b/person.csv",
        f"c/{'n' * 300}.person.csv",
        f"{'長' * 120}.person.csv",
        "d/..",
    ]
    files = {name: f"id,role\nP-{number},donor\n".encode() for number, name in enumerate(names)}
    hidden = {"__MACOSX/person.csv": b"\0", ".hidden/person.csv": b"id\nX\n", "b/.person.csv": b"id\nX\n", "empty/": b""}
    before = set(tmp_path.rglob("*"))
    path = zipped(tmp_path / "sent.zip", {**files, **hidden})
    assert landed(store, path).totals.added == 6  # `d/..` names no file
    assert set(tmp_path.rglob("*")) - before == {path}


@pytest.mark.parametrize("suffix", ["gz", "zst", "zip"])
def test_an_archive_that_breaks_off_is_refused_and_nothing_of_it_is_read(
    store: SqliteStore, tmp_path: Path, landed: Landed, suffix: str
) -> None:
    """A part of a file that looks like the whole of it is worse than none."""
    content = ("id,role\n" + "".join(f"P-{random.Random(n).random()},donor\n" for n in range(500))).encode()
    whole = tmp_path / f"person.csv.{suffix}"
    if suffix == "zip":
        zipped(whole, {"person.csv": content})
    else:
        whole.write_bytes(gzip.compress(content) if suffix == "gz" else zstandard.compress(content))
    data = whole.read_bytes()
    for length in (len(data) - 1, len(data) // 2, 30, 10, 5):
        whole.write_bytes(data[:length])
        report = landed(store, whole)
        assert (report.totals.added, report.totals.refused) == (0, 1), length
    assert store.head() is None


def test_an_archive_that_holds_nothing_is_no_load_that_went_well(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    for files in ({}, {".hidden/person.csv": PEOPLE.encode()}):
        report = landed(store, zipped(tmp_path / "sent.zip", files))
        assert report.totals.refused == 1
        assert "holds no file" in problem_of(report)[1]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_is_damaged_inside_is_refused_however_it_was_packed(
    store: SqliteStore, tmp_path: Path, landed: Landed, method: int
) -> None:
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("person.csv", PEOPLE)
    sound, refused = path.read_bytes(), 0
    for at in range(40, sound.index(b"PK\x01\x02"), 3):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        report = landed(store, path)
        if report.refused:
            assert report.totals.read == 1
            assert "cannot be unpacked" in problem_of(report)[1]
            refused += 1
        else:  # a byte that nothing depends on
            assert report.totals.read == 2, at
    assert refused


def test_files_without_a_name_in_an_archive_promise_nothing(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("x"), PEOPLE)
        archive.writestr(zipfile.ZipInfo("y"), EVENT)
    data = bytearray(path.read_bytes())
    for name in (b"x", b"y"):
        for mark, size, at in ((b"PK\x03\x04", 26, 30), (b"PK\x01\x02", 28, 46)):
            start = next(
                found.start() for found in re.finditer(re.escape(mark), data) if data[found.start() + at :].startswith(name)
            )
            data[start + size] = 0
            data[start + size + 2] = 1  # its letter is an extra field now
    path.write_bytes(data)
    report = landed(store, path)
    assert report.totals.added == 0
    assert "holds no file" in problem_of(report)[1]


def test_an_encrypted_archive_is_refused_as_one(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = zipped(tmp_path / "sent.zip", {"person.csv": PEOPLE.encode()})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in problem_of(landed(store, path))[1]


def test_in_an_archive_as_in_a_folder_only_names_that_promise_something_are_read(
    new_store: NewStore, tmp_path: Path, landed: Landed, folder: Path
) -> None:
    """But a table that is left out is told of."""
    others = {"truth/lines.jsonl": b"{}\n{}\n", "README.md": b"# Read me\n", "lab/sheet.xlsx": b"PK", "old/table.tsv": b"a\tb\n"}
    for name, data in others.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    packed = zipped(tmp_path / "all.zip", {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")})
    for path in (folder, packed):
        report = landed(new_store(), path)
        assert (report.totals.added, report.totals.refused) == (5, 0)
        assert [note.split(" ")[0] for note in sorted(report.notes)] == [".tsv", ".xlsx"]
    empty = zipped(tmp_path / "empty.zip", {"notes.md": b"x"})
    assert "holds no file" in problem_of(landed(new_store(), empty))[1]


def test_a_workbook_in_a_folder_is_told_of(store: SqliteStore, tmp_path: Path, landed: Landed, folder: Path) -> None:
    zipped(folder / "sheet.csv", {"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b"<a/>"})
    report = landed(store, folder)
    assert (report.totals.added, report.totals.refused) == (5, 1)
    assert "workbook" in problem_of(report)[1]
