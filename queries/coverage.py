"""What each party's records lack: required fields, days from event to record, references to nothing, disagreements, and handoffs of
which it has not told its side. It is what each party owes the others, for whom its silence is a gap in the lineage.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import polars as pl

from graph.codes import TYPES
from graph.frames import Frames
from graph.model import CLASSES, MODELS, RELATIONS
from graph.record import EVENT_TIMES
from graph.view import View
from queries.handoffs import PACKING
from queries.organizations import Organizations

EXPECTED: dict[str, tuple[str, ...]] = {
    "Organization": ("name", "type"),
    "Person": ("role",),
    "Episode": ("person", "therapy", "intent", "ordered_at"),
    "Material": ("type", "name|product_code"),
    "Container": ("type",),
    "Step": ("type", "started_at", "status", "performed_by", "at"),
    "Observation": ("about", "code", "value|value_text", "observed_at|started_at"),
    "Outcome": ("about", "type", "term", "occurred_at"),
    "Consent": ("person", "purposes", "valid_from"),
}
"""What the questions about lineage, waits and cohorts need of each record; `a|b`: one of the two."""
PACKED = ("type", "started_at")
"""What is needed of a packing or unpacking."""
SIDES: dict[str, tuple[str, ...]] = {
    "FROM": ("to", "released_at"),
    "CARRIED_BY": ("picked_up_at", "delivered_at"),
    "TO": ("from", "accepted_at|refused_at"),
}
"""What each side of a handoff is expected to tell of it, by its relation to the handoff."""
SIDE_NAMES = {"FROM": "giver", "CARRIED_BY": "carrier", "TO": "taker"}
_TIMES = {"Step": EVENT_TIMES, "Handoff": EVENT_TIMES, "Observation": (".observed_at", ".ended_at"), "Outcome": (".occurred_at",)}
_SECOND = 1_000_000
_EXAMPLES = 3


class Coverage:
    """The coverage of what one View shows; each table is worked out when it is asked for, in order of steward."""

    def __init__(self, view: View) -> None:
        self._view, self._frames = view, view.frames

    # -- required fields

    @cached_property
    def fields(self) -> pl.DataFrame:
        """`steward, kind, type, field, records, present, share`: of a steward's records of a kind, and of a step its type, those
        that have a required field. The type of a handoff is the side that the steward has in it."""
        parts = [self._present(kind, self._of_kind(kind), expected) for kind, expected in EXPECTED.items() if kind != "Step"]
        steps = self._of_kind("Step")
        packs = pl.col("type").is_in(PACKING).fill_null(False)
        parts += [self._present("Step", steps.filter(packs), PACKED), self._present("Step", steps.filter(~packs), EXPECTED["Step"])]
        handoffs = self._of_kind("Handoff")
        joined = handoffs.with_columns(nid=pl.Series(self._frames.group).gather(handoffs["nid"]))
        for role, expected in SIDES.items():
            of_side = handoffs.filter(self._frames.answers(joined, role)).with_columns(type=pl.lit(SIDE_NAMES[role]))
            parts.append(self._present("Handoff", of_side, expected))
        found = pl.concat(parts).with_columns(share=pl.col("present") / pl.col("records"))
        columns = ("steward", "kind", "type", "field", "records", "present", "share")
        return found.select(columns).sort(columns[:4], nulls_last=False)

    def _of_kind(self, kind: str) -> pl.DataFrame:
        """The words of stewards that say what a record is, with `type` where it is a step."""
        cls = MODELS[kind].CLASS
        type_ = pl.col(".type").cast(pl.String) if kind == "Step" else pl.lit(None, pl.String)
        return self._frames.words(cls).filter(pl.col("kind") == kind).with_columns(type=type_)

    def _present(self, kind: str, words: pl.DataFrame, expected: tuple[str, ...]) -> pl.DataFrame:
        """Rows of `fields` for some words."""
        has = (pl.any_horizontal(*(self._has(kind, words, name) for name in field.split("|"))).alias(field) for field in expected)
        told = words.select("sid", pl.col("type").alias("_type"), *has)
        counted = told.group_by("sid", "_type").agg(pl.len().alias("_records"), *(pl.col(name).sum() for name in expected))
        each = counted.unpivot(list(expected), index=["sid", "_type", "_records"], variable_name="field", value_name="present")
        steward = self._frames.stewards.gather(each["sid"])
        return each.select("field", "present", kind=pl.lit(kind), type="_type", records="_records", steward=steward)

    def _has(self, kind: str, words: pl.DataFrame, name: str) -> pl.Expr:
        if name in ("about", "person"):
            about = self._frames.edges(("ABOUT",)).select(nid="src", sid="sid").unique()
            found = words.select("nid", "sid").join(
                about.with_columns(here=True), on=["nid", "sid"], how="left", maintain_order="left"
            )
            return pl.lit(found["here"].fill_null(False))
        return pl.col(self._frames.column(MODELS[kind].CLASS, name)[0]).is_not_null()

    # -- from event to record

    @cached_property
    def delays(self) -> pl.DataFrame:
        """`steward, kind, type, records, undated, p50_s, p90_s`: seconds from the end of an event to its recording (linear
        percentiles); `undated` are records that tell no date of recording, or no time, of which it is not known."""
        loads = pl.Series(sorted({commit.load_time for commit in self._view.commits()}), dtype=pl.Int64)
        parts = []
        for kind, paths in _TIMES.items():
            words = self._of_kind(kind)
            ended = self._latest(words, [path for path in paths if path in words.columns])
            dated = ~pl.col("rank").is_in(loads.implode())
            delay = pl.when(dated).then((pl.col("rank") - ended) / _SECOND)
            told = words.select("sid", "type", kind=pl.lit(kind), delay=delay)
            parts.append(told)
        told = pl.concat(parts).with_columns(steward=self._frames.stewards.gather(pl.concat(parts)["sid"]))
        return (
            told.group_by("steward", "kind", "type")
            .agg(
                records=pl.len(),
                undated=pl.col("delay").is_null().sum(),
                p50_s=pl.col("delay").quantile(0.5, "linear"),
                p90_s=pl.col("delay").quantile(0.9, "linear"),
            )
            .sort("steward", "kind", "type", nulls_last=False)
        )

    def _latest(self, words: pl.DataFrame, paths: list[str]) -> pl.Series:
        """The last moment (UTC microseconds) that each word gives among some instants."""
        ends = [Frames.moments(words[path])["last"].alias(path) for path in paths]
        return pl.DataFrame(ends).select(last=pl.max_horizontal(*paths))["last"]

    # -- references to nothing

    @cached_property
    def dangling(self) -> pl.DataFrame:
        """`steward, relation, references, dangling, share`: relations to records of which nobody whose word is seen says what
        they are."""
        frames = self._frames
        described = np.zeros(len(frames), np.bool_)
        for cls in CLASSES:
            words = frames.words(cls)
            described[frames.group[words.filter(pl.col("kind").is_not_null())["nid"].to_numpy()]] = True
        names = tuple(name for name in RELATIONS if name != "SAME_AS")
        by_target = {name for name in names if RELATIONS[name].owner == "target"}
        edges = frames.edges(names).with_columns(relation=pl.col("type").replace_strict(TYPES, return_dtype=pl.String))
        other = edges.select(pl.when(pl.col("relation").is_in(by_target)).then("src").otherwise("dst"))["src"]
        known = pl.Series(described[frames.group[other.to_numpy()]])
        told = edges.with_columns(steward=frames.stewards.gather(edges["sid"]), known=known).group_by("steward", "relation")
        found = told.agg(references=pl.len(), dangling=pl.col("known").not_().sum())
        return found.with_columns(share=pl.col("dangling") / pl.col("references")).sort("steward", "relation")

    # -- disagreements

    @cached_property
    def disagreements(self) -> pl.DataFrame:
        """`steward, kind, field, told, disagreed`: of the records of which others tell the same field, those where they tell
        something else. Instants are compared as moments, references by the records they name."""
        parts = [part for cls in CLASSES for part in self._compared(cls)]
        schema = {"steward": pl.String, "kind": pl.String, "field": pl.String, "told": pl.UInt32, "disagreed": pl.UInt32}
        found = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
        return found.sort("steward", "kind", "field")

    def _compared(self, cls: str) -> Iterator[pl.DataFrame]:
        frames = self._frames
        words = frames.words(cls)
        words = words.with_columns(record=pl.Series(frames.group).gather(words["nid"])).sort("record", "sid", "rank")
        words = words.filter(pl.col("sid").n_unique().over("record") > 1)
        if not len(words):
            return
        kind = words.group_by("record").agg(pl.col("kind").drop_nulls().first())
        for name, path in frames.fields(cls).items():
            value = frames.comparable(cls, name, words[path])
            told = words.select("record", "sid", value=value).drop_nulls().unique(["record", "sid"], keep="last")
            several = told.with_columns(
                others=pl.len().over("record") > 1, differ=pl.col("value").n_unique().over("record") > 1
            ).filter("others")
            if len(several):
                counted = (
                    several.join(kind, on="record").group_by("sid", "kind").agg(told=pl.len(), disagreed=pl.col("differ").sum())
                )
                steward = frames.stewards.gather(counted["sid"])
                told_of = counted.select(pl.col("kind").fill_null(""), "told", "disagreed", steward=steward, field=pl.lit(name))
                yield told_of.select("steward", "kind", "field", "told", "disagreed")

    # -- handoffs told by one side

    @cached_property
    def owed(self) -> pl.DataFrame:
        """`debtor, creditor, side, handoffs, oldest, examples`: handoffs of which one side has told and another, that it names, has
        not: how many, the first moment of the oldest (UTC microseconds), and the ids of the three oldest. Who owes and who is
        owed are organisations, by the numbers of their records. To a viewer who does not see the other side nobody owes."""
        frames = self._frames
        schema = {"debtor": pl.UInt32, "creditor": pl.UInt32, "side": pl.String, "handoffs": pl.UInt32, "oldest": pl.Int64}
        if self._view.viewer is not None:
            return pl.DataFrame(schema={**schema, "examples": pl.List(pl.String)})
        words = frames.words("event").filter(
            pl.col("kind").is_not_null() | pl.col("FROM").is_not_null() | pl.col("TO").is_not_null()
        )
        words = words.with_columns(nid=pl.Series(frames.group).gather(words["nid"]))
        spoke = words.select(record="nid", **{role: frames.answers(words, role) for role in SIDES})
        spoke = spoke.group_by("record").agg(pl.col(*SIDES).any())
        begun = frames.spans.select("record", begun="first")
        told = frames.shown("Handoff").select("record", "id", "from", "to", "carried_by")
        told = told.join(spoke, on="record").join(begun, on="record", how="left")
        ends = {"FROM": "from", "TO": "to", "CARRIED_BY": "carried_by"}
        parts = []
        for role, creditor in (("TO", "FROM"), ("FROM", "TO"), ("CARRIED_BY", "FROM")):
            silent = ~pl.col(role) & pl.col(creditor) & pl.col(ends[role]).is_not_null() & pl.col(ends[creditor]).is_not_null()
            parts.append(
                told.filter(silent).select("id", "begun", debtor=ends[role], creditor=ends[creditor], side=pl.lit(SIDE_NAMES[role]))
            )
        found = pl.concat(parts)
        organizations = Organizations(frames)
        above = {department: organizations.top(department) for department in organizations.above}
        found = found.with_columns(pl.col("debtor", "creditor").replace(above)).filter(pl.col("debtor") != pl.col("creditor"))
        return (
            found.sort("begun", "id", nulls_last=True)
            .group_by("debtor", "creditor", "side", maintain_order=True)
            .agg(handoffs=pl.len(), oldest=pl.col("begun").min(), examples=pl.col("id").head(_EXAMPLES))
            .sort("handoffs", "debtor", "creditor", "side", descending=[True, False, False, False])
        )
