"""What a document of EPCIS 2.0 in JSON-LD must be: our own reading of the standard, as a JSON Schema.

Source: EPCIS 2.0 sections 7.3, 7.4 and 10, CBV 2.0 sections 7 and 8. GS1 publishes a schema of its own, which is not copied here.
"""

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator

from loaders.epcis_check import BIZSTEPS, DISPOSITIONS

URI = {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
EXTENSION = r"^[^:\s]+:"
AMOUNT = {"type": "number", "minimum": 0}


def a_list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


def closed(properties: dict[str, Any], required: Iterable[str] = (), extensible: bool = False) -> dict[str, Any]:
    """An object of these members and, where it may have them, extensions."""
    told = {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}
    return {**told, "patternProperties": {EXTENSION: {}}} if extensible else told


def word(known: Iterable[str]) -> dict[str, Any]:
    """A word of the standard, bare, or a URI."""
    return {"anyOf": [{"enum": sorted(known)}, URI]}


def typed(item: str, known: Iterable[str], required: Iterable[str]) -> dict[str, Any]:
    return a_list(closed({"type": word(known), item: URI}, [item, *required]))


PARTIES = ("owning_party", "possessing_party", "location")
TRANSACTIONS = (
    "bol",
    "cert",
    "desadv",
    "inv",
    "pedigree",
    "po",
    "poc",
    "prodorder",
    "recadv",
    "rma",
    "testprd",
    "testres",
    "upevt",
)
EPCS = a_list(URI)
QUANTITIES = a_list(
    closed({"epcClass": URI, "quantity": AMOUNT, "uom": {"type": "string", "pattern": "^[A-Z0-9]{2,3}$"}}, ["epcClass"])
)
PLACE = closed({"id": URI}, ["id"], extensible=True)
ERROR = closed({"declarationTime": TIME, "reason": word(("did_not_occur", "incorrect_data")), "correctiveEventIDs": a_list(URI)},
               ["declarationTime"], extensible=True)  # fmt: skip
DISPOSITION = word(DISPOSITIONS)
COMMON: dict[str, Any] = {
    "type": {}, "@context": {}, "eventID": URI, "eventTime": TIME, "recordTime": TIME,
    "eventTimeZoneOffset": {"type": "string", "pattern": r"^[+-](0\d|1[0-3]):[0-5]\d$|^[+-]14:00$"},
    "errorDeclaration": ERROR, "certificationInfo": {"anyOf": [URI, a_list(URI)]},
    "bizStep": word(BIZSTEPS), "disposition": DISPOSITION,
    "persistentDisposition": closed({"set": a_list(DISPOSITION), "unset": a_list(DISPOSITION)}),
    "readPoint": PLACE, "bizLocation": PLACE, "bizTransactionList": typed("bizTransaction", TRANSACTIONS, ()),
    "sourceList": typed("source", PARTIES, ["type"]), "destinationList": typed("destination", PARTIES, ["type"]),
    "sensorElementList": a_list(closed({"sensorMetadata": {"type": "object"}, "sensorReport": a_list({"type": "object"})},
                                       ["sensorReport"], extensible=True)),
}  # fmt: skip
ACTION = {"enum": ["ADD", "OBSERVE", "DELETE"]}
ILMD = {"type": "object"}


def either(*names: str) -> dict[str, Any]:
    return {"anyOf": [{"required": [name]} for name in names]}


def event(own: dict[str, Any], *rules: dict[str, Any], required: Iterable[str] = ("action",)) -> dict[str, Any]:
    needed = ["type", "eventTime", "eventTimeZoneOffset", *required]
    return {"allOf": [closed({**COMMON, **own}, needed, extensible=True), *rules]}


UNLESS = {"if": {"not": {"properties": {"action": {"const": "DELETE"}}}}, "then": either("childEPCs", "childQuantityList")}
PARENT = {"if": {"not": {"properties": {"action": {"const": "OBSERVE"}}}}, "then": {"required": ["parentID"]}}
PACKED = {"parentID": URI, "childEPCs": EPCS, "childQuantityList": QUANTITIES, "action": ACTION}
MADE = {"inputEPCList": EPCS, "inputQuantityList": QUANTITIES, "outputEPCList": EPCS, "outputQuantityList": QUANTITIES}
EVENTS = {
    "ObjectEvent": event({"epcList": EPCS, "quantityList": QUANTITIES, "action": ACTION, "ilmd": ILMD},
                         either("epcList", "quantityList", "sensorElementList")),
    "AggregationEvent": event(PACKED, UNLESS, PARENT),
    "AssociationEvent": event(PACKED, UNLESS, PARENT),
    "TransactionEvent": event({"parentID": URI, "epcList": EPCS, "quantityList": QUANTITIES, "action": ACTION},
                              required=("action", "bizTransactionList")),
    "TransformationEvent": event({**MADE, "transformationID": URI, "ilmd": ILMD}, {
        "anyOf": [{"allOf": [either("inputEPCList", "inputQuantityList"), either("outputEPCList", "outputQuantityList")]},
                  {"allOf": [either(*MADE), {"required": ["transformationID"]}]}]}, required=()),
}  # fmt: skip
ATTRIBUTE = closed({"id": URI, "attribute": {"type": ["string", "number", "object"]}}, ["id", "attribute"])
ELEMENT = closed({"id": URI, "attributes": {"type": "array", "items": ATTRIBUTE}, "children": a_list(URI)}, ["id"])
VOCABULARY = closed({"type": URI, "vocabularyElementList": a_list(ELEMENT)}, ["type"])
SCHEMA = closed(
    {
        "@context": a_list({"anyOf": [URI, {"type": "object", "additionalProperties": URI}]}),
        "type": {"const": "EPCISDocument"},
        "schemaVersion": {"const": "2.0"},
        "creationDate": TIME,
        "sender": {"type": "string"},
        "epcisHeader": closed({"epcisMasterData": closed({"vocabularyList": a_list(VOCABULARY)})}),
        "epcisBody": closed({"eventList": {"type": "array", "items": {
            "properties": {"type": {"enum": sorted(EVENTS)}}, "required": ["type"],
            "allOf": [{"if": {"properties": {"type": {"const": name}}}, "then": rule} for name, rule in EVENTS.items()]}}},
            ["eventList"]),
    },
    ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
)  # fmt: skip
_VALIDATOR = Draft202012Validator(SCHEMA)


def faults(document: Any) -> list[str]:
    """What is wrong with a document, each with its place; an empty list where it is valid."""
    return [f"{error.json_path}: {error.message[:300]}" for error in _VALIDATOR.iter_errors(document)]
