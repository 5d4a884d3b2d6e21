"""From bytes to nothing: a file of each format read and loaded as any file is, which must end in verdicts and nothing else.

What a fuzzer calls, and what `test_corpus.py` calls with what a fuzzer found.
"""

import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from graph.errors import InvalidMapping, UsageError
from graph.sqlite_store import SqliteStore
from loaders.items import Context, Item, Refused
from loaders.mapping_files import Mappings, read_files
from loaders.pipeline import Options, land, load
from loaders.reading import read_one
from loaders.sources import Found, Source, found
from tests.fuzz.seeds import MAPPINGS, OWN_MAPPING, TABLE
from tests.fuzz.seeds_ocel import LOG_MAPPING, LOGS

LONGEST = 20.0
"""Seconds of the processor that one small file may take."""
_CONTEXT = Context("H", False, lambda _: "Europe/Berlin")
_TABLES = 3
"""Most tables of a mapping that are tried on the fixed table."""


class Hung(BaseException):
    """A file took longer than it may; no handler of errors catches it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises `Hung` after so many seconds of the processor; those in which the process is stopped do not count."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hung(f"it takes more than {seconds:g} seconds of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True)
class Target:
    """A format: its name, and what a file of it is called; without one, the first line of the bytes is the name."""

    name: str
    file: str = ""
    most: int = 8_192
    """Most bytes of an input."""

    def run(self, data: bytes, folder: Path) -> None:
        """Reads bytes as a file of this format in `folder`, which is emptied first. Raises whatever is wrong with the readers."""
        sent = folder / "sent"
        shutil.rmtree(folder, ignore_errors=True)
        sent.mkdir(parents=True)
        with within(LONGEST):
            if self.name == "mapping":
                _mapping(data, folder)
            else:
                name, content = (self.file, data) if self.file else _named(data)
                (sent / name).write_bytes(content)
                _loaded(sent, folder, _mappings(self.name))


TARGETS = {
    target.name: target
    for target in (
        Target("csv"),
        Target("epcis", "events.jsonld"),
        Target("epcis-xml", "events.xml"),
        Target("fhir", "sent.json"),
        Target("ocel", "log.json"),
        Target("ocel-xml", "log.xml"),
        Target("ocel-sqlite", "log.sqlite", 65_536),
        Target("archive", "material.csv.gz", 32_768),
        Target("mapping"),
        Target("mapped-csv"),
        Target("parquet", "table.parquet", 32_768),
        Target("excel", "export.xlsx", 32_768),
    )
}


def _named(data: bytes) -> tuple[str, bytes]:
    """The name on the first line, as far as it is one, and the rest."""
    line, _, content = data.partition(b"\n")
    return re.sub(r"[^\w.-]", "", line.decode(errors="ignore"))[-60:].lstrip(".") or "table.csv", content


_read: dict[str, Mappings] = {}


def _mappings(name: str) -> Mappings:
    """The mappings of a format, read once."""
    if name not in _read:
        paths = {
            "mapped-csv": [OWN_MAPPING, MAPPINGS / "cdmo.yaml"],
            "excel": [MAPPINGS / "hospital.yaml"],
            **{form: [LOG_MAPPING] for form in LOGS},
        }.get(name, [])
        _read[name] = read_files(paths)
    return _read[name]


def _mapping(data: bytes, folder: Path) -> None:
    """A mapping, and the fixed table read by the first tables that it has."""
    path = folder / "mapping.yaml"
    path.write_bytes(data)
    table = folder / "sent" / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    try:
        mappings = read_files([path])
    except InvalidMapping as error:
        _is_told(error)
        return
    for placed in mappings.tables[:_TABLES]:
        here = placed.table.model_copy(update={"files": "table.csv", "sheet": None})
        _loaded(table.parent, folder, Mappings((placed._replace(table=here),)))


def _is_told(error: InvalidMapping) -> None:
    """Everything that is wrong with a mapping has a reason and a repair."""
    assert error.problems
    for each in error.problems:
        assert each["reason"], each
        assert each["repair"], each
    str(error).encode()


def _loaded(sent: Path, folder: Path, mappings: Mappings) -> None:
    """A folder is read twice and loaded: the same is said each time, and everything gets a verdict."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    try:
        told = found([sent], scratch, within=sent, mappings=mappings)
    except InvalidMapping as error:
        _is_told(error)
        return
    except UsageError as error:
        if type(error) is UsageError:
            return
        raise
    for _, problem in told.refused:
        assert problem.code, problem
        assert problem.reason, problem
        assert problem.repair, problem
    once = [_said(source) for source in told.sources]
    assert once == [_said(source) for source in told.sources], "what is read twice is not the same"
    _lands(told, folder, mappings, once)


def _said(source: Source) -> list[tuple[object, ...]]:
    """What the reader of a file says, item by item."""
    return [_of(item) for item in read_one(source, _CONTEXT)]


def _of(item: Item | Refused) -> tuple[object, ...]:
    assert isinstance(item, Item | Refused), item
    if isinstance(item, Refused):
        assert item.problems, item
        for problem in item.problems:
            assert problem.code, problem
            assert problem.reason, problem
            assert problem.repair, problem
        return item.at, item.problems
    for claim in item.claims:
        assert claim.body(), item
    return item.at, tuple((claim.record, claim.steward, claim.text(), claim.body()) for claim in item.claims), item.notes


def _lands(told: Found, folder: Path, mappings: Mappings, read: Sequence[Sequence[tuple[object, ...]]]) -> None:
    """Loaded, every item has one verdict; what the quarantine keeps of those that were refused can be loaded, too."""
    store = SqliteStore(":memory:")
    options = Options("H", author="fuzz", quarantine=folder / "quarantine", mappings=mappings)
    try:
        counts = land(store, told, options).totals
        assert counts.read == counts.added + counts.changed + counts.unchanged + counts.refused + counts.conflicts
        assert counts.refused >= len(told.refused)
        if any((folder / "quarantine").glob("*/*")):
            load(store, [folder / "quarantine"], options)
    finally:
        store.close()
    assert counts.read <= len(told.refused) + sum(map(len, read))
