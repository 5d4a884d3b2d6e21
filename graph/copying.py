"""Copying a graph: its commits are made again, one by one, in another store; numbers, times, authors and hashes stay."""

from graph.errors import VerificationFailed
from graph.replay import with_claims
from graph.store import Batch, Commit, Progress, Store


def copy(source: Store, target: Store, progress: Progress | None = None) -> Commit | None:
    """Replay the commits of `source` that `target` lacks; returns the target's head, equal to the source's at the start.

    A target that holds a beginning of the same graph (an earlier backup, a copy that was killed) is continued. Raises
    `VerificationFailed` where the target holds something else, or a commit made again differs from the original."""
    head, last = target.head(), source.head()
    if last is None:
        return head
    if head is not None and (head.number > last.number or source.commit(head.number).hash != head.hash):
        raise VerificationFailed(
            f"the target holds another graph (its commit {head.number} is not the source's); copy into an empty one",
            commit=head.number,
        )
    since = head.number if head else 0
    total = sum(commit.claims for commit in source.commits(since) if commit.number <= last.number)
    done = 0
    for commit, claims in with_claims(source, since, last.number):
        head = target.apply(Batch.of(commit, claims)).commit
        if head != commit:
            raise VerificationFailed(
                f"commit {commit.number} of the source does not come out the same from its claims; run verify on it",
                commit=commit.number,
            )
        done += commit.claims
        if progress:
            progress(done, total)
    return head
