"""A first mapping of an event log (OCEL 2.0): what its types of objects and events may be, and what its relationships may mean."""

import glob
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from graph.claims import Fields
from graph.errors import UnreadableSource, UsageError
from loaders.drafting_columns import guesses
from loaders.drafting_samples import Sample
from loaders.drafting_terms import KIND_WORDS, is_private
from loaders.drafting_yaml import comment, text_of, value_of
from loaders.items import Context, Refused
from loaders.ocel_form import LogItem, Part, as_text
from loaders.ocel_own import OBJECTS, OWN, QUALIFIERS, TYPE
from loaders.reading import read_one
from loaders.sources import Source, format_of

LOGS = ("ocel", "ocel-xml", "ocel-sqlite")
"""Formats of event logs."""
_MOST_EVENTS = 20_000
_MOST_VALUES = 500
_MOST_NAMED = 20
_NOT_GUESSED = ("id", "identifiers", "steward", "recorded_at", "retract")
_OBJECTS = ("container", "organization", "episode", "person", "material")
_HOLDING = ("pallet", "trolley", "truck", "vehicle", "transporter", "tray", "cart", "fridge", "tank")
_ACTING = ("room", "ward", "laboratory", "supplier", "carrier")
_CUSTODY = (
    "ship",
    "send",
    "dispatch",
    "deliver",
    "receive",
    "accept",
    "hand",
    "take",
    "give",
    "transfer",
    "transport",
    "handoff",
    "pick",
)
_RELATIONS = {
    "output": ("output", "made", "makes", "created", "creates", "produced", "produces", "product"),
    "input_to": ("input", "used", "uses", "consumed", "consumes", "ingredient"),
}
_SOURCES = ("from", "of", "for", "starting")
"""Words after which a qualifier speaks of another object than the one it names."""
_THERAPY = ("therapy", "episode", "journey", "coi")


@dataclass
class _Type:
    """What is known of a type: how many items are of it, and values of its attributes."""

    count: int = 0
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class LogDraft:
    """The draft of one log. Raises `UnreadableSource`, and `UsageError` where it declares nothing that could be mapped."""

    def __init__(self, path: Path) -> None:
        self._path, self._local = path, False
        self.unsure: list[str] = []
        self.private: list[str] = []
        self._types: dict[Part, dict[str, _Type]] = {"objects": {}, "events": {}}
        self._met: Counter[tuple[Part, str]] = Counter()
        if not self._read(None):
            self._local = True
            self._read("UTC")
        if not any(self._types.values()):
            raise UsageError(f"{path} holds no event and no object; there is nothing to map", path=str(path))

    def _read(self, zone: str | None) -> bool:
        """Learn what the log holds; false where times have no offset and no zone is given."""
        for types in self._types.values():
            types.clear()
        self._met.clear()
        events = 0
        for item in read_one(Source(self._path, format_of(self._path) or ""), Context("draft", zone_of=lambda steward: zone)):
            if isinstance(item, Refused):
                if not isinstance(item.raw, LogItem):
                    at = item.problems[0]
                    raise UnreadableSource(str(self._path), item.at, at.reason, at.repair)
                if zone is None and any(each.code == "INVALID_INSTANT" and "no offset" in each.reason for each in item.problems):
                    return False
            elif item.claims:
                events += self._learn(item.claims[0].fields)
                if events >= _MOST_EVENTS:
                    break
            self._local |= any("without an offset" in note for note in getattr(item, "notes", ()))
        return True

    def _learn(self, fields: Fields) -> bool:
        """Learn from one item as it is read without a mapping; returns whether it is an event."""
        part: Part = "objects" if fields.get("kind") == "Material" else "events"
        name = fields.get(f".{TYPE}") if part == "objects" else fields.get(".type")
        type_ = self._types[part].setdefault(str(name), _Type())
        type_.count += 1
        for path, value in fields.items():
            if path.startswith(".x:") and not path.startswith(".x:ocel:") and path != f".x:{OWN}":
                values = type_.values[path[3:]]
                if len(values) < _MOST_VALUES:
                    values.append(as_text(value))
        kept = fields.get(f".{QUALIFIERS if part == 'events' else OBJECTS}")
        for qualifier, texts in kept.items() if isinstance(kept, dict) else ():
            self._met[part, qualifier] += len(texts)
        return part == "events"

    # -- as YAML

    def lines(self) -> Iterator[str]:
        """The mapping, with its comments."""
        name = self._path.name
        shown = re.sub("[^ -~]", "?", name)
        yield f"# Drafted from the types and first events of {shown}. Decide what is marked UNSURE, then try it:"
        yield f"#   veintrace load --dry-run {shown} --mapping THIS_FILE"
        if self._local:
            yield from self._unsure("", "times have no offset: in which zone are they? Without one they are UTC or refused")
            yield "# zone: Europe/Berlin"
        yield "ocel:"
        yield f"  files: {text_of(glob.escape(name))}"
        for part in ("objects", "events"):
            if types := self._types[part]:
                yield f"  {part}:"
                for type_ in sorted(types, key=lambda each: (-types[each].count, each)):
                    yield from self._type(part, type_, types[type_])
        yield from self._relations()

    def _type(self, part: Part, name: str, told: _Type) -> Iterator[str]:
        kind, doubt = ("step", self._of_custody(name)) if part == "events" else _kind_of(name)
        if doubt:
            yield from self._unsure("    ", f"{name}: {doubt}")
        header = [each for each in told.values if not {*each} & {*"{}"}]
        private = [each for each in header if is_private(each, told.values[each], kind)]
        if private:
            self.private += [f"{name}: {each}" for each in private]
            doubt = (
                f"may lead to a person and are kept as they are: take them out of the log (21 CFR 1271.290): {', '.join(private)}"
            )
            yield from self._unsure("    ", f"{name}: {doubt}")
        open_ = [each for each in header if each not in private]
        sample = Sample(
            self._path, {}, open_, [[*row] for row in zip_longest(*(told.values[each] for each in open_), fillvalue="")]
        )
        found = {column: guess for column, guess in guesses(sample, kind, open_).items() if column not in _NOT_GUESSED}
        if not found:
            yield f"    {text_of(name)}: {{kind: {kind}}}"
            return
        yield f"    {text_of(name)}:"
        yield f"      kind: {kind}"
        yield "      columns:"
        for column, guess in found.items():
            for each in guess.unsure:
                yield from self._unsure("        ", f"{column}: {each}")
            yield f"        {column}: {value_of(guess.told)}"

    def _of_custody(self, name: str) -> str:
        if not _words(name) & {*_CUSTODY}:
            return ""
        return (
            "does custody move? Then say {kind: handoff, columns: {id: ..., released_at: ocel:time}}, and accepted_at of the event "
            "that ends it, with one id for both"
        )

    def _relations(self) -> Iterator[str]:
        rules, kept = [], []
        for (part, qualifier), _ in self._met.most_common():
            told = _words(qualifier)
            means = [each for each, words in _RELATIONS.items() if part == "events" and told & {*words} and not told & {*_SOURCES}]
            if qualifier and len(means) == 1:
                rules.append((qualifier, means[0]))
            elif qualifier:
                kept.append(qualifier)
        kept = [*dict.fromkeys(kept)]
        if kept:
            more = f", and {len(kept) - _MOST_NAMED} more" if len(kept) > _MOST_NAMED else ""
            named = ", ".join(map(repr, kept[:_MOST_NAMED])) + more
            yield from comment("  ", f"of no rule, and so what the objects' kinds make of them, kept by their qualifiers: {named}")
        if rules:
            yield "  relations:"
        for qualifier, relation in rules:
            yield from self._unsure("    ", f"{qualifier!r} is {relation} by its words alone: is it made, or used up, there?")
            yield f"    - {{qualifier: {text_of(qualifier)}, relation: {relation}}}"

    def _unsure(self, indent: str, told: str) -> Iterator[str]:
        self.unsure.append(f"{self._path.name}: {told}")
        yield from comment(indent, f"UNSURE {told}")


def _kind_of(name: str) -> tuple[str, str]:
    """The likeliest kind of objects of a type, and what is not sure about it."""
    words = _words(name)
    if words & {*_HOLDING}:
        return "container", ""
    if words & {*_ACTING}:
        return "organization", ""
    kind = next((kind for kind in _OBJECTS if any(word in words for word in KIND_WORDS[kind])), None)
    if kind is None:
        return "material", "no word of its name tells its kind (material, container, organization, person, episode)"
    if kind == "episode" and not words & {*_THERAPY}:
        return "material", "is it a therapy order? Then say {kind: episode}"
    if kind == "person":
        return kind, "is it a donor or patient? If not, leave it a material"
    return kind, ""


def _words(name: str) -> set[str]:
    """The words of a name, in small letters and as one of them, whatever joins them."""
    found = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    return {*found, *(word.removesuffix("s") for word in found)}
