"""Reading the files of a load, item by item: in this process, or some way ahead in one beside it.

Reading takes about as long as planning a commit, so a large load has a process of its own for it, which a second core runs.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

from graph.claims import Evidence, from_bodies
from graph.errors import TraceError, UnreadableSource
from loaders import abreast, csv_bundle, epcis, epcis_xml, mapped, ocel, ocel_sqlite, ocel_xml
from loaders.items import Context, Item, Problem, Refused
from loaders.sources import Source

LARGE = 8_000_000
"""From so many bytes on a load is read beside: to start a process takes as long as to read a file of this size."""
_CLAIMS = 1_000
"""Claims of one message, where an item has no more."""
_AHEAD = 100
"""Most messages waiting to be landed: some 80 MB."""

_PIPE = 2**20
"""Bytes that may lie between the two processes, where the system lets us say: a message takes few turns of the listening
thread, which must wait for each while the other thread computes."""
_READERS = {"epcis": epcis.read, "epcis-xml": epcis_xml.read}
_LOGS = {"ocel": ocel.read, "ocel-xml": ocel_xml.read, "ocel-sqlite": ocel_sqlite.read}


def read(group: Sequence[Source], context: Context) -> Iterator[tuple[int, Item | Refused]]:
    """All items of a group of files, each with the place of its file in the group; those of a file in order."""
    return abreast.read(group, context, read_one)


def read_one(source: Source, context: Context) -> Iterator[Item | Refused]:
    """All items of a file in order; one that cannot be read (any further) is one refusal more."""
    try:
        if source.table:
            yield from mapped.read(source.path, source.table, context)
        elif source.format in ("csv", "parquet"):
            yield from csv_bundle.read(source.path, context, source.kind)
        elif source.format in _LOGS:
            yield from _LOGS[source.format](source.path, context, source.log)
        elif source.format == "fhir":
            # to make its models takes longer than most commands that load nothing
            from loaders import fhir

            yield from fhir.read(source.path, context)
        else:
            yield from _READERS[source.format](source.path, context)
    except UnreadableSource as error:
        yield Refused(error.at, (Problem("", "", error.code, error.reason, error.repair),))
    except OSError as error:
        yield Refused("", (Problem("", "", UnreadableSource.code, str(error.strerror), "load it again"),))


class Beside:
    """A process that reads groups of files in order and tells this one what it finds, as `read` would; a context manager."""

    def __init__(self, groups: Sequence[Sequence[Source]], context: Context) -> None:
        self._context = context
        root = str(Path(__file__).parents[1])
        paths = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from loaders.reading import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=_PIPE,
            bufsize=_PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdout, self._process.stdin
        self._messages: Queue[tuple[str, Any]] = Queue(_AHEAD)
        self._tell((list(groups), context.steward, context.forced, context.ignore, context.secret, context.fhir_server))
        Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the process, whether it was done or not."""
        self._process.kill()
        self._process.wait()
        while not self._messages.empty():
            self._messages.get()
        self._answers.close()

    def _tell(self, message: Any) -> None:
        pickle.dump(message, self._answers)
        self._answers.flush()

    def _listen(self) -> None:
        """Take messages in as they come, so that the process need not wait while a commit lands."""
        with self._questions:
            try:
                while True:
                    self._messages.put(pickle.load(self._questions))  # noqa: S301 - from a process of our own
            except (EOFError, pickle.UnpicklingError):
                self._messages.put(("gone", None))

    def items(self, group: Sequence[Source], context: Context) -> Iterator[tuple[int, Item | Refused]]:
        """What it found in the next of the groups, which must be `group`."""
        while True:
            word, told = self._messages.get()
            if word == "items":
                yield from _unpacked(told)
            elif word == "reached":
                context.reached(told)
            elif word == "zone":
                self._tell(context.zone_of(told))
            elif word == "end":
                return
            else:
                raise TraceError(f"the process that read {group[0].path} ended before it was done; load the same files again")


class _Packed(NamedTuple):
    """Items and refusals of one message. What claims say lies in columns: they are sent and read in a third of the time."""

    items: list[tuple[int, str, int, tuple[str, ...]] | tuple[int, Refused]]
    bodies: list[bytes]
    texts: list[bytes]
    said: list[bytes]
    evidence: tuple[list[str], list[str | None], list[str | None], list[int]]


def _packed(part: list[tuple[int, Item | Refused]]) -> _Packed:
    claims = [claim for _, item in part if not isinstance(item, Refused) for claim in item.claims]
    items = [(at, item) if isinstance(item, Refused) else (at, item.at, len(item.claims), item.notes) for at, item in part]
    places = [claim.evidence for claim in claims]
    ats, event_ids, hashes = ([getattr(place, name) for place in places] for name in ("at", "event_id", "event_hash"))
    said = ([claim.body() for claim in claims], [claim.text() for claim in claims], [claim.said() for claim in claims])
    return _Packed(items, *said, (ats, event_ids, hashes, [place.source for place in places]))


def _unpacked(told: _Packed) -> Iterator[tuple[int, Item | Refused]]:
    claims = from_bodies(map(Evidence, *told.evidence), told.bodies, told.texts, told.said)
    for item in told.items:
        yield item if len(item) == 2 else (item[0], Item(item[1], list(islice(claims, item[2])), item[3]))


def _parts(found: Iterator[tuple[int, Item | Refused]]) -> Iterator[list[tuple[int, Item | Refused]]]:
    """Items and refusals in messages: an event may have many claims, so these are counted."""
    part, claims = list[tuple[int, Item | Refused]](), 0
    for at, item in found:
        part.append((at, item))
        claims += 1 if isinstance(item, Refused) else max(1, len(item.claims))
        if claims >= _CLAIMS:
            yield part
            part, claims = [], 0
    if part:
        yield part


def serve(orders: BinaryIO, out: BinaryIO) -> None:
    """The other end of `Beside`: reads what `orders` names and writes what it finds to `out`."""
    groups, steward, forced, ignore, secret, server = pickle.load(orders)  # noqa: S301 - from a process of our own

    def tell(word: str, told: Any = None) -> None:
        pickle.dump((word, told), out, protocol=pickle.HIGHEST_PROTOCOL)
        out.flush()

    @cache
    def zone_of(name: str) -> str | None:
        tell("zone", name)
        zone: str | None = pickle.load(orders)  # noqa: S301 - from a process of our own
        return zone

    context = Context(steward, forced, zone_of, ignore, secret, server, lambda position: tell("reached", position))
    for group in groups:
        for part in _parts(read(group, context)):
            tell("items", _packed(part))
        tell("end")


def main() -> None:
    """Serve whoever started this process, until it is gone."""
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, EOFError, KeyboardInterrupt):
        os._exit(1)
