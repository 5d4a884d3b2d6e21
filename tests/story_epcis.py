"""What the contract manufacturer of the story tells: an EPCIS 2.0 document in JSON-LD, as its execution system would export it.

Things are GS1 keys (Digital Links): in-process material by GTIN and batch, doses by GTIN and serial number, boxes by GRAI. The bag
that comes from outside has an ISBT 128 number, for which GS1 has no key: it is written as a URI of its own, `isbt128:...`.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from tests.story import CDMO, HOSPITAL, NUMBER, Journey, Row, advice, gln, grai, gtin, link

WORDS = "https://helixworks.example/bizstep/"
"""Begins business steps that the CBV has no word for."""
_ITEMS = {"TH": 201, "AC": 202, "TD": 203, "EX": 204, "DS": 205, "QC": 206, "RT": 207, "R": 601, "M": 602, "V": 501}
"""Items of the manufacturer (its in-process material) and of its suppliers (their lots)."""
_STORES = {"CAS": "Cassette 3", "FRZ": "Vapour-phase freezer 1"}
"""Containers that stay at the manufacturer, or go with a dose."""
_UNITS = {"mL": "MLT"}
"""Units of the network in UN/ECE Recommendation 20, which has none for cells."""
_MADE = (f"THW-{NUMBER}-0", f"ACT-{NUMBER}", f"TRD-{NUMBER}-2", f"EXP-{NUMBER}", f"HAR-{NUMBER}", f"FIL-{NUMBER}")
Told = dict[str, Any]


def jsonld(told: Journey) -> bytes:
    """The document."""
    events = sorted(_events(told), key=lambda event: (event["recordTime"], event["eventTime"]))
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"cbvmda": "urn:epcglobal:cbv:mda:"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": events[-1]["recordTime"],
        "epcisHeader": {"epcisMasterData": {"vocabularyList": list(_master(told))}},
        "epcisBody": {"eventList": events},
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _site(word: str = "") -> Told:
    """The manufacturer's site, or a room of it, as a place."""
    return {"id": f"https://id.gs1.org/414/{gln(CDMO)}" + (f"/254/{word}" if word else "")}


def _thing(name: str) -> str:
    """The URI of a thing of the network."""
    if name.startswith("isbt128:"):
        return name
    if name.startswith("("):
        return link(name)
    if name[:3] in ("SHP", "DEW", "CAS", "FRZ"):
        return f"https://id.gs1.org/8003/{grai(name)}"
    bare = name.removeprefix("lot:").partition("@")[0]
    return f"https://id.gs1.org/01/{gtin(_ITEMS[bare.partition('-')[0]])}/10/{bare}"


def _listed(prefix: str, things: list[tuple[str, str, str]]) -> Told:
    """Lists of things: items by themselves, batches with their quantities."""
    single = [_thing(name) for name, _, _ in things if not _is_batch(name)]
    batches = []
    for name, quantity, unit in things:
        if _is_batch(name):
            amount = {"quantity": float(quantity), "uom": _UNITS[unit]} if unit in _UNITS else {}
            batches.append({"epcClass": _thing(name), **amount})
    return {key: value for key, value in ((f"{prefix}EPCList", single), (f"{prefix}QuantityList", batches)) if value}


def _is_batch(name: str) -> bool:
    return "/10/" in _thing(name)


def _event(type_: str, step: str, moment: str, recorded: str, **members: Any) -> Told:
    told = {"type": type_, "eventTime": moment, "eventTimeZoneOffset": moment[-6:], "recordTime": recorded}
    return told | {"bizStep": step} | members


def _order(told: Journey) -> Told:
    return {"type": "prodorder", "bizTransaction": f"urn:epcglobal:cbv:bt:{gln(HOSPITAL)}:COI-{NUMBER}"}


def _events(told: Journey) -> Iterator[Told]:
    yield from _taken_in(told)
    for number in _MADE:
        yield _made(told, told.row(CDMO, "step", id=number))
    yield from _sent(told)


def _taken_in(told: Journey) -> Iterator[Told]:
    """The shipper received and emptied, and the bag inspected: how many of its cells live."""
    received = told.row(CDMO, "handoff", id=f"waybill:SH-{NUMBER}@skylane")
    [box] = [end["source"] for end in told.ends(CDMO, "subject_of", target=received["id"])]
    yield _handed(told, "receiving", received["accepted_at"], received["recorded_at"], box, HOSPITAL, CDMO, "SH")
    [stay] = [row for row in told.rows(CDMO, "contained_in") if row["container"] == box]
    yield _packed("unpacking", stay["to"], stay["recorded_at"], stay)
    check = told.row(CDMO, "step", id=f"CHK-{NUMBER}")
    [living] = [row for row in told.rows(CDMO, "observation") if row["panel"] == "intake"]
    report = {"type": "https://helixworks.example/measure/viability", "value": float(living["value"]), "uom": "P1"}
    sensed = {"sensorMetadata": {"time": living["observed_at"], "dataProcessingMethod": "https://helixworks.example/method/7-AAD"}}
    yield _event(
        "ObjectEvent", "inspecting", check["ended_at"], check["recorded_at"], action="OBSERVE", disposition="conformant",
        epcList=[stay["content"]], readPoint=_site("intake"), sensorElementList=[{**sensed, "sensorReport": [report]}],
    )  # fmt: skip


def _made(told: Journey, step: Row) -> Told:
    """A step of manufacture."""
    inputs = [(end["source"], end["quantity"], end["unit"]) for end in told.ends(CDMO, "input_to", target=step["id"])]
    outputs = [(end["target"], end["quantity"], end["unit"]) for end in told.ends(CDMO, "output", source=step["id"])]
    master = {"ilmd": {"cbvmda:lotNumber": outputs[0][0]}} if len(outputs) == 1 else {}
    return _event(
        "TransformationEvent",
        WORDS + step["type"],
        step["ended_at"],
        step["recorded_at"],
        transformationID=f"https://helixworks.example/batch/{step['id']}",
        **_listed("input", inputs),
        **_listed("output", outputs),
        **master,
        readPoint=_site("cleanroom"),
        bizLocation=_site(),
        bizTransactionList=[_order(told)],
    )


def _sent(told: Journey) -> Iterator[Told]:
    """The dose packed and stored, released as it stands in its cassette, and sent in a dewar."""
    for stay in told.rows(CDMO, "contained_in"):
        if stay["content"] == told.dose or stay["content"].startswith("CAS-"):
            for word, moment in (("packing", stay["from"]), ("unpacking", stay["to"])):
                if moment:
                    yield _packed(word, moment, stay["recorded_at"], stay)
    [stay] = [row for row in told.rows(CDMO, "contained_in") if row["content"] == told.dose]
    release = told.row(CDMO, "step", id=f"REL-{NUMBER}")
    yield {**_packed(WORDS + "release", release["ended_at"], release["recorded_at"], stay), "disposition": "conformant"}
    sent = told.row(CDMO, "handoff", id=f"waybill:BK-{NUMBER}@skylane")
    [box] = [end["source"] for end in told.ends(CDMO, "subject_of", target=sent["id"])]
    yield _handed(told, "shipping", sent["released_at"], sent["recorded_at"], box, CDMO, HOSPITAL, "BK")


def _packed(word: str, moment: str, recorded: str, stay: Row) -> Told:
    ends = {"parentID": _thing(stay["container"]), "childEPCs": [_thing(stay["content"])]}
    action = {"packing": "ADD", "unpacking": "DELETE"}.get(word, "OBSERVE")
    room = "intake" if stay["container"].startswith("SHP-") else "dispatch"
    return _event("AggregationEvent", word, moment, recorded, action=action, readPoint=_site(room), **ends)


def _handed(told: Journey, step: str, moment: str, recorded: str, box: str, giver: str, taker: str, word: str) -> Told:
    ends = {
        f"{name}List": [{"type": "location", name: f"https://id.gs1.org/414/{gln(who)}"}]
        for name, who in (("source", giver), ("destination", taker))
    }
    despatch = {"type": "desadv", "bizTransaction": advice(f"{word}-{NUMBER}", giver)}
    return _event(
        "ObjectEvent",
        step,
        moment,
        recorded,
        action="OBSERVE",
        disposition="in_transit" if step == "shipping" else "in_progress",
        epcList=[_thing(box)],
        readPoint=_site("dispatch" if step == "shipping" else "intake"),
        bizTransactionList=[despatch, _order(told)],
        **ends,
    )


def _master(told: Journey) -> Iterator[Told]:
    """What the rooms and the materials are called."""
    rooms = {"intake": "Helixworks intake", "cleanroom": "Helixworks clean room", "dispatch": "Helixworks dispatch"}
    site = {**_named(_site()["id"], "name", "Helixworks"), "children": [_site(word)["id"] for word in rooms]}
    yield {
        "type": "urn:epcglobal:epcis:vtype:Location",
        "vocabularyElementList": [site, *(_named(_site(word)["id"], "name", name) for word, name in rooms.items())],
    }
    materials = [_named(_thing(row["id"]), "descriptionShort", row["name"]) for row in told.rows(CDMO, "material") if row["name"]]
    suppliers = {"R": "activation beads", "V": "lentiviral vector", "M": "expansion medium"}
    lots = [end["source"] for end in told.rows(CDMO, "input_to") if end["source"].startswith("lot:")]
    materials += [_named(_thing(lot), "descriptionShort", suppliers[lot.removeprefix("lot:")[0]]) for lot in lots]
    yield {"type": "urn:epcglobal:epcis:vtype:EPCClass", "vocabularyElementList": materials}
    stores = [row["container"] for row in told.rows(CDMO, "contained_in") if row["container"][:3] in _STORES]
    named = [_named(_thing(store), "descriptionShort", _STORES[store[:3]]) for store in stores]
    yield {"type": "urn:epcglobal:epcis:vtype:EPCInstance", "vocabularyElementList": named}


def _named(id_: str, word: str, name: str) -> Told:
    return {"id": id_, "attributes": [{"id": f"cbvmda:{word}", "attribute": name}]}
