"""An EPCIS event in XML, of 1.2 or 2.0, as the JSON-LD event that says the same.

Sources: the schemas of EPCIS 1.2 and 2.0 and the twins that openepcis publishes. What 1.2 wraps in `extension` and
`baseExtension` stands in the event itself, words of the CBV are bare, and what is of another namespace keeps its name and
all it holds: repeated elements are a list, attributes are members, text is never read as a number.
"""

from collections.abc import Callable, Iterator
from typing import Any

from lxml.etree import _Element

from loaders.epcis_alike import MEASURES, add, gathered, number
from loaders.epcis_check import BIZSTEPS, DISPOSITIONS
from loaders.epcis_words import local_word
from loaders.items import Problem

DOCUMENTS = {"urn:epcglobal:epcis:xsd:1": "1.2", "urn:epcglobal:epcis:xsd:2": "2.0"}
"""Versions by the namespace of a document."""
QUERIES = {"urn:epcglobal:epcis-query:xsd:1": "1.2", "urn:epcglobal:epcis-query:xsd:2": "2.0"}
"""Versions by the namespace of a query document."""
MASTER = {"urn:epcglobal:epcis-masterdata:xsd:1": "1.2", "urn:epcglobal:epcis-masterdata:xsd:2": "2.0"}
"""Versions by the namespace of a document of master data."""
WRAPPERS = ("extension", "baseExtension")
"""What 1.2 puts around fields that came with a later version."""

_OURS = frozenset((None, *DOCUMENTS, *QUERIES))
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_TIMES = ("eventTime", "recordTime", "eventTimeZoneOffset")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_REPEATED = frozenset(("certificationInfo", "set", "unset"))
_MOST_ATTRIBUTES = 200
_DEEPEST = 100  # deeper than an event may be: what is cut off here was refused anyway

_Told = dict[str, Any]


def event_of(element: _Element) -> tuple[_Told, dict[str, str], list[Problem]]:
    """`(event, its namespaces by prefix, what is wrong with its syntax)`; an element that is no event has only a type."""
    reader = _Reader()
    return reader.event(element), reader.prefixes, reader.problems


def element_of(element: _Element) -> tuple[_Told, dict[str, str]]:
    """`(element of master data, its namespaces by prefix)`."""
    reader = _Reader()
    return reader.vocabulary(element), reader.prefixes


def standard_name(element: _Element) -> str | None:
    """The name of an element of EPCIS, with or without its namespace; None for one of another."""
    namespace, local = parts(str(element.tag))
    return local if namespace in _OURS else None


def parts(tag: str) -> tuple[str | None, str]:
    """Namespace and local name; of a prefix that nobody declared, the name with it."""
    namespace, brace, local = tag.rpartition("}")
    return (namespace[1:] if brace else None), local


def own_text(element: _Element) -> str:
    """The text that stands in an element itself, comments left out."""
    return "".join([element.text or "", *(child.tail or "" for child in element)]).strip()


class _Reader:
    """One event on its way; `prefixes` and `problems` are gathered as they are met."""

    def __init__(self) -> None:
        self.prefixes: dict[str, str] = {}
        self.problems: list[Problem] = []
        self._fields: dict[str, Callable[[str, _Element], Any]] = {
            **dict.fromkeys(("epcList", "childEPCs", "inputEPCList", "outputEPCList"), self._epcs),
            **dict.fromkeys(("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"), self._quantities),
            **dict.fromkeys(("bizTransactionList", "sourceList", "destinationList"), self._typed),
            **dict.fromkeys(("readPoint", "bizLocation", "ilmd"), self._members),
            "bizStep": lambda name, element: _known(own_text(element), BIZSTEPS),
            "disposition": lambda name, element: _known(own_text(element), DISPOSITIONS),
            "persistentDisposition": self._dispositions,
            "errorDeclaration": self._error,
            "sensorElementList": self._sensors,
        }

    def event(self, element: _Element) -> _Told:
        told: _Told = {"type": standard_name(element) or self._name(element)}
        self._order([standard_name(child) for child in _unwrapped(element)])
        for child in _unwrapped(element):
            name = standard_name(child)
            if name is None:
                add(told, self._name(child), self._extension(child))
            else:
                self._put(told, name, self._fields.get(name, self._plain)(name, child))
        for name, value in self._attributes(element):
            if name.startswith("{"):
                add(told, name, value)
        return told

    def vocabulary(self, element: _Element) -> _Told:
        """An element of a vocabulary: its id, its attributes, and the ids of its children."""
        told: _Told = {"id": element.get("id", ""), "attributes": []}
        for child in _unwrapped(element):
            match standard_name(child):
                case "attribute":
                    inner = gathered((self._name(part), self._extension(part)) for part in _elements(child))
                    told["attributes"].append({"id": child.get("id", ""), "attribute": inner or own_text(child)})
                case "children":
                    told["children"] = [own_text(part) for part in _elements(child)]
                case _:
                    told["attributes"].append({"id": self._name(child), "attribute": self._extension(child)})
        return told

    def _order(self, names: list[str | None]) -> None:
        """The schema fixes the whole order, but even published valid documents keep only this much of it."""
        late = [name for name in names[names.index("action") :] if name in _TIMES] if "action" in names else []
        if late:
            reason = f"{late[0]} stands behind it; the times of an event come first"
            self.problems.append(Problem("action", "", "WRONG_ORDER", reason, "write the fields in the order of the schema"))

    def _put(self, told: _Told, name: str, value: Any) -> None:
        """Give a standard field its value; only some may stand twice."""
        if name in told and name not in _REPEATED:
            self._wrong(name, "", "UNEXPECTED", "it stands twice", "keep one of them")
        add(told, name, value)

    def _wrong(self, field: str, value: str, code: str, reason: str, repair: str) -> None:
        self.problems.append(Problem(field, value[:200], code, reason, repair))

    # -- standard fields

    def _plain(self, name: str, element: _Element) -> Any:
        return self._extension(element) if len(element) else own_text(element)

    def _items(self, name: str, element: _Element, item: str) -> Iterator[_Element]:
        """The elements of a list, which holds nothing else."""
        if text := own_text(element):
            self._wrong(name, text, "UNEXPECTED", f"text where {item} elements are expected", f"put it into {item}")
        for child in _unwrapped(element):
            if standard_name(child) == item:
                yield child
            else:
                self._wrong(name, self._name(child), "UNKNOWN_FIELD", f"it holds {item} elements only", "leave it out")

    def _epcs(self, name: str, element: _Element) -> list[Any]:
        return [self._plain(name, item) for item in self._items(name, element, "epc")]

    def _quantities(self, name: str, element: _Element) -> list[_Told]:
        found = []
        for item in self._items(name, element, "quantityElement"):
            told: _Told = {}
            for child in _unwrapped(item):
                field = standard_name(child) or self._name(child)
                text = own_text(child)
                self._put(told, field, number(text) if field == "quantity" else text)
            found.append(told)
        return found

    def _typed(self, name: str, element: _Element) -> list[_Told]:
        field = name.removesuffix("List")
        found = []
        for item in self._items(name, element, field):
            type_ = item.get("type")
            told = {} if type_ is None else {"type": local_word(type_)}
            found.append({**told, field: own_text(item)})
        return found

    def _members(self, name: str, element: _Element) -> _Told:
        """A place with its id, or master data."""
        told: _Told = {}
        for child in _unwrapped(element):
            if standard_name(child) == "id":
                self._put(told, "id", own_text(child))
            else:
                add(told, self._name(child), self._extension(child))
        for attribute, value in self._attributes(element):
            add(told, attribute, value)
        if text := own_text(element):
            self._wrong(name, text, "UNEXPECTED", "text where elements are expected", "put it into an element")
        return told

    def _dispositions(self, name: str, element: _Element) -> _Told:
        told: _Told = {}
        for child in _unwrapped(element):
            told.setdefault(standard_name(child) or self._name(child), []).append(local_word(own_text(child)))
        return told

    def _error(self, name: str, element: _Element) -> _Told:
        told: _Told = {}
        for child in _unwrapped(element):
            match standard_name(child):
                case None:
                    add(told, self._name(child), self._extension(child))
                case "reason":
                    self._put(told, "reason", local_word(own_text(child)))
                case "correctiveEventIDs":
                    ids = [own_text(item) for item in self._items("correctiveEventIDs", child, "correctiveEventID")]
                    self._put(told, "correctiveEventIDs", ids)
                case field:
                    self._put(told, field, self._plain(field, child))
        return told

    def _sensors(self, name: str, element: _Element) -> list[_Told]:
        found = []
        for item in self._items(name, element, "sensorElement"):
            told: _Told = {}
            for child in _unwrapped(item):
                match standard_name(child):
                    case "sensorMetadata":
                        self._put(told, "sensorMetadata", self._sensor_fields(child))
                    case "sensorReport":
                        told.setdefault("sensorReport", []).append(self._sensor_fields(child))
                    case _:
                        add(told, self._name(child), self._extension(child))
            found.append(told)
        return found

    def _sensor_fields(self, element: _Element) -> _Told:
        told: _Told = {}
        for name, text in self._attributes(element):
            if name in MEASURES:
                told[name] = number(text)
            elif name == "booleanValue":
                told[name] = _BOOLEANS.get(text, text)
            else:
                told[name] = text.removeprefix("gs1:") if name in ("type", "exception") else text
        for child in _elements(element):
            add(told, self._name(child), self._extension(child))
        return told

    # -- what is of another namespace

    def _extension(self, element: _Element, depth: int = 0) -> Any:
        """A text, or an object of attributes and children; text beside these is its `@value`."""
        told: _Told = {}
        for name, value in self._attributes(element):
            add(told, name, value)
        if depth < _DEEPEST:
            for child in _elements(element):
                add(told, self._name(child), self._extension(child, depth + 1))
        text = own_text(element)
        if not told:
            return text
        if text:
            told["@value"] = text
        return told

    def _name(self, element: _Element) -> str:
        """`prefix:name` as in JSON-LD; `{namespace}name` where there is no prefix, or it names two namespaces in one event."""
        tag, prefix = str(element.tag), element.prefix
        namespace, local = parts(tag)
        if namespace and prefix and self.prefixes.setdefault(prefix, namespace) == namespace:
            return f"{prefix}:{local}"
        return tag

    def _attributes(self, element: _Element) -> Iterator[tuple[str, str]]:
        """Names, as `{namespace}name`, and values, without what only guides a reader of XML."""
        if len(element.attrib) > _MOST_ATTRIBUTES:  # each is looked up among all of them
            self._wrong(self._name(element), "", "TOO_LONG", f"an element may have {_MOST_ATTRIBUTES} attributes", "use elements")
            return
        for name, value in element.attrib.items():
            if parts(str(name))[0] != _INSTANCE:
                yield str(name), str(value).strip()


def _elements(element: _Element) -> Iterator[_Element]:
    return element.iterchildren("*")


def _unwrapped(element: _Element) -> Iterator[_Element]:
    """The children of an element and, in their place, those of wrappers among them."""
    todo = [_elements(element)]
    while todo:
        child = next(todo[-1], None)
        if child is None:
            todo.pop()
        elif standard_name(child) in WRAPPERS:
            todo.append(_elements(child))
        elif not _is_nil(child):
            yield child


def _is_nil(element: _Element) -> bool:
    """Whether a field of the standard says that it has no value (XML Schema part 1, section 2.6.2): it is told as one left out."""
    nil = element.get(f"{{{_INSTANCE}}}nil", "").strip() in ("true", "1")
    return nil and not len(element) and standard_name(element) is not None


def _known(text: str, words: frozenset[str]) -> str:
    """The bare word where it is one of CBV 2.0; older words stay URNs, as JSON-LD would have them."""
    word = local_word(text)
    return word if word in words else text
