"""The writing side of the SQLite store: what `ledger.plan` asks, and writing down what it answers."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import orjson

from graph import ledger, standing
from graph import sqlite_hints as hints
from graph.claims import Edge
from graph.codes import SAME_AS, SAME_AS_REVERSED, code_of
from graph.replay import paired
from graph.sqlite_hints import Node
from graph.sqlite_schema import FOREVER, PROJECTED, PROJECTION
from graph.standing import Standing
from graph.store import Batch, Commit, LogEntry
from graph.words import Owner

_AT_ONCE = 64
"""Rows of one statement."""


def array(values: Iterable[object]) -> str:
    """A JSON array, for `json_each`."""
    return orjson.dumps(list(values)).decode()


def statements(script: str) -> list[str]:
    """The statements of a script of `;`-ended ones."""
    return [statement for statement in script.split(";") if statement.strip()]


class Writer:
    """Plans and writes one commit over one connection, inside its caller's transaction: each id is looked up once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._nids: dict[str, int] = {}
        self._asked: set[str] = set()

    def _look(self, ids: Iterable[str]) -> None:
        """Learn the numbers of those of `ids` that are in the graph."""
        news = set(ids) - self._asked
        if news:
            self._asked |= news
            rows = self._connection.execute(
                "SELECT node.id, node.nid FROM json_each(?) AS asked JOIN node ON node.id = asked.value", [array(news)]
            )
            self._nids.update(rows)

    def _numbers(self, ids: Iterable[str]) -> dict[int, str]:
        """Those of `ids` that are in the graph, by number."""
        self._look(ids)
        return {self._nids[record]: record for record in ids if record in self._nids}

    def _hints(self, ids: Collection[str]) -> dict[str, Node]:
        """The nodes of ids that have numbers; without hints where they are not in the graph yet."""
        found = {record: Node(self._nids[record]) for record in ids}
        rows = self._connection.execute(
            "SELECT node.id, node.nid, joined, dated, first, last FROM json_each(?) AS asked JOIN node ON node.nid = asked.value",
            [array(node.nid for node in found.values())],
        )
        found.update((record, Node(*row)) for record, *row in rows)
        return found

    # -- what a plan asks

    def head(self) -> Commit | None:
        row = self._connection.execute("SELECT body FROM commits ORDER BY number DESC LIMIT 1").fetchone()
        return Commit(**orjson.loads(row[0])) if row else None

    def logged(self, claims: Collection[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        names = self._numbers({record for record, _ in claims})
        rows = self._connection.execute(
            "SELECT claim.nid, claim.hash FROM json_each(?) AS asked JOIN claim ON claim.nid = asked.value", [array(names)]
        )
        return {said for nid, digest in rows if (said := (names[nid], digest)) in claims}

    def standings(self, ids: Collection[str]) -> dict[Owner, Standing]:
        names = self._numbers(ids)
        rows = self._connection.execute(
            "SELECT state.nid, steward.name, word.doc, word.share FROM json_each(?) AS asked"
            " JOIN state ON state.nid = asked.value AND state.until = ? JOIN word ON word.number = state.word"
            " JOIN steward USING (sid)",
            [array(names), FOREVER],
        ).fetchall()
        words = standing.with_shares([row[2] for row in rows], [row[3] for row in rows])
        return {(names[nid], steward): word for (nid, steward, _, _), word in zip(rows, words, strict=True)}

    def joins(self, ids: Collection[str]) -> list[Edge]:
        if not self._connection.execute("SELECT EXISTS (SELECT 1 FROM node WHERE joined = 1)").fetchone()[0]:
            return []
        rows = self._connection.execute(
            "WITH RECURSIVE joined (nid) AS"
            "  (SELECT value FROM json_each(?) WHERE value IN (SELECT nid FROM node WHERE joined = 1)"
            "  UNION SELECT edge.dst FROM joined JOIN edge ON edge.src = joined.nid"
            "  WHERE edge.type IN (?, ?) AND edge.until = ?)"
            " SELECT a.id, b.id, steward.name FROM joined JOIN edge ON edge.src = joined.nid AND edge.type = ?"
            " AND edge.until = ? JOIN node a ON a.nid = edge.src JOIN node b ON b.nid = edge.dst JOIN steward USING (sid)",
            [array(self._numbers(ids)), SAME_AS, SAME_AS_REVERSED, FOREVER, SAME_AS, FOREVER],
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
        sids = self._stewards({claim.steward for claim, _, _ in plan.claims})
        connection.executemany(
            "INSERT OR IGNORE INTO commit_steward VALUES (?, ?)", [(sid, commit.number) for sid in sids.values()]
        )
        self._project(plan, commit.number, sids)
        nids = self._nids
        connection.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?, ?)",
            [commit.number, commit.load_id, commit.closes, self._last("node", "nid"), orjson.dumps(commit.__dict__)],
        )
        self._insert(
            "claim (at_commit, nid, sid, hash, body, at, event_id, event_hash, source)",
            [
                (commit.number, nids[claim.record], sids[claim.steward], digest, body, *claim.evidence)
                for claim, body, digest in plan.claims
            ],
        )

    def _stewards(self, names: Collection[str]) -> dict[str, int]:
        self._connection.executemany("INSERT OR IGNORE INTO steward (name) VALUES (?)", [(name,) for name in sorted(names)])
        rows = self._connection.execute(
            "SELECT name, sid FROM steward WHERE name IN (SELECT value FROM json_each(?))", [array(names)]
        )
        return dict(rows.fetchall())

    def _last(self, table: str, column: str) -> int:
        """The largest number in a column, 0 of an empty table."""
        [last] = self._connection.execute(f"SELECT coalesce(max({column}), 0) FROM {table}").fetchone()
        return int(last)

    def _project(self, plan: ledger.Plan, commit: int, sids: dict[str, int]) -> None:
        """Write nodes; close and open rows of `state`, `edge` and `label`."""
        many = self._connection.executemany
        nodes = self._write_nodes(plan)
        nids = self._nids
        closed = defaultdict[int, list[int]](list)
        for record, steward in plan.closed:
            closed[sids[steward]].append(nids[record])
        many(
            "UPDATE state SET until = ? WHERE nid IN (SELECT value FROM json_each(?)) AND sid = ? AND until = ?",
            [(commit, array(numbers), sid, FOREVER) for sid, numbers in closed.items()],
        )
        words = range(self._last("word", "number") + 1, FOREVER)
        self._insert(
            "state (nid, sid, since, until, word)",
            [(nids[record], sids[name], commit, FOREVER, at) for (record, name, _), at in zip(plan.opened, words, strict=False)],
        )
        self._insert(
            "word (number, doc, share)",
            [(at, word.dump(), word.share(name, record)) for (record, name, word), at in zip(plan.opened, words, strict=False)],
        )
        many(
            "UPDATE edge SET until = ? WHERE src = ? AND type = ? AND dst = ? AND sid = ? AND until = ?",
            [(commit, *key, FOREVER) for edge in plan.edges_closed for key in _edge_keys(edge, nids, sids)],
        )
        self._insert(
            "edge (src, type, dst, sid, since, until, quantity, unit, first)",
            _edge_rows(plan.edges_opened, commit, nids, sids, nodes),
        )
        many(
            "UPDATE label SET until = ? WHERE text = ? AND nid = ? AND sid = ? AND until = ?",
            [(commit, text, nids[record], sids[steward], FOREVER) for text, record, steward in plan.labels_closed],
        )
        self._insert(
            "label (text, nid, sid, since, until)",
            [(text, nids[record], sids[steward], commit, FOREVER) for text, record, steward in plan.labels_opened],
        )

    def _insert(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Insert rows into a table named with its columns, many by one statement, which takes a fifth less time."""
        told = list(rows)
        whole = len(told) - len(told) % _AT_ONCE
        row = f"({', '.join('?' * (table.count(',') + 1))})"
        self._connection.executemany(
            f"INSERT INTO {table} VALUES {', '.join([row] * _AT_ONCE)}",
            ([*chain.from_iterable(told[at : at + _AT_ONCE])] for at in range(0, whole, _AT_ONCE)),
        )
        self._connection.executemany(f"INSERT INTO {table} VALUES {row}", told[whole:])

    def _write_nodes(self, plan: ledger.Plan) -> dict[str, Node]:
        """Insert the nodes of new ids, numbered in the order in which they were named, and bring the hints of others up to date.

        Returns, with their hints, the events that relations of `SUBJECT_OF` begin to lead to, among others."""
        ends = (end for edges in (plan.edges_closed, plan.edges_opened) for edge in edges for end in edge[1:3])
        self._look((*plan.names, *ends))
        nids, last = self._nids, self._last("node", "nid")
        fresh = [record for record in plan.names if record not in nids]
        nids.update(zip(fresh, range(last + 1, FOREVER), strict=False))
        joined = plan.joined
        spans = hints.told(plan, joined)
        nodes = self._hints({edge.target for edge in plan.edges_opened if edge.type == "SUBJECT_OF"}.union(joined, spans))
        changed = hints.hinted(joined, spans, nodes)
        self._write_hints(changed, nodes, last)
        nodes.update(changed)
        self._insert(
            "node (id, key, nid, joined, dated, first, last)",
            [(record, plan.names[record], *(nodes.get(record) or Node(nids[record]))) for record in fresh],
        )
        return nodes

    def _write_hints(self, changed: Mapping[str, Node], before: Mapping[str, Node], last: int) -> None:
        """Write the hints of nodes up to number `last`; what was told of events of no one time any more is taken back."""
        self._connection.executemany(
            "UPDATE node SET joined = ?, dated = ?, first = ?, last = ? WHERE nid = ?",
            [(node.joined, node.dated, node.first, node.last, node.nid) for node in changed.values() if node.nid <= last],
        )
        self._connection.executemany(
            "UPDATE edge SET first = NULL WHERE dst = ? AND type IN (7, 8, 9)",
            [(node.nid,) for record, node in changed.items() if before[record].first is not None and node.first is None],
        )
        self._connection.execute(
            "INSERT INTO meta VALUES ('longest', ?) ON CONFLICT (name) DO UPDATE SET value = max(value + 0, excluded.value + 0)",
            [max((node.length for node in changed.values()), default=0)],
        )

    def rebuild(self, commits: Iterable[Commit], entries: Iterator[LogEntry]) -> None:
        """Empty what stands and compute it again, commit by commit, from the log."""
        for table in PROJECTED:
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        self._connection.execute("UPDATE node SET joined = 0, dated = 0, first = NULL, last = NULL")
        for statement in statements(PROJECTION):
            self._connection.execute(statement)
        for commit, claims in paired(commits, entries):
            writer = Writer(self._connection)
            plan = ledger.plan(Batch.of(commit, claims), writer)
            writer._project(plan, commit.number, writer._stewards({claim.steward for claim in claims}))


def _edge_rows(
    edges: Iterable[Edge], commit: int, nids: Mapping[str, int], sids: Mapping[str, int], nodes: Mapping[str, Node]
) -> Iterator[tuple[int | float | str | None, ...]]:
    """The rows of `edge` that begin with a commit."""
    for edge in edges:
        type_, source, target, steward, _, quantity, unit = edge
        first = nodes[target].first if type_ == "SUBJECT_OF" else None
        yield nids[source], code_of(edge), nids[target], sids[steward], commit, FOREVER, quantity, unit, first
        if type_ == "SAME_AS":
            yield nids[target], SAME_AS_REVERSED, nids[source], sids[steward], commit, FOREVER, None, None, None


def _edge_keys(edge: Edge, nids: Mapping[str, int], sids: Mapping[str, int]) -> list[tuple[int, int, int, int]]:
    """The keys of the rows that hold an edge: two for `SAME_AS`, stored from both ends."""
    source, target, steward = nids[edge.source], nids[edge.target], sids[edge.steward]
    keys = [(source, code_of(edge), target, steward)]
    if edge.type == "SAME_AS":
        keys.append((target, SAME_AS_REVERSED, source, steward))
    return keys
