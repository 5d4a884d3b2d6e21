"""Cohorts equal what DuckDB finds over the files themselves, by SQL written for each without any code of ours.

The SQL reads the generated CSV files alone. It knows of the network: the latest row of a steward stands, local numbers belong
to their steward (nordblut writes local times), who answers for a field is asked first, and no other party records a step.
"""

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from graph.view import View
from queries.cohort_definition import parsed
from queries.cohorts import cohort

KINDS = ("person", "episode", "consent", "material", "step", "handoff", "observation", "outcome", "input_to", "output",
         "subject_of", "contained_in", "organization", "container")  # fmt: skip

PREPARED = """
CREATE MACRO told(n, s) AS CASE
  WHEN n = '' OR n IS NULL THEN NULL
  WHEN contains(n, ':') OR contains(n, '@') OR starts_with(n, '(') THEN n
  ELSE n || '@' || s END;
CREATE MACRO moment(t, s) AS CASE
  WHEN t = '' OR t IS NULL THEN NULL
  WHEN s = 'nordblut' THEN timezone('Europe/Berlin', CAST(t AS TIMESTAMP))
  ELSE CAST(t AS TIMESTAMPTZ) END;

-- what a thing is called by everybody: cellforge's own numbers of arrivals are donation numbers too
CREATE TABLE same AS SELECT told(id, steward) AS other, any_value(identifiers) AS called FROM material
  WHERE identifiers <> '' GROUP BY 1;
CREATE MACRO thing(n, s) AS coalesce((SELECT same.called FROM same WHERE same.other = told(n, s)), told(n, s));

CREATE TABLE steps AS SELECT *, moment(started_at, steward) AS began, moment(recorded_at, steward) AS written FROM (
  SELECT *, told(id, steward) AS step,
    row_number() OVER (PARTITION BY id, steward ORDER BY moment(recorded_at, steward) DESC) AS turn FROM step) WHERE turn = 1;
CREATE TABLE first_written AS SELECT told(id, steward) AS step, min(moment(recorded_at, steward)) AS written FROM step GROUP BY 1;
CREATE TABLE made AS
  SELECT thing(source, steward) AS source, told(target, steward) AS target FROM input_to WHERE source NOT LIKE 'person/%'
  UNION SELECT told(source, steward), thing(target, steward) FROM output WHERE target NOT LIKE 'person/%';
CREATE TABLE infusions AS SELECT for_episode AS episode, step, began FROM steps WHERE type = 'infusion';
CREATE TABLE index_event AS SELECT * FROM (
  SELECT *, row_number() OVER (PARTITION BY episode ORDER BY began) AS turn FROM infusions) WHERE turn = 1;

-- everything that the first infusion of each order was made from
CREATE TABLE lineage AS
  WITH RECURSIVE up(episode, node) AS (
    SELECT episode, step FROM index_event
    UNION SELECT up.episode, made.source FROM up JOIN made ON made.target = up.node)
  SELECT DISTINCT episode, node FROM up;

-- stays as intervals: a packing to the first unpacking of the same pair at or after it
CREATE TABLE packed AS SELECT thing(content, steward) AS content, told(container, steward) AS container,
  moment("from", steward) AS since, moment(recorded_at, steward) AS written FROM contained_in WHERE "from" <> '';
CREATE TABLE unpacked AS SELECT thing(content, steward) AS content, told(container, steward) AS container,
  moment("to", steward) AS until FROM contained_in WHERE "to" <> '';
CREATE TABLE handoffs AS SELECT
  told(id, steward) AS handoff,
  coalesce(max("from") FILTER (starts_with("from", steward)), max("from")) AS giver,
  coalesce(max("to") FILTER (starts_with("to", steward)), max("to")) AS taker,
  coalesce(max(moment(released_at, steward)) FILTER (starts_with("from", steward)), max(moment(released_at, steward))) AS released,
  coalesce(max(moment(accepted_at, steward)) FILTER (starts_with("to", steward)), max(moment(accepted_at, steward))) AS accepted,
  max(nullif(discrepancy_code, '')) AS discrepancy,
  min(moment(recorded_at, steward)) FILTER (released_at <> '') AS released_written,
  min(moment(recorded_at, steward)) FILTER (accepted_at <> '') AS accepted_written,
  min(moment(recorded_at, steward)) AS written
  FROM handoff GROUP BY 1;
CREATE TABLE moved AS SELECT thing(source, steward) AS thing, told(target, steward) AS handoff FROM subject_of;
"""

# what each path needs: an object's handoffs, its own and those of what it was in at the time, one or two containers deep
BORNE = """
WITH one AS (SELECT p.content, p.container, p.since, min(u.until) AS until FROM packed p
    LEFT JOIN unpacked u ON u.content = p.content AND u.container = p.container AND u.until >= p.since GROUP BY ALL),
  inside AS (
    SELECT content, container, since, until FROM one
    UNION SELECT a.content, b.container, greatest(a.since, b.since), least(a.until, b.until)
      FROM one a JOIN one b ON b.content = a.container
      AND b.since < coalesce(a.until, 'infinity') AND a.since < coalesce(b.until, 'infinity')),
  by_handoff AS (
    SELECT m.thing, m.handoff FROM moved m WHERE m.thing NOT LIKE 'lot:%'
    UNION SELECT i.content, m.handoff FROM inside i JOIN moved m ON m.thing = i.container JOIN handoffs h ON h.handoff = m.handoff
      WHERE coalesce(h.released, h.accepted) < coalesce(i.until, 'infinity')
      AND coalesce(h.accepted, h.released) >= i.since)
"""

CASES: dict[str, tuple[str, str]] = {
    "therapy and intent": (
        "rules: [{include: axi, episode: {therapy: [axicabtagene ciloleucel], intent: [autologous]}}]",
        "SELECT episode FROM index_event x WHERE EXISTS (SELECT 1 FROM episode e WHERE e.id = x.episode"
        " AND e.therapy = 'axicabtagene ciloleucel' AND e.intent = 'autologous')",
    ),
    "sex and age": (
        "rules: [{include: women, person: {sex: [female]}}, {include: sixty, person: {age: {min: 60}}}]",
        "SELECT x.episode FROM index_event x JOIN episode e ON e.id = x.episode AND e.person <> ''"
        " JOIN person p ON told(p.id, p.steward) = told(e.person, e.steward)"
        " WHERE p.sex = 'female' AND year(x.began AT TIME ZONE 'UTC') - CAST(p.birth_year AS INT) >= 60",
    ),
    "last LDH in a window": (
        "rules: [{include: LDH, observed: {code: 2532-0, days: {min: -60, max: 0}, value: {min: 250}}}]",
        "SELECT episode FROM (SELECT x.episode, CAST(o.value AS DOUBLE) AS value, row_number() OVER"
        " (PARTITION BY x.episode ORDER BY moment(o.observed_at, o.steward) DESC) AS turn FROM index_event x"
        " JOIN episode e ON e.id = x.episode AND e.person <> ''"
        " JOIN observation o ON o.about = 'person/' || e.person AND o.steward = e.steward"
        " WHERE o.code = '2532-0' AND moment(o.observed_at, o.steward) <= x.began AND moment(o.recorded_at, o.steward) <= x.began"
        " AND moment(o.observed_at, o.steward) >= x.began - INTERVAL 60 DAY) WHERE turn = 1 AND value >= 250",
    ),
    "lowest of two LDH and ferritin, excluded": (
        "rules: [{exclude: ferritin, observed: {code: 2276-4, take: min, value: {min: 500}}}]",
        "SELECT episode FROM index_event x WHERE coalesce((SELECT min(CAST(o.value AS DOUBLE)) FROM episode e JOIN observation o"
        " ON o.about = 'person/' || e.person AND o.steward = e.steward AND o.code = '2276-4' WHERE e.id = x.episode"
        " AND e.person <> '' AND moment(o.recorded_at, o.steward) <= x.began), 0) < 500",
    ),
    "frozen starting material": (
        "rules: [{include: frozen, path: {material: {type: [starting_material], preservation: [cryopreserved]}}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN material m"
        " ON thing(m.id, m.steward) = l.node WHERE m.type = 'starting_material' AND m.preservation = 'cryopreserved'"
        " AND moment(m.recorded_at, m.steward) <= x.began",
    ),
    "the busiest lot, through whatever was pooled": (
        "rules: [{include: lot, path: {lot: 'lot:MD-900@mediara'}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN input_to i"
        " ON told(i.target, i.steward) = l.node WHERE i.source = 'lot:MD-900@mediara'"
        " AND moment(i.recorded_at, i.steward) <= x.began",
    ),
    "pooled collections": (
        "rules: [{include: pooled, path: {step: {type: [pooling]}}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN steps s ON s.step = l.node"
        " JOIN first_written f ON f.step = s.step"
        " WHERE s.type = 'pooling' AND greatest(s.began, f.written) <= x.began",
    ),
    "T and NK cells mixed, not pooled": (
        "rules: [{include: mixed, path: {step: {type: [mixing]}}}, {exclude: women, person: {sex: [female]}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN steps s ON s.step = l.node"
        " JOIN first_written f ON f.step = s.step JOIN episode e ON e.id = x.episode AND e.person <> ''"
        " JOIN person p ON told(p.id, p.steward) = told(e.person, e.steward)"
        " WHERE s.type = 'mixing' AND greatest(s.began, f.written) <= x.began AND p.sex <> 'female'",
    ),
    "in a shipper that arrived late at cellforge's intake": (
        "rules: [{include: late, path: {handoff: {to: [cellforge-intake], wait_h: {min: 40}}}}]",
        BORNE + "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN by_handoff b ON b.thing = l.node"
        " JOIN handoffs h USING (handoff) WHERE h.taker = 'cellforge-intake' AND epoch(h.accepted) - epoch(h.released) >= 40 * 3600"
        " AND greatest(h.accepted, h.released_written, h.accepted_written, h.written) <= x.began",
    ),
    "arrived with a discrepancy, whatever it travelled in": (
        "rules: [{include: bad, path: {handoff: {discrepancy: true}}}]",
        BORNE + "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN by_handoff b ON b.thing = l.node"
        " JOIN handoffs h USING (handoff) WHERE h.discrepancy IS NOT NULL"
        " AND greatest(coalesce(h.accepted, h.released), h.released, h.written) <= x.began",
    ),
    "passed skylane-borne through helixworks, not through cellforge": (
        "rules: [{include: h, path: {department: helixworks-cleanroom}}, {exclude: c, path: {department: cellforge}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN steps s ON s.step = l.node"
        " JOIN first_written f ON f.step = s.step WHERE s.performed_by = 'helixworks-cleanroom'"
        " AND greatest(s.began, f.written) <= x.began",
    ),
    "been in a dewar": (
        "rules: [{include: dewar, path: {container: DEW}}]",
        "WITH one AS (SELECT p.content, p.container, p.since, p.written, min(u.until) AS until FROM packed p LEFT JOIN unpacked u"
        " ON u.content = p.content AND u.container = p.container AND u.until >= p.since GROUP BY ALL),"
        " inside AS (SELECT content, since, written FROM one WHERE container = 'DEW'"
        " UNION SELECT a.content, greatest(a.since, b.since), b.written FROM one a JOIN one b ON b.content = a.container"
        " AND b.since < coalesce(a.until, 'infinity') AND a.since < coalesce(b.until, 'infinity') WHERE b.container = 'DEW')"
        " SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN inside i ON i.content = l.node"
        " WHERE greatest(i.since, i.written) <= x.began",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(network: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for kind in KINDS:
        pattern = str(network / "*" / f"*.{kind}.csv")
        connection.execute(
            f"CREATE TABLE {kind} AS SELECT * FROM read_csv('{pattern}', all_varchar=true, header=true, nullstr='\x01')"
        )
    for statement in PREPARED.split(";\n"):
        connection.execute(statement)
    return connection


def ids(rows: list[tuple[Any, ...]]) -> list[str]:
    """The ids of therapy orders, computed as the design says: the class and 128 bits of SHA-256 of class and key."""
    return sorted("episode-" + hashlib.sha256(f"episode\n{name}".encode()).hexdigest()[:32] for (name,) in rows)


@pytest.mark.parametrize("name", CASES)
def test_a_cohort_is_what_sql_finds_in_the_files(name: str, files: duckdb.DuckDBPyConnection, network_view: View) -> None:
    rules, sql = CASES[name]
    if "DEW" in rules:
        [[dewar]] = files.execute(
            "SELECT container FROM packed WHERE container LIKE 'DEW-%' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
        ).fetchall()
        rules, sql = rules.replace("DEW", dewar), sql.replace("'DEW'", f"'{dewar}'")
    [[units]] = files.execute("SELECT count(*) FROM index_event").fetchall()
    expected = ids(files.execute(sql).fetchall())
    found = cohort(network_view, parsed(f"name: c\nunit: episode\nindex: {{step: [infusion]}}\n{rules}"))
    assert found.attrition[0].kept == units
    assert found.rows["unit"].to_list() == expected
    assert 0 < len(expected) < units
