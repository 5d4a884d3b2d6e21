"""A log of OCEL 2.0 from what stewards say of records; loading it makes the same of it again.

An event is an event, a handoff one for each of its moments (released, accepted, ...), so that custody can be seen to wait; any
other record, and an event of which no time is told, is an object. Each is read back by our own reader, and what that does not tell
is told in the attribute `veintrace` (`ocel_own`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graph import times
from graph.claims import RETRACTED, Fields, class_of, edges_of
from graph.errors import TraceError
from graph.model import CLASSES, RELATIONS
from loaders.epcis_rendering import Word
from loaders.epcis_said import IMPLIED, LATER, RECORDED, STEWARD, differences, implied_names, name_of, record_of, statements
from loaders.epcis_writer import by_rank
from loaders.ocel_form import LONGEST_NAME, MOST_INTEGER, Part, rfc3339
from loaders.ocel_own import OBJECTS, OWN, QUALIFIERS, TYPE, Shown, as_json, change_id, said, statement
from loaders.ocel_spool import Change, Spool

Names = Mapping[str, str | None]
_STEP = (".started_at", ".ended_at")
_HANDOFF = {
    ".released_at": "released",
    ".picked_up_at": "picked up",
    ".delivered_at": "delivered",
    ".accepted_at": "accepted",
    ".refused_at": "refused",
}
_WRITABLE = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""What XML 1.0 can hold (section 2.2); whatever form is written, the other holds the same."""
_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "float"}


class Writer:
    """One log on its way, in a `Spool`."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def add(self, words: Sequence[Word], names: Names) -> None:
        """Write down what stewards say under one id; `names` gives the key texts of all ids that are named."""
        record = words[0].record
        name, cls = name_of(record, names), class_of(record)
        live: Fields = {}
        for word in reversed(words):
            if not word.fields.get(RETRACTED):
                live |= word.fields
        moments = [*_moments(live)] if cls == "event" else []
        part: Part = "events" if moments else "objects"
        type_ = _type(cls, live, moments[0][1] if moments else "")
        attributes = dict(self._attributes(part, type_, cls, live, moments))
        related = [*_related(record, live, names)]
        shown = Shown(type_, moments[0][0] if moments else None, {each: value for each, (_, value) in attributes.items()}, related)
        try:
            own = _own(words[0], shown, names) if len(words) == 1 else [_whole(word, names) for word in words]
        except ValueError:  # what we ourselves could not read again is told by the attribute alone
            attributes, related = {}, []
            own = _own(words[0], shown._replace(attributes={}, related=[]), names)
        self._spool.add(part, name, type_, shown.time, [*attributes.items(), (OWN, ("string", as_json(own)))], related)
        for time, moment in moments[1:]:
            told = (OWN, ("string", "[]"))
            self._spool.add(part, f"{name} {moment}", _type(cls, live, moment), time, [told], related)
        for _, other in related:
            self._spool.needs(other, _default(other))
        if cls == "observation":
            self._measured(words, live, names)

    def _measured(self, words: Sequence[Word], fields: Fields, names: Names) -> None:
        """Tell a measured value as one of what it is about, too: where others look for it."""
        time, code, unit = (fields.get(path) for path in (".observed_at", ".code", ".unit"))
        kind, value = _typed(".value", fields.get(".value", fields.get(".value_text")))
        if not (kind and code) or ".comparator" in fields or not _WRITABLE.fullmatch(name := f"{code} ({unit})" if unit else code):
            return
        for edge in edges_of("observation-", "", fields):
            if edge.type == "ABOUT":
                of_log = words[0].record == change_id(words[0].steward, edge.target, code, time or "")
                if of_log or (time and len(time) > 10):
                    when = rfc3339(time) if time else ""
                    self._spool.changed(name_of(edge.target, names), Change(name[:LONGEST_NAME], when, kind, value, of_log))

    def _attributes(
        self, part: Part, type_: str, cls: str, fields: Fields, moments: list[tuple[str, str]]
    ) -> Iterator[tuple[str, tuple[str, Any]]]:
        """`(name, (type, value))` of the values that others can read and that are not told otherwise."""
        implied = {".type": type_, ".started_at": moments[0][0]} if moments else {f".{TYPE}": type_}
        for path, value in fields.items():
            if path[0] != "." or path in (f".{QUALIFIERS}", f".{OBJECTS}", f".{OWN}") or implied.get(path) == value:
                continue
            name = path[3:] if path.startswith(".x:") and statement(cls, path[3:]) == path[1:] else path[1:]
            kind, told = _typed(path, value)
            if (
                kind
                and 0 < len(name) <= LONGEST_NAME
                and _WRITABLE.fullmatch(name)
                and self._spool.declare(part, type_, name, kind)
            ):
                yield name, (kind, told)


def _moments(fields: Fields) -> Iterator[tuple[str, str]]:
    """`(time, what happened then)` of an event, in the order of the time: of a step one."""
    if fields.get("kind") == "Handoff":
        told = [(fields[path], moment) for path, moment in _HANDOFF.items() if path in fields]
        yield from sorted(
            ((rfc3339(time), moment) for time, moment in told), key=lambda each: times.span(times.canonical(each[0]))[0]
        )
        return
    for path in _STEP:
        if path in fields:
            yield rfc3339(fields[path]), ""
            return


def _type(cls: str, fields: Fields, moment: str) -> str:
    """What others call it: the type that it came with, else that of the model, else its kind."""
    if fields.get(RETRACTED) or not fields:
        return "Retracted"
    kind = str(fields.get("kind") or CLASSES[cls][0])
    told = [fields.get(f".{TYPE}")]
    if cls in ("event", "object") and fields.get(".type") != "other":
        told.append(fields.get(".type"))
    found = next(
        (each for each in told if isinstance(each, str) and 0 < len(each) <= LONGEST_NAME and _WRITABLE.fullmatch(each)), kind
    )
    return f"{found} {moment}" if moment else found


def _default(name: str) -> str:
    """What others call a record of which nothing is told."""
    return CLASSES[re.split("[/-]", name, maxsplit=1)[0]][0]


def _typed(path: str, value: Any) -> tuple[str, Any]:
    """`(type, value)` of a value that an attribute can hold; an empty type of any other."""
    kind = _TYPES.get(type(value), "")
    if kind == "string" and (path.endswith("_at") or path in (".valid_from", ".valid_to")) and not path.startswith(".x:"):
        return ("time", rfc3339(value)) if len(value) > 10 else ("", None)
    if kind == "integer" and abs(value) > MOST_INTEGER:
        return "", None
    return (kind, value) if kind != "string" or _WRITABLE.fullmatch(value) else ("", None)


def _related(record: str, fields: Fields, names: Names) -> Iterator[tuple[str, str]]:
    """`(qualifier, name)` of the objects that a record names: qualifiers as they came, else the relation and role."""
    kept = fields.get(f".{QUALIFIERS}") or fields.get(f".{OBJECTS}")
    by_text: dict[str, list[str]] = {}
    for qualifier, texts in kept.items() if isinstance(kept, dict) else ():
        if isinstance(texts, list) and _is_shown(qualifier):
            for text in filter(lambda text: isinstance(text, str), texts):
                by_text.setdefault(text, []).append(qualifier)
    for edge in edges_of(record, "", fields):
        other = edge.target if edge.source == record else edge.source
        if class_of(other) == "event":
            continue
        qualifiers = by_text.get(names.get(other) or "", []) if edge.type == "SUBJECT_OF" and not edge.role else []
        for qualifier in qualifiers or [f"{edge.type} {edge.role}" if edge.role else edge.type]:
            yield qualifier, name_of(other, names)
    if f".{OBJECTS}" in fields:
        for text, qualifiers in by_text.items():
            if _names_object(text):
                yield from ((qualifier, f"object/{text}") for qualifier in qualifiers)


def _is_shown(qualifier: str) -> bool:
    """Whether a qualifier can be written, and is none that would be read as a relation of ours."""
    short = 0 < len(qualifier) <= LONGEST_NAME
    return short and qualifier.partition(" ")[0] not in RELATIONS and _WRITABLE.fullmatch(qualifier) is not None


def _names_object(text: str) -> bool:
    try:
        return record_of(f"object/{text}", ("object",))[1] == text
    except (ValueError, TraceError):
        return False


# -- what only we read


def _own(word: Word, shown: Shown, names: Names) -> list[dict[str, Any]]:
    """What the only word says beside what others read."""
    first, later = by_rank(word)
    read, _ = said(word.record, _as_read(shown))
    said_too, implied = differences(word.fields, read)
    told = {STEWARD: word.steward, RECORDED: times.iso(first), **statements(said_too, names)}
    if implied:
        told[IMPLIED] = implied_names(implied, names)
    return [told | _later(later, names)]


def _as_read(shown: Shown) -> Shown:
    """What our reader makes of what is written: canonical instants."""
    return shown._replace(time=times.canonical(shown.time) if shown.time else None)


def _whole(word: Word, names: Names) -> dict[str, Any]:
    first, later = by_rank(word)
    return {STEWARD: word.steward, RECORDED: times.iso(first), **statements(word.fields, names)} | _later(later, names)


def _later(later: Mapping[int, Fields], names: Names) -> dict[str, Any]:
    told = [{RECORDED: times.iso(rank), **statements(fields, names)} for rank, fields in sorted(later.items())]
    return {LATER: told} if told else {}
