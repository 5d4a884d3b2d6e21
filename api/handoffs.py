"""The handoff table as answers: rows with departments by id and name, as JSON and for people."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from api.output import table
from api.parties import named
from api.render import SCHEMA_VERSION, label, reasons
from api.scopes import scope_json
from graph import times
from graph.view import View
from queries.handoffs import Filter, Waits
from queries.handoffs import handoffs as ask_handoffs
from queries.handoffs import legs as ask_legs
from queries.recall import period


def asked(
    view: View,
    legs: bool = False,
    since: str | None = None,
    until: str | None = None,
    product: str | None = None,
    preservation: str | None = None,
    carrier: str | None = None,
) -> Waits:
    """What a door was asked for. Raises `InvalidInstant`, and for a carrier as `View.resolve`."""
    number = view.scoped_frames.number(view.resolve(carrier)) if carrier else None
    only = Filter(period(since, until), product, preservation, number)
    return ask_legs(view, only) if legs else ask_handoffs(view, only)


_MEASURES = ("count", "open", "wait_p50_s", "wait_p90_s", "wait_p99_s", "wait_mean_s", "hours", "negative", "late", "failed")
MOST_CENTRAL = 20
_MOST_CUT = 3


class Departments:
    """Ids and names of the departments, carriers and journeys in a table of waits."""

    def __init__(self, view: View, waits: Waits) -> None:
        self._view, self._frames = view, waits.frames
        self._ids: dict[int, str] = {}
        self._labels: dict[str, str] = {}
        self.learn(waits.each.select("giver", "taker", "carrier").unpivot()["value"].drop_nulls().unique().to_list())

    def learn(self, numbers: list[int]) -> None:
        """Read the names of further records."""
        self._ids |= dict(zip(numbers, self._frames.ids(numbers), strict=True))
        found = named(self._view, [self._ids[number] for number in numbers])
        self._labels |= {record: label(found[record]) for record in found}

    def id(self, number: int | None) -> str | None:
        """The id of a record by its number; None of none."""
        return None if number is None else self._ids[number]

    def name(self, number: int | None) -> str:
        """What people call it."""
        return "(not told)" if number is None else self._labels[self._ids[number]]


def handoffs_json(view: View, waits: Waits, by: Sequence[str], departments: Departments) -> dict[str, Any]:
    """The answer of `veintrace handoffs --json`."""
    found = waits.bottlenecks
    rows = [
        {
            **_ends(row, departments),
            **{key: departments.id(row[key]) if key == "carrier" else row[key] for key in by},
            **{name: row[name] for name in _MEASURES},
            "failed_ci": [row["failed_low"], row["failed_high"]],
            "journeys": row["journeys"],
        }
        for row in waits.table(by).to_dicts()
    ]
    central = [
        {**_ends(row, departments), "hours": row["hours"], "betweenness": row["betweenness"]}
        for row in found.betweenness.head(MOST_CENTRAL).to_dicts()
    ]
    cut = [{**_ends({"giver": giver, "taker": taker}, departments), "hours": hours} for giver, taker, hours in found.cut or ()]
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": view.as_of,
        "completeness": {"reasons": reasons(view)},
        "scope": scope_json(waits.frames.part),
        "legs": rows,
        "cut": None if found.cut is None else {"hours": found.cut_hours, "handoffs": cut},
        "betweenness": central,
    }


def _ends(row: dict[str, Any], departments: Departments) -> dict[str, Any]:
    giver, taker = row["giver"], row["taker"]
    return {
        "from": departments.id(giver),
        "to": departments.id(taker),
        "from_label": departments.name(giver),
        "to_label": departments.name(taker),
    }


def single_json(view: View, waits: Waits, giver: int | None, taker: int | None, departments: Departments) -> dict[str, Any]:
    """The answer of `veintrace handoffs --between FROM TO --json`: each with its events and journey, longest wait first."""
    rows = waits.behind({"giver": giver, "taker": taker}).to_dicts()
    columns = ("event", "next", "journey")
    departments.learn(sorted({row[name] for row in rows for name in columns if row.get(name) is not None}))
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": view.as_of,
        "completeness": {"reasons": reasons(view)},
        "scope": scope_json(waits.frames.part),
        "handoffs": [
            {
                **{name: departments.id(row.get(name)) for name in columns},
                "label": departments.name(row["event"]),
                "journey_label": None if row["journey"] is None else departments.name(row["journey"]),
                "released_at": _iso(row["start"]),
                "accepted_at": _iso(row["end"]),
                **{name: row[name] for name in ("wait_s", "open", "late", "failed", "preservation", "product")},
                "carrier": departments.id(row["carrier"]),
            }
            for row in rows
        ],
    }


def single_lines(told: dict[str, Any]) -> list[str]:
    """The same for people."""
    header = ("journey", "handoff", "released", "wait", "late", "failed")
    rows = [
        (
            row["journey_label"],
            row["label"],
            (row["released_at"] or "-")[:16],
            "open" if row["open"] else duration(row["wait_s"]),
            "late" if row["late"] else "",
            "failed" if row["failed"] else "",
        )
        for row in told["handoffs"]
    ]
    return table(header, rows) if rows else ["none"]


def _iso(moment: int | None) -> str | None:
    return None if moment is None else times.iso(moment)


def handoffs_lines(waits: Waits, by: Sequence[str], departments: Departments, most: int = 40) -> list[str]:
    """The table for people, most hours first, and what the graph of departments tells."""
    rows = waits.table(by)
    header = ("from", "to", *by, "count", "open", "p50", "p90", "p99", "mean", "hours", "late", "failed", "of 100", "journeys")
    lines = table(header, [_cells(row, by, departments) for row in rows.head(most).to_dicts()])
    if len(rows) > most:
        lines.append(f"... and {len(rows) - most} more rows (--json shows all)")
    return [*lines, *_told(waits, departments)]


def _cells(row: dict[str, Any], by: Sequence[str], departments: Departments) -> list[object]:
    return [
        departments.name(row["giver"]),
        departments.name(row["taker"]),
        *(departments.name(row[key]) if key == "carrier" else row[key] for key in by),
        row["count"],
        row["open"],
        *(duration(row[name]) for name in ("wait_p50_s", "wait_p90_s", "wait_p99_s", "wait_mean_s")),
        f"{row['hours']:,.0f}",
        row["late"],
        row["failed"],
        f"{row['failed_low'] * 100:.0f}-{row['failed_high'] * 100:.0f}",
        row["journeys"],
    ]


def _told(waits: Waits, departments: Departments) -> list[str]:
    found = waits.bottlenecks
    lines = []
    central = found.betweenness.filter(pl.col("betweenness") > 0).head(3)
    if len(central):
        lines.append("most ways between departments pass: " + "; ".join(_way(departments, *row) for row in central.iter_rows()))
    if found.cut:
        most = sorted(found.cut, key=lambda edge: (-edge[2], edge[:2]))[:_MOST_CUT]
        ways = "; ".join(_way(departments, *edge) for edge in most)
        ways += f"; and {len(found.cut) - len(most)} more" if len(found.cut) > len(most) else ""
        lines.append(f"everything collected must pass one of these to be infused ({found.cut_hours:,.0f} hours): {ways}")
    return lines


def _way(departments: Departments, giver: int, taker: int, hours: float, share: float | None = None) -> str:
    told = f"{departments.name(giver)} -> {departments.name(taker)}"
    return f"{told} ({hours:,.0f} h)" if share is None else f"{told} ({share * 100:.0f} of 100)"


def duration(seconds: float | None) -> str:
    """Seconds as people read them: minutes below two hours, hours below two days, else days."""
    if seconds is None:
        return "-"
    for unit, size, most in (("min", 60, 7200), ("h", 3600, 172_800)):
        if abs(seconds) < most:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86_400:.1f} d"
