"""A snapshot of a part of a graph: the events inside it, and what is needed to tell of them what the whole graph tells.

That is what they acted on with all that ever acted on it (`followed` records), and the organisations and orders these name. Of
other records only the ids remain, where events name them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

import numpy as np
import polars as pl

from graph import snapshot
from graph.part import Part
from graph.snapshot import Columns, Snapshot
from graph.store import Commit, Deadline, Scope, Store

SLICE = 5_000
"""How many ids are read at once."""


def slices(ids: Collection[str]) -> Iterator[list[str]]:
    """The ids in order, as many at once as are read at once."""
    ordered = sorted(ids)
    return (ordered[first : first + SLICE] for first in range(0, len(ordered), SLICE))


def take(store: Store, commit: Commit | None, part: Part, kept: Collection[str], followed: Collection[str]) -> Snapshot:
    """A snapshot of what stands of the ids `kept` at a commit, those `followed` marked so; read in slices."""
    scope = Scope(commit.number if commit else 0, None, Deadline(float("inf")))
    stewards = tuple(store.stewards(scope))
    numbers: dict[str, int] = defaultdict(lambda: len(numbers))
    columns, keys = Columns(stewards, numbers), dict[str, str | None]()
    for some in slices(kept):
        keys.update(store.known(some, scope))
        for record in some:
            numbers[record]
        columns.add(store, some, scope)
    ids = pl.DataFrame(
        {
            "id": list(numbers),
            "key": [keys.get(record) for record in numbers],
            "followed": [record in followed for record in numbers],
        },
        schema=snapshot.IDS,
    )
    order = ids["id"].arg_sort()
    sorted_as = np.empty(len(ids), np.uint32)
    sorted_as[order.to_numpy()] = np.arange(len(ids), dtype=np.uint32)
    columns.renumber(pl.Series(sorted_as))
    return snapshot.joined(commit, stewards, ids[order], None, set(), columns, part)


def current(store: Store, cache: Path, commit: Commit | None, part: Part, make: Callable[[], Snapshot]) -> Snapshot:
    """The part at a commit: that kept in `cache`, or what `make` gives, kept there. It is never brought up to date but made anew.

    Raises `StoreUnavailable` where `cache` cannot be written."""
    if commit is None:
        return make()
    folder = snapshot.folder_of(store, cache) / part.name
    found = snapshot.saved(folder, lambda each: each == commit)
    if found is not None:
        return found
    made = make()
    with snapshot.writing(cache):
        snapshot.save(made, folder)
        _tidy(folder.parent, commit.number)
    return snapshot.saved(folder, lambda each: each == commit) or made


def _tidy(folder: Path, number: int) -> None:
    """Throw away the parts of commits before `number`: nobody will ask for them again."""
    for other in folder.glob("scope-*"):
        with suppress(OSError):
            if all(snapshot.superseded(each, number - 1) for each in other.iterdir()):
                rmtree(other, ignore_errors=True)
