"""The writing side of the Neo4j store: what `ledger.plan` asks, and writing down what it answers, inside one transaction."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, LiteralString, cast

import orjson

from graph import ledger, standing
from graph.claims import RETRACTED, Edge
from graph.model import MODELS
from graph.neo4j_cypher import FOREVER
from graph.standing import Standing
from graph.store import Commit

Run = Callable[..., list[dict[str, Any]]]
"""Runs a statement with parameters and returns its rows."""

_KINDS = ":".join(MODELS)


def cypher(text: str) -> LiteralString:
    """A statement put together from words of ours only; values are always parameters."""
    return cast(LiteralString, text)  # type: ignore[redundant-cast]


class Writer:
    """Reads the head and writes plans through `run`, a statement runner bound to a transaction."""

    def __init__(self, run: Run) -> None:
        self._run = run

    # -- what a plan asks

    def head(self) -> Commit | None:
        rows = self._run("MATCH (c:_Commit) RETURN c.body AS body ORDER BY c.number DESC LIMIT 1")
        return Commit(**orjson.loads(rows[0]["body"])) if rows else None

    def logged(self, claims: Collection[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        rows = self._run(
            "UNWIND $records AS record MATCH (c:_Claim {record: record}) RETURN c.record AS record, c.hash AS hash",
            records=list({record for record, _ in claims}),
        )
        return {(row["record"], bytes.fromhex(row["hash"])) for row in rows} & set(claims)

    def standings(self, ids: Collection[str]) -> dict[ledger.Owner, Standing]:
        rows = self._run(
            "UNWIND $ids AS id MATCH (s:_State {id: id}) WHERE s.until = $forever RETURN s.id AS id, s.steward AS steward,"
            " s.doc AS doc",
            ids=list(ids),
            forever=FOREVER,
        )
        return {(row["id"], row["steward"]): standing.load(row["doc"]) for row in rows}

    def joins(self, ids: Collection[str]) -> list[Edge]:
        found: dict[Edge, None] = {}
        seen: set[str] = set()
        frontier = set(ids)
        while frontier:
            seen |= frontier
            rows = self._run(
                "UNWIND $ids AS id MATCH (a:Record {id: id})-[r:SAME_AS]->(b) RETURN a.id AS source, b.id AS target,"
                " r.steward AS steward, r.reversed AS reversed",
                ids=list(frontier),
            )
            for row in rows:
                ends = (row["target"], row["source"]) if row["reversed"] else (row["source"], row["target"])
                found[Edge("SAME_AS", *ends, row["steward"])] = None
            frontier = {end for edge in found for end in (edge.source, edge.target)} - seen
        return list(found)

    def carriers(self, texts: Collection[str]) -> list[ledger.Label]:
        rows = self._run(
            "UNWIND $texts AS text MATCH (l:_Label {text: text}) WHERE l.until = $forever"
            " RETURN l.text AS text, l.id AS id, l.steward AS steward",
            texts=list(texts),
            forever=FOREVER,
        )
        return [(row["text"], row["id"], row["steward"]) for row in rows]

    # -- writing it down

    def write(self, plan: ledger.Plan) -> None:
        """Write a plan with its commit, claims and nodes; nothing where the plan has no commit."""
        commit = plan.applied.commit
        if commit is None:
            return
        self._run(
            "CREATE (:_Commit {number: $number, load_id: $load_id, closes: $closes, stewards: $stewards, body: $body})",
            number=commit.number,
            load_id=commit.load_id,
            closes=commit.closes,
            stewards=sorted({claim.steward for claim, _, _ in plan.claims}),
            body=orjson.dumps(commit.__dict__).decode(),
        )
        self._run(
            "UNWIND $rows AS row MERGE (n:Record {id: row.id}) ON CREATE SET n.key = row.key, n.since = $commit",
            rows=[{"id": record, "key": text} for record, text in plan.names.items()],
            commit=commit.number,
        )
        [row] = self._run("MATCH (g:_Graph) SET g.claims = g.claims + $more RETURN g.claims AS claims", more=len(plan.claims))
        first = row["claims"] - len(plan.claims) + 1
        self._run(
            "UNWIND $rows AS row CREATE (c:_Claim) SET c = row",
            rows=[
                {
                    "number": first + at,
                    "commit": commit.number,
                    "record": claim.record,
                    "steward": claim.steward,
                    "hash": digest.hex(),
                    "body": body.decode(),
                    "at": claim.evidence.at,
                    "event_id": claim.evidence.event_id,
                    "event_hash": claim.evidence.event_hash,
                }
                for at, (claim, body, digest) in enumerate(plan.claims)
            ],
        )
        self.project(plan, commit.number)

    def project(self, plan: ledger.Plan, commit: int) -> None:
        """Close and open states, relations and labels."""
        if plan.closed:
            self._run(
                "UNWIND $rows AS row MATCH (s:_State {id: row[0]}) WHERE s.steward = row[1] AND s.until = $forever"
                " SET s.until = $commit",
                rows=[list(owner) for owner in plan.closed],
                forever=FOREVER,
                commit=commit,
            )
        self._run(
            "UNWIND $rows AS row CREATE (s:_State {id: row[0], steward: row[1], since: $commit, until: $forever,"
            " doc: row[2], key: row[3]})",
            rows=[[record, steward, word.dump().decode(), plan.names[record]] for record, steward, word in plan.opened],
            commit=commit,
            forever=FOREVER,
        )
        self._show(plan)
        self._close_edges(plan.edges_closed, commit)
        self._open_edges(plan.edges_opened, commit)
        self._labels(plan, commit)

    def _show(self, plan: ledger.Plan) -> None:
        """Kind labels and readable properties of the present: the word of the smallest steward that has not taken it back."""
        words = dict(plan.before)
        words.update({(record, steward): word for record, steward, word in plan.opened})
        shown: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for (record, steward), word in words.items():
            live = {} if word.fields.get(RETRACTED) else word.fields
            if record not in shown or (not shown[record][1] and live) or (live and steward < shown[record][0]):
                shown[record] = (steward, live)
        changed = {record for record, _, _ in plan.opened}
        renamed = [record for record, _ in plan.closed]
        if renamed:
            self._run(f"UNWIND $ids AS id MATCH (n:Record {{id: id}}) REMOVE n:{_KINDS}", ids=renamed)
        by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in changed:
            fields = shown[record][1]
            values = {p[1:]: v for p, v in fields.items() if p[0] == "." and isinstance(v, str | int | float)}
            by_kind[fields.get("kind", "")].append({"id": record, "values": values})
        for kind, rows in by_kind.items():
            label = f", n:{kind}" if kind in MODELS else ""
            self._run(f"UNWIND $rows AS row MATCH (n:Record {{id: row.id}}) SET n += row.values{label}", rows=rows)

    def _close_edges(self, edges: Iterable[Edge], commit: int) -> None:
        """Retype what no longer stands to `WAS_...`."""
        for type_, rows in _by_type(edges):
            self._run(
                f"UNWIND $rows AS row MATCH (a:Record {{id: row.source}})-[r:{type_} {{steward: row.steward}}]->"
                f"(b:Record {{id: row.target}}) WHERE r.until = $forever AND coalesce(r.reversed, false) = row.reversed"
                f" CREATE (a)-[w:WAS_{type_}]->(b) SET w = properties(r), w.until = $commit DELETE r",
                rows=rows,
                commit=commit,
                forever=FOREVER,
            )

    def _open_edges(self, edges: Iterable[Edge], commit: int) -> None:
        for type_, rows in _by_type(edges):
            joined = ", a.joined = true" if type_ == "SAME_AS" else ""
            self._run(
                f"UNWIND $rows AS row MATCH (a:Record {{id: row.source}}) MATCH (b:Record {{id: row.target}})"
                f" CREATE (a)-[r:{type_}]->(b) SET r = row.properties, r.since = $commit, r.until = $forever{joined}",
                rows=rows,
                commit=commit,
                forever=FOREVER,
            )

    def _labels(self, plan: ledger.Plan, commit: int) -> None:
        if plan.labels_closed:
            self._run(
                "UNWIND $rows AS row MATCH (l:_Label {text: row[0]}) WHERE l.id = row[1] AND l.steward = row[2]"
                " AND l.until = $forever SET l.until = $commit",
                rows=[list(label) for label in plan.labels_closed],
                commit=commit,
                forever=FOREVER,
            )
        if plan.labels_opened:
            self._run(
                "UNWIND $rows AS row CREATE (:_Label {text: row[0], id: row[1], steward: row[2], since: $commit, until: $forever})",
                rows=[list(label) for label in plan.labels_opened],
                commit=commit,
                forever=FOREVER,
            )


def _by_type(edges: Iterable[Edge]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows to write, by type; a `SAME_AS` gives two, one for each direction."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for edge in edges:
        properties: dict[str, Any] = {"steward": edge.steward}
        for name, value in (("role", edge.role), ("unit", edge.unit)):
            if value is not None:
                properties[name] = value
        if edge.quantity is not None:
            properties["quantity"] = float(edge.quantity)
        if edge.type == "INPUT_TO" and edge.source.startswith("person-"):
            properties["ends_down"] = True
        if edge.type == "OUTPUT" and edge.target.startswith("person-"):
            properties["ends_up"] = True
        row = {"source": edge.source, "target": edge.target, "steward": edge.steward, "reversed": False}
        rows[edge.type].append({**row, "properties": properties})
        if edge.type == "SAME_AS":
            turned = {"source": edge.target, "target": edge.source, "steward": edge.steward, "reversed": True}
            rows[edge.type].append({**turned, "properties": {**properties, "reversed": True}})
    yield from rows.items()
