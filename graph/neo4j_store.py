"""The store on Neo4j 5.26 and later: the present in plain sight, the log and the past beside it (see `neo4j_cypher`)."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep
from typing import Any

import orjson

from graph import ledger, standing
from graph import neo4j_cypher as q
from graph.claims import Edge, Evidence, class_of, from_body, of_class
from graph.codes import code_of
from graph.errors import SchemaTooNew, StoreUnavailable
from graph.neo4j_bolt import Bolt
from graph.neo4j_write import Run, Writer
from graph.replay import paired, watched
from graph.store import (
    SCHEMA_VERSION,
    Applied,
    Around,
    Batch,
    Commit,
    Deadline,
    Direction,
    LogEntry,
    Progress,
    Reached,
    Scope,
    State,
    Told,
    rest,
)
from graph.walk import MAKING, with_joined

_PAGE = 5_000
_SLICE = 5_000
_AHEAD = 1_000
"""The states of so many walked ids are read along with the walk."""
_TRIES, _PAUSE = 6, 0.01
_FEW = 16
"""Up to so many starts are walked in one statement, which walks each start by itself; more go a generation at a time."""


class Neo4jStore:
    """The store contract on Neo4j; see `Bolt` for credentials. Whoever holds them sees everything: only the service should."""

    def __init__(self, uri: str, *, create: bool = False) -> None:
        self.uri = uri
        self._bolt = Bolt(uri)
        self._driver = self._bolt.driver
        self._notice = (0, 0, 0)
        try:
            self._prepare(create)
        except BaseException:
            self._bolt.close()
            raise

    def _prepare(self, create: bool) -> None:
        rows = self._bolt.rows(q.STATUS)
        if not rows:
            if not create:
                raise StoreUnavailable(f"there is no graph at {self.uri}; load a file first")
            if self._bolt.rows("MATCH (n) RETURN 1 LIMIT 1"):
                raise StoreUnavailable(f"the database at {self.uri} holds something else; use an empty one")
            for statement in q.SCHEMA:
                self._bolt.run(statement)
            self._bolt.run("CALL db.awaitIndexes(60)")
            self._bolt.run(q.CREATE, schema=SCHEMA_VERSION)
            rows = self._bolt.rows(q.STATUS)
        schema, head, told, announced, era = rows[0]
        if schema > SCHEMA_VERSION:
            raise SchemaTooNew(schema, SCHEMA_VERSION)
        self._notice = (told, announced, era)
        if not era % 2 and not head == told == announced:  # a writer is about to commit, or died there
            with self._locked():
                pass

    def close(self) -> None:
        self._bolt.close()

    # -- writing

    @contextmanager
    def _locked(self, era: int | None = None, deadline: Deadline | None = None) -> Iterator[tuple[Run, int]]:
        """One write transaction that has the turn among writers; gives a runner and the number of claims in the log.

        `era` is that of the rebuild whose turn it is; without it a graph that is being rebuilt is refused."""
        with self._bolt.writing(deadline) as run:
            rows = run(q.LOCK)
            if not rows:
                raise self._gone()
            head, claims, told, announced, current = rows[0]
            if era is not None and current != era:
                raise StoreUnavailable(f"another rebuild of the graph at {self.uri} has begun; leave it to that one")
            if era is None and current % 2:
                raise self._unbuilt()
            if not head == told == announced:  # the writer before died on its way
                self._bolt.run(q.SETTLE, number=head)
            yield run, claims

    def _gone(self) -> StoreUnavailable:
        return StoreUnavailable(f"the graph at {self.uri} is gone; load a file first")

    def _unbuilt(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"the graph at {self.uri} is being rebuilt; wait for it, or run `veintrace rebuild` again if it was stopped"
        )

    def apply(self, batch: Batch, meanwhile: Callable[[], None] = rest) -> Applied:
        with ThreadPoolExecutor(1) as beside:
            landed = beside.submit(self._land, batch)
            meanwhile()
            return landed.result()

    def _land(self, batch: Batch) -> Applied:
        with self._locked() as (run, claims):
            writer = Writer(run)
            plan = ledger.plan(batch, writer)
            commit = plan.applied.commit
            if commit is not None:
                writer.write(plan, claims)
                self._bolt.run(q.ANNOUNCE, number=commit.number)
        if commit is not None:
            self._bolt.run(q.PUBLISH, number=commit.number)
        return plan.applied

    def rebuild(self, progress: Progress | None = None) -> None:
        with self._bolt.writing() as run:
            [[_, _, _, _, current]] = run(q.LOCK)
            era = current + 1 + current % 2
            run(q.ERA, era=era)
        for statement in q.CLEAR:
            self._bolt.run(statement)
        for commit, claims in paired(watched(list(self.commits()), progress), self.claims()):
            with self._locked(era) as (run, _):
                writer = Writer(run)
                writer.project(ledger.plan(Batch.of(commit, claims), writer), commit.number)
        with self._locked(era) as (run, _):
            run(q.ERA, era=era + 1)

    # -- the log

    def head(self) -> Commit | None:
        rows = self._bolt.rows(q.HEAD)
        return _commit(rows[0][0]) if rows else None

    def commits(self, since: int = 0) -> Iterator[Commit]:
        return (_commit(body) for (body,) in self._bolt.rows(q.COMMITS, since=since))

    def commit(self, number: int) -> Commit:
        [[body]] = self._bolt.rows(q.COMMIT, number=number)
        return _commit(body)

    def claims(self, since: int = 0, until: int | None = None) -> Iterator[LogEntry]:
        number, last = 0, q.FOREVER if until is None else until
        while True:
            [[rows]] = self._bolt.rows(q.CLAIMS, number=number, since=since, until=last, page=_PAGE)
            for row in rows:
                yield _entry(row)
            if len(rows) < _PAGE:
                return
            number = rows[-1][0]

    def history(self, ids: Collection[str], scope: Scope) -> list[LogEntry]:
        asked, rows = list(ids), list[list[Any]]()
        for first in range(0, len(asked), _SLICE):
            rows += self._log(scope, q.history(scope.stewards is not None), ids=asked[first : first + _SLICE])
        return [_entry(row) for row in sorted(rows)]

    def stewards(self, scope: Scope) -> list[str]:
        return [name for (name,) in self._log(scope, q.STEWARDS) if scope.stewards is None or name in scope.stewards]

    def open_loads(self) -> list[Commit]:
        return [_commit(body) for (body,) in self._bolt.rows(q.OPEN_LOADS)]

    def load_stewards(self, load_id: str) -> frozenset[str]:
        rows = self._bolt.rows(q.LOAD_STEWARDS, load=load_id)
        return frozenset(rows[0][0]) if rows else frozenset()

    def visible_commits(self, scope: Scope) -> list[Commit]:
        return [_commit(body) for (body,) in reversed(self._log(scope, q.holding(scope.stewards is not None)))]

    def last_commit(self, scope: Scope) -> Commit | None:
        rows = self._log(scope, f"{q.holding(scope.stewards is not None)} LIMIT 1")
        return _commit(rows[0][0]) if rows else None

    def stubs(self, since: int, until: int) -> int:
        return int(self._bolt.rows(q.STUBS, since=since, until=until)[0][0])

    def _log(self, scope: Scope, statement: str, **parameters: Any) -> list[list[Any]]:
        """All rows of a read of the log."""
        stewards = list(scope.stewards or ())
        return self._bolt.read(scope.deadline, statement, commit=scope.commit, stewards=stewards, **parameters)

    # -- reading what stands

    def _answer(self, scope: Scope, statement: Callable[[bool], str], **parameters: Any) -> list[list[Any]]:
        """All rows of a `neo4j_cypher.answer` at the scope's commit.

        `statement` is asked for the present, which needs no conditions, or where a later commit was announced for the
        past. What was read while a commit became visible, or over the begin or end of a rebuild, is read again; and when
        writers leave no gap, in turn with them."""
        for _ in range(_TRIES):
            before = self._notice
            told = self._log(scope, statement(max(before[:2]) > scope.commit), **parameters)
            if not told:
                raise self._gone()
            rows: list[list[Any]] = told[0][0]
            head, announced, era = self._notice = (told[0][1], told[0][2], told[0][3])
            if era % 2:
                raise self._unbuilt()
            if head == announced and before == (head, announced, era):
                return rows
            if head != announced:
                sleep(_PAUSE)
        with self._locked(deadline=scope.deadline) as (run, _):
            stewards = list(scope.stewards or ())
            rows, *_ = run(statement(True), commit=scope.commit, stewards=stewards, **parameters)[0]
        return rows

    def _answers(self, scope: Scope, statement: Callable[[bool], str], ids: Collection[str], **parameters: Any) -> list[list[Any]]:
        """Rows about any number of `ids` or texts, so many at a time that neither side holds too long an answer."""
        asked, rows = list(ids), list[list[Any]]()
        for first in range(0, len(asked), _SLICE):
            rows += self._answer(scope, statement, ids=asked[first : first + _SLICE], **parameters)
        return rows

    def get(self, ids: Collection[str], scope: Scope) -> list[State]:
        return sorted(_states(self._answers(scope, lambda _: q.get(scope.stewards is not None), ids)))

    def known(self, ids: Collection[str], scope: Scope) -> dict[str, str | None]:
        return {row[0]: row[1] for row in self._answers(scope, lambda _: q.known(scope.stewards is not None), ids)}

    def find(self, texts: Collection[str], scope: Scope) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {text: [] for text in texts}
        for text, record in sorted(self._answers(scope, lambda _: q.find(scope.stewards is not None), texts)):
            found[text].append(record)
        return found

    def neighbours(self, ids: Collection[str], direction: Direction, types: Collection[str], scope: Scope) -> list[Edge]:
        up, restricted, names = direction == "up", scope.stewards is not None, tuple(types)
        return _edges(self._answers(scope, lambda past: q.neighbours(names, up, past, restricted), ids))

    def around(self, ids: Collection[str], scope: Scope, period: tuple[int, int] | None = None) -> Around:
        bounded, restricted = period is not None, scope.stewards is not None
        first, last = period or (0, 0)
        asked, edges, told, states = list(ids), set[Edge](), set[str](), dict[tuple[str, str], State]()
        for at in range(0, len(asked), _SLICE):
            part = asked[at : at + _SLICE]
            rows = self._answer(scope, lambda past: q.around(past, restricted, bounded), ids=part, first=first, last=last)
            edges.update(_act(*row) for row in rows[0])
            told.update(rows[1])
            states |= {state[:2]: state for state in _states(rows[2])}
        told.difference_update(asked)
        return Around([*edges], Told(told, [state for _, state in sorted(states.items()) if state.record in told]))

    def emptied(self, ids: Collection[str], scope: Scope) -> Around:
        return self.around(ids, scope)

    def reach(self, ids: Collection[str], direction: Direction, scope: Scope, limit: int) -> Reached:
        roots, joins, first = set(ids), set[Edge](), list[Edge]()
        persons = {root for root in roots if class_of(root) == "person"}
        if persons:
            twins, joins = with_joined(self, persons, scope)
            roots, persons = roots | twins, persons | twins
            first = self.neighbours(persons, direction, MAKING, scope)
        starts = roots - persons | {end for edge in first for end in (edge.source, edge.target)} - persons
        making, around = self._making(starts, direction, scope, limit)
        edges = joins | set(first) | making
        walked = roots | {end for edge in edges for end in (edge.source, edge.target)}
        return Reached(walked, list(edges), frozenset(["RECORDS"] if len(walked) > limit else []), around)

    def _making(self, starts: set[str], direction: Direction, scope: Scope, limit: int) -> tuple[set[Edge], Around]:
        """The relations of the walk from `starts`, which are no persons, and what acted on its objects."""
        up, restricted = direction == "up", scope.stewards is not None
        if len(starts) <= _FEW:
            rows: list[Any] = self._answer(
                scope, lambda past: q.reach(up, past, restricted), ids=list(starts), limit=limit + 1, ahead=_AHEAD
            )
            making, begun, acted, holders, period, states = rows
            found = {_edge(*row) for row in making}
            if begun:
                acts = [*{_act(*row) for row in acted}]
                told = {*begun, *holders, *(end for edge in found for end in edge[1:3]), *(edge.target for edge in acts)}
                said = Told(told, sorted(_states(states)))
                return found, Around(acts, said, dict.fromkeys(holders, tuple(period)))
        else:
            found = self._generations(starts, up, scope, limit)
        ends = starts.union(end for edge in found for end in (edge.source, edge.target))
        return found, self.around(of_class("object", ends), scope)

    def _generations(self, starts: set[str], up: bool, scope: Scope, limit: int) -> set[Edge]:
        """The relations of a walk from many starts, a generation at a time."""
        found, walked, frontier = set[Edge](), set(starts), starts
        while frontier and len(walked) <= limit:
            rows = self._answers(scope, lambda past: q.generation(up, past, scope.stewards is not None), frontier)
            met = _edges(rows)
            found.update(met)
            frontier = {end for edge in met for end in (edge.source, edge.target)} - walked
            walked |= frontier
        return found

    # -- every row

    def projection(self) -> Iterator[tuple[str, ...]]:
        for kind, statement, order in (("state", q.STATE_PAGE, 3), ("edge", q.EDGE_PAGE, 5), ("label", q.LABEL_PAGE, 4)):
            after: str = ""
            while rows := self._bolt.rows(statement, after=after, page=_PAGE)[0][0]:
                after = max(row[0] for row in rows)
                told = [_coded(row) for row in rows if row[1] is not None] if kind == "edge" else rows
                for row in sorted(told, key=lambda row: row[:order]):
                    yield (kind, *(str(value) for value in row))
        self._answer(Scope(q.FOREVER, None, Deadline()), lambda _: q.get(False), ids=[])


def _commit(body: str) -> Commit:
    return Commit(**orjson.loads(body))


def _entry(row: list[Any]) -> LogEntry:
    number, commit, body, *place = row
    return LogEntry(number, commit, from_body(body.encode(), Evidence(*place)))


def _edge(
    type_: str,
    source: str,
    target: str,
    steward: str,
    role: str | None = None,
    quantity: float | None = None,
    unit: str | None = None,
    reversed_: bool | None = None,
) -> Edge:
    """The edge of a row of `neo4j_cypher.EDGE`; `SAME_AS` turned back to how it was stated."""
    if reversed_:
        source, target = target, source
    return Edge(type_.removeprefix("WAS_"), source, target, steward, role, quantity, unit)


def _act(
    source: str, target: str, steward: str, role: str | None = None, quantity: float | None = None, unit: str | None = None
) -> Edge:
    """The edge of a row of `neo4j_cypher.ACT`."""
    return Edge("SUBJECT_OF", source, target, steward, role, quantity, unit)


def _place(edge: Edge) -> tuple[str, str, str, str]:
    """Where an edge stands in the order of an answer."""
    return edge.type, edge.source, edge.target, edge.steward


def _edges(rows: list[list[Any]]) -> list[Edge]:
    """Edges ascending, each once."""
    return sorted({_edge(*row) for row in rows}, key=_place)


def _states(rows: list[list[Any]]) -> list[State]:
    """States of rows of `neo4j_cypher.STATES`."""
    words = iter(standing.load_all([row[1].encode() for _, said in rows for row in said]))
    return [State(record, by, next(words), key, bool(joined)) for by, said in rows for record, _, key, *joined in said]


def _coded(row: list[Any]) -> list[Any]:
    """A row of `neo4j_cypher.EDGE_PAGE` as every store's projection tells it: with the code that holds type and role."""
    source, type_, target, steward, since, until, role, quantity, unit = row
    edge = Edge(type_.removeprefix("WAS_"), source, target, steward, role, quantity, unit)
    return [source, code_of(edge), target, steward, since, until, quantity, unit]
