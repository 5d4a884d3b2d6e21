"""Small networks of claims for tests: a builder that reads like a story, and hypothesis strategies for random ones."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from graph import times
from graph.claims import RETRACTED, Claim, Evidence, relation_fields
from graph.identifiers import keyed_id, parse
from graph.store import Applied, Batch, Direction, Scope, Store

BASE = times.span("2024-01-01T00:00:00Z")[0]
HOUR = 3_600_000_000
WAYS: tuple[Direction, ...] = ("up", "down")
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def rid(cls: str, name: str, assigner: str = "NET") -> str:
    """The id of a local number."""
    return keyed_id(cls, parse(name, cls=cls, assigner=assigner).text)


def at(hour: float) -> str:
    """An instant some hours into the story."""
    return times.iso(BASE + int(hour * HOUR))


@dataclass
class Network:
    """Claims by one or more stewards; every method states one thing and returns its id."""

    claims: list[Claim] = field(default_factory=list)
    assigner: str = "NET"

    def say(
        self, cls: str, ident: str, kind: str | None, /, *, steward: str = "H", recorded: int | None = None, **values: Any
    ) -> str:
        """A record with values; `kind` None says nothing of it."""
        record = rid(cls, ident, self.assigner)
        fields: dict[str, Any] = {"kind": kind} if kind else {}
        fields |= {f".{key}": value for key, value in values.items() if value is not None}
        self._claim(steward, record, fields, {record: parse(ident, cls=cls, assigner=self.assigner).text}, recorded)
        return record

    def _claim(self, steward: str, record: str, fields: dict[str, Any], names: dict[str, str | None], recorded: int | None) -> None:
        self.claims.append(Claim(steward, record, fields, Evidence(f"line {len(self.claims) + 2}"), recorded, names))

    def relate(
        self, type_: str, source: str, target: str, *, steward: str = "H", recorded: int | None = None, **fields: Any
    ) -> None:
        """A relation between two names such as `object/A`."""
        ends = [end.split("/") for end in (source, target)]
        ids = [rid(cls, name, self.assigner) for cls, name in ends]
        names: dict[str, str | None] = {
            rid(cls, name, self.assigner): parse(name, cls=cls, assigner=self.assigner).text for cls, name in ends
        }
        owner, stated = relation_fields(type_, ids[0], ids[1], fields)
        self._claim(steward, owner, stated, names, recorded)

    def material(self, ident: str, /, **told: Any) -> str:
        return self.say("object", ident, "Material", **told)

    def step(self, name: str, hour: float | None, inputs: Sequence[str] = (), outputs: Sequence[str] = (), **told: Any) -> str:
        """A step at an hour (None: undated), with what goes in and comes out."""
        steward, recorded = told.get("steward", "H"), told.get("recorded")
        record = self.say("event", name, "Step", started_at=None if hour is None else at(hour), **told)
        for source in inputs:
            self.relate("INPUT_TO", source, f"event/{name}", steward=steward, recorded=recorded)
        for target in outputs:
            self.relate("OUTPUT", f"event/{name}", target, steward=steward, recorded=recorded)
        return record

    def act(self, name: str, hour: float | None, *subjects: str, **told: Any) -> str:
        """A step that acts on objects."""
        record = self.step(name, hour, **told)
        for subject in subjects:
            self.relate("SUBJECT_OF", f"object/{subject}", f"event/{name}", steward=told.get("steward", "H"))
        return record

    def pack(
        self, name: str, hour: float | None, container: str, contents: Sequence[str], *, out: bool = False, **told: Any
    ) -> str:
        """A packing (or unpacking) of contents; without contents an unpacking empties the container."""
        record = self.step(name, hour, type="unpacking" if out else "packing", action="DELETE" if out else "ADD", **told)
        steward = told.get("steward", "H")
        self.relate("SUBJECT_OF", f"object/{container}", f"event/{name}", role="container", steward=steward)
        for content in contents:
            self.relate("SUBJECT_OF", f"object/{content}", f"event/{name}", role="content", steward=steward)
        return record

    def retract(self, cls: str, name: str, *, steward: str = "H", recorded: int | None = None) -> None:
        """Take back all that a steward says under an id."""
        record = rid(cls, name, self.assigner)
        self._claim(steward, record, {RETRACTED: True}, {record: parse(name, cls=cls, assigner=self.assigner).text}, recorded)


def land(
    store: Store, claims: Iterable[Claim], *, load: str = "load", moment: int | None = None, size: int = 20_000
) -> list[Applied]:
    """Apply claims as one load, in commits of `size`."""
    told = list(claims)
    head = store.head()
    begun = moment if moment is not None else max(times.now(), (head.time + 1) if head else 0)
    parts = [told[first : first + size] for first in range(0, len(told), size)] or [[]]
    applied = []
    for number, part in enumerate(parts):
        batch = Batch(part, "net", "0" * 64, load, load, begun, "tester", opened=number > 0, closes=number == len(parts) - 1)
        applied.append(store.apply(batch))
    return applied


@st.composite
def networks(draw: st.DrawFn, assigner: str = "NET") -> list[Claim]:
    """Random networks: making (with cycles), acting, nested packing with and without times, joins, two stewards, corrections."""
    net = Network(assigner=assigner)
    objects = [f"M{n}" for n in range(draw(st.integers(2, 6)))]
    containers = [f"C{n}" for n in range(draw(st.integers(1, 3)))]
    stewards = st.sampled_from(["H", "B"])
    hours = st.one_of(st.none(), st.integers(0, 12))
    anything = st.sampled_from([*(f"object/{name}" for name in [*objects, *containers]), "person/P"])
    for name in objects:
        if draw(st.booleans()):
            net.material(name, steward=draw(stewards), type=draw(st.sampled_from([None, "dose", "sample"])))
    for number in range(draw(st.integers(1, 6))):
        inputs, outputs = (draw(st.lists(anything, max_size=2, unique=True)) for _ in range(2))
        net.step(f"S{number}", draw(hours), inputs, outputs, steward=draw(stewards), recorded=draw(st.sampled_from([None, 5, 9])))
    for number in range(draw(st.integers(0, 3))):
        net.act(f"A{number}", draw(hours), draw(st.sampled_from([*objects, *containers])), steward=draw(stewards))
    for number in range(draw(st.integers(0, 6))):
        contents = draw(st.lists(st.sampled_from([*objects, *containers]), max_size=2, unique=True))
        container = draw(st.sampled_from(containers))
        net.pack(f"K{number}", draw(hours), container, contents, out=draw(st.booleans()), steward=draw(stewards))
    if draw(st.booleans()):
        one, other = draw(st.permutations(objects))[:2]
        net.relate("SAME_AS", f"object/{one}", f"object/{other}", steward=draw(stewards))
    if draw(st.booleans()):
        net.retract("event", "S0", steward=draw(stewards), recorded=draw(st.sampled_from([None, 7])))
    return net.claims


def performed(claims: list[Claim]) -> list[Claim]:
    """The same network, where some steps tell who has what they made or took in, and in what state."""
    net = Network([*claims])
    for number, type_ in enumerate(("cryopreservation", "infusion", "collection")):
        for steward in ("H", "B"):
            net.say("event", f"S{number}", "Step", steward=steward, type=type_)
            net.relate("PERFORMED_BY", f"event/S{number}", f"organization/{steward}{number}", steward=steward)
    return net.claims


def ordered(claims: list[Claim]) -> list[Claim]:
    """The same network, where steps, acts, packings, a material and a container are said to be for an order of two ids."""
    net = Network([*claims])
    net.say("object", "C0", "Container")
    for served in ("event/S1", "event/A0", "event/A1", "event/K0", "event/K1", "object/M1", "object/C1"):
        net.relate("FOR_EPISODE", served, "episode/O", steward="H")
    net.relate("FOR_EPISODE", "event/S2", "episode/Q", steward="B")
    net.relate("SAME_AS", "episode/O", "episode/Q", steward="H")
    return net.claims


def one_order() -> Network:
    """An order for a dose, whose dewar travelled with it, came back empty for it, and served others before and after."""
    net = Network()
    net.say("object", "DEWAR", "Container")
    net.step("other", 1, ["object/Y"], ["object/OTHER"])
    net.pack("load other", 2, "DEWAR", ["OTHER"])
    net.act("ship other", 3, "DEWAR")
    net.pack("empty other", 4, "DEWAR", ["OTHER"], out=True)
    net.step("make", 5, ["object/A", "person/P"], ["object/DOSE"])
    net.pack("load", 6, "DEWAR", ["DOSE", "PAPERS"])
    net.act("ship", 7, "DEWAR")
    net.pack("empty", 8, "DEWAR", ["DOSE", "PAPERS"], out=True)
    net.step("infuse", 9, ["object/DOSE"], ["person/P"])
    net.act("return", 10, "DEWAR")
    for served in ("event/ship", "event/return", "object/DOSE"):
        net.relate("FOR_EPISODE", served, "episode/ORDER")
    return net


def example(seed: int) -> list[Claim]:
    """A network that is the same at every run."""
    draw = random.Random(seed)
    net = Network()
    for n in range(12):
        ends = [draw.choice([f"object/M{draw.randrange(6)}", f"object/M{draw.randrange(6)}", "person/P"]) for _ in range(4)]
        net.step(f"S{n}", draw.randrange(10), sorted(set(ends[:2])), sorted(set(ends[2:])), steward=draw.choice("HB"))
    for n in range(8):
        contents = draw.sample(["M0", "M1", "M2", "C1", "C2"], draw.randrange(3))
        net.pack(f"K{n}", draw.choice([None, *range(10)]), draw.choice(["C0", "C1"]), contents, out=draw.random() < 0.5)
    net.relate("SAME_AS", "object/M1", "object/M5", steward=draw.choice("HB"))
    return net.claims


def everything(store: Store) -> Scope:
    """All claims, now."""
    head = store.head()
    return Scope(head.number if head else 0)


def ids_of(claims: list[Claim]) -> list[str]:
    """Every id that claims use."""
    return sorted({record for claim in claims for record in claim.names})
