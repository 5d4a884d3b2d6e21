"""A network whose walks take long: a mesh in which every step takes in much of the layer before, and one long chain."""

from collections.abc import Iterator

from graph.claims import Claim, Evidence, relation_fields
from graph.identifiers import parse
from tests.networks import rid

INPUTS = 8


class Mesh:
    """`layers` of `width` materials, each made by a step from `INPUTS` of the layer before; and a chain of `links` steps.

    All of it is said by one steward, one claim a record, for it has to be written fast."""

    def __init__(self, layers: int, width: int, links: int) -> None:
        self.layers, self.width, self.links = layers, width, links

    @property
    def last(self) -> str:
        """The id of a material made from nearly all of the mesh."""
        return rid("object", f"M{self.layers}-0")

    @property
    def first(self) -> str:
        """The id of a material that nearly all of the mesh is made of."""
        return rid("object", "M0-0")

    @property
    def end_of_chain(self) -> str:
        """The id of the last material of the chain."""
        return rid("object", f"L{self.links}")

    def ids(self) -> list[str]:
        """The ids of all materials and steps."""
        return [claim.record for claim in self.claims()]

    def claims(self) -> Iterator[Claim]:
        """Every record with its relations."""
        for n in range(self.width):
            yield self._said("object", f"M0-{n}", "Material")
        for layer in range(1, self.layers + 1):
            for n in range(self.width):
                inputs = [f"M{layer - 1}-{(n * 3 + k * 11) % self.width}" for k in range(INPUTS)]
                yield from self._made(f"S{layer}-{n}", inputs, f"M{layer}-{n}")
        yield self._said("object", "L0", "Material")
        for link in range(1, self.links + 1):
            yield from self._made(f"K{link}", [f"L{link - 1}"], f"L{link}")

    def _made(self, step: str, inputs: list[str], output: str) -> Iterator[Claim]:
        """A step and what it made; the step says what went in and came out."""
        yield self._said("object", output, "Material")
        said = self._said("event", step, "Step")
        for type_, name in (*(("INPUT_TO", each) for each in inputs), ("OUTPUT", output)):
            other = rid("object", name)
            source, target = (other, said.record) if type_ == "INPUT_TO" else (said.record, other)
            said.fields |= relation_fields(type_, source, target)[1]
            said.names[other] = parse(name, cls="object", assigner="NET").text
        yield said

    def _said(self, cls: str, name: str, kind: str) -> Claim:
        record = rid(cls, name)
        text = parse(name, cls=cls, assigner="NET").text
        return Claim("H", record, {"kind": kind}, Evidence("line 1"), None, {record: text})
