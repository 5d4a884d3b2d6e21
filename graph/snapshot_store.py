"""A store whose head is read from a snapshot: the same answers, without a round trip for each."""

from collections.abc import Callable, Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from graph import standing, walk
from graph.claims import Edge, class_of, of_class
from graph.codes import CODES, ROLES, SAME_AS_REVERSED, TYPES, WALKED
from graph.snapshot import Numbers, Snapshot, rows_of
from graph.store import (
    Applied,
    Around,
    Batch,
    Commit,
    Direction,
    LogEntry,
    Progress,
    Reached,
    Scope,
    State,
    Store,
    rest,
)

_READ_ONLY = "a snapshot is read only; write to its store"


class SnapshotStore:
    """`store` with what stands at the snapshot's commit read from `snapshot`; other commits, and the log, from the store."""

    def __init__(self, store: Store, snapshot: Snapshot) -> None:
        self._store, self._snapshot = store, snapshot
        self._sids = {name: sid for sid, name in enumerate(snapshot.stewards)}

    @property
    def snapshot(self) -> Snapshot:
        """What it reads from."""
        return self._snapshot

    # -- what stands

    def _here(self, scope: Scope) -> bool:
        scope.deadline.check()
        return scope.commit == (self._snapshot.commit.number if self._snapshot.commit else 0)

    def _visible(self, sids: NDArray[np.uint16], scope: Scope) -> NDArray[np.bool_]:
        if scope.stewards is None:
            return np.ones(len(sids), np.bool_)
        return np.isin(sids, [self._sids[name] for name in scope.stewards if name in self._sids])

    def get(self, ids: Collection[str], scope: Scope) -> list[State]:
        if not self._here(scope):
            return self._store.get(ids, scope)
        snapshot = self._snapshot
        rows = rows_of(snapshot.states_of, snapshot.numbers(ids))
        rows = rows[self._visible(snapshot.states["sid"].to_numpy()[rows], scope)]
        found = snapshot.states[rows] if len(rows) else snapshot.states.clear()
        numbers = found["nid"].to_numpy()
        keys, joined = snapshot.ids["key"].gather(numbers), self._joined(numbers)
        return [
            State(record, snapshot.stewards[sid], standing.load(doc), key, together)
            for record, sid, doc, key, together in zip(
                snapshot.named(numbers), found["sid"], snapshot.docs.of(rows), keys, joined, strict=True
            )
        ]

    def _joined(self, numbers: Numbers) -> list[bool]:
        """Whether anybody joins each of these ids with another."""
        rows = rows_of(self._snapshot.out_of, numbers)
        types = self._snapshot.arrays["type"][rows]
        sources = self._snapshot.arrays["src"][rows][np.isin(types, CODES["SAME_AS"])]
        return list(np.isin(numbers, sources))

    def known(self, ids: Collection[str], scope: Scope) -> dict[str, str | None]:
        if not self._here(scope):
            return self._store.known(ids, scope)
        snapshot, arrays = self._snapshot, self._snapshot.arrays
        found = {}
        for number in snapshot.numbers(ids):
            one = np.array([number])
            said = snapshot.states["sid"].to_numpy()[rows_of(snapshot.states_of, one)]
            edges = np.concatenate([rows_of(snapshot.out_of, one), arrays["into"][rows_of(snapshot.into_of, one)]])
            if self._visible(said, scope).any() or self._visible(arrays["sid"][edges], scope).any():
                found[snapshot.ids["id"][int(number)]] = snapshot.ids["key"][int(number)]
        return found

    def find(self, texts: Collection[str], scope: Scope) -> dict[str, list[str]]:
        if not self._here(scope):
            return self._store.find(texts, scope)
        labels = self._snapshot.labels
        found: dict[str, list[str]] = {}
        for text in texts:
            first, last = (int(labels["text"].search_sorted(text, side=side)) for side in ("left", "right"))
            met = labels[first:last]
            found[text] = sorted(set(met["id"].filter(self._visible(met["sid"].to_numpy(), scope))))
        return found

    def _edges(self, rows: Numbers) -> list[Edge]:
        """Edges of rows, ascending and each once; `SAME_AS` as it was stated."""
        snapshot = self._snapshot
        edges = snapshot.edges[rows] if len(rows) else snapshot.edges.clear()
        ends = zip(*(snapshot.named(edges[end].to_numpy()) for end in ("src", "dst")), strict=True)
        told = edges.select("type", "sid", "quantity", "unit").iter_rows()
        found = set()
        for (source, target), (code, sid, quantity, unit) in zip(ends, told, strict=True):
            stated = (target, source) if code == SAME_AS_REVERSED else (source, target)
            found.add(Edge(TYPES[code], *stated, snapshot.stewards[sid], ROLES.get(code), quantity, unit))
        return sorted(found, key=lambda edge: edge[:4])

    def _beside(self, numbers: Numbers, direction: Direction, codes: Collection[int], scope: Scope) -> Numbers:
        """Rows of the visible edges of these codes into or out of ids."""
        snapshot, arrays = self._snapshot, self._snapshot.arrays
        if direction == "up":
            rows = arrays["into"][rows_of(snapshot.into_of, numbers)].astype(np.int64)
        else:
            rows = rows_of(snapshot.out_of, numbers)
        kept = np.isin(arrays["type"][rows], list(codes)) & self._visible(arrays["sid"][rows], scope)
        return rows[kept]

    def neighbours(self, ids: Collection[str], direction: Direction, types: Collection[str], scope: Scope) -> list[Edge]:
        if not self._here(scope):
            return self._store.neighbours(ids, direction, types, scope)
        codes = {code for type_ in types for code in CODES[type_]}
        return self._edges(self._beside(self._snapshot.numbers(ids), direction, codes, scope))

    def emptied(self, ids: Collection[str], scope: Scope) -> Around:
        return walk.around(self, ids, scope) if self._here(scope) else self._store.emptied(ids, scope)

    def around(self, ids: Collection[str], scope: Scope, period: tuple[int, int] | None = None) -> Around:
        return walk.around(self, ids, scope) if self._here(scope) else self._store.around(ids, scope, period)

    def reach(self, ids: Collection[str], direction: Direction, scope: Scope, limit: int) -> Reached:
        if not self._here(scope):
            return self._store.reach(ids, direction, scope, limit)
        roots, joins = walk.with_joined(self, {root for root in ids if class_of(root) == "person"}, scope)
        persons = self._snapshot.numbers(roots)
        first = self._beside(persons, direction, {code for type_ in walk.MAKING for code in CODES[type_]}, scope)
        begun = np.setdiff1d(self._ends(first), persons)
        others = self._snapshot.numbers({root for root in ids if class_of(root) != "person"})
        rows = self._closure(np.union1d(begun, others), direction, scope, limit)
        walked = {*ids, *roots, *self._snapshot.named(self._ends(np.concatenate([rows, first])))}
        edges = {*self._edges(np.union1d(rows, first)), *joins}
        objects = of_class("object", walked)
        return Reached(walked, [*edges], frozenset(["RECORDS"] if len(walked) > limit else []), self.around(objects, scope))

    def _ends(self, rows: Numbers) -> Numbers:
        arrays = self._snapshot.arrays
        return np.union1d(arrays["src"][rows], arrays["dst"][rows]).astype(np.int64)

    def _closure(self, starts: Numbers, direction: Direction, scope: Scope, limit: int) -> Numbers:
        """Rows of all edges that a walk from `starts` meets."""
        seen = np.zeros(len(self._snapshot.ids), np.bool_)
        far = self._snapshot.arrays["src" if direction == "up" else "dst"]
        first, last = WALKED[direction]
        met = [np.empty(0, np.int64)]
        frontier, walked = starts, len(starts)
        seen[starts] = True
        while len(frontier) and walked <= limit:
            scope.deadline.check()
            rows = self._beside(frontier, direction, range(first, last + 1), scope)
            met.append(rows)
            ends = np.unique(far[rows])
            frontier = ends[~seen[ends]].astype(np.int64)
            seen[frontier] = True
            walked += len(frontier)
        return np.concatenate(met)

    # -- the log, and all that is written

    def apply(self, batch: Batch, meanwhile: Callable[[], None] = rest) -> Applied:
        raise NotImplementedError(_READ_ONLY)

    def rebuild(self, progress: Progress | None = None) -> None:
        raise NotImplementedError(_READ_ONLY)

    def head(self) -> Commit | None:
        return self._store.head()

    def commits(self, since: int = 0) -> Iterator[Commit]:
        return self._store.commits(since)

    def commit(self, number: int) -> Commit:
        return self._store.commit(number)

    def claims(self, since: int = 0, until: int | None = None) -> Iterator[LogEntry]:
        return self._store.claims(since, until)

    def history(self, ids: Collection[str], scope: Scope) -> list[LogEntry]:
        return self._store.history(ids, scope)

    def stewards(self, scope: Scope) -> list[str]:
        return self._store.stewards(scope)

    def open_loads(self) -> list[Commit]:
        return self._store.open_loads()

    def load_stewards(self, load_id: str) -> frozenset[str]:
        return self._store.load_stewards(load_id)

    def last_commit(self, scope: Scope) -> Commit | None:
        return self._store.last_commit(scope)

    def visible_commits(self, scope: Scope) -> list[Commit]:
        return self._store.visible_commits(scope)

    def stubs(self, since: int, until: int) -> int:
        return self._store.stubs(since, until)

    def projection(self) -> Iterator[tuple[str, ...]]:
        return self._store.projection()

    def close(self) -> None:
        self._store.close()
