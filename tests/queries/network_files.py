"""A generated network's CSV files in DuckDB, prepared by SQL that knows the files and no code of ours.

It knows of the network: the latest row of a steward stands, local numbers belong to their steward (nordblut writes local times),
cellforge's own numbers of arrivals are donation numbers too, who answers for a field of a handoff is asked first, no other party
records a step, and a row of `contained_in` is a packing, an unpacking or both.
"""

from pathlib import Path

import duckdb

KINDS = ("person", "episode", "consent", "material", "step", "handoff", "observation", "outcome", "input_to", "output",
         "subject_of", "contained_in", "organization", "container")  # fmt: skip

_NAMES = """
CREATE MACRO told(n, s) AS CASE
  WHEN n = '' OR n IS NULL THEN NULL
  WHEN contains(n, ':') OR contains(n, '@') OR starts_with(n, '(') THEN n
  ELSE n || '@' || s END;
CREATE MACRO moment(t, s) AS CASE
  WHEN t = '' OR t IS NULL THEN NULL
  WHEN s = 'nordblut' THEN timezone('Europe/Berlin', CAST(t AS TIMESTAMP))
  ELSE CAST(t AS TIMESTAMPTZ) END;
CREATE TABLE same AS SELECT told(id, steward) AS other, any_value(identifiers) AS called FROM material
  WHERE identifiers <> '' GROUP BY 1;
CREATE MACRO thing(n, s) AS coalesce((SELECT same.called FROM same WHERE same.other = told(n, s)), told(n, s));
CREATE MACRO answers(party, s) AS starts_with(party, s)
"""

_EVENTS = """
CREATE TABLE steps AS SELECT *, moment(started_at, steward) AS began, moment(recorded_at, steward) AS written FROM (
  SELECT *, told(id, steward) AS step,
    row_number() OVER (PARTITION BY id, steward ORDER BY moment(recorded_at, steward) DESC) AS turn FROM step) WHERE turn = 1;
CREATE TABLE first_written AS SELECT told(id, steward) AS step, min(moment(recorded_at, steward)) AS written FROM step GROUP BY 1;
CREATE TABLE handoffs AS SELECT
  told(id, steward) AS handoff,
  coalesce(max("from") FILTER (answers("from", steward)), max("from")) AS giver,
  coalesce(max("to") FILTER (answers("to", steward)), max("to")) AS taker,
  max(nullif(carried_by, '')) AS carrier, max(nullif(preservation, '')) AS preservation,
  max(nullif(for_episode, '')) AS episode, max(nullif(type, '')) AS type,
  coalesce(max(moment(released_at, steward)) FILTER (answers("from", steward)), max(moment(released_at, steward))) AS released,
  coalesce(max(moment(delivered_at, steward)) FILTER (carried_by = steward), max(moment(delivered_at, steward))) AS delivered,
  coalesce(max(moment(accepted_at, steward)) FILTER (answers("to", steward)), max(moment(accepted_at, steward))) AS accepted,
  max(moment(agreed_delivery_at, steward)) AS agreed,
  least(min(moment(released_at, steward)), min(moment(picked_up_at, steward)), min(moment(delivered_at, steward)),
    min(moment(accepted_at, steward))) AS first,
  greatest(max(moment(released_at, steward)), max(moment(picked_up_at, steward)), max(moment(delivered_at, steward)),
    max(moment(accepted_at, steward))) AS last,
  max(nullif(discrepancy_code, '')) AS discrepancy,
  min(moment(recorded_at, steward)) FILTER (released_at <> '') AS released_written,
  min(moment(recorded_at, steward)) FILTER (accepted_at <> '') AS accepted_written,
  min(moment(recorded_at, steward)) AS written
  FROM handoff GROUP BY 1;
CREATE TABLE packings AS
  SELECT DISTINCT concat_ws(' ', 'in', steward, content, container, "from") AS event, 'packing' AS type,
    thing(content, steward) AS content, told(container, steward) AS container, moment("from", steward) AS met,
    moment(recorded_at, steward) AS written FROM contained_in WHERE "from" <> ''
  UNION SELECT concat_ws(' ', 'out', steward, content, container, "to"), 'unpacking',
    thing(content, steward), told(container, steward), moment("to", steward),
    moment(recorded_at, steward) FROM contained_in WHERE "to" <> '';
CREATE TABLE events AS
  SELECT step AS event, 'Step' AS kind, type, began AS first, coalesce(moment(ended_at, steward), began) AS last,
    coalesce(nullif(performed_by, ''), nullif("at", '')) AS has, coalesce(nullif(performed_by, ''), nullif("at", '')) AS acting,
    NULL AS preservation, NULL AS carrier, nullif(for_episode, '') AS episode FROM steps
  UNION ALL SELECT handoff, 'Handoff', type, first, last, taker, giver, preservation, carrier, episode FROM handoffs
  UNION ALL SELECT event, 'Step', type, met, met, NULL, NULL, NULL, NULL, NULL FROM packings
"""

_LINEAGE = """
CREATE TABLE made AS
  SELECT thing(source, steward) AS source, told(target, steward) AS target FROM input_to WHERE source NOT LIKE 'person/%'
  UNION SELECT told(source, steward), thing(target, steward) FROM output WHERE target NOT LIKE 'person/%';
CREATE TABLE index_event AS SELECT * FROM (
  SELECT for_episode AS episode, step, began, row_number() OVER (PARTITION BY for_episode ORDER BY began) AS turn
    FROM steps WHERE type = 'infusion') WHERE turn = 1;
-- everything that the first infusion of each order was made from
CREATE TABLE lineage AS
  WITH RECURSIVE up(episode, node) AS (
    SELECT episode, step FROM index_event
    UNION SELECT up.episode, made.source FROM up JOIN made ON made.target = up.node)
  SELECT DISTINCT episode, node FROM up
"""

_CONTAINERS = """
CREATE TABLE acted_on AS
  SELECT thing(source, steward) AS object, told(target, steward) AS event FROM subject_of
  UNION SELECT content, event FROM packings UNION SELECT container, event FROM packings;
CREATE TABLE own AS SELECT object, event, first, last FROM events JOIN (
  SELECT * FROM acted_on
  UNION SELECT source, target FROM made WHERE target IN (SELECT step FROM steps)
  UNION SELECT target, source FROM made WHERE source IN (SELECT step FROM steps)) USING (event);
-- a stay: a packing to the first unpacking of the same pair at or after it, else to the content's next act of its own
CREATE TABLE closed AS SELECT i.content, i.container, i.met AS since, i.event AS opened_by, i.written, min(o.met) AS until,
    arg_min(o.event, o.met) AS closed_by
  FROM packings i LEFT JOIN packings o ON o.type = 'unpacking' AND o.content = i.content AND o.container = i.container
    AND o.met >= i.met WHERE i.type = 'packing' GROUP BY ALL;
CREATE TABLE stays AS
  SELECT content, container, since, coalesce(until, (SELECT min(own.first) FROM own WHERE own.object = closed.content
    AND own.first > closed.since), TIMESTAMPTZ 'infinity') AS until, opened_by, closed_by, written FROM closed
  UNION SELECT o.content, o.container, coalesce((SELECT max(own.last) FROM own WHERE own.object = o.content
      AND own.last <= o.met AND own.event <> o.event), TIMESTAMPTZ '-infinity'), o.met, NULL, o.event, o.written
    FROM packings o WHERE o.type = 'unpacking' AND o.event NOT IN (SELECT closed_by FROM closed WHERE closed_by IS NOT NULL);
CREATE TABLE inside AS
  WITH RECURSIVE deep AS (
    SELECT content, container, since, until, opened_by, closed_by, written FROM stays WHERE since < until
    UNION SELECT a.content, b.container, greatest(a.since, b.since), least(a.until, b.until), b.opened_by, b.closed_by, b.written
      FROM deep a JOIN stays b ON b.content = a.container AND greatest(a.since, b.since) < least(a.until, b.until))
  SELECT * FROM deep;
CREATE TABLE borne AS SELECT DISTINCT i.content AS object, e.event FROM inside i JOIN acted_on a ON a.object = i.container
  JOIN events e ON e.event = a.event AND e.first <= i.until AND e.last >= i.since
    AND (e.first < i.until OR e.event = i.opened_by OR e.event = i.closed_by);
-- every event that made, took in or acted on an object, itself or through what held it
CREATE TABLE acts AS SELECT object, events.* FROM events JOIN (
  SELECT object, event FROM own UNION SELECT object, event FROM borne) USING (event);
CREATE TABLE by_handoff AS SELECT object AS thing, event AS handoff FROM acts WHERE kind = 'Handoff' AND object NOT LIKE 'lot:%'
"""

_JOURNEYS = """
CREATE TABLE therapies AS SELECT id AS episode, max(nullif(therapy, '')) AS product FROM episode GROUP BY 1;
CREATE TABLE of_object AS SELECT thing(id, steward) AS object, max(for_episode) AS episode FROM material
  WHERE for_episode <> '' GROUP BY 1;
-- the order an event says it belongs to, else that of all it acted on, if it is one
CREATE TABLE journeys AS SELECT event, coalesce(events.episode, served.episode) AS journey, product FROM events LEFT JOIN (
  SELECT event, max(o.episode) AS episode FROM acts JOIN of_object o USING (object) GROUP BY 1
    HAVING count(DISTINCT o.episode) = 1) served USING (event)
  LEFT JOIN therapies ON therapies.episode = coalesce(events.episode, served.episode)
"""


def opened(network: Path) -> duckdb.DuckDBPyConnection:
    """The files of a network as tables named by kind, all columns texts; and what was made of them (see above)."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for kind in KINDS:
        pattern = str(network / "*" / f"*.{kind}.csv")
        connection.execute(
            f"CREATE TABLE {kind} AS SELECT * FROM read_csv('{pattern}', all_varchar=true, header=true, nullstr='\x01')"
        )
    for statement in ";\n".join((_NAMES, _EVENTS, _LINEAGE, _CONTAINERS, _JOURNEYS)).split(";\n"):
        connection.execute(statement)
    return connection
