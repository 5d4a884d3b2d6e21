"""What a folder of FHIR holds, counted without our code: resources, and references that lead to none of them.

Only which members are followed is taken from what the loader promises; how references are written and resolved is FHIR's
(R5, 2.3.0.2 and 3.2.2): a relative one is of the server from which the bundle has the resource, if it says so.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLLOWED: dict[str, tuple[str, ...]] = {
    "AdverseEvent": ("subject", "suspectEntity.instance", "suspectEntity.instanceReference"),
    "BiologicallyDerivedProduct": ("parent", "request", "collection.source", "collection.collector", "processing.additive"),
    "BiologicallyDerivedProductDispense": ("product", "location", "destination", "basedOn"),
    "Condition": ("subject",),
    "Consent": ("patient", "subject"),
    "Device": (),
    "DiagnosticReport": ("basedOn", "specimen", "performer"),
    "Group": ("member.entity",),
    "Location": ("partOf", "managingOrganization"),
    "Medication": ("ingredient.itemReference", "ingredient.item.reference"),
    "MedicationAdministration": ("medicationReference", "medication.reference", "subject", "performer.actor"),
    "NutritionIntake": ("subject",),
    "Observation": ("subject", "focus", "specimen", "hasMember", "derivedFrom", "partOf"),
    "Organization": ("partOf",),
    "Patient": ("link.other",),
    "Procedure": ("subject", "basedOn", "performer.actor", "performer.onBehalfOf", "location", "usedReference", "used.reference"),
    "Provenance": ("target", "location", "agent.who", "agent.onBehalfOf"),
    "ResearchSubject": ("subject", "individual", "consent"),
    "ServiceRequest": ("subject",),
    "Specimen": (
        "subject",
        "parent",
        "request",
        "collection.collector",
        "collection.procedure",
        "processing.additive",
        "container.device",
    ),
    "SupplyDelivery": ("suppliedItem.itemReference", "supplier", "destination", "basedOn"),
    "Task": ("basedOn", "focus", "owner", "location", "input.valueReference", "output.valueReference"),
    "Transport": ("basedOn", "focus", "owner", "requestedLocation", "currentLocation", "input.valueReference"),
}
"""The members of each type of resource that lead to another record."""
_ENDS: dict[str, tuple[str, ...]] = {
    "parent": ("Specimen", "BiologicallyDerivedProduct", "Device"),
    "request": ("ServiceRequest",),
    "basedOn": ("ServiceRequest",),
    "target": ("Specimen", "BiologicallyDerivedProduct", "Device"),
    "who": ("Organization", "Location"),
    "actor": ("Organization", "Location"),
    "onBehalfOf": ("Organization", "Location"),
    "collector": ("Organization", "Location"),
    "performer": ("Organization", "Location"),
    "owner": ("Organization", "Location"),
    "consent": ("Consent",),
    "procedure": ("Procedure",),
    "partOf": ("Organization", "Location", *("Procedure", "Task", "Transport", "SupplyDelivery", "DiagnosticReport", "Provenance"),
               *("MedicationAdministration", "BiologicallyDerivedProductDispense")),
    "hasMember": ("Observation", "Condition", "NutritionIntake"),
    "derivedFrom": ("Observation", "Condition", "NutritionIntake", "Specimen", "Device"),
}  # fmt: skip
"""Where a member leads to records of some types alone."""
_PLACE = re.compile(r"(?P<base>https?://\S+/)?(?P<type>[A-Z]\w+)/(?P<id>[\w.-]+)(/_history/\S+)?\Z")


@dataclass
class Counted:
    """Resources by type, how many of these are read, and the targets of references that are not there."""

    types: Counter[str] = field(default_factory=Counter)
    dangling: set[str] = field(default_factory=set)

    @property
    def read(self) -> int:
        """Resources of types that are read."""
        return sum(count for type_, count in self.types.items() if type_ in FOLLOWED)


def counted(paths: list[Path]) -> Counted:
    """What some documents hold together."""
    told, known, wanted = Counted(), set[str](), set[str]()
    for path in paths:
        for resource, url in _resources(json.loads(path.read_bytes()), None):
            type_ = resource["resourceType"]
            told.types[type_] += 1
            if type_ not in FOLLOWED:
                continue
            match = _PLACE.match(url or "")
            server = match["base"] if match and (match["type"], match["id"]) == (type_, resource.get("id")) else ""
            place = f"{server}{type_}/{resource.get('id')}"
            known |= {place, *([url] if url and not server else [])}
            inner = {each["id"]: each["resourceType"] for each in resource.get("contained", []) if each.get("id")}
            known |= {f"{place}#{id_}" for id_, kind in inner.items() if kind in FOLLOWED}
            for each, prefix in ((resource, place), *((each, place) for each in resource.get("contained", []))):
                wanted |= set(_wanted(each, prefix, server, inner))
    told.dangling = wanted - known
    return told


def _resources(document: Any, url: str | None) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Resources that stand for themselves, with their URLs in bundles; those contained in others are parts of these."""
    if not isinstance(document, dict) or "resourceType" not in document:
        return
    if document["resourceType"] != "Bundle":
        yield document, url
        return
    for entry in document.get("entry", []):
        yield from _resources(entry.get("resource"), entry.get("fullUrl"))


def _wanted(resource: dict[str, Any], place: str, server: str, inner: dict[str, str]) -> Iterator[str]:
    """What the followed members of a resource lead to, if to records of ours."""
    for path in FOLLOWED.get(resource["resourceType"], ()):
        member = path.rpartition(".")[2]
        ends = _ENDS.get("" if path in ("used.reference", "medication.reference") else member, ())
        for reference in _at(resource, path.split(".")):
            if member != "focus" or reference.get("reference"):  # which may be of any type
                yield from _target(reference, place, server, inner, ends)


def _at(value: Any, names: list[str]) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _at(each, names)
    elif isinstance(value, dict):
        if names:
            yield from _at(value.get(names[0]), names[1:])
        else:
            inner = value.get("reference")
            yield inner if isinstance(inner, dict) else value


def _target(reference: dict[str, Any], place: str, server: str, inner: dict[str, str], ends: tuple[str, ...]) -> Iterator[str]:
    text = reference.get("reference", "")
    if text.startswith("#"):
        type_ = inner.get(text[1:], "")
        if type_ in FOLLOWED and (not ends or type_ in ends):
            yield f"{place}{text}"
    elif match := _PLACE.match(text):
        if match["type"] in FOLLOWED and match["type"] != "Group" and (not ends or match["type"] in ends):
            yield f"{match['base'] or server}{match['type']}/{match['id']}"
    elif text.startswith("urn:"):
        yield text
    elif not text and (named := reference.get("identifier")) and named.get("system") and named.get("value"):
        yield f"{named['value']}@{named['system']}"
