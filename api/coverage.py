"""The coverage of a graph as answers: what each party's records lack, as JSON and for people."""

from typing import Any

import polars as pl

from api.output import table
from api.parties import named
from api.render import SCHEMA_VERSION, label, reasons
from graph import times
from graph.errors import UnknownIdentifier
from graph.view import View
from queries.coverage import Coverage

DAY = 86_400
_TABLES = ("fields", "delays", "dangling", "disagreements")
_MOST_LINES = 15
_ORDER = ("steward", "field", "kind", "type")
"""What tells apart fields that lack as often, so that they are always told in one order."""


class Covered:
    """What one View shows of each steward (`only`: of one)."""

    def __init__(self, view: View, only: str | None = None) -> None:
        found = Coverage(view)
        self.view = view
        self.tables: dict[str, pl.DataFrame] = {name: getattr(found, name) for name in _TABLES}
        if only is not None:
            self.tables = {name: rows.filter(pl.col("steward") == only) for name, rows in self.tables.items()}
        self.owed = self._owed(found.owed, only)

    def _owed(self, rows: pl.DataFrame, only: str | None) -> list[dict[str, Any]]:
        """Rows of `owed` with parties by id and name; of one steward what it owes, and what it is owed."""
        numbers = pl.concat([rows["debtor"], rows["creditor"]]).unique().to_list()
        ids = dict(zip(numbers, self.view.frames.ids(numbers), strict=True))
        names = {record: label(found) for record, found in named(self.view, list(ids.values())).items()}
        told = [
            {
                **{end: {"id": ids[row[end]], "label": names[ids[row[end]]]} for end in ("debtor", "creditor")},
                "side": row["side"],
                "handoffs": row["handoffs"],
                "oldest": None if row["oldest"] is None else times.iso(row["oldest"]),
                "examples": row["examples"],
            }
            for row in rows.iter_rows(named=True)
        ]
        if only is None:
            return told
        own = set(self.view.find(only if ":" in only else f"org:{only}"))
        if not own and only not in self.view.stewards:
            raise UnknownIdentifier(only)
        return [row for row in told if own & {row["debtor"]["id"], row["creditor"]["id"]}]

    def organizations(self) -> list[dict[str, Any]]:
        """One row a steward: how much of what is required is there, the median delay, and how many faults of each sort."""
        fields = self.tables["fields"].group_by("steward").agg(pl.col("present").sum(), pl.col("records").sum())
        dangling = self.tables["dangling"].group_by("steward").agg(pl.col("dangling").sum())
        disagreed = self.tables["disagreements"].group_by("steward").agg(pl.col("disagreed").sum())
        weighted = self.tables["delays"].drop_nulls("p50_s").sort("steward", "p50_s")
        delays = weighted.group_by("steward", maintain_order=True).agg(
            delay_p50_s=pl.col("p50_s").filter(pl.col("records").cum_sum() * 2 >= pl.col("records").sum()).first()
        )
        rows = fields
        for others in (dangling, disagreed, delays):
            rows = rows.join(others, on="steward", how="full", coalesce=True)
        return [
            {
                "steward": row["steward"],
                "required_share": row["present"] / row["records"] if row["records"] else None,
                "delay_p50_s": row["delay_p50_s"],
                "dangling": row["dangling"] or 0,
                "disagreements": row["disagreed"] or 0,
            }
            for row in rows.sort("steward").iter_rows(named=True)
        ]


def coverage_json(found: Covered) -> dict[str, Any]:
    """The answer of `veintrace coverage --json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": found.view.as_of,
        "completeness": {"reasons": reasons(found.view)},
        "organizations": found.organizations(),
        **{name: rows.to_dicts() for name, rows in found.tables.items()},
        "owed": found.owed,
    }


def coverage_text(found: Covered) -> list[str]:
    """The same for people: a row an organisation, the fields that lack most, and who owes whom what."""
    header = ("organisation", "required", "recorded after", "dangling", "disagreements")
    rows = [
        (row["steward"], _share(row["required_share"]), _days(row["delay_p50_s"]), row["dangling"], row["disagreements"])
        for row in found.organizations()
    ]
    lines = [*table(header, rows), ""]
    lacking = found.tables["fields"].with_columns(lacking=pl.col("records") - pl.col("present")).filter(pl.col("lacking") > 0)
    lines += _listed(
        "what is missing most",
        [
            f"{row['steward']}: {_of(row)} {row['field']} in {row['lacking']:,} of {row['records']:,}"
            for row in lacking.sort("lacking", *_ORDER, descending=[True, *[False] * len(_ORDER)]).iter_rows(named=True)
        ],
    )
    lines += _listed(
        "what they owe each other",
        [
            f"{row['debtor']['label']} owes {row['creditor']['label']} its side (as {row['side']}) of "
            f"{row['handoffs']:,} handoffs, the oldest of {(row['oldest'] or 'no date')[:10]}"
            for row in found.owed
        ],
        "nothing" if found.view.viewer is None else "not known to one party alone, who does not see what others tell",
    )
    return [*lines, *(f"incomplete: {reason}" for reason in reasons(found.view))]


def _of(row: dict[str, Any]) -> str:
    """What a row of `fields` is about."""
    kind = row["kind"].lower()
    return f"{kind} ({row['type']})" if row["type"] else kind


def _listed(title: str, lines: list[str], none: str = "nothing") -> list[str]:
    more = [f"  and {len(lines) - _MOST_LINES} more (--json has all)"] if len(lines) > _MOST_LINES else []
    return [f"{title}:", *(f"  {line}" for line in lines[:_MOST_LINES] or [none]), *more]


def _share(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"


def _days(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return f"{seconds / DAY:.1f} d" if abs(seconds) >= DAY else f"{seconds / 3600:.1f} h"
