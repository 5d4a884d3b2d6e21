"""GS1 keys: EPC URNs, GS1 Digital Links and element strings, to one canonical form.

The canonical form is the constrained canonical GS1 Digital Link URI (`https://id.gs1.org/...`) that CBV 2.0 section
8.9 uses for event hashes: only the most granular key and qualifier, no query, no custom domain. Sources: GS1 EPC Tag
Data Standard 2.0 (URN forms), GS1 Digital Link URI Syntax 1.2 section 4.11, GS1 General Specifications section 7.9
(check digits).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from graph.errors import InvalidIdentifier

DOMAIN = "https://id.gs1.org/"
_SAFE = "'-.;=_"  # all else is percent-encoded, as GS1 Digital Link URI Syntax has it (table 7-1)


@dataclass(frozen=True)
class Key:
    """One GS1 key by its application identifier: `digits` long with a check digit (0: free text), and the qualifiers kept.

    `serial` tells how an instance is named: by a `qualifier`, by text `appended` to the number, by the key `itself`."""

    ai: str
    scheme: str
    digits: int
    serial: str
    qualifiers: tuple[str, ...] = ()


KEYS = {
    key.ai: key
    for key in (
        Key("00", "sscc", 18, "itself"),
        Key("01", "gtin", 14, "qualifier", ("21", "235", "10")),
        Key("253", "gdti", 13, "appended"),
        Key("255", "gcn", 13, "appended"),
        Key("401", "ginc", 0, "itself"),
        Key("402", "gsin", 17, "itself"),
        Key("414", "sgln", 13, "itself", ("254",)),
        Key("417", "pgln", 13, "itself"),
        Key("8003", "grai", 14, "appended"),
        Key("8004", "giai", 0, "itself"),
        Key("8006", "itip", 18, "qualifier", ("21", "10")),
        Key("8010", "cpi", 0, "qualifier", ("8011",)),
        Key("8017", "gsrnp", 18, "itself"),
        Key("8018", "gsrn", 18, "itself"),
    )
}
_NAMES = {
    "gtin": "01", "sscc": "00", "gln": "414", "party": "417", "giai": "8004", "grai": "8003", "gdti": "253", "gsrn": "8018",
    "gsrnp": "8017", "gcn": "255", "itip": "8006", "cpid": "8010", "ginc": "401", "gsin": "402",
}  # fmt: skip
_QUALIFIER_NAMES = {"ser": "21", "lot": "10", "cpv": "22", "glnx": "254", "cpsn": "8011", "tpx": "235", "srin": "8019"}
_QUALIFIERS = frozenset(("10", "21", "22", "235", "254", "8011", "8019"))
_URN = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):(.+)\Z")
_OFFICIAL = re.compile(r"https?://id\.gs1\.org/")
_SHORT_GTINS = (8, 12, 13)
_ELEMENT = re.compile(r"\((\d{2,4})\)([^(]+)")


def check_digit(digits: str) -> str:
    """The GS1 modulo-10 check digit of a number without it (weights 3 and 1 from the right)."""
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _bad(text: str, reason: str, repair: str) -> InvalidIdentifier:
    return InvalidIdentifier(text, reason, repair)


# -- EPC URNs

_Builder = Callable[[list[str], bool], str | None]


@lru_cache(maxsize=65_536)
def from_urn(text: str) -> str | None:
    """The canonical Digital Link of an EPC URN; None where the URN is none of a GS1 key or of a wrong length.

    Files of real systems hold URNs of wrong length; they still name one thing each, by their text."""
    match = _URN.match(text)
    if match is None:
        return None
    form, scheme, rest = match.groups()
    parts = rest.split(".")
    if form == "idpat":
        if parts[-1] != "*" or "*" in parts[:-1]:
            return None
        parts = parts[:-1]
    if form == "class" and scheme != "lgtin":
        return None
    build = _BUILDERS.get(scheme)
    return build(parts, form == "idpat") if build else None


def _numbered(body: str, length: int) -> str | None:
    """`body` of `length` digits with its check digit."""
    return body + check_digit(body) if len(body) == length and body.isdigit() and body.isascii() else None


def _text(part: str) -> str:
    return quote(unquote(part), safe=_SAFE)


def _gtin(prefix: str, item: str) -> str | None:
    return _numbered(item[:1] + prefix + item[1:], 13)


def _sgtin(parts: list[str], pattern: bool, qualifier: str = "21") -> str | None:
    if len(parts) < 2 or (number := _gtin(parts[0], parts[1])) is None:
        return None
    serial = ".".join(parts[2:])
    if pattern:
        return f"{DOMAIN}01/{number}" if not serial else None
    return f"{DOMAIN}01/{number}/{qualifier}/{_text(serial)}" if serial else None


def _lgtin(parts: list[str], pattern: bool) -> str | None:
    return None if pattern else _sgtin(parts, False, "10")


def _upui(parts: list[str], pattern: bool) -> str | None:
    return _sgtin(parts, pattern, "235")


def _sscc(parts: list[str], pattern: bool) -> str | None:
    if len(parts) != 2 or pattern:
        return None
    number = _numbered(parts[1][:1] + parts[0] + parts[1][1:], 17)
    return f"{DOMAIN}00/{number}" if number else None


def _sgln(parts: list[str], pattern: bool) -> str | None:
    if len(parts) < 2 or (number := _numbered(parts[0] + parts[1], 12)) is None:
        return None
    extension = ".".join(parts[2:])
    return f"{DOMAIN}414/{number}" + (f"/254/{_text(extension)}" if extension not in ("", "0") else "")


def _pgln(parts: list[str], pattern: bool) -> str | None:
    number = _numbered("".join(parts), 12) if len(parts) == 2 else None
    return f"{DOMAIN}417/{number}" if number else None


def _appended(ai: str, lead: str = "") -> _Builder:
    def build(parts: list[str], pattern: bool) -> str | None:
        number = _numbered("".join(parts[:2]), 12)
        serial = ".".join(parts[2:])
        if number is None or bool(serial) is pattern:
            return None
        return f"{DOMAIN}{ai}/{lead}{number}{_text(serial)}"

    return build


def _itself(ai: str, digits: int) -> _Builder:
    def build(parts: list[str], pattern: bool) -> str | None:
        if len(parts) < 2 or pattern:
            return None
        body = parts[0] + ".".join(parts[1:])
        number = _numbered(body, digits - 1) if digits else _text(body)
        return f"{DOMAIN}{ai}/{number}" if number else None

    return build


def _itip(parts: list[str], pattern: bool) -> str | None:
    number = _gtin(parts[0], parts[1]) if len(parts) >= 4 else None
    if number is None or not (parts[2] + parts[3]).isdigit() or len(parts[2] + parts[3]) != 4:
        return None
    serial = ".".join(parts[4:])
    base = f"{DOMAIN}8006/{number}{parts[2]}{parts[3]}"
    if pattern:
        return base if not serial else None
    return f"{base}/21/{_text(serial)}" if serial else None


def _cpi(parts: list[str], pattern: bool) -> str | None:
    if len(parts) < (2 if pattern else 3):
        return None
    base = f"{DOMAIN}8010/{_text(parts[0] + parts[1])}"
    return base if pattern else f"{base}/8011/{_text('.'.join(parts[2:]))}"


_BUILDERS: dict[str, _Builder] = {
    "sgtin": _sgtin,
    "lgtin": _lgtin,
    "upui": _upui,
    "sscc": _sscc,
    "sgln": _sgln,
    "pgln": _pgln,
    "grai": _appended("8003", "0"),
    "gdti": _appended("253"),
    "sgcn": _appended("255"),
    "giai": _itself("8004", 0),
    "ginc": _itself("401", 0),
    "gsin": _itself("402", 17),
    "gsrn": _itself("8018", 18),
    "gsrnp": _itself("8017", 18),
    "itip": _itip,
    "cpi": _cpi,
}


# -- Digital Links and element strings


@lru_cache(maxsize=65_536)
def from_link(text: str) -> str | None:
    """The canonical form of a GS1 Digital Link of any domain; None where the URI is no Digital Link.

    Raises `InvalidIdentifier` for a wrong check digit, and at id.gs1.org for a wrong length. Elsewhere a path such as
    `/orders/01/17` is the domain's own affair."""
    if not text.startswith(("http://", "https://")):
        return None
    path = re.sub(r"^https?://[^/]*/", "", text.partition("#")[0].partition("?")[0])
    segments = path.rstrip("/").split("/")
    for at in range(len(segments) - 1):
        ai = _NAMES.get(segments[at], segments[at])
        if ai not in KEYS or (len(segments) - at) % 2:
            continue
        tail = segments[at + 2 :]
        qualifiers = {_QUALIFIER_NAMES.get(n, n): unquote(v) for n, v in zip(tail[::2], tail[1::2], strict=True)}
        value = unquote(segments[at + 1])
        if qualifiers.keys() <= _QUALIFIERS and (_OFFICIAL.match(text) or _shaped(KEYS[ai], value)):
            return _canonical(text, KEYS[ai], value, qualifiers)
    return None


def _shaped(key: Key, value: str) -> bool:
    """Whether a value has the length and digits of a key, whatever its check digit."""
    if key.digits == 0:
        return bool(value)
    head, rest = value[: key.digits], value[key.digits :]
    whole = len(head) == key.digits or (key.ai == "01" and len(head) in _SHORT_GTINS)
    return whole and head.isdigit() and head.isascii() and (not rest or key.serial == "appended")


def from_elements(text: str) -> str:
    """The canonical form of a GS1 element string in brackets, such as `(01)04012345111118(21)9876`.

    Attributes that do not identify (expiry, quantity, ...) are left out. Raises `InvalidIdentifier`."""
    elements = _ELEMENT.findall(text)
    if "".join(f"({ai}){value}" for ai, value in elements) != text.strip():
        raise _bad(text, "it is no GS1 element string", "write (AI)value(AI)value, e.g. (01)04012345111118(21)9876")
    found = {ai: value.strip() for ai, value in elements}
    for ai in found:
        if ai in KEYS:
            return _canonical(text, KEYS[ai], found[ai], {n: v for n, v in found.items() if n in _QUALIFIERS})
    raise _bad(text, "it holds no GS1 key", f"one of the application identifiers {', '.join(sorted(KEYS))} is needed")


def _canonical(text: str, key: Key, value: str, qualifiers: dict[str, str]) -> str:
    number = _checked(text, key, value)
    for qualifier in key.qualifiers:
        if qualifiers.get(qualifier) and not (qualifier == "254" and qualifiers[qualifier] == "0"):
            return f"{DOMAIN}{key.ai}/{number}/{qualifier}/{quote(qualifiers[qualifier], safe=_SAFE)}"
    return f"{DOMAIN}{key.ai}/{number}"


def _checked(text: str, key: Key, value: str) -> str:
    """The key's value with its check digit proved (a GTIN filled to 14 digits)."""
    if not value:
        raise _bad(text, f"the {key.scheme.upper()} is empty", "give its value")
    if key.digits == 0:
        return quote(value, safe=_SAFE)
    if not _shaped(key, value):
        raise _bad(text, f"the {key.scheme.upper()} {value!r} is not {key.digits} digits", "give the whole number")
    if key.ai == "01":
        value = value.zfill(14)
    number, rest = value[: key.digits], value[key.digits :]
    checked = number[:14] if key.ai == "8006" else number
    right = check_digit(checked[:-1])
    if right != checked[-1]:
        raise _bad(text, f"the check digit of {checked} is {right}, not {checked[-1]}", "check the number at its source")
    return number + quote(rest, safe=_SAFE)


def scheme_of(link: str) -> str:
    """The scheme a canonical Digital Link identifies by: `sgtin` or `lgtin` for a GTIN with serial or lot, else the key's."""
    parts = link[len(DOMAIN) :].split("/")
    key = KEYS[parts[0]]
    if key.ai == "01":
        return {"21": "sgtin", "10": "lgtin", "235": "upui"}[parts[2]] if len(parts) > 2 else "gtin"
    if key.serial == "appended":
        return key.scheme if len(parts[1]) > key.digits else f"{key.scheme}_type"
    if key.serial == "qualifier" and len(parts) == 2:
        return f"{key.scheme}_type"
    return key.scheme
