"""A lineage as a tree for people: what each material was made from, step by step, with times and organisations."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from api.render import label
from graph import times
from graph.model import CONTAINER
from graph.record import Record
from queries.lineage import Lineage, Relation

_MOST_LINES = 400


def when(record: Record) -> str:
    """The time of an event for people, to the minute in UTC; empty where it has none."""
    if record.span is None:
        return ""
    start, end = (times.iso(moment)[:16].replace("T", " ") for moment in record.span)
    if start == end:
        return f"{start}Z"
    return f"{start} .. {end[11:] if end[:10] == start[:10] else end}Z"


def name_of(record: Record) -> str:
    """A name with what it is: `DP-1 (drug product)`."""
    what = record.value("type")
    told = str(what).replace("_", " ") if isinstance(what, str) else (record.kind or "not claimed by anyone").lower()
    return f"{label(record)} ({told})"


def who(record: Record, parties: Mapping[str, Record]) -> str:
    """The organisations of an event: who performed it and where, or who gave to whom by whom."""

    def party(role: str) -> str | None:
        end = record.get(role)
        return label(parties[end]) if end in parties else None

    if record.kind == "Handoff":
        path = f"{party('FROM') or '?'} -> {party('TO') or '?'}"
        carrier = party("CARRIED_BY")
        return f"{path} by {carrier}" if carrier else path
    performer, place = party("PERFORMED_BY"), party("AT")
    if performer and place and performer != place:
        return f"{performer} at {place}"
    return performer or place or ""


class Tree:
    """Lines of a lineage tree. A record already shown is named again but not repeated."""

    def __init__(self, found: Lineage, parties: Mapping[str, Record], hidden: Collection[str] = ()) -> None:
        """`hidden` are types of steps left out, such as packings, where they only acted on something."""
        self._found, self._parties, self._hidden = found, parties, hidden
        self._shown: set[str] = set()
        self._lines: list[str] = []
        self._up = found.direction != "down"
        self._next: dict[str, list[Relation]] = defaultdict(list)
        self._acting: dict[str, list[str]] = defaultdict(list)
        self._containers: dict[str, list[str]] = defaultdict(list)
        for relation in found.relations:
            if relation.type in ("INPUT_TO", "OUTPUT"):
                self._next[relation.target if self._up else relation.source].append(relation)
            elif relation.role == CONTAINER and relation.source in found.records:
                self._containers[relation.target].append(label(found.records[relation.source]))
        for event, objects in found.acted_on.items():
            for record in objects:
                self._acting[record].append(event)

    def lines(self) -> list[str]:
        """The tree, a line a record; cut with a note where it is very long."""
        for root in self._found.roots:
            if root in self._found.records:
                self._lines.append(self._title(self._found.records[root]))
                self._below(root, "")
        if len(self._lines) > _MOST_LINES:
            more = len(self._lines) - _MOST_LINES
            return [*self._lines[:_MOST_LINES], f"... {more} more lines; see --json"]
        return self._lines

    def _title(self, record: Record) -> str:
        if record.kind in ("Step", "Handoff"):
            what = str(record.value("type") or record.kind).replace("_", " ")
            if record.id in self._containers:
                what += f" ({', '.join(self._containers[record.id])})"
            parts = [what, when(record), who(record, self._parties), self._marks(record)]
            return "  ".join(part for part in parts if part)
        return "  ".join(part for part in (name_of(record), self._marks(record)) if part)

    def _marks(self, record: Record) -> str:
        marks = []
        if record.value("status") in ("failed", "aborted"):
            marks.append(f"{record.value('status')}: {record.value('failure_reason') or 'no reason given'}")
        if record.id in self._found.after_use:
            marks.append("after use")
        if record.disagreements:
            marks.append("parties disagree")
        if record.stub and record.kind is None:
            marks.append("known by reference only")
        return f"[{'; '.join(marks)}]" if marks else ""

    def _below(self, record: str, indent: str) -> None:
        children = self._children(record)
        for at, (child, prefix) in enumerate(children):
            last = at == len(children) - 1
            seen = child in self._shown
            branch, again = "└─ " if last else "├─ ", "  (see above)" if seen else ""
            self._lines.append(f"{indent}{branch}{prefix}{self._title(self._found.records[child])}{again}")
            if not seen:
                self._shown.add(child)
                if prefix != "· ":
                    self._below(child, indent + ("   " if last else "│  "))

    def _children(self, record: str) -> list[tuple[str, str]]:
        """What made it (or what it went into), then what acted on it, in order of time."""
        ends = {relation.source if self._up else relation.target for relation in self._next.get(record, ())}
        onward = sorted((end for end in ends if end in self._found.records), key=self._moment)
        records = self._found.records
        acting = [e for e in self._acting.get(record, ()) if e not in ends and records[e].value("type") not in self._hidden]
        return [(end, "") for end in onward] + [(event, "· ") for event in sorted(set(acting), key=self._moment)]

    def _moment(self, record: str) -> tuple[int, str]:
        span = self._found.records[record].span
        return (span[0] if span else 2**62, record)


def disagreements(found: Lineage) -> list[str]:
    """A line for each value that stewards state differently, the party that answers for it first."""
    lines = []
    for record in found.records.values():
        for told in record.disagreements:
            said = ", ".join(f"{word['steward']} says {word['value']}" for word in told["values"])
            lines.append(f"disagreement on {told['field']} of {name_of(record)}: {said}")
    return lines
