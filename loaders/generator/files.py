"""Writes a generated network: a CSV or Parquet bundle or EPCIS documents an organisation, in parts; and beside it the truth."""

import csv
from pathlib import Path
from typing import Any, Literal

import orjson
import polars as pl

from loaders.generator import epcis_documents

Format = Literal["csv", "parquet", "epcis"]
TRUTH = "truth"
"""The folder of the truth: its files are JSON lines, which no loader takes."""
_ROWS = 400
"""How many rows of a file are held back before they are written."""

_COMMON = ("steward", "recorded_at")
_RELATION = ("source", "target")
COLUMNS: dict[str, tuple[str, ...]] = {
    "organization": ("id", "name", "type", "part_of", "time_zone", "country", "contact"),
    "person": ("id", "role", "sex", "birth_year", "blood_group", "rh"),
    "consent": ("id", "person", "purposes", "valid_from"),
    "episode": ("id", "person", "intent", "therapy", "indication", "ordered_at", "status"),
    "material": ("id", "identifiers", "type", "name", "product_code", "quantity", "unit", "expires_at", "preservation",
                 "status", "for_episode"),
    "container": ("id", "type", "name"),
    "step": ("id", "type", "started_at", "ended_at", "planned_at", "status", "failure_reason", "protocol", "equipment",
             "operator", "disposition", "performed_by", "at", "for_episode"),
    "handoff": ("id", "type", "released_at", "picked_up_at", "delivered_at", "accepted_at", "agreed_release_at",
                "agreed_delivery_at", "notified_at", "acknowledged_at", "priority", "preservation", "discrepancy_code", "from",
                "to", "carried_by", "for_episode"),
    "observation": ("about", "code", "comparator", "value", "unit", "observed_at", "started_at", "ended_at", "method", "panel"),
    "outcome": ("about", "attributed_to", "for_episode", "type", "term", "grade", "occurred_at"),
    "input_to": (*_RELATION, "quantity", "unit"),
    "output": (*_RELATION, "quantity", "unit"),
    "subject_of": _RELATION,
    "governed_by": _RELATION,
    "contained_in": ("content", "container", "from", "to"),
}  # fmt: skip
"""The columns of each kind of file, before those that all have."""


class Files:
    """The files of one network. Rows wait in small numbers; `end_part` finishes the files of a part."""

    def __init__(self, out: Path, form: Format) -> None:
        self._out, self._form = out, form
        self._part = 0
        self._waiting: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        self._begun: set[tuple[str, str]] = set()
        self._truth: dict[str, list[bytes]] = {}
        self.files = 0
        self.rows = 0

    def row(self, organisation: str, kind: str, cells: dict[str, Any]) -> None:
        """One row of what an organisation exports."""
        key = organisation, kind
        rows = self._waiting.setdefault(key, [])
        rows.append(tuple(cells.get(name, "") for name in (*COLUMNS[kind], *_COMMON)))
        self.rows += 1
        if len(rows) >= _ROWS:
            self._write(key)

    def truth(self, table: str, line: dict[str, Any]) -> None:
        """One line of a table of the truth."""
        lines = self._truth.setdefault(table, [])
        lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if len(lines) >= _ROWS:
            self._write_truth(table)

    def end_part(self) -> None:
        """Finish the files of this part; what comes goes into the next."""
        for key in self._waiting:
            self._write(key)
        if self._form == "parquet":
            for key in sorted(self._begun):
                _as_parquet(self._path(key))
        self.files += len(self._begun) if self._form != "epcis" else self._as_epcis()
        self._waiting, self._begun = {}, set()
        self._part += 1

    def _as_epcis(self) -> int:
        """One EPCIS document an organisation, in place of its CSV files; returns how many there are."""
        organisations = sorted({organisation for organisation, _ in self._begun})
        for organisation in organisations:
            paths = [self._path(key) for key in sorted(self._begun) if key[0] == organisation]
            document = self._out / organisation / f"part-{self._part:04d}.jsonld"
            document.write_bytes(epcis_documents.of_bundle(organisation, paths))
            for path in paths:
                path.unlink()
        return len(organisations)

    def close(self) -> None:
        """Finish everything."""
        self.end_part()
        for table in self._truth:
            self._write_truth(table)

    def _path(self, key: tuple[str, str]) -> Path:
        organisation, kind = key
        return self._out / organisation / f"part-{self._part:04d}.{kind}.csv"

    def _write(self, key: tuple[str, str]) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if key in self._begun else "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if key not in self._begun:
                writer.writerow((*COLUMNS[key[1]], *_COMMON))
            writer.writerows(self._waiting[key])
        self._begun.add(key)
        self._waiting[key] = []

    def _write_truth(self, table: str) -> None:
        path = self._out / TRUTH / f"{table}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.writelines(self._truth[table])
        self._truth[table] = []


def _as_parquet(path: Path) -> None:
    """The same table as Parquet, all columns texts, in place of the CSV file."""
    pl.read_csv(path, infer_schema=False).write_parquet(path.with_suffix(".parquet"))
    path.unlink()
