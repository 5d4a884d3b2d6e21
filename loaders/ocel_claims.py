"""From the events and objects of a log (OCEL 2.0), in the shape of its JSON, to claims.

An object is a material and an event a step unless a mapping says otherwise; their types are kept, what has no field of ours too
(`x:NAME`), and of relationships the qualifiers. An attribute whose value changes says what was so when: each value is an
observation about the object, and the latest is the field's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from graph import identifiers, naming, times
from graph.claims import Claim, Evidence, canonical_json
from graph.errors import InvalidIdentifier, TraceError
from graph.identifiers import Identifier
from graph.model import RELATIONS
from loaders import csv_cells, ocel_own
from loaders.csv_cells import Unfit
from loaders.csv_claims import referred
from loaders.items import Context, Draft, Item, Problem, Refused
from loaders.mapping_files import PlacedLog
from loaders.ocel_form import LONGEST_ID, LONGEST_NAME, LogItem, Part, Types, as_text, is_ever, undeclared, value_of
from loaders.ocel_own import OBJECTS, OWN, QUALIFIERS, TYPE, Shown
from loaders.ocel_plan import CELLS, TIME, Plan, Plans

EVENT = "x:ocel:event:"
"""What the name of a value begins with that keeps an event's id and qualifiers where several are one record; its type follows."""
TypeOf = Callable[[str], str | None]
"""From the id of an object to its type, where the log tells it."""
_SINGLE = frozenset(name for name, relation in RELATIONS.items() if relation.single)
_MOST_TEXT = 4_000
_KIND = {"objects": "object", "events": "event"}
_THE_TYPE = ("ocel:activity", "ocel:type")  # columns of tools' own tables, which some write down as attributes
_MEMBERS = {
    "objects": frozenset(("id", "type", "attributes", "relationships")),
    "events": frozenset(("id", "type", "time", "attributes", "relationships")),
}


class Refusal(Exception):
    """All that is wrong with one item."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


class Log:
    """What turns the items of one log into claims. `type_of` is asked only where the mapping makes it matter.

    Raises `InvalidMapping` where the mapping does not fit the log's types."""

    def __init__(self, types: Types, context: Context, placed: PlacedLog | None, type_of: TypeOf) -> None:
        self.types, self.type_of, self._context = types, type_of, context
        self._notes: list[str] = []
        self.plans = Plans(types, placed, self._notes.append)
        self._notes += [f"the log has no {told}, of which the mapping speaks" for told in self.plans.unmet]
        self._speaker = lru_cache(maxsize=4096)(self._speaking)

    def item(self, part: Part, at: str, told: Any) -> Item | Refused:
        """What an event or object says."""
        before = len(self._notes)
        try:
            claims = [*_Said(self, part, at, told).claims()]
        except Refusal as error:
            del self._notes[before:]
            return Refused(at, error.problems, LogItem(part, told, self.types))
        if self._notes:
            notes = tuple(self._notes)
            self._notes.clear()
            return Item(at, claims, notes)
        return Item(at, claims)

    def note(self, text: str) -> None:
        """Tell of what is kept in part."""
        self._notes.append(text)

    def speaker(self, text: str) -> tuple[str, str | None]:
        """Who speaks where an item says `text`, and the zone of its local times. Raises `Unfit`."""
        return self._speaker(text)

    def _speaking(self, text: str) -> tuple[str, str | None]:
        steward = self._context.steward
        if text and not self._context.forced:
            with csv_cells.fitting():
                steward = naming.steward(text)
        return steward, self.plans.zone or self._context.zone_of(steward)

    @property
    def forced(self) -> bool:
        """Whether the steward of the load speaks, whatever the log says."""
        return self._context.forced


class _Said:
    """One item on its way."""

    def __init__(self, log: Log, part: Part, at: str, told: Any) -> None:
        self._log, self._part, self._at = log, part, at
        if not isinstance(told, dict):
            raise Refusal(Problem("", str(told)[:200], "NOT_AN_EVENT", "it is no object with an id and a type", "correct it"))
        self._told: Mapping[str, Any] = told
        self._problems: list[Problem] = []
        self._id, self._type = (self._text(name) for name in ("id", "type"))
        plan = log.plans.of(part, self._type) if self._type else None
        if self._type and plan is None:
            reason = f"the log declares no {_KIND[part]} type of this name"
            self._problems.append(Problem("type", self._type[:200], "UNKNOWN_TYPE", reason, "declare it, or correct it"))
        if plan is None or not self._id:
            raise Refusal(*self._problems)
        self._plan: Plan = plan
        self._types = log.types.of(part)[self._type]
        self._steward, self._zone = log.speaker("")

    def claims(self) -> Iterator[Claim]:
        """What it says. Raises `Refusal`."""
        if OWN in self._types and any(isinstance(each, dict) and each.get("name") == OWN for each in self._list("attributes")):
            yield from self._own()
            return
        if self._part == "events":
            time = self._time()
            values = {name: value for name, [(_, value)] in self._attributes(timed=False).items()}
            history: dict[str, list[tuple[str, Any]]] = {}
        else:
            time, told = "", self._attributes(timed=True)
            values = {name: max(each, key=_latest)[1] for name, each in told.items()}
            history = {name: each for name, each in told.items() if any(when for when, _ in each)}
        self._fail()
        draft, recorded_at = self._draft(time, values)
        self._relate(draft)
        self._fail()
        yield draft.claim(Evidence(self._at), recorded_at)
        for name, each in sorted(history.items()):
            for when, value in each:
                yield self._observation(draft, name, when, value).claim(Evidence(self._at), recorded_at)

    # -- reading

    def _wrong(self, place: str, value: Any, code: str, reason: str, repair: str) -> None:
        self._problems.append(Problem(place, str(value)[:200], code, reason, repair))

    def _fail(self) -> None:
        if self._problems:
            raise Refusal(*self._problems)

    def _text(self, name: str) -> str:
        told, most = self._told.get(name), LONGEST_ID if name == "id" else LONGEST_NAME
        if isinstance(told, str) and told.strip() and len(told) <= most:
            return told
        missing = told is None or (isinstance(told, str) and not told.strip())
        reason = f"it has no {name}" if missing else f"its {name} is no text of 1 to {most:,} characters"
        self._wrong(name, "" if missing else told, "MISSING" if missing else "INVALID_VALUE", reason, f"write its {name} as a text")
        return ""

    def _time(self) -> str:
        told = self._told.get("time")
        try:
            time = value_of(told, "time", self._zone)
        except Unfit as unfit:
            self._problems.append(unfit.at("time", str(told)))
            return ""
        if time is None:
            self._wrong("time", told or "", "MISSING", "the event has no time", "write when it happened (ISO 8601 with an offset)")
        return str(time)

    def _list(self, name: str) -> list[Any]:
        told = self._told.get(name)
        if told is None:
            return []
        if isinstance(told, list):
            return told
        self._wrong(name, told, "INVALID_VALUE", "it is no list", f"write its {name} as a list")
        raise Refusal(*self._problems)

    def _attributes(self, timed: bool, own: bool = False) -> dict[str, list[tuple[str, Any]]]:
        """The values of each attribute, each once, with the time it is so from; no time of what was ever so."""
        types = self._types
        found: dict[str, list[tuple[str, Any]]] = {}
        for told in self._list("attributes"):
            name = told.get("name") if isinstance(told, dict) else None
            if not isinstance(name, str) or not name or len(name) > LONGEST_NAME:
                self._wrong("attributes", told, "INVALID_VALUE", "an attribute has no name", "write its name and value")
                continue
            try:
                value = value_of(told.get("value"), types[name], self._zone) if name in types else undeclared(told.get("value"))
            except Unfit as unfit:
                self._problems.append(unfit.at(name, str(told.get("value"))))
                continue
            try:
                when = self._since(told.get("time")) if timed else ""
            except Unfit as unfit:
                self._problems.append(unfit.at(f"{name}, time", str(told.get("time"))))
                continue
            if value is None or (name in _THE_TYPE and value == self._type and not own):
                continue
            if own and when:
                continue  # what was measured of it, which is an object of its own
            if name not in types:
                self._log.note(f"{self._type}: its type does not declare the attribute {name!r}, which is kept as it is")
            pair = (when, value)
            others = found.setdefault(name, [])
            if any(other[0] == pair[0] and canonical_json(other[1]) != canonical_json(value) for other in others):
                self._wrong(name, value, "CONFLICT", "the attribute has two values at one time", "leave one of them out")
            elif pair not in others:
                others.append(pair)
        return found

    def _since(self, told: Any) -> str:
        """Since when a value is so; empty where it has ever been."""
        when = None if is_ever(told) else value_of(told, "time", self._zone)
        return "" if when is None or times.span(when)[0] == 0 else str(when)

    # -- the record

    def _draft(self, time: str, values: dict[str, Any]) -> tuple[Draft, int | None]:
        """The record with its fields, and when it was recorded, where the mapping tells."""
        plan, cells, recorded_at = self._plan, list[str](), None
        if plan.takes_nothing:
            key, record = self._named()
            draft = Draft(self._steward, plan.cls, record, names={record: key})
        else:
            cells = [self._id, self._type, time, *(as_text(values[name]) if name in values else "" for name in plan.attributes)]
            self._steward, self._zone = self._taken("steward", plan.steward, cells, self._log.speaker) or self._log.speaker("")
            recorded_at = self._taken("recorded_at", plan.recorded_at, cells, self._moment)
            draft = Draft.of(self._steward, plan.cls, self._identifiers(cells))
        fields = draft.fields
        fields["kind"] = plan.kind
        for column, path, take, convert in plan.values:
            value = self._taken(column, take, cells, lambda text, convert=convert: convert(text, self._zone))  # type: ignore[misc]
            if value is not None:
                fields[path] = value
        for column, relation, classes, take in plan.refs:
            named = self._taken(column, take, cells, lambda text, classes=classes: referred(classes, text, self._steward))  # type: ignore[misc]
            if named is not None:
                draft.relate(relation, *named)
        self._as_ever(fields, time)
        if not self._told.keys() <= _MEMBERS[self._part]:
            self._keep_others(fields)
        for name, value in values.items():
            if name not in plan.used:
                fields[f".x:ocel:attribute:{name}" if name.startswith("ocel:") else f".x:{name}"] = value
        return draft, recorded_at

    def _as_ever(self, fields: dict[str, Any], time: str) -> None:
        """Type and time, where the mapping says nothing of them."""
        if self._part == "objects":
            fields[f".{TYPE}"] = self._type
            return
        fields.setdefault(".type", self._type)
        if fields[".type"] != self._type and self._plan.id is None:
            fields[f".{TYPE}"] = self._type
        if TIME not in self._plan.used:
            fields[".started_at"] = time

    def _keep_others(self, fields: dict[str, Any]) -> None:
        """What an item says that is no part of OCEL, by its name."""
        for name in sorted(self._told.keys() - _MEMBERS[self._part]):
            if self._told[name] is not None:
                self._log.note(f"{self._type}: {name!r} is no part of an {_KIND[self._part]} of OCEL; it is kept as it is")
                fields[f".x:ocel:member:{name}"] = self._told[name]

    def _taken(self, column: str, take: Callable[[list[str]], str] | None, cells: list[str], read: Callable[[str], Any]) -> Any:
        """What a column of the mapping says; None where it says nothing, or is refused."""
        if take is None:
            return None
        text = ""
        try:
            text = take(cells)
            return read(text) if text else None
        except Unfit as unfit:
            names = self._plan.sources.get(column, ())
            columns = (*CELLS, *self._plan.attributes)
            told = ", ".join(cells[columns.index(name)] for name in names)
            problem = unfit.at(", ".join(names) or column, told or text)
            self._problems.append(replace(problem, reason=f"{problem.reason} (as {self._plan.kind.lower()}.{column})"))
            return None

    def _moment(self, text: str) -> int:
        return times.span(csv_cells.instant(text, self._zone))[1]

    def _named(self) -> tuple[str, str]:
        """The key and id of the record, where the item's own id is all that names it. Raises `Refusal`."""
        try:
            return named(self._id, self._plan.cls, self._steward)
        except InvalidIdentifier as error:
            self._wrong("id", self._id, error.code, error.reason, error.repair)
            raise Refusal(*self._problems) from None

    def _identifiers(self, cells: list[str]) -> list[Identifier]:
        """Under which identifiers the record stands. Raises `Refusal`."""
        told = self._taken("id", self._plan.id, cells, str) or self._id
        more = self._taken("identifiers", self._plan.identifiers, cells, str) or ""
        found = []
        for text in (told, *(part.strip() for part in more.split("|") if part.strip())):
            try:
                found.append(identified(text, self._plan.cls, self._steward))
            except InvalidIdentifier as error:
                self._wrong("id" if text == told else "identifiers", text, error.code, error.reason, error.repair)
        self._fail()
        return found

    # -- relations

    def _relate(self, draft: Draft) -> None:
        """The relationships; what is no relation of ours, or qualified, is kept by its qualifier, too."""
        kept: dict[str, set[str]] = {}
        fields, names, steward, meaning = draft.fields, draft.names, self._steward, self._log.plans.meaning
        type_of = self._log.type_of if self._log.plans.needs_types else None
        for qualifier, text in self._relationships():
            relation, cls, role = meaning(self._part, self._type, qualifier, type_of(text) if type_of else None)
            try:
                key, other = named(text, cls, steward)
            except InvalidIdentifier as error:
                self._wrong("relationships", text, error.code, error.reason, error.repair)
                continue
            if relation is None or qualifier:
                kept.setdefault(qualifier, set()).add(key)
            if relation is None:
                continue
            path = relation if relation in _SINGLE else f"{relation} {other}"
            if path == relation and fields.get(path, other) != other:
                self._log.note(f"{self._type}: of several {relation} the first is one, the others are kept by their qualifier")
                kept.setdefault(qualifier, set()).add(key)
                continue
            fields[path] = other if path == relation else True
            names[other] = key
            if role:
                fields[f"{path} role"] = role
        told = {qualifier: sorted(texts) for qualifier, texts in kept.items()}
        if self._plan.id is not None:  # several events are one record: each keeps its own
            draft.fields[f".{EVENT}{self._type}"] = {"id": self._id, **({"qualifiers": told} if told else {})}
        elif told:
            draft.fields[f".{QUALIFIERS if self._part == 'events' else OBJECTS}"] = told

    def _relationships(self) -> list[tuple[str, str]]:
        """`(qualifier, object)` of each, in one order whatever that of the log."""
        found = set()
        for told in self._list("relationships"):
            text, qualifier = (told.get("objectId"), told.get("qualifier") or "") if isinstance(told, dict) else (None, "")
            if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_ID:
                self._wrong("relationships", told, "MISSING", "a relationship names no object", "write its objectId")
            elif not isinstance(qualifier, str) or len(qualifier) > LONGEST_NAME:
                self._wrong("relationships", told, "INVALID_VALUE", "a qualifier is no short text", "write its qualifier as a text")
            else:
                found.add((qualifier, text))
        return sorted(found)

    # -- what was so when

    def _observation(self, draft: Draft, name: str, when: str, value: Any) -> Draft:
        found = Draft(draft.steward, "observation", ocel_own.change_id(draft.steward, draft.record, name, when))
        found.names[found.record] = None
        found.fields |= {"kind": "Observation", ".code": name}
        found.relate("ABOUT", draft.record, draft.names[draft.record])
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.fields[".value"] = float(value)
        else:
            text = as_text(value)
            if len(text) > _MOST_TEXT:
                self._wrong(name, text, "INVALID_VALUE", f"it has {len(text):,} characters", "shorten it to 4,000 characters")
                self._fail()
            found.fields[".value_text"] = text
        if when:
            found.fields[".observed_at"] = when
        return found

    # -- what we exported

    def _own(self) -> Iterator[Claim]:
        values = self._attributes(timed=True, own=True)
        self._fail()
        try:
            own = [value for _, value in values.pop(OWN)]
            time = self._time() if self._part == "events" else None
            shown = Shown(self._type, time, {name: each[-1][1] for name, each in values.items()}, self._relationships())
            self._fail()
            yield from ocel_own.claims(self._at, self._id, own[-1], shown, self._steward, self._log.forced)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = error.message if isinstance(error, TraceError) else str(error)
            repair = "take the attribute out, or export the log again"
            raise Refusal(Problem(OWN, str(self._id)[:200], "INVALID_EXTENSION", reason, repair)) from None


def _latest(told: tuple[str, Any]) -> int:
    return times.span(told[0])[1] if told[0] else -(2**63)


@lru_cache(maxsize=65_536)
def named(text: str, cls: str, steward: str) -> tuple[str, str]:
    """The key and the id of the record that an id of a log names. Raises as `identified` does."""
    key = identified(text, cls, steward).text
    return key, identifiers.keyed_id(cls, key)


def identified(text: str, cls: str, steward: str) -> Identifier:
    """The identifier that an id of a log is: a key where it is one by its form, else a local number of its steward.

    Within a log an id names one thing: so what may name several elsewhere is a local number here. Raises `InvalidIdentifier` for
    a key of ours that is none, for what may not serve as a tracking code, and for what cannot be printed."""
    stripped = text.strip()
    try:
        found = identifiers.lenient(stripped, cls=cls, assigner=steward)
    except InvalidIdentifier:
        if not stripped.startswith(("(", "=")) or not stripped.isprintable():
            raise
        found = Identifier("local", stripped, steward)
    if found.is_key:
        return found
    return Identifier("org" if cls == "organization" else "local", stripped, None if cls == "organization" else steward)
