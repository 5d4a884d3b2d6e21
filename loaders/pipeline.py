"""The pipeline: files in, commits out; every item gets one verdict, what is refused goes to quarantine, nothing is lost."""

import getpass
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from graph import naming, times
from graph.claims import chain_hash
from graph.errors import UnknownLoad, UnreadableSource, UsageError
from graph.sqlite_store import SqliteStore
from graph.store import BATCH, Batch, Commit, Deadline, Scope, Store, Verdict
from loaders import csv_bundle, epcis
from loaders.items import Context, Item, Problem, Refused
from loaders.quarantine import Quarantine

Progress = Callable[[int, int], None]
"""Called with (bytes read, bytes in all)."""

_EPCIS = frozenset((".json", ".jsonld"))
_WORST: tuple[Verdict, ...] = ("conflict", "changed", "added", "unchanged")
_MOST_SHOWN = 100


@dataclass
class Counts:
    """Items by verdict (`read` is their sum), and the stubs that came with them."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    conflicts: int = 0
    stubs: int = 0

    def count(self, verdict: str) -> None:
        """Count one item."""
        name = "conflicts" if verdict == "conflict" else verdict
        setattr(self, name, getattr(self, name) + 1)
        self.read += 1

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return dict(self.__dict__)


@dataclass
class FileReport:
    """What became of one file."""

    path: str
    format: str
    counts: Counts = field(default_factory=Counts)
    commits: list[int] = field(default_factory=list)


@dataclass
class LoadReport:
    """What became of a load; `as_dict` is its JSON."""

    load_id: str
    steward: str
    files: list[FileReport] = field(default_factory=list)
    commits: tuple[int, int] | None = None
    digest: str = ""
    refused: list[dict[str, Any]] = field(default_factory=list)
    refused_total: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    quarantine: str | None = None
    dry_run: bool = False

    @property
    def totals(self) -> Counts:
        """The counts of all files."""
        total = Counts()
        for report in self.files:
            for name, value in report.counts.__dict__.items():
                setattr(total, name, getattr(total, name) + value)
        return total

    def as_dict(self) -> dict[str, Any]:
        """The answer of `load`."""
        return {
            "schema_version": 1,
            "load_id": self.load_id,
            "steward": self.steward,
            "dry_run": self.dry_run,
            "commits": list(self.commits) if self.commits else None,
            "digest": self.digest,
            "totals": self.totals.as_dict(),
            "files": [{"path": r.path, "format": r.format, **r.counts.as_dict()} for r in self.files],
            "notes": [{"note": note, "items": count} for note, count in sorted(self.notes.items())],
            "refused": self.refused,
            "refused_total": self.refused_total,
            "quarantine": self.quarantine,
        }


@dataclass(frozen=True)
class Options:
    """How to load. `steward` speaks where the data does not say; `forced`: even where it does (`--steward`)."""

    steward: str = "local"
    forced: bool = False
    author: str = ""
    batch_size: int = BATCH
    quarantine: Path = Path("veintrace-quarantine")
    ignore: frozenset[str] = frozenset()


def load(store: Store, paths: Sequence[Path], options: Options, progress: Progress | None = None) -> LoadReport:
    """Load files and folders as one load. Raises `UsageError` for a path that cannot be loaded at all.

    A load of the same files that was killed goes on where it was: same load, same time for undated claims."""
    return _Load(store, paths, options, progress).run()


def dry_run(paths: Sequence[Path], options: Options, progress: Progress | None = None) -> LoadReport:
    """What loading into an empty graph would say; needs no graph and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="veintrace-dry-run-") as folder:
        store = SqliteStore(Path(folder) / "dry.db", create=True)
        try:
            loading = _Load(store, paths, options, progress)
            loading.quarantine = None
            report = loading.run()
        finally:
            store.close()
    report.dry_run, report.commits = True, None
    return report


def close_load(store: Store, load_id: str, author: str = "") -> Commit:
    """Close a load that was killed and will not be loaded again. Raises `UnknownLoad`."""
    opened = store.open_loads()
    for first in opened:
        if first.load_id == load_id:
            batch = Batch(
                [], "", "", first.load_id, first.load_key, first.load_time, author or getpass.getuser(), opened=True, closes=True
            )
            commit = store.apply(batch).commit
            if commit is not None:
                return commit
    raise UnknownLoad(load_id, [first.load_id for first in opened])


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The loadable files among `paths` and, for folders, below them; organisations first, for their time zones."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; check the spelling", path=str(path))
        below = sorted(p for p in path.rglob("*") if p.is_file() and format_of(p)) if path.is_dir() else [path]
        if not below:
            raise UsageError(f"{path} holds no file that can be loaded (.csv of the bundle, .json, .jsonld)", path=str(path))
        found += below
    for path in found:
        if format_of(path) is None:
            known = ", ".join(sorted(name.lower() for name in (*csv_bundle.MODELS, *csv_bundle.RELATIONS)))
            raise UsageError(
                f"{path}: its name tells no format; name a CSV file after its kind ({known}) or give .json, .jsonld",
                path=str(path),
            )
    return sorted(dict.fromkeys(found), key=lambda path: (csv_bundle.kind_of(path) != "Organization", found.index(path)))


def format_of(path: Path) -> str | None:
    """`csv` or `epcis` by a file's name; None for any other."""
    if path.suffix.lower() in _EPCIS:
        return "epcis"
    return "csv" if path.suffix.lower() == ".csv" and csv_bundle.kind_of(path) else None


@dataclass
class _Chunk:
    """Items that go into one commit."""

    report: FileReport
    source_hash: str
    items: list[Item] = field(default_factory=list)
    claims: int = 0


class _Load:
    """One load on its way."""

    def __init__(self, store: Store, paths: Sequence[Path], options: Options, progress: Progress | None) -> None:
        self.store, self.options, self.progress = store, options, progress
        self.files = files_of(paths)
        self.hashes = {path: _sha256(path) for path in self.files}
        self.sizes = {path: path.stat().st_size for path in self.files}
        steward = naming.steward(options.steward)
        self.key = chain_hash([steward.encode(), *sorted(h.encode() for h in self.hashes.values())])[:32]
        head = store.head()
        begun = [commit for commit in store.open_loads() if commit.load_key == self.key]
        self.opened = bool(begun)
        previous = head.hash if head else ""
        self.load_id = begun[0].load_id if begun else chain_hash([self.key.encode(), previous.encode()])[:16]
        self.load_time = begun[0].load_time if begun else max(times.now(), head.time + 1 if head else 0)
        self.quarantine: Path | None = options.quarantine
        self.report = LoadReport(self.load_id, steward)
        self.zones: dict[str, str] = {}
        self.made: list[int] = []

    def run(self) -> LoadReport:
        """Read, apply, count."""
        self._learn_zones()
        waiting: _Chunk | None = None
        for chunk in self._chunks():
            if waiting is not None:
                self._apply(waiting, closes=False)
            waiting = chunk
        if waiting is not None:
            self._apply(waiting, closes=True)
        elif self.opened:
            close_load(self.store, self.load_id, self.options.author)
        return self._finished()

    def _finished(self) -> LoadReport:
        for report in self.report.files:
            if report.commits:
                report.counts.stubs = self.store.stubs(report.commits[0] - 1, report.commits[-1])
        head = self.store.head()
        self.report.digest = head.digest if head else f"{0:064x}"
        self.report.commits = (self.made[0], self.made[-1]) if self.made else None
        return self.report

    # -- reading

    def _learn_zones(self) -> None:
        for path in self.files:
            if csv_bundle.kind_of(path) == "Organization" and format_of(path) == "csv":
                try:
                    self.zones.update(csv_bundle.zones(path))
                except UnreadableSource:
                    continue

    def _zone_of(self, steward: str) -> str | None:
        record = naming.steward_id(steward)
        if record not in self.zones:
            head = self.store.head()
            states = self.store.get([record], Scope(head.number if head else 0, None, Deadline()))
            told = (state.standing.fields.get(".time_zone") for state in states)
            self.zones[record] = next((zone for zone in told if zone), "")
        return self.zones[record] or None

    def _chunks(self) -> Iterator[_Chunk]:
        done, total = 0, sum(self.sizes.values())
        for path in self.files:
            report = FileReport(str(path), format_of(path) or "")
            self.report.files.append(report)
            yield from self._file(path, report)
            done += self.sizes[path]
            if self.progress:
                self.progress(done, total)

    def _file(self, path: Path, report: FileReport) -> Iterator[_Chunk]:
        context = Context(self.report.steward, self.options.forced, self._zone_of, self.options.ignore)
        quarantine = Quarantine(path, self.load_id, self.quarantine)
        reader = csv_bundle.read if report.format == "csv" else epcis.read
        chunk = _Chunk(report, self.hashes[path])
        try:
            for item in reader(path, context):
                if isinstance(item, Refused):
                    self._refuse(report, item)
                    quarantine.add(item)
                    continue
                for note in item.notes:
                    self.report.notes[note] = self.report.notes.get(note, 0) + 1
                if chunk.items and chunk.claims + len(item.claims) > self.options.batch_size:
                    yield chunk
                    chunk = _Chunk(report, self.hashes[path])
                chunk.items.append(item)
                chunk.claims += len(item.claims)
        except UnreadableSource as error:
            problem = Problem("", "", error.code, error.reason, error.repair)
            self._refuse(report, Refused(error.at, (problem,)))
        finally:
            if kept := quarantine.close():
                self.report.quarantine = str(kept)
        if chunk.items:
            yield chunk

    def _refuse(self, report: FileReport, item: Refused) -> None:
        report.counts.count("refused")
        self.report.refused_total += 1
        if len(self.report.refused) < _MOST_SHOWN:
            told = [_as_dict(problem) for problem in item.problems]
            self.report.refused.append({"file": report.path, "at": item.at, **told[0], "also": told[1:]})

    # -- landing

    def _apply(self, chunk: _Chunk, closes: bool) -> None:
        batch = Batch(
            list(chain.from_iterable(item.claims for item in chunk.items)),
            chunk.report.path,
            chunk.source_hash,
            self.load_id,
            self.key,
            self.load_time,
            self.options.author or getpass.getuser(),
            opened=self.opened or bool(self.made),
            closes=closes,
        )
        applied = self.store.apply(batch)
        if applied.commit is not None:
            self.made.append(applied.commit.number)
            chunk.report.commits.append(applied.commit.number)
        told = iter(applied.verdicts)
        for item in chunk.items:
            verdicts = {next(told) for _ in item.claims}
            chunk.report.counts.count(next(verdict for verdict in _WORST if verdict in verdicts))


def _as_dict(problem: Problem) -> dict[str, str]:
    return {name: getattr(problem, name) for name in ("field", "value", "code", "reason", "repair")}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
