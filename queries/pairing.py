"""The pairing rule: which handoffs that one side tells alone are the two sides of one.

A shared waybill or despatch advice joins the two sides already. Where there is none, a handoff told by who gave and one told by who
took are one where the second is the next that happened to all that the first moved, and only to that; where it came no more than 30
days later; and where nothing that both say of giver, taker and carrier contradicts (a department is of its organisation). The rule
looks at the graph alone, so the order in which files came decides nothing. What does not fit stays a handoff with one side open.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from graph.frames import Frames
from graph.model import CONTAINER
from graph.view import View
from queries.handoffs import acts

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
    joined = list(_runs(frames, told, _links(_moved(frames, told), told)))
    inside = {event for run in joined for event in run}
    left = told.filter(~pl.col("event").is_in(inside))
    runs = sorted(tuple(frames.ids(list(run)).to_list()) for run in joined)
    return Pairing(runs, left.filter(pl.col("last_stage") < _TAKEN).height, left.filter(pl.col("first_stage") >= _TAKEN).height)


def _handoffs(frames: Frames) -> pl.DataFrame:
    """`event`, its parties, and the first and last of `_STAGES` that are told of it."""
    stages = [pl.when(pl.any_horizontal(pl.col(name).is_not_null() for name in names)).then(at) for at, names in enumerate(_STAGES)]
    ends = {"first_stage": pl.min_horizontal(stages), "last_stage": pl.max_horizontal(stages)}
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


def _runs(frames: Frames, told: pl.DataFrame, links: pl.DataFrame) -> Iterator[tuple[int, ...]]:
    """Handoffs that follow each other, as far as their parties agree, from one that gives to one that takes."""
    following = dict(links.iter_rows())
    linked = told.filter(pl.col("event").is_in({*following, *following.values()}))
    known = {event: (parties, stages) for event, *parties, stages in _rows(linked)}
    above = dict(frames.relations("PART_OF").select("source", "target").iter_rows())
    for start in sorted(following.keys() - following.values()):
        run, agreed = [start], known[start][0]
        while (event := following.get(run[-1])) is not None:
            both = [_agreed(one, other, above) for one, other in zip(agreed, known[event][0], strict=True)]
            if _CONTRADICTED in both:
                if _whole(run, agreed, known):
                    yield tuple(run)
                run, agreed = [event], known[event][0]
            else:
                run, agreed = [*run, event], both
        if _whole(run, agreed, known):
            yield tuple(run)


_CONTRADICTED = -1
_Known = dict[int, tuple[list[int | None], tuple[int, int]]]


def _rows(told: pl.DataFrame) -> Iterator[tuple[int, int | None, int | None, int | None, tuple[int, int]]]:
    for event, *parties, first, last in told.select("event", *_PARTIES, "first_stage", "last_stage").iter_rows():
        giver, taker, carrier = parties
        yield event, giver, taker, carrier, (first, last)


def _whole(run: list[int], agreed: list[int | None], known: _Known) -> bool:
    """Whether a run has both sides: somebody gave, somebody else took."""
    giver, taker, _ = agreed
    both = known[run[0]][1][0] < _TAKEN <= known[run[-1]][1][1]
    return len(run) > 1 and both and giver is not None and taker is not None and giver != taker


def _agreed(one: int | None, other: int | None, above: dict[int, int]) -> int | None:
    """The party that two handoffs name: the more exact of the two; `_CONTRADICTED` where they name two."""
    if one is None or other is None or one == other:
        return other if one is None else one
    if other in _with_above(one, above):
        return one
    return other if one in _with_above(other, above) else _CONTRADICTED


def _with_above(party: int, above: dict[int, int]) -> set[int]:
    """A department and what it is part of."""
    found = {party}
    while (party := above.get(party, party)) not in found:
        found.add(party)
    return found
