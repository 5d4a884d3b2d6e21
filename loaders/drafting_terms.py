"""What systems of the field call things: words by which a draft of a mapping knows kinds, columns, codes, and what is private."""

import re
from collections.abc import Sequence

from loaders.mapping_files import NO_CODES

KIND_WORDS: dict[str, tuple[str, ...]] = {
    "person": ("patient", "donor", "person", "subject", "recipient", "spender"),
    "organization": ("organization", "organisation", "site", "department", "hospital", "facility", "location", "clinic", "centre"),
    "episode": ("episode", "order", "therapy", "request", "journey"),
    "material": (
        "material",
        "bag",
        "product",
        "sample",
        "specimen",
        "dose",
        "lot",
        "component",
        "unit",
        "reagent",
        "device",
        "batch",
    ),
    "container": ("container", "freezer", "shipper", "dewar", "rack", "box", "cassette"),
    "step": (
        "step",
        "process",
        "procedure",
        "collection",
        "apheresis",
        "infusion",
        "thaw",
        "encounter",
        "medication",
        "immunization",
    ),
    "handoff": ("handoff", "shipment", "transport", "transfer", "delivery", "dispatch", "receipt"),
    "observation": (
        "observation",
        "lab",
        "result",
        "test",
        "measurement",
        "qc",
        "vital",
        "condition",
        "allergy",
        "allergie",
        "assay",
    ),
    "outcome": ("outcome", "adverse", "toxicity", "response", "follow"),
    "consent": ("consent",),
}
"""Words in the names of files and sheets, by kind."""

TOTALS = frozenset((
    "total", "totals", "grand total", "subtotal", "sub-total", "sum", "overall", "summe", "gesamt", "gesamtsumme", "zwischensumme",
    "insgesamt", "somme", "totale", "totaal", "suma", "soma",
))  # fmt: skip
"""What stands where a row would be named, in rows that sum up others."""
_DATE_OF = ("date", "time", "datetime", "timestamp")
_WHO = ("patient", "patient id", "donor", "donor id", "person", "person id", "subject", "subject id", "recipient")
_EPISODE = ("coi", "chain of identity", "coi id", "episode", "therapy order", "order", "for episode")
_WHERE = ("performed by", "department", "organization", "organisation", "performer", "centre", "facility")

FIELD_TERMS: dict[str, dict[str, tuple[str, ...]]] = {
    "person": {
        "id": ("id", "pseudonym", *_WHO),
        "role": ("role",),
        "sex": ("sex", "gender", "geschlecht"),
        "birth_year": ("birth year", "year of birth", "birthdate", "birth date", "date of birth", "dob", "yob", "geburtsjahr"),
        "blood_group": ("blood group", "abo", "blood type", "blutgruppe"),
        "rh": ("rh", "rhesus", "rhd", "rh factor"),
    },
    "organization": {
        "id": ("id", "code", "org", "organization", "organisation", "site id", "site code", "department"),
        "name": ("name", "title"),
        "type": ("type",),
        "part_of": ("part of", "parent", "parent organization", "belongs to"),
        "time_zone": ("time zone", "timezone", "tz"),
        "country": ("country", "country code"),
    },
    "episode": {
        "id": ("id", *_EPISODE, "order number", "order no"),
        "person": _WHO,
        "intent": ("intent", "autologous"),
        "therapy": ("therapy", "product", "treatment", "protocol"),
        "indication": ("indication", "diagnosis", "disease", "diagnose"),
        "ordered_at": ("ordered at", "ordered", "order date", *_DATE_OF),
        "status": ("status", "state"),
    },
    "material": {
        "id": (
            "id",
            "bag",
            "bag no",
            "bag number",
            "bag id",
            "unit number",
            "unit no",
            "unit id",
            "donation number",
            "donation",
            "din",
            "product id",
            "material",
            "material id",
            "sample",
            "sample id",
            "specimen id",
            "barcode",
            "udi",
            "lot",
            "lot number",
            "lot no",
            "batch",
            "batch no",
            "charge",
            "beutel",
            "beutel nr",
            "number",
            "no",
        ),
        "type": ("type", "material type", "product type"),
        "name": ("name", "product name", "product", "description", "material name", "produkt"),
        "product_code": ("product code", "code", "component code", "produktcode"),
        "quantity": ("quantity", "volume", "amount", "weight", "qty", "vol", "volumen", "menge"),
        "unit": ("unit", "units", "uom", "einheit"),
        "expires_at": ("expires at", "expiry", "expiration", "expiry date", "expiration date", "expires", "exp date", "verfall"),
        "preservation": ("preservation", "storage state"),
        "status": ("status", "state"),
        "for_episode": _EPISODE,
    },
    "container": {
        "id": ("id", "container", "container id", "freezer", "shipper", "dewar", "rack", "box", "number", "no"),
        "type": ("type", "container type"),
        "name": ("name", "description"),
        "status": ("status", "state"),
    },
    "step": {
        "id": (
            "id",
            "step",
            "step id",
            "procedure id",
            "run",
            "run id",
            "batch record",
            "encounter id",
            "event id",
            "number",
            "no",
        ),
        "type": ("type", "step type", "procedure", "encounterclass", "class", "process", "operation", "activity"),
        "started_at": (
            "started at",
            "start",
            "started",
            "begin",
            "from",
            "start date",
            "start time",
            "collected",
            "collected at",
            "performed",
            "performed at",
            "beginn",
            *_DATE_OF,
        ),
        "ended_at": ("ended at", "end", "ended", "stop", "finished", "completed", "to", "end date", "end time", "ende"),
        "planned_at": ("planned at", "planned", "scheduled", "planned date"),
        "status": ("status", "state"),
        "failure_reason": ("failure reason", "failure", "reason of failure", "abort reason"),
        "protocol": ("protocol", "sop", "description", "batch record version"),
        "equipment": ("equipment", "device", "machine", "instrument", "gerät"),
        "operator": ("operator", "operator id", "technician id"),
        "disposition": ("disposition",),
        "performed_by": _WHERE,
        "at": ("at", "site", "location", "place", "room"),
        "for_episode": _EPISODE,
    },
    "handoff": {
        "id": ("id", "shipment", "shipment id", "shipment no", "waybill", "handoff", "transfer id", "delivery", "number", "no"),
        "type": ("type", "mode"),
        "released_at": ("released at", "released", "dispatched", "sent", "ship date", "shipped", "handed over"),
        "picked_up_at": ("picked up at", "picked up", "pickup", "pick up", "collected"),
        "delivered_at": ("delivered at", "delivered", "delivery date", "arrived", "arrival"),
        "accepted_at": ("accepted at", "accepted", "received", "received at", "receipt date"),
        "refused_at": ("refused at", "refused", "rejected"),
        "agreed_release_at": ("agreed release at", "agreed release", "planned pickup"),
        "agreed_delivery_at": ("agreed delivery at", "agreed delivery", "planned delivery", "due"),
        "notified_at": ("notified at", "notified"),
        "acknowledged_at": ("acknowledged at", "acknowledged"),
        "priority": ("priority", "urgency"),
        "preservation": ("preservation",),
        "discrepancy_code": ("discrepancy code", "reason code"),
        "discrepancy": ("discrepancy", "remark", "deviation"),
        "from": ("from", "sender", "origin", "giver", "consignor"),
        "to": ("to", "receiver", "destination", "taker", "consignee"),
        "carried_by": ("carried by", "carrier", "courier"),
        "for_episode": _EPISODE,
    },
    "observation": {
        "about": ("about", *_WHO, "sample", "sample id", "specimen", "bag", "bag no", "material", "container"),
        "code": ("code", "test", "analyte", "parameter", "loinc", "measurement", "test code", "item"),
        "comparator": ("comparator", "operator"),
        "value": ("value", "result", "reading", "measured value", "wert", "ergebnis"),
        "value_text": ("value text", "text", "finding", "description", "result text"),
        "unit": ("unit", "units", "uom", "einheit"),
        "observed_at": ("observed at", "observed", "measured", "measured at", "effective", "sampled", "result date", *_DATE_OF),
        "started_at": ("started at", "start", "from", "onset"),
        "ended_at": ("ended at", "end", "stop", "to"),
        "method": ("method", "instrument", "device"),
        "panel": ("panel", "category", "profile"),
    },
    "outcome": {
        "about": ("about", *_WHO),
        "attributed_to": ("attributed to", "product", "dose", "bag"),
        "for_episode": _EPISODE,
        "type": ("type", "outcome type", "category"),
        "term": ("term", "event", "response", "description", "outcome"),
        "grade": ("grade", "ctcae grade", "severity"),
        "occurred_at": ("occurred at", "occurred", "onset", *_DATE_OF),
    },
    "consent": {
        "id": ("id", "consent", "consent id", "form no"),
        "person": _WHO,
        "purposes": ("purposes", "purpose", "scope"),
        "valid_from": ("valid from", "from", "signed", "start", "given", *_DATE_OF),
        "valid_to": ("valid to", "to", "until", "end"),
        "withdrawn_at": ("withdrawn at", "withdrawn", "revoked"),
    },
}
"""Names of columns, by kind and column of the bundle, the likeliest first."""

COMMON_TERMS = {
    "identifiers": ("identifiers", "other ids", "aliases"),
    "steward": ("steward",),
    "recorded_at": ("recorded at", "recorded", "entered", "entered at", "exported", "exported at", "updated at", "last modified"),
    "retract": ("retract",),
}
"""Names of columns that every kind may have."""

CODE_WORDS: dict[str, tuple[str, ...]] = {
    "female": ("f", "w", "woman", "weiblich"),
    "male": ("m", "man", "männlich"),
    "other": ("o", "x", "d", "divers", "diverse"),
    "unknown": ("u", "unk", "unbekannt"),
    "positive": ("pos", "+", "p", "rh+"),
    "negative": ("neg", "-", "n", "rh-"),
    "completed": ("complete", "done", "finished", "ok", "closed", "fertig"),
    "failed": ("failure", "fail", "nok"),
    "aborted": ("abort", "cancelled", "canceled", "stopped"),
    "in_progress": ("running", "started", "ongoing", "open"),
    "planned": ("scheduled",),
    "fresh": ("liquid", "frisch"),
    "cryopreserved": ("frozen", "cryo", "kryo", "ln2"),
    "thawed": ("aufgetaut",),
    "urgent": ("express", "high"),
    "routine": ("normal", "standard"),
    "emergency": ("stat",),
    "autologous": ("auto", "autolog"),
    "allogeneic": ("allo", "allogen"),
    "blood_centre": ("blood center", "blood bank"),
    "sample": ("specimen",),
    "dose": ("infusion bag",),
}
"""What systems write for a word of the model."""

_NAMES = (
    "name",
    "first",
    "last",
    "middle",
    "maiden",
    "given",
    "family",
    "surname",
    "forename",
    "firstname",
    "lastname",
    "prefix",
    "suffix",
    "initials",
    "nachname",
    "vorname",
    "ownername",
)
_ALWAYS = (
    "ssn",
    "mrn",
    "passport",
    "drivers",
    "driver",
    "licence",
    "license",
    "address",
    "street",
    "city",
    "county",
    "zip",
    "postcode",
    "phone",
    "telephone",
    "mobile",
    "fax",
    "email",
    "mail",
    "birthplace",
    "insurance",
    "memberid",
    "lat",
    "lon",
    "latitude",
    "longitude",
    "ethnicity",
    "race",
    "marital",
    "adresse",
    "telefon",
)
_PHRASES = ("social security", "medical record", "health card", "member id", "national id", "zip code")
_HOLDERS = ("patient", "donor", "person", "owner", "operator", "contact", "physician", "doctor", "provider", "subject", "recipient")
_THINGS = (
    "product",
    "material",
    "organization",
    "organisation",
    "site",
    "test",
    "file",
    "container",
    "item",
    "department",
    "equipment",
)
_SECURITY_NUMBER = re.compile(r"\d{3}-\d{2}-\d{4}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)


def plain(name: str) -> str:
    """A name of a column in small words: `StartDate`, `START_DATE` and `Start date (UTC)` are `start date`."""
    bare = re.sub(r"[(\[].*?[)\]]", " ", name)
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", bare))).casefold()


def singular(words: str) -> set[str]:
    """The words of a name, those in the plural without their `s`, too."""
    told = {*plain(words).split()}
    return told | {word[:-1] for word in told if word.endswith("s")} | {word[:-3] + "y" for word in told if word.endswith("ies")}


def is_private(name: str, values: Sequence[str], kind: str | None) -> bool:
    """Whether a column may lead to a person by its name or by what it holds, and so may not be loaded (21 CFR 1271.290).

    What a thing or an organisation is called is not private: its `kind` says so, or another word of the column's name."""
    words = {*plain(name).split()}
    if NO_CODES.search(name) or words & {*_ALWAYS} or any(phrase in plain(name) for phrase in _PHRASES):
        return True
    if any(_SECURITY_NUMBER.fullmatch(value) or _MAIL.fullmatch(value) for value in values[:200]):
        return True
    things = kind in ("organization", "material", "container") or bool(words & {*_THINGS})
    if words and words <= {*_NAMES, *_HOLDERS} and words & {*_NAMES}:
        return not (things and words == {"name"})
    return "name" in words and not (things and not words & {*_HOLDERS})
