"""How long objects of each type wait between two activities, and what an activity waits for until all its objects are there.

An object's events follow each other in order of time; each that follows another on an object is a wait of that object. Several
objects that go through the same two events wait together: they are one couple of events (van der Aalst & Berti 2020). An event can
begin when the last of its objects comes from its event before; which type of object that is, and how long the first had to wait for
it, is the synchronisation of the event (OPerA: Park, Adams & van der Aalst 2022).
"""

from functools import cached_property

import polars as pl

from graph.frames import Frames
from graph.view import View
from queries.handoffs import SECOND, acts

_TYPE = "x:ocel:type"


class Activities:
    """The activities that a View shows; each table is worked out when it is asked for."""

    def __init__(self, view: View) -> None:
        self._view, self._frames = view, view.scoped_frames

    @cached_property
    def _named(self) -> pl.DataFrame:
        """`event, activity` of all events."""
        return self._frames.of_class("event").select(event="record", activity=pl.coalesce("type", "kind"))

    @cached_property
    def _following(self) -> pl.DataFrame:
        """What `followings` tells, with `object_type`."""
        return followings(self._frames).join(_types(self._view, self._frames), on="object")

    @property
    def waits(self) -> pl.DataFrame:
        """One row for each type of object and each two activities of which the second comes next on one:

        `object_type, source, target, count` (of waits), `couples` (of events), `objects`, and of waits `sum_s, median_s, min_s,
        max_s` (seconds from the end of the first event to the start of the second; negative where they overlap). An object's type
        is the one that it came with in an event log, else that of the model, else its kind; an activity is a step's or handoff's
        type."""
        events = self._named
        told = self._following.join(events.rename({"activity": "source"}), on="event")
        told = told.join(events.rename({"event": "next", "activity": "target"}), on="next")
        grouped = told.group_by("object_type", "source", "target").agg(
            count=pl.len().cast(pl.Int64),
            couples=pl.struct("event", "next").n_unique().cast(pl.Int64),
            objects=pl.col("object").n_unique().cast(pl.Int64),
            **_figures("wait_s"),
        )
        return grouped.sort("object_type", "source", "target")

    @property
    def gatherings(self) -> pl.DataFrame:
        """One row for each activity, measure and, where it is one of a type of object, that type, ascending:

        `activity, measure, object_type, count` (of events whose objects had an event before), and of the measure `sum_s, median_s,
        min_s, max_s` in seconds. An event has the measures, from the ends of the events before it on each of its objects to its
        start:

        - `flow`: since the first of them; `sojourn`: since the last; `sync`: from the first to the last;
        - of each type: `pool`, from the first to the last of that type; `ready`, from the first of all to the first of that type;
          `lag`, from the first of all to the last of that type; `late`, from the first of the other types to the last of that type
          (negative where it came before them)."""
        came = self._following.select("object", "object_type", "next", came="last", begun="next_first")
        whole = came.group_by("next").agg(least=pl.col("came").min(), most=pl.col("came").max(), begun=pl.col("begun").first())
        flow, sojourn = (pl.col("begun") - pl.col(name) for name in ("least", "most"))
        of_all = whole.select("next", flow=flow, sojourn=sojourn, sync=flow - sojourn, object_type=pl.lit(None, pl.String))
        each = came.group_by("next", "object_type").agg(first=pl.col("came").min(), last=pl.col("came").max())
        others = each.join(each, on="next", suffix="_other").filter(pl.col("object_type") != pl.col("object_type_other"))
        others = others.group_by("next", "object_type").agg(other=pl.col("first_other").min())
        each = each.join(whole, on="next").join(others, on=("next", "object_type"), how="left")
        of_types = each.select(
            "next",
            "object_type",
            pool=pl.col("last") - pl.col("first"),
            ready=pl.col("first") - pl.col("least"),
            lag=pl.col("last") - pl.col("least"),
            late=pl.col("last") - pl.col("other"),
        )
        parts = [
            part.unpivot(index=("next", "object_type"), variable_name="measure", value_name="us") for part in (of_all, of_types)
        ]
        told = (
            pl.concat(parts)
            .drop_nulls("us")
            .join(self._named.rename({"event": "next"}), on="next")
            .with_columns(seconds=pl.col("us") / SECOND)
        )
        grouped = told.group_by("activity", "measure", "object_type").agg(count=pl.len().cast(pl.Int64), **_figures("seconds"))
        return grouped.sort("activity", "measure", "object_type", nulls_last=False)


def _figures(column: str) -> dict[str, pl.Expr]:
    """What is told of the seconds in a column."""
    seconds = pl.col(column)
    return {"sum_s": seconds.sum(), "median_s": seconds.median(), "min_s": seconds.min(), "max_s": seconds.max()}


def followings(frames: Frames) -> pl.DataFrame:
    """`object, event, next, last, next_first, wait_s`: each two events that follow each other on an object, with the end of the one
    and the start of the other (UTC microseconds)."""
    told = acts(frames).sort("object", "first", "last", "event")
    goes_on = pl.col("object") == pl.col("object").shift(-1)
    after = (pl.when(goes_on).then(pl.col(name).shift(-1)).alias(f"next_{name}") for name in ("event", "first"))
    following = told.with_columns(after).drop_nulls("next_event")
    wait = (pl.col("next_first") - pl.col("last")) / SECOND
    return following.select("object", "event", "last", "next_first", next="next_event", wait_s=wait)


def _types(view: View, frames: Frames) -> pl.DataFrame:
    """`object, object_type` of all objects."""
    objects = frames.of_class("object").select("record", "id", told=pl.coalesce("type", "kind"))
    _, records = view.fetch(set(objects["id"]))
    came = {record: record_.values.get(_TYPE) for record, record_ in records.items()}
    named = [came.get(name) or told for name, told in objects.select("id", "told").iter_rows()]
    return pl.DataFrame({"object": objects["record"], "object_type": pl.Series(named, dtype=pl.String)})
