"""What names a resource of FHIR: its place, its identifiers, and what a reference to it says; and what may not name a person.

A resource is known by its place: its URL, where the bundle or the caller says on which server it is, else (`Specimen/1`) a local
number within its steward. So two servers of one steward that give out the same ids are never mixed up (FHIR R5, 2.3.0.2).

No number that a health system knows a person by is kept (21 CFR 1271.290(c)): with a secret key it becomes a keyed hash
(HMAC-SHA-256, RFC 2104), equal wherever system and value are; without one it is left out.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from graph import identifiers
from graph.errors import InvalidIdentifier
from graph.identifiers import Identifier
from loaders.epcis_words import local_word
from loaders.fhir_types import Coding, Concept, Ident, Reference

CLASS_OF = {
    "Organization": "organization",
    "Location": "organization",
    "Patient": "person",
    "ResearchSubject": "person",
    "ServiceRequest": "episode",
    "Specimen": "object",
    "BiologicallyDerivedProduct": "object",
    "Device": "object",
    "Medication": "object",
    "Procedure": "event",
    "Task": "event",
    "Transport": "event",
    "SupplyDelivery": "event",
    "BiologicallyDerivedProductDispense": "event",
    "MedicationAdministration": "event",
    "DiagnosticReport": "event",
    "Provenance": "event",
    "Observation": "observation",
    "Condition": "observation",
    "NutritionIntake": "observation",
    "AdverseEvent": "outcome",
    "Consent": "consent",
}
"""The class of the record that a resource of each type becomes."""
SUBJECTS = ("ResearchSubject",)
"""Types whose numbers are pseudonyms of persons: those of a study."""
DELIVERIES = ("SupplyDelivery", "Transport")
"""Types whose numbers other parties know too (R4 SupplyDelivery.identifier, R5 Transport.identifier)."""
HASHED = re.compile(r"hmac-[0-9a-f]{32}\Z")
"""How a keyed hash is written."""
ROW = "row_"
"""How the number of a resource without a place begins, which is computed from what it says; no id begins so."""
_OUR_URN = "urn:veintrace:"
_OURS = f"{_OUR_URN}organization:"
_PLACE = re.compile(r"(?P<base>https?://[^?#\s]+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/.*)?\Z")
_CONDITION = re.compile(r"(?:https?://[^?#\s]+/)?(?P<type>[A-Z][A-Za-z]+)\?identifier=(?:(?P<system>[^|&]*)\|)?(?P<value>[^|&]+)\Z")
_ABSOLUTE = ("urn:", "http://", "https://")
_MEANINGLESS = ("urn:uuid:", "urn:oid:")
_PSEUDONYM = "ANON"
_V2_0203 = ("http://terminology.hl7.org/CodeSystem/v2-0203", "http://hl7.org/fhir/v2/0203", "urn:oid:2.16.840.1.113883.18.108")
_PERSONAL_TYPES = frozenset(
    (
        *("AN", "ANC", "AND", "ANT", "BA", "BC", "BCT", "BR", "CZ", "DDS", "DL", "DN", "DP", "EI", "EN", "HC", "JHN", "LN", "MA"),
        *("MC", "MCD", "MCN", "MCR", "MD", "MI", "MR", "MRT", "MS", "NH", "NI", "NP", "NPI", "PA", "PC", "PE", "PEN", "PHC"),
        *("PHE", "PHO", "PI", "PN", "PNT", "PPIN", "PPN", "PRC", "PT", "RPH", "SB", "SR", "SS", "TAX", "TN", "UPIN", "WC", "WCN"),
    )
)
"""Types of identifiers that name persons (HL7 table 0203)."""
_PERSONAL_SYSTEMS = re.compile(
    r"(?i:(?<![a-z])(mrn|ssn|mbi|medical[- _]?record([- _]?number)?|nhs-?number|passport)s?(?![a-z]))|[a-z](MRN|SSN)s?(?![a-z])"
    r"|(?i:social security)|113883\.4\.(1|3\.\d+)\Z"
)
"""Systems, and words for types of identifiers, of record numbers: the last those of social security and of driving licences."""
_PERSONAL_VALUE = re.compile(r"(mrn|ssn):", re.IGNORECASE)
_PERSONAL_ID = re.compile(r"\d{3}-\d{2}-\d{4}\Z|(mrn|ssn)[-.]?\d+\Z", re.IGNORECASE | re.ASCII)
"""An id that is written as a social security or record number."""
_DONATION = re.compile(r"=?(?=.{0,4}[A-Z])[A-NP-Z1-9][A-Z0-9]{4}\d{8}(\d{2})?[0-9A-Z*]?\Z", re.ASCII)
"""A donation number of ISBT 128 under whatever system: the products of one donation share it."""
_GROUPS = frozenset(("ACSN", "FGN", "LACSN", "PGN"))
"""Types of identifiers that several orders or samples share (HL7 table 0203)."""
_FAMILIES = frozenset(("AN", "ANC", "AND", "ANT", "GI", "GN", "MB", "SN", "VN"))
"""Types of identifiers of accounts, guarantors, insurances and visits, which several persons share (HL7 table 0203)."""
_NO_NUMBER = ("", "na", "nil", "none", "null", "unk", "unknown")
_NAMED_BY_NUMBERS = ("organization", "person", "episode", "object")
_OF_A_KIND = ("Device", "Medication")
"""Types whose numbers may be of a kind of thing, unless a standard of single things or lots gives them out."""
_URI = "urn:ietf:rfc:3986"
_ISBT = "isbt128.org/uri/"
_GS1 = {"gtin", "gln", "sscc", "gsrn", "giai", "grai", "sgln", "pgln"}
_CHAIN = {"coi", "chainofidentity", "chainofidentityidentifier"}


class Named(NamedTuple):
    """A record that is named: its class, id and the text of the key."""

    cls: str
    record: str
    text: str


@dataclass(frozen=True)
class Names:
    """How the resources of one steward are named. `secret` keys the hashes of record numbers; without it there are none.

    `server` is the base URL that relative references are relative to where no bundle says so."""

    steward: str
    secret: bytes | None = None
    server: str = ""

    def place(self, type_: str, id_: str, server: str | None = None) -> Identifier:
        """The key that is a resource's place: its URL where its server is known, else a local number.

        The id of a person is hashed where its numbers are. Raises `InvalidIdentifier` for a URL that is none, and as `person`."""
        server, cls = server or self.server, CLASS_OF.get(type_)
        if cls == "person":
            id_ = self.person(id_, server)
        if server and cls:
            return identifiers.lenient(f"{server}{type_}/{id_}".replace("@", "%40"), cls=cls)
        return Identifier("local", f"{type_}/{id_}", self.steward)

    def person(self, id_: str, server: str | None = None) -> str:
        """The id of the resource of a person as it may be kept: hashed where numbers are.

        Raises `InvalidIdentifier` for one that is written as the number of a person, where none is hashed."""
        if self.secret is None and is_written_as_number(id_):
            raise InvalidIdentifier("", "an id that is the number of a person may not be kept", "set VEINTRACE_PSEUDONYM_KEY")
        return self._hash(server or self.server or self.steward, id_) if self.secret else id_

    def url(self, url: str, cls: str) -> Identifier | None:
        """The key that a URL or URN that is no place is; None for a search, and for what may hold the number of a person.

        Raises `InvalidIdentifier`."""
        if "?" in url:
            return None
        key = identifiers.lenient(url, cls=cls)
        return None if cls == "person" and key.scheme == "uri" and not url.startswith(_MEANINGLESS) else key

    def identifier(self, found: Ident, cls: str, *, pseudonym: bool = False) -> Identifier | None:
        """The key or label that a FHIR identifier is for a record of a class; None where it says nothing or may not be kept.

        With `pseudonym` what is no number of a health system names a person. Raises `InvalidIdentifier`."""
        value = found.value
        if not value:
            return None
        system = (found.system or "").replace("@", "%40")
        if system.startswith(_OURS):
            return identifiers.lenient(f"local:{value}@{unquote(system.removeprefix(_OURS))}", cls=cls)
        if is_personal(found, cls, pseudonym=pseudonym):
            if not HASHED.match(value):
                if self.secret is None:
                    return None
                value = self._hash(system, value)
            return identifiers.parse(f"local:{value}@{system or self.steward}", cls=cls)
        if cls == "event" and is_despatch_advice(found):
            return Identifier("despatch_advice", identifiers.canonical_uri(value))
        return _by_system(system, value, cls) or identifiers.lenient(f"local:{value}@{system or self.steward}", cls=cls)

    def refer(self, told: Reference, default: str, within: "Within") -> Named | None:
        """The record that a reference names, of the class `default` (if any) where its type is not told.

        None where it names none of ours. Raises `InvalidIdentifier`."""
        text = told.reference or ""
        if within.server is None:
            text = within.entries.urns.get(text, text)
        kind = within.kind(told)
        cls = CLASS_OF.get(kind) if kind is not None else default
        if not cls:
            return None
        if text.startswith("#"):
            return _named(cls, Identifier("local", self.inner(text[1:], cls, within), self.steward))
        if match := _PLACE.match(text):
            return _named(cls, self.place(match["type"], match["id"], match["base"] or within.server))
        if match := _CONDITION.match(text):
            key = self._of_number(Ident(system=unquote(match["system"] or ""), value=unquote(match["value"])), cls)
        elif text.startswith(_ABSOLUTE):
            key = self.url(text, cls)
        else:
            key = self._of_number(told.identifier, cls) if told.identifier and not text else None
        return _named(cls, key) if key and key.is_key else None

    def _of_number(self, ident: Ident, cls: str) -> Identifier | None:
        """The key that an identifier in place of a reference is. One without a system is anybody's, and may be of a person."""
        return self.identifier(ident, cls) if ident.system and not (cls == "person" and is_shared(ident)) else None

    def inner(self, id_: str, cls: str | None, within: "Within") -> str:
        """The number of a contained resource, or of the one that contains (no id)."""
        return f"{within.outer}#{self.person(id_, within.server) if cls == 'person' else id_}" if id_ else within.outer

    def operator(self, kind: str, reference: str) -> str | None:
        """The pseudonym of who acted: the place of the resource or its URN; where numbers are hashed, hashed likewise."""
        if (match := _PLACE.match(reference)) is None:
            urn = reference.startswith(_MEANINGLESS)
            return f"{kind}/{self._hash(self.steward, reference) if self.secret else reference}" if urn else None
        server = match["base"] or self.server
        return f"{match['type']}/{self._hash(server or self.steward, match['id']) if self.secret else match['id']}"

    def masked(self, reference: str, server: str | None) -> str | None:
        """A reference, or the URL of a resource, as it may be written: a person whose numbers are hashed by its hash.

        None for what may hold the number of a person: a search, a URL that is no place, any other text."""
        match = _PLACE.match(reference)
        if match is None:
            return reference if self._is_harmless(reference) else None
        if CLASS_OF.get(match["type"]) != "person":
            return reference
        if self.secret is None:
            return None if is_written_as_number(match["id"]) else reference
        return f"{match['base'] or ''}{match['type']}/{self.person(match['id'], match['base'] or server)}"

    def _is_harmless(self, reference: str) -> bool:
        if reference.startswith(_MEANINGLESS):
            return True
        if match := _CONDITION.match(reference):
            found = Ident(system=unquote(match["system"] or ""))
            return CLASS_OF.get(match["type"], "person") != "person" and not is_personal(found, "object")
        try:
            return reference.startswith(_ABSOLUTE) and identifiers.lenient(reference, cls="object").scheme != "uri"
        except InvalidIdentifier:
            return False

    def _hash(self, system: str, value: str) -> str:
        if HASHED.match(value):
            return value
        told = hmac.new(self.secret or b"", f"{system}\n{value}".encode(), hashlib.sha256)
        return f"hmac-{told.hexdigest()[:32]}"


_SEVERAL = ""
"""What a relative reference leads to that may lead to several."""


class Entries(NamedTuple):
    """What a bundle says of its entries: their types by their URLs, and the URNs that relative references in it lead to.

    One that is known by a URN has no server, and its id means nothing elsewhere (R5, 2.36.4.1)."""

    kinds: dict[str, str]
    urns: dict[str, str]

    def add(self, entry: Any) -> None:
        """Learn of an entry."""
        url, resource = (entry.get("fullUrl"), entry.get("resource")) if isinstance(entry, dict) else (None, None)
        kind, id_ = (resource.get("resourceType"), resource.get("id")) if isinstance(resource, dict) else (None, None)
        if isinstance(url, str) and isinstance(kind, str) and not _PLACE.match(url):
            self.kinds[url] = kind
            if isinstance(id_, str) and alone(url, id_):
                place = f"{kind}/{id_}"
                self.urns[place] = url if self.urns.get(place, url) == url else _SEVERAL


def alone(url: str | None, id_: str) -> bool:
    """Whether a URL is a URN that tells nothing of the id beside it, and so names the resource alone."""
    return url is not None and url.startswith(_MEANINGLESS) and not url.endswith(f":{id_}")


@dataclass(frozen=True)
class Within:
    """What surrounds a resource: the text `base` that names it, and the resource that contains it, or is it: its base, its type and
    the types of all it contains by their ids. `server` is where the bundle of `entries` has it, by its URL."""

    steward: str
    server: str | None
    base: str
    outer: str
    type: str
    types: Mapping[str, str]
    entries: Entries

    def kind(self, told: Reference) -> str | None:
        """The type of what a reference leads to; None where nobody says."""
        text = told.reference or ""
        if text.startswith("#"):
            return self.types.get(text[1:], "") if text[1:] else self.type
        if match := _PLACE.match(text) or _CONDITION.match(text):
            return match["type"]
        return self.entries.kinds.get(text) or (told.type.rpartition("/")[2] if told.type else None)


def _named(cls: str, key: Identifier) -> Named:
    return Named(cls, identifiers.record_id(cls, key), key.text)


def server_of(url: str | None, type_: str, id_: object) -> str | None:
    """The server of which a URL is the place of a resource of this type and id (None: any); None where it is not that."""
    match = _PLACE.match(url or "")
    return match["base"] if match and match["type"] == type_ and id_ in (None, match["id"]) else None


def id_of(url: str) -> str | None:
    """The id in a URL that is a place."""
    match = _PLACE.match(url)
    return match["id"] if match else None


def is_row(key: Identifier) -> bool:
    """Whether a key is that of a resource without a place."""
    return key.scheme == "local" and key.value.partition("/")[2].startswith(ROW)


def names_itself(url: str) -> bool:
    """Whether a URL or URN is no place, and so names a resource by itself."""
    return url.startswith(_ABSOLUTE) and not _PLACE.match(url)


def names_one(ident: Ident, cls: str, type_: str) -> bool:
    """Whether an identifier of a resource of a type, which becomes a record of a class, names that alone.

    FHIR asks this of none of them: tasks, reports and orders of one kind share theirs in real data, groups of orders and of samples
    have numbers, and a number without a system is anybody's."""
    if not ident.system or type_codes(ident.type) & _GROUPS:
        return False
    if cls != "person" and ident.system == _URI and (ident.value or "").startswith(f"{_OUR_URN}{cls}:"):
        return True
    if type_ in DELIVERIES:
        return is_despatch_advice(ident)
    if cls == "person" and is_shared(ident):
        return False
    if type_ in _OF_A_KIND:
        return ident.system == _URI or "gs1.org/" in ident.system or is_donation(ident)
    return cls in _NAMED_BY_NUMBERS and (cls == "person" or not is_personal(ident, cls))


def is_shared(ident: Ident) -> bool:
    """Whether several persons may have a number: of an account or insurance, a temporary one, one that stands for none."""
    text = "".join(filter(str.isalnum, ident.value or "")).lower()
    no_number = text in _NO_NUMBER or (len({*text}) == 1 and len(text) > 3)
    return no_number or ident.use == "temp" or bool(type_codes(ident.type) & _FAMILIES)


def type_codes(concept: Concept | None) -> set[str]:
    """The codes of HL7 table 0203 that say of what type an identifier is."""
    return {coding.code or "" for coding in concept.coding if not coding.system or coding.system in _V2_0203} if concept else set()


def _words(concept: Concept | None) -> list[str | None]:
    return [concept.text, *(coding.display for coding in concept.coding)] if concept else []


def is_personal(found: Ident, cls: str, *, pseudonym: bool = False) -> bool:
    """Whether an identifier is a number that a health system knows a person by: of persons any that is not said to be anonymous."""
    codes = type_codes(found.type)
    words = (found.system, *_words(found.type))
    if codes & _PERSONAL_TYPES or any(_PERSONAL_SYSTEMS.search(word) for word in words if word):
        return True
    if _PERSONAL_VALUE.match(found.value or ""):
        return True
    return cls == "person" and not pseudonym and _PSEUDONYM not in codes


def is_written_as_number(id_: str) -> bool:
    """Whether the id of a person is written as a number that persons are known by."""
    return _PERSONAL_ID.match(id_) is not None


def is_despatch_advice(ident: Ident) -> bool:
    """Whether an identifier is a despatch advice as EPCIS names it: a URI, whose type is the CBV's `desadv`."""
    codings = ident.type.coding if ident.type else []
    return ident.system == _URI and any(local_word(f"{each.system or ''}{each.code or ''}") == "desadv" for each in codings)


def is_gtin(coding: Coding) -> bool:
    """Whether a code is a GTIN of GS1, by its URL or the OID of GS1 (1.3.160)."""
    url = re.match(r"https?://(www\.)?gs1\.org/(.*/)?gtin\Z", coding.system or "", re.IGNORECASE)
    return bool(url or coding.system == "urn:oid:1.3.160") and (coding.code or "").isdecimal()


def is_donation(ident: Ident) -> bool:
    """Whether an identifier is a donation number of ISBT 128."""
    return bool(ident.value) and _is_donation(ident.system or "", ident.value or "")


def _is_donation(system: str, value: str) -> bool:
    return system.endswith("/DonationIdentificationNumber") or _DONATION.match(value) is not None


def _by_system(system: str, value: str, cls: str) -> Identifier | None:
    """What a value of a known system is; None of any other."""
    if cls == "object" and _is_donation(system, value):
        return identifiers.parse(f"din:{value}", cls=cls)  # which is no key even where it is wrong: products share it
    word = re.split(r"[/:]", system.rstrip("/"))[-1].lower()
    try:
        if system == _URI:
            return identifiers.lenient(value, cls=cls)
        if cls == "episode" and re.sub(r"[^a-z]", "", word) in _CHAIN:
            return identifiers.parse(f"coi:{value}", cls=cls)
        if cls == "object" and _ISBT in system and word == "singleeuropeancode":
            return identifiers.parse(f"sec:{value}", cls=cls)
        if "gs1.org/" in system and word in _GS1:
            return identifiers.parse(f"{word}:{value}", cls=cls)
    except InvalidIdentifier:
        return None
    return None
