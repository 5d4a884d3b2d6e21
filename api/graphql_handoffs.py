"""GraphQL's handoff table: where handoffs or legs wait and fail, by giver and taker, and what stands behind a row."""

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import strawberry

from api.graphql_loading import Loading
from api.graphql_records import AsOf, Record, bounded, wrap
from api.render import reasons
from graph import times

if TYPE_CHECKING:
    from queries.handoffs import Waits


@strawberry.enum(description="What a table of waits can be told apart by; a period is a month, UTC.")
class Group(Enum):
    period = "period"
    product = "product"
    preservation = "preservation"
    carrier = "carrier"


@strawberry.type(description="One handoff, or the wait between two events of a leg.")
class Wait:
    loading: strawberry.Private[Loading]
    told: strawberry.Private[dict[str, Any]]
    ids: strawberry.Private[dict[int, str]]
    wait_s: float | None = strawberry.field(description="Seconds from release to acceptance; null while it is open.")
    open: bool = strawberry.field(description="Released and not accepted.")
    late: bool = strawberry.field(description="Late against the agreed release or delivery.")
    failed: bool = strawberry.field(description="Refused, discrepant, or discarded in the next step.")
    released_at: str | None = strawberry.field(description="UTC; of a leg the end of its first event.")
    accepted_at: str | None = strawberry.field(description="UTC; of a leg the start of its second event.")

    @strawberry.field(description="The handoff, or the first event of a leg.")
    async def event(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told["event"])

    @strawberry.field(description="The second event of a leg.")
    async def next(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told.get("next"))

    @strawberry.field(description="The therapy order it served.")
    async def journey(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told["journey"])


@strawberry.type(description="Handoffs or legs between one giver and one taker.")
class HandoffRow:
    loading: strawberry.Private[Loading]
    waits: strawberry.Private[Any]
    told: strawberry.Private[dict[str, Any]]
    ids: strawberry.Private[dict[int, str]]
    by: strawberry.Private[list[str]]
    count: int
    open: int = strawberry.field(description="Released and not accepted; in no percentile.")
    wait_p50_s: float | None = strawberry.field(description="Median wait in seconds (percentiles linear).")
    wait_p90_s: float | None
    wait_p99_s: float | None
    wait_mean_s: float | None
    hours: float = strawberry.field(description="Sum of the waits.")
    negative: int = strawberry.field(description="Waits below zero, which are kept.")
    late: int = strawberry.field(description="Late against the agreed release or delivery.")
    failed: int = strawberry.field(description="Refused, discrepant, or discarded in the next step.")
    failed_ci: list[float] = strawberry.field(description="95 % interval of the share that failed (Wilson).")
    journeys: int = strawberry.field(description="Therapy orders behind it.")
    period: str | None = None
    product: str | None = None
    preservation: str | None = None

    @strawberry.field(name="from", description="The department that gives; null where nobody tells.")
    async def from_(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told["giver"])

    @strawberry.field(description="The department that takes.")
    async def to(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told["taker"])

    @strawberry.field(description="The carrier, of a table told apart by carrier.")
    async def carrier(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told.get("carrier"))

    @strawberry.field(description="The single ones behind this row: open ones first, then the longest wait.")
    def handoffs(self, first: int = 10) -> list[Wait]:
        rows = self.waits.behind(self.told, self.by).head(bounded(first)).to_dicts()
        ids = _ids(self.waits, rows, ("event", "next", "journey"))
        return [
            Wait(
                loading=self.loading,
                told=row,
                ids=ids,
                released_at=_iso(row["start"]),
                accepted_at=_iso(row["end"]),
                **{name: row[name] for name in ("wait_s", "open", "late", "failed")},
            )
            for row in rows
        ]


@strawberry.type(description="A way from one department to another, with the hours lost there.")
class Way:
    loading: strawberry.Private[Loading]
    told: strawberry.Private[dict[str, Any]]
    ids: strawberry.Private[dict[int, str]]
    hours: float
    betweenness: float | None = strawberry.field(
        default=None, description="Share of the ways with fewest hours between any two departments that pass here."
    )

    @strawberry.field(name="from")
    async def from_(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told["giver"])

    @strawberry.field
    async def to(self) -> Record | None:
        return await _record(self.loading, self.ids, self.told["taker"])


@strawberry.type(description="The handoffs with fewest hours that all must pass from collection to infusion.")
class Cut:
    ways: strawberry.Private[list[Way]]
    hours: float

    @strawberry.field
    def handoffs(self, first: int = 20) -> list[Way]:
        return self.ways[: bounded(first)]


@strawberry.type(description="Where handoffs or legs wait and fail.")
class HandoffTable:
    loading: strawberry.Private[Loading]
    waits: strawberry.Private[Any]
    by: strawberry.Private[list[str]]
    as_of: AsOf
    reasons: list[str] = strawberry.field(description="LOAD_IN_PROGRESS where a load is not finished, so that numbers will change.")

    @strawberry.field(description="Rows, most hours first.")
    def legs(self, first: int = 100) -> list[HandoffRow]:
        rows = self.waits.table(self.by).head(bounded(first)).to_dicts()
        ids = _ids(self.waits, rows, ("giver", "taker", "carrier"))
        shown = [name for name in self.by if name != "carrier"]
        return [
            HandoffRow(
                loading=self.loading,
                waits=self.waits,
                told=row,
                ids=ids,
                by=self.by,
                failed_ci=[row["failed_low"], row["failed_high"]],
                **{name: row[name] for name in (*_MEASURES, *shown)},
            )
            for row in rows
        ]

    @strawberry.field(description="Null where it is not two departments that collect and infuse, or no way joins them.")
    def cut(self) -> Cut | None:
        found = self.waits.bottlenecks
        if found.cut is None or found.cut_hours is None:
            return None
        rows = [{"giver": giver, "taker": taker, "hours": hours} for giver, taker, hours in found.cut]
        return Cut(ways=self._ways(rows), hours=found.cut_hours)

    @strawberry.field(description="Edge betweenness of the graph of departments, weighted by hours lost; most first.")
    def betweenness(self, first: int = 20) -> list[Way]:
        return self._ways(self.waits.bottlenecks.betweenness.head(bounded(first)).to_dicts())

    def _ways(self, rows: list[dict[str, Any]]) -> list[Way]:
        ids = _ids(self.waits, rows, ("giver", "taker"))
        return [
            Way(loading=self.loading, told=row, ids=ids, hours=row["hours"], betweenness=row.get("betweenness")) for row in rows
        ]


_MEASURES = (
    "count",
    "open",
    "wait_p50_s",
    "wait_p90_s",
    "wait_p99_s",
    "wait_mean_s",
    "hours",
    "negative",
    "late",
    "failed",
    "journeys",
)


def _ids(waits: "Waits", rows: list[dict[str, Any]], columns: tuple[str, ...]) -> dict[int, str]:
    """The ids of the records that rows name by number."""
    numbers = sorted({row[name] for row in rows for name in columns if row.get(name) is not None})
    return dict(zip(numbers, waits.frames.ids(numbers), strict=True))


async def _record(loading: Loading, ids: dict[int, str], number: int | None) -> Record | None:
    seen = None if number is None else await loading.records.load(ids[number])
    return wrap(seen, loading) if seen else None


def _iso(moment: int | None) -> str | None:
    return None if moment is None else times.iso(moment)


def table_of(loading: Loading, by: Sequence[Group], *asked: Any) -> HandoffTable:
    """The table over a View of the whole graph; what is `asked` is as `api.handoffs.asked` takes it."""
    # polars takes longer to import than most questions to answer
    from api import handoffs

    waits = handoffs.asked(loading.view, *asked)
    groups = [each.value for each in dict.fromkeys(by)]
    as_of = AsOf(**loading.view.as_of)
    return HandoffTable(loading=loading, waits=waits, by=groups, as_of=as_of, reasons=reasons(loading.view))
