"""The handoffs that cost patients most hours, as sentences that somebody can act on, and for machines."""

import shlex
from typing import Any

from api.handoffs import duration
from api.parties import called, named
from api.render import SCHEMA_VERSION, label, reasons
from api.scopes import scope_json, scope_options
from graph.view import View
from queries.costliest import Costly, costliest
from queries.handoffs import Waits

_MOST_JOURNEYS = 3
_WORDS = {
    "picked_up": "what {giver} releases for {taker} waits {ours} to be picked up",
    "carried": "what {giver} sends to {taker} is {ours} on its way",
    "accepted": "what {giver} sends you waits {ours} from delivery until you accept it",
    "taken_over": "what {giver} releases to you waits {ours} until you accept it",
}


def worst_json(view: View, waits: Waits, most: int) -> dict[str, Any]:
    """The answer of `veintrace handoffs --worst N --json`: the pairs with most hours on the way to patients, most first."""
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": view.as_of,
        "completeness": {"reasons": reasons(view)},
        "scope": scope_json(waits.frames.part),
        "worst": [_row(view, waits, each) for each in costliest(waits, most)],
    }


def _row(view: View, waits: Waits, found: Costly) -> dict[str, Any]:
    giver, taker = waits.frames.ids([found.giver, found.taker])
    ends = [shlex.quote(key.removeprefix("org:")) for key in waits.frames.keys([found.giver, found.taker])]
    to_tell = taker if found.part in ("accepted", "taken_over", None) or found.carrier is None else _id(waits, found.carrier)
    records, call = named(view, {giver, taker, to_tell}), called(view, {to_tell})
    row = {
        "from": giver,
        "to": taker,
        "from_label": label(records[giver]),
        "to_label": label(records[taker]),
        "count": len(found.each),
        "hours": found.hours,
        "journeys": found.journeys,
        "longest": _longest(view, waits, found),
        "part": found.part,
        "median_s": found.median_s,
        "others_median_s": found.others_s,
        "late": found.late,
        "late_by_s": found.late_by_s,
        "tell": {"id": to_tell, "label": label(records[to_tell]), "call": call.get(to_tell)},
        "command": f"veintrace handoffs --between {' '.join(ends)}{scope_options(waits.frames.part)}",
    }
    return {**row, "message": _message(row)}


def _longest(view: View, waits: Waits, found: Costly) -> list[dict[str, Any]]:
    """The journeys that waited longest."""
    rows = found.each.drop_nulls(["journey", "wait_s"]).unique("journey", keep="first", maintain_order=True).head(_MOST_JOURNEYS)
    ids = waits.frames.ids(rows["journey"].to_list())
    records = named(view, set(ids))
    return [
        {"journey": journey, "label": label(records[journey]), "wait_s": seconds}
        for journey, seconds in zip(ids, rows["wait_s"], strict=True)
    ]


def _id(waits: Waits, number: int) -> str:
    return str(waits.frames.ids([number])[0])


def _message(row: dict[str, Any]) -> str:
    """What to tell the party that can do something about it."""
    told = [f"{row['count']} handoffs took {row['hours']:,.0f} hours"]
    if row["part"] is not None:
        ours, others = duration(row["median_s"]), duration(row["others_median_s"])
        words = _WORDS[row["part"]].format(giver=row["from_label"], taker=row["to_label"], ours=ours)
        told = [f"{words} (median), elsewhere {others}"]
    if row["late"]:
        told.append(f"{row['late']} of {row['count']} came after the agreed time, by {duration(row['late_by_s'])} (median)")
    return "; ".join(told)


def worst_lines(told: dict[str, Any]) -> list[str]:
    """The same for people: three lines for each pair."""
    lines = []
    for number, row in enumerate(told["worst"], 1):
        of = f"{row['hours']:,.0f} hours in {row['count']:,} handoffs of {row['journeys']:,} journeys"
        longest = ", ".join(f"{each['label']} ({duration(each['wait_s'])})" for each in row["longest"])
        lines += [
            f"{number}. {row['from_label']} -> {row['to_label']}: {of}",
            f"   tell {row['tell']['label']} ({row['tell']['call'] or 'no contact known'}): {row['message']}",
            f"   longest: {longest or '-'}; all: {row['command']}",
        ]
    return lines or ["no handoff on the way to a patient took any time"]
