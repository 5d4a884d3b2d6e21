"""A lineage as PROV-JSON (W3C Member Submission of 24 April 2013): what `lineage --json` tells, in the terms of PROV-DM.

`docs/prov.md` says what becomes what. Nothing that the answer tells is left out, so that it can be told again from the document.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from api.output import written_bytes
from api.render import SCHEMA_VERSION, lineage_json
from graph import identifiers, naming, times
from graph.errors import IncompleteAnswer
from graph.model import CONTAINER
from graph.record import SINGLE, Record, event_times
from graph.view import View
from queries.lineage import Lineage

NAMESPACES = {
    "vt": "urn:veintrace:",
    "vp": "urn:veintrace:prov:1#",
    "identifier": "urn:veintrace:prov:1:identifier#",
    "value": "urn:veintrace:prov:1:value#",
    "shown": "urn:veintrace:prov:1:shown#",
    "says": "urn:veintrace:prov:1:says#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
"""The namespaces of a document by their prefixes; `prov` and `xsd` are every document's."""

MOST_PAIRS = 1_000
"""Of a step that has more pairs of something taken in and something made, no derivations are written: they grow with the square."""

_ELEMENTS = {"event": "activity", "organization": "agent"}
"""What a record of each class is; anything else is an entity, and a person an agent besides."""
_PERSON = "person-"


class _Form(NamedTuple):
    """A relation of PROV-DM, and which of its ends are the source and the target of ours."""

    name: str
    source: str
    target: str


_USED = _Form("used", "prov:entity", "prov:activity")
_ASSOCIATED = _Form("wasAssociatedWith", "prov:activity", "prov:agent")
_INFLUENCED = _Form("wasInfluencedBy", "prov:influencee", "prov:influencer")
_TREATED = _Form("wasInfluencedBy", "prov:influencer", "prov:influencee")
_FORMS = {
    "INPUT_TO": _USED,
    "SUBJECT_OF": _USED,
    "OUTPUT": _Form("wasGeneratedBy", "prov:activity", "prov:entity"),
    "PERFORMED_BY": _ASSOCIATED,
    "FROM": _ASSOCIATED,
    "TO": _ASSOCIATED,
    "CARRIED_BY": _ASSOCIATED,
    "PART_OF": _Form("actedOnBehalfOf", "prov:delegate", "prov:responsible"),
}
"""What each type of relation becomes; any other is an influence of its target. `AT` is the attribute `prov:location`."""
_ROLES = {"PERFORMED_BY": "performer", "FROM": "giver", "TO": "taker", "CARRIED_BY": "carrier"}


def written(view: View, found: Lineage, out: Path) -> dict[str, Any]:
    """Write a lineage as PROV-JSON, whole or not at all; returns what to say of it.

    It tells what `lineage --json` tells this viewer. Raises `IncompleteAnswer` for a lineage that is not whole."""
    if not found.completeness.whole:
        raise IncompleteAnswer(found.completeness.reasons)
    answer = lineage_json(view, found)
    told = _Document(answer)
    told.tell(found.records)
    stewards = {
        steward for part in ("records", "parties", "relations", "outcomes") for each in answer[part] for steward in each["stewards"]
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "format": "prov",
        "roots": answer["roots"],
        "direction": answer["direction"],
        "as_of": answer["as_of"],
        "records": len(answer["records"]),
        "statements": told.count,
        "stewards": sorted(stewards),
        "file": written_bytes(out, orjson.dumps(told.document, option=orjson.OPT_INDENT_2)),
    }


class _Document:
    """A document in the making. A bundle in it holds what one steward says where stewards disagree."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.document: dict[str, Any] = {"prefix": NAMESPACES}
        self.count = 0
        told = (*answer["records"], *answer["parties"], *answer["outcomes"])
        self._owner = {twin: record["id"] for record in told for twin in record["ids"]}
        self._bundles: dict[str, dict[str, Any]] = {}

    def tell(self, records: Mapping[str, Record]) -> None:
        """Write the whole answer, of which these are the records by id."""
        self._answer()
        parties = {party["id"]: party for party in self.answer["parties"]}
        for told in self.answer["records"]:
            extra = {"vp:party": True} if parties.pop(told["id"], None) else {}
            self._record(told, {**_times(told, records[told["id"]]), **_place(told), **extra})
        for told in parties.values():
            self._record(told, {"vp:party": True})
        for told in self.answer["outcomes"]:
            self._outcome(told)
        for relation in self.answer["relations"]:
            self._relation(self.document, relation["type"], relation["source"], relation["target"], _properties(relation))
        self._derivations()
        if self._bundles:
            self.document["bundle"] = self._bundles

    # -- the answer itself

    def _answer(self) -> None:
        """An entity that says what was asked, and as of when."""
        answer = self.answer
        named = orjson.dumps([answer["roots"], answer["direction"], answer["as_of"]]).decode()
        whole = answer["completeness"]
        attributes = {
            "prov:type": _name("vp:Lineage"),
            "vp:root": [_name(f"vt:{root}") for root in answer["roots"]],
            "vp:direction": answer["direction"],
            **{f"vp:as_of_{name}": _literal(value) for name, value in answer["as_of"].items()},
            "vp:total": _literal(whole["total"]),
            "vp:depth_reached": _literal(whole["depth_reached"]),
            "vp:events": _literal(answer["events"]),
        }
        self._element(self.document, "entity", f"vt:{identifiers.keyed_id('lineage', named)}", attributes)

    # -- records

    def _record(self, told: dict[str, Any], attributes: dict[str, Any]) -> None:
        """One record with all that is shown of it, and what else stewards say in bundles of theirs."""
        flags = {f"vp:{name}": True for name in ("stub", "retracted") if told[name]}
        same = [_name(f"vt:{twin}") for twin in told["ids"] if twin != told["id"]]
        attributes = {
            "prov:label": told["label"],
            **({"vp:same_as": same} if same else {}),
            **_identifiers(told["identifiers"]),
            **({"vp:steward": told["steward"], "vp:stewards": told["stewards"]} if told["stewards"] else {}),
            **flags,
            **{_local("shown", each["field"]): each["values"][0]["steward"] for each in told["disagreements"]},
            **attributes,
        }
        self._says(self.document, told["id"], told["kind"], told["values"], told["ends"], attributes)
        if told["id"].startswith(_PERSON):
            agent = {"prov:type": _name("prov:Person"), "prov:label": told["label"]}
            self._element(self.document, "agent", f"vt:{told['id']}", agent)
        for steward, words in _by_steward(told["disagreements"]).items():
            ends = {name: words.pop(name) for name in list(words) if name.upper() in SINGLE}
            self._says(self._bundle(steward), told["id"], words.pop("kind", None), words, ends, {})

    def _outcome(self, told: dict[str, Any]) -> None:
        """An outcome that is attributed to records of the lineage: it was influenced by them."""
        about = [_name(f"vt:{record}") for record in told["about"]]
        self._record(told, {"vp:outcome": True, "vp:about": about, "vp:evidence": _literal(told["evidence"])})
        for record in told["about"]:
            self._statement(
                self.document, "wasInfluencedBy", {"prov:influencee": f"vt:{told['id']}", "prov:influencer": f"vt:{record}"}
            )

    def _says(
        self,
        into: dict[str, Any],
        record: str,
        kind: str | None,
        values: dict[str, Any],
        ends: dict[str, str],
        more: dict[str, Any],
    ) -> None:
        """A record's kind, values and single ends as somebody says them, with `more` attributes."""
        cls = record.partition("-")[0]
        types = ([f"vp:{kind}"] if kind else []) + (["prov:Organization"] if cls == "organization" else [])
        named = {name: end for name, end in ends.items() if self._owner.get(end, end) != end}
        attributes = {
            **({"prov:type": [_name(type_) for type_ in types]} if types else {}),
            **more,
            **{_local("value", name): _literal(value) for name, value in values.items()},
            **({"prov:location": _name(f"vt:{self._owner.get(ends['at'], ends['at'])}")} if "at" in ends else {}),
            **{f"vp:{name}": _name(f"vt:{end}") for name, end in named.items()},
        }
        self._element(into, _ELEMENTS.get(cls, "entity"), f"vt:{record}", attributes)
        for name, end in ends.items():
            if name != "at":
                type_ = name.upper()
                role = {"prov:role": _ROLES[type_]} if type_ in _ROLES else {}
                self._relation(into, type_, record, self._owner.get(end, end), role)

    def _bundle(self, steward: str) -> dict[str, Any]:
        """The bundle of what a steward says; it is an entity, attributed to the steward."""
        name = _local("says", steward)
        if name not in self._bundles:
            self._bundles[name] = {}
            self._element(self.document, "entity", name, {"prov:type": _name("prov:Bundle"), "vp:steward": steward})
            speaker = naming.steward_id(steward)
            ends = {"prov:entity": name, "prov:agent": f"vt:{self._owner.get(speaker, speaker)}"}
            self._statement(self.document, "wasAttributedTo", ends)
        return self._bundles[name]

    # -- relations

    def _relation(self, into: dict[str, Any], type_: str, source: str, target: str, properties: dict[str, Any]) -> None:
        form = _FORMS.get(type_, _INFLUENCED)
        if type_ == "OUTPUT" and target.startswith(_PERSON):
            form = _TREATED
        ends = {form.source: f"vt:{source}", form.target: f"vt:{target}"}
        self._statement(into, form.name, {**ends, "vp:relation": type_, **properties})

    def _derivations(self) -> None:
        """What was made of what: each output of a step from each of its inputs.

        A container that goes into a step stands for its contents, so that nothing is made of it; and nobody is made."""
        boxes = {record["id"] for record in self.answer["records"] if record["kind"] == "Container"}
        taken, made = defaultdict(list), defaultdict(list)
        for relation in self.answer["relations"]:
            type_, source, target = relation["type"], relation["source"], relation["target"]
            if type_ == "INPUT_TO":
                taken[target].append(source)
            elif type_ == "OUTPUT" and not target.startswith(_PERSON):
                made[source].append(target)
            elif type_ == "CONTAINED_IN":
                boxes.add(target)
            elif relation.get("role") == CONTAINER:
                boxes.add(source)
        for step, outputs in made.items():
            inputs = [source for source in taken[step] if source not in boxes]
            if len(inputs) * len(outputs) <= MOST_PAIRS:
                for output in outputs:
                    for source in inputs:
                        if source != output:
                            ends = {"prov:generatedEntity": f"vt:{output}", "prov:usedEntity": f"vt:{source}"}
                            self._statement(self.document, "wasDerivedFrom", {**ends, "prov:activity": f"vt:{step}"})

    # -- writing

    def _element(self, into: dict[str, Any], kind: str, name: str, attributes: dict[str, Any]) -> None:
        into.setdefault(kind, {})[name] = attributes
        self.count += 1

    def _statement(self, into: dict[str, Any], kind: str, attributes: dict[str, Any]) -> None:
        """A relation without a name: blank identifiers are unique in the whole document, bundles and all."""
        self.count += 1
        into.setdefault(kind, {})[f"_:{self.count}"] = attributes


def _times(told: dict[str, Any], record: Record) -> dict[str, Any]:
    """When an event started and ended. PROV's own times are instants: a day or month that somebody tells is none."""
    if told["start"] is None:
        return {}
    words = record.words.values()
    exact = {times.iso(times.span(text)[0]) for word in words for text in event_times(word) if text and len(text) > 10}
    return {
        **{f"prov:{name}Time": told[name] for name in ("start", "end") if told[name] in exact},
        **{f"vp:{name}": _instant(told[name]) for name in ("start", "end")},
    }


def _place(told: dict[str, Any]) -> dict[str, Any]:
    """Where a record stands in the lineage, and where what is said of it is written."""
    return {
        **({"vp:depth": _literal(told["depth"])} if told["depth"] is not None else {}),
        "vp:after_use": told["after_use"],
        "vp:evidence": _literal(told["evidence"]),
    }


def _properties(relation: dict[str, Any]) -> dict[str, Any]:
    """The properties of a relation. `from` and `to` of a stay are its start and end."""
    told: dict[str, Any] = {"vp:stewards": relation["stewards"]}
    if "role" in relation:
        told["prov:role"] = relation["role"]
    for name in ("quantity", "unit"):
        if name in relation:
            told[f"vp:{name}"] = _literal(relation[name])
    for name, end in (("start", "from"), ("end", "to")):
        if relation.get(end) is not None:
            told[f"vp:{name}"] = _instant(relation[end])
    return told


def _identifiers(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Identifiers by scheme, as `VALUE` or `VALUE@ASSIGNER`."""
    told: dict[str, list[str]] = {}
    for each in found:
        value = f"{each['value']}@{each['assigner']}" if "assigner" in each else each["value"]
        told.setdefault(f"identifier:{each['scheme']}", []).append(value)
    return told


def _by_steward(disagreements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each steward says of the fields on which stewards disagree."""
    told: dict[str, dict[str, Any]] = {}
    for each in disagreements:
        for word in each["values"]:
            told.setdefault(word["steward"], {})[each["field"]] = word["value"]
    return told


def _local(prefix: str, name: str) -> str:
    """A qualified name for any text: percent-encoded, with no dot, which may not end one (PROV-N section 3.7.1)."""
    return f"{prefix}:{quote(name, safe='').replace('.', '%2E')}"


def _name(qualified: str) -> dict[str, str]:
    """A qualified name as a value."""
    return {"$": qualified, "type": "xsd:QName"}


def _instant(text: str) -> dict[str, str]:
    return {"$": text, "type": "xsd:dateTime"}


def _literal(value: Any) -> Any:
    """A value as a literal that keeps it exactly: texts and truth values as they are, numbers by type, all else as JSON."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return {"$": str(value), "type": "xsd:integer"}
    if isinstance(value, float):
        return {"$": repr(value), "type": "xsd:double"}
    return {"$": orjson.dumps(value).decode(), "type": "rdf:JSON"}
