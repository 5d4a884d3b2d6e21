"""Whether something was in the lineage of an event before a moment, for every event of a graph at once.

What holds of an object or event since a moment is carried down the genealogy; where ways meet, since the earliest. So one
pass answers for all, where a walk up from each would meet a shared lot as often as it was used.
"""

from functools import cached_property

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
        return self.frames.begins("making", lambda: self.edges["source"]), self.edges["target"].to_numpy().astype(np.int64)

    def spread(self, holds: pl.DataFrame) -> Moments:
        """Since when each record has in its lineage what `holds` (`record, since`) tells of; `FOREVER` where never."""
        begin, target = self._columns
        since: Moments = np.full(len(self.frames), FOREVER, np.int64)
        np.minimum.at(since, holds["record"].to_numpy().astype(np.int64), holds["since"].to_numpy())
        frontier = np.flatnonzero(since < FOREVER)
        while len(frontier):
            rows = rows_of(begin, frontier)
            carried = np.repeat(since[frontier], begin[frontier + 1] - begin[frontier])
            better = carried < since[target[rows]]
            ends = target[rows][better]
            np.minimum.at(since, ends, carried[better])
            frontier = np.unique(ends)
        return since

    def of_events(self, since: Moments, events: pl.Series) -> pl.Series:
        """Since when the lineage of each event has it: its own, and that of what it acted on."""
        own: Moments = since[events.to_numpy()]
        at, objects = self.subjects(events)
        np.minimum.at(own, at, since[objects])
        return pl.Series(own)

    def subjects(self, events: pl.Series) -> tuple[Numbers, Numbers]:
        """`(at, object)`: what the event at each place of `events` acted on."""
        begin, objects = self._acted
        numbers = events.to_numpy().astype(np.int64)
        at: Numbers = np.repeat(np.arange(len(numbers)), begin[numbers + 1] - begin[numbers])
        return at, objects[rows_of(begin, numbers)].astype(np.int64)

    @cached_property
    def acts(self) -> pl.DataFrame:
        """`object, event, first, last`: what made, took in or acted on each object; see `queries.handoffs.acts`."""
        return acts(self.frames)

    @cached_property
    def _acted(self) -> tuple[Numbers, NDArray[np.uint32]]:
        """Where what each event acted on begins, without making another: itself or through what held it; and that."""
        return self.frames.begins("acted", lambda: self.acted["event"]), self.acted["object"].to_numpy()

    @property
    def acted(self) -> pl.DataFrame:
        """`object, event`: what acted on each object without making another, itself or through what held it; by `event`."""
        return self.frames.kept("acted", self._all_acted)

    def _all_acted(self) -> pl.DataFrame:
        direct = self.frames.relations("SUBJECT_OF").select(object="source", event="target")
        borne_by = all_borne(self.frames).select(object="content", event="event")
        return pl.concat([direct, borne_by]).unique().sort("event", "object")

    @cached_property
    def lots(self) -> NDArray[np.bool_]:
        """Which records are lots: what happened to a lot happened to many units, most of them not in this lineage."""
        found = np.zeros(len(self.frames), np.bool_)
        found[self.frames.of_class("object").filter(pl.col("type").is_in(LOTS))["record"].to_numpy()] = True
        return found

    @cached_property
    def happened(self) -> tuple[Moments, Moments]:
        """`(begun, known)` by record: when an event had begun (`NEVER` where it has no time), and when it was first recorded
        (`FOREVER` where it never was)."""
        begun = np.full(len(self.frames), NEVER, np.int64)
        known = np.full(len(self.frames), FOREVER, np.int64)
        spans, told = self.frames.spans, self.frames.recorded.of_class("event")
        begun[spans["record"].to_numpy()] = spans["first"].to_numpy()
        known[told["record"].to_numpy()] = told["rank"].to_numpy()
        return begun, known

    @cached_property
    def stays(self) -> pl.DataFrame:
        """Every stay of every object, nested ones too; see `queries.stays.held`."""
        return all_held(self.frames)

    # -- pairs

    def below(self, subjects: pl.Series, events: pl.Series) -> pl.DataFrame:
        """`subject, event`: which of `events` have which of `subjects` in their lineage."""
        begin, target = self._columns
        at, objects = self.subjects(subjects)
        own = subjects.to_numpy().astype(np.int64)
        pairs = np.unique(np.concatenate([own << 32 | own, own[at] << 32 | objects]))
        found = [pairs]
        while len(pairs):
            subject, node = pairs >> 32, pairs & 0xFFFFFFFF
            again = np.repeat(subject, begin[node + 1] - begin[node])
            pairs = np.setdiff1d(again << 32 | target[rows_of(begin, node)], np.concatenate(found))
            found.append(pairs)
        at, objects = self.subjects(events)
        met = pl.concat(
            [
                events.to_frame("event").with_columns(node=events),
                pl.DataFrame({"event": events[at], "node": objects.astype(np.uint32)}),
            ]
        )
        every = np.concatenate(found)
        walked = pl.DataFrame({"subject": (every >> 32).astype(np.uint32), "node": (every & 0xFFFFFFFF).astype(np.uint32)})
        return walked.join(met.unique(), on="node").select("subject", "event").unique().sort("subject", "event")


def reaching(frames: Frames) -> Reaching:
    """The genealogy of these frames, made once."""
    return frames.once(Reaching)
