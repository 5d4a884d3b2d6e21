"""Where journeys wait and fail: handoffs by giver and taker, legs by department, and the graph of departments.

Definitions are those of DESIGN section 4. A handoff starts when released and ends when accepted; a leg is two events of which
the second is the next on the same material, or the next on what the first made.
"""

from collections.abc import Container, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import networkx as nx
import numpy as np
import polars as pl

from graph.frames import Frames
from graph.part import Part
from graph.view import View
from queries.containment import ALWAYS, EVER, NEVER, Window
from queries.grouped import Grouped
from queries.organizations import Organizations
from queries.stays import all_borne

BY = ("period", "product", "preservation", "carrier")
SECOND = 1_000_000
_NOBODY = 2**32 - 1
_ENDS = ("performed_by", "at", "from", "to", "carried_by")
_ORDER = ("giver", "taker", "wait_s", "event")
HOUR = 3600
COLLECTION = ("collection", "leukapheresis", "apheresis", "donation", "procurement")
INFUSION = ("infusion", "transplantation", "administration", "administering")
DISCARD = ("discard", "destroying")
PACKING = ("packing", "unpacking", "loading", "unloading", "inserting", "removing")
LOTS = ("reagent_lot", "vector_lot", "media_lot", "consumable")
"""What serves many journeys at once: the time between two uses of a lot is nobody's wait."""


@dataclass(frozen=True)
class Filter:
    """Which handoffs or legs count: begun in `period`, of one product (therapy ordered), preservation, or carrier (by number)."""

    period: Window = EVER
    product: str | None = None
    preservation: str | None = None
    carrier: int | None = None


@dataclass(frozen=True)
class Bottlenecks:
    """The graph of departments, weighted by hours lost between giver and taker.

    `betweenness` (`giver, taker, hours, betweenness`): how many of the ways with fewest hours lost between any two departments
    pass there (Brandes 2008, networkx), 0 to 1, most first. `cut`: the handoffs with the fewest hours, together `cut_hours`,
    without which nothing collected would be infused (maximum flow, minimum cut); None where it is not two departments that
    collect and infuse, or no way leads from one to the other."""

    betweenness: pl.DataFrame
    cut: list[tuple[int, int, float]] | None
    cut_hours: float | None


@dataclass
class Waits:
    """Handoffs or legs one by one (`each`), as a viewer sees them, and tables made of them.

    `each`: `giver, taker, start, end, wait_s, open, late, failed, preservation, carrier, product, journey`, of a handoff with
    its number `event`, of a leg with those of its two events, `event` and `next`; in order of giver, taker and wait.
    Departments, carriers and journeys (episodes) are numbers of records in `frames`."""

    frames: Frames
    each: pl.DataFrame

    def table(self, by: Sequence[str] = ()) -> pl.DataFrame:
        """One row for each giver and taker (and each of `by`, some of `BY`; a period is a month, UTC), most hours first.

        `count, open, wait_p50_s, wait_p90_s, wait_p99_s, wait_mean_s` (seconds; percentiles linear, of what has ended),
        `hours` (their sum), `negative` (waits below zero, kept), `late, failed, failed_low, failed_high` (Wilson interval,
        95 %), `journeys`."""
        keys = ["giver", "taker", *by]
        rows = self._told_apart(by)
        groups, waits = Grouped(rows, keys), rows["wait_s"]
        ended, seconds = groups.sums(waits.is_not_null()), groups.sums(waits)
        told = groups.keys.with_columns(
            pl.Series("count", groups.sizes),
            pl.Series("open", groups.sums(rows["open"])),
            *(pl.Series(f"wait_p{share}_s", groups.quantiles(waits, share / 100)) for share in (50, 90, 99)),
            pl.Series("wait_mean_s", seconds / np.where(ended > 0, ended, np.nan)),
            pl.Series("hours", seconds / HOUR),
            pl.Series("negative", groups.sums(waits < 0)),
            pl.Series("late", groups.sums(rows["late"])),
            pl.Series("failed", groups.sums(rows["failed"])),
            pl.Series("journeys", groups.distinct(rows["journey"])),
        ).with_columns(pl.col(pl.Float64).fill_nan(None))
        return told.with_columns(*_wilson("failed", "count")).sort("hours", *keys, descending=[True, *(False for _ in keys)])

    def behind(self, row: Mapping[str, Any], by: Sequence[str] = ()) -> pl.DataFrame:
        """Those that a row of `table(by)` counts, what has not ended first, then the longest wait first."""
        same = [pl.col(key).eq_missing(row[key]) for key in ("giver", "taker", *by)]
        return self._told_apart(by).filter(same).sort("wait_s", "event", descending=[True, False], nulls_last=False)

    def _told_apart(self, by: Sequence[str]) -> pl.DataFrame:
        """`each` with the month where it is asked for, in order of giver, taker, `by` and wait."""
        rows = self.each
        if "period" in by:
            rows = rows.with_columns(pl.from_epoch("start", time_unit="us").dt.strftime("%Y-%m").alias("period"))
        return rows.sort(*_ORDER[:2], *by, *_ORDER[2:], nulls_last=True) if by else rows

    @cached_property
    def bottlenecks(self) -> Bottlenecks:
        """What the graph of departments tells."""
        rows = self.table().drop_nulls(["giver", "taker"]).filter(pl.col("giver") != pl.col("taker"))
        departments: nx.DiGraph[int] = nx.DiGraph()
        for giver, taker, hours in rows.sort("giver", "taker").select("giver", "taker", "hours").iter_rows():
            departments.add_edge(giver, taker, hours=max(hours, 0.0))
        told = nx.edge_betweenness_centrality(departments, weight="hours")
        between = [(giver, taker, departments[giver][taker]["hours"], share) for (giver, taker), share in told.items()]
        schema = {"giver": pl.UInt32, "taker": pl.UInt32, "hours": pl.Float64, "betweenness": pl.Float64}
        frame = pl.DataFrame(between, schema=schema, orient="row")
        cut = _cut(departments, *(self._departments(types, departments) for types in (COLLECTION, INFUSION)))
        hours = None if cut is None else sum(edge[2] for edge in cut)
        return Bottlenecks(frame.sort("betweenness", "hours", "giver", "taker", descending=[True, True, False, False]), cut, hours)

    def _departments(self, types: Sequence[str], among: Container[int]) -> set[int]:
        """Who performed steps of these types; who gives and takes nothing itself by the organisation it is part of that does."""
        steps = self.frames.shown("Step").filter(pl.col("type").is_in(types))
        if self.frames.part:
            steps = steps.filter(pl.col("record").is_in(inside(self.frames, self.frames.part).implode()))
        organizations, found = Organizations(self.frames), set()
        for department in steps["performed_by"].drop_nulls().unique():
            own = (each for each in organizations.line(department) if each in among)
            found.add(next(own, organizations.top(department)))
        return found


def _cut(departments: "nx.DiGraph[int]", sources: Set[int], sinks: Set[int]) -> list[tuple[int, int, float]] | None:
    """The edges of the smallest cut between any source and any sink, ascending."""
    if sources & sinks:
        return None
    network: nx.DiGraph[int | str] = nx.DiGraph()
    network.add_edges_from((giver, taker, {"capacity": told["hours"]}) for giver, taker, told in departments.edges(data=True))
    network.add_edges_from(("source", node) for node in sources)
    network.add_edges_from((node, "sink") for node in sinks)
    if "source" not in network or "sink" not in network or not nx.has_path(network, "source", "sink"):
        return None
    _, (near, far) = nx.minimum_cut(network, "source", "sink")
    edges = departments.edges(data=True)
    return sorted((giver, taker, told["hours"]) for giver, taker, told in edges if giver in near and taker in far)


def _wilson(part: str, whole: str) -> list[pl.Expr]:
    """`PART_low` and `PART_high`: the 95 % interval of a share (Wilson 1927)."""
    z = NormalDist().inv_cdf(0.975)
    n, share = pl.col(whole).cast(pl.Float64), pl.col(part).cast(pl.Float64) / pl.col(whole)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).sqrt()
    return [(middle - reach).clip(0, 1).alias(f"{part}_low"), (middle + reach).clip(0, 1).alias(f"{part}_high")]


# -- handoffs


def handoffs(view: View, only: Filter = Filter()) -> Waits:
    """The handoffs a viewer sees. Late: released after the agreed release, or delivered (where nobody says: accepted) after the
    agreed delivery. Failed: refused, accepted with a discrepancy, or what it moved was discarded in the next step."""
    frames = view.scoped_frames
    return Waits(frames, _only(frames.kept("handoffs", lambda: _handoffs(frames)), only))


def _handoffs(frames: Frames) -> pl.DataFrame:
    told = frames.shown("Handoff")
    acted = acts(frames)
    arrived = pl.coalesce("delivered_at_first", "accepted_at_first")
    late = (pl.col("released_at_first") > pl.col("agreed_release_at_last")).fill_null(False)
    late |= (arrived > pl.col("agreed_delivery_at_last")).fill_null(False)
    refused = pl.col("refused_at").is_not_null() | pl.col("discrepancy").is_not_null()
    refused |= pl.col("discrepancy_code").is_not_null()
    each = told.select(
        event="record",
        giver="from",
        taker="to",
        start="released_at_first",
        end="accepted_at_first",
        wait_s=(pl.col("accepted_at_first") - pl.col("released_at_first")) / SECOND,
        open=pl.col("released_at").is_not_null() & pl.col("accepted_at").is_null(),
        late=late,
        failed=refused | pl.col("record").is_in(_discarded(frames, acted).implode()),
        preservation="preservation",
        carrier="carried_by",
        own="for_episode",
    )
    return _with_journeys(frames, each)


def _discarded(frames: Frames, acted: pl.DataFrame) -> pl.Series:
    """The events after which the next step on something they acted on, packing and unpacking aside, was to discard it."""
    events = frames.of_class("event").select(event="record", kind="kind", type="type")
    ends = events.filter(pl.col("type").is_in(DISCARD))["event"]
    lost = acted.filter(pl.col("event").is_in(ends.implode()))["object"].unique()
    acted = acted.filter(pl.col("object").is_in(lost.implode()))
    timed = acted.join(events, on="event").sort("object", "first", "last", "event")
    type_ = pl.coalesce("type", pl.lit(""))
    step_type = pl.when((pl.col("kind") == "Step") & ~type_.is_in(PACKING)).then(type_)
    next_type = step_type.shift(-1).backward_fill().over("object")
    return timed.filter(next_type.is_in(DISCARD))["event"].unique()


# -- legs


def legs(view: View, only: Filter = Filter()) -> Waits:
    """The legs a viewer sees: from the department that has the material after the first event (who performed a step, who took
    a handoff) to the one that acts next (who performs it, who gives). Of a step without a performer it is the place it was done
    at, else who had the material. Their wait is the start of the second less the end of the first.

    Two events that follow each other on several materials are one leg; where these were in several departments, one of each."""
    frames = view.scoped_frames
    return Waits(frames, _only(frames.kept("legs", lambda: _legs(frames)), only))


def _legs(frames: Frames) -> pl.DataFrame:
    objects = frames.of_class("object")
    lots = objects.filter((pl.col("kind") == "Container") | pl.col("type").is_in(LOTS))["record"]
    acted = acts(frames)
    kept = acted.filter(~pl.col("object").is_in(lots.implode())).sort("object", "first", "last", "event")
    steps = frames.of_class("event").select(
        event="record",
        has=pl.coalesce("performed_by", "at", "to"),
        acting=pl.coalesce("performed_by", "at", "from"),
        preservation="preservation",
        carrier="carried_by",
        own="for_episode",
    )
    told = kept.join(steps.select("event", "has", "acting"), on="event", how="left", maintain_order="left")
    same = (pl.col("object") == pl.col("object").shift()).fill_null(False)
    told = told.with_columns(pl.when(same).then("has").otherwise(pl.col("has").fill_null(_NOBODY)).forward_fill())
    told = told.with_columns(pl.when(pl.col("has") != _NOBODY).then("has"))
    goes_on = pl.col("object") == pl.col("object").shift(-1)
    after = (pl.when(goes_on).then(pl.col(name).shift(-1)).alias(f"next_{name}") for name in ("event", "first", "acting"))
    following = told.with_columns(after).drop_nulls("next_event")
    pairs = following.unique(["event", "next_event", "has"], keep="first", maintain_order=True)
    pairs = pairs.join(steps.select("event", "preservation", "carrier", "own"), on="event", how="left", maintain_order="left")
    each = pairs.select(
        "event",
        next="next_event",
        giver="has",
        taker=pl.coalesce("next_acting", "has"),
        start="last",
        end="next_first",
        wait_s=(pl.col("next_first") - pl.col("last")) / SECOND,
        open=pl.lit(False),
        late=pl.lit(False),
        failed=pl.lit(False),
        preservation="preservation",
        carrier="carrier",
        own="own",
    )
    return _with_journeys(frames, each)


# -- of both


def acts(frames: Frames) -> pl.DataFrame:
    """`object, event, first, last`: every dated event that made, took in or acted on an object, itself or through what held it.

    In frames of a part of a graph these are all of each object that an event inside acted on; of others some may be missing."""
    return frames.kept("acts", lambda: _acts(frames))


def _acts(frames: Frames) -> pl.DataFrame:
    subject, output, taken_in = (frames.relations(type_) for type_ in ("SUBJECT_OF", "OUTPUT", "INPUT_TO"))
    through = all_borne(frames)
    parts = (
        subject.select(object="source", event="target"),
        taken_in.select(object="source", event="target"),
        output.select(object="target", event="source"),
        through.select(object="content", event="event"),
    )
    first, last = frames.of("object")
    objects = pl.concat(parts).unique().filter(pl.col("object").is_between(first, last - 1))
    found: pl.DataFrame = objects.join(frames.spans.rename({"record": "event"}), on="event")
    return found.sort("object", "event")


def episodes(frames: Frames) -> pl.DataFrame:
    """`event, served`: the episode of all that an event acted on, where it is one; ascending by `event`."""
    return frames.kept("served", lambda: _episodes(frames))


def _episodes(frames: Frames) -> pl.DataFrame:
    served = frames.of_class("object").select(object="record", served="for_episode").drop_nulls()
    found = acts(frames).select("event", "object").join(served, on="object").group_by("event")
    told = found.agg(pl.col("served").min(), most=pl.col("served").max())
    return told.filter(pl.col("served") == pl.col("most")).select("event", "served").sort("event")


def _with_journeys(frames: Frames, each: pl.DataFrame) -> pl.DataFrame:
    """`each` with `journey` in place of `own`, and `product`: of events that tell no episode, that of all they acted on, if one."""
    told = _journeys(frames, each)
    if frames.part:
        told = told.filter(pl.col("event").is_in(inside(frames, frames.part).implode()))
    return told.sort(_ORDER, nulls_last=True)


def _journeys(frames: Frames, each: pl.DataFrame) -> pl.DataFrame:
    """The same, unordered."""
    therapy = frames.shown("Episode").select(journey="record", product="therapy")
    journey = pl.coalesce("own", "served").alias("journey")
    told = each.join(episodes(frames), on="event", how="left").with_columns(journey).drop("own", "served")
    return told.join(therapy, on="journey", how="left")


def inside(frames: Frames, part: Part) -> pl.Series:
    """The events of a part of the graph, as the viewer of these frames sees them; see `Part`."""
    events = frames.of_class("event").select(*_ENDS, event="record", own="for_episode")
    if part.sites:
        sites = _and_below(frames, {frames.number(site) for site in part.sites})
        events = events.filter(pl.any_horizontal(pl.col(end).is_in(sites).fill_null(False) for end in _ENDS))
    since, until = (NEVER if part.since is None else part.since), (ALWAYS if part.until is None else part.until)
    missed = frames.spans.filter((pl.col("first") >= until) | (pl.col("last") < since))["record"]
    events = events.filter(~pl.col("event").is_in(missed.implode()))
    if part.products:
        events = _journeys(frames, events).filter(pl.col("product").is_in(part.products))
    return events["event"].sort()


def _and_below(frames: Frames, organizations: set[int]) -> set[int]:
    """The organisations with all that are part of them, however deep."""
    parts, found = frames.relations("PART_OF"), set(organizations)
    frontier = found
    while frontier:
        frontier = set(parts.filter(pl.col("target").is_in(frontier))["source"]) - found
        found |= frontier
    return found


def _only(each: pl.DataFrame, only: Filter) -> pl.DataFrame:
    rows = each
    if only.period != EVER:
        rows = rows.filter((pl.col("start") >= only.period.start) & (pl.col("start") < only.period.end))
    for name in ("product", "preservation"):
        if (wanted := getattr(only, name)) is not None:
            rows = rows.filter(pl.col(name) == wanted)
    if only.carrier is not None:
        rows = rows.filter(pl.col("carrier") == only.carrier)
    return rows
