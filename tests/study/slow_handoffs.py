"""Does the handoff table find what was planted? Hours lost in a network against the same one with nothing planted.

*Lost* by a giver and taker: their `hours` in the table of the planted network less those in the table of the same seed with
every planted delay set to 0. Every draw of the generator is named, so what is left is what was planted and what followed from it.

*Noise*: what is planted moves all that comes after to other times of the week, where it meets other closed doors; so other pairs
gain some hours and lose others. Handoffs are matched by their ids; were only chance at work, the sum of the differences d of a
pair's handoffs would have mean 0 and standard deviation sqrt(sum d^2) (they are independent: one a journey). A pair *rises*
where it loses more than `SIGMAS` of them. This needs no pair to be compared with, holds for small and large ones alike, and is 0
where nothing changed. A handoff that is in one network alone (its material was spoiled) counts with all its hours. A pair's
place in the table is told but decides nothing: a pair whose hours are the same to the second goes up by one when another falls.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from loaders.generator import DECOYS, PLANTED
from queries.handoffs import HOUR, Waits, handoffs
from tests.study.networks import Loaded

UNPLANTED = tuple(f"{rule}=0" for rule in PLANTED)
SIGMAS = 3
Pair = tuple[str, str]
ENDS = ["giver", "taker"]
LONG, BUSY = DECOYS["long, on nobody's way"], DECOYS["merely busy"]


@dataclass(frozen=True)
class Seen:
    """What the product says of a network: its handoff `table`, and the handoffs one by one (`each`: `event, giver, taker, wait_h`).

    Departments by their codes, handoffs by their ids; so that two networks can be compared."""

    table: pl.DataFrame
    each: pl.DataFrame


def seen(network: Loaded) -> Seen:
    """The handoff table of a network."""
    waits = handoffs(network.view)
    table = waits.table().with_row_index("place", offset=1)
    each = waits.each.select("event", *ENDS, wait_h=pl.col("wait_s") / HOUR)
    ids = waits.frames.ids(each["event"].to_numpy())
    return Seen(_coded(waits, table), _coded(waits, each.with_columns(event=ids)))


def _coded(waits: Waits, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with departments by their codes."""
    numbers = pl.concat([rows[end] for end in ENDS]).drop_nulls().unique()
    codes = waits.frames.keys(numbers.to_numpy()).str.strip_prefix("org:")
    return rows.with_columns(pl.col(end).replace_strict(numbers, codes, default=None) for end in ENDS)


def compared(planted: Seen, unplanted: Seen) -> pl.DataFrame:
    """One row for each giver and taker, most hours lost first: `rank, giver, taker, count, hours, hours_before, lost, noise, place,
    place_before` (places in the table, which is by hours; 1 is most), `wait_p50_s, count_before`."""
    columns = [*ENDS, "count", "hours", "place", "wait_p50_s"]
    before = unplanted.table.select(*ENDS, pl.col("count", "hours", "place").name.suffix("_before"))
    rows = planted.table.select(columns).join(before, on=ENDS, how="full", coalesce=True, nulls_equal=True)
    known = pl.col("count", "hours", "count_before", "hours_before").fill_null(0)
    rows = rows.with_columns(known).join(_noise(planted, unplanted), on=ENDS, how="left", nulls_equal=True)
    rows = rows.with_columns(lost=pl.col("hours") - pl.col("hours_before"))
    return rows.sort("lost", *ENDS, descending=[True, False, False]).with_row_index("rank", offset=1)


def _noise(planted: Seen, unplanted: Seen) -> pl.DataFrame:
    """`giver, taker, noise`: hours that a pair may lose by chance."""
    both = planted.each.join(unplanted.each, on=["event", *ENDS], how="full", coalesce=True, nulls_equal=True, suffix="_before")
    apart = pl.col("wait_h").fill_null(0) - pl.col("wait_h_before").fill_null(0)
    return both.group_by(ENDS).agg(noise=SIGMAS * apart.pow(2).sum().sqrt())


def problems(rows: pl.DataFrame) -> Iterator[str]:
    """What is not as planted, in the rows of `compared`."""
    told = {(row["giver"], row["taker"]): row for row in rows.to_dicts()}
    first = [(row["giver"], row["taker"]) for row in rows.head(len(PLANTED)).to_dicts()]
    if set(first) != set(PLANTED.values()):
        yield f"most hours are lost at {', '.join(map(_way, first))}, not where it was planted"
    for pair in PLANTED.values():
        if told[pair]["lost"] <= told[pair]["noise"]:
            yield f"planted, and lost in the noise: {_way(pair)}"
    for pair in (*LONG, *BUSY):
        if told[pair]["lost"] > told[pair]["noise"]:
            yield f"a decoy rises by {told[pair]['lost']:.1f} h, which is more than noise ({told[pair]['noise']:.1f}): {_way(pair)}"
    yield from _not_decoys(told)


def _not_decoys(told: dict[Pair, dict[str, float]]) -> Iterator[str]:
    """A decoy must deceive: one waits longest of all and costs most hours, the other moves more than any other intake."""
    longest = max(told, key=lambda pair: told[pair]["wait_p50_s"] or 0)
    costliest = min(told, key=lambda pair: told[pair]["place"] or len(told))
    if longest not in LONG or costliest not in LONG:
        yield f"the long decoy is neither longest nor costliest: {_way(longest)}, {_way(costliest)}"
    intakes = [pair for pair in told if pair[0].endswith("-intake") and pair[1].endswith("-cleanroom")]
    if max(intakes, key=lambda pair: told[pair]["count"]) not in BUSY:
        yield "the busy decoy is not the busiest intake"


def _way(pair: Pair) -> str:
    return f"{pair[0]} -> {pair[1]}"


def delays(network: Loaded) -> dict[Pair, float]:
    """By giver and taker, the hours that the truth says were planted on what they handed over."""
    found: dict[Pair, float] = dict.fromkeys(PLANTED.values(), 0.0)
    for each in network.truth("handoffs"):
        if each["cause"] in PLANTED:
            found[each["giver"], each["taker"]] += each["delay_h"]
    return found
