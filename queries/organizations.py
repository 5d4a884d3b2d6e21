"""Departments and the organisations they are part of: the one place that walks up `PART_OF`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # polars takes longer to import than a question about one product to answer
    from graph.frames import Frames

T = TypeVar("T", int, str)
_PARTS = ("department", "site")


def line(party: T, above: Mapping[T, T]) -> list[T]:
    """A party and what it is part of, the nearest first, each once: where parts go round in a ring, up to its last."""
    found = {party: None}
    while (party := above.get(party, party)) not in found:
        found[party] = None
    return list(found)


def top(party: T, above: Mapping[T, T]) -> T:
    """What a party is part of in the end; of a ring, in which none is above the others, the smallest."""
    way = line(party, above)
    over = above.get(way[-1])
    return way[-1] if over is None else min(way[way.index(over) :])


class Organizations:
    """The organisations that a View shows, by the numbers of their records."""

    def __init__(self, frames: "Frames") -> None:
        told = frames.of_class("organization").select("record", "part_of", "type")
        self.above: dict[int, int] = dict(told.select("record", "part_of").drop_nulls().iter_rows())
        self._types: dict[int, str] = dict(told.select("record", "type").drop_nulls().iter_rows())

    def line(self, party: int) -> list[int]:
        """A party and what it is part of, the nearest first."""
        return line(party, self.above)

    def top(self, party: int) -> int:
        """What a party is part of in the end."""
        return top(party, self.above)

    def whole(self, party: int) -> int:
        """The organisation that a department or site belongs to: the nearest that is told to be something else, else the top.

        So two hospitals of one association are two, and two departments of one hospital are one."""
        own = (each for each in self.line(party) if self._types.get(each, _PARTS[0]) not in _PARTS)
        return next(own, self.top(party))

    def type(self, party: int) -> str | None:
        """What an organisation is told to be."""
        return self._types.get(party)
