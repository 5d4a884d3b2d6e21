"""The GraphQL schema: find, record, node, lineage, recall, history, commits; load. Resolvers ask one query and rename."""

import base64
import re
from enum import Enum
from typing import Any, TypeVar

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from api import render
from api.graphql_activities import ActivityTable, activities_of
from api.graphql_cohorts import CohortAnswer
from api.graphql_coverage import CoverageAnswer, covered
from api.graphql_handoffs import Group, HandoffTable, table_of
from api.graphql_loading import Loading, Request
from api.graphql_records import MOST, TYPES, AsOf, Record, Stub, bounded, wrap
from api.graphql_uploads import Mutation
from graph import naming
from graph.errors import UnknownIdentifier, UsageError
from graph.model import MODELS
from queries.lineage import Lineage as Found
from queries.lineage import lineage as ask_lineage
from queries.outcomes import outcomes as outcomes_of
from queries.recall import Recall as Recalled
from queries.recall import period
from queries.recall import recall as ask_recall

Item = TypeVar("Item")
_CURSOR = re.compile(rb"at:([0-9]{1,9})")


@strawberry.enum(description="Directions of a lineage.")
class Direction(Enum):
    up = "up"
    down = "down"
    both = "both"


@strawberry.type(description="How much of the answer is there, and what stopped it where it is not all.")
class Completeness:
    total: int
    depth_reached: int
    truncated: bool
    reasons: list[str]


@strawberry.type(description="Whether there is more after this page.")
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type(description="A record in an answer.")
class RecordEdge:
    cursor: str
    node: Record
    depth: int | None = strawberry.field(default=None, description="Steps of making from the nearest root.")
    after_use: bool = strawberry.field(default=False, description="Later than the last use of what it acted on.")
    custodian: strawberry.ID | None = strawberry.field(default=None, description="In a recall: who holds it now.")
    status: str | None = strawberry.field(default=None, description="In a recall: its present status.")


@strawberry.type(description="A page of records, in order of id.")
class RecordConnection:
    edges: list[RecordEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type(description="A relation of an answer, with the stewards who state it.")
class Relation:
    source: strawberry.ID
    type: str
    target: strawberry.ID
    role: str | None = None
    quantity: float | None = None
    unit: str | None = None
    from_: str | None = strawberry.field(name="from", default=None, description="Of a CONTAINED_IN: when it was packed.")
    to: str | None = strawberry.field(default=None, description="Of a CONTAINED_IN: when it was unpacked.")
    said_by: strawberry.Private[list[str]]

    @strawberry.field(description="Who states it.")
    def stewards(self, first: int = 10) -> list[str]:
        return self.said_by[: bounded(first)]


@strawberry.type
class RelationEdge:
    cursor: str
    node: Relation


@strawberry.type(description="A page of relations, in order of type, source and target.")
class RelationConnection:
    edges: list[RelationEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type(description="How many materials, doses and persons a recall reached, the roots included.")
class Reached:
    materials: int
    doses: int
    persons: int


def _page(items: list[Item], first: int, after: str | None) -> tuple[list[tuple[str, Item]], PageInfo]:
    """A page of `items` behind a cursor: `[(cursor, item)]` and what comes after. Raises `UsageError` for a bad cursor."""
    if not 0 <= first <= MOST:
        raise UsageError(f"first is {first}; give 0 to {MOST}", first=first)
    start = 0
    if after is not None:
        try:
            start = int(_CURSOR.fullmatch(base64.urlsafe_b64decode(after.encode()))[1]) + 1  # type: ignore[index]
        except (ValueError, TypeError):
            raise UsageError(f"{after!r} is no cursor; give one of an answer", after=after) from None
    chosen = [
        (base64.urlsafe_b64encode(f"at:{start + at}".encode()).decode(), item)
        for at, item in enumerate(items[start : start + first])
    ]
    return chosen, PageInfo(has_next_page=start + first < len(items), end_cursor=chosen[-1][0] if chosen else None)


@strawberry.type(description="All that a record was made from, or that was made of it, with everything that acted on these.")
class Lineage:
    found: strawberry.Private[Found]
    recalled: strawberry.Private[Recalled | None]
    loading: strawberry.Private[Loading]

    @strawberry.field(description="The root where there is one.")
    def root(self) -> strawberry.ID | None:
        return strawberry.ID(self.found.roots[0]) if len(self.found.roots) == 1 else None

    @strawberry.field
    def roots(self, first: int = 10) -> list[strawberry.ID]:
        return [strawberry.ID(root) for root in self.found.roots[: bounded(first)]]

    @strawberry.field
    def direction(self) -> Direction:
        return Direction(self.found.direction)

    @strawberry.field
    def as_of(self) -> AsOf:
        return AsOf(**self.loading.view.as_of)

    @strawberry.field
    def completeness(self) -> Completeness:
        told = self.found.completeness
        return Completeness(
            total=told.total, depth_reached=told.depth_reached, truncated=told.truncated, reasons=list(told.reasons)
        )

    @strawberry.field(description="Distinct event hashes in the evidence; 0 where nothing came as events.")
    async def events(self) -> int:
        places = await self.loading.evidence.load_many(list(self.found.records))
        return len({place["event_hash"] for told in places for place in told if place["event_hash"]})

    @strawberry.field
    def records(self, first: int = 100, after: str | None = None) -> RecordConnection:
        chosen, info = _page(list(self.found.records.values()), first, after)
        edges = []
        for cursor, seen in chosen:
            custodian = self.recalled.custodian.get(seen.id) if self.recalled else None
            edges.append(
                RecordEdge(
                    cursor=cursor,
                    node=wrap(seen, self.loading),
                    depth=self.found.depth.get(seen.id),
                    after_use=seen.id in self.found.after_use,
                    custodian=strawberry.ID(custodian) if custodian else None,
                    status=self.recalled.status.get(seen.id) if self.recalled else None,
                )
            )
        return RecordConnection(edges=edges, page_info=info, total_count=len(self.found.records))

    @strawberry.field
    def relations(self, first: int = 100, after: str | None = None) -> RelationConnection:
        chosen, info = _page(self.found.relations, first, after)
        edges = []
        for cursor, relation in chosen:
            self.loading.end.check()
            told = render.relation_json(relation)
            stewards = told.pop("stewards")
            told["from_"] = told.pop("from", None)
            edges.append(RelationEdge(cursor=cursor, node=Relation(**told, said_by=stewards)))
        return RelationConnection(edges=edges, page_info=info, total_count=len(self.found.relations))

    @strawberry.field(
        description="Outcomes attributed to its objects and events, or to the persons it was asked for; in order of time."
    )
    def outcomes(self, first: int = 100) -> list[Record]:
        found = outcomes_of(self.loading.view, self.found)
        return [wrap(outcome, self.loading) for outcome in list(found.records.values())[: bounded(first)]]

    @strawberry.field(description="The organisations and episodes that its records name, in order of id.")
    def parties(self, first: int = 100) -> list[Record]:
        found = render.parties_of(self.loading.view, self.found.records.values())
        named = {record.id: record for record in found.values()}
        return [wrap(named[record], self.loading) for record in sorted(named)[: bounded(first)]]


@strawberry.type(description="Everything made of or touched by something bad, with present custodian and status.")
class Recall(Lineage):
    @strawberry.field(description="What was reached; null where the answer is not whole.")
    def reached(self) -> Reached | None:
        reached = self.recalled.reached if self.recalled else None
        return Reached(**reached.__dict__) if reached else None


@strawberry.type(description="One claim about a record. A restricted viewer is shown no commit and no time of one.")
class Claim:
    commit: int | None
    time: str | None
    author: str
    steward: str
    source: str
    at: str
    event_id: str | None
    recorded_at: str | None
    record: strawberry.ID
    reason: str | None
    values: JSON


@strawberry.type
class ClaimEdge:
    cursor: str
    node: Claim


@strawberry.type(description="A page of claims, in the order they were logged.")
class ClaimConnection:
    edges: list[ClaimEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type(description="One commit; to a restricted viewer a token and its source.")
class Commit:
    number: int | None = None
    time: str | None = None
    author: str | None = None
    source: str = strawberry.field(description="The file its claims are from as it was named when loaded; of several one a line.")
    source_hash: str | None = strawberry.field(default=None, description="SHA-256 of the file; of several one a line.")
    load_id: str | None = None
    claims: int | None = None
    digest: str | None = None
    hash: str | None = None
    previous: str | None = None
    token: str | None = None


@strawberry.type
class CommitEdge:
    cursor: str
    node: Commit


@strawberry.type(description="A page of commits, in order.")
class CommitConnection:
    edges: list[CommitEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type(description="Records that carry an identifier or label.")
class Matches:
    as_of: AsOf
    all_matches: strawberry.Private[list[Record]]

    @strawberry.field
    def matches(self, first: int = 10) -> list[Record]:
        return self.all_matches[: bounded(first)]


def _loading(info: Info, as_of: str | None = None) -> Loading:
    """The request's View as of a commit, with its loaders."""
    request: Request = info.context
    return request.at(as_of)


@strawberry.type
class Query:
    @strawberry.field(description="Records that carry an identifier or label.")
    def find(self, info: Info, text: str, as_of: str | None = None) -> Matches:
        loading = _loading(info, as_of)
        view = loading.view

        ids = view.find(text)
        records = view.records(view.joined(ids)) if ids else {}
        loading.learn(records)
        return Matches(as_of=AsOf(**view.as_of), all_matches=[wrap(records[record], loading) for record in ids])

    @strawberry.field(description="The one record that an identifier names.")
    def record(self, info: Info, id: strawberry.ID, as_of: str | None = None) -> Record:  # noqa: A002 - GraphQL's word
        loading = _loading(info, as_of)
        seen = loading.view.record(id)
        loading.learn({seen.id: seen})
        return wrap(seen, loading)

    @strawberry.field(description="A record by its global id; null where there is none.")
    def node(self, info: Info, id: strawberry.ID) -> Record | None:  # noqa: A002 - GraphQL's word
        loading = _loading(info)
        try:
            return wrap(loading.view.record(id), loading)
        except UnknownIdentifier:
            return None

    @strawberry.field(description="The lineage of a record; of a therapy order, that of all that is for it.")
    def lineage(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002 - GraphQL's word
        direction: Direction = Direction.up,
        depth: int | None = None,
        kinds: list[str] | None = None,
        as_of: str | None = None,
    ) -> Lineage:
        unknown = [kind for kind in kinds or () if kind not in MODELS]
        if unknown or (depth is not None and depth < 0):
            raise UsageError(f"kinds are {', '.join(MODELS)}; a depth is 0 or more", kinds=unknown, depth=depth)
        loading = _loading(info, as_of)
        view = loading.view
        found = ask_lineage(view, [view.resolve(id)], direction.value, depth=depth, kinds=kinds or ())
        loading.learn(found.records)
        return Lineage(found=found, recalled=None, loading=loading)

    @strawberry.field(description="Everything made of or touched by records that are bad.")
    def recall(
        self,
        info: Info,
        ids: list[strawberry.ID],
        since: str | None = None,
        until: str | None = None,
        as_of: str | None = None,
    ) -> Recall:
        loading = _loading(info, as_of)
        view = loading.view
        found = ask_recall(view, [view.resolve(each) for each in ids], period=period(since, until))
        loading.learn(found.lineage.records)
        return Recall(found=found.lineage, recalled=found, loading=loading)

    @strawberry.field(description="Where handoffs (or legs: what happened next to a material) wait and fail, by giver and taker.")
    def handoffs(
        self,
        info: Info,
        legs: bool = False,
        by: list[Group] | None = None,
        since: str | None = None,
        until: str | None = None,
        product: str | None = None,
        preservation: str | None = None,
        carrier: strawberry.ID | None = None,
        as_of: str | None = None,
    ) -> HandoffTable:
        request: Request = info.context
        return table_of(request.whole(as_of), by or (), legs, since, until, product, preservation, carrier)

    @strawberry.field(description="How long objects of each type wait between two activities, and what activities wait for.")
    def activities(self, info: Info, as_of: str | None = None) -> ActivityTable:
        request: Request = info.context
        return activities_of(request.whole(as_of))

    @strawberry.field(
        description="A cohort of a definition in YAML or JSON (form: cohort-definition.json), nothing later entering."
    )
    def cohort(self, info: Info, definition: str, as_of: str | None = None) -> CohortAnswer:
        # polars takes longer to import than most questions to answer
        from api.graphql_cohorts import answered

        request: Request = info.context
        return answered(request.whole(as_of), definition)

    @strawberry.field(description="What each party's records lack, and which sides of handoffs it owes; of one steward or all.")
    def coverage(self, info: Info, steward: str | None = None, as_of: str | None = None) -> CoverageAnswer:
        request: Request = info.context
        return covered(request.whole(as_of), naming.steward(steward) if steward else None)

    @strawberry.field(description="Every claim ever made about a record.")
    def history(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002 - GraphQL's word
        first: int = 100,
        after: str | None = None,
        as_of: str | None = None,
    ) -> ClaimConnection:
        view = _loading(info, as_of).view
        record = view.resolve(id)
        told = render.history_json(view, record, view.history(view.joined([record])))["claims"]
        chosen, page = _page(told, first, after)
        edges = [ClaimEdge(cursor=cursor, node=Claim(**{"commit": None, "time": None, **each})) for cursor, each in chosen]
        return ClaimConnection(edges=edges, page_info=page, total_count=len(told))

    @strawberry.field(description="The commits the viewer may see, in order.")
    def commits(self, info: Info, first: int = 100, after: str | None = None) -> CommitConnection:
        view = _loading(info).view
        told = render.commit_json(view)
        chosen, page = _page(told, first, after)
        edges = [CommitEdge(cursor=cursor, node=Commit(**each)) for cursor, each in chosen]
        return CommitConnection(edges=edges, page_info=page, total_count=len(told))


class Schema(strawberry.Schema):
    """Errors are told to the caller and counted by the application; they are not logged, for they may name a person."""

    def process_errors(self, errors: list[Any], execution_context: Any = None) -> None:
        return None


schema = Schema(query=Query, mutation=Mutation, types=[*TYPES.values(), Stub])  # type: ignore[list-item]
"""The schema; its SDL is checked in as `schema.graphql`."""
