"""Files that are read together: tables of relations abreast of the table of steps they speak of, and small documents in turn.

A store keeps a steward's whole word on a record, so a step whose relations come after it, table by table, is written down
once more with each of them. Where the tables are in like order, as exports are, a commit that takes a part of each holds most
words whole. The order decides nothing but time (DESIGN, section 2): what stands is the same. Small documents, of one event or
resource each as many systems write them, go together so that they are not a commit each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from loaders.items import Context, Item, Refused
from loaders.sources import Source

LARGE = 100_000
"""Bytes from which on a table of steps is read so: of a smaller one little would be written twice."""
_BLOCK = 200
"""Rows of steps from one look at the other tables to the next."""
_UNMET = 50
"""A table that speaks of so many steps in a row that were not met has come too far; fewer are told of elsewhere."""
_PATIENCE = 20
"""Blocks after which such rows are told of elsewhere too."""
_REMEMBERED = 250_000
"""Steps remembered: at least so many, at most twice."""
_SMALL = 2**16
"""Bytes up to which a document is read together with others."""
_TOGETHER = 200
"""Most documents that are."""
_TABLES = ("csv", "parquet")
_OF_STEPS = ("INPUT_TO", "OUTPUT", "SUBJECT_OF")

Found = Item | Refused


def groups(sources: Sequence[Source]) -> list[list[Source]]:
    """The sources, in order, those together that are read so: tables abreast, that of steps first; small documents in turn."""
    leads: dict[tuple[Path, str, str], Source] = {}
    for source in sources:
        if source.kind == "Step" and source.path.stat().st_size >= LARGE:
            leads.setdefault(_bundle(source), source)
    found: list[list[Source]] = []
    led = {bundle: [lead] for bundle, lead in leads.items()}
    for source in sources:
        bundle = _bundle(source)
        if bundle in led and source.kind in _OF_STEPS:
            led[bundle].append(source)
        elif found and _is_small(source) and _is_small(found[-1][0]) and len(found[-1]) < _TOGETHER:
            found[-1].append(source)
        else:
            found.append(led[bundle] if leads.get(bundle) is source else [source])
    return found


def _is_small(source: Source) -> bool:
    return not _is_table(source) and source.path.stat().st_size <= _SMALL


def _is_table(source: Source) -> bool:
    return source.table is not None or source.format in _TABLES


def _bundle(source: Source) -> tuple[Path, str, str]:
    """What the tables of one bundle share: folder, beginning of the name, format."""
    return source.path.parent, source.path.stem.rpartition(".")[0], source.format


def read(
    group: Sequence[Source], context: Context, read_one: Callable[[Source, Context], Iterator[Found]]
) -> Iterator[tuple[int, Found]]:
    """All items of a group, each with the place of its source in the group; those of a source in order.

    `context` is told how far all of them have been read."""
    positions = [0] * len(group)

    def watched(at: int) -> Context:
        def reached(position: int) -> None:
            positions[at] = position
            context.reached(sum(positions))

        return replace(context, reached=reached)

    if not _is_table(group[0]):
        for at, source in enumerate(group):
            yield from ((at, _of(at, found)) for found in read_one(source, watched(at)))
            positions[at] = source.path.stat().st_size
        return
    steps, *others = (read_one(source, watched(at)) for at, source in enumerate(group))
    tables = [_Table(at, rows) for at, rows in enumerate(others, 1)]
    met = _Met()
    while block := list(islice(steps, _BLOCK)):
        for found in block:
            if isinstance(found, Item) and found.claims:
                met.add(found.claims[0].record)
            yield 0, found
        for table in tables:
            yield from ((table.at, found) for found in table.until_unmet(met))
    for table in tables:
        yield from ((table.at, found) for found in table.rest())


class _Met:
    """The latest ids that were met."""

    def __init__(self) -> None:
        self._now: set[str] = set()
        self._before: set[str] = set()

    def add(self, record: str) -> None:
        if len(self._now) == _REMEMBERED:
            self._before, self._now = self._now, set()
        self._now.add(record)

    def __contains__(self, record: str) -> bool:
        return record in self._now or record in self._before


class _Table:
    """A table of relations on its way; it stops where it begins to speak of steps that were not met yet."""

    def __init__(self, at: int, rows: Iterator[Found]) -> None:
        self.at, self._rows = at, rows
        self._unmet: list[Found] = []
        self._stood = 0

    def until_unmet(self, met: _Met) -> Iterator[Found]:
        """The next rows, up to the steps that were met last."""
        self._stood += 1
        rows, unmet = chain(self._unmet, self._rows), list[Found]()
        while len(unmet) < _UNMET and (found := next(rows, None)) is not None:
            unmet.append(found)
            if isinstance(found, Refused) or found.claims[0].record in met:
                yield from map(self._marked, unmet)
                unmet, self._stood = [], 0
        if self._stood > _PATIENCE:
            yield from map(self._marked, unmet)
            unmet = []
        self._unmet = unmet

    def rest(self) -> Iterator[Found]:
        """All rows that are left."""
        yield from map(self._marked, chain(self._unmet, self._rows))

    def _marked(self, found: Found) -> Found:
        return _of(self.at, found)


def _of(at: int, found: Found) -> Found:
    """The same, its claims with the place of their source."""
    if at and isinstance(found, Item):
        for claim in found.claims:
            claim.evidence = claim.evidence.of(at)
    return found
