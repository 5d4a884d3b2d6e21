"""A generated network and every question about it: what its tests on the stores share.

How large it is says VEINTRACE_JOURNEYS; `make network` sets it to 2,000."""

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from api import handoffs as handoffs_told
from api import render
from api.cohorts import cohort_json, definition_of
from api.recalls import recall_all_json
from graph.errors import InvalidDefinition, UnknownIdentifier
from graph.store import Store
from graph.view import View
from loaders.pipeline import LoadReport, Options, load
from queries.cohort_definition import Definition, parsed
from queries.cohorts import cohort
from queries.handoffs import BY
from queries.lineage import Way, lineage
from queries.mass_recall import recall_all
from queries.recall import recall

ROOT = Path(__file__).parents[1]
JOURNEYS, SEED = int(os.environ.get("VEINTRACE_JOURNEYS", "20")), 23
ROOTS = min(200, JOURNEYS)
"""How many records are asked about."""
TIME = 3600.0
"""Seconds that a View may take: what is tried here is what it answers, not how fast."""
WAYS: tuple[Way, ...] = ("up", "down", "both")

DEFINITIONS = {
    "lots": "unit: person\nindex: {step: [infusion], which: last}\nrules: [{include: lot, path: {lot: 'lot:MD-900@mediara'}}]\n"
    "columns: {sex: {person: sex}, low: {observed: {code: viability, about: lineage, take: min}}}",
    "doses": "unit: material\nmaterial: {type: [dose]}\nindex: {step: [infusion]}\nknown: now\n"
    "rules: [{include: pooled or mixed, path: {step: {type: [pooling, mixing]}}}]\n"
    "columns: {waited: {path: {handoff: {wait_h: {min: 24}}}}}",
    "orders": "unit: episode\nindex: {ordered: true}\nrules: [{exclude: women, person: {sex: [female]}}]\n"
    "columns: {therapy: {episode: therapy}, ldh: {observed: {code: 2532-0}}}\n"
    "labels: {toxic: {outcome: {type: [toxicity], days: {min: 0, max: 90}}, take: grade}}",
    "through": "unit: episode\nindex: {step: [infusion]}\nrules: [{include: maker, path: {department: cellforge}},"
    " {exclude: late, path: {handoff: {to: [cellforge-intake], wait_h: {min: 48}}}}]\n"
    "columns: {frozen: {path: {material: {type: [starting_material], preservation: [cryopreserved]}}}}",
}  # fmt: skip
"""Cohorts by persons, doses and orders; through lots, containers, pools and departments; known then and known now."""


def definitions() -> dict[str, Definition]:
    """The cohorts that are asked for: those of the examples, and `DEFINITIONS`."""
    examples = {path.stem: definition_of(path) for path in sorted((ROOT / "examples" / "cohorts").glob("*.yaml"))}
    return examples | {name: parsed(f"name: {name}\n{text}") for name, text in DEFINITIONS.items()}


def landed(store: Store, paths: list[Path], folder: Path) -> LoadReport:
    """Load files as one load."""
    return load(store, paths, Options(author="tester", quarantine=folder / "quarantine"))


# -- what is asked about


def roots_of(store: Store) -> list[str]:
    """Ids to ask about, drawn at random: half objects, a quarter events, the rest of all other classes."""
    ids: dict[str, set[str]] = {"object": set(), "event": set(), "other": set()}
    for entry in store.claims():
        record = entry.claim.record
        ids.get(record[: record.index("-")], ids["other"]).add(record)
    draw = random.Random(SEED)
    counts = {"object": ROOTS // 2, "event": ROOTS // 4, "other": ROOTS - ROOTS // 2 - ROOTS // 4}
    return [record for name, count in counts.items() for record in draw.sample(sorted(ids[name]), count)]


# -- questions

Answer = Iterator[tuple[str, Any]]


def about(view: View, root: str) -> Answer:
    """Every answer about one id, or the error, by name."""
    try:
        record = view.resolve(root)
    except UnknownIdentifier as error:
        yield "unknown", error.as_dict()
        return
    for way in WAYS:
        yield f"lineage {way}", render.lineage_json(view, lineage(view, [record], way))
    yield "recall", render.recall_json(view, recall(view, [record]))
    whole = recall_all(view, [record])
    yield "recall --all", [recall_all_json(view, whole, []), whole.rows.write_csv()]
    history = render.history_json(view, record, view.history(view.joined([record])))
    yield "history", history
    for identifier in view.record(record).identifiers[:3]:
        ids = view.find(identifier)
        records = view.records(view.joined(ids))
        yield f"find {identifier}", render.find_json(view, [records[each] for each in ids])


def of_all(view: View) -> Answer:
    """Every answer about the whole graph, by name."""
    for legs in (False, True):
        waits = handoffs_told.asked(view, legs)
        departments = handoffs_told.Departments(view, waits)
        name = "legs" if legs else "handoffs"
        for by in ((), *((each,) for each in BY), BY):
            yield f"{name} by {by}", handoffs_told.handoffs_json(view, waits, by, departments)
        for row in waits.table().head(3).to_dicts():
            single = handoffs_told.single_json(view, waits, row["giver"], row["taker"], departments)
            yield f"{name} of a pair", single
    for name, definition in definitions().items():
        try:
            found = cohort(view, definition)
            yield f"cohort {name}", [cohort_json(view, found, []), found.rows.write_csv()]
        except InvalidDefinition as error:
            yield f"cohort {name}", error.as_dict()


def differences(ask: Callable[[View], Answer], one: View, other: View) -> list[str]:
    """The names of the answers that are not the same JSON, byte by byte, in two views."""
    told, again = ([(name, digest(found)) for name, found in ask(view)] for view in (one, other))
    return [name for (name, _) in set(told) ^ set(again)]


def digest(answer: Any) -> str:
    """The hash of an answer's JSON as the command line prints it, but for white space."""
    return hashlib.sha256(orjson.dumps(answer)).hexdigest()
