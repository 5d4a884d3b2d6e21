"""The store on Neo4j 5.26 and later: the present in plain sight, the log and the past beside it.

Only this file imports the driver.
"""

import os
from collections.abc import Callable, Collection, Iterator
from typing import Any

import orjson
from neo4j import READ_ACCESS, WRITE_ACCESS, Driver, GraphDatabase, NotificationMinimumSeverity, Query, Session
from neo4j.exceptions import ConfigurationError, DriverError, Neo4jError

from graph import ledger, standing
from graph import neo4j_cypher as q
from graph.claims import Edge, Evidence, class_of, from_body
from graph.errors import DeadlineExceeded, SchemaTooNew, StoreUnavailable
from graph.neo4j_write import Run, Writer, cypher
from graph.replay import paired, watched
from graph.sqlite_schema import code_of
from graph.store import SCHEMA_VERSION, Applied, Batch, Commit, Direction, LogEntry, Progress, Reached, Scope, State
from graph.walk import MAKING, with_joined

_PAGE = 5_000


class Neo4jStore:
    """The store contract on Neo4j. Credentials come from NEO4J_USER and NEO4J_PASSWORD; without them no sign-in is made.

    Whoever holds Bolt credentials sees everything: only the service should."""

    def __init__(self, uri: str, *, create: bool = False) -> None:
        self.uri = uri
        user, password = os.environ.get("NEO4J_USER"), os.environ.get("NEO4J_PASSWORD")
        self._newest = 0
        self._database = os.environ.get("NEO4J_DATABASE", "neo4j")
        try:
            self._driver: Driver = GraphDatabase.driver(
                uri,
                auth=(user, password) if user and password else None,
                notifications_min_severity=NotificationMinimumSeverity.OFF,
                connection_acquisition_timeout=30.0,
                max_transaction_retry_time=0.0,
            )
            self._driver.verify_connectivity()
            self._prepare(create)
        except (DriverError, Neo4jError, ConfigurationError, ValueError) as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"the graph at {self.uri} cannot be used: {error}; is the server up, and are NEO4J_USER and NEO4J_PASSWORD right?"
        )

    def _prepare(self, create: bool) -> None:
        with self._session(READ_ACCESS) as session:
            rows = session.run("MATCH (g:_Graph {name: 'veintrace'}) RETURN g.schema AS schema, g.rebuilding AS rebuilding").data()
        if rows:
            if rows[0]["schema"] > SCHEMA_VERSION:
                raise SchemaTooNew(rows[0]["schema"], SCHEMA_VERSION)
            self._rebuilding = bool(rows[0]["rebuilding"])
            return
        self._rebuilding = False
        if not create:
            raise StoreUnavailable(f"there is no graph at {self.uri}; load a file first")
        with self._session(WRITE_ACCESS) as session:
            for statement in q.SCHEMA:
                session.run(cypher(statement)).consume()
            session.run("CALL db.awaitIndexes(60)").consume()
            session.run(
                "MERGE (g:_Graph {name: 'veintrace'}) ON CREATE SET g.schema = $schema, g.claims = 0", schema=SCHEMA_VERSION
            ).consume()

    def _session(self, access: str) -> Session:
        return self._driver.session(database=self._database, default_access_mode=access, fetch_size=-1)

    def close(self) -> None:
        self._driver.close()

    # -- running

    def _rows(self, scope: Scope, statement: str, **parameters: Any) -> list[list[Any]]:
        """All rows of a read, stopped by the scope's deadline in the server."""
        if self._rebuilding:
            raise StoreUnavailable(f"the graph at {self.uri} was left while being rebuilt; run `veintrace rebuild` again")
        scope.deadline.check()
        query = Query(cypher(statement), timeout=max(scope.deadline.remaining(), 0.001))
        try:
            with self._session(READ_ACCESS) as session:
                return session.run(query, commit=scope.commit, stewards=list(scope.stewards or ()), **parameters).values()
        except (DriverError, Neo4jError) as error:
            if scope.deadline.over() or "Timed" in (getattr(error, "code", None) or ""):
                raise DeadlineExceeded(scope.deadline.seconds) from None
            raise self._unavailable(error) from None

    def _plain(self, statement: str, **parameters: Any) -> list[list[Any]]:
        """All rows of a read of the log."""
        try:
            with self._session(READ_ACCESS) as session:
                return session.run(cypher(statement), **parameters).values()
        except (DriverError, Neo4jError) as error:
            raise self._unavailable(error) from None

    def _writing(self, work: Callable[[Run], Any]) -> Any:
        """Run `work` in one write transaction, serialised with other writers by a lock on the graph's own node."""
        try:
            with self._session(WRITE_ACCESS) as session, session.begin_transaction() as transaction:

                def run(statement: str, **parameters: Any) -> list[dict[str, Any]]:
                    return transaction.run(cypher(statement), **parameters).data()

                run("MATCH (g:_Graph {name: 'veintrace'}) SET g.lock = randomUUID()")
                result = work(run)
                transaction.commit()
                return result
        except (DriverError, Neo4jError) as error:
            raise self._unavailable(error) from None

    # -- writing

    def apply(self, batch: Batch) -> Applied:
        def work(run: Run) -> Applied:
            plan = ledger.plan(batch, Writer(run))
            Writer(run).write(plan)
            return plan.applied

        applied: Applied = self._writing(work)
        return applied

    def rebuild(self, progress: Progress | None = None) -> None:
        self._mark(True)
        with self._session(WRITE_ACCESS) as session:
            for statement in (
                "MATCH (s:_State) CALL (s) { DELETE s } IN TRANSACTIONS OF 10000 ROWS",
                "MATCH (l:_Label) CALL (l) { DELETE l } IN TRANSACTIONS OF 10000 ROWS",
                "MATCH (:Record)-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS",
            ):
                session.run(cypher(statement)).consume()
        for commit, claims in paired(watched(list(self.commits()), progress), self.claims()):
            batch = Batch.of(commit, claims)

            def work(run: Run, batch: Batch = batch, number: int = commit.number) -> None:
                writer = Writer(run)
                writer.project(ledger.plan(batch, writer), number)

            self._writing(work)
        self._mark(False)

    def _mark(self, rebuilding: bool) -> None:
        """Reads are refused while the present is being made again."""
        self._writing(lambda run: run("MATCH (g:_Graph) SET g.rebuilding = $rebuilding", rebuilding=rebuilding))
        self._rebuilding = rebuilding

    # -- the log

    def head(self) -> Commit | None:
        rows = self._plain("MATCH (c:_Commit) RETURN c.body ORDER BY c.number DESC LIMIT 1")
        return _commit(rows[0][0]) if rows else None

    def commits(self, since: int = 0) -> Iterator[Commit]:
        rows = self._plain("MATCH (c:_Commit) WHERE c.number > $since RETURN c.body ORDER BY c.number", since=since)
        return (_commit(body) for (body,) in rows)

    def commit(self, number: int) -> Commit:
        [[body]] = self._plain("MATCH (c:_Commit {number: $number}) RETURN c.body", number=number)
        return _commit(body)

    def claims(self, since: int = 0, until: int | None = None) -> Iterator[LogEntry]:
        number = 0
        while True:
            rows = self._plain(
                f"MATCH (c:_Claim) WHERE c.number > $number AND c.commit > $since AND c.commit <= $until {_ENTRY} LIMIT $page",
                number=number,
                since=since,
                until=q.FOREVER if until is None else until,
                page=_PAGE,
            )
            for row in rows:
                entry = _entry(row)
                number = entry.number
                yield entry
            if len(rows) < _PAGE:
                return

    def history(self, ids: Collection[str], scope: Scope) -> list[LogEntry]:
        condition = "" if scope.stewards is None else " AND c.steward IN $stewards"
        rows = self._rows(
            scope, f"UNWIND $ids AS id MATCH (c:_Claim {{record: id}}) WHERE c.commit <= $commit{condition} {_ENTRY}", ids=list(ids)
        )
        return [_entry(row) for row in rows]

    def stewards(self, scope: Scope) -> list[str]:
        rows = self._rows(
            scope,
            "MATCH (c:_Commit) WHERE c.number <= $commit UNWIND c.stewards AS steward RETURN DISTINCT steward ORDER BY steward",
        )
        return [name for (name,) in rows if scope.stewards is None or name in scope.stewards]

    def open_loads(self) -> list[Commit]:
        rows = self._plain(
            "MATCH (c:_Commit) WITH c.load_id AS load, min(c.number) AS first, any(x IN collect(c.closes) WHERE x) AS closed"
            " WHERE NOT closed MATCH (c:_Commit {number: first}) RETURN c.body ORDER BY first"
        )
        return [_commit(body) for (body,) in rows]

    def load_stewards(self, load_id: str) -> frozenset[str]:
        rows = self._plain(
            "MATCH (c:_Commit) WHERE c.load_id = $load UNWIND c.stewards AS steward RETURN DISTINCT steward", load=load_id
        )
        return frozenset(name for (name,) in rows)

    def visible_commits(self, scope: Scope) -> list[Commit]:
        rows = self._rows(scope, f"MATCH (c:_Commit) WHERE {_holding(scope)} RETURN c.body ORDER BY c.number")
        return [_commit(body) for (body,) in rows]

    def last_commit(self, scope: Scope) -> Commit | None:
        rows = self._rows(scope, f"MATCH (c:_Commit) WHERE {_holding(scope)} RETURN c.body ORDER BY c.number DESC LIMIT 1")
        return _commit(rows[0][0]) if rows else None

    def stubs(self, since: int, until: int) -> int:
        rows = self._plain(
            "MATCH (n:Record) WHERE n.since > $since AND n.since <= $until"
            " AND NOT EXISTS { MATCH (s:_State) WHERE s.id = n.id } RETURN count(n)",
            since=since,
            until=until,
        )
        return int(rows[0][0])

    def projection(self) -> Iterator[tuple[str, ...]]:
        for row in self._plain(
            "MATCH (s:_State) RETURN 'state', s.id AS id, s.steward AS name, s.since AS since, s.until, s.doc"
            " ORDER BY id, name, since"
        ):
            yield tuple(str(value) for value in row)
        edges = []
        for type_, source, target, steward, role, quantity, unit, since, until in self._plain(
            "MATCH (a:Record)-[r]->(b:Record) WHERE r.reversed IS NULL RETURN type(r), a.id, b.id, r.steward, r.role, r.quantity,"
            " r.unit, r.since, r.until"
        ):
            edge = Edge(type_.removeprefix("WAS_"), source, target, steward, role, quantity, unit)
            edges.append((source, code_of(edge), target, steward, since, until, quantity, unit))
        for values in sorted(edges, key=lambda e: e[:5]):
            yield ("edge", *(str(value) for value in values))
        for row in self._plain(
            "MATCH (l:_Label) RETURN 'label', l.text AS text, l.id AS id, l.steward AS name, l.since AS since, l.until"
            " ORDER BY text, id, name, since"
        ):
            yield tuple(str(value) for value in row)

    # -- reading what stands

    def get(self, ids: Collection[str], scope: Scope) -> list[State]:
        rows = self._rows(
            scope,
            f"UNWIND $ids AS id MATCH (s:_State {{id: id}}) WHERE {q.stands('s', scope.stewards is not None)}"
            " MATCH (n:Record {id: id}) RETURN s.id, s.steward, s.doc, s.key, n.joined",
            ids=list(ids),
        )
        return [State(record, steward, standing.load(doc), key, bool(joined)) for record, steward, doc, key, joined in sorted(rows)]

    def known(self, ids: Collection[str], scope: Scope) -> dict[str, str | None]:
        seen = "x.since <= $commit" + (" AND x.steward IN $stewards" if scope.stewards is not None else "")
        rows = self._rows(
            scope,
            f"UNWIND $ids AS id MATCH (n:Record {{id: id}}) WHERE EXISTS {{ MATCH (x:_State {{id: id}}) WHERE {seen} }}"
            f" OR EXISTS {{ MATCH (n)-[x]-() WHERE {seen} }} RETURN n.id, n.key",
            ids=list(ids),
        )
        return {row[0]: row[1] for row in rows}

    def find(self, texts: Collection[str], scope: Scope) -> dict[str, list[str]]:
        rows = self._rows(
            scope,
            f"UNWIND $texts AS text MATCH (l:_Label {{text: text}}) WHERE {q.stands('l', scope.stewards is not None)}"
            " RETURN DISTINCT l.text, l.id",
            texts=list(texts),
        )
        found: dict[str, list[str]] = {text: [] for text in texts}
        for text, record in sorted(rows):
            found[text].append(record)
        return found

    def neighbours(
        self,
        ids: Collection[str],
        direction: Direction,
        types: Collection[str],
        scope: Scope,
        period: tuple[int, int] | None = None,
    ) -> list[Edge]:
        up, restricted = direction == "up", scope.stewards is not None
        return self._edges(scope, lambda past: q.neighbours(tuple(types), up, past, restricted), ids=list(ids))

    def reach(self, ids: Collection[str], direction: Direction, scope: Scope, limit: int) -> Reached:
        roots, joins = with_joined(self, ids, scope)
        persons = {root for root in roots if class_of(root) == "person"}
        first = self.neighbours(persons, direction, MAKING, scope) if persons else []
        starts = roots - persons | {end for edge in first for end in (edge.source, edge.target)} - persons
        up, restricted = direction == "up", scope.stewards is not None
        met = self._edges(scope, lambda past: q.reach(up, past, restricted), ids=list(starts), limit=limit + 1)
        edges = joins | set(first) | set(met)
        walked = roots | {end for edge in edges for end in (edge.source, edge.target)}
        return Reached(walked, list(edges), frozenset(["RECORDS"] if len(walked) > limit else []))

    def _edges(self, scope: Scope, statement: Callable[[bool], str], **parameters: Any) -> list[Edge]:
        """Relations at the scope's commit. The present is read without conditions; where a commit came after it, even
        while it was read (Neo4j reads what is committed, not a snapshot), the past is read with them."""
        if scope.commit >= self._newest:
            rows = self._rows(scope, statement(False), **parameters)
            later = self._rows(scope, "MATCH (c:_Commit) WHERE c.number > $commit RETURN max(c.number)")
            if later[0][0] is None:
                return _edges(rows)
            self._newest = later[0][0]
        return _edges(self._rows(scope, statement(True), **parameters))


_ENTRY = "RETURN c.number AS number, c.commit, c.body, c.at, c.event_id, c.event_hash ORDER BY number"


def _holding(scope: Scope) -> str:
    condition = "c.number <= $commit"
    return condition if scope.stewards is None else f"{condition} AND any(s IN c.stewards WHERE s IN $stewards)"


def _commit(body: str) -> Commit:
    return Commit(**orjson.loads(body))


def _entry(row: list[Any]) -> LogEntry:
    number, commit, body, at, event_id, event_hash = row
    return LogEntry(number, commit, from_body(body.encode(), Evidence(at, event_id, event_hash)))


def _edges(rows: list[list[Any]]) -> list[Edge]:
    """Edges of rows of `neo4j_cypher.EDGE`, ascending and each once; `SAME_AS` turned back to how it was stated."""
    found = set()
    for type_, source, target, steward, role, quantity, unit, reversed_ in rows:
        ends = (target, source) if reversed_ else (source, target)
        found.add(Edge(type_.removeprefix("WAS_"), *ends, steward, role, quantity, unit))
    return sorted(found, key=lambda edge: edge[:4])
