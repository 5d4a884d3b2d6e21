"""Waits between activities as answers: by type of object, and what each activity waits for, as JSON and for people."""

from typing import Any

import polars as pl

from api.output import table
from api.render import SCHEMA_VERSION, reasons
from graph.view import View
from queries.activities import Activities

_HOUR = 3600.0
_MOST_LINES = 20
_OF_TYPE = "late"


def activities_json(view: View) -> dict[str, Any]:
    """The answer of `activities`: all rows of both tables, in seconds."""
    found = Activities(view)
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": view.as_of,
        "completeness": {"reasons": reasons(view)},
        "untold": found.untold,
        "waits": found.waits.to_dicts(),
        "gatherings": found.gatherings.to_dicts(),
    }


def activities_text(view: View) -> list[str]:
    """Where objects of each type wait longest in all, and which activities wait for one of their objects, in hours."""
    found = Activities(view)
    between = found.longest
    rows = [
        (row["object_type"], row["source"], row["target"], row["count"], _hours(row["median_s"]), _hours(row["sum_s"]))
        for row in between.head(_MOST_LINES).to_dicts()
    ]
    lines = table(("object type", "from", "to", "waits", "median (h)", "all (h)"), rows)
    late = found.gatherings.filter((pl.col("measure") == _OF_TYPE) & (pl.col("max_s") > 0))
    late = late.sort("sum_s", "activity", "object_type", descending=(True, False, False)).head(_MOST_LINES)
    told = [
        (row["activity"], row["object_type"], row["count"], _hours(row["median_s"]), _hours(row["max_s"]))
        for row in late.to_dicts()
    ]
    if told:
        lines += ["", "what comes later than the others do:"]
        lines += table(("activity", "object type", "events", "median (h)", "longest (h)"), told)
    if found.untold:
        lines.append(f"objects of which nobody tells what they are, left out: {found.untold:,}")
    more = len(between) - len(rows)
    return [*lines, *([f"and {more} more pairs (--json has all)"] if more > 0 else [])]


def _hours(seconds: float) -> str:
    return f"{seconds / _HOUR:.1f}"
