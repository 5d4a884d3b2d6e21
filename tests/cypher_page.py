"""The page of Cypher questions, a graph to ask them of, and the product's own answer to each."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import networkx as nx
import orjson
import polars as pl
from neo4j import Driver

from graph import times
from graph.claims import class_of
from graph.model import RELATIONS
from graph.record import SINGLE, Record
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Direction
from graph.view import View, view
from queries.containment import Holdings, Window
from queries.handoffs import handoffs
from queries.lineage import Lineage, lineage
from queries.recall import recall

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "cypher.md").read_text(encoding="utf-8")

Asked = dict[str, str]
Row = dict[str, Any]


def _questions() -> dict[str, tuple[Asked, str]]:
    """Parameters shown and statement of each question, by its title."""
    found = {}
    for title, block in re.findall(r"^## \d+\. (.*?)\n.*?```cypher\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL):
        shown = dict(re.findall(r"^:param (\w+) => '(.*)'$", block, re.MULTILINE))
        found[title] = shown, re.sub(r"^:param .*\n", "", block, flags=re.MULTILINE)
    return found


QUESTIONS = _questions()


@dataclass
class Graph:
    """One graph, on Neo4j and as the product sees it."""

    is_example: bool
    store: SqliteStore
    driver: Driver

    @cached_property
    def view(self) -> View:
        return view(self.store, deadline=Deadline(600))

    @cached_property
    def ids(self) -> list[str]:
        """All ids."""
        return self.view.frames.ids(list(range(len(self.view.frames)))).to_list()

    @cached_property
    def records(self) -> dict[str, Record]:
        """The record that each id belongs to."""
        joins = self.view.joined(self.ids)
        records = self.view.records(joins)
        return {record: records[min(group)] for record, group in joins.items()}

    def ask(self, title: str, asked: Asked) -> list[Row]:
        return [row.data() for row in self.driver.execute_query(QUESTIONS[title][1], dict(asked)).records]

    def lineage(self, key: str) -> Lineage:
        return lineage(self.view, [self.view.resolve(key)])

    def ends(self, records: Iterable[str], way: Direction, type_: str) -> set[str]:
        """The records a relation leads to from records: into them (`up`) or out of them (`down`)."""
        ids = {id_ for record in records for id_ in self.records[record].ids}
        edges = self.view.neighbours(ids, way, (type_,))
        return {self.records[edge.source if way == "up" else edge.target].id for edge in edges}

    def keys(self, type_: str) -> list[str]:
        """Keys of a few of the materials of a type that went into a step."""
        found = {r.keys[0] for r in self.records.values() if r.value("type") == type_ and self.ends([r.id], "down", "INPUT_TO")}
        return sorted(found)[:: max(1, len(found) // 4)]


# -- both answers in one form


def _folded(graph: Graph, rows: list[Row]) -> dict[str, Row]:
    """Rows on records by record: the nodes of one record as one, a value where any of them has one."""
    found: dict[str, Row] = {}
    for row in rows:
        record = graph.records[row["id"]]
        assert row.get("key") in {None, *record.keys}
        told = found.setdefault(record.id, {})
        for name in row.keys() - {"id", "key"}:
            told[name] = row[name] if told.get(name) is None else told[name]
    return found


def _shown(record: Record, *names: str) -> Row:
    return {name: record.value(name) for name in names}


def _begun(record: Record) -> Any:
    return record.value("started_at") or record.value("released_at")


def _parts(found: Lineage) -> set[str]:
    """The roots, and what and how they were made, or what was made of them."""
    making = [relation for relation in found.relations if relation.type in ("INPUT_TO", "OUTPUT")]
    return {*found.roots, *(end for relation in making for end in (relation.source, relation.target))}


# -- each question: the parameters to try on a graph, and the product's answer to them, beside that of the page


def _made_of(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    found = graph.lineage(asked["dose"])
    parts = _parts(found)
    acts = {relation.target for relation in found.relations if relation.type == "SUBJECT_OF" and relation.source in parts}
    records = [found.records[record] for record in parts | acts]
    return _folded(graph, rows), {r.id: {"type": r.value("type"), "at": _begun(r)} for r in records}


def _in_boxes(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    dose = graph.view.resolve(asked["dose"])
    holdings = Holdings(graph.view)
    holdings.gather([dose])
    stays = [stay for stay in holdings.stays(dose) if stay.opened_by and stay.closed_by]
    acts = {(stay.container, act) for stay in stays for act in holdings.borne(stay, stay.window)}
    right = {(graph.records[box].keys[0], act, graph.records[act].value("type"), _begun(graph.records[act])) for box, act in acts}
    return {tuple(row.values()) for row in rows}, right


def _inside(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    container, (moment, _) = graph.view.resolve(asked["container"]), times.span(asked["moment"])
    holdings = Holdings(graph.view)
    holdings.gather_contents([container])
    inside = holdings.contents(container, Window(moment, moment + 1))
    return _folded(graph, rows), {record: _shown(graph.records[record], "type") for record in inside}


def _waits(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    table = handoffs(graph.view).table().drop_nulls(["giver", "taker"])
    frames = graph.view.frames
    right = [
        (frames.keys([giver])[0], frames.keys([taker])[0], count, open_, *(told and told / 3600 for told in waits), hours)
        for giver, taker, count, open_, *waits, hours in table.select(
            "giver", "taker", "count", "open", "wait_p50_s", "wait_mean_s", "hours"
        ).iter_rows()
    ]
    return _rounded(tuple(row.values()) for row in rows), _rounded(right)


def _rounded(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    told = [tuple(round(value, 6) if isinstance(value, float) else value for value in row) for row in rows]
    return sorted(told, key=lambda row: row[:2])


def _chosen(graph: Graph, condition: pl.Expr) -> list[Record]:
    each = handoffs(graph.view).each.filter(condition)
    return [graph.records[record] for record in graph.view.frames.ids(each["event"].to_list())]


def _late(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    right = {
        record.id: {
            "arrived": record.value("delivered_at") or record.value("accepted_at"),
            "agreed": record.value("agreed_delivery_at"),
        }
        for record in _chosen(graph, pl.col("late"))
    }
    return _folded(graph, rows), right


def _open(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    right = {}
    for record in _chosen(graph, pl.col("open")):
        giver, taker = (graph.records[end].keys[0] if (end := record.get(type_)) else None for type_ in ("FROM", "TO"))
        told = {"released": record.value("released_at"), "picked_up": record.value("picked_up_at")}
        right[record.id] = {"giver": giver, "taker": taker, **told}
    released = [times.span(row["released"]) for row in rows]
    assert released == sorted(released)
    return _folded(graph, rows), right


def _failed(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    right = {
        record.id: {
            "refused": record.value("refused_at"),
            "code": record.value("discrepancy_code"),
            "discrepancy": record.value("discrepancy"),
        }
        for record in _chosen(graph, pl.col("failed"))
    }
    return _folded(graph, rows), right


def _made_with(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    found = recall(graph.view, [graph.view.resolve(asked["lot"])])
    right = {r.id: _shown(r, "type") for r in found.lineage.records.values() if r.kind in ("Material", "Person")}
    assert found.reached is not None
    assert found.reached.materials + found.reached.persons == len(right)
    return _folded(graph, rows), right


def _treated(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    found = recall(graph.view, [graph.view.resolve(asked["lot"])]).lineage
    records = found.records
    given = {r.source: r.target for r in found.relations if r.type == "OUTPUT" and records[r.target].kind == "Person"}
    right = {
        (records[given[r.target]].keys[0], records[r.source].keys[0], records[r.target].value("started_at"))
        for r in found.relations
        if r.type == "INPUT_TO" and r.target in given
    }
    return {tuple(row.values()) for row in rows}, right


def _ways(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    person, dose = (graph.view.resolve(asked[name]) for name in ("person", "dose"))
    found = graph.lineage(dose)
    making = nx.DiGraph((r.source, r.target) for r in found.relations if r.type in ("INPUT_TO", "OUTPUT"))
    leads = person in making and nx.has_path(making, person, dose)
    right = {tuple(way) for way in nx.all_shortest_paths(making, person, dose)} if leads else set()
    return {tuple(dict.fromkeys(graph.records[id_].id for id_ in row["ids"])) for row in rows}, right


def _results(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    parts = {part for part in _parts(graph.lineage(asked["dose"])) if class_of(part) == "object"}
    drawn = graph.ends(graph.ends(parts, "down", "INPUT_TO"), "down", "OUTPUT")
    measured = parts | {record for record in drawn if graph.records[record].value("type") == "sample"}
    told = [graph.records[record] for record in graph.ends(measured, "up", "ABOUT")]
    right = {}
    for record in told:
        if record.kind == "Observation":
            value = record.value("value_text") if record.value("value") is None else record.value("value")
            right[record.id] = {**_shown(record, "code", "comparator", "unit"), "value": value}
    for row in rows:
        assert graph.view.resolve(row.pop("material")) in graph.ends([row["id"]], "down", "ABOUT") & measured
    return _folded(graph, rows), right


def _expired(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    right = set()
    for record in {r.id: r for r in graph.records.values()}.values():
        if record.kind == "Material" and (expires := record.value("expires_at")):
            for step in graph.ends([record.id], "down", "INPUT_TO"):
                used = graph.records[step]
                if used.span and used.span[0] > times.span(expires)[1]:
                    right.add((record.id, record.keys[0], expires, step, used.value("started_at")))
    return {tuple(row.values()) for row in rows}, right


def _disagreements(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    right = {
        (record.id, told["field"], f"{told['field']}: {word['steward']} says {word['value']}")
        for record in graph.records.values()
        for told in record.disagreements
        if told["field"].upper() not in SINGLE
        for word in told["values"]
    }
    return {(graph.records[row["id"]].id, row["field"], row["said"]) for row in rows}, right


def _stubs(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    types = [type_ for type_ in RELATIONS if type_ != "SAME_AS"]
    right = set()
    for stub in {record.id: record for record in graph.records.values() if record.stub}.values():
        edges = graph.view.neighbours(stub.ids, "down", types) + graph.view.neighbours(stub.ids, "up", types)
        for edge in edges:
            other = edge.target if edge.source in stub.ids else edge.source
            right.add((stub.keys[0], edge.type, other, edge.steward))
    return {tuple(row.values()) for row in rows}, right


def _replaced(graph: Graph, rows: list[Row], _: Asked) -> tuple[Any, Any]:
    right = set()
    stood: dict[Any, int] = {}
    for commit in graph.store.commits():
        edges = view(graph.store, as_of=commit.number).neighbours(graph.ids, "down", list(RELATIONS))
        standing = {(edge.source, f"WAS_{edge.type}", edge.target, edge.steward) for edge in edges}
        right |= {(*edge, stood[edge], commit.number) for edge in stood.keys() - standing}
        stood = {edge: stood.get(edge, commit.number) for edge in standing}
    return {tuple(row.values()) for row in rows}, right


def _said(graph: Graph, rows: list[Row], asked: Asked) -> tuple[Any, Any]:
    entries = graph.view.history(graph.records[graph.view.resolve(asked["record"])].ids)
    right = [
        (
            entry.claim.number,
            entry.claim.claim.steward,
            entry.commit.source,
            entry.claim.claim.evidence.at,
            entry.commit.number,
            times.iso(entry.commit.time),
            entry.claim.claim.fields,
        )
        for entry in entries
    ]
    return [(*list(row.values())[:-1], orjson.loads(row["said"])[3]) for row in rows], right


Answer = Callable[[Graph, list[Row], Asked], tuple[Any, Any]]

ANSWERS: dict[str, Answer] = {
    "What is a dose made of?": _made_of,
    "What happened to a dose inside its boxes?": _in_boxes,
    "What was in a container at a moment?": _inside,
    "Where do handoffs wait?": _waits,
    "Which handoffs were late?": _late,
    "Which handoffs are open?": _open,
    "Which handoffs failed?": _failed,
    "What was made with a lot?": _made_with,
    "Who was treated with a lot?": _treated,
    "By which way did a person's cells come into a dose?": _ways,
    "Which samples were drawn on the way to a dose, and what did they show?": _results,
    "What was past its expiry when it was used?": _expired,
    "On what do stewards disagree?": _disagreements,
    "Which records are known by reference only?": _stubs,
    "Which relations were taken back or replaced?": _replaced,
    "Who said what of a record, and in which file?": _said,
}
