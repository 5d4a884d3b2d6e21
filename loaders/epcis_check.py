"""Whether a JSON value is an EPCIS 2.0 event: what the standard requires, with the place of each fault.

Sources: EPCIS 2.0 sections 7.4.1 to 7.4.6 (fields and when they are required) and CBV 2.0 (standard bare words).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graph import times
from graph.errors import TraceError
from loaders.items import Problem

EVENTS = ("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent")
"""The event types of EPCIS 2.0; a tuple, because what a file puts in their place may be unhashable."""
_ACTIONS = ("ADD", "OBSERVE", "DELETE")
_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_QUANTITIES = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_TYPED = {"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination"}
_OFFSET = re.compile(r"[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)\Z")
BIZSTEPS = frozenset(
    [
        "accepting",
        "arriving",
        "assembling",
        "collecting",
        "commissioning",
        "consigning",
        "creating_class_instance",
        "cycle_counting",
        "decommissioning",
        "departing",
        "destroying",
        "disassembling",
        "dispensing",
        "encoding",
        "entering_exiting",
        "holding",
        "inspecting",
        "installing",
        "killing",
        "loading",
        "other",
        "packing",
        "picking",
        "receiving",
        "removing",
        "repackaging",
        "repairing",
        "replacing",
        "reserving",
        "retail_selling",
        "sampling",
        "sensor_reporting",
        "shipping",
        "staging_outbound",
        "stock_taking",
        "stocking",
        "storing",
        "transporting",
        "unloading",
        "unpacking",
        "void_shipping",
    ]
)
DISPOSITIONS = frozenset(
    [
        "active",
        "available",
        "completeness_inferred",
        "completeness_verified",
        "conformant",
        "container_closed",
        "container_open",
        "damaged",
        "destroyed",
        "dispensed",
        "disposed",
        "encoded",
        "expired",
        "in_progress",
        "in_transit",
        "inactive",
        "mismatch_class",
        "mismatch_instance",
        "mismatch_quantity",
        "needs_replacement",
        "no_pedigree_match",
        "non_conformant",
        "non_sellable_other",
        "partially_dispensed",
        "recalled",
        "reserved",
        "retail_sold",
        "returned",
        "sellable_accessible",
        "sellable_not_accessible",
        "stolen",
        "unavailable",
        "unknown",
    ]
)
_MOST_NESTED = 64


def problems_of(event: Any) -> list[Problem]:
    """Everything wrong with one event; an empty list where it can be loaded."""
    if not isinstance(event, dict):
        return [_problem("", event, "NOT_AN_EVENT", "an event is a JSON object", "give an EPCIS event")]
    if (type_ := event.get("type")) not in EVENTS:
        return [_problem("type", type_, "UNKNOWN_EVENT_TYPE", "it is no EPCIS event type", _repair_of_type(event))]
    if _depth(event) > _MOST_NESTED:
        return [_problem("", "", "TOO_DEEP", f"values are nested deeper than {_MOST_NESTED}", "flatten the extensions")]
    return [problem for check in (_times, _action, _objects, _lists, _words, _places) for problem in check(event)]


def _repair_of_type(event: Mapping[str, Any]) -> str:
    if event.get("type") == "QuantityEvent":
        return "write it as an ObjectEvent with a quantityList: EPCIS 1.1 deprecated it, and 2.0 has none"
    return "name the type as type" if event.get("isA") in EVENTS else f"one of {', '.join(sorted(EVENTS))}"


def _problem(field: str, value: Any, code: str, reason: str, repair: str) -> Problem:
    return Problem(field, "" if value is None else str(value)[:200], code, reason, repair)


def _missing(field: str, why: str) -> Problem:
    return _problem(field, None, "MISSING", f"{field} is missing: {why}", f"add {field}")


def _depth(value: Any) -> int:
    deepest, todo = 0, [(value, 1)]
    while todo:
        here, level = todo.pop()
        deepest = max(deepest, level)
        if level > _MOST_NESTED:
            return level
        if isinstance(here, dict):
            todo += [(inner, level + 1) for inner in here.values()]
        elif isinstance(here, list):
            todo += [(inner, level + 1) for inner in here]
    return deepest


def _times(event: Mapping[str, Any]) -> Iterator[Problem]:
    for field, required in (("eventTime", True), ("recordTime", False)):
        value = event.get(field)
        if value is None and not required:
            continue
        if not isinstance(value, str):
            yield _missing(field, "every event has one")
            continue
        yield from _stamp(field, value)
    offset = event.get("eventTimeZoneOffset")
    if offset is None:
        yield _missing("eventTimeZoneOffset", "every event has one")
    elif not isinstance(offset, str) or not _OFFSET.match(offset):
        yield _problem("eventTimeZoneOffset", offset, "INVALID_OFFSET", "it is no offset from UTC", "write it as +01:00")
    error = event.get("errorDeclaration")
    if error is not None:
        told = error.get("declarationTime") if isinstance(error, dict) else None
        if not isinstance(told, str):
            yield _missing("errorDeclaration/declarationTime", "a declaration has one")
        else:
            yield from _stamp("errorDeclaration/declarationTime", told)


def _stamp(field: str, value: str) -> Iterator[Problem]:
    try:
        if len(times.canonical(value)) <= 10:
            yield _problem(field, value, "INVALID_INSTANT", "it is a date, not a time stamp", "write time and offset")
    except TraceError as error:
        yield _problem(field, value, error.code, error.fields["reason"], error.fields["repair"])


def _action(event: Mapping[str, Any]) -> Iterator[Problem]:
    if event["type"] == "TransformationEvent":
        if "action" in event:
            yield _problem("action", event["action"], "UNEXPECTED", "a TransformationEvent has no action", "leave it out")
    elif event.get("action") is None:
        yield _missing("action", "this type of event has one")
    elif event["action"] not in _ACTIONS:
        yield _problem("action", event["action"], "INVALID_ACTION", "it is no EPCIS action", "one of ADD, OBSERVE, DELETE")


def _objects(event: Mapping[str, Any]) -> Iterator[Problem]:
    def none_of(*fields: str) -> bool:
        return not any(event.get(field) for field in fields)

    match event["type"]:
        case "ObjectEvent":
            if none_of("epcList", "quantityList", "sensorElementList"):
                yield _missing("epcList", "an ObjectEvent names objects in epcList or quantityList")
        case "AggregationEvent" | "AssociationEvent":
            if none_of("parentID") and event.get("action") != "OBSERVE":
                yield _missing("parentID", "needed unless the action is OBSERVE")
            if none_of("childEPCs", "childQuantityList") and event.get("action") != "DELETE":
                yield _missing("childEPCs", "needed unless the action is DELETE")
        case "TransactionEvent":
            if none_of("bizTransactionList"):
                yield _missing("bizTransactionList", "a TransactionEvent has at least one")
        case _:
            whole = event.get("transformationID") is not None
            if none_of("inputEPCList", "inputQuantityList") and not (whole and not none_of("outputEPCList", "outputQuantityList")):
                yield _missing("inputEPCList", "needed unless a transformationID joins it to another event")
            if none_of("outputEPCList", "outputQuantityList") and not (whole and not none_of("inputEPCList", "inputQuantityList")):
                yield _missing("outputEPCList", "needed unless a transformationID joins it to another event")


def _lists(event: Mapping[str, Any]) -> Iterator[Problem]:
    if event.get("parentID") is not None and not _is_text(event["parentID"]):
        yield _problem("parentID", event["parentID"], "INVALID_VALUE", "it is no identifier", "give a URI")
    for field in _LISTS:
        for at, value in _entries(event, field):
            if not _is_uri(value):
                yield _problem(
                    f"{field}/{at}", value, "INVALID_VALUE", "it is no URI of an object", "give an EPC URN or Digital Link"
                )
    for field in _QUANTITIES:
        for at, value in _entries(event, field):
            yield from _quantity(f"{field}/{at}", value)
    for field, item in _TYPED.items():
        for at, value in _entries(event, field):
            if not isinstance(value, dict) or not _is_text(value.get(item)):
                yield _problem(f"{field}/{at}", value, "INVALID_VALUE", f"it has no {item}", f"give {item} (and its type)")
            elif item != "bizTransaction" and not _is_text(value.get("type")):
                yield _problem(f"{field}/{at}/type", value.get("type"), "MISSING", "its type is missing", "add the type")


def _entries(event: Mapping[str, Any], field: str) -> Iterator[tuple[str, Any]]:
    value = event.get(field)
    if value is None:
        return
    if not isinstance(value, list):
        yield "", None
        return
    yield from ((str(at), entry) for at, entry in enumerate(value))


def _quantity(field: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict) or not _is_uri(value.get("epcClass")):
        yield _problem(field, value, "INVALID_VALUE", "a quantity element has an epcClass that is a URI", "give epcClass")
        return
    unknown = sorted(name for name in value if name not in ("epcClass", "quantity", "uom") and ":" not in name)
    if unknown:
        yield _problem(
            f"{field}/{unknown[0]}",
            value[unknown[0]],
            "UNKNOWN_FIELD",
            "a quantity element has no such field",
            "epcClass, quantity, uom",
        )
    amount = value.get("quantity")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0):
        yield _problem(f"{field}/quantity", amount, "INVALID_VALUE", "a quantity is a number of 0 or more", "write a JSON number")
    if value.get("uom") is not None and not _is_text(value["uom"]):
        yield _problem(f"{field}/uom", value["uom"], "INVALID_VALUE", "it is no unit", "a UN/ECE Rec 20 code such as KGM")


def _words(event: Mapping[str, Any]) -> Iterator[Problem]:
    for field, known in (("bizStep", BIZSTEPS), ("disposition", DISPOSITIONS)):
        value = event.get(field)
        if value is None:
            continue
        if not _is_text(value):
            yield _problem(field, value, "INVALID_VALUE", "it is no word", "a CBV word or a URI")
        elif ":" not in value and value not in known:
            yield _problem(
                field, value, "UNKNOWN_WORD", "it is no standard word of CBV 2.0", "use a standard word, or a URI for your own"
            )


def _places(event: Mapping[str, Any]) -> Iterator[Problem]:
    for field in ("readPoint", "bizLocation"):
        value = event.get(field)
        if value is not None and not (isinstance(value, dict) and _is_text(value.get("id"))):
            yield _problem(field, value, "INVALID_VALUE", "a place is an object with an id", f'write {{"id": "..."}} for {field}')
    for field in ("ilmd", "persistentDisposition"):
        if event.get(field) is not None and not isinstance(event[field], dict):
            yield _problem(field, event[field], "INVALID_VALUE", "it is no object", "give an object")
    if event.get("sensorElementList") is not None and not isinstance(event["sensorElementList"], list):
        yield _problem("sensorElementList", event["sensorElementList"], "INVALID_VALUE", "it is no list", "give a list of elements")
    if event.get("eventID") is not None and not _is_text(event["eventID"]):
        yield _problem("eventID", event["eventID"], "INVALID_VALUE", "it is no URI", "give a URI")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_uri(value: Any) -> bool:
    return _is_text(value) and ":" in value and " " not in value.strip()
