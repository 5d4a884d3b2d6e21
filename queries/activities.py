"""How long objects of each type wait between two activities, and what an activity waits for until all its objects are there.

An object's events follow each other in order of time; each that follows another on an object is a wait of that object. Several
objects that go through the same two events wait together: they are one couple of events (van der Aalst & Berti 2020). An event can
begin when the last of its objects comes from its event before; which type of object that is, and how long the first had to wait for
it, is the synchronisation of the event (OPerA: Park, Adams & van der Aalst 2022).

A log has millions of events of a few types: names of types are numbers until the tables are made, and no measure of single events
is ever written down beside another.
"""

from functools import cached_property

import polars as pl

from graph.frames import Frames
from graph.view import View
from queries.handoffs import SECOND, acts

_TYPE = "ocel:type"
_FIGURES = ("sum_s", "median_s", "min_s", "max_s")


class Activities:
    """The activities that a View shows; each table is worked out when it is first asked for."""

    def __init__(self, view: View) -> None:
        self._frames = view.scoped_frames

    @cached_property
    def _activities(self) -> "_Names":
        told = self._frames.of_class("event").select("record", name=pl.coalesce("type", "kind"))
        return _Names(told, len(self._frames))

    @cached_property
    def _types(self) -> "_Names":
        """An object's type is the one that it came with in an event log, else that of the model, else its kind."""
        told = self._frames.of_class("object").select("record", known=pl.coalesce("type", "kind"))
        came = self._frames.extension("object", _TYPE).filter(pl.col("value") != "")
        told = told.join(came, on="record", how="left", maintain_order="left")
        return _Names(told.select("record", name=pl.coalesce("value", "known")), len(self._frames))

    @cached_property
    def _all_following(self) -> pl.DataFrame:
        told = followings(self._frames)
        return told.with_columns(type=self._types.of(told["object"]))

    @property
    def _following(self) -> pl.DataFrame:
        """What `followings` tells of objects of a known type, with the number of that `type`."""
        return self._all_following.drop_nulls("type")

    @property
    def untold(self) -> int:
        """How many objects wait between events and are in no table, as nobody tells what they are."""
        told = self._all_following
        return told.filter(pl.col("type").is_null())["object"].n_unique()

    @cached_property
    def waits(self) -> pl.DataFrame:
        """One row for each type of object and each two activities of which the second comes next on one:

        `object_type, source, target, count` (of waits), `couples` (of events), `objects`, and of waits `sum_s, median_s, min_s,
        max_s` (seconds from the end of the first event to the start of the second; negative where they overlap). An object's type
        is the one that it came with in an event log, else that of the model, else its kind; an activity is a step's or handoff's
        type."""
        keys = ["type", "source", "target"]
        told = self._following
        told = told.with_columns(source=self._activities.of(told["event"]), target=self._activities.of(told["next"]))
        wait = pl.col("next_first") - pl.col("last")
        grouped = told.group_by(keys).agg(
            count=pl.len().cast(pl.Int64), objects=pl.col("object").n_unique().cast(pl.Int64), **_figures(wait)
        )
        couples = told.select(*keys, "event", "next").unique().group_by(keys).agg(couples=pl.len().cast(pl.Int64))
        return (
            grouped.join(couples, on=keys)
            .select(
                self._types.named("type").alias("object_type"),
                *(self._activities.named(end) for end in ("source", "target")),
                *("count", "couples", "objects", *_FIGURES),
            )
            .sort("object_type", "source", "target")
        )

    @property
    def longest(self) -> pl.DataFrame:
        """The rows of `waits`, most seconds in all first."""
        return self.waits.sort("sum_s", "object_type", "source", "target", descending=[True, False, False, False])

    @cached_property
    def gatherings(self) -> pl.DataFrame:
        """One row for each activity, measure and, where it is one of a type of object, that type, ascending:

        `activity, measure, object_type, count` (of events whose objects had an event before), and of the measure `sum_s, median_s,
        min_s, max_s` in seconds. An event has the measures, from the ends of the events before it on each of its objects to its
        start:

        - `flow`: since the first of them; `sojourn`: since the last; `sync`: from the first to the last;
        - of each type: `pool`, from the first to the last of that type; `ready`, from the first of all to the first of that type;
          `lag`, from the first of all to the last of that type; `late`, from the first of the other types to the last of that type
          (negative where it came before them)."""
        came = pl.col("last")
        of_types = self._following.group_by("next", "type").agg(
            first=came.min(), last=came.max(), begun=pl.col("next_first").first()
        )
        of_types = of_types.sort("next", "first")
        events = of_types.group_by("next", maintain_order=True).agg(
            least=pl.col("first").first(),  # when the first came, of whichever type, and the first of the next type
            second=pl.col("first").get(1, null_on_oob=True),
            most=pl.col("last").max(),
            begun=pl.col("begun").first(),
        )
        least, most, first, last = (pl.col(name) for name in ("least", "most", "first", "last"))
        of_all = {"flow": pl.col("begun") - least, "sojourn": pl.col("begun") - most, "sync": most - least}
        parts = [self._measured(events, of_all, pl.lit(None, pl.String))]
        others = pl.when(first == least).then("second").otherwise("least")
        of_type = {"pool": last - first, "ready": first - least, "lag": last - least, "late": last - others}
        each = of_types.join(events.select("next", "least", "second"), on="next", maintain_order="left")
        parts.append(self._measured(each, of_type, self._types.named("type"), "type"))
        return pl.concat(parts).sort("activity", "measure", "object_type", nulls_last=False)

    def _measured(self, rows: pl.DataFrame, measures: dict[str, pl.Expr], object_type: pl.Expr, *keys: str) -> pl.DataFrame:
        """The figures of measures (microseconds) by activity and `keys`, a row each, where there are any."""
        rows = rows.with_columns(activity=self._activities.of(rows["next"]))
        activity = self._activities.named("activity")
        found = []
        for name, measure in measures.items():
            told = rows.group_by("activity", *keys).agg(count=measure.count().cast(pl.Int64), **_figures(measure))
            told = told.filter(pl.col("count") > 0)
            found.append(told.select(activity, pl.lit(name).alias("measure"), object_type.alias("object_type"), "count", *_FIGURES))
        return pl.concat(found)


class _Names:
    """Names of records as numbers: `told` has the `name` of each `record`."""

    def __init__(self, told: pl.DataFrame, records: int) -> None:
        told = told.drop_nulls("name")
        self._names = told["name"].unique().sort()
        self._of = pl.Series([None], dtype=pl.UInt32).extend_constant(None, records)[:records]
        self._of = self._of.scatter(told["record"], self._names.search_sorted(told["name"]))

    def of(self, records: pl.Series) -> pl.Series:
        """The number of the name of each record."""
        return self._of.gather(records)

    def named(self, column: str) -> pl.Expr:
        """The names whose numbers a column holds."""
        return pl.lit(self._names).gather(pl.col(column)).alias(column)


def _figures(microseconds: pl.Expr) -> dict[str, pl.Expr]:
    """What is told of times, in seconds."""
    told = (microseconds.sum(), microseconds.median(), microseconds.min(), microseconds.max())
    return {name: figure / SECOND for name, figure in zip(_FIGURES, told, strict=True)}


def followings(frames: Frames) -> pl.DataFrame:
    """`object, event, next, last, next_first`: each two events that follow each other on an object, with the end of the one and the
    start of the other (UTC microseconds)."""
    told = acts(frames).sort("object", "first", "last", "event")
    goes_on = pl.col("object") == pl.col("object").shift(-1)
    after = (pl.when(goes_on).then(pl.col(name).shift(-1)).alias(f"next_{name}") for name in ("event", "first"))
    following = told.with_columns(after).drop_nulls("next_event")
    return following.select("object", "event", "last", "next_first", next="next_event")
