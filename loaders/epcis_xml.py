"""EPCIS 1.2 and 2.0 in XML: documents, query documents and bare events, read as a stream, to claims.

An event is turned into its JSON-LD twin (`epcis_elements`), so that all that follows is said once, in `epcis`. Only one
event is in memory at a time. No document type is read, no entity resolved and nothing fetched.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

from lxml import etree
from lxml.etree import _Element

from graph.errors import UnreadableSource
from loaders import epcis, epcis_event, epcis_master
from loaders.epcis_check import EVENTS
from loaders.epcis_elements import DOCUMENTS, MASTER, QUERIES, element_of, event_of, own_text, parts, standard_name
from loaders.items import Context, Item, Refused, XmlEvent
from loaders.xml_stream import MOST_LINES, Stretch, forget, moments, refuse_doctype

_ROOTS = {"EPCISDocument": DOCUMENTS, "EPCISQueryDocument": QUERIES, "EPCISMasterDataDocument": MASTER}
_REQUESTS = ("Poll", "Subscribe", "Unsubscribe", "GetQueryNames", "GetSubscriptionIDs", "GetStandardVersion", "GetVendorVersion")
_SENDER = ("StandardBusinessDocumentHeader", "Sender", "Identifier")
_HEADER = (
    '<EPCISHeader xmlns:sbdh="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader">'
    "<sbdh:StandardBusinessDocumentHeader><sbdh:Sender><sbdh:Identifier>{}</sbdh:Identifier></sbdh:Sender>"
    "</sbdh:StandardBusinessDocumentHeader></EPCISHeader>\n"
)
_GIVE = "give an EPCISDocument, EPCISQueryDocument or event of EPCIS 1.2 or 2.0"


def read(path: Path, context: Context) -> Iterator[Item | Refused]:
    """Items of one file in order. Raises `UnreadableSource` where it is no EPCIS XML, or from where it is damaged."""
    with path.open("rb") as file:
        yield from _Document(path, context, Stretch(path, file, context.reached)).items()


@dataclass
class _Open:
    """An element that is open: its local name, its place (a step of an XPath) and the children met, by name.

    It is a `document`, its `header` (or master data anywhere), `body` or `results`, a `list` of events, a `wrapper` in it, an
    `item`, an `element` of master data or `other`."""

    kind: str
    name: str
    place: str
    children: Counter[str] = field(default_factory=Counter)


class _Document:
    """One file on its way."""

    def __init__(self, path: Path, context: Context, stretch: Stretch) -> None:
        self._path, self._context, self._stretch = path, context, stretch
        self._open: list[_Open] = []
        self._inside = 0  # open elements of an item
        self._version, self._created = "2.0", ""
        self._sender: str | None = None
        self._vocabulary = ""  # the type of the vocabulary that is open
        self._listed = False
        self._held, self._held_at = "", ""  # what stands where events should

    def items(self) -> Iterator[Item | Refused]:
        """What each event says. Raises `UnreadableSource`."""
        for moment, element in moments(self._path, self._stretch):
            if moment == "start":
                self._begin(element)
            else:
                yield from self._end(element)
        if not self._listed:
            raise UnreadableSource(str(self._path), self._held_at, self._without_events(), "give a document with an EventList")

    # -- opening

    def _begin(self, element: _Element) -> None:
        if self._inside:
            self._inside += 1
            return
        self._stretch.passed()
        _, name = parts(str(element.tag))
        shown = f"{element.prefix}:{name}" if element.prefix else name
        if not self._open:
            self._open.append(_Open(self._root(element), name, shown))
        else:
            parent = self._open[-1]
            parent.children[shown] += 1
            number = parent.children[shown]
            place = f"{shown}[{number}]" if number > 1 or parent.kind in ("list", "wrapper") else shown
            self._open.append(_Open(_kind(parent.kind, standard_name(element)), name, place))
            if parent.kind in ("body", "results") and self._open[-1].kind == "other" and not self._held:
                self._held, self._held_at = name, self._at(element)
        opened = self._open[-1]
        if opened.kind == "header" and opened.name == "Vocabulary":
            self._vocabulary = element.get("type", "")
        self._inside = int(opened.kind in ("item", "element"))
        self._listed |= opened.kind in ("item", "list", "wrapper") or (opened.kind == "header" and opened.name == "VocabularyList")

    def _root(self, element: _Element) -> str:
        """What the root is. Raises `UnreadableSource` for what is not of EPCIS."""
        refuse_doctype(self._path, element)
        namespace, name = parts(str(element.tag))
        self._version = {**DOCUMENTS, **QUERIES, **MASTER}.get(namespace or "", "2.0")
        self._created = element.get("creationDate", "")
        if namespace in _ROOTS.get(name, ()):
            return "document"
        if name == "QueryResults" and namespace in QUERIES:
            return "results"
        if standard_name(element) in EVENTS:
            return "item"
        if standard_name(element) in ("extension", "VocabularyList"):
            return "wrapper" if name == "extension" else "header"
        if namespace in QUERIES:
            what = f"an EPCIS query ({name}), not events" if name in _REQUESTS else f"{name} of an EPCIS query service, not events"
        else:
            what = f"{name} of {namespace or 'no namespace'}, no EPCIS document"
        raise self._unreadable(element, f"it is {what}", _GIVE)

    # -- closing

    def _end(self, element: _Element) -> Iterator[Item | Refused]:
        if self._inside > 1:
            self._inside -= 1
            return
        if self._inside:
            yield self._item(element)
            self._inside = 0
        elif self._sender is None and tuple(each.name for each in self._open[-3:]) == _SENDER and self._open[-1].kind == "header":
            self._sender = own_text(element)
        self._open.pop()
        forget(element)
        self._stretch.passed()

    def _item(self, element: _Element) -> Item | Refused:
        if self._open[-1].kind == "element":
            told, prefixes = element_of(element)
            found = epcis_master.item(self._source(prefixes), self._at(element), self._vocabulary, told)
        else:
            event, prefixes, problems = event_of(element)
            found = epcis_event.item(self._source(prefixes), self._at(element), event, problems)
        return replace(found, raw=self._kept(element)) if isinstance(found, Refused) else found

    def _source(self, prefixes: dict[str, str]) -> epcis_event.Source:
        context = self._context
        steward = context.steward if context.forced else epcis.sender(self._sender) or context.steward
        return epcis_event.Source(self._path, context, prefixes, steward, epcis_master.created(self._created))

    def _at(self, element: _Element) -> str:
        """Where an open element stands: its XPath and line."""
        path = "/" + "/".join(each.place for each in self._open)
        line = element.sourceline
        return f"{path} line {line}" if line and line < MOST_LINES else path

    def _kept(self, element: _Element) -> XmlEvent:
        """The element as it was, and the head of a document of the same version and sender."""
        text = etree.tostring(element, encoding="unicode", with_tail=False)
        wrappers = sum(each.kind == "wrapper" for each in self._open)
        namespace = next(uri for uri, version in DOCUMENTS.items() if version == self._version)
        created = f' creationDate="{escape(self._created)}"' if self._created else ""
        head = f'<epcis:EPCISDocument xmlns:epcis="{namespace}" schemaVersion="{self._version}"{created}>\n'
        if self._sender:
            head += _HEADER.format(escape(self._sender))
        vocabulary = self._vocabulary if self._open[-1].kind == "element" else None
        return XmlEvent(head, "<extension>" * wrappers + text + "</extension>" * wrappers, vocabulary)

    # -- what it is instead

    def _without_events(self) -> str:
        if self._held in _REQUESTS:
            return f"it is an EPCIS query ({self._held}), not events"
        return f"it holds {self._held}, no list of events" if self._held else "it has no list of events"

    def _unreadable(self, element: _Element, reason: str, repair: str) -> UnreadableSource:
        return UnreadableSource(str(self._path), f"line {element.sourceline}", reason, repair)


def _kind(parent: str, name: str | None) -> str:
    """What an element of this name is in its parent."""
    match parent, name:
        case "header", "VocabularyElement":
            return "element"
        case ("document", "EPCISHeader") | ("header", _) | (("body" | "results"), "VocabularyList"):
            return "header"
        case "document", "EPCISBody":
            return "body"
        case ("body", "QueryResults") | (("document" | "results"), "resultsBody"):
            return "results"
        case (("body" | "results"), "EventList"):
            return "list"
        case (("list" | "wrapper"), "extension"):
            return "wrapper"
        case (("list" | "wrapper"), _):
            return "item"
        case "results", ("queryName" | "subscriptionID"):
            return "header"
    return "other"
