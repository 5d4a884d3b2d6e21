"""Which files a load is made of, in what format, and the hash of each: by content first, by name where that tells nothing."""

import csv
import hashlib
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from graph.errors import UnreadableSource, UsageError
from graph.model import MODELS, RELATIONS
from loaders import csv_bundle, mapped, parquet_trial
from loaders.items import Problem
from loaders.json_forms import json_form
from loaders.mapping import EXCEL
from loaders.mapping_files import Mappings, Placed, PlacedLog
from loaders.unpacking import Piece, Unpacker, beginning, is_encoding
from loaders.xml_forms import xml_form

STANDARD_INPUT = Path("-")

SUFFIX = {
    "csv": (".csv",),
    "parquet": (".parquet",),
    "epcis": (".json", ".jsonld"),
    "epcis-xml": (".xml",),
    "fhir": (".ndjson", ".json"),
    "ocel": (".json", ".jsonocel"),
    "ocel-xml": (".xml", ".xmlocel"),
    "ocel-sqlite": (".sqlite", ".sqlite3"),
}
"""How names of files of each format end."""
_SUFFIXES = {suffix: format_ for format_, suffixes in reversed(SUFFIX.items()) for suffix in suffixes}
FORMATS = tuple(SUFFIX)
"""What can be read. `epcis` is JSON-LD, `fhir` JSON or NDJSON."""
_PACKED = (".gz", ".zst", ".zip")
_TABULAR = (".xlsx", ".xlsm", ".xls", ".ods", ".tsv", ".tab", ".dat")
"""How names of tables end that only a mapping makes something of: in a folder they are left out, and told of."""
_NO_MAPPINGS = Mappings()
_RELATIONS = frozenset((*RELATIONS, "CONTAINED_IN"))
_BRACES, _BRACKET = (b"{", b"["), b"<"
_NAMES = ", ".join(name.lower() for name in (*MODELS, *RELATIONS, "CONTAINED_IN"))
NAME_IT = f"name a CSV or Parquet file after its kind or relation ({_NAMES}), give EPCIS, FHIR in JSON, an OCEL log, or a --mapping"
"""How to name a file that can be loaded."""


class Source(NamedTuple):
    """A file to be read: where it lies and its format; of a table of the bundle its kind or relation.

    `name` is what people know it by: its path, or that of the archive with its path in there. `sha256` is of what was sent,
    unpacked. `table` is that of a mapping, where one reads it; `log` what a mapping says of an event log."""

    path: Path
    format: str
    kind: str | None = None
    name: str = ""
    sha256: str = ""
    table: Placed | None = None
    log: PlacedLog | None = None

    @property
    def sheet(self) -> str | None:
        """The sheet of a workbook, where a mapping names one."""
        return self.table.table.sheet if self.table else None


@dataclass
class Found:
    """The files of a load in the order in which they are read, those that cannot be, each with its problem, and notes."""

    sources: list[Source] = field(default_factory=list)
    refused: list[tuple[str, Problem]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def found(
    paths: Sequence[Path],
    scratch: Path,
    apart: Path | None = None,
    format_: str | None = None,
    encoding: str | None = None,
    within: Path | None = None,
    mappings: Mappings = _NO_MAPPINGS,
) -> Found:
    """What can be loaded among `paths`, in folders and archives too, unpacked into `scratch`; `-` is the standard input.

    Organisations come first, for their time zones; in each folder tables of relations last, so that few of these speak of what
    is not there yet. `format_` and `encoding` (of CSV) are said, not found; files below `within` are named from there on; what
    `mappings` match is read by them, a workbook once for each of its sheets. Raises `InvalidMapping`, and `UsageError` for a
    path that is missing, holds nothing, or is a file that nothing can be made of, and for a format or encoding that is none."""
    check_asked(format_, encoding)
    told = Found()

    def wanted(path: Path) -> bool:
        promises = _promises(path, mappings)
        if not promises and path.suffix.lower() in _TABULAR:
            told.notes.append(f"{path.suffix.lower()} left out: say with --mapping, or load the file by its name")
        return promises

    unpacker = Unpacker(scratch, encoding, wanted)
    for path in files_of(paths, apart, wanted):
        name = str(path.relative_to(within) if within else path)
        try:
            if path == STANDARD_INPUT:
                pieces = unpacker.pieces(unpacker.received(sys.stdin.buffer, "stdin"), "standard input")
            else:
                pieces = unpacker.pieces(path, name)
        except UnreadableSource as error:
            told.refused.append((name, Problem("", error.at, error.code, error.reason, error.repair)))
            continue
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", path=str(path)) from None
        for piece in sorted(pieces, key=_in_order):
            problem = _take(told, piece, format_, mappings)
            if problem and path in paths and piece.name == name:
                raise UsageError(f"{name}: {problem.reason}; {problem.repair}", path=name)
            if problem:
                told.refused.append((piece.name, problem))
    once: dict[tuple[Path, str | None], Source] = {}
    for source in told.sources:
        once.setdefault((source.path.resolve(), source.sheet), source)
    read = {source.log.file for source in told.sources if source.log}
    told.notes += [f"no event log is read as {Path(each.file).name} says" for each in mappings.logs if each.file not in read]
    told.sources = sorted(once.values(), key=lambda source: source.kind != "Organization")
    told.notes += mapped.check([(source.path, source.table) for source in told.sources if source.table], mappings)
    return told


def check_asked(format_: str | None, encoding: str | None) -> None:
    """Raises `UsageError` for a format or an encoding (of texts) that is none."""
    if format_ is not None and format_ not in SUFFIX:
        raise UsageError(f"{format_!r} is no format; give auto, {', '.join(SUFFIX)}", format=format_)
    if encoding is not None and not is_encoding(encoding):
        raise UsageError(f"{encoding!r} is no encoding that is known; try cp1252 or latin-1", encoding=encoding)


def files_of(paths: Sequence[Path], apart: Path | None = None, wanted: Callable[[Path], bool] | None = None) -> list[Path]:
    """The files among `paths` and, for folders, those below them that are `wanted`: whose names promise something that can be
    loaded, where nothing else is said.

    What lies below `apart` (the quarantine) is left out, unless a path leads into it. Raises `UsageError` for a path
    that is missing or holds no such file."""
    files: list[Path] = []
    for path in paths:
        if path != STANDARD_INPUT and not path.exists():
            raise UsageError(f"{path} does not exist; check the spelling", path=str(path))
        below = _below(path, apart, wanted or _promises) if path.is_dir() else [path]
        if not below:
            raise UsageError(f"{path} holds no file that can be loaded; {NAME_IT}", path=str(path))
        files += below
    return files


def _below(folder: Path, apart: Path | None, wanted: Callable[[Path], bool]) -> list[Path]:
    """The files below a folder that are wanted, one folder after the other, in order; hidden ones left out."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    files = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    root = apart.resolve() if apart else None
    if root is not None and not folder.resolve().is_relative_to(root):
        files = [path for path in files if not path.resolve().is_relative_to(root)]
    return sorted(filter(wanted, files), key=_in_order)


def _promises(path: Path, mappings: Mappings = _NO_MAPPINGS) -> bool:
    """Whether the name of a file in a folder or archive promises something that can be loaded."""
    ends = (*_SUFFIXES, *_PACKED, *(EXCEL if mappings.tables else ()))
    return path.suffix.lower() in ends or bool(mappings.of(path) or mappings.leave_out(path))


def _in_order(file: Path | Piece) -> tuple[Path, bool, Path]:
    """Folder by folder, tables of relations last."""
    path = file if isinstance(file, Path) else Path(file.name)
    return path.parent, csv_bundle.kind_of(path) in _RELATIONS, path


def _take(told: Found, piece: Piece, format_: str | None, mappings: Mappings) -> Problem | None:
    """Add a file to those that can be loaded or are not wanted, or say why it cannot."""
    path = piece.path
    if pattern := mappings.leave_out(path):
        told.notes.append(f"{pattern}: left out, as the mapping says")
        return None
    if tables := mappings.of(path):
        told.sources += _mapped(piece, tables)
        return None
    kind, known = csv_bundle.kind_of(path), format_ or format_of(path)
    if known in ("csv", "parquet") and kind is None:
        kinds = csv_bundle.kinds_of(_columns(path, known))
        if len(kinds) != 1:
            reason = "neither its name nor its columns tell a kind of record or relation"
            if kinds:
                reason = f"its name tells no kind, and its columns are those of {', '.join(kinds).lower()}"
            return Problem("", path.name, "UNKNOWN_FORMAT", reason, NAME_IT)
        [kind] = kinds
    if known is None:
        reason = "it is a workbook, or an archive that cannot be read"
        return Problem("", path.name, "UNKNOWN_FORMAT", reason, "save its sheet as CSV UTF-8, or say with --mapping how to read it")
    log = mappings.log(path) if known.startswith("ocel") else None
    told.sources.append(Source(path, known, kind if known in ("csv", "parquet") else None, piece.name, sha256(piece.sent), log=log))
    return None


def _mapped(piece: Piece, tables: Sequence[Placed]) -> Iterator[Source]:
    """A file that mappings read: as it was sent, where they say in which encoding that is."""
    suffix, digest = piece.path.suffix.lower(), sha256(piece.sent)
    for placed in tables:
        path = piece.sent if placed.table.encoding or suffix in EXCEL else piece.path
        form = "excel" if suffix in EXCEL else "parquet" if suffix == ".parquet" else "csv"
        yield Source(path, form, None, piece.name, digest, placed)


def format_of(path: Path) -> str | None:
    """One of `FORMATS`, by what a file begins with, else by its name, else a table; None of a workbook.

    Whether it is that at all is for its reader to say."""
    start = beginning(path).removeprefix(BOM_UTF8).replace(b"\0", b"").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip()
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"PK"):
        return None
    if start.startswith(b"SQLite format 3"):
        return "ocel-sqlite"
    if start.startswith(_BRACES):
        return json_form(path)
    if start.startswith(_BRACKET):
        return xml_form(path)
    return _SUFFIXES.get(path.suffix.lower(), "csv")


def _columns(path: Path, format_: str) -> Collection[str]:
    """The columns of a table; none where it cannot be read."""
    if format_ == "parquet":
        # polars takes longer to import than a small CSV file to load
        import polars as pl

        try:
            return () if parquet_trial.fault(path) else [name.strip() for name in pl.read_parquet_schema(path)]
        except (pl.exceptions.PolarsError, OSError):
            return ()
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            return [name.strip() for name in next(csv.reader([file.readline(2**16)]), ())]
        except csv.Error:
            return ()


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises `UsageError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", path=str(path)) from None
