"""The units of a cohort: persons, episodes or materials with their index events, and whom and what order they are of."""

from typing import Literal

import polars as pl

from graph.frames import Frames
from queries.cohort_definition import Definition
from queries.cohort_paths import matching
from queries.handoffs import episodes
from queries.reaching import Reaching


class Units:
    """Finds the units of a definition and their index events."""

    def __init__(self, frames: Frames, definition: Definition, reaching: Reaching) -> None:
        self._frames, self._definition, self._reaching = frames, definition, reaching

    def found(self) -> tuple[pl.DataFrame, int]:
        """The units that have an index event, ascending, and how many there are with those that have none."""
        definition = self._definition
        candidates = self._candidates()
        events = self._ordered() if definition.index.ordered else self._steps()
        met = events.join(candidates, on="unit").sort("unit", "index", "event")
        which: Literal["first", "last"] = "last" if definition.index.which == "last" else "first"
        units = met.unique("unit", keep=which, maintain_order=True)
        return self._with_people(units.select("unit", "event", "index")), len(candidates)

    def _candidates(self) -> pl.DataFrame:
        kind = {"person": "Person", "episode": "Episode", "material": "Material"}[self._definition.unit]
        shown = self._frames.shown(kind)
        if self._definition.material:
            shown = matching(shown, self._definition.material, ("type", "name", "product_code", "preservation"))
        return shown.select(unit="record")

    def _ordered(self) -> pl.DataFrame:
        orders = self._frames.shown("Episode").select(event="record", index="ordered_at_first").drop_nulls()
        if self._definition.unit == "episode":
            return orders.with_columns(unit=pl.col("event"))
        about = self._frames.relations("ABOUT").select(event="source", unit="target")
        return orders.join(about, on="event")

    def _steps(self) -> pl.DataFrame:
        frames, reaching = self._frames, self._reaching
        steps = frames.shown("Step").filter(pl.col("type").is_in(list(self._definition.index.step or ())))
        spans = frames.spans.select(event="record", index="first")
        dated = steps.select("for_episode", event="record").join(spans, on="event")
        if self._definition.unit == "material":
            return dated.join(reaching.acts.select("event", unit="object"), on="event").select("event", "index", "unit")
        if self._definition.unit == "person":
            return dated.join(_people(frames), on="event").select("event", "index", unit="person")
        return _with_episode(frames, dated).drop_nulls("episode").select("event", "index", unit="episode")

    def _with_people(self, units: pl.DataFrame) -> pl.DataFrame:
        """The units with the person and the episode they are of, where there is one."""
        frames, unit = self._frames, self._definition.unit
        first, last = frames.of("episode")
        about = frames.relations("ABOUT").filter(pl.col("source").is_between(first, last - 1))
        of_order = about.select(episode="source", of_order="target").unique("episode", keep="first", maintain_order=True)
        if self._definition.index.ordered:
            found = units.with_columns(episode=pl.col("event"))
        else:
            own = frames.shown("Step").select("for_episode", event="record")
            found = _with_episode(frames, units.join(own, on="event", how="left", maintain_order="left"))
        if unit == "episode":
            found = found.with_columns(episode=pl.col("unit"))
        given = _people(frames).sort("event", "given", "person", descending=[False, True, False])
        given = given.unique("event", keep="first", maintain_order=True).select("event", at_event="person")
        found = found.join(given, on="event", how="left").join(of_order, on="episode", how="left")
        person = pl.col("unit") if unit == "person" else pl.coalesce("at_event", "of_order")
        return found.select(
            "unit", "event", "index", person=person.cast(pl.UInt32), episode=pl.col("episode").cast(pl.UInt32)
        ).sort("unit")


def _people(frames: Frames) -> pl.DataFrame:
    """`event, person, given`: who gave (false) or was given (true) something in a step."""
    first, last = frames.of("person")
    given = frames.relations("OUTPUT").select(event="source", person="target", given=pl.lit(True))
    gave = frames.relations("INPUT_TO").select(event="target", person="source", given=pl.lit(False))
    return pl.concat([given, gave]).filter(pl.col("person").is_between(first, last - 1))


def _with_episode(frames: Frames, events: pl.DataFrame) -> pl.DataFrame:
    """`events` with `episode`: the order they say they belong to, else that of all they acted on, if it is one."""
    told = events.join(episodes(frames), on="event", how="left", maintain_order="left")
    return told.with_columns(episode=pl.coalesce("for_episode", "served")).drop("for_episode", "served")
