"""A cohort for people and machines: its attrition, its rows, and the files it leaves as."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from api.output import table, written_file
from api.render import SCHEMA_VERSION, reasons
from graph.claims import canonical_json
from graph.errors import UsageError
from graph.view import View
from queries.cohort_definition import LONGEST, Column, Definition, Label, parsed
from queries.cohorts import Cohort

_UNIT = {"person": "Person", "episode": "Therapy order", "material": "Material"}


def definition_of(path: Path) -> Definition:
    """The definition in a file. Raises `UsageError` where it cannot be read, `InvalidDefinition` where it does not fit."""
    try:
        with path.open(encoding="utf-8") as file:
            return parsed(file.read(LONGEST + 1))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", path=str(path)) from None


def definition_hash(definition: Definition) -> str:
    """SHA-256 (hex) of a definition's canonical JSON, defaults included: equal for texts that mean the same."""
    return hashlib.sha256(canonical_json(_told(definition))).hexdigest()


def _told(definition: Definition) -> Any:
    return definition.model_dump(mode="json", by_alias=True, exclude_none=True)


def cohort_json(view: View, found: Cohort, files: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer of `cohort`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": view.as_of,
        "completeness": {"reasons": reasons(view)},
        "definition_hash": definition_hash(found.definition),
        "unit": found.definition.unit,
        "count": found.count,
        "attrition": [{"rule": each.rule, "kept": each.kept, "lost": each.lost} for each in found.attrition],
        "files": files,
    }


def cohort_lines(found: Cohort, files: list[dict[str, Any]]) -> list[str]:
    """The attrition, and what was written."""
    rows = [(each.rule, f"{each.kept:,}", f"{each.lost:,}") for each in found.attrition]
    lines = table(("rule", "kept", "lost"), rows)
    lines.append(f"{found.definition.name}: {found.count:,} {found.definition.unit}s")
    return lines + [f"{each['path']}  {each['rows']:,} rows  sha256 {each['sha256'][:16]}..." for each in files]


# -- files


def write(view: View, found: Cohort, folder: Path) -> list[dict[str, Any]]:
    """Write `cohort.csv`, `cohort.parquet`, `data-dictionary.csv` and `manifest.json` into `folder`; the same bytes again for the
    same definition, commit and viewer. Returns `{path, sha256, rows}` of each.

    The manifest is written last, and an earlier one removed first: without it the other files may be of two cohorts."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.json"
    manifest.unlink(missing_ok=True)
    dictionary = pl.DataFrame(_dictionary(found), schema=["column", "type", "role", "meaning"], orient="row")
    files = []
    for name, frame in (("cohort.csv", found.rows), ("cohort.parquet", found.rows), ("data-dictionary.csv", dictionary)):
        files.append(written_file(folder / name, frame))
    told = orjson.dumps(_manifest(view, found, files), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    coming = folder / "manifest.json.part"
    coming.write_bytes(told)
    coming.replace(manifest)
    return [*files, {"path": str(manifest), "sha256": hashlib.sha256(told).hexdigest(), "rows": 1}]


def _manifest(view: View, found: Cohort, files: list[dict[str, Any]]) -> dict[str, Any]:
    """All that is needed to make these files again, and to prove that they are these."""
    digest = {"digest": view.commit.digest} if view.viewer is None and view.commit else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": view.as_of,
        "completeness": {"reasons": reasons(view)},
        **digest,
        "viewer": view.viewer,
        "definition": _told(found.definition),
        "definition_hash": definition_hash(found.definition),
        "unit": found.definition.unit,
        "count": found.count,
        "attrition": [{"rule": each.rule, "kept": each.kept, "lost": each.lost} for each in found.attrition],
        "files": [{**each, "path": Path(each["path"]).name} for each in files],
    }


def _dictionary(found: Cohort) -> list[tuple[str, str, str, str]]:
    """Name, type, role and meaning of every column."""
    definition, types = found.definition, dict(zip(found.rows.columns, found.rows.dtypes, strict=True))
    index = f"{definition.index.which} {' or '.join(definition.index.step)}" if definition.index.step else "order of the therapy"
    rows = [
        ("unit", "id", f"{_UNIT[definition.unit]} (computed id of the record)."),
        ("index_date", "id", f"Begin of the index event, UTC: {index}."),
        ("person", "id", "The patient, or who gave the material."),
        ("episode", "id", "The therapy order."),
        *((name, "known at the index date", _meaning(column)) for name, column in definition.columns.items()),
        *((name, "label, after the index date", _meaning(label)) for name, label in definition.labels.items()),
    ]
    return [(name, str(types[name]), role, meaning) for name, role, meaning in rows]


def _meaning(column: Column | Label) -> str:
    told = column.model_dump(mode="json", by_alias=True, exclude_none=True)
    return "; ".join(f"{name} {canonical_json(value).decode()}" for name, value in told.items())
