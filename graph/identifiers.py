"""Identifiers: which schemes there are, which of them name one thing (keys), and the ids computed from them.

An identifier is a scheme, a value and, where values are given out locally, an assigner. A text becomes one by `parse`;
GS1 keys come in any of their forms and have one canonical form (`graph.gs1`), so the EPC URN and the Digital Link of
one object are one identifier.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from graph import gs1, isbt128
from graph.errors import InvalidIdentifier
from graph.model import CLASSES as _KINDS

CLASSES = tuple(_KINDS)
"""The class words of ids."""

_OBJECT, _EVENT, _PERSON, _PARTY = ("object",), ("event",), ("person",), ("organization",)


@dataclass(frozen=True)
class Scheme:
    """A scheme of identifiers. A `key` names one thing, a label may repeat; `assigned` values belong to their assigner.

    The order of `SCHEMES` is the order of preference among the keys of one record."""

    name: str
    key: bool
    classes: tuple[str, ...]
    description: str
    assigned: bool = False


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("event_hash", True, _EVENT, "CBV 2.0 event hash (RFC 6920 `ni` URI)."),
        Scheme("transformation", True, _EVENT, "EPCIS transformationID: parts of one transformation."),
        Scheme("despatch_advice", True, _EVENT, "Despatch advice (CBV business transaction `desadv`): one handoff."),
        Scheme("waybill", True, _EVENT, "Waybill of a carrier (its assigner): one handoff.", assigned=True),
        Scheme("isbt128", True, _OBJECT, "ISBT 128 donation number with product code and division."),
        Scheme("sgtin", True, _OBJECT, "GS1 GTIN with serial number."),
        Scheme("itip", True, _OBJECT, "GS1 piece of a trade item, with serial number."),
        Scheme("upui", True, _OBJECT, "GS1 unit pack identifier."),
        Scheme("sscc", True, _OBJECT, "GS1 serial shipping container code."),
        Scheme("grai", True, _OBJECT, "GS1 returnable asset with serial number."),
        Scheme("giai", True, _OBJECT, "GS1 individual asset."),
        Scheme("cpi", True, _OBJECT, "GS1 component or part with serial number."),
        Scheme("gdti", True, _OBJECT, "GS1 document with serial number."),
        Scheme("gcn", True, _OBJECT, "GS1 coupon with serial number."),
        Scheme("ginc", True, _OBJECT, "GS1 consignment."),
        Scheme("gsin", True, _OBJECT, "GS1 shipment."),
        Scheme("lgtin", True, _OBJECT, "GS1 GTIN with lot."),
        Scheme("lot", True, _OBJECT, "Lot number within its maker.", assigned=True),
        Scheme("sec", True, _OBJECT, "Single European Code of starting tissue or cells."),
        Scheme("coi", True, ("episode",), "Chain-of-identity identifier of a therapy order."),
        Scheme("gsrn", True, _PERSON, "GS1 service relation number of a recipient."),
        Scheme("gsrnp", True, _PERSON, "GS1 service relation number of a provider."),
        Scheme("org", True, _PARTY, "Code of an organisation or department, agreed in the network."),
        Scheme("pgln", True, _PARTY, "GS1 party GLN."),
        Scheme("sgln", True, _PARTY, "GS1 GLN of a location, with or without extension."),
        Scheme("uri", True, CLASSES, "Any other URI."),
        Scheme("local", True, CLASSES, "Local number within its assigner.", assigned=True),
        Scheme("gtin", False, _OBJECT, "GS1 GTIN: a product, not one item."),
        Scheme("din", False, ("object", "event"), "ISBT 128 donation number: its products share it."),
        Scheme("event_id", False, _EVENT, "EPCIS eventID, which systems reuse."),
        Scheme("grai_type", False, _OBJECT, "GS1 returnable asset type."),
        Scheme("gdti_type", False, _OBJECT, "GS1 document type."),
        Scheme("gcn_type", False, _OBJECT, "GS1 coupon type."),
        Scheme("cpi_type", False, _OBJECT, "GS1 component or part type."),
        Scheme("itip_type", False, _OBJECT, "GS1 piece of a trade item, no serial number."),
    )
}
_PREFERENCE = {name: at for at, name in enumerate(SCHEMES)}
_URI_SHAPED = frozenset(("event_hash", "uri", *(key.scheme for key in gs1.KEYS.values()), "sgtin", "lgtin", "upui",
                         "grai_type", "gdti_type", "gcn_type", "cpi_type", "itip_type"))  # fmt: skip
_BARE_KEYS = {"sscc": "00", "gtin": "01", "sgln": "414", "pgln": "417", "giai": "8004", "gsrn": "8018", "gsrnp": "8017"}
_FORBIDDEN = {"name": "a name", "ssn": "a social security number", "mrn": "a medical record number"}
_PLAIN = re.compile(r"(?!\d\.\d+[Ee])[0-9A-Za-z][0-9A-Za-z_.-]{0,99}\Z")
_SPECIAL = re.compile(r"[:/=(@]")
_PREFIXED = re.compile(r"([A-Za-z][A-Za-z0-9_]*):(.+)\Z")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z")
_ROUNDED = re.compile(r"(?:\A|[^0-9A-Za-z.,])\d(?:(?:[.,]\d+)?[Ee]\+|[.,]\d+[Ee])(?:1[1-9]|[2-9]\d)\Z", re.ASCII)
"""Ends in a long number as spreadsheets show it; others have the same text."""
_URI_LIKE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|(?:urn|geo|did|tag|info|uuid|ni|mailto):)\S+\Z", re.IGNORECASE)
_EVENT_HASH = re.compile(r"ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.0\Z")
_OUR_WORDS = frozenset((*SCHEMES, *_FORBIDDEN, "gln")) - {"uri"}
_OURS = "urn:veintrace:"
_OUR_URN = re.compile(rf"{_OURS}({'|'.join(CLASSES)}):(.+)\Z")
_OUR_ID = re.compile(rf"{_OURS}((?:{'|'.join(CLASSES)})-[0-9a-f]{{32}})\Z")
_GS1_WORDS = {key.scheme: key.ai for key in gs1.KEYS.values()} | {"gln": "414"}


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A value of a scheme, within its assigner where the scheme is local."""

    scheme: str
    value: str
    assigner: str | None = None

    @property
    def text(self) -> str:
        """The one text that `parse` reads back: the URI itself, else `scheme:value` or `scheme:value@assigner`."""
        if self.scheme in _URI_SHAPED and (self.scheme != "uri" or _URI_LIKE.match(self.value)):
            return self.value
        return f"{self.scheme}:{self.value}@{self.assigner}" if self.assigner else f"{self.scheme}:{self.value}"

    @property
    def is_key(self) -> bool:
        """Whether it names one thing."""
        return SCHEMES[self.scheme].key


def record_id(cls: str, identifier: Identifier) -> str:
    """The id of the record of a class that a key names: the class word and 128 bits of SHA-256 of class and key."""
    return keyed_id(cls, identifier.text)


def keyed_id(cls: str, text: str) -> str:
    """The id of a class for any canonical text."""
    digest = hashlib.sha256(f"{cls}\n{text}".encode()).hexdigest()
    return f"{cls}-{digest[:32]}"


def preferred(identifiers: Iterable[Identifier], cls: str) -> Identifier | None:
    """The most preferred key among identifiers of one record; None where all are labels."""
    keys = [identifier for identifier in identifiers if identifier.is_key and cls in SCHEMES[identifier.scheme].classes]
    return min(keys, key=lambda key: (_PREFERENCE[key.scheme], key.text), default=None)


def parse(text: str, *, cls: str, assigner: str | None = None) -> Identifier:
    """The identifier that a text is, for a record of class `cls`; `assigner` is whose local number a bare text is.

    Accepts EPC URNs, GS1 Digital Links and element strings, ISBT 128 as scanned, `scheme:value`, `value@assigner`,
    other URIs and bare local numbers (for organisations: codes). Raises `InvalidIdentifier`."""
    if assigner and cls != "organization" and _PLAIN.match(text):
        return Identifier("local", text, assigner)
    return _parse(text, cls, assigner)


@lru_cache(maxsize=8_192)
def _parse(text: str, cls: str, assigner: str | None) -> Identifier:
    stripped = text.strip()
    if not stripped or len(stripped) > 1000 or not stripped.isprintable():
        raise InvalidIdentifier(text[:100], "it is empty, too long or not printable", "give 1 to 1,000 printable characters")
    found = _special(stripped, cls, assigner) if _SPECIAL.search(stripped) else _local(stripped, cls, assigner)
    if cls not in SCHEMES[found.scheme].classes:
        named = " or ".join(SCHEMES[found.scheme].classes)
        raise InvalidIdentifier(text, f"scheme {found.scheme} is of class {named}, not {cls}", f"give one of class {cls}")
    return found


def lenient(text: str, *, cls: str, assigner: str | None = None) -> Identifier:
    """As `parse`, but a GS1 key with a wrong check digit, or of another class, stays a plain URI: files of real systems
    hold such, and each still names one thing by its text (a valid key: by its canonical form)."""
    try:
        return parse(text, cls=cls, assigner=assigner)
    except InvalidIdentifier:
        uri = text.strip()
        ours = uri.startswith(_OURS) or uri.partition(":")[0].lower() in _OUR_WORDS
        if ours or not _ABSOLUTE.match(uri) or not uri.isprintable():
            raise
    return Identifier("uri", canonical_uri(uri))


def uri_of(cls: str, text: str) -> str:
    """A URI for the key text of a record of class `cls`, for formats that take nothing else; `lenient` reads it back.

    A key that is a URI stands for itself; any other is written as `urn:veintrace:CLASS:TEXT`, percent-encoded."""
    if _URI_LIKE.match(text) and not text.startswith(_OURS):
        try:
            if lenient(text, cls=cls).text == text:
                return text
        except InvalidIdentifier:
            pass
    return own_uri(cls, text)


_IN_URN = ":@/!$'()*+,;=-._~"
"""What may stand unchanged in the last part of a URN (RFC 8141)."""


def own_uri(cls: str, text: str) -> str:
    """`urn:veintrace:CLASS:TEXT`, percent-encoded: a URI of ours for the key text of a record of class `cls`."""
    return f"{_OURS}{cls}:{quote(text, safe=_IN_URN)}"


def uri_of_id(record: str) -> str:
    """A URI for a record that no key names: `urn:veintrace:ID`, which `id_of_uri` reads back."""
    return _OURS + record


def id_of_uri(text: str) -> str | None:
    """The id in a URI of `uri_of_id`; None for any other text."""
    match = _OUR_ID.match(text.strip())
    return match[1] if match else None


def canonical_uri(text: str) -> str:
    """The canonical link of a valid EPC URN or Digital Link; any other text as it is."""
    try:
        return _gs1_uri(text) or text
    except InvalidIdentifier:
        return text


def _local(value: str, cls: str, assigner: str | None) -> Identifier:
    _not_rounded(value)
    if cls == "organization":
        return Identifier("org", value)
    if assigner is None:
        raise InvalidIdentifier(value, "a local number needs its assigner", f"write {value}@ORGANISATION")
    return Identifier("local", value, assigner)


def _not_rounded(value: str) -> None:
    """Raises `InvalidIdentifier` for a number of which a spreadsheet has dropped digits: it would name several things at once."""
    if _ROUNDED.search(value):
        reason = "a spreadsheet has rounded it: its last digits are lost"
        raise InvalidIdentifier(value, reason, "make its column text where the file comes from, and export it again")


def _special(text: str, cls: str, assigner: str | None) -> Identifier:
    if text[0] == "(":
        return _bracketed(text)
    if text[0] == "=":
        return _donation(text)
    if text.startswith(("urn:epc:", "http://", "https://")):
        link = _gs1_uri(text)
        return _linked(link) if link else Identifier("uri", text)
    if _EVENT_HASH.match(text):
        return Identifier("event_hash", text)
    if text.startswith(_OURS):
        return _our_urn(text, cls)
    if (match := _PREFIXED.match(text)) and (found := _prefixed(text, match[1].lower(), match[2].strip(), cls, assigner)):
        return found
    if _URI_LIKE.match(text):
        return Identifier("uri", text)
    value, at, stated = text.rpartition("@")
    if at and value and stated:
        _not_rounded(value)
        return Identifier("local", value, stated)
    return _local(text, cls, assigner)


def _our_urn(text: str, cls: str) -> Identifier:
    match = _OUR_URN.match(text)
    if match is None or match[1] != cls:
        reason = f"it names a record of class {match[1]}, not {cls}" if match else "it is no URN of an identifier"
        raise InvalidIdentifier(text, reason, f"write {_OURS}{cls}:IDENTIFIER, percent-encoded")
    return lenient(unquote(match[2]), cls=cls)


def _gs1_uri(text: str) -> str | None:
    """The canonical link of an EPC URN or Digital Link; None for other texts. Raises `InvalidIdentifier`."""
    return gs1.from_urn(text) if text.startswith("urn:epc:") else gs1.from_link(text)


def _bracketed(text: str) -> Identifier:
    """A GS1 element string, or an ISBT 128 donation number behind one application identifier that is no GS1 key."""
    ai = text[1:].partition(")")[0]
    if ai not in gs1.KEYS and "(" not in text[1:] and isbt128.DONATION_IN_BRACKETS.match(text):
        return _donation(text)
    return _linked(gs1.from_elements(text))


def _prefixed(text: str, name: str, value: str, cls: str, assigner: str | None) -> Identifier | None:
    """`scheme:value` for the schemes of ours; None where the word before the colon is none."""
    if name in _FORBIDDEN:
        raise InvalidIdentifier(
            text, f"{_FORBIDDEN[name]} may not serve as a tracking code (21 CFR 1271.290)", "use a pseudonym or a local number"
        )
    if name in _GS1_WORDS:
        return _linked(gs1.from_elements(f"({_GS1_WORDS[name]}){value}"))
    scheme = SCHEMES.get(name)
    if scheme is None:
        return None
    if not value:
        raise InvalidIdentifier(text, f"the {name} is empty", f"write {name}:VALUE")
    if name == "din":
        return Identifier("din", isbt128.parse_donation(value).number)
    if name == "isbt128":
        number, _, product = value.rpartition("-")
        return Identifier("isbt128", f"{isbt128.parse_donation(number).number}-{isbt128.product_code(product)}")
    if name == "sec":
        return Identifier("sec", isbt128.parse_european_code(value).text)
    if name == "uri" and _ABSOLUTE.match(value):
        return _special(value, cls, assigner) if _URI_LIKE.match(value) else Identifier("uri", value)
    if name in ("transformation", "despatch_advice"):
        return Identifier(name, canonical_uri(value))
    if name in _URI_SHAPED:
        raise InvalidIdentifier(text, f"a {name} is not written so", "write it as (01)...(21)..., as an EPC URN, or as its URI")
    return _assigned(text, name, value, assigner) if scheme.assigned else Identifier(name, value)


def _assigned(text: str, name: str, value: str, assigner: str | None) -> Identifier:
    number, at, stated = value.rpartition("@")
    _not_rounded(number if at else value)
    if at and number and stated:
        return Identifier(name, number, stated)
    if assigner is None:
        raise InvalidIdentifier(text, f"a {name} needs its assigner", f"write {text}@ORGANISATION")
    return Identifier(name, value, assigner)


def _donation(text: str) -> Identifier:
    found = isbt128.parse_donation(text)
    return Identifier("isbt128", f"{found.number}-{found.product}") if found.product else Identifier("din", found.number)


def _linked(link: str) -> Identifier:
    return Identifier(gs1.scheme_of(link), link)
