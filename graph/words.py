"""What the claims of one batch say by themselves, before it is known what stands.

Of ids that are new, as most are in a large load, this is all there is to plan. It needs no store, so that it can be made while the
commit before is written.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graph.claims import Claim, Edge, class_of, edges_of, labels_of
from graph.standing import Standing

Owner = tuple[str, str]
"""(id, steward): who says what under which id."""

_SAME_AS, _LABEL = b'"SAME_AS ', b'"is '


class Told(NamedTuple):
    """A claim with its place in the batch, its `body()` and its `said()`."""

    place: int
    claim: Claim
    body: bytes
    said: bytes


class Word(NamedTuple):
    """What one steward says under one id, with the relations and identifier texts of it."""

    standing: Standing
    edges: list[Edge]
    labels: list[str]


class Words:
    """The claims of a batch, each once, and each owner's word as these alone make it.

    `load_time` is the rank of undated claims. `changed` and `conflicts` are the places of claims that change another of the same
    batch, and of those that a person should look at. What is `replayed` comes from a log and is taken as it is."""

    def __init__(self, claims: Sequence[Claim], load_time: int, replayed: bool = False) -> None:
        self.load_time = load_time
        self.told: list[Told] = []
        self.changed: set[int] = set()
        self.conflicts: set[int] = set()
        merged: dict[Owner, Standing] = {}
        met: set[tuple[str, bytes]] = set()
        for place, claim in enumerate(claims):
            key = (claim.record, claim.said())
            if replayed or key not in met:
                met.add(key)
                told = Told(place, claim, claim.body(), key[1])
                self.told.append(told)
                self._merge(merged, told)
        self.of: Mapping[Owner, Word] = {owner: _word(owner, standing) for owner, standing in merged.items()}

    def rank(self, claim: Claim) -> int:
        """The rank of a claim's values."""
        return self.load_time if claim.recorded_at is None else claim.recorded_at

    def _merge(self, merged: dict[Owner, Standing], told: Told) -> None:
        claim, owner = told.claim, (told.claim.record, told.claim.steward)
        standing = merged.get(owner)
        if standing is None:
            merged[owner] = standing = Standing(dict(claim.fields), self.rank(claim))
            standing.know(claim.text())
            changed = conflict = False
        else:
            changed, conflict = standing.merge(claim.fields, self.rank(claim))
        if changed:
            self.changed.add(told.place)
        if conflict or joins_two_classes(told):
            self.conflicts.add(told.place)


def _word(owner: Owner, standing: Standing) -> Word:
    record, steward = owner
    standing.share(steward, record)
    labels = list(labels_of(standing.fields)) if _LABEL in standing.text() else []
    return Word(standing, edges_of(record, steward, standing.fields), labels)


def joins_two_classes(told: Told) -> bool:
    """Whether a claim says that its record is the same as one of another class."""
    if _SAME_AS not in told.body:
        return False
    joined = (path[8:] for path in told.claim.fields if path.startswith("SAME_AS "))
    return any(class_of(record) != class_of(told.claim.record) for record in joined)
