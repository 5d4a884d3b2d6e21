"""GraphQL's cohorts: how many, lost to which rule, and the first rows; whole cohorts leave as files."""

from typing import Any

import strawberry

from api.graphql_loading import Loading
from api.graphql_records import AsOf, Record, bounded, wrap
from api.render import reasons


@strawberry.type(description="How many units a rule kept, and lost.")
class AttritionLine:
    rule: str
    kept: int
    lost: int


@strawberry.type(description="What one column or label tells of a unit.")
class CohortValue:
    column: str
    value: str | None = strawberry.field(description="As the CSV file of the cohort writes it; null where it is not known.")


@strawberry.type(description="One unit of a cohort.")
class CohortRow:
    loading: strawberry.Private[Loading]
    told: strawberry.Private[dict[str, Any]]
    index_date: str = strawberry.field(description="Begin of its index event, UTC.")

    @strawberry.field(description="The person, therapy order or material.")
    async def unit(self) -> Record | None:
        return await self._record("unit")

    @strawberry.field(description="The patient, or who gave the material.")
    async def person(self) -> Record | None:
        return await self._record("person")

    @strawberry.field(description="The therapy order.")
    async def episode(self) -> Record | None:
        return await self._record("episode")

    @strawberry.field(description="Columns, then labels, in the order of the definition.")
    def values(self, first: int = 20) -> list[CohortValue]:
        names = [name for name in self.told if name not in ("unit", "index_date", "person", "episode")]
        return [CohortValue(column=name, value=_text(self.told[name])) for name in names[: bounded(first)]]

    async def _record(self, name: str) -> Record | None:
        found = self.told[name] and await self.loading.records.load(self.told[name])
        return wrap(found, self.loading) if found else None


@strawberry.type(description="A cohort at a commit, as far as the viewer sees.")
class CohortAnswer:
    loading: strawberry.Private[Loading]
    found: strawberry.Private[Any]
    definition_hash: str = strawberry.field(description="SHA-256 of the definition: equal for texts that mean the same.")
    name: str
    unit: str = strawberry.field(description="What is counted: person, episode or material.")
    count: int
    as_of: AsOf
    reasons: list[str] = strawberry.field(description="LOAD_IN_PROGRESS where a load is not finished, so that numbers will change.")

    @strawberry.field(description="The index event, then each rule in order.")
    def attrition(self, first: int = 101) -> list[AttritionLine]:
        return [AttritionLine(rule=a.rule, kept=a.kept, lost=a.lost) for a in self.found.attrition[: bounded(first)]]

    @strawberry.field(description="The first units, ascending by id.")
    def rows(self, first: int = 50) -> list[CohortRow]:
        rows = self.found.rows.head(bounded(first)).to_dicts()
        return [CohortRow(loading=self.loading, told=row, index_date=row["index_date"]) for row in rows]


def answered(loading: Loading, text: str) -> CohortAnswer:
    """The cohort that a definition's text asks for."""
    from api.cohorts import definition_hash
    from queries.cohort_definition import parsed
    from queries.cohorts import cohort

    definition = parsed(text)
    found = cohort(loading.view, definition)
    return CohortAnswer(
        loading=loading,
        found=found,
        definition_hash=definition_hash(definition),
        name=definition.name,
        unit=definition.unit,
        count=found.count,
        as_of=AsOf(**loading.view.as_of),
        reasons=reasons(loading.view),
    )


def _text(value: Any) -> str | None:
    """A value as CSV has it."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
