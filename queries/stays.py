"""What was inside what when, of a whole graph at once: `queries.containment` set-wise, over the frames of a View.

The rules are those of `Holdings` there, and tests hold both equal; this one answers for every object in a few joins.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph.frames import Frames
from graph.model import CONTAINER, CONTENT
from graph.snapshot import Numbers
from queries.containment import ALWAYS, NEVER, OUT_TYPES

_PAIR = ["content", "container"]
_STAY = [*_PAIR, "start", "end", "opened_by", "closed_by"]


def all_held(frames: Frames) -> pl.DataFrame:
    """`held` of all stays, kept with the frames."""
    return frames.kept("held", lambda: held(stays(frames)))


def all_borne(frames: Frames) -> pl.DataFrame:
    """`borne` of all stays, kept with the frames."""
    return frames.kept("borne", lambda: borne(frames, all_held(frames)))


def stays(frames: Frames) -> pl.DataFrame:
    """Every direct stay: `content, container, start, end, opened_by, closed_by`, sorted.

    Numbers of records; UTC microseconds, `NEVER` and `ALWAYS` where open; events null where unknown."""
    subject, events = frames.relations("SUBJECT_OF"), _events(frames)
    contents = subject.filter(pl.col("role") == CONTENT).select(content="source", event="target")
    holders = subject.filter(pl.col("role") == CONTAINER).select(container="source", event="target")
    # of a part of a graph: how long others stayed is not known
    known = contents.filter(frames.followed(contents["content"])) if frames.part else contents
    named = known.join(holders, on="event").filter(pl.col("content") != pl.col("container")).join(events, on="event", how="left")
    goes_out = pl.col("out").fill_null(False)
    inward = named.filter(~goes_out).select(*_PAIR, opened_by="event", start=pl.col("first").fill_null(NEVER))
    outward = named.filter(goes_out & pl.col("last").is_not_null()).select(*_PAIR, closed_by="event", at="last")
    emptied = holders.join(events, on="event").filter(goes_out & pl.col("last").is_not_null())
    emptied = emptied.join(contents, on="event", how="anti").select("container", closed_by="event", at="last")
    closed = _closed(inward, outward, emptied)
    own = _own(frames, subject, named["content"].unique())
    ended = closed.filter(pl.col("closed_by").is_not_null())
    open_ = _until_next(closed.filter(pl.col("closed_by").is_null()).drop("end"), own)
    unmatched = outward.join(ended, on=[*_PAIR, "closed_by"], how="anti")
    parts = (ended.select(_STAY), open_.select(_STAY), _since_last(unmatched, own).select(_STAY))
    return pl.concat(parts).unique().sort(_STAY)


def _events(frames: Frames) -> pl.DataFrame:
    """`event, first, last, out`: when events happened, and whether they take out what they name."""
    action, type_ = pl.col("action").fill_null(""), pl.col("type").is_in(OUT_TYPES).fill_null(False)
    out = pl.when(action != "").then(action == "DELETE").otherwise(type_)
    told = frames.of_class("event").select(event="record", out=out)
    return told.join(frames.spans.rename({"record": "event"}), on="event", how="full", coalesce=True)


def _closed(inward: pl.DataFrame, outward: pl.DataFrame, emptied: pl.DataFrame) -> pl.DataFrame:
    """Each packing with the first unpacking at or after it that names the content, or names none."""
    found = inward.sort("start")
    for number, (events, keys) in enumerate(((outward, _PAIR), (emptied, ["container"]))):
        first = events.group_by(*keys, "at").agg(pl.col("closed_by").min()).sort("at")
        first = first.rename({"at": f"at{number}", "closed_by": f"by{number}"})
        found = found.join_asof(first, left_on="start", right_on=f"at{number}", by=keys, strategy="forward", check_sortedness=False)
    at = pl.min_horizontal("at0", "at1")
    by = pl.min_horizontal(pl.when(pl.col("at0") == at).then("by0"), pl.when(pl.col("at1") == at).then("by1"))
    return found.with_columns(end=at, closed_by=by).select(_STAY)


def _own(frames: Frames, subject: pl.DataFrame, of: pl.Series) -> pl.DataFrame:
    """`content, event, first, last`: the dated events of some objects' own: what acted on them, made them, took them in."""
    made, taken = frames.relations("OUTPUT"), frames.relations("INPUT_TO")
    acts = pl.concat(
        (
            subject.select(content="source", event="target"),
            made.select(content="target", event="source"),
            taken.select(content="source", event="target"),
        )
    )
    acts = acts.filter(pl.col("content").is_in(of.implode())).unique()
    return acts.join(frames.spans.rename({"record": "event"}), on="event")


def _until_next(rows: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """`rows` with `end`: when the content next did something of its own."""
    after = own.select("content", end="first").unique().sort("end")
    found = rows.sort("start").join_asof(
        after,
        left_on="start",
        right_on="end",
        by="content",
        strategy="forward",
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    return found.with_columns(pl.col("end").fill_null(ALWAYS))


def _since_last(rows: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """Stays that only an unpacking tells of: since the content last did something else of its own."""
    before = own.select("content", start="last").unique().sort("start")
    found = rows.sort("at").join_asof(
        before,
        left_on="at",
        right_on="start",
        by="content",
        strategy="backward",
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    others = own.group_by("content", at="last").agg(pl.col("event").n_unique().alias("then"))
    found = found.join(others, on=["content", "at"], how="left")
    start = pl.when(pl.col("then") > 1).then("at").otherwise(pl.col("start").fill_null(NEVER))
    none = pl.lit(None, dtype=pl.UInt32)
    return found.select(*_PAIR, start=start, end="at", opened_by=none, closed_by="closed_by")


# -- through containers


def held(stays: pl.DataFrame) -> pl.DataFrame:
    """Every stay that an object took part in, its own and those of its containers, with the time it did.

    `content, container, start, end, opened_by, closed_by`: of the object asked about, the container of the stay, the
    part of the stay it was there, and the stay's events."""
    level = stays.filter(pl.col("start") < pl.col("end")).with_columns(inside=pl.concat_list("content", "container"))
    found = [level]
    outer = stays.rename({name: f"outer_{name}" for name in _STAY})
    while len(level):
        here, there = overlaps(
            level["container"], level["start"], level["end"], outer["outer_content"], outer["outer_start"], outer["outer_end"]
        )
        pairs = pl.concat([level[here], outer[there]], how="horizontal")
        start, end = pl.max_horizontal("start", "outer_start"), pl.min_horizontal("end", "outer_end")
        kept = pairs.filter(~pl.col("inside").list.contains(pl.col("outer_container")) & (start < end))
        level = kept.select(
            "content",
            container="outer_container",
            start=start,
            end=end,
            opened_by="outer_opened_by",
            closed_by="outer_closed_by",
            inside=pl.concat_list("inside", "outer_container"),
        )
        found.append(level)
    return pl.concat(found).select(_STAY).unique().sort(_STAY)


def borne(frames: Frames, held: pl.DataFrame) -> pl.DataFrame:
    """`content, container, event`: what acted on objects through their containers while they were inside, sorted."""
    acts = frames.relations("SUBJECT_OF").select(container="source", event="target")
    acts = acts.filter(pl.col("container").is_in(held["container"].unique().implode())).unique()
    dated = acts.join(frames.spans.rename({"record": "event"}), on="event")
    here, there = overlaps(held["container"], held["start"], held["end"], dated["container"], dated["first"], dated["last"])
    begun, event = dated["first"].to_numpy()[there], dated["event"].to_numpy()[there]
    kept = begun < held["end"].to_numpy()[here]
    for own in ("opened_by", "closed_by"):
        # numbers are small enough for a float to hold, and nothing equals the NaN of an unknown event
        kept |= event == held[own].cast(pl.Float64).to_numpy()[here]
    met = held.select(_PAIR)[here[kept]].with_columns(event=pl.Series(event[kept]))
    undated = held.select(_PAIR).unique().join(acts.join(dated, on="event", how="anti"), on="container")
    found = pl.concat([met, undated.select(*_PAIR, "event")]).sort(*_PAIR, "event")
    different = (pl.col(name) != pl.col(name).shift() for name in (*_PAIR, "event"))
    return found.filter(pl.any_horizontal(different).fill_null(True))


def overlaps(
    key: pl.Series, low: pl.Series, high: pl.Series, others: pl.Series, first: pl.Series, last: pl.Series
) -> tuple[Numbers, Numbers]:
    """All pairs of rows (here, there) with one key where `first` <= `high` and `last` >= `low`.

    Sorted ranges: of a container with many stays and many events only neighbours in time are paired."""
    moments = np.unique(np.concatenate([each.to_numpy() for each in (low, high, first, last)]))
    order = np.lexsort((first.to_numpy(), others.to_numpy()))
    starts, ends = (_coded(others, each, moments)[order] for each in (first, last))
    reach = np.maximum.accumulate(ends) if len(ends) else ends
    begin = np.searchsorted(reach, _coded(key, low, moments), side="left")
    stop = np.searchsorted(starts, _coded(key, high, moments), side="right")
    counts = np.maximum(stop - begin, 0)
    here: Numbers = np.repeat(np.arange(len(key)), counts)
    within = np.arange(len(here)) - np.repeat(np.cumsum(counts) - counts, counts)
    there = order[np.repeat(begin, counts) + within]
    kept = last.to_numpy()[there] >= low.to_numpy()[here]
    return here[kept], there[kept]


def _coded(key: pl.Series, moment: pl.Series, moments: NDArray[Any]) -> Numbers:
    """One ascending number for a key and a moment: by key, then by time."""
    coded: Numbers = (key.to_numpy().astype(np.int64) << 32) | np.searchsorted(moments, moment.to_numpy())
    return coded
