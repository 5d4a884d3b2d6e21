"""When what stands was recorded, so that a question can be answered with what was known at a moment.

Event time tells when something happened; the date of recording when somebody wrote it down, which may be after a decision
that must not have known of it. Words told at once need no look into the log; the others are read from it.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from graph.claims import RETRACTED, canonical_json
from graph.model import CLASSES, RELATIONS
from graph.record import role_of

if TYPE_CHECKING:
    from graph.frames import Frames

_CLASS_OF_OWNER = {"INPUT_TO": "event", "OUTPUT": "event", "SUBJECT_OF": "event"}


class Recorded:
    """Dates of recording (UTC microseconds) of values, relations and records, as one viewer may know them."""

    def __init__(self, frames: "Frames") -> None:
        self._frames = frames
        self._later: dict[str, list[tuple[int, int, dict[str, Any], int]]] = {}

    def values(self, cls: str, name: str) -> pl.DataFrame:
        """Everything ever stated of a field: `record, value, rank`, of each record the best word last.

        At a moment the last row of a record with a `rank` not after it is what was shown then (`graph.record`): the latest
        word of who answers for it, else of the smallest steward. Values that are references are numbers of records."""
        return self._frames.kept(f"said-{cls}-{name}", lambda: self._of_field(cls, name))

    def _of_field(self, cls: str, name: str) -> pl.DataFrame:
        frames = self._frames
        path, kind = frames.column(cls, name)
        words = frames.words(cls)
        once = words.filter(pl.col("at_once") & pl.col(path).is_not_null()).select("nid", "sid", "rank", value=path)
        rows = [(n, s, rank, fields[path]) for n, s, fields, rank in self._statements(cls) if fields.get(path) is not None]
        rows.sort(key=lambda row: canonical_json(row[3]))
        schema = {"nid": pl.UInt32, "sid": pl.UInt16, "rank": pl.Int64, "value": kind}
        told = pl.concat([once, pl.DataFrame(rows, schema=schema, orient="row", strict=False)])
        told = told.join(self._order(cls, path), on=["nid", "sid"], how="left", maintain_order="left")
        names = frames.stewards.gather(told["sid"])
        told = told.with_columns(record=pl.Series(frames.group).gather(told["nid"]), name=names)
        told = told.sort("record", "first", "name", "rank", descending=[False, False, True, False], maintain_order=True)
        value = frames.numbers(told["value"]) if path in RELATIONS else told["value"]
        return told.select("record", "rank", value=value)

    def _order(self, cls: str, path: str) -> pl.DataFrame:
        """`nid, sid, first`: whether a word is of who answers for the field."""
        words = self._frames.words(cls)
        is_handoff = (pl.col("kind") == "Handoff").any().over("nid").fill_null(False)
        words = words.with_columns(handoff=is_handoff) if "Handoff" in CLASSES[cls] else words.with_columns(handoff=pl.lit(False))
        parts = [(words.filter(pl.col("handoff") == told), role_of(path, told)) for told in (False, True)]
        return pl.concat(part.select("nid", "sid", first=self._frames.answers(part, role)) for part, role in parts)

    def since(self, cls: str, name: str) -> pl.DataFrame:
        """`record, rank`: since when the value that is shown of a field had been stated by anybody."""
        return self._frames.kept(f"since-{cls}-{name}", lambda: self._since(cls, name))

    def _since(self, cls: str, name: str) -> pl.DataFrame:
        shown = self._frames.of_class(cls).select("record", value=name).drop_nulls()
        same = self.values(cls, name).join(shown, on=["record", "value"], how="semi")
        return same.group_by("record").agg(pl.col("rank").min()).sort("record")

    def relations(self, type_: str) -> pl.DataFrame:
        """`source, target, rank`: the relations of a type between joined records, and when each was first recorded."""
        return self._frames.kept(f"recorded-{type_}", lambda: self._relations(type_))

    def _relations(self, type_: str) -> pl.DataFrame:
        frames, owned_by = self._frames, "src" if RELATIONS[type_].owner == "source" else "dst"
        edges = frames.edges((type_,)).with_columns(nid=owned_by)
        words = frames.words(_CLASS_OF_OWNER[type_]).select("nid", "sid", "at_once", "rank")
        edges = edges.join(words, on=["nid", "sid"], how="inner")
        first = self._first_stated(type_, owned_by)
        edges = edges.join(first, on=["src", "dst", "sid"], how="left")
        rank = pl.when("at_once").then("rank").otherwise(pl.coalesce("stated", "rank"))
        group = pl.Series(frames.group)
        ends = edges.select(source=group.gather(edges["src"]), target=group.gather(edges["dst"]), rank=rank)
        return ends.group_by("source", "target").agg(pl.col("rank").min()).sort("source", "target")

    def _first_stated(self, type_: str, owned_by: str) -> pl.DataFrame:
        """`src, dst, sid, stated`: of relations in words that were not told at once."""
        prefix, rows = f"{type_} ", []
        for nid, sid, fields, rank in self._statements(_CLASS_OF_OWNER[type_]):
            rows += [(nid, path[len(prefix) :], sid, rank) for path in fields if path.startswith(prefix) and path.count(" ") == 1]
        schema = {"nid": pl.UInt32, "other": pl.String, "sid": pl.UInt16, "stated": pl.Int64}
        told = pl.DataFrame(rows, schema=schema, orient="row")
        other = self._frames.own_numbers(told["other"])
        ends = {"src": told["nid"], "dst": other} if owned_by == "src" else {"src": other, "dst": told["nid"]}
        return told.select("sid", "stated").with_columns(**ends).group_by("src", "dst", "sid").agg(pl.col("stated").min())

    def of_class(self, cls: str) -> pl.DataFrame:
        """`record, rank`: when anything was first recorded of each record of a class."""
        return self._frames.kept(f"first-{cls}", lambda: self._first_of_class(cls))

    def _first_of_class(self, cls: str) -> pl.DataFrame:
        once = self._frames.words(cls).filter("at_once").select("nid", "rank")
        schema = {"nid": pl.UInt32, "rank": pl.Int64}
        later = pl.DataFrame([(nid, rank) for nid, _, _, rank in self._statements(cls)], schema=schema, orient="row")
        told = pl.concat([once, later])
        told = told.select("rank", record=pl.Series(self._frames.group).gather(told["nid"]))
        return told.group_by("record").agg(pl.col("rank").min()).sort("record")

    def _statements(self, cls: str) -> list[tuple[int, int, dict[str, Any], int]]:
        """`(number of the id, sid, fields, rank)` of the claims behind words that were not told at once."""
        if cls not in self._later:
            frames = self._frames
            words = frames.words(cls).filter(~pl.col("at_once"))
            standing = set(words.select("nid", "sid").iter_rows())
            ids = dict(zip(frames.ids(words["nid"].to_numpy()).to_list(), words["nid"].to_list(), strict=True))
            sids = {name: sid for sid, name in enumerate(frames.stewards.to_list())}
            told = frames.statements(list(ids)) if ids else []
            self._later[cls] = [
                (ids[record], sids[steward], dict(fields), rank)
                for record, steward, fields, rank in told
                if (ids[record], sids[steward]) in standing and not fields.get(RETRACTED)
            ]
        return self._later[cls]
