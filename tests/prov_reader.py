"""Reads a lineage written as PROV-JSON back into the answer it was written from, by what the `prov` package makes of it alone."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from prov.identifier import QualifiedName
from prov.model import Literal, ProvBundle, ProvDocument, ProvRecord, ProvRelation

OURS = "urn:veintrace:prov:1"
ASSIGNED = ("lot", "waybill", "local")
ENDS = ("performed_by", "at", "from", "to", "carried_by", "part_of", "for_episode")
FROM_TO = {
    "prov:Usage": ("prov:entity", "prov:activity"),
    "prov:Generation": ("prov:activity", "prov:entity"),
    "prov:Association": ("prov:activity", "prov:agent"),
    "prov:Delegation": ("prov:delegate", "prov:responsible"),
    "prov:Influence": ("prov:influencee", "prov:influencer"),
}
Attributes = dict[str, list[Any]]


def read(path: Path) -> ProvDocument:
    """A document as the package reads it, which wants no repair of it: a warning is an error in tests."""
    return ProvDocument.deserialize(str(path), format="json")


def answer_of(document: ProvDocument) -> dict[str, Any]:
    """The answer of `lineage --json` that a document tells, in the form of `normal`."""
    elements = _elements(document)
    [asked] = [told for told in elements.values() if "vp:Lineage" in told.get("prov:type", ())]
    related = [_relation(each) for each in document.get_records(ProvRelation)]
    ends = _ends(document)
    said = {_steward(elements, bundle): _said(bundle) for bundle in document.bundles}
    records, parties, outcomes = [], [], []
    for name, told in elements.items():
        if not {"vp:Lineage", "prov:Bundle"} & set(told.get("prov:type", ())):
            record = _record(name, told, ends.get(name, {}), said)
            if "vp:party" in told:
                parties.append(record)
            if "vp:outcome" in told:
                outcomes.append({**record, "about": sorted(told["vp:about"]), "evidence": _one(told, "vp:evidence")})
            elif "vp:evidence" in told:
                place = {"depth": _one(told, "vp:depth"), "after_use": _one(told, "vp:after_use")}
                records.append({**record, **place, "evidence": _one(told, "vp:evidence")})
    roots = asked["vp:root"]
    return normal(
        {
            "schema_version": 1,
            "root": roots[0] if len(roots) == 1 else None,
            "roots": roots,
            "direction": _one(asked, "vp:direction"),
            "as_of": {name[9:]: _one(asked, name) for name in asked if name.startswith("vp:as_of_")},
            "completeness": {
                "total": _one(asked, "vp:total"),
                "depth_reached": _one(asked, "vp:depth_reached"),
                "truncated": False,
                "reasons": [],
            },
            "events": _one(asked, "vp:events"),
            "records": records,
            "relations": [each for each in related if each and "stewards" in each],
            "parties": parties,
            "outcomes": outcomes,
        }
    )


def normal(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with its lists in an order that follows from what is in them. Of a disagreement who is shown first counts."""
    told = {**answer, "roots": sorted(answer["roots"])}
    for part in ("records", "parties", "outcomes"):
        told[part] = sorted((_normal_record(record) for record in answer[part]), key=lambda record: record["id"])
    told["relations"] = sorted(answer["relations"], key=_text)
    return told


def _normal_record(record: dict[str, Any]) -> dict[str, Any]:
    return {
        **record,
        "identifiers": sorted({_text(each) for each in record["identifiers"]}),
        "disagreements": sorted(
            (each["field"], each["values"][0]["steward"], sorted(map(_text, each["values"]))) for each in record["disagreements"]
        ),
    }


def _text(told: Any) -> str:
    return json.dumps(told, sort_keys=True)


# -- records


def _record(name: str, told: Attributes, ends: dict[str, str], said: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    disagreements = []
    for field, first in _under(told, "shown").items():
        words = [(steward, words[name][field]) for steward, words in said.items() if field in words.get(name, {})]
        words.sort(key=lambda word: (word[0] != first, word[0]))
        disagreements.append({"field": field, "values": [{"steward": steward, "value": value} for steward, value in words]})
    identifiers = []
    for scheme, values in _under(told, "identifier", many=True).items():
        for value in values:
            number, _, assigner = value.rpartition("@") if scheme in ASSIGNED else (value, "", "")
            identifiers.append({"scheme": scheme, "value": number, **({"assigner": assigner} if assigner else {})})
    return {
        "id": name,
        "ids": sorted([name, *told.get("vp:same_as", ())]),
        "kind": _kind(told),
        "label": _one(told, "prov:label"),
        "identifiers": identifiers,
        "steward": _one(told, "vp:steward"),
        "stewards": sorted(told.get("vp:stewards", ())),
        "stub": _one(told, "vp:stub") or False,
        "retracted": _one(told, "vp:retracted") or False,
        "start": _one(told, "vp:start"),
        "end": _one(told, "vp:end"),
        "values": _under(told, "value"),
        "ends": ends,
        "disagreements": disagreements,
    }


def _kind(told: Attributes) -> str | None:
    ours = [type_.removeprefix("vp:") for type_ in told.get("prov:type", ()) if type_.startswith("vp:")]
    return ours[0] if ours else None


def _ends(bundle: ProvBundle) -> dict[str, dict[str, str]]:
    """The relations that hold one end at a time, by record and name."""
    found: dict[str, dict[str, str]] = {}
    for each in map(_relation, bundle.get_records(ProvRelation)):
        if each and "stewards" not in each:
            found.setdefault(each["source"], {})[each["type"].lower()] = each["target"]
    for name, told in _elements(bundle).items():
        if "prov:location" in told:
            found.setdefault(name, {})["at"] = _one(told, "prov:location")
        for end in ENDS:
            if f"vp:{end}" in told:
                found[name][end] = _one(told, f"vp:{end}")
    return found


def _said(bundle: ProvBundle) -> dict[str, dict[str, Any]]:
    """What a steward says where stewards disagree: by record, field by field."""
    ends = _ends(bundle)
    return {
        name: {**_under(told, "value"), **ends.get(name, {}), **({"kind": _kind(told)} if _kind(told) else {})}
        for name, told in _elements(bundle).items()
    }


def _steward(elements: dict[str, Attributes], bundle: ProvBundle) -> str:
    return str(_one(elements[_name(bundle.identifier)], "vp:steward"))


def _elements(bundle: ProvBundle) -> dict[str, Attributes]:
    """All that is said of each element, by its name; a person is an entity and an agent."""
    found: dict[str, Attributes] = {}
    for record in bundle.get_records():
        if record.is_element():
            told = found.setdefault(_name(record.identifier), {})
            for name, values in _attributes(record).items():
                known = told.setdefault(name, [])
                known += [value for value in values if value not in known]
    return found


# -- relations


def _relation(record: ProvRecord) -> dict[str, Any] | None:
    """A relation of the answer; None for what PROV says besides, such as a derivation."""
    told = _attributes(record)
    if "vp:relation" not in told:
        return None
    source, target = FROM_TO[str(record.get_type())]
    type_ = _one(told, "vp:relation")
    if type_ == "OUTPUT" and str(record.get_type()) == "prov:Influence":
        source, target = target, source
    found = {"source": _one(told, source), "type": type_, "target": _one(told, target)}
    if "vp:stewards" not in told:
        return found
    found["stewards"] = sorted(told["vp:stewards"])
    names = {"role": "prov:role", "quantity": "vp:quantity", "unit": "vp:unit"}
    found |= {name: _one(told, attribute) for name, attribute in names.items() if attribute in told}
    if type_ == "CONTAINED_IN":
        found |= {"from": _one(told, "vp:start"), "to": _one(told, "vp:end")}
    return found


# -- attributes


def _attributes(record: ProvRecord) -> Attributes:
    found: Attributes = {}
    for name, value in record.attributes:
        found.setdefault(_name(name), []).append(_plain(value))
    return found


def _name(name: QualifiedName) -> str:
    """The name of a record without prefix; any other with one of ours, whatever the document calls it."""
    uri = name.namespace.uri
    if uri == "urn:veintrace:":
        return name.localpart
    prefix = {f"{OURS}#": "vp"}.get(uri) or uri.removeprefix(f"{OURS}:").removesuffix("#")
    return f"prov:{name.localpart}" if uri.startswith("http") else f"{prefix}:{name.localpart}"


def _plain(value: Any) -> Any:
    if isinstance(value, QualifiedName):
        return _name(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Literal):
        return {"xsd:integer": int, "rdf:JSON": json.loads}[str(value.datatype)](value.value)
    return value


def _one(told: Attributes, name: str) -> Any:
    values: Iterable[Any] = told.get(name, [None])
    [value] = values
    return value


def _under(told: Attributes, prefix: str, many: bool = False) -> dict[str, Any]:
    """The attributes of a namespace by their names, which are any texts."""
    found = {unquote(name.partition(":")[2]): values for name, values in told.items() if name.startswith(f"{prefix}:")}
    return found if many else {name: values[0] for name, values in found.items()}
