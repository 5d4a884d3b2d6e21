"""The part of a graph that a door is asked about: from what its caller says to what its answer says."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.parties import named
from api.render import label
from graph import times
from graph.part import Part
from graph.view import View
from queries.recall import period


@dataclass(frozen=True)
class Conditions:
    """What a caller says: organisations by any identifier, therapies, and times as texts (`until` is included)."""

    sites: Sequence[str] = ()
    products: Sequence[str] = ()
    since: str | None = None
    until: str | None = None

    def part(self, view: View) -> Part | None:
        """The part that is meant; None, the whole graph, without any condition.

        Raises `InvalidInstant`, `UsageError` for a period that ends before it begins, and for sites as `View.resolve`."""
        if not (self.sites or self.products or self.since or self.until):
            return None
        window = period(self.since, self.until)
        return Part(
            tuple(sorted({view.resolve(site) for site in self.sites})),
            tuple(sorted(set(self.products))),
            window.start if self.since else None,
            window.end if self.until else None,
        )


WHOLE = Conditions()
"""No condition: the whole graph is meant."""


def scope_json(part: Part | None) -> dict[str, Any] | None:
    """What an answer is about: `{sites, products, since, until}` (ids, therapies, UTC; `until` excluded); None of all."""
    if part is None:
        return None
    since, until = (None if moment is None else times.iso(moment) for moment in (part.since, part.until))
    return {"sites": list(part.sites), "products": list(part.products), "since": since, "until": until}


def scope_line(view: View, part: Part) -> str:
    """The same for people."""
    records = named(view, part.sites)
    told = ["only what " + " or ".join(label(records[site]) for site in part.sites) + " had a hand in"] if part.sites else []
    told += ["only of " + " or ".join(part.products)] if part.products else []
    told += [f"only from {times.iso(part.since)[:16]}Z on"] if part.since is not None else []
    told += [f"only before {times.iso(part.until)[:16]}Z"] if part.until is not None else []
    return f"PART OF THE GRAPH ({'; '.join(told)}): without --scope options all of it is told"


def scope_options(part: Part | None) -> str:
    """The same as options of the command line, each after a space."""
    if part is None:
        return ""
    told = [("site", site) for site in part.sites] + [("product", product) for product in part.products]
    told += [("since", times.iso(part.since))] if part.since is not None else []
    told += [("until", times.iso(part.until - 1))] if part.until is not None else []
    return "".join(f" --scope-{name} {shlex.quote(value)}" for name, value in told)
