"""A part of a graph, asked about in place of the whole: which events are inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from graph.claims import canonical_json


@dataclass(frozen=True)
class Part:
    """Which events are asked about; each condition that is given must hold.

    `sites`: ids of organisations; one that performs, gives, takes or carries, or the place, is one of them or part of one.
    `products`: therapies; the event's journey is of one of them. `since` (included), `until` (excluded): UTC microseconds that the
    event's time meets; one without a time counts as inside."""

    sites: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None

    def meets(self, span: tuple[int, int]) -> bool:
        """Whether something that happened over `span` (first and last microsecond) can have happened in the period."""
        return (self.until is None or span[0] < self.until) and (self.since is None or span[1] >= self.since)

    @property
    def name(self) -> str:
        """A name that no other part has."""
        return f"scope-{sha256(canonical_json(self.__dict__)).hexdigest()[:16]}"

    @classmethod
    def parsed(cls, told: Mapping[str, Any] | None) -> "Part | None":
        """The part that its own `__dict__`, read from JSON, means."""
        return None if told is None else cls(tuple(told["sites"]), tuple(told["products"]), told["since"], told["until"])
