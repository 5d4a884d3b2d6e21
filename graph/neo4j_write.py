"""The writing side of the Neo4j store: what `ledger.plan` asks, and writing down what it answers, inside one transaction."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import orjson

from graph import ledger, standing, times
from graph.claims import RETRACTED, Edge, Fields
from graph.model import MODELS, RELATIONS
from graph.neo4j_cypher import FOREVER
from graph.record import SINGLE, Record, event_span
from graph.standing import Standing
from graph.store import Commit
from graph.words import Owner

Run = Callable[..., list[list[Any]]]
"""Runs a statement with parameters and returns its rows."""
Shown = dict[str, Any]
"""The kind label and the properties of a record: `kind`, and `.NAME` for each value."""

_LARGEST = 2**63


class Writer:
    """Reads the head and writes one plan through `run`, a statement runner bound to a transaction that has the turn.

    As nobody else writes meanwhile, each id is looked up once: what was read of it serves all that is asked later."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read: set[str] = set()
        self._known: set[str] = set()
        self._joined: set[str] = set()
        self._states: dict[str, dict[str, Standing]] = {}

    # -- what a plan asks

    def head(self) -> Commit | None:
        rows = self._run("MATCH (g:_Graph {name: 'veintrace'}) MATCH (c:_Commit {number: g.head}) RETURN c.body")
        return Commit(**orjson.loads(rows[0][0])) if rows else None

    def logged(self, claims: Collection[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        self._look_up({record for record, _ in claims})
        # Who ever spoke of an id still has a state of it, so of the others nothing is in the log.
        asked = [[record, digest.hex()] for record, digest in claims if record in self._states]
        if not asked:
            return set()
        [[rows]] = self._run(
            "UNWIND $asked AS asked MATCH (c:_Claim {record: asked[0], hash: asked[1]}) RETURN collect([c.record, c.hash])",
            asked=asked,
        )
        return {(record, bytes.fromhex(digest)) for record, digest in rows}

    def standings(self, ids: Collection[str]) -> dict[Owner, Standing]:
        self._look_up(ids)
        return {(id_, steward): word for id_ in ids for steward, word in self._states.get(id_, {}).items()}

    def _look_up(self, ids: Collection[str]) -> None:
        """Read of ids not read before whether they are known, whether joined, and what stands of them."""
        unread = [id_ for id_ in ids if id_ not in self._read]
        if not unread:
            return
        self._read.update(unread)
        [[rows]] = self._run(_LOOK_UP, ids=unread, forever=FOREVER)
        for record, is_joined, steward, doc in rows:
            self._known.add(record)
            if is_joined:
                self._joined.add(record)
            if steward is not None:
                self._states.setdefault(record, {})[steward] = standing.load(doc)

    def joins(self, ids: Collection[str]) -> list[Edge]:
        found: dict[Edge, None] = {}
        seen: set[str] = set()
        frontier = set(ids)
        while frontier := {id_ for id_ in frontier if id_ not in self._read or id_ in self._joined}:
            seen |= frontier
            rows = self._run(
                "UNWIND $ids AS id MATCH (a:Record {id: id}) WHERE a._joined"
                " MATCH (a)-[r:SAME_AS]->(b) RETURN a.id, b.id, r.steward, r.reversed",
                ids=list(frontier),
            )
            for one, other, steward, reversed_ in rows:
                source, target = (other, one) if reversed_ else (one, other)
                found[Edge("SAME_AS", source, target, steward)] = None
            frontier = {end for edge in found for end in (edge.source, edge.target)} - seen
        return list(found)

    def carriers(self, texts: Collection[str]) -> list[ledger.Label]:
        rows = self._run(
            "UNWIND $texts AS text MATCH (l:_Label {text: text}) WHERE l.until = $forever RETURN l.text, l.id, l.steward",
            texts=list(texts),
            forever=FOREVER,
        )
        return [(text, record, steward) for text, record, steward in rows]

    # -- writing it down

    def write(self, plan: ledger.Plan, logged: int) -> None:
        """Write a plan that has a commit: the commit, its claims after the `logged` ones there are, and what stands."""
        commit = plan.applied.commit
        assert commit is not None
        stewards = sorted({claim.steward for claim, _, _ in plan.claims})
        self._commit(commit, stewards, logged + len(plan.claims))
        begun = self._begun(plan)
        self._run(
            "UNWIND $rows AS row MERGE (n:Record {id: row[0]}) ON CREATE SET n.key = row[1], n.since = $commit",
            rows=[[id_, text] for id_, text in plan.names.items() if id_ not in self._known and id_ not in begun],
            commit=commit.number,
        )
        self._claims(plan, commit.number, logged)
        self.project(plan, commit.number)

    def _claims(self, plan: ledger.Plan, commit: int, logged: int) -> None:
        by_steward: dict[str, list[list[Any]]] = defaultdict(list)
        for number, (claim, body, digest) in enumerate(plan.claims, logged + 1):
            told = claim.evidence
            row = [number, claim.record, digest.hex(), body.decode(), told.at, told.event_id, told.event_hash, told.source or None]
            by_steward[claim.steward].append(_shortened(row))
        self._run(
            "UNWIND $parts AS part UNWIND part[1] AS row"
            " CREATE (:_Claim {number: row[0], commit: $commit, record: row[1], steward: part[0],"
            " hash: row[2], body: row[3], at: row[4], event_id: row[5], event_hash: row[6], source: row[7]})",
            parts=list(by_steward.items()),
            commit=commit,
        )

    def _begun(self, plan: ledger.Plan) -> set[str]:
        """Ids that are first met in this commit, and spoken of: their records are written at one go."""
        return {id_ for id_, _, _ in plan.opened if id_ in self._read and id_ not in self._known and id_ in plan.names}

    def _commit(self, commit: Commit, stewards: list[str], logged: int) -> None:
        self._run(
            "MATCH (g:_Graph {name: 'veintrace'}) SET g.head = $number, g.claims = $logged"
            " CREATE (:_Commit {number: $number, load_id: $load, stewards: $stewards, body: $body,"
            " time: $time, author: $author, source: $source})"
            " MERGE (l:_Load {id: $load}) ON CREATE SET l.first = $number, l.closed = false, l.stewards = []"
            " SET l.closed = l.closed OR $closes, l.stewards = l.stewards + [s IN $stewards WHERE NOT s IN l.stewards]"
            " WITH count(*) AS done UNWIND $stewards AS name"
            " MERGE (s:_Steward {name: name}) ON CREATE SET s.since = $number",
            number=commit.number,
            logged=logged,
            load=commit.load_id,
            closes=commit.closes,
            stewards=stewards,
            body=orjson.dumps(commit.__dict__).decode(),
            time=times.iso(commit.time),
            author=commit.author,
            source=commit.source,
        )

    def project(self, plan: ledger.Plan, commit: int) -> None:
        """Close and open states, relations and labels."""
        self._join(plan)
        if plan.closed:
            self._run(
                "UNWIND $rows AS row MATCH (s:_State {id: row[0]}) WHERE s.steward = row[1] AND s.until = $forever"
                " SET s.until = $commit",
                rows=[list(owner) for owner in plan.closed],
                forever=FOREVER,
                commit=commit,
            )
        self._open_states(plan, commit)
        self._close_edges(plan.edges_closed, commit)
        self._open_edges(plan.edges_opened, commit)
        self._labels(plan, commit)

    def _join(self, plan: ledger.Plan) -> None:
        """Mark ids that are joined for the first time, and what was said of them."""
        if joined := plan.joined:
            self._run(
                "UNWIND $ids AS id MATCH (n:Record {id: id}) WHERE n._joined IS NULL SET n._joined = true"
                " WITH n MATCH (s:_State {id: n.id}) SET s.joined = true",
                ids=list(joined),
            )

    def _open_states(self, plan: ledger.Plan, commit: int) -> None:
        """Open states; bring kind label, values shown and hints of their records up to date."""
        opened: dict[str, dict[str, Standing]] = defaultdict(dict)
        for record, steward, word in plan.opened:
            opened[record][steward] = word
        before: dict[str, dict[str, Standing]] = defaultdict(dict)
        for (record, steward), word in plan.before.items():
            before[record][steward] = word
        begun, joined = self._begun(plan), plan.joined
        created: dict[str, list[list[Any]]] = defaultdict(list)
        by_kind: dict[tuple[str, str], list[list[Any]]] = defaultdict(list)
        hinted: list[list[Any]] = []
        for record, words in opened.items():
            old_words = before.get(record, {})
            old, new = shown(old_words), shown(old_words | words)
            kinds = old.pop("kind", ""), new.pop("kind", "")
            values = {path[1:]: value for path, value in new.items() if path not in old or old[path] != value}
            values.update((path[1:], None) for path in old.keys() - new.keys())
            hint = _hint(record, words.values())
            if not old_words:
                values |= hint
            elif hint != _hint(record, old_words.values()):
                hinted.append([record, *hint.values()])
            states = [[steward, word.dump().decode()] for steward, word in words.items()]
            if record in begun:
                own = {"id": record, "key": plan.names[record], "since": commit, "_joined": record in joined or None}
                told = {name: value for name, value in (values | own).items() if value is not None}
                created[kinds[1]].append([told, *states.pop()])
                kinds, values = (kinds[1], kinds[1]), {}
            for state in states:
                by_kind[kinds].append([record, values, *state])
        self._write_states(created, by_kind, commit)
        if hinted:
            self._run(_HINTS, rows=hinted)

    def _write_states(
        self, created: Mapping[str, list[list[Any]]], by_kind: Mapping[tuple[str, str], list[list[Any]]], commit: int
    ) -> None:
        """Write states with their records: those of new records by kind, then the others by kind before and now."""
        for kind, rows in created.items():
            begin = f"UNWIND $rows AS row CREATE (n:Record{f':{kind}' if kind in MODELS else ''}) SET n = row[0]"
            self._run(f"{begin} {_STATE.format(steward=1, doc=2)}", rows=rows, commit=commit, forever=FOREVER)
        for (was, now), rows in by_kind.items():
            label = f" REMOVE n:{was}" if was != now and was in MODELS else ""
            label += f" SET n:{now}" if was != now and now in MODELS else ""
            begin = f"UNWIND $rows AS row MATCH (n:Record {{id: row[0]}}) SET n += row[1]{label}"
            self._run(f"{begin} {_STATE.format(steward=2, doc=3)}", rows=rows, commit=commit, forever=FOREVER)

    def _close_edges(self, edges: Iterable[Edge], commit: int) -> None:
        """Retype what no longer stands to `WAS_...`."""
        for type_, turned, rows in _by_type(edges):
            self._run(
                f"UNWIND $rows AS row MATCH (a:Record {{id: row[0]}}) MATCH (b:Record {{id: row[1]}})"
                f" MATCH (a)-[r:{type_} {{steward: row[2]}}]->(b) WHERE coalesce(r.reversed, false) = $turned"
                f" CREATE (a)-[w:WAS_{type_}]->(b) SET w = properties(r), w.until = $commit DELETE r",
                rows=rows,
                commit=commit,
                turned=turned,
            )

    def _open_edges(self, edges: Iterable[Edge], commit: int) -> None:
        for type_, turned, rows in _by_type(edges):
            if RELATIONS[type_].single:
                parts, statement = _by_target(rows), _TO_ONE.format(type=type_)
            else:
                names = [*RELATIONS[type_].fields, *_ENDS.get(type_, ())]
                properties = "".join(f", {name}: row[{at}]" for at, name in enumerate(names, 2))
                properties += ", reversed: true" if turned else ""
                parts, statement = _by_steward(rows), _TO_EACH.format(type=type_, properties=properties)
            self._run(statement, parts=parts, commit=commit, forever=FOREVER)

    def _labels(self, plan: ledger.Plan, commit: int) -> None:
        if plan.labels_closed:
            self._run(
                "UNWIND $rows AS row MATCH (l:_Label {text: row[0]}) WHERE l.id = row[1] AND l.steward = row[2]"
                " AND l.until = $forever SET l.until = $commit",
                rows=[list(label) for label in plan.labels_closed],
                forever=FOREVER,
                commit=commit,
            )
        if plan.labels_opened:
            self._run(
                "UNWIND $rows AS row CREATE (:_Label {text: row[0], id: row[1], steward: row[2], since: $commit, until: $forever})",
                rows=[list(label) for label in plan.labels_opened],
                commit=commit,
                forever=FOREVER,
            )


_LOOK_UP = (
    "UNWIND $ids AS id MATCH (n:Record {id: id}) OPTIONAL MATCH (s:_State {id: id}) WHERE s.until = $forever"
    " RETURN collect([n.id, n._joined, s.steward, s.doc])"
)
_STATE = (
    "CREATE (:_State {{id: n.id, steward: row[{steward}], since: $commit, until: $forever, doc: row[{doc}], key: n.key,"
    " joined: n._joined}})"
)
_TO_ONE = (
    "UNWIND $parts AS part MATCH (b:Record {{id: part[0]}}) UNWIND part[2] AS id MATCH (a:Record {{id: id}})"
    " CREATE (a)-[:{type} {{steward: part[1], since: $commit, until: $forever}}]->(b)"
)
"""Relations of a type without properties, many of which end at one record: that is looked up once."""
_TO_EACH = (
    "UNWIND $parts AS part UNWIND part[1] AS row MATCH (a:Record {{id: row[0]}}) MATCH (b:Record {{id: row[1]}})"
    " CREATE (a)-[:{type} {{steward: part[0], since: $commit, until: $forever{properties}}}]->(b)"
)
_HINTS = (
    "UNWIND $rows AS row MATCH (n:Record {id: row[0]}) SET n._undated = CASE WHEN row[1] THEN true ELSE n._undated END,"
    " n._first = CASE WHEN n._first < row[2] THEN n._first ELSE coalesce(row[2], n._first) END,"
    " n._last = CASE WHEN n._last > row[3] THEN n._last ELSE coalesce(row[3], n._last) END"
)
_ENDS = {"INPUT_TO": ("ends_down",), "OUTPUT": ("ends_up",)}
"""The property that marks a making from or of a person, which ends a walk in that direction."""


def shown(words: Mapping[str, Standing]) -> Shown:
    """What a reader of the database sees of one id: field by field the word of the smallest steward who says one, and under
    `.disagreements` every word on the fields of which stewards say different things."""
    said = {steward: words[steward].fields for steward in sorted(words) if not words[steward].fields.get(RETRACTED)}
    told: Shown = {}
    for fields in reversed(said.values()):
        told.update((path, _storable(value)) for path, value in fields.items() if path[0] == "." or path == "kind")
    if disagreements := _disagreements(said):
        told[".disagreements"] = disagreements
    return told


def _disagreements(said: dict[str, Fields]) -> list[str]:
    """`FIELD: STEWARD says VALUE`, by field and steward. Who gives another end of a relation has a relation of its own."""
    return [
        f"{told['field']}: {word['steward']} says {_text(word['value'])}"
        for told in Record("", (), (), said).disagreements
        if told["field"].upper() not in SINGLE
        for word in told["values"]
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _storable(value: Any) -> Any:
    """The value as a property: what Neo4j has no type for (a number beyond 64 bits, a list) as JSON text."""
    if isinstance(value, str | bool | float) or (isinstance(value, int) and -_LARGEST <= value < _LARGEST):
        return value
    return orjson.dumps(value).decode() if not isinstance(value, int) else str(value)


def _hint(record: str, words: Iterable[Standing]) -> dict[str, Any]:
    """For an event, whether one of these words gives no time, and the widest span of those that do."""
    if not record.startswith("event-"):
        return {}
    spans = [event_span(word.fields) for word in words]
    dated = [span for span in spans if span is not None]
    first, last = (min(s for s, _ in dated), max(e for _, e in dated)) if dated else (None, None)
    return {"_undated": len(dated) < len(spans) or None, "_first": first, "_last": last}


def _by_type(edges: Iterable[Edge]) -> list[tuple[str, bool, list[list[Any]]]]:
    """`(type, turned, rows)` to write; a `SAME_AS` is written from both ends, the second time turned."""
    found: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[edge.type].append(edge)
    parts = [(type_, False, [_edge_row(edge) for edge in members]) for type_, members in found.items()]
    if joins := found.get("SAME_AS"):
        parts.append(("SAME_AS", True, [[edge.target, edge.source, edge.steward] for edge in joins]))
    return parts


def _edge_row(edge: Edge) -> list[Any]:
    """Ends, steward, the properties of its type in the model's order, and whether it ends a walk."""
    row: list[Any] = [edge.source, edge.target, edge.steward]
    for name in RELATIONS[edge.type].fields:
        value = getattr(edge, name)
        row.append(float(value) if name == "quantity" and value is not None else value)
    if edge.type == "INPUT_TO":
        row.append(edge.source.startswith("person-") or None)
    elif edge.type == "OUTPUT":
        row.append(edge.target.startswith("person-") or None)
    return row


def _by_steward(rows: Iterable[list[Any]]) -> list[list[Any]]:
    """Rows of edges as `[steward, rows without it]`: what many share is sent once, for packing costs the driver more than
    reading costs the server."""
    found: dict[str, list[list[Any]]] = defaultdict(list)
    for source, target, steward, *more in rows:
        found[steward].append(_shortened([source, target, *more]))
    return [list(part) for part in found.items()]


def _by_target(rows: Iterable[list[Any]]) -> list[list[Any]]:
    """Rows of edges without properties as `[target, steward, sources]`."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source, target, steward, *_ in rows:
        found[target, steward].append(source)
    return [[*shared, sources] for shared, sources in found.items()]


def _shortened(row: list[Any]) -> list[Any]:
    """A row without the nulls at its end: in Cypher what lies beyond the end of a list is null."""
    while row[-1] is None:
        row.pop()
    return row
