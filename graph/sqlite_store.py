"""The embedded default store: one SQLite file in WAL mode, readers and a loader in several processes at once."""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from graph import ledger, sqlite_reach, standing
from graph.claims import Edge, Evidence, class_of, from_body
from graph.codes import CODES, ROLES, SAME_AS_REVERSED, TYPES
from graph.errors import DeadlineExceeded, SchemaTooNew, StoreUnavailable
from graph.replay import watched
from graph.sqlite_migrate import migrate
from graph.sqlite_reach import SIDES
from graph.sqlite_schema import APPLICATION_ID, FOREVER, PROJECTION, TABLES, VERSION
from graph.sqlite_write import Writer, array, statements
from graph.store import (
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
_OPERATIONS = 50_000
"""Between two looks at the deadline SQLite does so many operations: a few milliseconds."""
_LAST_NID = "SELECT coalesce(max(last_nid), 0) FROM (SELECT last_nid FROM commits WHERE number <= ? ORDER BY number DESC LIMIT 1)"


_DURABLE = ("journal_mode=WAL", "wal_autocheckpoint=16000", "synchronous=FULL", "cache_size=-262144", "temp_store=MEMORY")
_MAPPED = "mmap_size=1099511627776"
"""For readers: pages are read where the system holds them. A load would touch all of the graph, and count it as its memory."""
_SCRATCH = ("journal_mode=MEMORY", "synchronous=OFF", "cache_size=-262144", "temp_store=MEMORY")


class SqliteStore:
    """The store contract on SQLite; one connection a thread. `path` may be `:memory:` (one thread then).

    A `scratch` graph is thrown away by whoever made it, so it need not survive a power cut."""

    def __init__(self, path: str | Path, *, create: bool = False, scratch: bool = False) -> None:
        self.path = str(path)
        self._pragmas = _SCRATCH if scratch else _DURABLE if create else (*_DURABLE, _MAPPED)
        self._stewards: dict[int, str] = {}
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        if self.path != ":memory:" and not create and not Path(self.path).exists():
            raise StoreUnavailable(f"there is no graph at {self.path}; load a file first, or name another with --graph")
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise StoreUnavailable(f"{self.path} cannot be opened as a graph: {error}") from None

    # -- connections

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=60.0)
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}")
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _prepare(self) -> None:
        connection = self._connection
        version, application = (connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("user_version", "application_id"))
        if version > VERSION:
            raise SchemaTooNew(version, VERSION)
        if application == APPLICATION_ID:
            if version < VERSION:
                self._migrate()
            return
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                connection.execute("ROLLBACK")
                raise StoreUnavailable(f"{self.path} is a SQLite file of something else")
            for statement in statements(TABLES + PROJECTION):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")

    def _migrate(self) -> None:
        """Bring the file to this version, unless another process has meanwhile: what stands is made again from its log."""
        with self._begun() as connection:
            if migrate(connection):
                Writer(connection).rebuild(list(self.commits()), self.claims())
        self._commit(connection)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._local = threading.local()

    def _rows(self, scope: Scope, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """All rows of a read, stopped by the scope's deadline wherever it is."""
        connection = self._connection
        scope.deadline.check()
        connection.set_progress_handler(scope.deadline.over, _OPERATIONS)
        try:
            return connection.execute(statement, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if scope.deadline.over():
                raise DeadlineExceeded(scope.deadline.seconds) from None
            raise StoreUnavailable(f"{self.path} cannot be read: {error}") from None
        finally:
            connection.set_progress_handler(None, 0)

    def _visible(self, scope: Scope, row: str) -> str:
        """SQL condition: `row` stands at the scope's commit and is a visible steward's. Holds numbers only."""
        condition = f"{row}.since <= {scope.commit:d} AND {row}.until > {scope.commit:d}"
        return condition if scope.stewards is None else f"{condition} AND {row}.sid IN ({self._sids(scope)})"

    def _sids(self, scope: Scope) -> str:
        """Numbers of the visible stewards; where they never spoke one that nobody has, as no index fits an empty list."""
        rows = self._connection.execute(
            "SELECT sid FROM steward WHERE name IN (SELECT value FROM json_each(?))", [array(scope.stewards or ())]
        )
        return ",".join(str(int(sid)) for (sid,) in rows) or "-1"

    # -- writing

    @contextmanager
    def _begun(self) -> Iterator[sqlite3.Connection]:
        """A transaction for its caller to commit; rolled back on any error."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"{self.path} cannot be written: {error}") from None
        try:
            yield connection
        except sqlite3.OperationalError as error:  # the disk is full, say
            connection.rollback()
            raise StoreUnavailable(f"{self.path} cannot be written: {error}") from None
        except BaseException:
            connection.rollback()
            raise

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            connection.rollback()
            raise StoreUnavailable(f"{self.path} cannot be written: {error}") from None

    def apply(self, batch: Batch, meanwhile: Callable[[], None] = rest) -> Applied:
        with self._begun() as connection:
            writer = Writer(connection)
            plan = ledger.plan(batch, writer)
            writer.write(plan)
        applied = plan.applied
        with ThreadPoolExecutor(1) as beside:
            committed = beside.submit(self._commit, connection)
            del writer, plan  # to let go of so many objects takes a while
            meanwhile()
            committed.result()
        if batch.closes:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return applied

    def rebuild(self, progress: Progress | None = None) -> None:
        with self._begun() as connection:
            Writer(connection).rebuild(watched(list(self.commits()), progress), self.claims())
        self._commit(connection)

    # -- the log

    def head(self) -> Commit | None:
        return Writer(self._connection).head()

    def commits(self, since: int = 0) -> Iterator[Commit]:
        for (body,) in self._connection.execute("SELECT body FROM commits WHERE number > ? ORDER BY number", [since]):
            yield Commit(**orjson.loads(body))

    def commit(self, number: int) -> Commit:
        [body] = self._connection.execute("SELECT body FROM commits WHERE number = ?", [number]).fetchone()
        return Commit(**orjson.loads(body))

    def claims(self, since: int = 0, until: int | None = None) -> Iterator[LogEntry]:
        last, number = FOREVER if until is None else until, 0
        while True:
            rows = self._connection.execute(
                "SELECT number, at_commit, body, at, event_id, event_hash, source FROM claim"
                " WHERE number > ? AND at_commit > ? AND at_commit <= ? ORDER BY number LIMIT ?",
                [number, since, last, _PAGE],
            ).fetchall()
            for number, commit, body, *place in rows:
                yield LogEntry(number, commit, from_body(body, Evidence(*place)))
            if len(rows) < _PAGE:
                return

    def history(self, ids: Collection[str], scope: Scope) -> list[LogEntry]:
        condition = "" if scope.stewards is None else f" AND claim.sid IN ({self._sids(scope)})"
        rows = self._rows(
            scope,
            "SELECT claim.number, at_commit, body, at, event_id, event_hash, source FROM json_each(?) AS asked"
            " JOIN node ON node.id = asked.value JOIN claim ON claim.nid = node.nid AND at_commit <= ?"
            f"{condition} ORDER BY claim.number",
            [array(ids), scope.commit],
        )
        return [LogEntry(number, commit, from_body(body, Evidence(*place))) for number, commit, body, *place in rows]

    def stewards(self, scope: Scope) -> list[str]:
        rows = self._rows(
            scope,
            "SELECT name FROM steward WHERE EXISTS"
            " (SELECT 1 FROM commit_steward c WHERE c.sid = steward.sid AND c.number <= ?) ORDER BY name",
            [scope.commit],
        )
        return [name for (name,) in rows if scope.stewards is None or name in scope.stewards]

    def open_loads(self) -> list[Commit]:
        rows = self._connection.execute(
            "SELECT body FROM commits WHERE number IN (SELECT min(number) FROM commits GROUP BY load_id HAVING max(closes) = 0)"
            " ORDER BY number"
        )
        return [Commit(**orjson.loads(body)) for (body,) in rows]

    def load_stewards(self, load_id: str) -> frozenset[str]:
        rows = self._connection.execute(
            "SELECT DISTINCT name FROM commits JOIN commit_steward USING (number) JOIN steward USING (sid) WHERE load_id = ?",
            [load_id],
        )
        return frozenset(name for (name,) in rows)

    def visible_commits(self, scope: Scope) -> list[Commit]:
        rows = self._rows(scope, f"SELECT body FROM commits WHERE {self._holding(scope)} ORDER BY number", [])
        return [Commit(**orjson.loads(body)) for (body,) in rows]

    def last_commit(self, scope: Scope) -> Commit | None:
        statement = f"SELECT body FROM commits WHERE number = (SELECT max(number) FROM commits WHERE {self._holding(scope)})"
        rows = self._rows(scope, statement, [])
        return Commit(**orjson.loads(rows[0][0])) if rows else None

    def _holding(self, scope: Scope) -> str:
        """SQL condition on `commits`: up to the scope's, with a visible claim. Holds numbers only."""
        condition = f"number <= {scope.commit:d}"
        if scope.stewards is not None:
            condition += f" AND number IN (SELECT number FROM commit_steward WHERE sid IN ({self._sids(scope)}))"
        return condition

    def stubs(self, since: int, until: int) -> int:
        rows = self._connection.execute(
            f"SELECT count(*) FROM node WHERE nid > ({_LAST_NID}) AND nid <= ({_LAST_NID})"
            " AND NOT EXISTS (SELECT 1 FROM state WHERE state.nid = node.nid)"
            f" AND NOT EXISTS (SELECT 1 FROM edge WHERE src = node.nid AND type = {SAME_AS_REVERSED:d} AND until > ?)",
            [since, until, until],
        )
        return int(rows.fetchone()[0])

    def projection(self) -> Iterator[tuple[str, ...]]:
        for statement in (
            "SELECT 'state', node.id, name, row.since, row.until, doc FROM state row JOIN node USING (nid)"
            " JOIN word ON word.number = row.word JOIN steward USING (sid) ORDER BY node.id, name, row.since",
            "SELECT 'edge', a.id, row.type, b.id, name, row.since, row.until, quantity, unit FROM edge row"
            " JOIN node a ON a.nid = row.src JOIN node b ON b.nid = row.dst JOIN steward USING (sid)"
            f" WHERE row.type <> {SAME_AS_REVERSED:d} ORDER BY a.id, row.type, b.id, name, row.since",
            "SELECT 'label', row.text, node.id, name, row.since, row.until FROM label row JOIN node USING (nid)"
            " JOIN steward USING (sid) ORDER BY row.text, node.id, name, row.since",
        ):
            for row in self._connection.execute(statement):
                yield tuple(value.decode() if isinstance(value, bytes) else str(value) for value in row)

    # -- reading what stands

    def get(self, ids: Collection[str], scope: Scope) -> list[State]:
        rows = self._rows(
            scope,
            "SELECT asked.value, state.sid, word.doc, node.key, node.joined"
            " FROM json_each(?) AS asked JOIN node ON node.id = asked.value"
            f" JOIN state ON state.nid = node.nid AND {self._visible(scope, 'state')} JOIN word ON word.number = state.word",
            [array(ids)],
        )
        names = self._named(row[1] for row in rows)
        watched = scope.deadline.watch(rows)
        found = [State(record, names[sid], standing.load(doc), key, bool(joined)) for record, sid, doc, key, joined in watched]
        return sorted(found)

    def known(self, ids: Collection[str], scope: Scope) -> dict[str, str | None]:
        said = f"since <= {scope.commit:d}"
        if scope.stewards is not None:
            said += f" AND sid IN ({self._sids(scope)})"
        stands = self._visible(scope, "edge")
        rows = self._rows(
            scope,
            "SELECT node.id, node.key FROM json_each(?) AS asked JOIN node ON node.id = asked.value WHERE"
            f" EXISTS (SELECT 1 FROM state WHERE state.nid = node.nid AND {said})"
            f" OR EXISTS (SELECT 1 FROM edge WHERE edge.src = node.nid AND {stands})"
            f" OR EXISTS (SELECT 1 FROM edge WHERE edge.dst = node.nid AND {stands})",
            [array(ids)],
        )
        return dict(rows)

    def find(self, texts: Collection[str], scope: Scope) -> dict[str, list[str]]:
        rows = self._rows(
            scope,
            "SELECT DISTINCT label.text, node.id FROM json_each(?) AS asked JOIN label ON label.text = asked.value"
            f" AND {self._visible(scope, 'label')} JOIN node USING (nid)",
            [array(texts)],
        )
        found: dict[str, list[str]] = {text: [] for text in texts}
        for text, record in sorted(rows):
            found[text].append(record)
        return found

    def neighbours(self, ids: Collection[str], direction: Direction, types: Collection[str], scope: Scope) -> list[Edge]:
        codes = ",".join(str(code) for type_ in types for code in CODES[type_])
        near, far = SIDES[direction]
        ends = "far.id, asked.value" if direction == "up" else "asked.value, far.id"
        rows = self._rows(
            scope,
            f"SELECT edge.type, {ends}, edge.sid, edge.quantity, edge.unit"
            " FROM json_each(?) AS asked JOIN node ON node.id = asked.value"
            f" JOIN edge ON edge.{near} = node.nid AND edge.type IN ({codes}) AND {self._visible(scope, 'edge')}"
            f" JOIN node far ON far.nid = edge.{far}",
            [array(ids)],
        )
        return self._edges(rows, scope.deadline)

    def around(self, ids: Collection[str], scope: Scope, period: tuple[int, int] | None = None) -> Around:
        statement = sqlite_reach.around(self._visible(scope, "edge"), self._visible(scope, "state"), period is not None)
        return Around(*self._met(self._rows(scope, statement, [array(ids), *(period or ())]), scope.deadline))

    def emptied(self, ids: Collection[str], scope: Scope) -> Around:
        statement = sqlite_reach.emptied(self._visible(scope, "edge"), self._visible(scope, "state"))
        return Around(*self._met(self._rows(scope, statement, [array(ids)]), scope.deadline))

    def reach(self, ids: Collection[str], direction: Direction, scope: Scope, limit: int) -> Reached:
        roots, joins, first = set(ids), set[Edge](), list[Edge]()
        persons = {root for root in roots if class_of(root) == "person"}
        if persons:
            twins, joins = with_joined(self, persons, scope)
            roots, persons = roots | twins, persons | twins
            first = self.neighbours(persons, direction, MAKING, scope)
        starts = roots - persons | {end for edge in first for end in (edge.source, edge.target)} - persons
        statement = sqlite_reach.reach(direction, self._visible(scope, "edge"), self._visible(scope, "state"))
        rows = self._rows(scope, statement, [array(starts), limit + 1])
        return self._reached(rows, roots, {*joins, *first}, limit, scope.deadline)

    def _reached(self, rows: list[Any], roots: set[str], first: set[Edge], limit: int, deadline: Deadline) -> Reached:
        """The walk in rows: of `_met`, with code -2 of a container whose acts over a period there are."""
        edges, told = self._met(rows, deadline)
        acts = [edge for edge in edges if edge[0] == "SUBJECT_OF"]
        making = first.union([edge for edge in edges if edge[0] != "SUBJECT_OF"])
        walked = roots.union([edge[1] for edge in making], [edge[2] for edge in making])
        ids = {row[1]: row[2] for row in rows if row[0] == 0}
        holders = {ids[row[1]]: row[4:6] for row in rows if row[0] == -2}
        stopped = frozenset(["RECORDS"] if len(walked) > limit else [])
        return Reached(walked, [*making], stopped, Around(acts, told, holders))

    def _met(self, rows: list[Any], deadline: Deadline) -> tuple[list[Edge], Told]:
        """Edges and what stands, of the rows of `sqlite_reach`.

        Rows of code -1 only name an id; edges to an id without a row of its own are left out."""
        ids: dict[int, str] = {row[1]: row[2] for row in rows if row[0] in (0, -1)}
        names = self._named({row[3] for row in rows if row[3] is not None})
        edges = [
            Edge(TYPES[code], ids[one], ids[other], names[sid], ROLES.get(code), quantity, unit)
            for code, one, other, sid, quantity, unit, *_ in deadline.watch(rows)
            if code > 0 and one in ids and other in ids
        ]
        said = [row for row in rows if row[0] == 0 and row[3] is not None]
        states = []
        for at in range(0, len(said), _PAGE):
            deadline.check()
            part = said[at : at + _PAGE]
            states += [
                State(record, names[sid], word, key, joined != 0, None if first is None else (first, last))
                for (_, _, record, sid, _, key, joined, first, last), word in zip(
                    part, standing.load_all([row[4] for row in part]), strict=True
                )
            ]
        return edges, Told({row[2] for row in rows if row[0] == 0}, states)

    def _edges(self, rows: list[Any], deadline: Deadline) -> list[Edge]:
        """Edges of rows (code, source, target, sid, quantity, unit), ascending and each once; `SAME_AS` as it was stated."""
        names = self._named(row[3] for row in rows)
        edges = set()
        for code, source, target, sid, quantity, unit in deadline.watch(rows):
            ends = (target, source) if code == SAME_AS_REVERSED else (source, target)
            edges.add(Edge(TYPES[code], *ends, names[sid], ROLES.get(code), quantity, unit))
        return sorted(edges, key=lambda edge: edge[:4])

    def _named(self, sids: Iterable[int]) -> dict[int, str]:
        """Names of stewards by number; numbers are never given anew."""
        if not self._stewards.keys() >= set(sids):
            self._stewards = dict(self._connection.execute("SELECT sid, name FROM steward").fetchall())
        return self._stewards
