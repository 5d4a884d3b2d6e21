"""The statements of the SQLite store's walk and of what acted on objects: several answers in the rows of one.

A row is an edge (code of its type, ends by number, steward, quantity, unit), or by its code 0 what a steward says of an id with
the hints on it (a row without a word where nobody says anything), -1 only the name of an id, -2 a container whose acts over
a period there are.
"""

from functools import lru_cache

from graph.codes import ACTS, SAME_AS_REVERSED, WALKED
from graph.store import Direction

SIDES = {"up": ("dst", "src"), "down": ("src", "dst")}
"""The columns of the near and of the far end of an edge."""
_EDGE = "edge.type, edge.src, edge.dst, edge.sid, edge.quantity, edge.unit"
_NULLS = "NULL, NULL, NULL"
"""What rows of `_EDGE` lack of the columns of `_states_of`."""


@lru_cache(maxsize=64)
def around(edge: str, state: str, over_period: bool) -> str:
    """What acted on the ids of a JSON array (?1), and what else took part; `over_period`: what can have happened from ?2 to ?3.

    `edge` and `state` are the conditions of what is visible: SQL that holds numbers only."""
    when = ("?2", "?3") if over_period else None
    return (
        "WITH asked (nid) AS MATERIALIZED (SELECT node.nid FROM json_each(?1) AS given JOIN node ON node.id = given.value),"
        f" {_acts('act', 'asked', edge, when)}, {_sides('side', 'act', edge)},"
        " told (nid) AS (SELECT dst FROM act UNION SELECT src FROM side WHERE type = 9 EXCEPT SELECT nid FROM asked)"
        f" SELECT *, {_NULLS} FROM (SELECT * FROM act UNION SELECT * FROM side) UNION ALL {_states_of('told', state)}"
        f" UNION ALL {_names_of('SELECT nid FROM asked UNION SELECT src FROM side WHERE type <> 9')}"
    )


@lru_cache(maxsize=64)
def emptied(edge: str, state: str) -> str:
    """What acted on the containers of a JSON array (?1) and named nothing inside; conditions as of `around`."""
    named = edge.replace("edge.", "inside.")
    return (
        "WITH asked (nid) AS MATERIALIZED (SELECT node.nid FROM json_each(?1) AS given JOIN node ON node.id = given.value),"
        f" act AS MATERIALIZED (SELECT {_EDGE} FROM asked JOIN edge ON edge.src = asked.nid AND edge.type = 9 AND {edge}"
        f" WHERE NOT EXISTS (SELECT 1 FROM edge AS inside WHERE inside.dst = edge.dst AND inside.type = 8 AND {named})),"
        " told (nid) AS (SELECT DISTINCT dst FROM act)"
        f" SELECT *, {_NULLS} FROM act UNION ALL {_states_of('told', state)} UNION ALL {_names_of('SELECT nid FROM asked')}"
    )


@lru_cache(maxsize=64)
def reach(direction: Direction, edge: str, state: str) -> str:
    """The walk from a JSON array of ids (?1), of at most ?2 ids, with what acted on what it meets; conditions as of `around`."""
    near, far = SIDES[direction]
    step = f"edge.{near} = walk.nid AND edge.type BETWEEN {WALKED[direction][0]} AND {WALKED[direction][1]} AND {edge}"
    return (
        "WITH RECURSIVE walk (nid) AS MATERIALIZED"
        " (SELECT node.nid FROM json_each(?1) AS asked JOIN node ON node.id = asked.value"
        f" UNION SELECT edge.{far} FROM walk JOIN edge ON {step} LIMIT ?2),"
        f" {_acts('act', 'walk', edge)}, {_sides('side', 'act', edge)},"
        " always (nid, first, last) AS (SELECT nid, -1 << 62, 1 << 62 FROM walk),"
        f" {_boxes('box', 'act', 'side', 'always', 'SELECT nid FROM walk')},"
        f" {_acts('box_act', 'box', edge, ('box.first', 'box.last'))}, {_sides('box_side', 'box_act', edge)},"
        f" {_boxes('outer', 'box_act', 'box_side', 'box', 'SELECT nid FROM walk UNION SELECT nid FROM box')},"
        f" {_acts('outer_act', 'outer', edge, ('outer.first', 'outer.last'))},"
        f" {_sides('outer_side', 'outer_act', edge)},"
        " told (nid) AS (SELECT dst FROM act UNION SELECT dst FROM box_act UNION SELECT dst FROM outer_act"
        " UNION SELECT nid FROM box UNION SELECT nid FROM outer UNION SELECT nid FROM walk)"
        f" SELECT {_EDGE}, {_NULLS} FROM walk JOIN edge ON {step} AND edge.type <> {SAME_AS_REVERSED:d}"
        f" UNION ALL SELECT *, {_NULLS} FROM (SELECT * FROM act UNION SELECT * FROM side UNION SELECT * FROM box_act"
        " UNION SELECT * FROM box_side UNION SELECT * FROM outer_act UNION SELECT * FROM outer_side)"
        f" UNION ALL {_states_of('told', state)}"
        f" UNION ALL {_names_of('SELECT src FROM side UNION SELECT src FROM box_side UNION SELECT src FROM outer_side')}"
        f" UNION ALL SELECT -2, nid, NULL, NULL, first, last, {_NULLS} FROM (SELECT * FROM box UNION ALL SELECT * FROM outer)"
    )


def _states_of(table: str, visible: str) -> str:
    """Selects what stands of the ids whose numbers are in `table`, as rows of code 0."""
    return (
        "SELECT 0, node.nid, node.id, state.sid, word.doc, node.key, node.joined, node.first, node.last"
        f" FROM {table} JOIN node USING (nid) LEFT JOIN state ON state.nid = node.nid AND {visible}"
        " LEFT JOIN word ON word.number = state.word"
    )


def _acts(name: str, asked: str, visible: str, period: tuple[str, str] | None = None) -> str:
    """A table of what acted on the ids in `asked`; with a period (SQL of its first and last moment) what can have happened in
    it, but what acted on one as content always."""
    acts = f"SELECT {_EDGE} FROM {asked} JOIN edge ON edge.src = {asked}.nid AND edge.type"
    if period is None:
        return f"{name} AS MATERIALIZED ({acts} BETWEEN {ACTS[0]} AND {ACTS[1]} AND {visible})"
    dated = acts.replace("JOIN edge", "JOIN edge INDEXED BY edge_when") + f" IN (7, 9) AND {visible} AND edge.first"
    begun = f"BETWEEN {period[0]} - (SELECT value + 0 FROM meta WHERE name = 'longest') AND {period[1]}"
    return f"{name} AS MATERIALIZED ({acts} = 8 AND {visible} UNION ALL {dated} IS NULL UNION ALL {dated} {begun})"


def _sides(name: str, acts: str, visible: str) -> str:
    """A table of all that the packings in `acts` acted on."""
    return (
        f"{name} AS MATERIALIZED (SELECT {_EDGE} FROM (SELECT DISTINCT dst FROM {acts} WHERE type > 7) AS packing"
        f" JOIN edge ON edge.dst = packing.dst AND edge.type BETWEEN {ACTS[0]} AND {ACTS[1]} AND {visible})"
    )


def _names_of(select: str) -> str:
    """Selects the ids of the numbers that `select` gives, as rows of code -1."""
    return f"SELECT -1, node.nid, node.id, NULL, NULL, NULL, {_NULLS} FROM node WHERE nid IN ({select})"


def _boxes(name: str, acts: str, sides: str, asked: str, others: str) -> str:
    """A table of the containers that what is in `asked` was packed in, but for `others`: each from when to when it held something
    of these (while it was asked about), as far as the hints go: what was packed in it an odd number of times still is."""
    return (
        f"{name} (nid, first, last) AS MATERIALIZED (SELECT box, min(first), max(last) FROM"
        f" (SELECT side.src AS box, max({asked}.first, min(coalesce(node.first, -1 << 62))) AS first, min({asked}.last,"
        " CASE count(DISTINCT node.nid) % 2 WHEN 0 THEN max(coalesce(node.last, 1 << 62)) ELSE 1 << 62 END) AS last"
        f" FROM {acts} AS act JOIN {asked} ON {asked}.nid = act.src"
        f" JOIN {sides} AS side ON side.dst = act.dst AND side.type = 9 JOIN node ON node.nid = act.dst"
        f" WHERE act.type = 8 GROUP BY act.src, side.src) WHERE first <= last AND box NOT IN ({others}) GROUP BY box)"
    )
