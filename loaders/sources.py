"""Which files a load is made of, in what format, and the hash of each."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from graph.errors import UsageError
from graph.model import MODELS, RELATIONS
from loaders import csv_bundle
from loaders.mapping import EXCEL
from loaders.mapping_files import Mappings, Placed

_EPCIS = {".json": "epcis", ".jsonld": "epcis", ".xml": "epcis-xml"}
_TABLES = (*csv_bundle.SUFFIXES, *EXCEL)
_FORMS = {**dict.fromkeys(EXCEL, "excel"), ".parquet": "parquet"}
_NONE = Mappings()
_RELATIONS = frozenset((*RELATIONS, "CONTAINED_IN"))
NAME_IT = (
    "name a CSV or Parquet file after its kind or relation ("
    + ", ".join(name.lower() for name in (*MODELS, *RELATIONS, "CONTAINED_IN"))
    + "), give .json, .jsonld or .xml, or say with --mapping how to read it"
)
"""How to name a file that can be loaded."""


class Source(NamedTuple):
    """A file to be read, its format (see `format_of`), and the table of a mapping that reads it, if one does."""

    path: Path
    format: str
    table: Placed | None = None

    @property
    def sheet(self) -> str | None:
        """The sheet of a workbook, where a mapping names one."""
        return self.table.table.sheet if self.table else None

    @property
    def kind(self) -> str | None:
        """The kind or relation of a file of the bundle."""
        return None if self.table else csv_bundle.kind_of(self.path)


def sources_of(files: Sequence[Path], mappings: Mappings) -> list[Source]:
    """What is to be read of files: a workbook once for each of its sheets that are mapped.

    Raises `InvalidMapping` where a file is read by two tables."""
    found: list[Source] = []
    for path in files:
        tables = mappings.of(path)
        form = _FORMS.get(path.suffix.lower(), "csv")
        found += [Source(path, form, table) for table in tables] or [Source(path, format_of(path) or "")]
    return found


def files_of(paths: Sequence[Path], apart: Path | None = None, mappings: Mappings = _NONE) -> list[Path]:
    """The loadable files among `paths` and, for folders, below them; organisations first, for their time zones.

    What lies below `apart` (the quarantine) is left out, unless a path leads into it. Raises `UsageError` for a path
    that is missing, holds nothing that can be loaded, or whose name tells no format and is in no mapping."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; check the spelling", path=str(path))
        below = [file for file in _below(path, apart) if _readable(file, mappings)] if path.is_dir() else [path]
        if not below:
            raise UsageError(f"{path} holds no file that can be loaded; {NAME_IT}", path=str(path))
        found += below
    for path in found:
        if not _readable(path, mappings) and not mappings.leave_out(path):
            raise UsageError(f"{path}: its name tells no format; {NAME_IT}", path=str(path))
    once = {path.resolve(): path for path in reversed(found) if not mappings.leave_out(path)}
    return sorted(once.values(), key=lambda path: (csv_bundle.kind_of(path) != "Organization", found.index(path)))


def _readable(path: Path, mappings: Mappings) -> bool:
    return (format_of(path) is not None or bool(mappings.of(path))) and not mappings.leave_out(path)


def left_out(paths: Sequence[Path], apart: Path | None, mappings: Mappings) -> list[str]:
    """By which pattern of the mappings each file is left out among `paths` and below them."""
    if not mappings.left_out:
        return []
    below = (file for path in paths for file in (_below(path, apart) if path.is_dir() else [path]))
    return [pattern for file in below if (pattern := mappings.leave_out(file))]


def strays(paths: Sequence[Path], apart: Path | None = None, mappings: Mappings = _NONE) -> list[Path]:
    """CSV, Parquet and Excel files below folders that nothing reads: a misspelt name must not go unnoticed."""
    below = (file for path in paths if path.is_dir() for file in _below(path, apart))
    tables = (file for file in below if file.suffix.lower() in _TABLES and not mappings.leave_out(file))
    return [file for file in tables if not _readable(file, mappings)]


def _below(folder: Path, apart: Path | None) -> list[Path]:
    """The files below a folder, one folder after the other, in order of their names but tables of relations last, so that few of
    these speak of what is not there yet; hidden ones left out."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    files.sort(key=lambda path: (path.parent, csv_bundle.kind_of(path) in _RELATIONS, path))
    root = apart.resolve() if apart else None
    if root is None or folder.resolve().is_relative_to(root):
        return files
    return [path for path in files if not path.resolve().is_relative_to(root)]


def format_of(path: Path) -> str | None:
    """`csv`, `parquet`, `epcis` or `epcis-xml` by a file's name; None for any other.

    Whether JSON or XML is EPCIS at all is for its reader to say, of a file named as of one below a folder."""
    if found := _EPCIS.get(path.suffix.lower()):
        return found
    return path.suffix.lower()[1:] if csv_bundle.kind_of(path) else None


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises `UsageError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", path=str(path)) from None
