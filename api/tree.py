"""A lineage as a tree for people: what each material was made from, step by step, with times and organisations."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from api.render import label
from graph import times
from graph.model import CONTAINER, CONTENT
from graph.record import Record
from queries.lineage import Lineage, Relation
from queries.outcomes import Outcomes

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
    """Lines of a lineage tree. A record already shown is named again but not repeated.

    Packings of other things in a container that held an object count as acts on that object; they are not drawn."""

    def __init__(self, found: Lineage, parties: Mapping[str, Record], hidden: Collection[str] = ()) -> None:
        """`hidden` are types of steps left out, such as packings, where they only acted on something."""
        self._found, self._parties, self._hidden = found, parties, hidden
        self._shown: set[str] = set()
        self._lines: list[str] = []
        self._up = found.direction != "down"
        self._makers: dict[str, set[str]] = defaultdict(set)
        self._onward: dict[str, set[str]] = defaultdict(set)
        self._containers: dict[str, set[str]] = defaultdict(set)
        self._contents: dict[str, set[str]] = defaultdict(set)
        self._moves: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
        self._inside: dict[str, set[str]] = defaultdict(set)
        self._acting: dict[str, set[str]] = defaultdict(set)
        self._serving: dict[str, set[str]] = defaultdict(set)
        for relation in found.relations:
            self._note(relation)
        for event, objects in found.acted_on.items():
            for record in objects:
                self._acting[record].add(event)

    def _note(self, relation: Relation) -> None:
        if relation.type in ("INPUT_TO", "OUTPUT"):
            self._makers[relation.target].add(relation.source)
            self._onward[relation.source].add(relation.target)
        elif relation.type == "FOR_EPISODE":
            self._serving[relation.target].add(relation.source)
        elif relation.role == CONTAINER:
            self._containers[relation.target].add(relation.source)
        elif relation.role == CONTENT:
            self._contents[relation.target].add(relation.source)
        elif relation.type == "CONTAINED_IN":
            self._inside[relation.source].add(relation.target)
            self._moves[relation.source] |= {(relation.target, relation.start), (relation.target, relation.end)}

    def lines(self) -> list[str]:
        """The tree, a line a record; cut with a note where it is very long."""
        roots = [root for root in self._found.roots if root in self._found.records]
        for root in roots:
            self._lines.append(self._title(self._found.records[root]))
            self._shown.add(root)
            self._below(root, "")
        if self._found.direction == "both":
            self._up = False
            for root in roots:
                self._lines.append(f"and what was made of {self._title(self._found.records[root])}")
                self._below(root, "")
        self._lines += self._unconnected()
        if len(self._lines) > _MOST_LINES:
            more = len(self._lines) - _MOST_LINES
            return [*self._lines[:_MOST_LINES], f"... {more} more lines; see --json"]
        return self._lines

    def _unconnected(self) -> list[str]:
        """What the tree does not lead to, as where only some kinds were asked for."""
        rest = (self._found.records[record] for record in self._found.records.keys() - self._shown)
        drawn = sorted((record.id for record in rest if not self._drawn_beside(record)), key=self._moment)
        return [self._title(self._found.records[record]) for record in drawn]

    def _drawn_beside(self, record: Record) -> bool:
        """Whether it stands in the line of a step, as containers do, or is of no interest here."""
        return record.kind == "Container" or record.id in self._containers or record.value("type") in self._hidden

    def _title(self, record: Record) -> str:
        if record.kind not in ("Step", "Handoff"):
            return "  ".join(part for part in (name_of(record), self._marks(record)) if part)
        what = str(record.value("type") or record.kind).replace("_", " ")
        holders = (self._found.records[holder] for holder in sorted(self._containers.get(record.id, ())))
        within = ", ".join(label(holder) for holder in holders)
        parts = [f"{what}: {within}" if within else what, when(record), who(record, self._parties), self._marks(record)]
        return "  ".join(part for part in parts if part)

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
                if not prefix:
                    self._below(child, indent + ("   " if last else "│  "))

    def _children(self, record: str) -> list[tuple[str, str]]:
        """What made it (or what it went into), then what acted on it, in order of time. A person ends the walk."""
        if record in self._serving:
            return [(one, "") for one in self._foremost(record)]
        root = record in self._found.roots
        ends = set((self._makers if self._up else self._onward).get(record, ()))
        if self._found.records[record].kind == "Person" and not root:
            ends = set()
        if root:
            ends |= self._found.acted_on.get(record, set())
            ends |= {content for content, holders in self._inside.items() if record in holders}
        onward = sorted(ends & self._found.records.keys(), key=self._moment)
        acting = sorted((e for e in self._acting.get(record, set()) - ends if self._concerns(record, e)), key=self._moment)
        if self._found.direction == "both" and not self._up:
            acting = [event for event in acting if event not in self._shown]
        return [(end, "") for end in onward] + [(event, "· ") for event in acting]

    def _foremost(self, order: str) -> list[str]:
        """What is for an order and drawn below nothing else that is: what happened last first (down: what happened first)."""
        serving = self._serving[order] & self._found.records.keys() - self._found.acted_on.keys()
        ahead = self._onward if self._up else self._makers
        turn = -1 if self._up else 1
        found, below = [], set[str]()
        for one in sorted(serving, key=lambda one: (bool(ahead[one] & serving), turn * self._happened(one), one)):
            if one not in below:
                found.append(one)
                below |= self._further(one)
        return found

    def _happened(self, record: str) -> int:
        """When an event was, or the making (down: the use) of an object."""
        events = {record} if record.startswith("event-") else (self._makers if self._up else self._onward)[record]
        told = [self._found.records[event].span for event in events & self._found.records.keys()]
        return max((span[0] for span in told if span), default=0)

    def _further(self, record: str) -> set[str]:
        """What is drawn below a record, and it."""
        seen, ahead = {record}, [record]
        while ahead:
            further = {child for child, _ in self._children(ahead.pop())} - seen
            seen |= further
            ahead += further
        return seen

    def _concerns(self, record: str, event: str) -> bool:
        """Whether an act is worth a line: not of a hidden type, and no packing of something else beside it."""
        told = self._found.records[event]
        if told.value("type") in self._hidden:
            return False
        holders = self._containers.get(event)
        if not holders or record in holders or told.span is None:
            return True
        moved, above = {record}, [record]
        while above:
            news = self._inside.get(above.pop(), set()) - moved
            moved |= news
            above += news
        contents = self._contents.get(event, moved) & moved
        return any(
            (holder, moment) in self._moves.get(content, ()) for content in contents for holder in holders for moment in told.span
        )

    def _moment(self, record: str) -> tuple[int, str]:
        span = self._found.records[record].span
        return (span[0] if span else 2**62, record)


def outcome_lines(found: Lineage, came: Outcomes) -> list[str]:
    """A line for each outcome: when, what, of which record, and who says so."""
    lines = ["what came of it:"] if came.records else []
    for outcome in came.records.values():
        of = ", ".join(name_of(found.records[record]) for record in came.about[outcome.id])
        lines.append(f"  {said_of(outcome)}  of {of}  ({', '.join(outcome.words)})")
    return lines


def said_of(outcome: Record) -> str:
    """When an outcome was found, and what it is: `2023-04-27  toxicity: cytokine release syndrome, grade 2`."""
    when, type_, term, grade = (outcome.value(name) for name in ("occurred_at", "type", "term", "grade"))
    what = ": ".join(str(part).replace("_", " ") for part in (type_, term) if part is not None and part != "") or "outcome"
    return f"{str(when)[:10] if when else 'undated'}  {what}" + (f", grade {grade}" if grade is not None else "")


def disagreements(records: Iterable[Record]) -> list[str]:
    """A line for each value that stewards state differently, the party that answers for it first."""
    lines = []
    for record in records:
        for told in record.disagreements:
            said = ", ".join(f"{word['steward']} says {word['value']}" for word in told["values"])
            lines.append(f"disagreement on {told['field']} of {name_of(record)}: {said}")
    return lines
