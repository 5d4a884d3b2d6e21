"""Claims on their way into one commit, and what they are of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from graph.claims import Claim
from graph.words import Words
from loaders.report import FileReport


@dataclass
class Chunk:
    """Claims that go into one commit, from `files` read abreast: for each item its file, how many, and whether they are its last.

    The evidence of a claim holds the place of its file among `files`."""

    files: Sequence[FileReport]
    claims: list[Claim] = field(default_factory=list)
    parts: list[tuple[FileReport, int, bool]] = field(default_factory=list)
    words: Words | None = None

    def add(self, report: FileReport, claims: list[Claim], last: bool = True) -> None:
        """Take in an item, or a part of one."""
        self.claims += claims
        self.parts.append((report, len(claims), last))

    def by_steward(self) -> "Iterator[Chunk]":
        """The same as chunks of one steward each where there are several files, with no other files than its claims are from.

        So who may see one steward's claims alone is shown the names of no other files."""
        if len(self.files) == 1:
            yield self
        elif len({claim.steward for claim in self.claims}) == 1:
            yield self._named()
        else:
            yield from (chunk._named() for chunk in self._split())

    def _split(self) -> "list[Chunk]":
        chunks: dict[str, Chunk] = {}
        claims = iter(self.claims)
        for report, count, last in self.parts:
            told = list(islice(claims, count))
            chunks.setdefault(told[0].steward, Chunk(self.files)).add(report, told, last)
        return list(chunks.values())

    def _named(self) -> "Chunk":
        """The same, of no other files than its claims are from."""
        used = sorted({claim.evidence.source for claim in self.claims})
        if len(used) < len(self.files):
            places = {old: new for new, old in enumerate(used)}
            for claim in self.claims:
                claim.evidence = claim.evidence.of(places[claim.evidence.source])
            self.files = [self.files[place] for place in used]
        return self
