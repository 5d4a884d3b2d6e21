"""A lineage in one line a material, for one screen: what it is, the step that made it, and some acts on it."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from api.tree import name_of, when, who
from graph.record import Record
from queries.handoffs import LOTS
from queries.lineage import Lineage


class Outline:
    """Lines of a lineage up. Of lots no acts are told: most of their units went elsewhere."""

    def __init__(self, found: Lineage, parties: Mapping[str, Record], acts: Collection[str]) -> None:
        """`acts` are the types of steps and handoffs that are told where they acted on something."""
        self._found, self._parties = found, parties
        self._shown: set[str] = set()
        self._lines: list[str] = []
        self._made_by = {r.target: r.source for r in found.relations if r.type == "OUTPUT" and r.source in found.records}
        self._inputs: dict[str, list[str]] = defaultdict(list)
        self._acts: dict[str, list[str]] = defaultdict(list)
        for relation in found.relations:
            if relation.type == "INPUT_TO":
                self._inputs[relation.target].append(relation.source)
        for event, objects in found.acted_on.items():
            if found.records[event].value("type") in acts:
                for record in objects:
                    self._acts[record].append(event)

    def lines(self) -> list[str]:
        """The outline; a record already shown is named again but not repeated."""
        for root in self._found.roots:
            self._draw(root, "", "")
        return self._lines

    def _draw(self, record: str, branch: str, indent: str) -> None:
        told, step = self._found.records[record], self._made_by.get(record)
        step = None if told.kind == "Person" else step
        if record in self._shown:
            self._lines.append(f"{branch}{name_of(told)}  (see above)")
            return
        self._shown.add(record)
        self._lines.append(f"{branch}{name_of(told)}" + (f"  <- {self._event(step)}" if step else ""))
        acts = [] if told.value("type") in LOTS else sorted(self._acts[record], key=self._moment)
        inputs = sorted(self._inputs[step], key=self._moment) if step else []
        for at, end in enumerate([*acts, *inputs]):
            onward, below = ("└─ ", "   ") if at == len(acts) + len(inputs) - 1 else ("├─ ", "│  ")
            if at < len(acts):
                self._lines.append(f"{indent}{onward}· {self._event(end)}")
            else:
                self._draw(end, f"{indent}{onward}", f"{indent}{below}")

    def _event(self, event: str) -> str:
        told = self._found.records[event]
        parts = (str(told.value("type") or told.kind), when(told), who(told, self._parties))
        return "  ".join(part for part in parts if part)

    def _moment(self, record: str) -> tuple[int, str]:
        """When it was made, or happened."""
        span = self._found.records[self._made_by.get(record, record)].span
        return (span[0] if span else 2**62, record)
