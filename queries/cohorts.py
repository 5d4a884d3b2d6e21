"""Cohorts: units with an index event, kept or lost by ordered rules, with columns known at the index date and labels after it.

By default nothing that happened or was recorded after a unit's index date enters (`known: at_index`): of values the word that
stood then; of the lineage the events and values that were there and recorded by then (a value corrected since counts as not
known), and a lot if its use was. What the index event's materials were made of is no finding but says which they are: it counts
whenever it was recorded. Days are relative to the index event's begin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from graph.errors import InvalidDefinition
from graph.frames import Frames
from graph.view import View
from queries.cohort_definition import (
    Column,
    Definition,
    Label,
    Observed,
    OutcomeIs,
    Path,
    PersonIs,
    Range,
    Rule,
)
from queries.cohort_paths import Holding, within
from queries.cohort_units import Units
from queries.reaching import FOREVER, Reaching, reaching

DAY = 86_400_000_000


@dataclass(frozen=True)
class Attrition:
    """One line: how many units a rule kept, and lost."""

    rule: str
    kept: int
    lost: int


@dataclass(frozen=True)
class Cohort:
    """A cohort: `rows` are `unit, index_date, person, episode` (ids; UTC), columns and labels, ascending by `unit`."""

    definition: Definition
    attrition: tuple[Attrition, ...]
    rows: pl.DataFrame

    @property
    def count(self) -> int:
        """How many units are in it."""
        return len(self.rows)


def cohort(view: View, definition: Definition) -> Cohort:
    """The cohort of a definition, as far as a viewer sees. Raises `InvalidDefinition` for identifiers that name nothing."""
    return _Study(view, definition).cohort()


def attrition(view: View, definition: Definition) -> tuple[Attrition, ...]:
    """Only how many units each rule keeps and loses. Raises as `cohort` does."""
    return _Study(view, definition).selected()[1]


class _Study:
    """One cohort in the making. `units`: `unit, event, index, person, episode` (numbers; UTC microseconds), one row a unit."""

    def __init__(self, view: View, definition: Definition) -> None:
        self._view, self._definition = view, definition
        self._at_index = definition.known == "at_index"

    @property
    def _frames(self) -> Frames:
        return self._view.frames

    @cached_property
    def _reaching(self) -> Reaching:
        return reaching(self._frames)

    def cohort(self) -> Cohort:
        """What is left after the rules, with columns and labels."""
        units, attrition = self.selected()
        return Cohort(self._definition, attrition, self._rows(units))

    def selected(self) -> tuple[pl.DataFrame, tuple[Attrition, ...]]:
        """The units that every rule keeps, in order, and what each rule keeps and loses."""
        units, candidates = Units(self._frames, self._definition, self._reaching).found()
        attrition = [Attrition("has the index event", len(units), candidates - len(units))]
        for at, rule in enumerate(self._definition.rules):
            self._view.deadline.check()
            kept = self._holds(units, rule, f"/rules/{at}")
            left = units.filter(kept if rule.include else ~kept)
            attrition.append(Attrition(rule.name, len(left), len(units) - len(left)))
            units = left
        return units, tuple(attrition)

    def _rows(self, units: pl.DataFrame) -> pl.DataFrame:
        frames, definition = self._frames, self._definition
        told: dict[str, pl.Series] = {
            "unit": frames.ids(units["unit"].to_numpy()),
            "index_date": pl.from_epoch(units["index"], time_unit="us").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
        }
        for name in ("person", "episode"):
            told[name] = _named(frames, units[name])
        for name, column in definition.columns.items():
            self._view.deadline.check()
            told[name] = self._column(units, column, f"/columns/{name}")
        for name, label in definition.labels.items():
            self._view.deadline.check()
            told[name] = self._label(units, label, f"/labels/{name}")
        return pl.DataFrame(told).sort("unit")

    # -- rules, columns, labels

    def _holds(self, units: pl.DataFrame, rule: Rule, at: str) -> pl.Series:
        """Whether a rule's condition holds of each unit; what is not known does not hold."""
        if rule.person:
            return self._person(units, rule.person)
        if rule.episode:
            told = {name: getattr(rule.episode, name) for name in ("therapy", "intent", "indication")}
            return self._words(units, "episode", {name: words for name, words in told.items() if words})
        if rule.observed:
            value = self._observed(units, rule.observed, at)
            return within(value, rule.observed.value) if rule.observed.value else value.is_not_null()
        if rule.outcome:
            return self._outcome(units, rule.outcome, "any", self._at_index)
        return self._path(units, rule.path or Path(), at)

    def _column(self, units: pl.DataFrame, column: Column, at: str) -> pl.Series:
        if column.person == "age":
            return self._age(units)
        if column.person or column.episode:
            cls = "person" if column.person else "episode"
            return self._known(units, cls, column.person or column.episode or "")
        if column.observed:
            return self._observed(units, column.observed, at)
        return self._path(units, column.path or Path(), at)

    def _label(self, units: pl.DataFrame, label: Label, at: str) -> pl.Series:
        """What came of a unit, whenever it was recorded."""
        if label.observed:
            return self._observed(units, label.observed, at, at_index=False)
        return self._outcome(units, label.outcome or OutcomeIs(), label.take, False)

    # -- persons and episodes

    def _known(self, units: pl.DataFrame, cls: str, name: str) -> pl.Series:
        """A field of the unit's person or episode as it was shown at the index date."""
        values = self._frames.recorded.values(cls, name).rename({"record": cls})
        met = units.with_row_index("at").select("at", "index", cls).join(values, on=cls, how="inner", maintain_order="left_right")
        if self._at_index:
            met = met.filter(pl.col("rank") <= pl.col("index"))
        last = met.group_by("at", maintain_order=True).agg(pl.col("value").last())
        return units.with_row_index("at").select("at").join(last, on="at", how="left", maintain_order="left")["value"]

    def _words(self, units: pl.DataFrame, cls: str, told: Mapping[str, Sequence[str]]) -> pl.Series:
        holds = pl.Series([True] * len(units), dtype=pl.Boolean)
        for name, words in told.items():
            holds &= self._known(units, cls, name).is_in(list(words)).fill_null(False)
        return holds

    def _age(self, units: pl.DataFrame) -> pl.Series:
        """Years at the index date, by year of birth."""
        return pl.from_epoch(units["index"], time_unit="us").dt.year() - self._known(units, "person", "birth_year")

    def _person(self, units: pl.DataFrame, told: PersonIs) -> pl.Series:
        words = {name: found for name in ("role", "sex", "blood_group", "rh") if (found := getattr(told, name))}
        holds = self._words(units, "person", words)
        return holds & within(self._age(units), told.age) if told.age else holds

    # -- observations

    def _observed(self, units: pl.DataFrame, told: Observed, at: str, at_index: bool | None = None) -> pl.Series:
        """The value that counts of each unit, null where there is none."""
        at_index = self._at_index if at_index is None else at_index
        recorded, frames = self._frames.recorded, self._frames
        kept = pl.col("comparator").is_null() & (pl.col("code") == told.code)
        moment = pl.coalesce("observed_at_last", "ended_at_last")
        seen = frames.shown("Observation").filter(kept).select("record", "unit", moment=moment).drop_nulls("moment")
        if told.unit is not None:
            seen = seen.filter(pl.col("unit") == told.unit)
        elif len(units_told := sorted(seen["unit"].drop_nulls().unique())) > 1:
            raise InvalidDefinition([(f"{at}/unit", f"{told.code} is told in {', '.join(units_told)}: say which counts")])
        met = self._about(units, seen, told.about)
        met = met.join(recorded.values("observation", "value"), on="record", maintain_order="left_right")
        if at_index:
            met = met.filter(pl.col("rank") <= pl.col("index"))
        met = met.filter(_in_days(told.days)).group_by("at", "record", "moment", maintain_order=True).agg(pl.col("value").last())
        ordered = met.sort("at", "moment", "record")
        value = pl.col("value")
        take = {"last": value.last(), "first": value.first(), "min": value.min(), "max": value.max(), "mean": value.mean()}
        found = ordered.group_by("at", maintain_order=True).agg(take[told.take])
        return units.with_row_index("at").select("at").join(found, on="at", how="left", maintain_order="left")["value"]

    def _about(self, units: pl.DataFrame, seen: pl.DataFrame, about: str) -> pl.DataFrame:
        """`at, index, record, moment`: which observation is of which unit."""
        subject = self._frames.relations("ABOUT")
        told = seen.join(subject.rename({"source": "record", "target": "subject"}), on="record").drop("role")
        numbered = units.with_row_index("at").select("at", "index", "person", "event")
        if about == "person":
            return numbered.join(told.rename({"subject": "person"}), on="person")
        pairs = self._reaching.below(told["subject"].unique().sort(), units["event"].unique().sort())
        return numbered.join(pairs, on="event").join(told, on="subject")

    # -- outcomes

    def _outcome(self, units: pl.DataFrame, told: OutcomeIs, take: str, at_index: bool) -> pl.Series:
        """Whether each unit has an outcome, or its first term, or its highest grade."""
        frames = self._frames
        found = frames.shown("Outcome").rename({"occurred_at_last": "moment"}).drop_nulls("moment")
        for name in ("type", "term"):
            if words := getattr(told, name):
                found = found.filter(pl.col(name).is_in(list(words)))
        if told.grade:
            found = found.filter(within(found["grade"], told.grade))
        if at_index:
            known = [frames.recorded.since("outcome", name).rename({"rank": name}) for name in ("type", "occurred_at")]
            found = found.join(known[0], on="record", suffix="_rank").join(known[1], on="record", suffix="_rank")
            found = found.with_columns(rank=pl.max_horizontal("type_rank", "occurred_at_rank"))
        met = self._attributed(units, found).filter(_in_days(told.days))
        if at_index:
            met = met.filter(pl.col("rank") <= pl.col("index"))
        met = met.unique(["at", "record"]).sort("at", "moment", "record")
        takes = {"any": pl.lit(True).first(), "term": pl.col("term").drop_nulls().first(), "grade": pl.col("grade").max()}
        each = met.group_by("at", maintain_order=True).agg(takes[take].alias("told"))
        result = units.with_row_index("at").select("at").join(each, on="at", how="left", maintain_order="left")["told"]
        return result.fill_null(False) if take == "any" else result

    def _attributed(self, units: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
        """The outcomes of each unit: of a person all, of an episode those attributed to it, of a material those of it."""
        numbered = units.with_row_index("at").select("at", "index", "unit")
        if self._definition.unit == "episode":
            return numbered.join(found.filter(pl.col("for_episode").is_not_null()), left_on="unit", right_on="for_episode")
        about = self._frames.relations("ABOUT").select(record="source", unit="target")
        return numbered.join(about, on="unit").join(found, on="record")

    # -- paths

    def _path(self, units: pl.DataFrame, path: Path, at: str) -> pl.Series:
        """Whether the lineage of each index event had it before and, if that matters, as was known then."""
        since = self._reaching.spread(Holding(self._view, self._reaching, self._at_index, f"{at}/path").told(path))
        return self._reaching.of_events(since, units["event"]) <= units["index"]


def _in_days(days: Range) -> pl.Expr:
    """Whether `moment` lies so many days from `index`."""
    apart = (pl.col("moment") - pl.col("index")) / DAY
    return apart.is_between(-FOREVER if days.min is None else days.min, FOREVER if days.max is None else days.max)


def _named(frames: Frames, numbers: pl.Series) -> pl.Series:
    """The ids of numbers, null where there is none."""
    named = frames.ids(numbers.fill_null(0).to_numpy()) if len(numbers) else pl.Series([], dtype=pl.String)
    return pl.select(pl.when(numbers.is_not_null()).then(named)).to_series()
