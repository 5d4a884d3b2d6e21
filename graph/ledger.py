"""From a batch of claims to what changes in a store: verdicts, standings, relations, joins, digest, commit.

Both stores call `plan` inside their write transaction and write down what it returns; no store computes any of this.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol, TypeVar

from graph import times
from graph.claims import RETRACTED, Claim, Edge, Fields, chain_hash, edges_of, labels_of
from graph.joins import groups
from graph.standing import MODULUS, Standing, contribution
from graph.store import Applied, Batch, Commit, Verdict
from graph.words import Owner, Told, Words, joins_two_classes

_T = TypeVar("_T")
Label = tuple[str, str, str]
"""(identifier text, id, steward)."""


class Reader(Protocol):
    """What `plan` must know of a store's head, asked for whole sets at a time."""

    def head(self) -> Commit | None:
        """The newest commit."""

    def logged(self, claims: Collection[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        """Those (id, claim hash) that are in the log."""

    def standings(self, ids: Collection[str]) -> dict[Owner, Standing]:
        """What stands now under `ids`, of every steward."""

    def joins(self, ids: Collection[str]) -> list[Edge]:
        """Every standing `SAME_AS` in the joined records that `ids` belong to, as stated."""

    def carriers(self, texts: Collection[str]) -> list[Label]:
        """Who now gives these identifier texts to which ids."""


@dataclass
class Plan:
    """All that one commit writes. Closed rows end at the commit, opened ones begin with it.

    `before` is what stood under the ids that are spoken of, of every steward."""

    applied: Applied
    claims: list[tuple[Claim, bytes, bytes]]
    names: dict[str, str | None]
    before: Mapping[Owner, Standing]
    closed: list[Owner]
    opened: list[tuple[str, str, Standing]]
    edges_closed: list[Edge]
    edges_opened: list[Edge]
    labels_closed: list[Label]
    labels_opened: list[Label]

    @property
    def joined(self) -> set[str]:
        """The ids that it joins with others."""
        return {end for edge in self.edges_opened if edge.type == "SAME_AS" for end in (edge.source, edge.target)}


def plan(batch: Batch, reader: Reader) -> Plan:
    """What landing `batch` on the reader's head means. Claims already logged are `unchanged` and not written again."""
    head, words = reader.head(), batch.words or Words(batch.claims, batch.load_time, bool(batch.replay))
    before = reader.standings({told.claim.record for told in words.told})
    fresh = _fresh(words, before, reader, bool(batch.replay))
    after = {owner: word.standing for owner, word in words.of.items() if owner not in before}
    said: dict[Owner, list[str]] = {owner: [] for owner in before}
    changed, conflicts, replaced = _merged(words, fresh, before, after, said)
    conflicts |= _reused_event_ids(fresh, reader)
    verdicts: list[Verdict] = ["unchanged"] * len(batch.claims)
    for index, *_ in fresh:
        verdicts[index] = "conflict" if index in conflicts else "changed" if index in changed else "added"
    names = dict(chain.from_iterable([told.claim.names.items() for told in fresh]))
    result = Plan(Applied(None, verdicts), [told[1:] for told in fresh], names, before, [], [], [], [], [], [])
    _differences(result, words, after, said, replaced)
    if not fresh and not (batch.opened and batch.closes) and batch.replay is None:
        return result
    digest = (int(head.digest, 16) if head else 0) + _digest_change(result, before, after, reader)
    result.applied = Applied(_commit(batch, head, result.claims, digest % MODULUS), verdicts)
    return result


def _fresh(words: Words, before: Mapping[Owner, Standing], reader: Reader, replayed: bool) -> list[Told]:
    """The claims not said before.

    A field once said never goes, so a claim with one that nothing stands of is not in the log. What is replayed comes from a
    log, which holds nothing twice."""
    if replayed or not before:
        return words.told
    asked: set[tuple[str, bytes]] = set()
    for _, claim, _, digest in words.told:
        old = before.get((claim.record, claim.steward))
        if old is not None and claim.fields.keys() <= old.fields.keys():
            asked.add((claim.record, digest))
    logged = reader.logged(asked) if asked else asked
    return [told for told in words.told if (told.claim.record, told.said) not in logged] if logged else words.told


def _merged(
    words: Words,
    fresh: Collection[Told],
    before: Mapping[Owner, Standing],
    after: dict[Owner, Standing],
    said: Mapping[Owner, list[str]],
) -> tuple[set[int], set[int], set[Owner]]:
    """Take the claims of those who spoke `before` into what stands `after` them, and note the paths `said`.

    Returns which claims change a standing value, which a person should look at, and of whom a value became another. Of all others
    the batch itself tells."""
    changed, conflicts = set(words.changed), set(words.conflicts)
    replaced: set[Owner] = set()
    for told in fresh if before else ():
        claim = told.claim
        owner = (claim.record, claim.steward)
        old = before.get(owner)
        if old is None:
            continue
        standing = after.get(owner)
        if standing is None:
            standing = after[owner] = old.copy()
        changes, conflict = standing.merge(claim.fields, words.rank(claim))
        said[owner] += claim.fields
        changed.discard(told.place)
        conflicts.discard(told.place)
        if changes:
            replaced.add(owner)
            changed.add(told.place)
        if conflict or joins_two_classes(told):
            conflicts.add(told.place)
    return changed, conflicts, replaced


def _reused_event_ids(fresh: Collection[Told], reader: Reader) -> set[int]:
    """Claims whose eventID the same steward gives to another event: one eventID with two contents."""
    told = [(index, claim, f"event_id:{claim.evidence.event_id}") for index, claim, *_ in fresh if claim.evidence.event_id]
    if not told:
        return set()
    carriers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for text, record, steward in reader.carriers({text for _, _, text in told}):
        carriers[text, steward].add(record)
    reused = set()
    for index, claim, text in told:
        ids = carriers[text, claim.steward]
        if ids - {claim.record}:
            reused.add(index)
        ids.add(claim.record)
    return reused


def _differences(
    result: Plan,
    words: Words,
    after: Mapping[Owner, Standing],
    said: Mapping[Owner, list[str]],
    replaced: Collection[Owner],
) -> None:
    """Fill in which rows close and open between what stood and what stands: `said` are the paths that were spoken of.

    Of those `replaced` a value became another."""
    for owner, standing in after.items():
        record, steward = owner
        old = result.before.get(owner)
        if old is None:
            _, edges, labels = words.of[owner]
            result.opened.append((record, steward, standing))
            result.edges_opened += edges
            result.labels_opened += [(text, record, steward) for text in labels]
            continue
        if old.equals(standing):
            continue
        result.closed.append(owner)
        result.opened.append((record, steward, standing))
        about = None if owner in replaced else _only_added(old.fields, said[owner])
        edges = edges_of(record, steward, standing.fields, about)
        told = [(text, record, steward) for text in labels_of(standing.fields, about)]
        if about is not None:
            result.edges_opened += edges
            result.labels_opened += told
            continue
        old_edges = edges_of(record, steward, old.fields)
        old_told = [(text, record, steward) for text in labels_of(old.fields)]
        result.edges_closed += _without(old_edges, edges)
        result.edges_opened += _without(edges, old_edges)
        result.labels_closed += _without(old_told, told)
        result.labels_opened += _without(told, old_told)


def _only_added(old: Fields, said: list[str]) -> list[str] | None:
    """The paths that are new, where no more than these is to be looked at: none takes back or qualifies what stood before."""
    added = [path for path in dict.fromkeys(said) if path not in old]
    if RETRACTED in added or RETRACTED in old:
        return None
    for path in added:
        if path.count(" ") > 1 and "A" <= path[0] <= "Z" and path[: path.rindex(" ")] in old:
            return None
    return added


def _without(some: list[_T], others: list[_T]) -> list[_T]:
    """Those of `some` that are not among `others`, in their order."""
    if not others or not some:
        return some
    known = set(others)
    return [one for one in some if one not in known]


def _digest_change(result: Plan, before: Mapping[Owner, Standing], after: Mapping[Owner, Standing], reader: Reader) -> int:
    """How the graph's digest moves: joined records whose word, or whose joins, changed are taken out and put in anew."""
    touched = {record for record, _, _ in result.opened}
    opened = [edge for edge in result.edges_opened if edge.type == "SAME_AS"]
    closed = [edge for edge in result.edges_closed if edge.type == "SAME_AS"]
    for edge in opened:
        touched |= {edge.source, edge.target}
    standing_joins = reader.joins(touched)
    old_groups = groups([(e.source, e.target) for e in standing_joins])
    joins = [e for e in standing_joins if e not in closed] + opened
    new_groups = groups([(e.source, e.target) for e in joins])
    grouped = old_groups.keys() | new_groups.keys()
    came = [standing.share(steward, record) for record, steward, standing in result.opened if record not in grouped]
    went = [before[owner].share(owner[1], owner[0]) for owner in result.closed if owner[0] not in grouped]
    change = _total(came) - _total(went)
    if grouped:
        old_members = reader.standings(grouped)
        new_members = old_members | {owner: standing for owner, standing in after.items() if owner[0] in grouped}
        change += _groups_digest(new_groups, grouped, new_members) - _groups_digest(old_groups, grouped, old_members)
    return change


def _total(shares: Iterable[bytes]) -> int:
    return sum(int.from_bytes(share, "big") for share in shares)


def _groups_digest(joined: Mapping[str, frozenset[str]], ids: Collection[str], members: Mapping[Owner, Standing]) -> int:
    """Sum of the contributions of the joined records that `ids` fall into under one partition."""
    by_group: dict[frozenset[str], dict[str, dict[str, Standing]]] = defaultdict(lambda: defaultdict(dict))
    for (record, steward), standing in members.items():
        if record in ids:
            by_group[joined.get(record, frozenset((record,)))][steward][record] = standing
    return sum(
        contribution(steward, standings, group)
        for group, by_steward in by_group.items()
        for steward, standings in by_steward.items()
    )


def _commit(batch: Batch, head: Commit | None, claims: list[tuple[Claim, bytes, bytes]], digest: int) -> Commit:
    parts: list[bytes] = []
    for claim, body, _ in claims:
        evidence = claim.evidence
        place = f"{evidence.at}\x1f{evidence.event_id or ''}\x1f{evidence.event_hash or ''}"
        parts += [body, (f"{place}\x1f{evidence.source}" if evidence.source else place).encode()]
    told = batch.replay
    commit = Commit(
        number=told.number if told else (head.number if head else 0) + 1,
        time=told.time if told else max(times.now(), head.time + 1 if head else 0, batch.load_time),
        author=batch.author,
        source=batch.source,
        source_hash=batch.source_hash,
        load_id=batch.load_id,
        load_key=batch.load_key,
        load_time=batch.load_time,
        closes=batch.closes,
        claims=len(claims),
        claims_hash=chain_hash(parts),
        digest=f"{digest:064x}",
        previous=head.hash if head else "",
    )
    return replace(commit, hash=commit.computed_hash())
