"""Carrying out the pairing rule: its word is claims of its own steward, which are taken back when they fit no more."""

import getpass
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.render import SCHEMA_VERSION
from graph import snapshot
from graph.claims import Claim, Evidence, chain_hash
from graph.snapshot_store import SnapshotStore
from graph.store import Batch, Commit, Deadline, Scope, Store
from graph.view import view
from loaders.pipeline import close_load, new_load, open_loads
from queries import pairing as rule

if TYPE_CHECKING:
    from graph.snapshot import Snapshot

PATIENCE = 3_600.0
"""Seconds that the rule may take for a whole network."""
_SHOWN = 100
_BATCH = 10_000
_LOAD_KEY = chain_hash([rule.NAME.encode()])[:32]
"""What all loads of the rule's word have in common: so one that was killed is known."""
Same = tuple[str, str]
"""Two ids of which the rule says that they are one record; it says so of the first."""


def pair(store: Store, cache: Path, *, undo: bool = False, dry_run: bool = False, author: str = "") -> dict[str, Any]:
    """Join the handoffs that the rule finds, and take back what it said before and says no more (`undo`: all).

    Returns the JSON answer: how many are joined now, how many joins are new and were taken back, how many handoffs are left that
    one side tells alone. Where an earlier call was killed, what is missing is said now, and then its load is closed: until then the
    graph tells that a load is in progress."""
    taken = snapshot.current(store, cache)
    # of the snapshot's commit, whatever is loaded meanwhile
    as_of = taken.commit.number if taken.commit else None
    seen = view(SnapshotStore(store, taken), as_of=as_of, deadline=Deadline(PATIENCE))
    found = rule.pairing(seen.without(rule.NAME))
    runs = [] if undo else found.runs
    wanted = {(run[0], other) for run in runs for other in run[1:]}
    said = _said(taken)
    new, gone = wanted - said, said - wanted
    commits = [] if dry_run else _apply(store, _claims(store, taken, new, gone), author or getpass.getuser())
    return {
        "schema_version": SCHEMA_VERSION,
        "rule": rule.NAME,
        "dry_run": dry_run,
        "joined": len(runs),
        "added": len(new),
        "withdrawn": len(gone),
        "released_only": found.released,
        "accepted_only": found.accepted,
        "commits": [commits[0].number, commits[-1].number] if commits else None,
        "runs": [list(run) for run in runs[:_SHOWN]],
    }


def _said(taken: "Snapshot") -> set[Same]:
    """What the rule says now."""
    if rule.NAME not in taken.stewards:
        return set()
    sid = taken.stewards.index(rule.NAME)
    edges = taken.edges.filter((taken.edges["sid"] == sid) & taken.edges["own"])
    return set(zip(taken.named(edges["src"].to_numpy()), taken.named(edges["dst"].to_numpy()), strict=True))


def _claims(store: Store, taken: "Snapshot", new: Iterable[Same], gone: Iterable[Same]) -> list[Claim]:
    """A claim for each id of which something new is said, or taken back."""
    head, told = taken.commit, dict[str, dict[str, Any]]()
    for said, retracted in ((new, False), (gone, True)):
        for record, other in said:
            told.setdefault(record, {}).update({f"SAME_AS {other}": True, f"SAME_AS {other} retracted": retracted})
    scope = Scope(head.number if head else 0, frozenset((rule.NAME,)), Deadline(PATIENCE))
    before = {state.record: state.standing.fields for state in store.get(told, scope)}
    claims = []
    for record, fields in sorted(told.items()):
        # what was never taken back need not be said to stand
        fields = {path: value for path, value in fields.items() if value or path in before.get(record, {})}
        ids = [record, *(path.split(" ")[1] for path in fields)]
        keys = taken.ids["key"].gather(taken.numbers(ids)).to_list()
        names = dict(zip(sorted(set(ids)), keys, strict=True))
        claims.append(Claim(rule.NAME, record, fields, Evidence("next in time, the same objects"), None, names))
    return claims


def _apply(store: Store, claims: list[Claim], author: str) -> list[Commit]:
    """Land claims as a load of their own, then close those that were killed before; returns the commits made.

    A killed load is not gone on with: what it said may have to be taken back, which needs a later word."""
    load_id, load_time = new_load(store, _LOAD_KEY)
    source_hash = hashlib.sha256((rule.__doc__ or "").encode()).hexdigest()
    made = list[Commit]()
    for first in range(0, len(claims), _BATCH):
        part, closes = claims[first : first + _BATCH], first + _BATCH >= len(claims)
        batch = Batch(part, rule.NAME, source_hash, load_id, _LOAD_KEY, load_time, author, opened=bool(made), closes=closes)
        commit = store.apply(batch).commit
        if commit is not None:
            made.append(commit)
    return made + [close_load(store, load.load_id, author) for load in open_loads(store, _LOAD_KEY)]
