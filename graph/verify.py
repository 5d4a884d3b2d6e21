"""Does the graph fit its log? Walks the chain of commits, makes everything again from the claims, and compares."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from graph.errors import TraceError
from graph.replay import with_claims
from graph.sqlite_store import SqliteStore
from graph.store import Batch, Commit, Progress, Store

_MOST_FAULTS = 20


@dataclass
class Verification:
    """What `verify` found. `faults` say what does not fit, the first ones in order of the log, then of the records."""

    commits: int = 0
    claims: int = 0
    digest: str = ""
    faults: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    def add(self, kind: str, what: str, why: str) -> None:
        """Note one fault: `kind` is `commit`, `claim` or `record`, `what` names it."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append({"kind": kind, "at": what, "reason": why})


def verify(store: Store, progress: Progress | None = None) -> Verification:
    """Check the hash chain, each commit's claims, the digest after each commit, and every row of what stands or stood.

    The graph is made again beside the original in a temporary SQLite file, so it costs a load's time and space."""
    found = Verification()
    with tempfile.TemporaryDirectory(prefix="veintrace-verify-") as folder:
        again = SqliteStore(Path(folder) / "again.db", create=True, scratch=True)
        try:
            _replay(store, again, found, progress)
            if found.ok:
                _compare(store.projection(), again.projection(), found)
        finally:
            again.close()
    return found


def _replay(store: Store, again: Store, found: Verification, progress: Progress | None) -> None:
    """Make every commit again; stops at the first that does not fit, for nothing after it can be trusted."""
    total = sum(commit.claims for commit in store.commits())
    previous: Commit | None = None
    try:
        for commit, claims in with_claims(store):
            fault = _chain_fault(commit, previous)
            if fault is None:
                made = again.apply(Batch.of(commit, claims)).commit
                fault = _content_fault(commit, made)
            if fault is not None:
                found.add(fault[0], f"commit {commit.number}", fault[1])
                return
            previous = commit
            found.commits, found.claims, found.digest = commit.number, found.claims + len(claims), commit.digest
            if progress:
                progress(found.claims, total)
        logged = sum(1 for _ in store.claims(found.commits))
        if logged:
            found.add("claim", f"after commit {found.commits}", f"{logged} claims belong to no commit")
    except (TraceError, ValueError, KeyError, TypeError) as error:
        number = previous.number + 1 if previous else 1
        found.add("claim", f"commit {number}", f"a claim or commit cannot be read: {error}")


def _chain_fault(commit: Commit, previous: Commit | None) -> tuple[str, str] | None:
    if commit.number != (previous.number if previous else 0) + 1:
        return "commit", f"commit {(previous.number if previous else 0) + 1} is missing"
    if commit.hash != commit.computed_hash():
        return "commit", "its hash does not fit its content"
    if commit.previous != (previous.hash if previous else ""):
        return "commit", "it does not follow from the commit before"
    return None


def _content_fault(commit: Commit, made: Commit | None) -> tuple[str, str] | None:
    if made is None or made.claims_hash != commit.claims_hash:
        return "claim", f"its claims are not those it was made from ({made.claims if made else 0} found, {commit.claims} recorded)"
    if made.digest != commit.digest:
        return "commit", "its digest is not that of what its claims say"
    return None


def _compare(stored: Iterator[tuple[str, ...]], made: Iterator[tuple[str, ...]], found: Verification) -> None:
    """Row by row: what stands must be what the log makes stand."""
    for row, right in zip_longest(stored, made):
        if row != right:
            named = row if right is None or (row is not None and _place(row) < _place(right)) else right
            why = "it stands, but no claim says so" if named is row and row is not None else "its claims say otherwise"
            found.add("record", " ".join(named[:5]) if named else "", why)
            return


def _place(row: tuple[str, ...]) -> tuple[int, str]:
    """Where a row of a projection comes, as far as its kind and id tell."""
    return ("state", "edge", "label").index(row[0]), row[1]
