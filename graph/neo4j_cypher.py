"""The Cypher of the Neo4j store: its schema, and the statements that read and write.

One node `:Record` per id, labelled by kind, with the values shown as properties; relations by the names of the model,
with `steward`, `since` and `until`. What no longer stands is retyped `WAS_...`, so a question about the present needs
no condition. `SAME_AS` stands in both directions (the second `reversed`). The log is `:_Commit` and `:_Claim`, what
each steward says of an id `:_State`, identifiers given to it `:_Label`.
"""

from graph.model import RELATIONS

FOREVER = 2**62

SCHEMA = (
    "CREATE CONSTRAINT veintrace_record IF NOT EXISTS FOR (n:Record) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT veintrace_commit IF NOT EXISTS FOR (n:_Commit) REQUIRE n.number IS UNIQUE",
    "CREATE CONSTRAINT veintrace_claim IF NOT EXISTS FOR (n:_Claim) REQUIRE n.number IS UNIQUE",
    "CREATE INDEX veintrace_claim_record IF NOT EXISTS FOR (n:_Claim) ON (n.record)",
    "CREATE INDEX veintrace_claim_commit IF NOT EXISTS FOR (n:_Claim) ON (n.commit)",
    "CREATE INDEX veintrace_state IF NOT EXISTS FOR (n:_State) ON (n.id)",
    "CREATE INDEX veintrace_label IF NOT EXISTS FOR (n:_Label) ON (n.text)",
    "CREATE INDEX veintrace_since IF NOT EXISTS FOR (n:Record) ON (n.since)",
    "CREATE CONSTRAINT veintrace_graph IF NOT EXISTS FOR (n:_Graph) REQUIRE n.name IS UNIQUE",
)

TYPES = tuple(RELATIONS)


def types(names: tuple[str, ...], past: bool) -> str:
    """A pattern of relation types, those that no longer stand too where the past is asked."""
    return "|".join([*names, *(f"WAS_{name}" for name in names)] if past else names)


def stands(name: str, restricted: bool) -> str:
    """The condition that a row stands at `$commit` and is a visible steward's."""
    text = f"{name}.since <= $commit AND {name}.until > $commit"
    return f"{text} AND {name}.steward IN $stewards" if restricted else text


EDGE = (
    "RETURN type(r) AS type, startNode(r).id AS source, endNode(r).id AS target, r.steward AS steward, r.role AS role,"
    " r.quantity AS quantity, r.unit AS unit, r.reversed AS reversed"
)


def neighbours(names: tuple[str, ...], up: bool, past: bool, restricted: bool) -> str:
    """Relations into (`up`) or out of `$ids`."""
    arrow = f"<-[r:{types(names, past)}]-" if up else f"-[r:{types(names, past)}]->"
    condition = f"WHERE {stands('r', restricted)} " if past or restricted else ""
    return f"UNWIND $ids AS id MATCH (n:Record {{id: id}}){arrow}() {condition}{EDGE}"


def reach(up: bool, past: bool, restricted: bool) -> str:
    """The walk of a genealogy in one statement: variable-length with the conditions inside and distinct ends, which the
    planner prunes breadth-first; then the relations of the ids walked. A person ends the walk (`ends_up`, `ends_down`)."""
    names = types(("INPUT_TO", "OUTPUT", "SAME_AS"), past)
    left, right = ("<-", "-") if up else ("-", "->")
    conditions = ["{0}.ends_up IS NULL" if up else "{0}.ends_down IS NULL"]
    if past or restricted:
        conditions.append(stands("{0}", restricted))
    condition = " AND ".join(conditions)
    return (
        f"MATCH (n:Record) WHERE n.id IN $ids"
        f" MATCH (n){left}[f:{names}*0..]{right}(m) WHERE all(x IN f WHERE {condition.format('x')})"
        f" WITH DISTINCT m LIMIT $limit"
        f" MATCH (m){left}[r:{names}]{right}() WHERE {condition.format('r')} {EDGE}"
    )
