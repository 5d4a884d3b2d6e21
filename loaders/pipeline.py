"""The pipeline: files in, commits out; every item gets one verdict, what is refused goes to quarantine, nothing is lost."""

import gc
import getpass
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from graph import naming, times
from graph.claims import chain_hash
from graph.errors import UnknownLoad, UnreadableSource
from graph.sqlite_store import SqliteStore
from graph.store import Batch, Commit, Deadline, Scope, Store, Verdict
from graph.words import Words
from loaders import abreast, csv_bundle, mapped, reading, sources
from loaders.chunks import Chunk
from loaders.items import Context, Item, Refused, Zone
from loaders.mapping_files import Mappings
from loaders.quarantine import Quarantine
from loaders.reading import Beside
from loaders.report import LoadReport
from loaders.room import Room
from loaders.scratch import scratch
from loaders.sources import FORMATS, Source

__all__ = [
    "FORMATS",
    "LoadReport",
    "Options",
    "Progress",
    "close_load",
    "dry_run",
    "gathered",
    "land",
    "load",
    "new_load",
    "open_loads",
]

Progress = Callable[[int, int], None]
"""Called now and then with (bytes read, bytes in all)."""

_Found = tuple[int, Item | Refused]
"""An item, with the place of its file in the group."""
_WORST: tuple[Verdict, ...] = ("conflict", "changed", "added", "unchanged")


@dataclass(frozen=True)
class Options:
    """How to load. `steward` speaks where the data does not say; `forced`: even where it does (`--steward`). `format` is one of
    `FORMATS`, where it is not found by content; `encoding` is that of CSV files, where it is not UTF-8. Files below
    `within` are named from there on. With `secret` numbers that persons are known by are kept as keyed hashes;
    `fhir_server` is the base URL that relative references of FHIR are relative to.

    `batch_size` is the most claims of one commit: half of what a commit may hold, as larger ones fit no processor's cache.
    `mappings` say how to read files of any other shape than the bundle's."""

    steward: str = "local"
    forced: bool = False
    author: str = ""
    batch_size: int = 10_000
    quarantine: Path = Path("veintrace-quarantine")
    ignore: frozenset[str] = frozenset()
    secret: bytes | None = field(default=None, repr=False)
    fhir_server: str = ""
    format: str | None = None
    encoding: str | None = None
    within: Path | None = None
    mappings: Mappings = field(default_factory=Mappings)


def load(store: Store, paths: Sequence[Path], options: Options, progress: Progress | None = None) -> LoadReport:
    """Load files and folders as one load. Raises `UsageError` for a path that cannot be loaded at all, and `InvalidMapping`.

    A load of the same files that was killed goes on where it was: same load, same time for undated claims."""
    with gathered(paths, options) as found:
        return land(store, found, options, progress)


def land(store: Store, found: sources.Found, options: Options, progress: Progress | None = None) -> LoadReport:
    """Load what was `gathered`."""
    with _no_cycle_search():
        return _Load(store, found, options, progress).run()


def dry_run(paths: Sequence[Path], options: Options, progress: Progress | None = None) -> LoadReport:
    """What loading into an empty graph would say; needs no graph and leaves nothing behind. Raises `DiskFull`, too."""
    with scratch() as folder:
        store = SqliteStore(folder / "dry.db", create=True, scratch=True)
        try:
            with gathered(paths, options) as found, _no_cycle_search():
                report = _Load(store, found, options, progress, Room(folder)).run()
        finally:
            store.close()
    report.dry_run, report.commits = True, None
    return report


def new_load(store: Store, key: str) -> tuple[str, int]:
    """The id of a load that begins now, and its time (UTC microseconds), which is after all commits there are."""
    head = store.head()
    load_id = chain_hash([key.encode(), (head.hash if head else "").encode()])[:16]
    return load_id, max(times.now(), head.time + 1 if head else 0)


def open_loads(store: Store, key: str) -> list[Commit]:
    """The first commit of each load of this key that was killed, oldest first."""
    return [commit for commit in store.open_loads() if commit.load_key == key]


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


@contextmanager
def gathered(paths: Sequence[Path], options: Options) -> Iterator[sources.Found]:
    """The files to load, as long as those unpacked for it are there. Raises `UsageError` and `InvalidMapping`."""
    with scratch() as folder:
        asked = (options.format, options.encoding, options.within, options.mappings)
        yield sources.found(paths, folder, options.quarantine, *asked)


@contextmanager
def _no_cycle_search() -> Iterator[None]:
    """No search for reference cycles meanwhile: claims hold none, and searching them costs a quarter of the time.

    In a thread of a service the search goes on: others make cycles."""
    was = gc.isenabled() and threading.current_thread() is threading.main_thread()
    if was:
        gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Load:
    """One load on its way; with `room`, that of its graph, a dry run, of which nothing is kept."""

    def __init__(
        self, store: Store, found: sources.Found, options: Options, progress: Progress | None, room: Room | None = None
    ) -> None:
        self.store, self.options, self.progress = store, options, progress
        self.found = found
        self.sizes = {source.path: source.path.stat().st_size for source in found.sources}
        self.done, self.total = 0, sum(self.sizes[source.path] for source in found.sources)
        steward = naming.steward(options.steward)
        self.key = self._load_key(steward)
        begun = open_loads(store, self.key)
        self.made = [begun[0].number] if begun else []
        self.load_id, self.load_time = (begun[0].load_id, begun[0].load_time) if begun else new_load(store, self.key)
        self.quarantine = None if room else options.quarantine / self.load_id
        self.room = room
        self.report = LoadReport(self.load_id, steward, mappings=options.mappings.hashes)
        self.report.note(found.notes)
        self.zones: dict[str, Zone] = {}
        self.zone_of: dict[str, str | None] = {}
        self.carried: set[Verdict] = set()
        self.kept: set[str] = set()
        self.unread, self.ahead = self._chunks(), deque[Chunk]()

    def _load_key(self, steward: str) -> str:
        """The same for the same files loaded in the same way, whatever their names and order."""
        way = [steward, str(self.options.forced), *sorted(self.options.ignore)]
        way += [self.options.format or "", self.options.encoding or "", *sorted(self.options.mappings.hashes.values())]
        way += [self.options.fhir_server] if self.options.fhir_server else []
        way += [hashlib.sha256(self.options.secret).hexdigest()] if self.options.secret else []
        hashes = sorted(source.sha256 for source in self.found.sources)
        return chain_hash(part.encode() for part in ["\n".join(way), *hashes])[:32]

    def run(self) -> LoadReport:
        """Read, apply, count."""
        self._learn_zones()
        self._read_on()
        self._read_on()
        if not self.ahead and self.made:
            self.made.append(close_load(self.store, self.load_id, self.options.author).number)
        while self.ahead:
            chunk = self.ahead.popleft()
            self._apply(chunk, closes=not self.ahead)
        return self._finished()

    def _read_on(self) -> None:
        """Read the claims of one commit more, and see what they say by themselves."""
        for chunk in islice(self.unread, 1):
            chunk.words = Words(chunk.claims, self.load_time)
            self.ahead.append(chunk)

    def _finished(self) -> LoadReport:
        told = 0
        for report in self.report.files:
            if report.commits and report.commits[-1] > told:
                report.counts.stubs = self.store.stubs(max(told, report.commits[0] - 1), report.commits[-1])
                told = report.commits[-1]
        head = self.store.head()
        self.report.digest = head.digest if head else f"{0:064x}"
        self.report.commits = (self.made[0], self.made[-1]) if self.made else None
        return self.report

    # -- time zones

    def _learn_zones(self) -> None:
        """Learn the zones that this load tells of organisations, whatever the order of its files."""
        context = Context(self.report.steward, self.options.forced)
        for source in self.found.sources:
            if source.table is None and source.kind != "Organization":
                continue
            try:
                table = source.table
                told = mapped.zones(source.path, table, context) if table else csv_bundle.zones(source.path, context)
                for record, zone in told:
                    self.zones[record] = max(zone, self.zones.get(record, zone))
            except UnreadableSource:
                continue

    def _zone_of(self, steward: str) -> str | None:
        """The zone of a steward's local times: what it says itself, in this load or before, else what another says of it."""
        if steward not in self.zone_of:
            record = naming.steward_id(steward)
            told, head = self.zones.get(record), self.store.head()
            if told is None or not told.own:
                states = self.store.get([record], Scope(head.number if head else 0, None, Deadline()))
                before = {state.steward: zone for state in states if (zone := state.standing.fields.get(".time_zone"))}
                self.zone_of[steward] = before.get(steward) or (told.name if told else next(iter(before.values()), None))
            else:
                self.zone_of[steward] = told.name
        return self.zone_of[steward]

    # -- reading

    def _chunks(self) -> Iterator[Chunk]:
        for name, problem in self.found.refused:
            report = self.report.begin(name, "", "")
            self.report.refuse(report, Refused("", (problem,)))
        told = self.options
        context = Context(
            self.report.steward, told.forced, self._zone_of, told.ignore, told.secret, told.fhir_server, self._reached
        )
        groups = abreast.groups(self.found.sources)
        if self.total < reading.LARGE:
            yield from self._landable(groups, lambda group: reading.read(group, context))
            return
        with Beside(groups, context) as beside:
            yield from self._landable(groups, lambda group: beside.items(group, context))

    def _landable(self, groups: Sequence[list[Source]], items: Callable[[list[Source]], Iterator[_Found]]) -> Iterator[Chunk]:
        for group in groups:
            yield from self._group(group, items(group))
            self.done += sum(self.sizes[source.path] for source in group)
            self._reached(0)

    def _reached(self, position: int) -> None:
        if self.progress:
            self.progress(self.done + position, self.total)

    def _group(self, group: list[Source], items: Iterator[_Found]) -> Iterator[Chunk]:
        """The claims of files that are read abreast; what is refused goes to the quarantine of its file."""
        reports = [self.report.begin(source.name, source.format, source.sha256, source.sheet) for source in group]
        chunk, most = Chunk(reports), self.options.batch_size
        with ExitStack() as opened:
            kept = [opened.enter_context(Quarantine(source, self.quarantine, self.kept)) for source in group]
            for at, item in items:
                report = reports[at]
                if isinstance(item, Refused):
                    self.report.refuse(report, item)
                    kept[at].add(item)
                    continue
                self.report.note(item.notes)
                claims = item.claims
                if not claims:
                    continue
                if chunk.claims and len(chunk.claims) + len(claims) > most:
                    yield from chunk.by_steward()
                    chunk = Chunk(reports)
                while len(claims) > most:
                    chunk.add(report, claims[:most], last=False)
                    yield from chunk.by_steward()
                    chunk, claims = Chunk(reports), claims[most:]
                chunk.add(report, claims)
        if any(quarantine.path for quarantine in kept):
            self.report.quarantine = str(self.quarantine)
        if chunk.claims:
            yield from chunk.by_steward()

    # -- landing

    def _apply(self, chunk: Chunk, closes: bool) -> None:
        if self.room:
            self.room.look()
        batch = Batch(
            chunk.claims,
            "\n".join(report.path for report in chunk.files),
            "\n".join(report.sha256 for report in chunk.files),
            self.load_id,
            self.key,
            self.load_time,
            self.options.author or getpass.getuser(),
            opened=bool(self.made),
            closes=closes,
            words=chunk.words,
        )
        applied = self.store.apply(batch, self._read_on)
        if applied.commit is not None:
            self.made.append(applied.commit.number)
            for report in chunk.files:
                report.commits.append(applied.commit.number)
        self._count(chunk, applied.verdicts)

    def _count(self, chunk: Chunk, verdicts: list[Verdict]) -> None:
        """Give each item the first of its claims' verdicts that fits; those of an item over several commits are carried."""
        told = iter(verdicts)
        for report, claims, last in chunk.parts:
            if claims == 1 and last and not self.carried:
                report.counts.count(next(told))
                continue
            met = {*self.carried, *islice(told, claims)}
            self.carried = set() if last else met
            if last:
                report.counts.count(next(verdict for verdict in _WORST if verdict in met))
