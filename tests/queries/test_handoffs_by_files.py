"""The tables of handoffs and legs equal what DuckDB counts over the files themselves, by SQL written without any code of ours.

Handoffs: all (none in these files is followed by a discard, which `test_handoffs.py` tries). Legs: all of materials but lots,
whether an event acted on them alone or through what they were in, packings and unpackings included. What SQL cannot tell is the
order of events of the same begin and end on one material, which ids decide: in these files those are packings (two doses put into
a cassette at once), where the order changes no row.
"""

import math
from pathlib import Path
from typing import Any

import duckdb
import pytest

from graph import times
from graph.view import View
from queries.containment import Window
from queries.handoffs import BY, Filter, Waits, handoffs, legs
from tests.queries import network_files

WAITS = """
CREATE TABLE discarded AS SELECT DISTINCT event FROM (
  SELECT event, lead(CASE WHEN kind = 'Step' AND type NOT IN ('packing', 'unpacking') THEN type END IGNORE NULLS)
    OVER (PARTITION BY object ORDER BY first, last, event) AS following FROM acts) WHERE following = 'discard';
CREATE TABLE handoff_waits AS SELECT giver, taker, released AS start, epoch(accepted) - epoch(released) AS wait,
    released IS NOT NULL AND accepted IS NULL AS open, coalesce(coalesce(delivered, accepted) > agreed, false) AS late,
    discrepancy IS NOT NULL OR event IN (FROM discarded) AS failed, preservation, carrier, journey, product
  FROM handoffs JOIN journeys ON event = handoff;
CREATE TABLE turns AS SELECT *, last_value(has IGNORE NULLS) OVER so_far AS giver, lead(event) OVER later AS following,
    lead(first) OVER later AS next_first, lead(acting) OVER later AS next_acting FROM acts
  WHERE object NOT IN (SELECT told(id, steward) FROM container) AND object NOT IN (SELECT told(id, steward) FROM material
    WHERE type IN ('reagent_lot', 'vector_lot', 'media_lot'))
  WINDOW later AS (PARTITION BY object ORDER BY first, last, event),
    so_far AS (PARTITION BY object ORDER BY first, last, event ROWS UNBOUNDED PRECEDING);
CREATE TABLE leg_waits AS SELECT DISTINCT event, following, giver, coalesce(next_acting, giver) AS taker, last AS start,
    epoch(next_first) - epoch(last) AS wait, false AS open, false AS late, false AS failed, preservation, carrier, journey, product
  FROM turns JOIN journeys USING (event) WHERE following IS NOT NULL
"""
Z2 = 1.959963984540054**2
TABLE = """
SELECT giver, taker, {keys} count(*) AS count, count(*) FILTER (open) AS open,
  quantile_cont(wait, 0.5) AS wait_p50_s, quantile_cont(wait, 0.9) AS wait_p90_s, quantile_cont(wait, 0.99) AS wait_p99_s,
  avg(wait) AS wait_mean_s, coalesce(sum(wait), 0) / 3600 AS hours, count(*) FILTER (wait < 0) AS negative,
  count(*) FILTER (late) AS late, count(*) FILTER (failed) AS failed,
  (2 * count(*) FILTER (failed) + {z2} - sqrt({z2} * ({z2} + 4 * count(*) FILTER (failed) * (1 - avg(failed::INT)))))
    / (2 * (count(*) + {z2})) AS failed_low,
  (2 * count(*) FILTER (failed) + {z2} + sqrt({z2} * ({z2} + 4 * count(*) FILTER (failed) * (1 - avg(failed::INT)))))
    / (2 * (count(*) + {z2})) AS failed_high,
  count(DISTINCT journey) AS journeys
FROM (SELECT *, strftime(start, '%Y-%m') AS period FROM {waits}) WHERE {where} GROUP BY ALL
"""
SINCE, UNTIL = "2022-06-01T00:00:00Z", "2023-09-15T12:00:00Z"
ASK = {"handoff_waits": handoffs, "leg_waits": legs}


@pytest.fixture(scope="module")
def files(network: Path) -> duckdb.DuckDBPyConnection:
    connection = network_files.opened(network)
    for statement in WAITS.split(";\n"):
        connection.execute(statement)
    return connection


def counted(files: duckdb.DuckDBPyConnection, waits: str, by: tuple[str, ...] = (), where: str = "true") -> list[dict[str, Any]]:
    """The table as SQL counts it."""
    found = files.execute(TABLE.format(keys="".join(f"{key}, " for key in by), waits=waits, where=where, z2=Z2))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def told(waits: Waits, by: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The table as the product tells it, organisations by their codes."""

    def code(number: int | None) -> str | None:
        return None if number is None else str(waits.frames.keys([number])[0]).removeprefix("org:")

    rows = waits.table(by).to_dicts()
    return [row | {key: code(row[key]) for key in ("giver", "taker", "carrier") if key in row} for row in rows]


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    """A row's numbers, that of no wait (all open) being none."""
    return {name: math.nan if value is None else value for name, value in row.items()}


def assert_equal(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], by: tuple[str, ...] = ()) -> None:
    keys = ("giver", "taker", *by)
    rows = {tuple(row.pop(key) for key in keys): row for row in ours}
    expected = {tuple(row.pop(key) for key in keys): row for row in theirs}
    assert (rows.keys(), len(rows)) == (expected.keys(), len(ours))
    for ends, row in rows.items():
        assert _numbers(row) == pytest.approx(_numbers(expected[ends]), rel=1e-9, abs=1e-6, nan_ok=True), ends


@pytest.mark.parametrize("waits", ASK)
@pytest.mark.parametrize("by", [(), *((each,) for each in BY), BY], ids=" and ".join)
def test_each_row_is_what_sql_counts_in_the_files(
    waits: str, by: tuple[str, ...], files: duckdb.DuckDBPyConnection, network_view: View
) -> None:
    assert_equal(told(ASK[waits](network_view), by), counted(files, waits, by), by)


@pytest.mark.parametrize("waits", ASK)
def test_of_a_period_only_what_began_in_it_counts(waits: str, files: duckdb.DuckDBPyConnection, network_view: View) -> None:
    period = Window(times.span(SINCE)[0], times.span(UNTIL)[0])
    where = f"start >= TIMESTAMPTZ '{SINCE}' AND start < TIMESTAMPTZ '{UNTIL}'"
    ours = told(ASK[waits](network_view, Filter(period=period)))
    assert 0 < sum(row["count"] for row in ours) < sum(row["count"] for row in counted(files, waits))
    assert_equal(ours, counted(files, waits, where=where))


def test_there_is_something_of_everything_to_count(files: duckdb.DuckDBPyConnection) -> None:
    of_handoffs, of_legs = counted(files, "handoff_waits"), counted(files, "leg_waits")
    for name, least in {"count": 2000, "open": 100, "late": 20, "failed": 20}.items():
        assert sum(row[name] for row in of_handoffs) >= least, name
    for name, least in {"count": 5000, "negative": 50}.items():
        assert sum(row[name] for row in of_legs) >= least, name


def test_events_that_only_ids_put_in_order_are_packings(files: duckdb.DuckDBPyConnection) -> None:
    tied = "SELECT DISTINCT type FROM (SELECT type, count(*) OVER (PARTITION BY object, first, last) AS n FROM turns) WHERE n > 1"
    assert {type_ for (type_,) in files.execute(tied).fetchall()} <= {"packing", "unpacking"}
