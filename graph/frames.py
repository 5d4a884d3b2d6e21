"""What a viewer sees of a whole graph, as Polars frames: one row a joined record, values shown as `graph.record` shows them.

Everyday records (one id) are put together column by column. Those of several ids are put together by the View itself,
whose rules for ranks are not repeated here.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic.fields import FieldInfo

from graph import times
from graph.claims import RETRACTED, canonical_json
from graph.codes import CODES, ROLES
from graph.joins import groups
from graph.model import CLASSES, MODELS, RELATIONS
from graph.part import Part
from graph.record import EVENT_TIMES, Parties, Record, role_of
from graph.snapshot import Numbers, Snapshot, begins, kept

if TYPE_CHECKING:
    from graph.recorded import Recorded

_SLICE = 100_000
"""How many documents are taken apart at a time: they take several times as much memory as what is kept of them."""
T = TypeVar("T")
Assembled = Callable[[Collection[str]], dict[str, Record]]
Told = Callable[[Collection[str]], list[tuple[str, str, Mapping[str, Any], int]]]
Answering = Callable[[set[str]], Parties]


class Frames:
    """The frames of one viewer at a snapshot's commit. Records are numbered as in the snapshot, a joined one by its smallest id.

    `stewards` are those the viewer sees (None: all); `records`, `parties` and `statements` are the View's own ways to put
    records of several ids together, to tell who answers for an organisation, and what was ever stated of records."""

    def __init__(
        self, snapshot: Snapshot, stewards: Collection[str] | None, records: Assembled, parties: Answering, statements: Told
    ) -> None:
        self._snapshot, self._records, self._parties, self.statements = snapshot, records, parties, statements
        self._sids = [sid for sid, name in enumerate(snapshot.stewards) if stewards is None or name in stewards]
        self._viewer = "all" if stewards is None else sha256("\n".join(sorted(stewards)).encode()).hexdigest()[:16]
        self._made: dict[str, pl.DataFrame] = {}
        self._said: dict[str, pl.DataFrame] = {}
        self._worked_out: dict[Callable[[Frames], Any], Any] = {}

    def kept(self, name: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """What `make` gives of this viewer's graph: made once, and kept beside the snapshot where that is kept."""
        if name not in self._made:
            self._made[name] = kept(self._snapshot.place, f"{name}-{self._viewer}", make)
        return self._made[name]

    def once(self, make: "Callable[[Frames], T]") -> T:
        """What `make` works out of these frames: once, and for as long as they are."""
        if make not in self._worked_out:
            self._worked_out[make] = make(self)
        found: T = self._worked_out[make]
        return found

    def begins(self, name: str, column: Callable[[], pl.Series]) -> Numbers:
        """Where the rows of each number begin in an ascending `column` of numbers, kept as `kept` does; one more at the end."""
        told = self.kept(f"begins-{name}", lambda: pl.DataFrame({"begin": begins(column(), len(self))}))
        found: Numbers = told["begin"].to_numpy()
        return found

    # -- ids

    @cached_property
    def group(self) -> NDArray[np.uint32]:
        """The number of the joined record of each id."""
        found: NDArray[np.uint32] = self.kept("group", lambda: pl.DataFrame({"group": self._group()}))["group"].to_numpy()
        return found

    def _group(self) -> NDArray[np.uint32]:
        found = np.arange(len(self._snapshot.ids), dtype=np.uint32)
        same = self.edges(("SAME_AS",))
        for number, members in groups(zip(same["src"].to_list(), same["dst"].to_list(), strict=True)).items():
            found[number] = min(members)
        return found

    @cached_property
    def _joined(self) -> NDArray[np.bool_]:
        """Whether each id is one of several of its record."""
        found: NDArray[np.bool_] = self.group != np.arange(len(self.group), dtype=np.uint32)
        found[self.group[found]] = True
        return found

    @property
    def part(self) -> Part | None:
        """Of which part of the graph these are; None of all."""
        return self._snapshot.part

    def followed(self, records: pl.Series) -> pl.Series:
        """Whether all that acted on each of the records (numbers) is here: of a part of a graph it may not be."""
        return self._snapshot.ids["followed"].gather(records)

    def number(self, record: str) -> int:
        """The number of the record that an id of this graph belongs to; -1, which is nobody's, of one left out of a part."""
        numbers = self._snapshot.numbers([record])
        return int(self.group[numbers[0]]) if len(numbers) else -1

    def of(self, cls: str) -> tuple[int, int]:
        """The first number of the ids of a class, and the first after them."""
        first, last = (int(self._snapshot.ids["id"].search_sorted(f"{cls}{end}")) for end in ("-", "."))
        return first, last

    def __len__(self) -> int:
        return len(self._snapshot.ids)

    def ids(self, numbers: Numbers | list[int]) -> pl.Series:
        """The ids of records by number."""
        return self._snapshot.ids["id"].gather(numbers)

    def keys(self, numbers: Numbers | list[int]) -> pl.Series:
        """The keys behind the ids of records by number."""
        return self._snapshot.ids["key"].gather(numbers)

    # -- relations

    @cached_property
    def recorded(self) -> "Recorded":
        """When what stands was recorded."""
        from graph.recorded import Recorded

        return Recorded(self)

    def edges(self, types: Collection[str]) -> pl.DataFrame:
        """`type` (code), `src`, `dst`, `sid` of the relations of these types that a viewer sees, ids not joined."""
        codes = [code for type_ in types for code in CODES[type_]]
        seen = pl.col("type").is_in(codes) & pl.col("sid").is_in(self._sids)
        return self._snapshot.edges.lazy().filter(seen).select("type", "src", "dst", "sid").collect()

    def relations(self, type_: str) -> pl.DataFrame:
        """`source, target, role` (numbers of joined records) of the relations of a type, each once, ascending."""
        return self.kept(f"relation-{type_}", lambda: self._relations(type_))

    def _relations(self, type_: str) -> pl.DataFrame:
        edges = self.edges((type_,))
        group = pl.Series(self.group)
        role = pl.col("type").replace_strict(ROLES, default=None, return_dtype=pl.String)
        named = edges.select(source=group.gather(edges["src"]), target=group.gather(edges["dst"]), role=role)
        return named.unique().sort("source", "target", "role")

    # -- records

    def shown(self, kind: str) -> pl.DataFrame:
        """The records of a kind: `record` (number), `id`, and the columns of its model; ascending by `record`.

        References are numbers of joined records. An instant `X` is text as told, with `X_first` and `X_last` beside it:
        first and last UTC microsecond of it."""
        model = MODELS[kind]
        columns = _columns(model.CLASS)
        names = [name for n, info in model.model_fields.items() if (name := info.alias or n) in columns.names]
        moments = [f"{name}_{end}" for name in model.INSTANTS for end in ("first", "last")]
        shown = self.of_class(model.CLASS).lazy().filter(pl.col("kind") == kind).select("record", "id", *names, *moments)
        return self.kept(f"kind-{kind}", shown.collect)

    def of_class(self, cls: str) -> pl.DataFrame:
        """All records of a class that anybody says something of: as `shown`, with `kind` and the columns of all its kinds."""
        return self.kept(f"class-{cls}", lambda: self._of_class(cls))

    def _of_class(self, cls: str) -> pl.DataFrame:
        columns = _columns(cls)
        words = self.words(cls)
        joined = pl.Series(self._joined).gather(words["nid"])
        handoff = (pl.col("kind") == "Handoff").any().over("nid").fill_null(False)
        single = words.filter(~joined).with_columns(handoff=handoff)
        parts = [self._by_answer(single.filter(pl.col("handoff") == is_one), is_one, columns) for is_one in (False, True)]
        whole = pl.concat([*parts, self._of_several(words.filter(joined), columns)]).sort("record")
        return self._finished(whole, columns)

    def extension(self, cls: str, name: str) -> pl.DataFrame:
        """`record, value` (text, or JSON of what is none) of a value `x:NAME` that no model knows, of each record of a class that
        shows one.

        Not of events: of any other record the smallest steward's is shown, as nobody answers for it."""
        return self.kept(f"extension-{cls}-{name}", lambda: self._extension(cls, f".x:{name}"))

    def _extension(self, cls: str, path: str) -> pl.DataFrame:
        doc = pl.col("doc").cast(pl.String)
        value, taken = (doc.str.json_path_match(f"$.f['{each}']") for each in (path, RETRACTED))
        stands = pl.col("value").is_not_null() & (pl.col("taken").fill_null("") != "true")

        def read(seen: pl.DataFrame) -> pl.DataFrame:
            some = seen.filter(doc.str.contains(f'"{path}":', literal=True))
            return some.select("nid", "sid", value=value, taken=taken).filter(stands).drop("taken")

        told = self._documents(cls, read)
        joined = pl.Series(self._joined).gather(told["nid"])
        alone = told.filter(~joined).with_columns(name=self.stewards.gather(told.filter(~joined)["sid"]))
        alone = alone.sort("nid", "name").unique("nid", keep="first", maintain_order=True).select(record="nid", value="value")
        ids = self.ids(told.filter(joined)["nid"].unique().to_numpy()).to_list()
        shown = ((each.id, each.get(path)) for each in self._records(ids).values())
        rows = [
            (name, value if isinstance(value, str) else canonical_json(value).decode())
            for name, value in shown
            if value is not None
        ]
        several = pl.DataFrame(rows, schema={"id": pl.String, "value": pl.String}, orient="row")
        at = self.own_numbers(several["id"])
        return pl.concat([alone, several.select(at.alias("record"), "value")]).sort("record")

    @property
    def stewards(self) -> pl.Series:
        """The names of stewards by `sid`."""
        return pl.Series(self._snapshot.stewards, dtype=pl.String)

    def column(self, cls: str, name: str) -> tuple[str, Any]:
        """`(path, type)` under which a field of a class is claimed and held in `words`."""
        columns = _columns(cls)
        path = columns.names[name]
        return path, columns.types[path]

    @staticmethod
    def fields(cls: str) -> Mapping[str, str]:
        """The fields of a class that hold one value, with the paths under which they are claimed and held in `words`."""
        return _columns(cls).names

    @staticmethod
    def moments(instants: pl.Series) -> pl.DataFrame:
        """`first, last` UTC microsecond of instants as told."""
        return _spans(instants)

    def comparable(self, cls: str, name: str, told: pl.Series) -> pl.Series:
        """Values of a field in a form in which two that mean the same are equal: moments, numbers of joined records."""
        if name in _columns(cls).instants:
            return _spans(told).select(pl.when(pl.col("first").is_not_null()).then(pl.struct("first", "last"))).to_series()
        return self.numbers(told) if _columns(cls).names[name] in RELATIONS else told

    @property
    def spans(self) -> pl.DataFrame:
        """`record, first, last` of every event with a time: earliest start and latest end anybody gives, UTC microseconds."""
        return self.kept("spans", self._all_spans)

    def _all_spans(self) -> pl.DataFrame:
        columns = _columns("event")
        words = self.words("event")
        several = pl.Series(self._joined).gather(words["nid"])
        told = words.filter(~several).unpivot([path for path in EVENT_TIMES if path in columns.types], index="nid").drop_nulls()
        moments = pl.concat([told.select(record="nid"), _spans(told["value"])], how="horizontal")
        single = moments.group_by("record").agg(pl.col("first").min(), pl.col("last").max())
        ids = self.ids(words.filter(several)["nid"].unique().to_numpy()).to_list()
        rows = [(record.id, *record.span) for record in self._records(ids).values() if record.span]
        joined = pl.DataFrame(rows, schema={"id": pl.String, "first": pl.Int64, "last": pl.Int64}, orient="row")
        at = self._snapshot.ids["id"].search_sorted(joined["id"]).cast(pl.UInt32)
        return pl.concat([single, joined.select(at.alias("record"), "first", "last")]).sort("record")

    def words(self, cls: str) -> pl.DataFrame:
        """The words of visible stewards that they have not taken back: `nid, sid` and a column for each path.

        `rank` is when all of it was recorded where `at_once`; else statements differ."""
        if cls not in self._said:
            self._said[cls] = self._words(cls, _columns(cls))
        return self._said[cls]

    def _documents(self, cls: str, read: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        """What `read` makes of `nid, sid, doc`: what visible stewards say of records of a class, as JSON, a slice at a time."""
        snapshot = self._snapshot
        rows = np.arange(*(int(snapshot.states_of[number]) for number in self.of(cls)))
        rows = rows[np.isin(snapshot.states["sid"].to_numpy()[rows], self._sids)]
        states, found = snapshot.states.select("nid", "sid"), []
        for first in range(0, max(1, len(rows)), _SLICE):
            part = rows[first : first + _SLICE]
            found.append(read(states[part].with_columns(doc=pl.Series(snapshot.docs.of(part), dtype=pl.Binary))))
        return pl.concat(found)

    def _words(self, cls: str, columns: "_Columns") -> pl.DataFrame:
        return self._documents(cls, lambda seen: self._decoded(seen, columns))

    @staticmethod
    def _decoded(seen: pl.DataFrame, columns: "_Columns") -> pl.DataFrame:
        at_once = pl.col("doc").bin.ends_with(b'"x":{}}')
        doc = pl.col("doc").cast(pl.String).str.json_decode(columns.document)
        words = seen.select("nid", "sid", at_once=at_once, doc=doc).unnest("doc").rename({"r": "rank"}).unnest("f")
        return words.filter(pl.col(RETRACTED).is_null() | ~pl.col(RETRACTED)).drop(RETRACTED)

    def _by_answer(self, words: pl.DataFrame, handoffs: bool, columns: "_Columns") -> pl.DataFrame:
        """One row a record of one id: of each path the word of who answers for it, else of the smallest steward who has one."""
        alone = words.filter(pl.len().over("nid") == 1)
        several = words.filter(pl.len().over("nid") > 1)
        names = pl.Series(self._snapshot.stewards)
        shown = several.select("nid").unique()
        for role, paths in columns.by_role(handoffs).items():
            ranked = several.with_columns(first=self.answers(several, role), name=names.gather(several["sid"]))
            ranked = ranked.sort("nid", pl.col("first").not_(), "name")
            told = ranked.group_by("nid", maintain_order=True).agg(pl.col(path).drop_nulls().first() for path in paths)
            shown = shown.join(told, on="nid", how="left")
        paths = columns.paths
        return pl.concat([alone.select("nid", *paths), shown.select("nid", *paths)]).rename({"nid": "record"})

    def answers(self, words: pl.DataFrame, role: str) -> pl.Series:
        """Whether each word is of a steward who speaks for the one that any word on its record gives as `role`."""
        if role not in words.columns or not len(words):
            return pl.Series("first", [False] * len(words), dtype=pl.Boolean)
        ends = words.select("nid", end=role).drop_nulls().unique()
        sids = {name: sid for sid, name in enumerate(self._snapshot.stewards)}
        speakers = self._parties(set(ends["end"])).speakers
        rows = [(end, sids[name]) for end, told in speakers.items() for name in told]
        speaking = pl.DataFrame(rows, schema={"end": pl.String, "sid": pl.UInt16}, orient="row")
        pairs = ends.join(speaking, on="end").select("nid", "sid", first=pl.lit(True)).unique()
        return (
            words.select("nid", "sid").join(pairs, on=["nid", "sid"], how="left", maintain_order="left")["first"].fill_null(False)
        )

    def _of_several(self, words: pl.DataFrame, columns: "_Columns") -> pl.DataFrame:
        """One row a record of several ids."""
        ids = self.ids(words["nid"].unique().to_numpy()).to_list()
        rows = [
            (record.id, *(record.get(path) for path in columns.paths)) for record in self._records(ids).values() if record.words
        ]
        told = pl.DataFrame(rows, schema={"id": pl.String, **columns.types}, orient="row")
        at = self._snapshot.ids["id"].search_sorted(told["id"]).cast(pl.UInt32)
        return told.select(at.alias("record"), *columns.paths)

    def _finished(self, told: pl.DataFrame, columns: "_Columns") -> pl.DataFrame:
        """The same under the model's names, with references as numbers and the moments that instants mean."""
        found = {"record": told["record"], "id": self.ids(told["record"].to_numpy()), "kind": told["kind"]}
        for name, path in columns.names.items():
            found[name] = self.numbers(told[path]) if path in RELATIONS else told[path]
        for name in columns.instants:
            spans = _spans(told[f".{name}"])
            found |= {f"{name}_first": spans["first"], f"{name}_last": spans["last"]}
        return pl.DataFrame(found)

    def numbers(self, ids: pl.Series) -> pl.Series:
        """The numbers of the joined records of ids of this graph, null where the id is."""
        numbers = pl.Series(self.group).gather(self.own_numbers(ids))
        return pl.select(pl.when(ids.is_not_null()).then(numbers)).to_series()

    def own_numbers(self, ids: pl.Series) -> pl.Series:
        """The numbers of ids of this graph, not joined."""
        known = self._snapshot.ids["id"]
        return known.search_sorted(ids.fill_null("")).clip(0, max(0, len(known) - 1)).cast(pl.UInt32)


class _Columns:
    """The columns of one class of records: names of its models' fields, the paths they are claimed under, their types."""

    def __init__(self, cls: str) -> None:
        self.names: dict[str, str] = {}
        self.types: dict[str, Any] = {"kind": pl.String}
        self.instants: list[str] = []
        for kind in CLASSES[cls]:
            model = MODELS[kind]
            self.instants += (name for name in model.INSTANTS if name not in self.instants)
            for name, info in model.model_fields.items():
                extra = info.json_schema_extra
                path = str(extra["ref"]) if isinstance(extra, dict) and "ref" in extra else f".{name}"
                if path in RELATIONS and not RELATIONS[path].single:
                    continue
                self.names[info.alias or name] = path
                self.types[path] = _type_of(info)
        self.paths = list(self.types)
        self.document = pl.Struct({"f": pl.Struct({**self.types, RETRACTED: pl.Boolean}), "r": pl.Int64})

    def by_role(self, handoffs: bool) -> dict[str, list[str]]:
        """The paths by the role of who answers for them, of handoffs or of other records."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            found.setdefault(role_of(path, handoffs), []).append(path)
        return found


@cache
def _columns(cls: str) -> _Columns:
    return _Columns(cls)


def _type_of(info: FieldInfo) -> Any:
    """The column type of a model's field: of numbers and whole numbers their own, text of all else."""
    told = {part for each in (info.annotation, *get_args(info.annotation)) for part in (each, *get_args(each))}
    return pl.Float64 if float in told else pl.Int64 if int in told else pl.String


def _spans(instants: pl.Series) -> pl.DataFrame:
    """`first, last` UTC microsecond of canonical instants."""
    told: Mapping[str, tuple[int, int]] = {text: times.span(text) for text in instants.drop_nulls().unique()}
    schema = {"text": pl.String, "first": pl.Int64, "last": pl.Int64}
    spans = pl.DataFrame([(text, *span) for text, span in told.items()], schema=schema, orient="row")
    return instants.to_frame("text").join(spans, on="text", how="left", maintain_order="left").select("first", "last")
