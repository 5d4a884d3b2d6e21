"""The View: the graph as one viewer may see it at one commit. Queries get a View and nothing else.

Rights are enforced here and nowhere else: a viewer is an organisation that sees the claims it is steward of, whole,
and nothing of anybody else; no viewer (None) sees all. `as_of` changes what was known, never who may see it.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graph import naming, times, walk
from graph.claims import Edge
from graph.errors import AmbiguousIdentifier, InvalidInstant, OutOfScope, UnknownCommit, UnknownIdentifier
from graph.joins import groups
from graph.model import CLASSES
from graph.record import SINGLE, Parties, Record, assemble
from graph.store import Around, Commit, Deadline, Direction, LogEntry, Reached, Scope, State, Store, Told

if TYPE_CHECKING:
    from graph.frames import Frames
    from graph.snapshot import Snapshot

RECORD_LIMIT = 200_000
NOTHING = Told()
_ID = re.compile(r"(" + "|".join(CLASSES) + r")-[0-9a-f]{32}\Z")


@dataclass(frozen=True)
class Entry:
    """One claim of a record's history, with the commit that brought it."""

    claim: LogEntry
    commit: Commit

    @property
    def source(self) -> str:
        """The path of the file that the claim came from."""
        return self.commit.sources[self.claim.claim.evidence.source]


class View:
    """What one viewer may see at one commit; made by `view`. Reads share one deadline."""

    def __init__(
        self, store: Store, viewer: str | None, commit: Commit | None, deadline: Deadline, later: Collection[Commit] = ()
    ) -> None:
        self.viewer = viewer
        self.commit = commit
        self._later_loads = frozenset(each.load_id for each in later)
        stewards = None if viewer is None else frozenset((viewer,))
        self._store = store
        self._scope = Scope(commit.number if commit else 0, stewards, deadline)
        self._commits: dict[int, Commit] = {}
        self._part: Snapshot | None = None

    def within(self, part: "Snapshot") -> "View":
        """This View for questions about a part of the graph, a snapshot of which at the same commit is given.

        Its `frames` raise; `scoped_frames` are those of the part. Single records are read as ever. Its deadline begins anew.
        Raises `ValueError` for a snapshot of another commit."""
        if part.commit != self.commit:
            raise ValueError("a part of the graph at one commit tells nothing of another")
        found = View(self._store, self.viewer, self.commit, self.deadline.anew())
        found._later_loads, found._part = self._later_loads, part
        return found

    def afresh(self) -> "View":
        """This View with a deadline that begins anew: for the next part of what is as long as the graph is large."""
        found = View(self._store, self.viewer, self.commit, self.deadline.anew())
        found._later_loads, found._part = self._later_loads, self._part
        found._scope = replace(self._scope, deadline=found.deadline)
        return found

    def without(self, steward: str) -> "View":
        """This View of all, but for the word of one steward: a rule must not take its own conclusions for facts."""
        found = View(self._store, self.viewer, self.commit, self.deadline)
        found._later_loads = self._later_loads
        found._scope = Scope(self._scope.commit, frozenset(self.stewards) - {steward}, self.deadline)
        return found

    @property
    def deadline(self) -> Deadline:
        """When reads through this View stop."""
        return self._scope.deadline

    # -- the commit it is made as of

    @cached_property
    def _visible(self) -> Commit | None:
        """The newest commit with a claim this viewer may see."""
        return self.commit if self.viewer is None else self._store.last_commit(self._scope)

    @property
    def as_of(self) -> dict[str, Any]:
        """`{commit, hash, time}`; for a restricted viewer `{token}`, an opaque name of the last commit it may see."""
        commit = self._visible
        if self.viewer is not None:
            return {"token": token(self.viewer, commit)}
        return {
            "commit": commit.number if commit else 0,
            "hash": commit.hash if commit else "",
            "time": times.iso(commit.time) if commit else None,
        }

    @cached_property
    def load_in_progress(self) -> bool:
        """Whether a load whose claims this viewer may see had begun at this commit, and had more to come or is not closed."""
        if self._later_loads and any(commit.load_id in self._later_loads for commit in self.commits()):
            return True
        return any(
            self.viewer is None or self.viewer in self._store.load_stewards(load.load_id)
            for load in self._store.open_loads()
            if load.number <= self._scope.commit
        )

    def commits(self) -> list[Commit]:
        """The commits this viewer may see, up to this one, in order."""
        return self._store.visible_commits(self._scope)

    # -- identifiers

    def find(self, text: str) -> list[str]:
        """Ids (ascending) of the records that `text` names: an id, a key, a label, or a local number of any known steward.

        Raises `InvalidIdentifier` where no record could have such an identifier."""
        if _ID.match(text):
            ids: set[str] = set(self._store.known([text], self._scope))
        else:
            keys, labels = naming.candidates(text, self.stewards)
            ids = set(self._store.known(keys, self._scope))
            if labels:
                ids.update(record for found in self._store.find(labels, self._scope).values() for record in found)
        return sorted({min(group) for group in self.joined(ids).values()})

    def resolve(self, text: str) -> str:
        """The one record that `text` names, as the smallest id of its group.

        Raises `UnknownIdentifier`, or `AmbiguousIdentifier` for a label of several."""
        found = self.find(text)
        if not found:
            raise UnknownIdentifier(text)
        if len(found) > 1:
            raise AmbiguousIdentifier(text, found)
        return found[0]

    @cached_property
    def stewards(self) -> list[str]:
        """Stewards whose claims this viewer may see, ascending."""
        return self._store.stewards(self._scope)

    def joined(self, ids: Collection[str]) -> dict[str, frozenset[str]]:
        """For each of `ids`, and each id joined with it, all ids of its record."""
        members, joins = walk.with_joined(self._store, ids, self._scope)
        found = groups((edge.source, edge.target) for edge in joins)
        for record in members:
            found.setdefault(record, frozenset((record,)))
        return found

    # -- what stands

    def reach(self, ids: Collection[str], direction: Direction, depth: int | None = None, limit: int = RECORD_LIMIT) -> Reached:
        """The genealogy of `ids`, up or down; see `graph.walk.reach`."""
        if depth is None:
            return self._store.reach(ids, direction, self._scope, limit)
        return walk.reach(self._store, ids, direction, self._scope, limit, depth)

    def neighbours(self, ids: Collection[str], direction: Direction, types: Collection[str]) -> list[Edge]:
        """Relations of `types` one step from `ids`: into them (`up`) or out of them (`down`)."""
        return self._store.neighbours(ids, direction, types, self._scope) if ids else []

    def around(self, ids: Collection[str], period: tuple[int, int] | None = None) -> Around:
        """What acted on objects and containers, and what else took part; see `Store.around`."""
        return self._store.around(ids, self._scope, period)

    def emptied(self, ids: Collection[str]) -> Around:
        """What acted on containers and named nothing that was inside; see `Store.emptied`."""
        return self._store.emptied(ids, self._scope)

    def fetch(self, ids: Collection[str], told: Told = NOTHING) -> tuple[dict[str, frozenset[str]], dict[str, Record]]:
        """`(joins, records)` of any ids: what `joined` and `records` give, with fewer reads where little is joined.

        What came `told` with another answer is not read again."""
        ids = set(ids)
        states = self._states(ids, told)
        unclaimed = ids.difference([state.record for state in states])
        asked = unclaimed.union(state.record for state in states if state.joined)
        joins = {record: frozenset((record,)) for record in ids}
        if not asked:
            return joins, self._assembled(joins, states, ())
        joins.update(self.joined(asked))
        return joins, self.records(joins, Told(ids, states))

    def records(self, joins: Mapping[str, frozenset[str]], told: Told = NOTHING) -> dict[str, Record]:
        """The records whose ids are the keys of `joins` (as `joined` gives them), by smallest id; see `fetch` for `told`."""
        states = self._states(joins, told)
        return self._assembled(joins, states, joins.keys() - {state.record for state in states})

    def words(self, ids: Collection[str]) -> list[State]:
        """What each steward says under each of `ids`, with its dates of recording; what is retracted, too."""
        return self._store.get(ids, self._scope) if ids else []

    def keys(self, ids: Collection[str]) -> dict[str, str | None]:
        """The texts of the keys of those of `ids` that are known; None for one that no key names."""
        return self._store.known(ids, self._scope) if ids else {}

    def _states(self, ids: Collection[str], told: Told) -> list[State]:
        others = [record for record in ids if record not in told.ids]
        states = self._store.get(others, self._scope) if others else []
        return [*states, *(state for state in told.states if state.record in ids)] if told.ids else states

    def _assembled(self, joins: Mapping[str, frozenset[str]], states: list[State], unclaimed: Collection[str]) -> dict[str, Record]:
        records = assemble(joins, states, self._store.known(unclaimed, self._scope) if unclaimed else {}, self.deadline)
        told_by_many = [record for record in records.values() if len(record.words) > 1]
        if told_by_many:
            ends = {word[path] for record in told_by_many for word in record.words.values() for path in SINGLE if path in word}
            parties = self._parties(ends)
            for record in told_by_many:
                record.parties = parties
        return records

    def record(self, text: str) -> Record:
        """The one record that `text` names. Raises as `resolve` does."""
        root = self.resolve(text)
        return self.records(self.joined([root]))[root]

    def history(self, ids: Collection[str]) -> list[Entry]:
        """Every claim ever made under `ids` that this viewer may see, in the order they were logged."""
        entries = self._store.history(ids, self._scope)
        missing = sorted({entry.commit for entry in entries} - self._commits.keys())
        for number in missing:
            self._commits[number] = self._store.commit(number)
        return [Entry(entry, self._commits[entry.commit]) for entry in entries]

    @property
    def frames(self) -> "Frames":
        """All that this viewer may see at this commit, as columns. Raises `OutOfScope` in a View of a part of the graph."""
        if self._part is not None:
            raise OutOfScope
        return self.scoped_frames

    @cached_property
    def scoped_frames(self) -> "Frames":
        """The same; in a View of a part of the graph what is known of that part."""
        # polars is imported where it is needed: it takes longer than most questions about one product
        from graph import snapshot
        from graph.frames import Frames
        from graph.snapshot_store import SnapshotStore

        held = self._store.snapshot if isinstance(self._store, SnapshotStore) else None
        taken = self._part or snapshot.take(self._store, self.commit, held)
        # frames of a large graph take longer to make than a question about one product may
        told = (
            lambda ids: self.afresh()._of(ids),
            lambda ends: self.afresh()._parties(ends),
            lambda ids: self.afresh()._statements(ids),
        )
        return Frames(taken, self._scope.stewards, *told)

    def _statements(self, ids: Collection[str]) -> list[tuple[str, str, Mapping[str, Any], int]]:
        """`(id, steward, fields, rank)` of every claim ever made under ids: the rank is when it was recorded."""
        told = ((entry.claim.claim, entry.commit) for entry in self.history(ids))
        return [
            (claim.record, claim.steward, claim.fields, commit.load_time if claim.recorded_at is None else claim.recorded_at)
            for claim, commit in told
        ]

    def _of(self, ids: Collection[str]) -> dict[str, Record]:
        """The records that ids belong to."""
        return self.records(self.joined(ids))

    # -- who answers for what

    def _parties(self, ends: set[str]) -> Parties:
        """Which stewards speak for each organisation in `ends` (itself, or what it is `PART_OF`), and which ends are one."""
        above, frontier = set(ends), set(ends)
        upward: dict[str, set[str]] = defaultdict(set)
        same: list[tuple[str, str]] = []
        while frontier:
            met = self.neighbours(frontier, "down", ("PART_OF", "SAME_AS"))
            for edge in met:
                upward[edge.source].add(edge.target)
                if edge.type == "SAME_AS":
                    upward[edge.target].add(edge.source)
                    same.append((edge.source, edge.target))
            frontier = {end for edge in met for end in (edge.source, edge.target)} - above
            above |= frontier
        stewards = {naming.steward_id(name): name for name in self.stewards}
        speakers = {}
        for end in ends:
            seen, todo = {end}, [end]
            while todo:
                news = upward[todo.pop()] - seen
                todo += news
                seen |= news
            speakers[end] = frozenset(stewards[organization] for organization in seen if organization in stewards)
        return Parties(speakers, {record: min(group) for record, group in groups(same).items()})


def token(viewer: str, commit: Commit | None) -> str:
    """A name for a commit that one viewer can hand back, and nobody can tell a number or another viewer's name from."""
    told = f"{viewer}\x1f{commit.hash if commit else ''}".encode()
    return hashlib.sha256(b"veintrace as-of token\x1f" + told).hexdigest()[:32]


def view(store: Store, viewer: str | None = None, as_of: str | int | None = None, deadline: Deadline | None = None) -> View:
    """The graph as `viewer` (a steward's identifier; None sees all) may see it, now or `as_of` a commit.

    `as_of` is a commit number (all-seeing only), a token of an answer (restricted only), or an instant with offset: then
    the last commit before it. Raises `UnknownCommit`."""
    head = store.head()
    steward = None if viewer is None else naming.steward(viewer)
    time_left = deadline or Deadline()
    if as_of is None:
        return View(store, steward, head, time_left)
    text = str(as_of).strip()
    scope = Scope(head.number if head else 0, None if steward is None else frozenset((steward,)), time_left)
    seen = store.visible_commits(scope)
    if steward is None and re.fullmatch(r"[0-9]{1,18}", text):
        chosen = [commit for commit in seen if commit.number == int(text)]
    elif steward is not None and re.fullmatch(r"[0-9a-f]{32}", text):
        chosen = [commit for commit in seen if token(steward, commit) == text]
    else:
        chosen = _before(seen, text)
    if not chosen:
        raise UnknownCommit(text)
    return View(store, steward, chosen[-1], time_left, seen[seen.index(chosen[-1]) + 1 :])


def _before(commits: list[Commit], text: str) -> list[Commit]:
    try:
        last = times.span(times.canonical(text))[1]
    except InvalidInstant:
        raise UnknownCommit(text) from None
    return [commit for commit in commits if commit.time <= last]
