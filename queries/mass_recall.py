"""Recall on a whole graph at once: what `queries.recall` answers, as columns, for roots that reach any number of records.

What an event says of an object it acted on, made or took in (who has it after, in what state) does not depend on the root, so
it is worked out once for the graph; a recall is then one closure and the last word on each object reached.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph.frames import Frames
from graph.model import CLASSES
from graph.snapshot import Numbers, begins, rows_of
from graph.view import View
from queries.containment import EVER, NEVER, Window
from queries.recall import AFTER, INTO_PERSON
from queries.stays import all_borne, all_held

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MassRecall:
    """Everything down of the roots: `rows` are `id, key, kind, type, custodian, status`, ascending by `id`.

    `custodian` (id of an organisation or person) and `status` are those of objects; see `queries.recall`."""

    roots: tuple[str, ...]
    rows: pl.DataFrame

    @property
    def materials(self) -> int:
        """How many materials it reached."""
        return int((self.rows["kind"] == "Material").sum())

    @property
    def doses(self) -> int:
        """How many of them are doses."""
        return len(self.rows.filter((pl.col("kind") == "Material") & (pl.col("type") == "dose")))

    @property
    def persons(self) -> int:
        """How many persons it reached."""
        return int((self.rows["kind"] == "Person").sum())


def recall_all(view: View, roots: Collection[str], *, period: Window = EVER) -> MassRecall:
    """Everything down of records given by id, with present custodian and status; no limit but the View's deadline."""
    frames = view.frames
    flow = frames.once(_Flow)
    walked, beside = flow.walked(np.unique([frames.number(root) for root in roots]), period)
    view.deadline.check()
    return MassRecall(tuple(sorted(roots)), flow.answer(walked, beside))


class _Flow:
    """The whole graph, ready for recalls. Numbers are those of joined records."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    # -- the walk

    @property
    def _making(self) -> pl.DataFrame:
        """`source, target` of making, and from what was inside a container to the step that took it in."""
        return self._frames.kept("flow", self._all_making)

    def _all_making(self) -> pl.DataFrame:
        frames = self._frames
        through = self._held.join(frames.relations("INPUT_TO").select(container="source", target="target"), on="container")
        spans = frames.spans.rename({"record": "target"})
        met = (pl.col("first") < pl.col("end")) & (pl.col("last") >= pl.col("start"))
        taken_in = (
            through.join(spans, on="target", how="left").filter(met.fill_null(True)).select(source="content", target="target")
        )
        parts = [frames.relations(type_).select("source", "target") for type_ in ("INPUT_TO", "OUTPUT")]
        return pl.concat([*parts, taken_in]).unique().sort("source", "target")

    @cached_property
    def _onward(self) -> tuple[Numbers, Numbers]:
        """Where the relations out of each number begin, and their targets; none out of persons, who end a walk."""
        first, last = self._frames.of("person")
        edges = self._making.filter(~pl.col("source").is_between(first, last - 1))
        return begins(edges["source"], len(self._frames)), edges["target"].to_numpy().astype(np.int64)

    def walked(self, roots: Numbers, period: Window) -> tuple[Mask, pl.DataFrame]:
        """What is made of the roots: themselves, what events among them acted on, what containers among them held, what is for
        orders among them. And `object, event` of the containers that events of an order acted on, which are told beside it."""
        seen = np.zeros(len(self._frames), np.bool_)
        serving = np.setdiff1d(self._serving(pl.Series(roots)), roots)
        beside = self._subjects.filter(pl.col("event").is_in(serving)).join(self._boxes, on="object", how="semi")
        every = np.concatenate([roots, serving])
        starts = np.concatenate([every, *self._stood_for(pl.Series(every), beside, period)])
        frontier = np.unique(starts).astype(np.int64)
        seen[frontier] = True
        begin, targets = self._onward
        while len(frontier):
            ends = targets[rows_of(begin, frontier)]
            frontier = np.unique(ends[~seen[ends]])
            seen[frontier] = True
        return seen, beside

    def _serving(self, roots: pl.Series) -> NDArray[np.uint32]:
        """The objects and events of the orders among roots."""
        first, last = self._frames.of("episode")
        orders = roots.filter(roots.is_between(first, last - 1))
        if orders.is_empty():
            return np.empty(0, np.uint32)
        served = self._frames.relations("FOR_EPISODE").filter(pl.col("target").is_in(orders.implode()))["source"]
        kinds = [served.is_between(first, last - 1) for first, last in map(self._frames.of, ("object", "event"))]
        return served.filter(kinds[0] | kinds[1]).to_numpy()

    @cached_property
    def _boxes(self) -> pl.DataFrame:
        """`object`: the containers, whose journeys concern only what was inside."""
        return self._frames.shown("Container").select(object="record")

    def _stood_for(self, roots: pl.Series, beside: pl.DataFrame, period: Window) -> list[NDArray[np.uint32]]:
        """What roots stand for besides themselves, and besides the acts (`object, event`) that are told beside them."""
        named = roots.implode()
        first, last = self._frames.of("person")
        persons = self._making.filter(pl.col("source").is_in(named) & pl.col("source").is_between(first, last - 1))
        overlap = pl.min_horizontal("end", pl.lit(period.end)) > pl.max_horizontal("start", pl.lit(period.start))
        inside = self._held.filter(pl.col("container").is_in(named) & overlap)
        found = [persons["target"], inside["content"]]
        first, last = self._frames.of("event")
        if roots.is_between(first, last - 1).any():
            subjects = self._subjects.filter(pl.col("event").is_in(named)).join(beside, on=["object", "event"], how="anti")
            carried = self._borne.filter(pl.col("event").is_in(named)).rename({"container": "object"})
            own = carried.join(beside, on=["object", "event"], how="anti")
            boxed = carried.join(beside, on=["object", "event"], how="semi").join(
                self._boxes.select(content="object"), on="content", how="anti"
            )
            found += [subjects["object"], own["content"], boxed["content"]]
        return [each.to_numpy() for each in found]

    # -- what acted

    @cached_property
    def _held(self) -> pl.DataFrame:
        return all_held(self._frames)

    @cached_property
    def _borne(self) -> pl.DataFrame:
        return all_borne(self._frames)

    @cached_property
    def _subjects(self) -> pl.DataFrame:
        direct = self._frames.relations("SUBJECT_OF").select(object="source", event="target")
        return self._frames.kept("subjects", lambda: direct.unique().sort("object", "event"))

    @property
    def _events(self) -> pl.DataFrame:
        """`event, last, first, holder, state, made_state, used_state, into`: what each event says of what it acted on."""
        return self._frames.kept("sayings", self._all_events)

    def _all_events(self) -> pl.DataFrame:
        frames = self._frames
        told = frames.of_class("event").rename({"record": "event"})
        told = told.join(frames.spans.rename({"record": "event"}), on="event", how="left")
        is_handoff = pl.col("kind") == "Handoff"
        given = pl.coalesce("from", "carried_by", "to")
        begun = pl.any_horizontal(pl.col(name).is_not_null() for name in ("refused_at", "picked_up_at", "delivered_at"))
        accepted = pl.col("accepted_at").is_not_null()
        carried = pl.when(begun).then(pl.coalesce("carried_by", "from", "to")).otherwise(given)
        holder = pl.when(is_handoff).then(pl.when(accepted).then(pl.coalesce("to", "carried_by", "from")).otherwise(carried))
        arrived = pl.when(accepted).then(pl.lit("accepted")).otherwise(pl.lit("in_transit"))
        moved = pl.when(pl.col("refused_at").is_not_null()).then(pl.lit("refused")).otherwise(pl.coalesce("disposition", arrived))
        said = ~pl.col("status").is_in(["planned", "aborted"]).fill_null(False)
        after = pl.col("type").replace_strict(AFTER, default=None, return_dtype=pl.String)
        done = ~(pl.col("status") == "planned").fill_null(False)
        into = pl.col("type").is_in(sorted(INTO_PERSON)).fill_null(False) & ~is_handoff & done
        failed = (pl.col("status") == "failed").fill_null(False)
        used = pl.when(into).then(pl.lit("infused")).otherwise(pl.lit("used"))
        return told.select(
            "event",
            "first",
            "last",
            holder=holder.when(done).then(pl.coalesce("performed_by", "at")),
            state=pl.when(is_handoff).then(moved).when(said).then(pl.coalesce("disposition", after)),
            used_state=pl.when(is_handoff).then(moved).when(said).then(pl.coalesce("disposition", used)),
            made_state=pl.when(failed & ~is_handoff).then(pl.lit("failed")),
            into=into,
        )

    @cached_property
    def _treated(self) -> pl.DataFrame:
        """`event, person`: to whom a step gave something."""
        persons = self._frames.shown("Person").select(target="record")
        given = self._frames.relations("OUTPUT").join(persons, on="target")
        return given.group_by("source").agg(pl.col("target").max()).select(event="source", person="target")

    def _told(self, acts: pl.DataFrame) -> pl.DataFrame:
        """`object, event, holder, state, made, used` of acts (`object, event, made, used`), of each object in order of time."""
        found = acts.join(self._events, on="event").join(self._treated, on="event", how="left")
        holder = pl.when(pl.col("used") & pl.col("into")).then(pl.coalesce("person", "holder")).otherwise("holder")
        state = pl.when("used").then("used_state").otherwise("state")
        found = found.with_columns(holder=holder, state=pl.when("made").then(pl.coalesce("made_state", state)).otherwise(state))
        order = pl.col("last", "first").fill_null(NEVER)
        found = found.with_columns(order).sort("object", "last", "first", "event")
        return found.select("object", "event", "holder", "state", "made", "used")

    @property
    def _trails(self) -> pl.DataFrame:
        """What events say of objects: of those that made or took in an object all, of those that acted on it the last words.

        What acted on an object counts whatever the root, so of it no word but the last can ever be the last."""
        return self._frames.kept("trails", self._all_trails)

    def _all_trails(self) -> pl.DataFrame:
        no, making = pl.lit(False), self._makings
        others = self._last_words(making).select("object", "event", made=no, used=no)
        return self._told(pl.concat([making, others]))

    @cached_property
    def _makings(self) -> pl.DataFrame:
        """`object, event, made, used`: what made or took in each object."""
        frames, no, yes = self._frames, pl.lit(False), pl.lit(True)
        made = frames.relations("OUTPUT").select(object="target", event="source", made=yes, used=no)
        used = frames.relations("INPUT_TO").select(object="source", event="target", made=no, used=yes)
        return pl.concat([made, used]).group_by("object", "event").agg(pl.col("made", "used").any())

    @property
    def _alone(self) -> pl.DataFrame:
        """`object, event`: what acted on each object itself without making it or taking it in."""
        pairs = ["object", "event"]
        return self._frames.kept("alone", lambda: self._subjects.join(self._makings, on=pairs, how="anti").sort(pairs))

    def _last_words(self, making: pl.DataFrame) -> pl.DataFrame:
        """`object, event`: of what only acted on an object, the last that tells who has it, and the last that tells its state."""
        size = len(self._frames)
        makes = np.zeros(size, np.bool_)
        makes[making["event"].to_numpy()] = True
        through = self._borne.select("event", object="content").filter(pl.Series(makes[self._borne["event"].to_numpy()]))
        not_alone = through.join(making, on=["object", "event"], how="semi").unique()
        acted = [self._alone, self._borne.select("event", object="content")]
        if len(not_alone):
            acted[1] = acted[1].join(not_alone, on=["object", "event"], how="anti")
        events = self._events.sort(pl.col("last", "first").fill_null(NEVER), "event")
        found = []
        for says in ("holder", "state"):
            speaking = events.filter(pl.col(says).is_not_null())["event"].to_numpy()
            turn, last = np.full(size, -1, np.int32), np.full(size, -1, np.int32)
            turn[speaking] = np.arange(len(speaking), dtype=np.int32)
            for pairs in acted:
                np.maximum.at(last, pairs["object"].to_numpy(), turn[pairs["event"].to_numpy()])
            told = np.flatnonzero(last >= 0).astype(np.uint32)
            found.append(pl.DataFrame({"object": told, "event": speaking[last[told]]}))
        return pl.concat(found).unique()

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        """The columns that recalls choose rows by: of `_trails`, of `_alone` (`subject`, `act`), the row of `_subjects` behind each
        row of `_borne`, and where in that the rows of each content begin."""
        trails, alone = self._trails, self._alone
        return {
            **{name: trails[name].to_numpy() for name in ("object", "event")},
            "making": (trails["made"] | trails["used"]).to_numpy(),
            "subject": alone["object"].to_numpy(),
            "act": alone["event"].to_numpy(),
            "borne": self._frames.kept("borne-subjects", self._borne_subjects)["row"].to_numpy(),
            "borne_of": self._frames.begins("borne", lambda: self._borne["content"]),
        }

    def _borne_subjects(self) -> pl.DataFrame:
        """`row`: for each row of `_borne`, that of `_subjects` which says that the event acted on the container."""
        direct = _coded(self._subjects, "object", "event")
        rows = np.searchsorted(direct, _coded(self._borne, "container", "event"))
        return pl.DataFrame({"row": rows.astype(np.uint32)})

    # -- the answer

    @property
    def _records(self) -> pl.DataFrame:
        """`record, kind, type, stated` of everything, by `record`."""
        return self._frames.kept("records", self._all_records)

    def _all_records(self) -> pl.DataFrame:
        frames = self._frames
        every = pl.DataFrame({"record": np.arange(len(frames), dtype=np.uint32)})
        told = [self._of_class(cls) for cls in CLASSES]
        return every.join(pl.concat(told), on="record", how="left", maintain_order="left")

    def _of_class(self, cls: str) -> pl.DataFrame:
        shown = self._frames.of_class(cls)
        type_ = pl.col("type") if "type" in shown.columns else pl.lit(None, dtype=pl.String)
        stated = pl.col("status") if cls == "object" else pl.lit(None, dtype=pl.String)
        return shown.select("record", "kind", type=type_, stated=stated)

    def answer(self, walked: Mask, beside: pl.DataFrame) -> pl.DataFrame:
        """The finished rows of a walk: what it made, what acted on that, and what held it; see `walked` for `beside`."""
        columns, included = self._columns, walked.copy()
        first, last = self._frames.of("object")
        here = walked[columns["object"]] & (columns["object"] >= first) & (columns["object"] < last)
        included[columns["act"][walked[columns["subject"]]]] = True
        borne_ = np.zeros(len(self._subjects), np.bool_)
        borne_[columns["borne"][rows_of(columns["borne_of"], np.flatnonzero(walked))]] = True
        carried = pl.concat([self._subjects.filter(pl.Series(borne_)), beside]).unique()
        included[carried["event"].to_numpy()] = True
        holding = self._held.filter(pl.Series(walked[self._held["content"].to_numpy()]))["container"]
        containers = pl.concat([holding, beside["object"]]).unique()
        included[containers.to_numpy()] = True
        around = self._told(self._of_containers(containers.filter(~pl.Series(walked[containers.to_numpy()])), carried, included))
        trail = pl.concat([self._trails.filter(pl.Series(here)), around])
        word = [pl.col(name).drop_nulls().last() for name in ("holder", "state")]
        told = trail.group_by("object", maintain_order=True).agg(word).rename({"object": "record"})
        numbers = np.flatnonzero(included)
        rows = self._records[numbers].join(told, on="record", how="left", maintain_order="left")
        state = pl.when(pl.col("record").is_between(first, last - 1)).then(pl.coalesce("state", "stated"))
        found = rows.with_columns(id=self._frames.ids(numbers), key=self._frames.keys(numbers), status=state)
        return found.select("id", "key", "kind", "type", custodian=self._ids(found["holder"]), status="status")

    def _of_containers(self, containers: pl.Series, carried: pl.DataFrame, included: Mask) -> pl.DataFrame:
        """What acted on containers that are not walked while they held what is, and what made them or took them in."""
        trails, columns = self._trails, self._columns
        own = trails.filter(
            pl.Series(columns["making"] & included[columns["event"]]) & pl.col("object").is_in(containers.implode())
        )
        borne_by = carried.filter(pl.col("object").is_in(containers.implode()))
        no = pl.lit(False)
        parts = [
            own.select("object", "event", "made", "used"),
            borne_by.select("object", "event", made=no, used=no),
        ]
        return pl.concat(parts).group_by("object", "event").agg(pl.col("made", "used").any())

    def _ids(self, numbers: pl.Series) -> pl.Series:
        if not len(numbers):
            return pl.Series([], dtype=pl.String)
        return pl.select(pl.when(numbers.is_not_null()).then(self._frames.ids(numbers.fill_null(0).to_numpy()))).to_series()


def _coded(pairs: pl.DataFrame, high: str, low: str) -> Numbers:
    """One number for each row, ascending as the pairs do."""
    coded: Numbers = pairs[high].to_numpy().astype(np.int64) << 32 | pairs[low].to_numpy()
    return coded
