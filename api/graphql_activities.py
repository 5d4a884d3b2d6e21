"""GraphQL's activities: how long objects of each type wait between two activities, and what activities wait for."""

from typing import TYPE_CHECKING, Any

import strawberry

from api.graphql_loading import Loading
from api.graphql_records import AsOf, bounded
from api.render import reasons

if TYPE_CHECKING:
    from queries.activities import Activities


@strawberry.type(description="Waits of objects of one type between two activities, of which the second comes next on an object.")
class ActivityWait:
    object_type: str
    source: str = strawberry.field(description="The activity before.")
    target: str = strawberry.field(description="The activity after.")
    count: int = strawberry.field(description="Waits: each two events that follow each other on an object.")
    couples: int = strawberry.field(description="Pairs of events.")
    objects: int
    sum_s: float = strawberry.field(
        description="Seconds from the end of the first to the start of the second; below zero if they overlap."
    )
    median_s: float
    min_s: float
    max_s: float


@strawberry.type(description="How long events of an activity wait for their objects (OPerA).")
class Gathering:
    activity: str
    measure: str = strawberry.field(description="flow, sojourn and sync of all objects; pool, ready, lag and late of one type.")
    object_type: str | None = strawberry.field(description="The type of object the measure is of; null where it is of all.")
    count: int = strawberry.field(description="Events.")
    sum_s: float
    median_s: float
    min_s: float
    max_s: float


@strawberry.type(description="Waits between activities, and of activities for their objects.")
class ActivityTable:
    found: strawberry.Private[Any]
    as_of: AsOf
    reasons: list[str] = strawberry.field(description="LOAD_IN_PROGRESS where a load is not finished, so that numbers will change.")

    @strawberry.field(description="Objects that wait between events and are left out, as nobody tells what they are.")
    def untold(self) -> int:
        return self._found.untold

    @strawberry.field(description="How many rows of waits there are in all.")
    def total_waits(self) -> int:
        return len(self._found.waits)

    @strawberry.field(description="Rows of waits, most seconds in all first.")
    def waits(self, first: int = 100) -> list[ActivityWait]:
        return [ActivityWait(**row) for row in self._found.longest.head(bounded(first)).to_dicts()]

    @strawberry.field(description="How many rows of gatherings there are in all.")
    def total_gatherings(self) -> int:
        return len(self._found.gatherings)

    @strawberry.field(description="Rows of gatherings, ascending by activity, measure and type of object.")
    def gatherings(self, first: int = 100) -> list[Gathering]:
        return [Gathering(**row) for row in self._found.gatherings.head(bounded(first)).to_dicts()]

    @property
    def _found(self) -> "Activities":
        found: Activities = self.found
        return found


def activities_of(loading: Loading) -> ActivityTable:
    """The tables over a View of the whole graph."""
    # polars takes longer to import than most questions to answer
    from queries.activities import Activities

    view = loading.view
    return ActivityTable(found=Activities(view), as_of=AsOf(**view.as_of), reasons=reasons(view))
