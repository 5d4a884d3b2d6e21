"""A store at one commit as flat columns, for work on the whole graph: numpy arrays and Polars frames, kept as Arrow files.

Ids are sorted and numbered; relations lie in two orders (CSR: by source, by target), what each steward says by id.
A snapshot holds everybody's word, so its folder is private; who may see what is judged by the View over it.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from time import time
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from graph.claims import edges_of, labels_of
from graph.codes import SAME_AS_REVERSED, code_of
from graph.errors import StoreUnavailable
from graph.part import Part
from graph.store import Commit, Deadline, Scope, Store

Numbers = NDArray[np.int64]
FORMAT = 3
"""To be raised with every change of what is kept: of these columns, or of what queries derive and keep beside them."""
_SLICE = 5_000
_DOCS = "docs.json"
_FRAMES = ("ids", "states", "edges", "into", "labels")
_ABANDONED = 86_400
"""Seconds after which what nobody finished is thrown away."""
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What reading a damaged file, or one that somebody just removed, may raise."""

IDS = {"id": pl.String, "key": pl.String, "followed": pl.Boolean}
_STATES = {"nid": pl.UInt32, "sid": pl.UInt16, "doc": pl.Binary}
_EDGES = {
    "own": pl.Boolean,
    "type": pl.UInt8,
    "src": pl.UInt32,
    "dst": pl.UInt32,
    "sid": pl.UInt16,
    "quantity": pl.Float64,
    "unit": pl.String,
}
_LABELS = {"text": pl.String, "id": pl.String, "sid": pl.UInt16}


@dataclass(frozen=True)
class Docs:
    """What each steward says of each id, as JSON texts one after the other: a few are read without the rest.

    `begins`: where each begins in `texts`; one more at the end."""

    begins: Numbers
    texts: NDArray[np.uint8]

    def of(self, rows: Numbers) -> list[bytes]:
        """The texts of rows."""
        texts = self.texts.data
        return [bytes(texts[first:last]) for first, last in zip(self.begins[rows], self.begins[rows + 1], strict=True)]


@dataclass(frozen=True)
class Snapshot:
    """One commit's columns; `commit` is None of a graph in which nothing is stored.

    `ids`: `id, key`, and whether all that acted on it is here (`followed`; see `graph.part`), ascending by `id`; the row is the
    number of the id. `states`: `nid` (number), `sid, size` by id and
    steward, whose texts are in `docs`. `edges`: `type, src, dst` (numbers), `sid, quantity, unit`, and `own`: whether the source
    claims it, by `src`; `into`: the rows of `edges` by `dst`. `labels`: `text, id, sid` by text. `stewards` are named by `sid`."""

    commit: Commit | None
    stewards: tuple[str, ...]
    ids: pl.DataFrame
    states: pl.DataFrame
    docs: Docs
    edges: pl.DataFrame
    into: pl.DataFrame
    labels: pl.DataFrame
    part: Part | None = None
    """Of which part of the graph it tells; None of all."""
    place: Path | None = field(default=None, compare=False)
    """The folder it is kept in, if it is."""

    # -- look-ups

    def numbers(self, ids: Collection[str]) -> Numbers:
        """The numbers of those of `ids` that are here, ascending."""
        asked = pl.Series(sorted(set(ids)), dtype=pl.String)
        if not len(asked) or not len(self.ids):
            return np.empty(0, np.int64)
        at = self.ids["id"].search_sorted(asked)
        inside = at < len(self.ids)
        at, asked = at.filter(inside), asked.filter(inside)
        return at.filter(self.ids["id"].gather(at) == asked).to_numpy().astype(np.int64)

    def named(self, numbers: Numbers) -> list[str]:
        """The ids of numbers."""
        return self.ids["id"].gather(numbers).to_list()

    @cached_property
    def out_of(self) -> Numbers:
        """Where in `edges` the relations out of each id begin; one more at the end."""
        return begins(self.edges["src"], len(self.ids))

    @cached_property
    def into_of(self) -> Numbers:
        """Where in `into` the relations into each id begin; one more at the end."""
        return begins(self.edges["dst"], len(self.ids))

    @cached_property
    def states_of(self) -> Numbers:
        """Where in `states` each id begins; one more at the end."""
        return begins(self.states["nid"], len(self.ids))

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns of `edges` that walks read, and `into`, as numpy arrays."""
        found: dict[str, NDArray[Any]] = {name: self.edges[name].to_numpy() for name in ("type", "src", "dst", "sid")}
        return {**found, "into": self.into["edge"].to_numpy()}


def begins(column: pl.Series, count: int) -> Numbers:
    """Row at which each of the numbers 0 to `count` begins in a column, were it in ascending order; one more at the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(column.to_numpy(), minlength=count))])


def rows_of(begins: Numbers, numbers: Numbers) -> Numbers:
    """All rows of `numbers` in a column whose beginnings are `begins`, in order."""
    starts, counts = begins[numbers], begins[numbers + 1] - begins[numbers]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    rows: Numbers = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return rows


# -- building


def take(store: Store, commit: Commit | None, before: Snapshot | None = None) -> Snapshot:
    """A commit of a store (None: of an empty one) as a snapshot, from an earlier one (`before`) and what changed since.

    What changed is what claims were made of: nothing stands otherwise than by a claim under its id."""
    if before is not None and before.commit == commit:
        return before
    told = before.commit if before else None
    since = told.number if told and commit and _leads_to(store, told, commit) else 0
    before = before if since else None
    touched, names = set[str](), dict[str, str | None]()
    until = commit.number if commit else 0
    for entry in store.claims(since, until):
        touched.add(entry.claim.record)
        names.update(entry.claim.names)
    scope = Scope(until, None, Deadline(float("inf")))
    stewards = (*(before.stewards if before else ()),)
    stewards += tuple(name for name in store.stewards(scope) if name not in stewards)
    ids = pl.DataFrame({"id": list(names), "key": list(names.values()), "followed": [True] * len(names)}, schema=IDS)
    if before is not None:
        ids = pl.concat([before.ids, ids]).unique("id", keep="first")
    ids = ids.sort("id")
    fresh = Columns(stewards, {record: number for number, record in enumerate(ids["id"].to_list())})
    asked = sorted(touched)
    for first in range(0, len(asked), _SLICE):
        fresh.add(store, asked[first : first + _SLICE], scope)
    return joined(commit, stewards, ids, before, touched, fresh)


def _leads_to(store: Store, earlier: Commit, commit: Commit) -> bool:
    """Whether a commit of somewhere is one of this store, at or before another."""
    return earlier.number <= commit.number and store.commit(earlier.number) == earlier


class Columns:
    """Frames of `states`, `edges` and `labels`, a slice of the ids each, with `numbers` for ids."""

    def __init__(self, stewards: Sequence[str], numbers: Mapping[str, int]) -> None:
        self._sids = {name: sid for sid, name in enumerate(stewards)}
        self._numbers = numbers
        self.states = [pl.DataFrame(schema=_STATES)]
        self.edges = [pl.DataFrame(schema=_EDGES)]
        self.labels = [pl.DataFrame(schema=_LABELS)]

    def add(self, store: Store, ids: list[str], scope: Scope) -> None:
        """Take in what stands of `ids`."""
        numbers, states, edges, labels = self._numbers, list[Any](), list[Any](), list[Any]()
        for record, steward, word, *_ in store.get(ids, scope):
            sid = self._sids[steward]
            states.append((numbers[record], sid, word.dump()))
            labels += ((text, record, sid) for text in labels_of(word.fields))
            for edge in edges_of(record, steward, word.fields):
                ends = numbers[edge.source], numbers[edge.target]
                amount = (sid, None if edge.quantity is None else float(edge.quantity), edge.unit)
                edges.append((edge.source == record, code_of(edge), *ends, *amount))
                if edge.type == "SAME_AS":
                    edges.append((edge.target == record, SAME_AS_REVERSED, *ends[::-1], *amount))
        self.states.append(pl.DataFrame(states, schema=_STATES, orient="row"))
        self.edges.append(pl.DataFrame(edges, schema=_EDGES, orient="row"))
        self.labels.append(pl.DataFrame(labels, schema=_LABELS, orient="row"))

    def renumber(self, numbers: pl.Series) -> None:
        """Put `numbers[n]` in place of each number n."""
        self.states = [each.with_columns(nid=numbers.gather(each["nid"])) for each in self.states]
        self.edges = [each.with_columns(src=numbers.gather(each["src"]), dst=numbers.gather(each["dst"])) for each in self.edges]


def joined(
    commit: Commit | None,
    stewards: tuple[str, ...],
    ids: pl.DataFrame,
    before: Snapshot | None,
    touched: set[str],
    fresh: Columns,
    part: Part | None = None,
) -> Snapshot:
    """What was before, but for the ids touched, with what is fresh; sorted anew."""
    states, edges, labels = (pl.concat(frames) for frames in (fresh.states, fresh.edges, fresh.labels))
    if before is not None:
        old_states, old_edges = _left(before, ids["id"], before.numbers(touched))
        gone = pl.Series("gone", sorted(touched), dtype=pl.String).implode()
        states, edges = pl.concat([old_states, states]), pl.concat([old_edges, edges])
        labels = pl.concat([before.labels.filter(~pl.col("id").is_in(gone)), labels])
    edges = edges.sort("src", "type", "dst", "sid")
    into = pl.DataFrame({"edge": np.argsort(edges["dst"].to_numpy(), kind="stable").astype(np.uint32)})
    states = states.sort("nid", "sid")
    texts = np.frombuffer(b"".join(states["doc"]), np.uint8)
    states = states.select("nid", "sid", size=pl.col("doc").bin.size().cast(pl.UInt32))
    return Snapshot(commit, stewards, ids, states, _docs(states, texts), edges, into, labels.sort("text", "id", "sid"), part)


def _left(before: Snapshot, ids: pl.Series, touched: Numbers) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The states and edges of an earlier snapshot, but for those of the numbers `touched`, under the numbers of `ids`."""
    stays = np.ones(len(before.ids), np.bool_)
    stays[touched] = False
    kept = np.flatnonzero(stays[before.states["nid"].to_numpy()])
    states = before.states.select("nid", "sid")[kept].with_columns(doc=pl.Series(before.docs.of(kept), dtype=pl.Binary))
    owner = before.edges.select(pl.when("own").then("src").otherwise("dst"))["src"].to_numpy()
    edges = before.edges.filter(pl.Series(stays[owner], dtype=pl.Boolean))
    numbers = ids.search_sorted(before.ids["id"]).cast(pl.UInt32)
    return (
        states.with_columns(nid=numbers.gather(states["nid"])),
        edges.with_columns(src=numbers.gather(edges["src"]), dst=numbers.gather(edges["dst"])),
    )


def _docs(states: pl.DataFrame, texts: NDArray[np.uint8]) -> Docs:
    return Docs(np.concatenate([[0], np.cumsum(states["size"].to_numpy(), dtype=np.int64)]), texts)


# -- files


def save(snapshot: Snapshot, folder: Path) -> None:
    """Write a snapshot of a commit into `folder`, which only its owner can read, in place of earlier ones.

    It gets its name when all of it is on the disk, so that others who read or write there never meet a part of it."""
    commit = snapshot.commit
    if commit is None:
        return
    for private in (folder.parent, folder):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
    coming, made = folder / f".{uuid4().hex}", folder / f"{commit.number}-{commit.hash[:16]}"
    coming.mkdir(mode=0o700)
    for name in _FRAMES:
        _write(getattr(snapshot, name), coming / f"{name}.arrow")
    docs = coming / _DOCS
    docs.touch(mode=0o600)
    with docs.open("wb") as file:
        snapshot.docs.texts.tofile(file)
        os.fsync(file.fileno())
    part = snapshot.part.__dict__ if snapshot.part else None
    told = {"format": FORMAT, "commit": commit.__dict__, "stewards": snapshot.stewards, "part": part}
    listing = coming / "snapshot.json"
    listing.touch(mode=0o600)
    listing.write_bytes(orjson.dumps(told))
    _named(coming, made)
    for other in folder.iterdir():
        if other != made and superseded(other, commit.number):
            rmtree(other, ignore_errors=True)


def _named(coming: Path, made: Path) -> None:
    """Give a finished folder its name; one that has it already is kept if it can be read."""
    if made.exists() and _opened(made) is None:
        rmtree(made, ignore_errors=True)
    # another may be there first: then what it wrote is the same
    with suppress(OSError):
        coming.rename(made)
    rmtree(coming, ignore_errors=True)


def superseded(path: Path, number: int) -> bool:
    """Whether a folder is of an earlier commit, or the rest of a process that was killed long ago."""
    try:
        return int(path.name.partition("-")[0]) <= number if path.name[0] != "." else path.stat().st_mtime < time() - _ABANDONED
    except (ValueError, OSError):
        return False


def saved(folder: Path, fits: Callable[[Commit], bool]) -> Snapshot | None:
    """The newest snapshot in `folder` of a commit that `fits`; None where none can be read."""
    found = [snapshot for path in folder.glob("[!.]*") if (snapshot := _opened(path)) and snapshot.commit and fits(snapshot.commit)]
    return max(found, key=lambda each: each.commit.number if each.commit else 0, default=None)


def _opened(place: Path) -> Snapshot | None:
    """The snapshot in a folder, its documents memory-mapped; None where it is damaged, of another version, or gone."""
    try:
        told = orjson.loads((place / "snapshot.json").read_bytes())
        if told["format"] != FORMAT:
            return None
        with ThreadPoolExecutor(len(_FRAMES)) as readers:
            frames = dict(zip(_FRAMES, readers.map(lambda name: pl.read_ipc(place / f"{name}.arrow"), _FRAMES), strict=True))
        path = place / _DOCS
        docs = _docs(frames["states"], np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8))
        if docs.begins[-1] != len(docs.texts):
            return None
        commit, part = Commit(**told["commit"]), Part.parsed(told["part"])
        return Snapshot(commit, tuple(told["stewards"]), **frames, docs=docs, part=part, place=place)
    except _UNREADABLE:
        return None


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame to a new private file, uncompressed and in one piece, so that its columns can be used where they lie.

    Texts lie one behind the other (the oldest layout of Arrow), which is read in half the time of the newest. It is written down
    to the disk: a name must not outlive a power cut that its content did not."""
    path.touch(mode=0o600)
    whole = max(1, len(frame))
    frame.write_ipc(path, compression="uncompressed", compat_level=pl.CompatLevel.oldest(), record_batch_size=whole)
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def kept(place: Path | None, name: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """What `make` gives, kept beside the snapshot in `place` (None: not kept) as a file of this name.

    Where the snapshot has meanwhile given way to a later one, it is made and not kept."""
    if place is None:
        return make()
    path = place / f"{name}.arrow"
    with suppress(*_UNREADABLE):
        return pl.read_ipc(path)
    made, coming = make(), place / f".{uuid4().hex}"
    with suppress(FileNotFoundError):
        _write(made, coming)
        coming.rename(path)
        return pl.read_ipc(path)
    return made


def current(store: Store, cache: Path | None = None) -> Snapshot:
    """The store's head as a snapshot: that in `cache`, brought up to date and kept there.

    Raises `StoreUnavailable` where `cache` cannot be written."""
    head = store.head()
    if cache is None or head is None:
        return take(store, head)
    folder = folder_of(store, cache)
    before = saved(folder, lambda commit: _leads_to(store, commit, head))
    snapshot = take(store, head, before)
    if snapshot is before:
        return snapshot
    with writing(cache):
        save(snapshot, folder)
    return saved(folder, lambda commit: commit == head) or snapshot


@contextmanager
def writing(cache: Path) -> Iterator[None]:
    """Turns what the system says of a folder that cannot be written into `StoreUnavailable`."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"no snapshot can be kept in {cache}: {error.strerror}; name another folder (--cache)") from None


def forget(store: Store, cache: Path) -> None:
    """Throw away what is kept of a store in `cache`."""
    if store.head() is not None:
        rmtree(folder_of(store, cache), ignore_errors=True)


def folder_of(store: Store, cache: Path) -> Path:
    """Where a graph is kept: it is known by the hash of its first commit, whichever store holds it."""
    return cache / store.commit(1).hash[:16]
