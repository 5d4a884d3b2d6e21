"""Whether something was in the lineage of an event before a moment, for every event of a graph at once.

What holds of an object or event since a moment is carried down the genealogy; where ways meet, since the earliest. So one
pass answers for all, where a walk up from each would meet a shared lot as often as it was used.
"""

from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph.frames import Frames
from graph.snapshot import Numbers, rows_of
from queries.containment import NEVER
from queries.handoffs import LOTS, acts
from queries.stays import all_borne, all_held

Moments = NDArray[np.int64]
FOREVER = 2**62


class Reaching:
    """The genealogy that a viewer sees, and what acted on it."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    # -- the genealogy

    @property
    def edges(self) -> pl.DataFrame:
        """`source, target` of making, persons left out: a person ends the walk."""
        return self.frames.kept("making", self._edges)

    def _edges(self) -> pl.DataFrame:
        found = pl.concat(self.frames.relations(type_).select("source", "target") for type_ in ("INPUT_TO", "OUTPUT"))
        first, last = self.frames.of("person")
        no_person = [~pl.col(end).is_between(first, last - 1) for end in ("source", "target")]
        return found.filter(no_person).sort("source", "target")

    @cached_property
    def _columns(self) -> tuple[Numbers, Numbers]:
        """Where the relations out of each number begin, and their targets."""
        begins: Numbers = np.searchsorted(self.edges["source"].to_numpy(), np.arange(len(self.frames) + 1))
        return begins, self.edges["target"].to_numpy().astype(np.int64)

    def spread(self, holds: pl.DataFrame) -> Moments:
        """Since when each record has in its lineage what `holds` (`record, since`) tells of; `FOREVER` where never."""
        begins, target = self._columns
        since: Moments = np.full(len(self.frames), FOREVER, np.int64)
        np.minimum.at(since, holds["record"].to_numpy().astype(np.int64), holds["since"].to_numpy())
        frontier = np.flatnonzero(since < FOREVER)
        while len(frontier):
            rows = rows_of(begins, frontier)
            carried = np.repeat(since[frontier], begins[frontier + 1] - begins[frontier])
            better = carried < since[target[rows]]
            ends = target[rows][better]
            np.minimum.at(since, ends, carried[better])
            frontier = np.unique(ends)
        return since

    def of_events(self, since: Moments, events: pl.Series) -> pl.Series:
        """Since when the lineage of each event has it: its own, and that of what it acted on."""
        own: Moments = since[events.to_numpy()]
        subjects = self.subjects(events)
        np.minimum.at(own, subjects["at"].to_numpy(), since[subjects["object"].to_numpy()])
        return pl.Series(own)

    def subjects(self, events: pl.Series) -> pl.DataFrame:
        """`at, object`: what the event at each place of `events` acted on."""
        at = pl.DataFrame({"event": events}).with_row_index("at")
        return at.join(self.acted, on="event").select("at", "object")

    # -- what acted

    @cached_property
    def acts(self) -> pl.DataFrame:
        """`object, event, first, last`: what made, took in or acted on each object; see `queries.handoffs.acts`."""
        return acts(self.frames)

    @property
    def acted(self) -> pl.DataFrame:
        """`object, event`: what acted on each object without making another, itself or through what held it."""
        return self.frames.kept("acted", self._acted)

    def _acted(self) -> pl.DataFrame:
        direct = self.frames.relations("SUBJECT_OF").select(object="source", event="target")
        borne_by = all_borne(self.frames).select(object="content", event="event")
        return pl.concat([direct, borne_by]).unique().sort("object", "event")

    @cached_property
    def happened_to(self) -> pl.DataFrame:
        """`acted`, but for lots: what happened to a lot happened to many units, most of them not in this lineage."""
        lots = self.frames.of_class("object").filter(pl.col("type").is_in(LOTS))["record"]
        return self.acted.filter(~pl.col("object").is_in(lots.implode()))

    @cached_property
    def happened(self) -> pl.DataFrame:
        """`event, begun, known`: when an event had begun (`NEVER` where it has no time), and when it was first recorded."""
        known = self.frames.recorded.of_class("event").rename({"record": "event", "rank": "known"})
        told = known.join(self.frames.spans.rename({"record": "event"}), on="event", how="left")
        return told.select("event", "known", begun=pl.col("first").fill_null(NEVER))

    @cached_property
    def stays(self) -> pl.DataFrame:
        """Every stay of every object, nested ones too; see `queries.stays.held`."""
        return all_held(self.frames)

    # -- pairs

    def below(self, subjects: pl.Series, events: pl.Series) -> pl.DataFrame:
        """`subject, event`: which of `events` have which of `subjects` in their lineage."""
        of_events = self.acted.filter(pl.col("event").is_in(subjects.implode())).select(subject="event", node="object")
        pairs = pl.concat([pl.DataFrame({"subject": subjects, "node": subjects}), of_events]).unique()
        found, edges = pairs, self.edges.rename({"source": "node"})
        while len(pairs):
            step = pairs.join(edges, on="node").select("subject", node="target").unique()
            pairs = step.join(found, on=["subject", "node"], how="anti")
            found = pl.concat([found, pairs])
        acted = self.acted.filter(pl.col("event").is_in(events.implode())).select("event", node="object")
        nodes = pl.concat([pl.DataFrame({"event": events, "node": events}), acted]).unique()
        return found.join(nodes, on="node").select("subject", "event").unique().sort("subject", "event")


_OF_FRAMES: WeakKeyDictionary[Frames, Reaching] = WeakKeyDictionary()


def reaching(frames: Frames) -> Reaching:
    """The genealogy of these frames, made once."""
    return _OF_FRAMES.setdefault(frames, Reaching(frames))
