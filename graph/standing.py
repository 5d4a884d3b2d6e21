"""What stands: the fields of one record as one steward says them, each with its rank.

Merging is a maximum over (rank, canonical value), field by field, so the order in which claims arrive decides nothing.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from graph.claims import RETRACTED, Fields, canonical_json


@dataclass(slots=True)
class Standing:
    """One steward's standing fields of one id. `rank` holds for every field that `ranks` does not name."""

    fields: Fields
    rank: int
    ranks: dict[str, int] = field(default_factory=dict)
    _text: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _share: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def merge(self, fields: Mapping[str, Any], rank: int) -> tuple[bool, bool]:
        """Take in a claim's fields; returns (a standing value became another, a person should look).

        The second is true for two values of equal rank (the larger canonical JSON stands) and for two kinds."""
        changed = conflict = False
        self._text = self._share = None
        own, ranks, base = self.fields, self.ranks, self.rank
        for path, value in fields.items():
            if path not in own:
                own[path] = value
                if rank != base:
                    ranks[path] = rank
                continue
            before = ranks.get(path, base)
            if same_json(own[path], value):
                if rank > before:
                    ranks[path] = rank
                continue
            conflict |= rank == before or path == "kind"
            if rank > before or (rank == before and canonical_json(value) > canonical_json(own[path])):
                own[path] = value
                ranks[path] = rank
                changed = True
        return changed, conflict

    def equals(self, other: "Standing") -> bool:
        """Whether both would be written down alike."""
        return self == other and self.dump() == other.dump()

    def text(self) -> bytes:
        """Canonical JSON of the fields; kept, so ask only when all is merged."""
        if self._text is None:
            self._text = canonical_json(self.fields)
        return self._text

    def know(self, text: bytes) -> None:
        """Be told what `text` gives."""
        self._text = text

    def share(self, steward: str, record: str) -> bytes:
        """What it adds to the digest of the graph as the word of `steward` on `record`, were that a record of one id.

        32 bytes, the `contribution` big-endian; kept, so ask only when all is merged, and always of one steward and record."""
        if self._share is None:
            group = b'["%b"]' % record.encode()
            gone = self.fields.get(RETRACTED)
            self._share = _hashed(steward, group, b"{}" if gone else self.text(), group if gone else b"[]")
        return self._share

    def dump(self) -> bytes:
        """JSON for a store's column; `load` reads it back."""
        return b'{"f":%b,"r":%d,"x":%b}' % (self.text(), self.rank, canonical_json(self.ranks) if self.ranks else b"{}")

    def copy(self) -> "Standing":
        """An independent copy."""
        return Standing(dict(self.fields), self.rank, dict(self.ranks))


def same_json(one: Any, other: Any) -> bool:
    """Whether two values have one JSON text: `1`, `1.0` and `true` are equal to Python, but three words in a digest."""
    return one is other or (one == other and (isinstance(one, str) or canonical_json(one) == canonical_json(other)))


def load(data: bytes | str) -> Standing:
    """The `Standing` that `dump` wrote."""
    doc = orjson.loads(data)
    return Standing(doc["f"], doc["r"], doc["x"])


def load_all(dumps: Collection[bytes]) -> list[Standing]:
    """What `load` gives of each, read at one go."""
    return [Standing(doc["f"], doc["r"], doc["x"]) for doc in orjson.loads(b"[%b]" % b",".join(dumps))]


def with_shares(dumps: Collection[bytes], shares: Iterable[bytes]) -> Iterator[Standing]:
    """The same, knowing their `share`."""
    for found, share in zip(load_all(dumps), shares, strict=True):
        found._share = share
        yield found


def joined(standings: Iterable[Standing]) -> Standing:
    """One steward's standing over several ids of one thing: field by field the highest rank; what is retracted says nothing."""
    merged: Standing | None = None
    for standing in standings:
        if standing.fields.get(RETRACTED):
            continue
        if merged is None:
            merged = standing.copy()
        else:
            for path, value in standing.fields.items():
                merged.merge({path: value}, standing.ranks.get(path, standing.rank))
    return merged or Standing({}, 0)


MODULUS = 2**256


def contribution(steward: str, members: Mapping[str, Standing], group: Iterable[str]) -> int:
    """What one steward's word on one joined record adds to the digest of the graph.

    `members` are this steward's standings by id, `group` all ids of the record. SHA-256 of canonical JSON of ids,
    standing fields and retracted ids; no evidence, dates of recording or computed values."""
    live = {record: standing for record, standing in members.items() if not standing.fields.get(RETRACTED)}
    word = joined(live.values()) if len(live) != 1 else next(iter(live.values()))
    share = _hashed(steward, canonical_json(sorted(group)), word.text(), canonical_json(sorted(members.keys() - live)))
    return int.from_bytes(share, "big")


def _hashed(steward: str, group: bytes, word: bytes, retracted: bytes) -> bytes:
    text = b"[%b,%b,%b,%b]" % (_quoted(steward), group, word, retracted)
    return hashlib.sha256(text).digest()


@lru_cache(maxsize=4096)
def _quoted(steward: str) -> bytes:
    return canonical_json(steward)
