"""Where the parties contradict each other in a whole graph: what two stewards tell differently of one record."""

from dataclasses import dataclass, field, replace

import polars as pl

from graph.model import CLASSES
from graph.record import Record
from graph.view import View

_SLICE = 2_000


@dataclass
class Contradiction:
    """Two stewards who tell the field `name` of records of one kind differently; `first` is shown first. Records are in order of
    id."""

    name: str
    kind: str
    first: str
    other: str
    records: list[Record] = field(default_factory=list)

    def said(self, record: Record) -> tuple[object, object]:
        """What `first` and `other` say of one of the records."""
        told = next(each["values"] for each in record.disagreements if each["field"] == self.name)
        words = {word["steward"]: word["value"] for word in told}
        return words[self.first], words[self.other]


def contradictions(view: View) -> list[Contradiction]:
    """All disagreements a viewer can see, by field, kind of record and the two stewards; those with most records first."""
    found: dict[tuple[str, str, str, str], Contradiction] = {}
    for record in _of_several_stewards(view):
        for told in record.disagreements:
            first, *others = told["values"]
            for word in others:
                if len(others) == 1 or _differ(record, told["field"], first["steward"], word["steward"]):
                    key = (told["field"], record.kind or "", first["steward"], word["steward"])
                    found.setdefault(key, Contradiction(*key)).records.append(record)
    return [found[key] for key in sorted(found, key=lambda key: (-len(found[key].records), key))]


def _differ(record: Record, name: str, *stewards: str) -> bool:
    """Whether two among several stewards say different things: others may have been the ones who disagree."""
    of_two = replace(record, words={steward: record.words[steward] for steward in sorted(stewards)})
    return any(told["field"] == name for told in of_two.disagreements)


def _of_several_stewards(view: View) -> list[Record]:
    """The records of which more than one steward says something, by id."""
    frames, records = view.frames, dict[str, Record]()
    for cls in CLASSES:
        told = frames.words(cls)
        words = told.select("sid", record=pl.Series(frames.group).gather(told["nid"]))
        several = words.group_by("record").agg(pl.col("sid").n_unique()).filter(pl.col("sid") > 1)["record"].sort()
        for rows in several.to_frame().iter_slices(_SLICE):
            view.deadline.check()
            records |= view.records(view.joined(frames.ids(rows["record"].to_numpy()).to_list()))
    return [records[record] for record in sorted(records)]
