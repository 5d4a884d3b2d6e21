"""The limit for whole-graph answers: bare DuckDB and Polars over the same columns, as Parquet files, nothing judged.

`export` writes the columns that the product's own answers are made from (so containers, rights and joined ids are worked out
already); each query gives the same answer from them, and says so: the benchmark compares.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from graph.frames import Frames
from graph.view import View
from queries.handoffs import acts, handoffs, legs
from queries.stays import all_borne, all_held

RECALL = """
WITH RECURSIVE down(node) AS (
  SELECT {root}::UINTEGER UNION SELECT f.target FROM down JOIN flow f ON f.source = down.node
    WHERE f.source NOT BETWEEN {first_person} AND {last_person}),
acted AS (SELECT t.* FROM trails t SEMI JOIN down ON t.object = down.node
  WHERE NOT (t.made OR t.used) OR t.event IN (SELECT node FROM down)),
included AS (
  SELECT node FROM down UNION SELECT event FROM alone SEMI JOIN down ON alone.object = down.node
  UNION SELECT container FROM held SEMI JOIN down ON held.content = down.node
  UNION SELECT event FROM borne SEMI JOIN down ON borne.content = down.node),
word AS (SELECT object, arg_max(holder, turn) FILTER (holder IS NOT NULL) AS holder,
  arg_max(state, turn) FILTER (state IS NOT NULL) AS state FROM acted GROUP BY object)
SELECT r.id, r.kind, r.type, h.id AS custodian, coalesce(word.state, r.stated) AS status
FROM included i JOIN records r ON r.record = i.node LEFT JOIN word ON word.object = i.node
LEFT JOIN records h ON h.record = word.holder ORDER BY r.id
"""
"""What a root reaches; custodian and status of what is made of it (of containers the product tells them too)."""

WAITS = """
SELECT giver, taker, count(*) AS count, quantile_cont(wait_s, [0.5, 0.9, 0.99]) AS waits, avg(wait_s) AS mean
FROM {table} GROUP BY giver, taker ORDER BY giver, taker
"""
WHOLE_TABLE = """
SELECT giver, taker, count(*) AS count, sum(open::INT) AS open, quantile_cont(wait_s, [0.5, 0.9, 0.99]) AS waits,
  avg(wait_s) AS mean, sum(wait_s) / 3600 AS hours, count(*) FILTER (wait_s < 0) AS negative, sum(late::INT) AS late,
  sum(failed::INT) AS failed, count(DISTINCT journey) AS journeys
FROM {table} GROUP BY giver, taker ORDER BY hours DESC
"""

COHORT = """
WITH RECURSIVE infused AS (
  SELECT s.record AS event, s.for_episode AS episode, p.first AS begun,
    row_number() OVER (PARTITION BY s.for_episode ORDER BY p.first, s.record) AS turn
  FROM events s JOIN spans p ON p.record = s.record
  WHERE s.kind = 'Step' AND s.type = 'infusion' AND s.for_episode IS NOT NULL),
units AS MATERIALIZED (SELECT event, episode, begun FROM infused WHERE turn = 1),
people AS (SELECT u.event, coalesce(max(o.target), any_value(a.target)) AS person FROM units u
  LEFT JOIN output o ON o.source = u.event AND o.target BETWEEN {first_person} AND {last_person}
  LEFT JOIN about a ON a.source = u.episode GROUP BY u.event),
lineage(event, node) AS (
  SELECT event, event FROM units UNION SELECT l.event, m.source FROM lineage l JOIN making m ON m.target = l.node),
passed AS (
  SELECT l.event, l.node AS happened FROM lineage l UNION SELECT l.event, a.event FROM lineage l JOIN acted a ON a.object = l.node),
bad_release AS (SELECT DISTINCT p.event FROM passed p JOIN events e ON e.record = p.happened JOIN units u ON u.event = p.event
  JOIN spans s ON s.record = e.record WHERE e.type = 'release' AND e.disposition = 'released out of specification'
  AND s.first <= u.begun AND e.known <= u.begun),
discrepant AS (SELECT DISTINCT p.event FROM passed p JOIN events e ON e.record = p.happened JOIN units u ON u.event = p.event
  JOIN spans s ON s.record = e.record WHERE e.kind = 'Handoff' AND e.discrepant AND s.first <= u.begun AND e.known <= u.begun),
harvested AS (SELECT DISTINCT p.event FROM passed p JOIN events e ON e.record = p.happened JOIN units u ON u.event = p.event
  WHERE e.type = 'harvest' AND e.known <= u.begun),
tested AS (SELECT DISTINCT u.event FROM units u JOIN people ON people.event = u.event
  JOIN about a ON a.target = people.person JOIN observations o ON o.record = a.source
  WHERE o.code = '2532-0' AND o.comparator IS NULL AND o.moment <= u.begun AND o.moment >= u.begun - 90 * 86400000000
  AND o.known <= u.begun),
told AS (SELECT u.event, e.intent = 'autologous' AS autologous,
  year(make_timestamp(u.begun)) - p.birth_year >= 18 AS adult,
  u.event IN (SELECT event FROM tested) AS tested, u.event NOT IN (SELECT event FROM bad_release) AS released,
  u.event NOT IN (SELECT event FROM discrepant) AS whole, u.event IN (SELECT event FROM harvested) AS harvested
  FROM units u JOIN episodes e ON e.record = u.episode JOIN people ON people.event = u.event
  LEFT JOIN persons p ON p.record = people.person)
SELECT count(*), count(*) FILTER (autologous), count(*) FILTER (autologous AND adult),
  count(*) FILTER (autologous AND adult AND tested), count(*) FILTER (autologous AND adult AND tested AND released),
  count(*) FILTER (autologous AND adult AND tested AND released AND whole),
  count(*) FILTER (autologous AND adult AND tested AND released AND whole AND harvested) FROM told
"""
"""Attrition of examples/cohorts/responders.yaml; dates of recording are those of whole records, not of single values."""

LINEAGE = """
WITH RECURSIVE up(node) AS (
  SELECT {root}::UINTEGER UNION SELECT m.source FROM up JOIN making m ON m.target = up.node)
SELECT node FROM up UNION SELECT event FROM acted SEMI JOIN up ON acted.object = up.node
UNION SELECT container FROM held SEMI JOIN up ON held.content = up.node
"""
"""The ids of a lineage, no values."""


@dataclass
class Columns:
    """The Parquet files of one graph, and a DuckDB that reads them in place."""

    folder: Path
    frames: Frames

    @property
    def persons(self) -> dict[str, int]:
        """The first and last number of a person."""
        first, after = self.frames.of("person")
        return {"first_person": first, "last_person": after - 1}

    def connection(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB in which each file is a view, on as many threads as there are cores."""
        connection = duckdb.connect()
        for path in sorted(self.folder.glob("*.parquet")):
            connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM read_parquet('{path}')")
        return connection

    def polars_waits(self, table: str) -> pl.DataFrame:
        """`WAITS` by Polars."""
        wait = pl.col("wait_s")
        quantiles = [wait.quantile(share, "linear").alias(f"p{share}") for share in (0.5, 0.9, 0.99)]
        rows = pl.scan_parquet(self.folder / f"{table}.parquet").group_by("giver", "taker")
        found: pl.DataFrame = rows.agg(pl.len(), *quantiles, wait.mean().alias("mean")).sort("giver", "taker").collect()
        return found


def export(view: View, folder: Path) -> Columns:
    """The columns behind whole-graph answers of a View, written once."""
    frames = view.frames
    if not folder.exists():
        coming = folder.with_name(f"{folder.name}-coming")
        coming.mkdir(parents=True, exist_ok=True)
        for name, frame in _tables(view).items():
            frame.write_parquet(coming / f"{name}.parquet")
        coming.rename(folder)
    return Columns(folder, frames)


def _tables(view: View) -> dict[str, pl.DataFrame]:
    frames = view.frames
    first, after = frames.of("person")
    is_person = pl.col("source").is_between(first, after - 1) | pl.col("target").is_between(first, after - 1)
    making = pl.concat(frames.relations(type_).select("source", "target") for type_ in ("INPUT_TO", "OUTPUT"))
    known = {cls: frames.recorded.of_class(cls).rename({"rank": "known"}) for cls in ("event", "observation")}
    discrepant = pl.col("discrepancy").is_not_null() | pl.col("discrepancy_code").is_not_null()
    moment = pl.coalesce("observed_at_last", "ended_at_last").alias("moment")
    records = _kept(frames, "records")
    return {
        "legs": legs(view).each,
        "handoffs": handoffs(view).each,
        "flow": _kept(frames, "flow"),
        "trails": _kept(frames, "trails").with_row_index("turn"),
        "alone": _kept(frames, "alone"),
        "records": records.with_columns(id=frames.ids(records["record"].to_list())),
        "held": all_held(frames),
        "borne": all_borne(frames),
        "making": making.filter(~is_person),
        "acted": acts(frames).select("object", "event"),
        "output": frames.relations("OUTPUT").select("source", "target"),
        "about": frames.relations("ABOUT").select("source", "target"),
        "spans": frames.spans,
        "events": frames.of_class("event")
        .select("record", "kind", "type", "disposition", "for_episode", discrepant=discrepant)
        .join(known["event"], on="record"),
        "episodes": frames.shown("Episode").select("record", "intent"),
        "persons": frames.shown("Person").select("record", "birth_year"),
        "observations": frames.shown("Observation")
        .select("record", "code", "comparator", moment)
        .join(known["observation"], on="record"),
    }


def _kept(frames: Frames, name: str) -> pl.DataFrame:
    """A frame that an answer of the product has left with the frames."""

    def missing() -> pl.DataFrame:
        raise SystemExit(f"no frame {name!r} is kept: ask for a recall first")

    return frames.kept(name, missing)


def rows(connection: duckdb.DuckDBPyConnection, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return connection.execute(query.format(**values)).fetchall()
