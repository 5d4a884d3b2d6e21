"""The reader of EPCIS 2.0 in JSON-LD: documents, query documents, bare events, arrays of events.

Each event, and each element of the master data in a header, is one item. Contexts are read for prefixes and never fetched.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graph import naming
from graph.errors import TraceError, UnreadableSource
from loaders import epcis_master
from loaders.epcis_check import EVENTS
from loaders.epcis_event import Source, item, prefixes_of
from loaders.items import REFUSED, Context, Item, Refused
from loaders.json_stream import around, items

LISTS = ("", "epcisBody.eventList", "epcisBody.queryResults.resultsBody.eventList", REFUSED)
"""Where a document has lists of any length, in the words of `json_stream`: its events, and what was wrong with them."""


_ASKED = re.compile(
    r"(query|queryType|eventType|eventTypes|perPage|nextPageToken)\Z|(EQ|NE|GE|GT|LE|LT|MATCH|WD|EXISTS|HASATTR|EQATTR)_"
)
"""Members of the JSON of a query (EPCIS 2.0, section 8.2.7.1): no event has one."""


def read(path: Path, context: Context) -> Iterator[Item | Refused]:
    """Items of one file in order, master data first. Raises `UnreadableSource` where the file as a whole is no EPCIS JSON."""
    half = path.stat().st_size // 2
    document = around(path, LISTS, lambda at: context.reached(at // 2))
    told, pointer, header = _events(path, document)
    steward = context.steward if context.forced else sender_of(header) or context.steward
    source = Source(path, context, prefixes_of(header), steward, epcis_master.created(header.get("creationDate")))
    for place, vocabularies in _master_data(header):
        yield from epcis_master.items(source, place, vocabularies)
    if told is not None:
        yield item(source, pointer, told)
        return
    events = items(path, pointer.strip("/").replace("/", "."), lambda at: context.reached(half + at // 2))
    for index, event in enumerate(events):
        yield item(source, f"{pointer}/{index}", event)


def _master_data(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """`(JSON pointer, list of vocabularies)` of the master data in a document's header, its body or the results of a query."""
    for words in (
        ("epcisHeader", "epcisMasterData"),
        ("epcisHeader", "EPCISMasterData"),
        ("epcisBody",),
        ("epcisBody", "queryResults", "resultsBody"),
    ):
        here: Any = document
        for word in words:
            here = here.get(word) if isinstance(here, dict) else None
        if isinstance(here, dict) and "vocabularyList" in here:
            yield f"/{'/'.join(words)}/vocabularyList", here["vocabularyList"]


def _events(path: Path, document: Any) -> tuple[Any, str, Mapping[str, Any]]:
    """`(event, its JSON pointer, the object that heads it)`; of many events None, and the pointer of their list."""
    if isinstance(document, list):
        return None, "", {}
    if not isinstance(document, dict):
        raise UnreadableSource(str(path), "line 1", "it is neither an object nor an array", "give an EPCIS document or events")
    if document.get("type") in EVENTS:
        return document, "", document
    body = document.get("epcisBody")
    if body is None and any(True for _ in _master_data(document)):
        body = {}
    if not isinstance(body, dict):
        what = "an EPCIS query, not events" if any(map(_ASKED.match, document)) else "no EPCIS document"
        raise UnreadableSource(str(path), "line 1", f"it is {what}", "give an EPCISDocument, EPCISQueryDocument or event")
    if "@context" not in document:
        raise UnreadableSource(str(path), "/@context", "the document has no @context", "add the EPCIS context it was written with")
    if isinstance(body.get("eventList"), list):
        return None, "/epcisBody/eventList", document
    results = body.get("queryResults")
    inner = results.get("resultsBody") if isinstance(results, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("eventList"), list):
        return None, "/epcisBody/queryResults/resultsBody/eventList", document
    if isinstance(body.get("event"), dict):
        return body["event"], "/epcisBody/event", document
    if any(True for _ in _master_data(document)):
        return None, "/epcisBody/eventList", document
    raise UnreadableSource(str(path), "/epcisBody", "it has no list of events", "put the events under epcisBody/eventList")


def sender_of(head: Mapping[str, Any]) -> str | None:
    """The steward a document names itself: the sender in its header."""
    header = head.get("sender") or head.get("sbdh:sender")
    inner = head.get("epcisHeader")
    if header is None and isinstance(inner, dict):
        header = inner.get("sender") or inner.get("sbdh:sender")
    return sender(header.get("identifier") if isinstance(header, dict) else header)


def sender(text: Any) -> str | None:
    """The steward that a document's sender is; None where it names no organisation."""
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        return naming.steward(text)
    except TraceError:
        return None
