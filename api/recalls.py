"""A recall of any size for people and machines: who has how many in what state, whom to call, and the file it leaves as."""

from pathlib import Path
from typing import Any

import polars as pl

from api.output import table, written_file
from api.parties import called, named
from api.render import SCHEMA_VERSION, label, reasons
from graph.errors import UsageError
from graph.view import View
from queries.mass_recall import MassRecall


def written(found: MassRecall, path: Path) -> list[dict[str, Any]]:
    """Write the rows as CSV or Parquet, by the name's end; returns `[{path, sha256, rows}]`.

    Raises `UsageError` for a name that ends otherwise."""
    if path.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{path} tells no format: end it with .csv or .parquet", path=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    return [written_file(path, found.rows)]


def recall_all_json(view: View, found: MassRecall, files: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer of `recall --all`; `reached` is null where a load is under way: never a part as if it were the whole."""
    missing = reasons(view)
    reached = {"materials": found.materials, "doses": found.doses, "persons": found.persons}
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": view.as_of,
        "roots": list(found.roots),
        "completeness": {"total": len(found.rows), "reasons": missing},
        "reached": None if missing else reached,
        "held": _held(view, found),
        "files": files,
    }


def _held(view: View, found: MassRecall) -> list[dict[str, Any]]:
    """`{custodian, name, status, materials, call}`, most materials first."""
    materials = found.rows.filter(pl.col("kind") == "Material")
    counts = materials.group_by("custodian", "status").agg(pl.len().alias("materials"))
    rows = counts.sort("materials", "custodian", "status", descending=[True, False, False]).to_dicts()
    holders = {row["custodian"] for row in rows if row["custodian"]}
    records, call = named(view, holders), called(view, holders)
    for row in rows:
        holder = row["custodian"]
        row["name"], row["call"] = (label(records[holder]), call.get(holder)) if holder else (None, None)
    return rows


def recall_all_lines(told: dict[str, Any], restricted: bool) -> list[str]:
    """What a person reads: who has how many, in what state; persons treated are counted together."""
    counts: dict[tuple[str, str], list[Any]] = {}
    for row in told["held"]:
        person = (row["custodian"] or "").startswith("person-")
        key = ("patients" if person else row["name"] or "-", row["status"] or "-")
        counts.setdefault(key, [0, None if person else row["call"]])[0] += row["materials"]
    rows = [(*key, f"{count:,}", call) for key, (count, call) in sorted(counts.items(), key=lambda each: (-each[1][0], each[0]))]
    lines = table(("held by", "status", "materials", "call"), rows)
    lines += [f"{each['path']}  {each['rows']:,} rows" for each in told["files"]]
    if told["reached"] is None:
        return [*lines, f"NOT COMPLETE ({', '.join(told['completeness']['reasons'])}): this is a part, more may be reached"]
    reached, scope = told["reached"], " within your rights" if restricted else ""
    total = f"{told['completeness']['total']:,} records: {reached['materials']:,} materials ({reached['doses']:,} doses)"
    return [*lines, f"complete{scope}: {total}, {reached['persons']:,} persons"]
