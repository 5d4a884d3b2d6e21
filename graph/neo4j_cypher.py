"""The Cypher of the Neo4j store: its schema, and the statements that read.

One node `:Record` per id, labelled by kind, with the values shown as properties, and under `disagreements` every word
where stewards say different things; relations by the names of the model, with `steward`, `since` and `until`. What no
longer stands is retyped `WAS_...`, so a question about the present needs no condition. `SAME_AS` stands in both
directions (the second `reversed`). The log is `:_Commit` and `:_Claim`, what each steward says of an id `:_State`,
identifiers given to it `:_Label`; all these have names that begin with `_`, as have the properties of a record that are
hints and no values:

    _joined             somebody, at some commit, joined the id with another
    _first, _last       for an event: the widest span (UTC microseconds) that all who ever spoke of it give
    _undated            for an event: somebody, at some commit, spoke of it without a time

Neo4j reads what is committed, not a snapshot, and even a commit becomes visible piece by piece. So writers, who take
turns by a lock on `:_Graph`, tell readers on `:_Notice` before (`next`) and after (`head`) each commit, and count `era`
up when a rebuild begins (odd) and ends (even). A statement returns the notice read after its rows: what was read stands
if it is the notice known before, and no commit was under way.
"""

from graph.model import MODELS

FOREVER = 2**62

SCHEMA = (
    "CREATE CONSTRAINT veintrace_record IF NOT EXISTS FOR (n:Record) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX veintrace_key IF NOT EXISTS FOR (n:Record) ON (n.key)",
    "CREATE CONSTRAINT veintrace_commit IF NOT EXISTS FOR (n:_Commit) REQUIRE n.number IS UNIQUE",
    "CREATE CONSTRAINT veintrace_claim IF NOT EXISTS FOR (n:_Claim) REQUIRE n.number IS UNIQUE",
    "CREATE CONSTRAINT veintrace_load IF NOT EXISTS FOR (n:_Load) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT veintrace_steward IF NOT EXISTS FOR (n:_Steward) REQUIRE n.name IS UNIQUE",
    "CREATE CONSTRAINT veintrace_graph IF NOT EXISTS FOR (n:_Graph) REQUIRE n.name IS UNIQUE",
    "CREATE CONSTRAINT veintrace_notice IF NOT EXISTS FOR (n:_Notice) REQUIRE n.name IS UNIQUE",
    "CREATE INDEX veintrace_said IF NOT EXISTS FOR (n:_Claim) ON (n.record, n.hash)",
    "CREATE INDEX veintrace_state IF NOT EXISTS FOR (n:_State) ON (n.id)",
    "CREATE INDEX veintrace_label IF NOT EXISTS FOR (n:_Label) ON (n.text)",
    "CREATE INDEX veintrace_since IF NOT EXISTS FOR (n:Record) ON (n.since)",
    "CREATE INDEX veintrace_closed IF NOT EXISTS FOR (n:_Load) ON (n.closed)",
)
CREATE = (
    "MERGE (g:_Graph {name: 'veintrace'}) ON CREATE SET g.schema = $schema, g.head = 0, g.claims = 0"
    " MERGE (w:_Notice {name: 'veintrace'}) ON CREATE SET w.head = 0, w.next = 0, w.era = 0"
)
STATUS = "MATCH (g:_Graph {name: 'veintrace'}), (w:_Notice {name: 'veintrace'}) RETURN g.schema, g.head, w.head, w.next, w.era"
LOCK = (
    "MATCH (g:_Graph {name: 'veintrace'}) SET g.lock = randomUUID() WITH g"
    " MATCH (w:_Notice {name: 'veintrace'}) RETURN g.head, g.claims, w.head, w.next, w.era"
)
ANNOUNCE = "MATCH (w:_Notice {name: 'veintrace'}) SET w.next = $number"
PUBLISH = (
    "MATCH (w:_Notice {name: 'veintrace'}) SET w.lock = $number WITH w"
    " SET w.head = CASE WHEN w.head < $number THEN $number ELSE w.head END"
)
SETTLE = "MATCH (w:_Notice {name: 'veintrace'}) SET w.next = $number, w.head = $number"
ERA = "MATCH (w:_Notice {name: 'veintrace'}) SET w.era = $era"
CLEAR = (
    "MATCH (s:_State) CALL (s) { DELETE s } IN TRANSACTIONS OF 10000 ROWS",
    "MATCH (l:_Label) CALL (l) { DELETE l } IN TRANSACTIONS OF 10000 ROWS",
    "MATCH (:Record)-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS",
    f"MATCH (n:Record) CALL (n) {{ SET n = {{id: n.id, key: n.key, since: n.since}} REMOVE n:{':'.join(MODELS)} }}"
    " IN TRANSACTIONS OF 10000 ROWS",
)
"""Empties what stands, for a rebuild."""

_SEEN = "MATCH (w:_Notice {name: 'veintrace'}) MATCH (c:_Commit)"
HEAD = f"{_SEEN} WHERE c.number = w.head RETURN c.body"
COMMITS = f"{_SEEN} WHERE c.number > $since AND c.number <= w.head RETURN c.body ORDER BY c.number"
COMMIT = "MATCH (c:_Commit {number: $number}) RETURN c.body"
_ENTRY = "c.number, c.commit, c.body, c.at, c.event_id, c.event_hash, coalesce(c.source, 0)"
CLAIMS = (
    "MATCH (c:_Claim) USING INDEX c:_Claim(number) WHERE c.number > $number AND c.commit > $since AND c.commit <= $until"
    f" WITH c ORDER BY c.number LIMIT $page RETURN collect([{_ENTRY}])"
)
STEWARDS = "MATCH (s:_Steward) WHERE s.since <= $commit RETURN s.name ORDER BY s.name"
OPEN_LOADS = (
    "MATCH (l:_Load {closed: false}) MATCH (w:_Notice {name: 'veintrace'})"
    " MATCH (c:_Commit {number: l.first}) WHERE c.number <= w.head RETURN c.body ORDER BY c.number"
)
LOAD_STEWARDS = "MATCH (l:_Load {id: $load}) RETURN l.stewards"
STUBS = (
    "MATCH (n:Record) WHERE n.since > $since AND n.since <= $until"
    " AND NOT EXISTS { MATCH (s:_State) WHERE s.id = n.id } AND NOT EXISTS { (n)-[:SAME_AS {reversed: true}]->() } RETURN count(n)"
)

# Rows of what stands or stood, a page (by the first column) at a time, all in one list.
STATE_PAGE = (
    "MATCH (s:_State) WHERE s.id > $after WITH s ORDER BY s.id LIMIT $page WITH max(s.id) AS last"
    " MATCH (s:_State) WHERE s.id > $after AND s.id <= last RETURN collect([s.id, s.steward, s.since, s.until, s.doc])"
)
EDGE_PAGE = (
    "MATCH (a:Record) WHERE a.id > $after WITH a ORDER BY a.id LIMIT $page OPTIONAL MATCH (a)-[r]->(b:Record)"
    " WHERE r.reversed IS NULL"
    " RETURN collect([a.id, type(r), b.id, r.steward, r.since, r.until, r.role, r.quantity, r.unit])"
)
LABEL_PAGE = (
    "MATCH (l:_Label) WHERE l.text > $after WITH l ORDER BY l.text LIMIT $page WITH max(l.text) AS last"
    " MATCH (l:_Label) WHERE l.text > $after AND l.text <= last RETURN collect([l.text, l.id, l.steward, l.since, l.until])"
)


def types(names: tuple[str, ...], past: bool) -> str:
    """A pattern of relation types, those that no longer stand too where the past is asked."""
    return "|".join([*names, *(f"WAS_{name}" for name in names)] if past else names)


def stands(name: str, restricted: bool, past: bool = True) -> str:
    """The condition that a row stands at `$commit` (by its type alone where no `past` is asked) and is a visible steward's."""
    conditions = [f"{name}.since <= $commit AND {name}.until > $commit"] if past else []
    if restricted:
        conditions.append(f"{name}.steward IN $stewards")
    return " AND ".join(conditions)


def answer(body: str, rows: str) -> str:
    """The statement that returns `(rows, head, next, era)`: what `body` matches, collected as `rows` says, then the notice.

    Collecting is a barrier: the notice is read when every row has been. And one long row costs the driver half of what
    many short ones do."""
    return f"{body} WITH {rows} AS rows MATCH (w:_Notice {{name: 'veintrace'}}) RETURN rows, w.head, w.next, w.era"


EDGE = (
    "[type(r), startNode(r).id, endNode(r).id, r.steward] + CASE WHEN r.reversed IS NOT NULL THEN [null, null, null, r.reversed]"
    " WHEN r.quantity IS NOT NULL OR r.unit IS NOT NULL THEN [r.role, r.quantity, r.unit]"
    " WHEN r.role IS NOT NULL THEN [r.role] ELSE [] END"
)
"""No longer than it must be: the driver takes as long for each null as for a value."""
ACT = (
    "[startNode(r).id, endNode(r).id, r.steward] + CASE WHEN r.quantity IS NOT NULL OR r.unit IS NOT NULL"
    " THEN [r.role, r.quantity, r.unit] WHEN r.role IS NOT NULL THEN [r.role] ELSE [] END"
)
"""The same of a `SUBJECT_OF`."""
STATES = "s.steward AS by, collect([s.id, s.doc, s.key] + CASE WHEN s.joined THEN [true] ELSE [] END) AS said"
"""States by steward, for a `collect([by, said])`."""


def get(restricted: bool) -> str:
    """Standing states of `$ids`."""
    body = f"UNWIND $ids AS id MATCH (s:_State {{id: id}}) WHERE {stands('s', restricted)} WITH {STATES}"
    return answer(body, "collect([by, said])")


def known(restricted: bool) -> str:
    """Those of `$ids` that a visible steward ever spoke of, or has a standing relation with."""
    said = "s.since <= $commit" + (" AND s.steward IN $stewards" if restricted else "")
    body = (
        f"UNWIND $ids AS id MATCH (n:Record {{id: id}}) WHERE EXISTS {{ MATCH (s:_State {{id: id}}) WHERE {said} }}"
        f" OR EXISTS {{ MATCH (n)-[x]-() WHERE {stands('x', restricted)} }}"
    )
    return answer(body, "collect([n.id, n.key])")


def find(restricted: bool) -> str:
    """Who carries the identifiers whose texts are `$ids`."""
    body = f"UNWIND $ids AS text MATCH (l:_Label {{text: text}}) WHERE {stands('l', restricted)}"
    return answer(body, "collect(DISTINCT [l.text, l.id])")


def history(restricted: bool) -> str:
    """Claims made under `$ids`."""
    condition = " AND c.steward IN $stewards" if restricted else ""
    body = f"UNWIND $ids AS id MATCH (c:_Claim {{record: id}}) WHERE c.hash IS NOT NULL AND c.commit <= $commit{condition}"
    return f"{body} RETURN {_ENTRY}"


def holding(restricted: bool) -> str:
    """Commits up to `$commit` with a visible claim, the last first."""
    condition = " AND any(s IN c.stewards WHERE s IN $stewards)" if restricted else ""
    return f"MATCH (c:_Commit) WHERE c.number <= $commit{condition} RETURN c.body ORDER BY c.number DESC"


def neighbours(names: tuple[str, ...], up: bool, past: bool, restricted: bool) -> str:
    """Relations into (`up`) or out of `$ids`."""
    arrow = f"<-[r:{types(names, past)}]-" if up else f"-[r:{types(names, past)}]->"
    body = f"UNWIND $ids AS id MATCH (n:Record {{id: id}}){arrow}(){_where(stands('r', restricted, past))}"
    return answer(body, f"collect({EDGE})")


def around(past: bool, restricted: bool, period: bool) -> str:
    """`[acts, told, states]`: what acted on `$ids` (with a `period` without acts of containers that cannot have been in it) and
    all that the packings among it acted on; the events and the containers; and what is said of these."""
    body = (
        f"MATCH (n:Record) WHERE n.id IN $ids WITH collect(n) AS asked"
        f"{_beside('act', 'asked', past, restricted, ('$first', '$last') if period else None)}"
        f" WITH act_acts + act_sides AS edges, [x IN act_events + act_boxes | x.id] AS told{_said('told', restricted)}"
    )
    return answer(body, "[edges, told, states]")


def _beside(name: str, asked: str, past: bool, restricted: bool, period: tuple[str, str] | None = None) -> str:
    """Goes on from nodes `asked` with `NAME_acts` (what acted on them, in a period where one is given), `NAME_events`, `NAME_sides`
    (all that the packings among these acted on) and `NAME_boxes` (their containers)."""
    type_, standing, within = types(("SUBJECT_OF",), past), stands("r", restricted, past), ""
    kept, others = asked, f"NOT n IN {asked}"
    if period:
        spanned = f"coalesce(m._last >= {period[0]} AND m._first <= {period[1]}, true)"
        within = f"(r.role = 'content' OR m._joined OR m._undated OR {spanned})"
        kept += "".join(f", {name}" for name in period if not name.startswith("$"))
        others = ""
    return (
        f" CALL ({kept}) {{ UNWIND {asked} AS n MATCH (n)-[r:{type_}]->(m){_where(standing, within)}"
        f" RETURN collect({ACT}) AS {name}_acts, collect(DISTINCT m) AS {name}_events,"
        f" collect(DISTINCT CASE WHEN r.role IS NOT NULL THEN m END) AS {name}_packings }}"
        f" CALL ({asked}, {name}_packings) {{ UNWIND {name}_packings AS m MATCH (m)<-[r:{type_}]-(n){_where(standing, others)}"
        f" RETURN collect({ACT}) AS {name}_sides,"
        f" collect(DISTINCT CASE WHEN r.role = 'container' THEN n END) AS {name}_boxes }}"
    )


def _said(ids: str, restricted: bool) -> str:
    """Goes on with the `states` of `ids`."""
    return (
        f" CALL ({ids}) {{ UNWIND {ids} AS id MATCH (s:_State {{id: id}})"
        f" WHERE {stands('s', restricted)} WITH {STATES} RETURN collect([by, said]) AS states }}"
    )


def _where(*conditions: str) -> str:
    """A `WHERE` of those that say something, or nothing."""
    said = " AND ".join(condition for condition in conditions if condition)
    return f" WHERE {said}" if said else ""


_CONTENT = "r.role = 'content'"
_WALKED = ("INPUT_TO", "OUTPUT", "SAME_AS")


def _walked(name: str, up: bool, past: bool, restricted: bool) -> str:
    """The condition on a relation of the walk: a person ends it, so what comes into (`up`) or out of one is not followed."""
    ends = f"{name}.{'ends_up' if up else 'ends_down'} IS NULL"
    condition = stands(name, restricted, past)
    return f"{ends} AND {condition}" if condition else ends


def reach(up: bool, past: bool, restricted: bool) -> str:
    """The walk of a genealogy in one statement: variable-length with the conditions inside and distinct ends, which the
    planner prunes breadth-first; then the relations of the ids walked. Each start is walked by itself: of several the
    planner of 5.26 prunes too, but then leaves out the DISTINCT over all.

    Rows are `[making, begun, acts, holders, [first, last], states]`: with the walk, where it holds no more than `$ahead` ids,
    comes what acted on these; what acted from `first` to `last`, as long as one of them was packed, on the containers that
    held them and on theirs (`holders`); and what is said of all of them. `begun` are the starts of such a walk."""
    names = types(_WALKED, past)
    left, right = ("<-", "-") if up else ("-", "->")
    body = (
        f"MATCH (n:Record) WHERE n.id IN $ids CALL (n) {{"
        f" MATCH (n){left}[f:{names}*0..]{right}(m) WHERE all(x IN f WHERE {_walked('x', up, past, restricted)})"
        f" RETURN DISTINCT m LIMIT $limit }} WITH collect(DISTINCT m) AS met"
        f" CALL (met) {{ UNWIND met AS m MATCH (m){left}[r:{names}]{right}() WHERE {_walked('r', up, past, restricted)}"
        f" RETURN collect({EDGE}) AS making }}"
        f" WITH making, CASE WHEN size(met) <= $ahead THEN met ELSE [] END AS found"
        f"{_beside('act', 'found', past, restricted)}{_packed(past, restricted)}"
        f" WITH *, [x IN act_boxes WHERE NOT x IN found] AS boxes{_beside('box', 'boxes', past, restricted, ('first', 'last'))}"
        f" WITH *, [x IN box_boxes WHERE NOT x IN found AND NOT x IN boxes] AS outer"
        f"{_beside('outer', 'outer', past, restricted, ('first', 'last'))}"
        f" WITH *, [x IN found | x.id] AS walked, [x IN boxes + outer | x.id] AS holders,"
        f" act_acts + act_sides + box_acts + box_sides + outer_acts + outer_sides AS edges,"
        f" act_events + box_events + outer_events AS events"
        f" CALL (events) {{ UNWIND events AS x RETURN collect(DISTINCT x.id) AS acted }}"
        f" WITH *, walked + holders + acted AS told{_said('told', restricted)}"
    )
    return answer(body, "[making, [x IN walked WHERE x IN $ids], edges, holders, [first, last], states]")


def _packed(past: bool, restricted: bool) -> str:
    """Goes on from nodes `found` with `first` and `last`: from when to when one of them was packed, as far as the hints go; who
    was packed an odd number of times still is."""
    vague = "m._joined OR m._undated OR m._first IS NULL"
    return (
        f" CALL (found) {{ UNWIND found AS n MATCH (n)-[r:{types(('SUBJECT_OF',), past)}]->(m)"
        f"{_where(stands('r', restricted, past), _CONTENT)}"
        f" WITH n, min(CASE WHEN {vague} THEN {-FOREVER} ELSE m._first END) AS one,"
        f" max(CASE WHEN {vague} THEN {FOREVER} ELSE m._last END) AS other, count(DISTINCT m) % 2 AS odd"
        f" RETURN coalesce(min(one), 0) AS first, coalesce(max(CASE odd WHEN 1 THEN {FOREVER} ELSE other END), -1) AS last }}"
    )


def generation(up: bool, past: bool, restricted: bool) -> str:
    """One step of the same walk, from many starts at once."""
    left, right = ("<-", "-") if up else ("-", "->")
    body = (
        f"UNWIND $ids AS id MATCH (n:Record {{id: id}}){left}[r:{types(_WALKED, past)}]{right}()"
        f" WHERE {_walked('r', up, past, restricted)}"
    )
    return answer(body, f"collect({EDGE})")
