"""Commits together with their claims, as they are read from a log to make them again (copy, verify, rebuild)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from graph.claims import Claim
from graph.store import Commit, LogEntry, Progress, Store


def with_claims(store: Store, since: int = 0, until: int | None = None) -> Iterator[tuple[Commit, list[Claim]]]:
    """Each commit of a store above `since` and up to `until`, with its claims as logged, in order."""
    commits = (commit for commit in store.commits(since) if until is None or commit.number <= until)
    return paired(commits, store.claims(since, until))


def paired(commits: Iterable[Commit], entries: Iterable[LogEntry]) -> Iterator[tuple[Commit, list[Claim]]]:
    """Commits with their claims, both given in order of commit; claims of no commit are left out."""
    logged = groupby(entries, key=lambda entry: entry.commit)
    number, told = next(logged, (None, iter(())))
    for commit in commits:
        claims: list[Claim] = []
        if number == commit.number:
            claims = [entry.claim for entry in told]
            number, told = next(logged, (None, iter(())))
        yield commit, claims


def watched(commits: Sequence[Commit], progress: Progress | None) -> Iterator[Commit]:
    """The same commits; as each is done `progress` is told how many claims are."""
    done, total = 0, sum(commit.claims for commit in commits)
    for commit in commits:
        yield commit
        done += commit.claims
        if progress:
            progress(done, total)
