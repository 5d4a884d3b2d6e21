"""Small valid files of each format to begin from, all made here, and the words that files of each are made of."""

import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import polars as pl
import zstandard
from openpyxl import Workbook

from graph.model import MODELS, RELATIONS
from loaders.csv_bundle import columns_of
from loaders.csv_rows import NOTES
from loaders.epcis_check import BIZSTEPS, DISPOSITIONS, EVENTS
from loaders.generator import generate
from loaders.mapping import Condition, Made, Mapping, Table, Value
from tests import exports
from tests.fuzz import seeds_fhir, seeds_ocel
from tests.fuzz.seeds_epcis import KEYS, documents, xml_documents

ROOT = Path(__file__).parents[2]
MAPPINGS = ROOT / "examples" / "mappings"
OWN_MAPPING = Path(__file__).parent / "mapping.yaml"
TABLE = """Bag,Patient,Drawn,Volume,Site,Lab: WBC,Lab: Hb,Note
B-1,P-1,03.05.2024 10:15,"12,5",Lyon,5.1,,first
B-2,P-2,2024-05-04,1.250,Paris,,13,"a ""quoted"" one"
B-3,,31.02.2024,x,,,,
"""
"""What every mapping is tried on."""
_ROWS = 3
_LONGEST = 6_000
"""Most bytes of a seed."""
_ODD = (
    "",
    "0",
    "-1",
    "1e309",
    "NaN",
    "9" * 40,
    "1.5",
    "é\u0301",
    "\ufeff",
    "\u202e",
    "'",
    '"',
    "|",
    "/",
    "a/b",
    "person/P-1",
    "x" * 300,
)
_TIMES = (
    "2024-05-01",
    "2024",
    "2024-02-30T10:00",
    "2024-05-01T10:00:00.123456789Z",
    "0001-01-01T00:00+14:00",
    "9999-12-31T23:59:60Z",
)


def seeds(name: str) -> list[bytes]:
    """Small valid files of a format."""
    return {
        "csv": _tables,
        "epcis": lambda: [*documents(), *_generated("epcis", "*.jsonld")],
        "epcis-xml": lambda: [*xml_documents()],
        "fhir": lambda: [*seeds_fhir.documents()],
        **{form: partial(seeds_ocel.logs, form) for form in seeds_ocel.LOGS},
        "archive": lambda: [*_archives()],
        "mapping": lambda: [path.read_bytes() for path in (OWN_MAPPING, *sorted(MAPPINGS.glob("*.yaml")))],
        "mapped-csv": lambda: [*_exported()],
        "parquet": lambda: [*_parquet()],
        "excel": lambda: [*_workbooks()],
    }[name]()


def words(name: str) -> list[str]:
    """What leaves of a format may be: names it knows, keys, times, and what is odd."""
    columns = [column for kind in (*MODELS, *RELATIONS, "CONTAINED_IN") for column in columns_of(kind)]
    parts = [field for part in (Mapping, Table, Made, Value, Condition) for field in part.model_fields]
    epcis = [*EVENTS, *BIZSTEPS, *DISPOSITIONS, *_names_in(b"".join((*documents(), *xml_documents())).decode())]
    told = {
        "csv": [*columns, *NOTES, *(f"{kind.lower()}.csv" for kind in (*MODELS, *RELATIONS)), "\r\n", '""', "true", "false"],
        "epcis": epcis,
        "epcis-xml": [*epcis, "<![CDATA[", "]]>", "<!--", "-->", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&#x1F600;", "&lt;", "xmlns:a="],
        "fhir": _names_in(b"".join(seeds_fhir.documents()).decode()),
        **dict.fromkeys(seeds_ocel.LOGS, seeds_ocel.WORDS),
        "archive": ["PK\x03\x04", "PK\x05\x06", "PK\x01\x02", "../", ".csv", ".zip"],
        "mapping": [
            *parts,
            "is",
            "not",
            "refuse",
            "keep",
            "drop",
            "utf-16",
            "Europe/Berlin",
            "%d.%m.%Y %H:%M",
            "{Bag}",
            "(?P<a>.+)",
        ],
        "mapped-csv": ["Lab: WBC", "Bag", "Drawn", "Behälter.csv", "table.csv", "Vorgang", "Charge", '""', "1.234,5"],
        "parquet": ["PAR1", "ARROW:schema", "UTF8"],
        "excel": ['t="s"', 't="d"', 't="e"', 't="inlineStr"', "#N/A", "<c", "<row", "<v>", "</v>", "A1", "XFD1048576", "-1", "s="],
    }[name]
    return [*dict.fromkeys([*told, *_ODD, *_TIMES, *KEYS])]


def _names_in(text: str) -> list[str]:
    return re.findall(r"[@A-Za-z:]{4,40}", text)


@cache
def _network(form: str) -> dict[str, bytes]:
    """The files of a very small generated network, by path."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        generate(out, 3, 7, form=form)  # type: ignore[arg-type] # one of its forms
        return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.*"))}


def _tables() -> list[bytes]:
    """Each kind's table, by name, and what the examples hold."""
    found: dict[str, bytes] = {}
    for name, content in _network("csv").items():
        if name.endswith(".csv"):
            found.setdefault(name.split(".")[-2], _cut(content))
    for path in sorted((ROOT / "examples").glob("*/**/*.csv")):
        found[f"{path.parent.name}.{path.stem}"] = _cut(path.read_bytes())
    return [f"{name.split('.')[-1]}.csv\n".encode() + content for name, content in found.items()]


def _cut(table: bytes) -> bytes:
    return b"".join(table.splitlines(keepends=True)[: _ROWS + 1])


def _generated(form: str, pattern: str) -> Iterator[bytes]:
    """EPCIS that the generator writes, with its first events."""
    for name, content in _network(form).items():
        if Path(name).match(pattern):
            document = orjson.loads(content)
            del document["epcisBody"]["eventList"][2:]
            written = orjson.dumps(document)
            if len(written) <= _LONGEST:
                yield written


# -- what is packed, and tables of other shapes


def _archives() -> Iterator[bytes]:
    """Tables and events in archives of each form, and in each other."""
    table, document = _tables()[0].split(b"\n", 1)[1], next(documents())
    yield gzip.compress(table, mtime=0)
    yield zstandard.compress(table)
    yield "id,name\nM-1,Möller\n".encode("utf-16")
    yield "\ufeff{}".encode("utf-32")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield _zipped({"a/material.csv": b"id\nM-1\n", "b\\events.json": document, ".hidden": b"x", "c/": b""}, method)
    inner = _zipped({"material.csv": b"id\nM-2\n"})
    yield _zipped({"inner.zip": inner, "step.csv.gz": gzip.compress(b"id\nS-1\n", mtime=0), "e.zst": zstandard.compress(document)})
    yield gzip.compress(inner, mtime=0)


def _zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def _exported() -> Iterator[bytes]:
    """The fixed table, and the beginnings of what one organisation exports in its own way, each below its name."""
    yield b"table.csv\n" + TABLE.encode()
    with TemporaryDirectory() as folder:
        for name, content in _network("csv").items():
            if name.startswith("cellforge"):
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        out = Path(folder) / "export"
        out.mkdir()
        exports.cdmo(Path(folder) / "cellforge", out)
        for path in sorted(out.iterdir()):
            lines = b"".join(path.read_bytes().splitlines(keepends=True)[: _ROWS + 3])
            yield path.name.encode() + b"\n" + lines


def _parquet() -> Iterator[bytes]:
    """Tables of texts, of every kind of value, and empty."""
    table = next(content for content in _tables() if content.startswith(b"material.csv"))
    yield _written(pl.read_csv(io.BytesIO(table.split(b"\n", 1)[1]), infer_schema=False))
    moment = datetime(2024, 5, 1, 10, 15, 0, 123456)  # noqa: DTZ001 - local times are meant
    values = {
        "id": ["M-1", None],
        "quantity": [12.5, None],
        "recorded_at": [moment, None],
        "expires_at": [date(2024, 5, 1), None],
        "collected_at": [moment.replace(tzinfo=UTC), None],
    }
    yield _written(pl.DataFrame(values))
    yield _written(pl.DataFrame({"id": ["M-1"], "type": pl.Series(["bag"], dtype=pl.Categorical), "name": [True]}))
    nested = {"id": [[1, 2]], "name": [{"a": 1}], "unit": [b"\xff"], "quantity": [timedelta(1)], "type": [time(10, 15)]}
    for name, value in nested.items():
        yield _written(pl.DataFrame({name: value}))
    yield _written(pl.DataFrame({"id": []}, schema={"id": pl.String}))


def _written(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out, compression="uncompressed", statistics=False)
    return out.getvalue()


def _workbooks() -> Iterator[bytes]:
    """Workbooks with the sheets that the hospital's mapping reads, and one with odd cells."""
    moment = datetime(2024, 5, 1, 10, 15)  # noqa: DTZ001 - Excel knows no zones
    units = [
        ["Code", "Title", "Sort", "Above", "Clock", "Land", "Desk", "Entered"],
        ["U-1", "Lab", "lab", "", "Europe/Paris", "FR", "", moment],
    ]
    steps = [
        ["Number", "Procedure", "Begin", "End", "State", "Staff", "Unit", "Place", "COI", "Entered"],
        ["S-1", "infusion", moment, date(2024, 5, 2), "completed", 7, 1.5, True, "#N/A", time(10, 15)],
    ]
    yield _book({"Units": units, "Procedures": steps})
    yield _book({"Units": [*units, [None], ["U-2", "=1/0", 1e300, -0.0, "x" * 200, None, None, moment, "beyond"]]})
    yield _book({"Other": [[1]]})


def _book(sheets: dict[str, list[list[object]]]) -> bytes:
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
