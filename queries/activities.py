"""How long objects of each type wait between two activities, as object-centric process mining counts it.

An object's events follow each other in order of time; each that follows another on an object is a wait of that object. Several
objects that go through the same two events wait together: they are one couple of events (van der Aalst & Berti 2020).
"""

import polars as pl

from graph.frames import Frames
from graph.view import View
from queries.handoffs import SECOND, acts

_TYPE = "x:ocel:type"


def waits(view: View) -> pl.DataFrame:
    """One row for each type of object and each two activities of which the second comes next on one:

    `object_type, source, target, count` (of waits), `couples` (of events), `objects`, and of waits `sum_s, median_s, min_s, max_s`
    (seconds from the end of the first event to the start of the second; negative where they overlap). An object's type is the one
    that it came with in an event log, else that of the model, else its kind; an activity is a step's or handoff's type."""
    frames = view.scoped_frames
    events = frames.of_class("event").select(event="record", activity=pl.coalesce("type", "kind"))
    told = followings(frames).join(_types(view, frames), on="object")
    told = told.join(events.rename({"activity": "source"}), on="event")
    told = told.join(events.rename({"event": "next", "activity": "target"}), on="next")
    wait = pl.col("wait_s")
    grouped = told.group_by("object_type", "source", "target").agg(
        count=pl.len().cast(pl.Int64),
        couples=pl.struct("event", "next").n_unique().cast(pl.Int64),
        objects=pl.col("object").n_unique().cast(pl.Int64),
        sum_s=wait.sum(),
        median_s=wait.median(),
        min_s=wait.min(),
        max_s=wait.max(),
    )
    return grouped.sort("object_type", "source", "target")


def followings(frames: Frames) -> pl.DataFrame:
    """`object, event, next, wait_s`: each two events that follow each other on an object."""
    told = acts(frames).sort("object", "first", "last", "event")
    goes_on = pl.col("object") == pl.col("object").shift(-1)
    after = (pl.when(goes_on).then(pl.col(name).shift(-1)).alias(f"next_{name}") for name in ("event", "first"))
    following = told.with_columns(after).drop_nulls("next_event")
    return following.select("object", "event", next="next_event", wait_s=(pl.col("next_first") - pl.col("last")) / SECOND)


def _types(view: View, frames: Frames) -> pl.DataFrame:
    """`object, object_type` of all objects."""
    objects = frames.of_class("object").select("record", "id", told=pl.coalesce("type", "kind"))
    _, records = view.fetch(set(objects["id"]))
    came = {record: record_.values.get(_TYPE) for record, record_ in records.items()}
    named = [came.get(name) or told for name, told in objects.select("id", "told").iter_rows()]
    return pl.DataFrame({"object": objects["record"], "object_type": pl.Series(named, dtype=pl.String)})
