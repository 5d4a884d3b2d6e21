"""A resource of FHIR for the quarantine: only the members that are read, and no number that a person is known by.

What is not read can name a person and makes no difference when the resource is loaded again. A value of another kind than FHIR
says may hold anything: it is hidden.
"""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from graph.errors import InvalidIdentifier
from loaders.fhir_names import CLASS_OF, Entries, Names, is_personal, is_written_as_number
from loaders.fhir_types import CODE, CODED, DATED, Coding, Concept, Ident, Part, Reference, Resource
from loaders.fhir_values import NAME, SHORT, is_known, listed, short
from loaders.fhir_words import HOMES

HIDDEN = "***"
"""What stands for a value that is not kept."""
_DATE = re.compile(r"(\d{4})(-\d\d(-\d\d)?)?\Z", re.ASCII)
_NUMBER_LIKE = re.compile(r"[-+]?\d{1,9}([.,]\d{1,9})?\Z", re.ASCII)
_DATE_LIKE = re.compile(r"(\d{4}(-\d\d?){0,2}(?=[T ]|\Z)|(?=[T\d]\d:))[T ]?[\d:.+-]{0,30}Z?\Z", re.ASCII)
"""What was meant for a date or time, and is no telephone or social security number."""
_DEEPEST = 30
_TELLING = 6
"""Letters and digits of a number that is no chance where an id holds it."""
_WORDS = ("text", "display", "name", "value_string", "manufacturer", "unit", "code")
"""Members that may have several words; those of a narrative are not read."""
_MOST = {"name": NAME}


class Masking:
    """Masks resources of a type, of which `models` are read."""

    def __init__(self, names: Names, models: dict[str, type[Resource]]) -> None:
        self._names, self._models = names, models
        self._server: str | None = None
        self._entries = Entries({}, {})
        self._inner: dict[str, dict[str, Any]] = {}

    def masked(self, resource: dict[str, Any], server: str | None, entries: Entries) -> dict[str, Any]:
        """The resource, of a server where that is known, without what may name a person.

        What its bundle says of the types of others stands with the references, as the others are not kept with it."""
        self._server, self._entries = server, entries
        inner = resource.get("contained")
        self._inner = {each["id"]: each for each in (inner if isinstance(inner, list) else ())
                       if isinstance(each, dict) and isinstance(each.get("id"), str)}  # fmt: skip
        return self._resource(resource, 0)

    def _resource(self, resource: dict[str, Any], depth: int) -> dict[str, Any]:
        type_ = resource.get("resourceType")
        model = self._models.get(type_) if isinstance(type_, str) else None
        if model is None or depth > _DEEPEST:
            return {"resourceType": type_ if model else HIDDEN}
        person = CLASS_OF.get(str(type_)) == "person" or type_ == "ResearchSubject"
        kept = self._part(resource, model, person, depth)
        if isinstance(id_ := resource.get("id"), str):
            kept["id"] = self._id(str(type_), id_, resource)
        if "birthDate" in kept:
            born = _DATE.match(str(kept["birthDate"]))
            kept["birthDate"] = born[1] if born else HIDDEN
        if type_ == "Location" and HOMES & {*_codes(resource)}:
            kept.pop("name", None)
        if isinstance(inner := resource.get("contained"), list):
            kept["contained"] = [self._resource(each, depth + 1) for each in inner if isinstance(each, dict)]
        return {"resourceType": type_, **kept}

    def _id(self, type_: str, id_: str, resource: dict[str, Any]) -> str:
        if CLASS_OF.get(type_) != "person":
            return id_
        return HIDDEN if self._names.secret is None and is_number(resource) else self._names.person(id_, self._server)

    def _part(self, told: dict[str, Any], model: type[Part], person: bool, depth: int) -> dict[str, Any]:
        kept = {}
        for name, info in model.model_fields.items():
            alias = info.alias or name
            if alias in told and not _unread(told, model, alias):
                if name in _WORDS and isinstance(told[alias], str) and short(told[alias], _MOST.get(name, SHORT)) is None:
                    continue
                value = self._value(told[alias], info.annotation, person, depth + 1)
                kept[alias] = HIDDEN if _speaks(value) and name not in _WORDS else value
        return kept

    def _value(self, value: Any, wanted: Any, person: bool, depth: int) -> Any:
        if depth > _DEEPEST or value is None:
            return None if value is None else HIDDEN
        if isinstance(value, list):
            return [self._value(each, wanted, person, depth + 1) for each in value] if _lists(wanted) else HIDDEN
        models = [each for each in _leaves(wanted) if isinstance(each, type) and issubclass(each, Part)]
        if isinstance(value, dict):
            if not models:
                return HIDDEN
            model = max(models, key=lambda each: len(value.keys() & {info.alias for info in each.model_fields.values()}))
            if model is Ident:
                return self._ident(value, person)
            if model is Reference:
                return self._reference(value)
            return self._part(value, model, person, depth)
        if isinstance(value, str):
            leaves = _leaves(wanted)
            number = (float in leaves or int in leaves) and _NUMBER_LIKE.match(value)
            hidden = (CODED in leaves and not CODE.match(value)) or (DATED in leaves and not _DATE_LIKE.match(value))
            return value if (str in leaves and not hidden) or number else HIDDEN
        return value if not models else HIDDEN

    def _ident(self, told: dict[str, Any], person: bool) -> dict[str, Any]:
        """An identifier as it is read: a person's number hashed, or without its value."""
        try:
            found = Ident.model_validate(told)
        except ValidationError:
            return {}
        kept = found.model_dump(by_alias=True, exclude_none=True)
        cls = "person" if person else "object"
        if found.value and (is_personal(found, cls) or not found.system):
            kept["value"] = self._hashed(found, cls) if found.system else None
        return {name: value for name, value in kept.items() if value is not None}

    def _url(self, text: str) -> str:
        """What a reference says, without what may be the number of a person."""
        if text.startswith("#"):
            inner = self._inner.get(text[1:])
            return f"#{self._id(str(inner.get('resourceType')), text[1:], inner)}" if inner else "#"
        return self._names.masked(text, self._server) or HIDDEN

    def _hashed(self, found: Ident, cls: str) -> str | None:
        try:
            key = self._names.identifier(found, cls)
        except InvalidIdentifier:
            return None
        return key.value if key else None

    def _reference(self, told: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        if isinstance(text := told.get("reference"), str):
            text = text if self._server else self._entries.urns.get(text, text)
            kept["reference"] = self._url(text)
            if text in self._entries.kinds:
                kept["type"] = self._entries.kinds[text]
        if isinstance(type_ := told.get("type"), str):
            kept["type"] = type_
        if isinstance(told.get("identifier"), dict):
            kept["identifier"] = self._ident(told["identifier"], person="Patient" in str(told.get("type", "Patient")))
        return kept


def _codes(location: dict[str, Any]) -> Iterator[str]:
    """What a place is said to be, however that is written."""
    for concept in (concept for name in ("type", "physicalType", "form") for concept in listed(location.get(name))):
        for coding in listed(concept.get("coding")) if isinstance(concept, dict) else ():
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                yield coding["code"]


def _unread(told: dict[str, Any], model: type[Part], alias: str) -> bool:
    """Whether a member is left alone where it is read: the text of what has a code, and words of a system that may say anything."""
    if model is Concept and alias == "text":
        return told.get("coding") not in (None, [])
    return model is Coding and alias == "display" and not is_known(told.get("system"))


def _speaks(value: Any) -> bool:
    """Whether a value is of several words, as no code, place, unit or time is."""
    return isinstance(value, str) and len(value.split()) > 1


def is_number(resource: dict[str, Any]) -> bool:
    """Whether the id of a person's resource is, holds or is written as a number that the person is known by."""
    type_, id_ = resource.get("resourceType"), resource.get("id")
    if CLASS_OF.get(str(type_)) != "person" or not isinstance(id_, str):
        return False
    bare = _bare(id_)
    numbers = _numbers_of(resource) if type_ == "Patient" else ()
    return is_written_as_number(id_) or any(each == bare or (len(each) >= _TELLING and each in bare) for each in numbers)


def _numbers_of(resource: dict[str, Any]) -> Iterator[str]:
    """The values of the identifiers of a patient that it is known by, letters and digits alone."""
    told = resource.get("identifier")
    for each in told if isinstance(told, list) else (told,):
        try:
            ident = Ident.model_validate(each)
        except ValidationError:
            continue
        if ident.value and is_personal(ident, "person"):
            yield _bare(ident.value)


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _lists(annotation: Any) -> bool:
    """Whether a list is asked for."""
    return get_origin(annotation) is list or (
        get_origin(annotation) in (Union, UnionType) and any(map(_lists, get_args(annotation)))
    )


def _leaves(annotation: Any) -> list[Any]:
    """The types that an annotation is made of."""
    if get_origin(annotation) in (Union, UnionType, list) or get_args(annotation):
        return [leaf for part in get_args(annotation) for leaf in _leaves(part)]
    return [annotation]
