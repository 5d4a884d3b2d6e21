"""Of which objects and events a path condition of a cohort holds, and since when."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from graph.errors import InvalidDefinition, TraceError
from graph.frames import Frames
from graph.view import View
from queries.cohort_definition import HandoffIs, MaterialIs, Path, Range, StepIs
from queries.containment import NEVER
from queries.reaching import FOREVER, Reaching

HOUR = 3_600_000_000


class Holding:
    """`record, since`: of which objects and events a path condition holds, and since when (UTC microseconds) that had happened
    and, `at_index`, been recorded."""

    def __init__(self, view: View, reaching: Reaching, at_index: bool, at: str) -> None:
        self._view, self._reaching, self._at_index, self._at = view, reaching, at_index, at

    @property
    def _frames(self) -> Frames:
        return self._view.frames

    def told(self, path: Path) -> pl.DataFrame:
        """Where a condition holds. Raises `InvalidDefinition` for an identifier that names nothing."""
        if path.material:
            return self._materials(path.material)
        if path.lot:
            return self._uses(self._number(path.lot, "/lot"))
        if path.container:
            return self._inside(self._number(path.container, "/container"))
        if path.department:
            return self._department(path.department)
        return self._steps(path.step) if path.step else self._handoffs(path.handoff or HandoffIs.model_validate({}))

    # -- objects

    def _materials(self, told: MaterialIs) -> pl.DataFrame:
        names = ("type", "name", "product_code", "preservation")
        found = matching(self._frames.shown("Material"), told, names)
        return self._stated(found.select("record"), "object", [name for name in names if getattr(told, name)])

    def _uses(self, number: int) -> pl.DataFrame:
        """The events that took in or acted on an object."""
        parts = [self._frames.recorded.relations(type_) for type_ in ("INPUT_TO", "SUBJECT_OF")]
        used = pl.concat(parts).filter(pl.col("source") == number)
        rank = "rank" if self._at_index else pl.lit(NEVER, dtype=pl.Int64).alias("rank")
        return used.select("target", rank).select(record="target", since="rank")

    def _inside(self, container: int) -> pl.DataFrame:
        """What was in a container."""
        stays = self._reaching.stays.filter(pl.col("container") == container)
        stays = stays.with_columns(event=pl.coalesce("opened_by", "closed_by"))
        begun = pl.when(pl.col("start") > NEVER).then("start").otherwise("end")
        known = pl.Series(self._reaching.happened[1]).gather(stays["event"]).fill_null(FOREVER)
        since = pl.max_horizontal(begun, known) if self._at_index else begun
        return stays.select(record="content", since=since)

    # -- events, which reach all that they acted on

    def _department(self, text: str) -> pl.DataFrame:
        parties, events = self._among([text], "/department"), self._frames.of_class("event")
        roles = ("performed_by", "at", "from", "to")
        found = [self._stated(events.filter(pl.col(role).is_in(parties)).select("record"), "event", [role]) for role in roles]
        return self._by_events(pl.concat(found))

    def _steps(self, told: StepIs) -> pl.DataFrame:
        names = [name for name in ("type", "status", "disposition") if getattr(told, name)]
        found = matching(self._frames.shown("Step"), told, names)
        if told.performed_by:
            found = found.filter(pl.col("performed_by").is_in(self._among(told.performed_by, "/step/performed_by")))
            names.append("performed_by")
        return self._by_events(self._stated(found.select("record"), "event", names))

    def _handoffs(self, told: HandoffIs) -> pl.DataFrame:
        names = ["preservation"] if told.preservation else []
        found, ended = matching(self._frames.shown("Handoff"), told, names), pl.lit(NEVER, dtype=pl.Int64)
        for name, texts in (("from", told.from_), ("to", told.to)):
            if texts:
                found = found.filter(pl.col(name).is_in(self._among(texts, f"/handoff/{name}")))
                names.append(name)
        if told.discrepancy is not None:
            bad = pl.any_horizontal(pl.col(name).is_not_null() for name in ("discrepancy_code", "discrepancy", "refused_at"))
            found, ended = found.filter(bad == told.discrepancy), pl.col("accepted_at_first").fill_null(NEVER)
        if told.wait_h:
            wait = (found["accepted_at_first"] - found["released_at_first"]) / HOUR
            found, ended = found.filter(within(wait, told.wait_h)), pl.col("accepted_at_first")
            names += ["accepted_at", "released_at"]
        since = self._stated(found.select("record"), "event", names).join(found.select("record", ended=ended), on="record")
        return self._by_events(since.select("record", since=pl.max_horizontal("since", "ended")))

    def _by_events(self, events: pl.DataFrame) -> pl.DataFrame:
        """Events of which something holds `since`, and all that they acted on, since they had begun and been recorded too."""
        numbers, since = events["record"].to_numpy(), events["since"].to_numpy()
        begun, known = (moments[numbers] for moments in self._reaching.happened)
        since = np.maximum(np.maximum(since, begun), known) if self._at_index else np.maximum(since, begun)
        dated = np.flatnonzero(begun > NEVER)
        at, objects = self._reaching.subjects(events["record"][dated])
        own = ~self._reaching.lots[objects]
        told = np.concatenate([numbers, objects[own].astype(np.uint32)]), np.concatenate([since, since[dated][at][own]])
        return pl.DataFrame(dict(zip(("record", "since"), told, strict=True)))

    # -- what is meant, and when it was stated

    def _number(self, text: str, at: str) -> int:
        try:
            return self._frames.number(self._view.resolve(text))
        except TraceError as error:
            raise InvalidDefinition([(self._at + at, error.message)]) from None

    def _among(self, told: Sequence[str], at: str) -> list[int]:
        """The numbers of departments by identifier, and of all that are part of them."""
        found = {self._number(text, at) for text in told}
        below = self._frames.relations("PART_OF")
        while more := {*below.filter(pl.col("target").is_in(list(found)))["source"]} - found:
            found |= more
        return sorted(found)

    def _stated(self, found: pl.DataFrame, cls: str, names: Sequence[str]) -> pl.DataFrame:
        """`record, since`: when the last of these fields of each record had been stated."""
        found = found.with_columns(since=pl.lit(NEVER, dtype=pl.Int64))
        for name in names if self._at_index else ():
            met = found.join(self._frames.recorded.since(cls, name), on="record")
            found = met.select("record", since=pl.max_horizontal("since", "rank"))
        return found


def matching(shown: pl.DataFrame, told: Any, names: Sequence[str]) -> pl.DataFrame:
    """The rows in which each field given has one of its words."""
    for name in names:
        if words := getattr(told, name):
            shown = shown.filter(pl.col(name).is_in(list(words)))
    return shown


def within(values: pl.Series, told: Range) -> pl.Series:
    """Whether each value lies in a range; what is null does not."""
    holds = values.is_not_null()
    if told.min is not None:
        holds &= (values >= told.min).fill_null(False)
    if told.max is not None:
        holds &= (values <= told.max).fill_null(False)
    return holds
