"""GraphQL's coverage: what each party's records lack, and which sides of handoffs are owed."""

from typing import TYPE_CHECKING, Any

import strawberry

from api.graphql_loading import Loading
from api.graphql_records import AsOf, Record, bounded, wrap
from api.render import reasons

if TYPE_CHECKING:
    from api.coverage import Covered


@strawberry.type(description="How much of a steward's records is there.")
class StewardCoverage:
    steward: str
    required_share: float | None = strawberry.field(
        description="Of all required fields of all its records, those that are told; null of who tells of relations alone."
    )
    delay_p50_s: float | None = strawberry.field(description="About how long after an event it is recorded (median, seconds).")
    dangling: int = strawberry.field(description="References to records that nobody describes.")
    disagreements: int = strawberry.field(description="Fields of which another steward tells something else.")


@strawberry.type(description="How often a required field is told by a steward, of records of one kind.")
class FieldCoverage:
    steward: str
    kind: str
    type: str | None = strawberry.field(description="Type of a step; side of a handoff.")
    field: str
    records: int
    present: int
    share: float


@strawberry.type(description="Seconds from the end of events to their recording, by steward and kind of record.")
class DelayCoverage:
    steward: str
    kind: str
    type: str | None
    records: int
    undated: int = strawberry.field(description="Records without a date of recording, or a time: not counted.")
    p50_s: float | None
    p90_s: float | None


@strawberry.type(description="How many of a steward's relations lead to records that nobody describes.")
class DanglingCoverage:
    steward: str
    relation: str
    references: int
    dangling: int
    share: float


@strawberry.type(description="How often a steward tells a field otherwise than another, of the records of which both tell it.")
class DisagreementCoverage:
    steward: str
    kind: str
    field: str
    told: int
    disagreed: int


@strawberry.type(description="Handoffs of which one side has told and another, that it names, has not.")
class OwedSide:
    loading: strawberry.Private[Loading]
    told: strawberry.Private[dict[str, Any]]
    side: str = strawberry.field(description="giver, carrier or taker: as whom it owes its word.")
    handoffs: int
    oldest: str | None = strawberry.field(description="When the oldest of them began, UTC.")

    @strawberry.field(description="Who has not told.")
    async def debtor(self) -> Record | None:
        return await self._record(self.told["debtor"]["id"])

    @strawberry.field(description="Who has.")
    async def creditor(self) -> Record | None:
        return await self._record(self.told["creditor"]["id"])

    @strawberry.field(description="The oldest of them, at most three.")
    async def examples(self, first: int = 3) -> list[Record]:
        found = [await self._record(each) for each in self.told["examples"][: bounded(first)]]
        return [record for record in found if record is not None]

    async def _record(self, record: str) -> Record | None:
        found = await self.loading.records.load(record)
        return wrap(found, self.loading) if found else None


@strawberry.type(description="How many rows each list of a coverage has in all, however few are asked for.")
class CoverageTotals:
    organizations: int
    fields: int
    delays: int
    dangling: int
    disagreements: int
    owed: int


@strawberry.type(description="What each party owes the others: as far as the viewer sees, at a commit.")
class CoverageAnswer:
    loading: strawberry.Private[Loading]
    found: strawberry.Private[Any]
    as_of: AsOf
    reasons: list[str] = strawberry.field(description="LOAD_IN_PROGRESS where a load is not finished, so that numbers will change.")

    @strawberry.field(description="How many rows there are in all.")
    def totals(self) -> CoverageTotals:
        covered: Covered = self.found
        tables = {name: len(rows) for name, rows in covered.tables.items()}
        return CoverageTotals(organizations=len(covered.organizations()), owed=len(covered.owed), **tables)

    @strawberry.field(description="One row a steward, ascending.")
    def organizations(self, first: int = 50) -> list[StewardCoverage]:
        return [StewardCoverage(**row) for row in self.found.organizations()[: bounded(first)]]

    @strawberry.field(description="Required fields, ascending by steward, kind, type and field.")
    def fields(self, first: int = 100) -> list[FieldCoverage]:
        return [FieldCoverage(**row) for row in self._rows("fields", first)]

    @strawberry.field(description="From event to record.")
    def delays(self, first: int = 100) -> list[DelayCoverage]:
        return [DelayCoverage(**row) for row in self._rows("delays", first)]

    @strawberry.field(description="References to what nobody describes.")
    def dangling(self, first: int = 100) -> list[DanglingCoverage]:
        return [DanglingCoverage(**row) for row in self._rows("dangling", first)]

    @strawberry.field(description="Fields told otherwise by others.")
    def disagreements(self, first: int = 100) -> list[DisagreementCoverage]:
        return [DisagreementCoverage(**row) for row in self._rows("disagreements", first)]

    @strawberry.field(description="Sides of handoffs that are owed, most first; none to a viewer who does not see the other side.")
    def owed(self, first: int = 20) -> list[OwedSide]:
        rows = self.found.owed[: bounded(first)]
        names = ("side", "handoffs", "oldest")
        return [OwedSide(loading=self.loading, told=row, **{name: row[name] for name in names}) for row in rows]

    def _rows(self, name: str, first: int) -> list[dict[str, Any]]:
        covered: Covered = self.found
        return covered.tables[name].head(bounded(first)).to_dicts()


def covered(loading: Loading, steward: str | None) -> CoverageAnswer:
    """The coverage of what a View shows, or of one steward."""
    from api.coverage import Covered

    view = loading.view
    found = Covered(view, steward)
    return CoverageAnswer(loading=loading, found=found, as_of=AsOf(**view.as_of), reasons=reasons(view))
