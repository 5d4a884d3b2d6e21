"""The writing side of the SQLite store: what `ledger.plan` asks, and writing down what it answers."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator

import orjson

from graph import ledger, standing
from graph.claims import Edge
from graph.replay import paired
from graph.sqlite_hints import Hints
from graph.sqlite_schema import FOREVER, PROJECTED, PROJECTION, SAME_AS, SAME_AS_REVERSED, code_of
from graph.standing import Standing
from graph.store import Batch, Commit, LogEntry


def array(values: Iterable[object]) -> str:
    """A JSON array, for `json_each`."""
    return orjson.dumps(list(values)).decode()


def statements(script: str) -> list[str]:
    """The statements of a script of `;`-ended ones."""
    return [statement for statement in script.split(";") if statement.strip()]


class Writer:
    """Reads the head and writes plans over one connection, inside its caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # -- what a plan asks

    def head(self) -> Commit | None:
        row = self._connection.execute("SELECT body FROM commits ORDER BY number DESC LIMIT 1").fetchone()
        return Commit(**orjson.loads(row[0])) if row else None

    def logged(self, claims: Collection[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        rows = self._connection.execute(
            "SELECT node.id, claim.hash FROM json_each(?) AS asked JOIN node ON node.id = asked.value"
            " JOIN claim ON claim.nid = node.nid",
            [array({record for record, _ in claims})],
        )
        return {(record, digest) for record, digest in rows if (record, digest) in claims}

    def standings(self, ids: Collection[str]) -> dict[ledger.Owner, Standing]:
        rows = self._connection.execute(
            "SELECT node.id, steward.name, state.doc FROM json_each(?) AS asked JOIN node ON node.id = asked.value"
            " JOIN state ON state.nid = node.nid AND state.until = ? JOIN steward USING (sid)",
            [array(ids), FOREVER],
        )
        return {(record, steward): standing.load(doc) for record, steward, doc in rows}

    def joins(self, ids: Collection[str]) -> list[Edge]:
        rows = self._connection.execute(
            "WITH RECURSIVE joined (nid) AS ("
            "  SELECT node.nid FROM json_each(?) AS asked JOIN node ON node.id = asked.value"
            "  UNION SELECT edge.dst FROM joined JOIN edge ON edge.src = joined.nid"
            "  WHERE edge.type IN (?, ?) AND edge.until = ?)"
            " SELECT a.id, b.id, steward.name FROM joined JOIN edge ON edge.src = joined.nid AND edge.type = ?"
            " AND edge.until = ? JOIN node a ON a.nid = edge.src JOIN node b ON b.nid = edge.dst JOIN steward USING (sid)",
            [array(ids), SAME_AS, SAME_AS_REVERSED, FOREVER, SAME_AS, FOREVER],
        )
        return [Edge("SAME_AS", source, target, steward) for source, target, steward in rows]

    def carriers(self, texts: Collection[str]) -> list[ledger.Label]:
        rows = self._connection.execute(
            "SELECT label.text, node.id, steward.name FROM json_each(?) AS asked JOIN label ON label.text = asked.value"
            " AND label.until = ? JOIN node USING (nid) JOIN steward USING (sid)",
            [array(texts), FOREVER],
        )
        return rows.fetchall()

    # -- writing it down

    def write(self, plan: ledger.Plan) -> None:
        """Write a plan with its commit, claims and nodes; nothing where the plan has no commit."""
        commit = plan.applied.commit
        if commit is None:
            return
        connection = self._connection
        connection.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?)",
            [commit.number, commit.load_id, commit.closes, orjson.dumps(commit.__dict__)],
        )
        self._nodes(plan.names, commit.number)
        nids = self._nids(_ids_of(plan))
        sids = self._stewards({claim.steward for claim, _, _ in plan.claims})
        connection.executemany(
            "INSERT OR IGNORE INTO commit_steward VALUES (?, ?)", [(sid, commit.number) for sid in sids.values()]
        )
        connection.executemany(
            "INSERT INTO claim (at_commit, nid, sid, hash, body, at, event_id, event_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    commit.number,
                    nids[claim.record],
                    sids[claim.steward],
                    digest,
                    body,
                    claim.evidence.at,
                    claim.evidence.event_id,
                    claim.evidence.event_hash,
                )
                for claim, body, digest in plan.claims
            ],
        )
        self._project(plan, commit.number, nids, sids)

    def _nodes(self, names: dict[str, str | None], commit: int) -> None:
        self._connection.executemany(
            "INSERT INTO node (id, key, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(record, text, commit) for record, text in names.items()],
        )

    def _nids(self, ids: Iterable[str]) -> dict[str, int]:
        rows = self._connection.execute(
            "SELECT node.id, node.nid FROM json_each(?) AS asked JOIN node ON node.id = asked.value", [array(ids)]
        )
        return dict(rows.fetchall())

    def _stewards(self, names: Collection[str]) -> dict[str, int]:
        self._connection.executemany("INSERT OR IGNORE INTO steward (name) VALUES (?)", [(name,) for name in sorted(names)])
        rows = self._connection.execute(
            "SELECT name, sid FROM steward WHERE name IN (SELECT value FROM json_each(?))", [array(names)]
        )
        return dict(rows.fetchall())

    def _project(self, plan: ledger.Plan, commit: int, nids: dict[str, int], sids: dict[str, int]) -> None:
        """Close and open rows of `state`, `edge` and `label`."""
        many = self._connection.executemany
        hints = Hints(self._connection).update(plan, nids)
        many(
            "UPDATE state SET until = ? WHERE nid = ? AND sid = ? AND until = ?",
            [(commit, nids[record], sids[steward], FOREVER) for record, steward in plan.closed],
        )
        many(
            "INSERT INTO state VALUES (?, ?, ?, ?, ?)",
            [(nids[record], sids[steward], commit, FOREVER, word.dump()) for record, steward, word in plan.opened],
        )
        many(
            "UPDATE edge SET until = ? WHERE src = ? AND type = ? AND dst = ? AND sid = ? AND until = ?",
            [(commit, *key, FOREVER) for edge in plan.edges_closed for key in _edge_keys(edge, nids, sids)],
        )
        many(
            "INSERT INTO edge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*key, commit, FOREVER, edge.quantity, edge.unit, hints.get(edge.target))
                for edge in plan.edges_opened
                for key in _edge_keys(edge, nids, sids)
            ],
        )
        many(
            "UPDATE label SET until = ? WHERE text = ? AND nid = ? AND sid = ? AND until = ?",
            [(commit, text, nids[record], sids[steward], FOREVER) for text, record, steward in plan.labels_closed],
        )
        many(
            "INSERT INTO label VALUES (?, ?, ?, ?, ?)",
            [(text, nids[record], sids[steward], commit, FOREVER) for text, record, steward in plan.labels_opened],
        )

    def rebuild(self, commits: Iterable[Commit], entries: Iterator[LogEntry]) -> None:
        """Empty what stands and compute it again, commit by commit, from the log."""
        for table in PROJECTED:
            self._connection.execute(f"DROP TABLE {table}")
        self._connection.execute("UPDATE node SET joined = 0, dated = 0, first = NULL, last = NULL")
        for statement in statements(PROJECTION):
            self._connection.execute(statement)
        for commit, claims in paired(commits, entries):
            plan = ledger.plan(Batch.of(commit, claims), self)
            self._project(plan, commit.number, self._nids(_ids_of(plan)), self._stewards({claim.steward for claim in claims}))


def _ids_of(plan: ledger.Plan) -> set[str]:
    """All ids that writing a plan needs: those its claims name, and the ends of relations that an earlier claim named."""
    ends = (end for edges in (plan.edges_closed, plan.edges_opened) for edge in edges for end in (edge.source, edge.target))
    return {*plan.names, *ends}


def _edge_keys(edge: Edge, nids: dict[str, int], sids: dict[str, int]) -> list[tuple[int, int, int, int]]:
    """The keys of the rows that hold an edge: two for `SAME_AS`, stored from both ends."""
    source, target, steward = nids[edge.source], nids[edge.target], sids[edge.steward]
    keys = [(source, code_of(edge), target, steward)]
    if edge.type == "SAME_AS":
        keys.append((target, SAME_AS_REVERSED, source, steward))
    return keys
