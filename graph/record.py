"""A record as a viewer sees it: its ids joined, every steward's word side by side, the party that answers shown first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graph import times
from graph.claims import RETRACTED, Fields, labels_of
from graph.model import MODELS, RELATIONS
from graph.standing import joined
from graph.store import Deadline, State

ANSWERS = {
    "released_at": "FROM",
    "agreed_release_at": "FROM",
    "agreed_delivery_at": "FROM",
    "notified_at": "FROM",
    "picked_up_at": "CARRIED_BY",
    "delivered_at": "CARRIED_BY",
    "accepted_at": "TO",
    "refused_at": "TO",
    "acknowledged_at": "TO",
    "discrepancy": "TO",
    "discrepancy_code": "TO",
}
"""Whose word on a handoff comes first, by field (DESIGN section 2, claims, rule 3); the giver's on any other."""


def role_of(path: str, handoff: bool) -> str:
    """The relation to the one who answers for a field of a handoff, or of any other record."""
    return ANSWERS.get(path[1:], "FROM") if handoff else "PERFORMED_BY"


SINGLE = frozenset(name for name, relation in RELATIONS.items() if relation.single)
_INSTANTS = frozenset(f".{name}" for model in MODELS.values() for name in model.INSTANTS)


@dataclass(frozen=True)
class Parties:
    """What is needed to put several stewards' words in order: who speaks for an organisation, and which ids are one."""

    speakers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)


_NOBODY = Parties()
_UNREAD = (0, -1)
"""A span not computed yet."""


@dataclass
class Record:
    """One record. `ids` are all its ids, `id` the smallest; `words` the standing fields of each steward, in order of steward.

    `stub` means that claims refer to it and nobody claims it; `retracted` that all who claimed it took it back."""

    id: str
    ids: tuple[str, ...]
    keys: tuple[str, ...]
    words: dict[str, Fields]
    retracted: bool = False
    parties: Parties = field(default=_NOBODY, repr=False)
    _span: tuple[int, int] | None = field(default=_UNREAD, init=False, repr=False, compare=False)

    @property
    def stub(self) -> bool:
        return not self.retracted and not any("kind" in word for word in self.words.values())

    @property
    def kind(self) -> str | None:
        """The kind as the first steward says it; None for a stub."""
        value = self.get("kind")
        return value if isinstance(value, str) else None

    @property
    def steward(self) -> str | None:
        """The steward shown first: the party that answers for the record, else the smallest."""
        order = self.order("kind")
        return order[0] if order else None

    @property
    def identifiers(self) -> list[str]:
        """Texts of all its identifiers, ascending: the keys of its ids and the labels it was given."""
        return sorted({*self.keys, *(text for word in self.words.values() for text in labels_of(word))})

    def get(self, path: str) -> Any:
        """The value shown for a field path, None where nobody says one."""
        words = self.words
        if len(words) == 1:
            return next(iter(words.values())).get(path)
        for steward in self.order(path):
            if path in words[steward]:
                return words[steward][path]
        return None

    def value(self, name: str) -> Any:
        """The value shown for a plain field."""
        return self.get("." + name)

    def order(self, path: str) -> Sequence[str]:
        """Stewards with the one that answers for this field first; without one in order of steward."""
        if len(self.words) < 2:
            return list(self.words)
        first = self._answering[self._role(path)]
        return sorted(self.words, key=lambda steward: (steward not in first, steward))

    @cached_property
    def _is_handoff(self) -> bool:
        return any(word.get("kind") == "Handoff" for word in self.words.values())

    def _role(self, path: str) -> str:
        return role_of(path, self._is_handoff)

    @cached_property
    def _answering(self) -> dict[str, set[str]]:
        return {
            role: {steward for word in self.words.values() if role in word for steward in self.parties.speakers.get(word[role], ())}
            for role in ("FROM", "CARRIED_BY", "TO", "PERFORMED_BY")
        }

    @property
    def values(self) -> dict[str, Any]:
        """The values shown, by field name in the model's order (extensions `x:NAME` after it)."""
        paths = {path for word in self.words.values() for path in word if path[0] == "."}
        names = _ORDER.get(self.kind or "", {})
        return {path[1:]: self.get(path) for path in sorted(paths, key=lambda p: (names.get(p[1:], 999), p))}

    @property
    def ends(self) -> dict[str, str]:
        """The relations that hold one end at a time, as shown: relation name to id."""
        paths = {path for word in self.words.values() for path in word if path in SINGLE}
        return {path: self.get(path) for path in sorted(paths)}

    @property
    def disagreements(self) -> list[dict[str, Any]]:
        """`[{field, values: [{steward, value}]}]`: fields of which stewards say different things, the one shown first."""
        if len(self.words) < 2:
            return []
        paths = {path for word in self.words.values() for path in word if path == "kind" or path[0] == "." or path in SINGLE}
        found = []
        for path in sorted(paths):
            told = [(steward, self.words[steward][path]) for steward in self.order(path) if path in self.words[steward]]
            if len({self._comparable(path, value) for _, value in told}) > 1:
                name = path.lstrip(".") if path[0] == "." or path == "kind" else path.lower()
                found.append({"field": name, "values": [{"steward": s, "value": v} for s, v in told]})
        return found

    def _comparable(self, path: str, value: Any) -> Any:
        """Two values are the same word where these are equal: an instant told with two offsets, two ids of one record."""
        if path in _INSTANTS:
            return times.span(value)
        return repr(self.parties.same.get(value, value)) if isinstance(value, str) else repr(value)

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last microsecond of an event: the earliest start and latest end anybody gives; None without a time."""
        if self._span is _UNREAD:
            self._span = event_span(*self.words.values())
        return self._span


EVENT_TIMES = (".started_at", ".ended_at", ".released_at", ".picked_up_at", ".delivered_at", ".accepted_at", ".refused_at")
"""The paths of the instants that say when an event happened."""


def event_times(fields: Mapping[str, Any]) -> tuple[str | None, ...]:
    """The instants that one steward's fields give for an event, None for each that they do not."""
    return tuple(map(fields.get, EVENT_TIMES))


def event_span(*words: Mapping[str, Any]) -> tuple[int, int] | None:
    """First and last microsecond of an event by the fields of some stewards; None where they give no time."""
    moments = [times.span(text) for fields in words for text in map(fields.get, EVENT_TIMES) if text is not None]
    if not moments:
        return None
    return min(moments)[0], moments[0][1] if len(moments) == 1 else max([end for _, end in moments])


_ORDER = {kind: {name: at for at, name in enumerate(model.model_fields)} for kind, model in MODELS.items()}


def assemble(
    joins: Mapping[str, frozenset[str]], states: Iterable[State], keys: Mapping[str, str | None], deadline: Deadline
) -> dict[str, Record]:
    """Records by smallest id, from the states of all ids in `joins`. `keys` gives the key text of ids without a state."""
    members: dict[str, list[State]] = {}
    for state in states:
        members.setdefault(state[0], []).append(state)
    records = {}
    for record, group in deadline.watch(joins.items()):
        if len(group) == 1:
            told = members.get(record)
            records[record] = _single(told) if told else _unsaid(record, keys)
        elif record == min(group):
            records[record] = _joined(sorted(group), [state for twin in group for state in members.get(twin, ())], keys)
    return records


def _single(members: list[State]) -> Record:
    """A record of one id: no word needs to be put together."""
    if len(members) > 1:
        members.sort(key=lambda state: state.steward)
    record, _, _, text, _, span = members[0]
    words = {steward: word.fields for _, steward, word, *_ in members if not word.fields.get(RETRACTED)}
    found = Record(record, (record,), (text,) if text else (), words, not words)
    if span is not None and words:
        found._span = span
    return found


def _unsaid(record: str, keys: Mapping[str, str | None]) -> Record:
    """A record of one id of which nobody says anything."""
    text = keys.get(record)
    return Record(record, (record,), (text,) if text else (), {})


def _joined(ids: list[str], members: list[State], keys: Mapping[str, str | None]) -> Record:
    """A record of several ids: each steward's word is ranked over all of them."""
    texts = {state.key for state in members} | {keys[record] for record in ids if record in keys}
    told: dict[str, list[State]] = {}
    for state in members:
        if not state.standing.fields.get(RETRACTED):
            told.setdefault(state.steward, []).append(state)
    words = {
        steward: told[steward][0].standing.fields
        if len(told[steward]) == 1
        else joined(state.standing for state in told[steward]).fields
        for steward in sorted(told)
    }
    return Record(ids[0], tuple(ids), tuple(sorted(t for t in texts if t)), words, bool(members) and not words)
