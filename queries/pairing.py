"""The pairing rule: which handoffs that one side tells alone are the two sides of one.

A shared waybill or despatch advice joins the two sides already. Where there is none, a handoff told by who gave and one told by who
took are one where the second is the next that happened to all that the first moved, and only to that; where it came no more than 30
days later; and where nothing that both say of giver, taker and carrier contradicts (a department is of its organisation). The rule
looks at the graph alone, so the order in which files came decides nothing. What does not fit stays a handoff with one side open.

Nor are two sides joined if a third party had something of it in hands on the way: if a step of somebody else began after the first
word of giving and before the last of taking, on what moved or on what held it then. Somebody else is neither giver, taker nor
carrier, nor another department of their organisations (of a handoff within one organisation any other department is). Whoever is
told to be a carrier is the carrier where no side names one. Without a performer it is whose place it was done at, if that is known
to be an organisation's; a step of which neither is told is of nobody, and stops nothing: neither side contradicts it. A step that
discards something stops the pair, whose ever it is. Of a lot that many use, what others do is done to another part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import polars as pl

from graph.frames import Frames
from graph.model import CONTAINER
from graph.view import View
from queries.handoffs import DISCARD, LOTS, acts
from queries.organizations import Organizations
from queries.stays import overlaps

NAME = "rule:next-receipt"
"""Whose word it is that two handoffs are one: a steward beside the organisations."""
LONGEST = 30 * 86_400 * 1_000_000
"""Microseconds from one side's word to the next."""
_STAGES = (("released_at",), ("picked_up_at",), ("delivered_at",), ("accepted_at", "refused_at"))
"""What happens in a handoff, in order."""
_TAKEN = 2
"""The first stage that who takes can tell of."""
_PARTIES = ("from", "to", "carried_by")


@dataclass(frozen=True)
class Pairing:
    """`runs`: ids of handoffs that are one, in order of time. `released`, `accepted`: how many are left that only who gave, or only
    who took, tells of."""

    runs: list[tuple[str, ...]]
    released: int
    accepted: int


def pairing(view: View) -> Pairing:
    """What the rule joins among the handoffs that a View shows; ask it of a View without the rule's own word."""
    frames = view.frames
    told = _handoffs(frames)
    moved = _moved(frames, told)
    links = _links(moved, told)
    sides = _Sides(frames, told, links, _hands(frames, told, moved, links))
    joined = [run for linked in _chains(links) for run in sides.joined(linked)]
    inside = [event for run in joined for event in run]
    left = told.filter(~pl.col("event").is_in(inside))
    ids = iter(frames.ids(inside))
    runs = sorted(tuple(islice(ids, len(run))) for run in joined)
    return Pairing(runs, left.filter(pl.col("last_stage") < _TAKEN).height, left.filter(pl.col("first_stage") >= _TAKEN).height)


def _handoffs(frames: Frames) -> pl.DataFrame:
    """`event`, its parties, the first and last of `_STAGES` that are told of it, and the first and last moment of these."""
    stages = [pl.when(pl.any_horizontal(pl.col(name).is_not_null() for name in names)).then(at) for at, names in enumerate(_STAGES)]
    moments = [f"{name}_first" for names in _STAGES for name in names]
    ends = {"first_stage": pl.min_horizontal(stages), "last_stage": pl.max_horizontal(stages)}
    ends |= {"begun": pl.min_horizontal(moments), "done": pl.max_horizontal(moments)}
    return frames.shown("Handoff").select(*_PARTIES, event="record", **ends).drop_nulls("first_stage")


def _moved(frames: Frames, told: pl.DataFrame) -> pl.DataFrame:
    """`object, event, first`: the materials each handoff moved, themselves or in containers; where it moved none, containers."""
    kinds = frames.of_class("object").select(object="record", kind="kind")
    holders = frames.relations("SUBJECT_OF").filter(pl.col("role") == CONTAINER)["source"].unique()
    moved = acts(frames).join(told.select("event"), on="event").join(kinds, on="object", how="left")
    holds = (pl.col("kind") == "Container").fill_null(False) | pl.col("object").is_in(holders.implode())
    alone = holds.all().over("event")
    return moved.filter(~holds | alone).select("object", "event", "first")


def _links(moved: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """`event, next`: handoffs of which the second is the next of all that the first moved, and of nothing else."""
    moved = moved.sort("object", "first", "event").with_columns(
        size=pl.len().over("event"), tied=pl.len().over("object", "first") > 1
    )
    following = moved.with_columns(
        *(pl.col(name).shift(-1).over("object").alias(f"next_{name}") for name in ("event", "first", "size", "tied"))
    ).drop_nulls("next_event")
    same = (pl.col("size") == pl.col("next_size")) & ~pl.col("tied") & ~pl.col("next_tied")
    soon = pl.col("next_first") - pl.col("first") <= LONGEST
    pairs = following.filter(same & soon).group_by("event", "next_event", "size").len().filter(pl.col("len") == pl.col("size"))
    stage = told.select("event", "first_stage", "last_stage")
    pairs = pairs.join(stage, on="event").join(stage, left_on="next_event", right_on="event", suffix="_next")
    goes_on = pl.col("last_stage") < pl.col("first_stage_next")
    return pairs.filter(goes_on).select("event", next="next_event").sort("event")


def _hands(frames: Frames, told: pl.DataFrame, moved: pl.DataFrame, links: pl.DataFrame) -> dict[int, list[int | None]]:
    """Who began a step on something that was on the way, by the first of two linked handoffs; None for what was discarded."""
    steps = frames.of_class("event").filter(~pl.col("record").is_in(told["event"].implode()))
    place = pl.when(pl.col("at").is_in(frames.shown("Organization")["record"].implode())).then("at")
    lost = pl.col("type").is_in(DISCARD).fill_null(False)
    steps = steps.select(step="record", hand=pl.when(~lost).then(pl.coalesce("performed_by", place)), lost=lost)
    steps = steps.filter(pl.col("hand").is_not_null() | pl.col("lost"))
    lots = frames.of_class("object").filter(pl.col("type").is_in(LOTS))["record"]
    way = links.join(told.select("event", "begun"), on="event").join(told.select(next="event", done="done"), on="next")
    way = way.join(moved.select("event", "object"), on="event").filter(~pl.col("object").is_in(lots.implode()))
    acted = acts(frames).select("object", "first", step="event").join(steps, on="step")
    here, there = overlaps(way["object"], way["begun"], way["done"], acted["object"], acted["first"], acted["first"])
    met = pl.concat([way[here].drop("object"), acted[there]], how="horizontal")
    between = met.filter((pl.col("first") > pl.col("begun")) & (pl.col("first") < pl.col("done")))
    return dict(between.select("event", "hand").unique().group_by("event").agg("hand").iter_rows())


def _chains(links: pl.DataFrame) -> Iterator[list[int]]:
    """Handoffs that follow each other."""
    following = dict(links.iter_rows())
    for event in sorted(following.keys() - following.values()):
        chain = [event]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        yield chain


_CONTRADICTED = -1
_Parties = list[int | None]
"""Giver, taker, carrier."""


class _Sides:
    """What is told of linked handoffs, and which of them are one by it."""

    def __init__(self, frames: Frames, told: pl.DataFrame, links: pl.DataFrame, hands: dict[int, list[int | None]]) -> None:
        self._organizations, self._hands = Organizations(frames), hands
        linked = told.filter(pl.col("event").is_in(pl.concat([links["event"], links["next"]]).implode()))
        rows = linked.select("event", "first_stage", "last_stage", *_PARTIES).iter_rows()
        self._known: dict[int, tuple[int, int, _Parties]] = {event: (first, last, parties) for event, first, last, *parties in rows}

    def joined(self, chain: list[int]) -> Iterator[tuple[int, ...]]:
        """The parts of a chain that are one handoff each, as far as parties agree, from one that gives to one that takes."""
        run, agreed = chain[:1], self._known[chain[0]][2]
        for event in chain[1:]:
            both = self._both(agreed, event)
            if _CONTRADICTED in both:
                yield from self._unbroken(run, agreed)
                run, agreed = [event], self._known[event][2]
            else:
                run, agreed = [*run, event], both
        yield from self._unbroken(run, agreed)

    def _unbroken(self, run: list[int], agreed: _Parties) -> Iterator[tuple[int, ...]]:
        """The parts of a run on the way of which nobody else had anything in hands."""
        for at, event in enumerate(run[:-1], 1):
            if any(self._is_stranger(hand, agreed) for hand in self._hands.get(event, ())):
                for part in (run[:at], run[at:]):
                    yield from self._unbroken(part, self._agreed_in(part))
                return
        if self._is_whole(run, agreed):
            yield tuple(run)

    def _is_whole(self, run: list[int], agreed: _Parties) -> bool:
        """Whether a run has both sides: somebody gave, somebody else took."""
        giver, taker, _ = agreed
        both = self._known[run[0]][0] < _TAKEN <= self._known[run[-1]][1]
        return len(run) > 1 and both and giver is not None and taker is not None and giver != taker

    def _agreed_in(self, run: list[int]) -> _Parties:
        agreed = self._known[run[0]][2]
        for event in run[1:]:
            agreed = self._both(agreed, event)
        return agreed

    def _both(self, agreed: _Parties, event: int) -> _Parties:
        return [self._agreed(one, other) for one, other in zip(agreed, self._known[event][2], strict=True)]

    def _agreed(self, one: int | None, other: int | None) -> int | None:
        """The party that two handoffs name: the more exact of the two; `_CONTRADICTED` where they name two."""
        if one is None or other is None or one == other:
            return other if one is None else one
        if other in self._organizations.line(one):
            return one
        return other if one in self._organizations.line(other) else _CONTRADICTED

    def _is_stranger(self, hand: int | None, agreed: _Parties) -> bool:
        """Whether who acted on the way is none of the parties to a handoff; None is, whose act nothing excuses."""
        parties = [party for party in agreed if party is not None]
        if hand is None or any(self._agreed(hand, party) != _CONTRADICTED for party in parties):
            return hand is None
        whole = self._organizations.whole
        own, owners, (giver, taker, carrier) = whole(hand), [whole(party) for party in parties], agreed
        if carrier is None and self._organizations.type(own) == "carrier":
            return False
        within = giver is not None and taker is not None and whole(giver) == whole(taker)
        return within or own not in owners
