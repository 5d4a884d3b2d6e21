"""An independent reading of the claims: networkx for what is reachable, brute force for what was inside what.

It shares no code with the product but the claim's own form, and knows neither commits nor rows.
"""

from collections import defaultdict
from collections.abc import Iterable

import networkx as nx

from graph import times
from graph.claims import Claim

NEVER, ALWAYS = float("-inf"), float("inf")


class Facts:
    """What stands, from claims with dates of recording: values and relations of every steward together."""

    def __init__(self, claims: Iterable[Claim], load_time: int, stewards: set[str] | None = None) -> None:
        best: dict[tuple[str, str, str], tuple[int, str, object]] = {}
        for claim in claims:
            if stewards is None or claim.steward in stewards:
                rank = load_time if claim.recorded_at is None else claim.recorded_at
                for path, value in claim.fields.items():
                    key = (claim.steward, claim.record, path)
                    best[key] = max(best.get(key, (-1, "", None)), (rank, repr(value), value))
        gone = {(s, r) for (s, r, path), (_, _, value) in best.items() if path == "retracted" and value}
        self.fields = {key: value for key, (_, _, value) in best.items() if key[:2] not in gone}
        pairs = [(r, path[8:]) for (_, r, path) in self.fields if path.startswith("SAME_AS ") and path.count(" ") == 1]
        same = nx.Graph(pairs)
        self.name: dict[str, str] = {node: min(group) for group in nx.connected_components(same) for node in group}
        self.making = nx.DiGraph()
        self.acting: set[tuple[str, str, str | None]] = set()
        for (_, record, path), value in self.fields.items():
            type_, _, other = path.partition(" ")
            if value is not True or " " in other:
                continue
            here, there = self.named(record), self.named(other) if other else ""
            if type_ == "INPUT_TO":
                self.making.add_edge(there, here)
            elif type_ == "OUTPUT":
                self.making.add_edge(here, there)
            elif type_ == "SUBJECT_OF":
                roles = {str(value) for (_, r, p), value in self.fields.items() if r == record and p == f"{path} role"}
                self.acting.add((there, here, min(roles, default=None)))

    def named(self, record: str) -> str:
        """The joined record of an id."""
        return self.name.get(record, record)

    def walked(self, root: str, direction: str) -> set[str]:
        """Reachability over making; a person ends it unless it is the root."""
        graph = self.making if direction == "down" else self.making.reverse(copy=True)
        graph = graph.copy()
        for node in list(graph):
            if node.startswith("person-") and node != root:
                graph.remove_edges_from(list(graph.out_edges(node)))
        return {root} | (nx.descendants(graph, root) if root in graph else set())

    def span(self, event: str) -> tuple[float, float] | None:
        """First and last moment of an event over all stewards."""
        told = [
            times.span(str(value))
            for (_, record, path), value in self.fields.items()
            if self.named(record) == event and path in (".started_at", ".ended_at", ".released_at", ".accepted_at")
        ]
        return (min(t[0] for t in told), max(t[1] for t in told)) if told else None

    def outward(self, event: str) -> bool:
        """Whether a packing event takes out."""
        return any(self.named(r) == event and p == ".action" and v == "DELETE" for (_, r, p), v in self.fields.items())

    def stays(self, content: str) -> set[tuple[str, float, float]]:
        """`(container, from, to)` of one object, by the definition of DESIGN section 3, read literally."""
        by_event: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for source, event, role in self.acting:
            if role:
                by_event[event][role].add(source)
        own = {event for source, event, _ in self.acting if source == content}
        own |= set(self.making.successors(content)) | set(self.making.predecessors(content)) if content in self.making else set()
        spans = {event: self.span(event) for event in own}
        found = set()
        containers = {c for sides in by_event.values() if content in sides["content"] for c in sides["container"]} - {content}
        for container in containers:
            packs, outs = [], []
            for event, sides in by_event.items():
                if container not in sides["container"]:
                    continue
                span, named = self.span(event), content in sides["content"]
                if self.outward(event):
                    if span and (named or not sides["content"]):
                        outs.append((span[1], event, named))
                elif named:
                    packs.append((span[0] if span else NEVER, event))
            used = set()
            for start, _ in packs:
                later = sorted(out for out in outs if out[0] >= start)
                if later:
                    used.add(later[0][1])
                    found.add((container, start, later[0][0]))
                else:
                    found.add((container, start, min((s[0] for s in spans.values() if s and s[0] > start), default=ALWAYS)))
            for end, event, named in outs:
                if named and event not in used:
                    since = [s[1] for e, s in spans.items() if s and s[1] <= end and e != event]
                    found.add((container, max(since, default=NEVER), end))
        return found
