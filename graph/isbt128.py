"""ISBT 128 donation numbers and product codes, and the Single European Code.

Sources: ISBT 128 Standard Technical Specification (ICCBBA ST-001: data structures 001, 003 and 023, flag characters,
check character by ISO/IEC 7064 MOD 37-2); Directive 2006/86/EC Annex VII for the Single European Code (starting tissues
and cells only, never the therapy product).
"""

import re
from dataclasses import dataclass
from datetime import date

from graph.errors import InvalidIdentifier

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_DIN = re.compile(r"([A-NP-Z1-9][A-Z0-9]{4}\d{2}\d{6})(\d{2})?([0-9A-Z*])?\Z")
DONATION_IN_BRACKETS = re.compile(r"\(\d{2,4}\)\s*=?[A-NP-Z1-9][A-Z0-9]{4}\s?\d{2}\s?\d{6}")
"""How a donation number behind a GS1 application identifier begins: GS1 has no key of its own for it."""
_STRUCTURES = re.compile(r"(?=[=&])")
_PRODUCT = re.compile(r"[A-Z][A-Z0-9]{4}[A-Za-z0-9][A-Z0-9][A-Za-z0-9]\Z")
_SEC = re.compile(r"([A-Z]{2})([A-Z0-9]{6})([A-Z0-9]{13})([ABE])([A-Z0-9]{7})([A-Z0-9]{3})(\d{8})\Z")


@dataclass(frozen=True)
class Donation:
    """A donation identification number (13 characters), with its flag characters and check character where given.

    `product` is the product code with division (8 characters) where one was scanned with it."""

    number: str
    flag: str | None = None
    check: str | None = None
    product: str | None = None


@dataclass(frozen=True)
class EuropeanCode:
    """A Single European Code: country, tissue establishment, donation, coding system (A ISBT 128, B Eurocode, E EUTC),
    product, split and expiry (ISO date)."""

    country: str
    establishment: str
    donation: str
    system: str
    product: str
    split: str
    expiry: str

    @property
    def text(self) -> str:
        """The 40 characters without spaces."""
        sequence = f"{self.country}{self.establishment}{self.donation}{self.system}{self.product}{self.split}"
        return sequence + self.expiry.replace("-", "")


def check_value(number: str) -> int:
    """The check value (0 to 36) of a donation number by ISO/IEC 7064 MOD 37-2."""
    total = 0
    for character in number:
        total = (total + _ALPHABET.index(character)) * 2 % 37
    return (38 - total) % 37


def check_character(number: str) -> str:
    """The check character of a donation number: what is printed in a box behind it."""
    return _ALPHABET[check_value(number)]


def parse_donation(text: str) -> Donation:
    """A donation number as scanned (`=A99991712345600`), as printed (`A9999 17 123456 9`), or behind a bracketed GS1
    application identifier (`(21)=A99991712345600`).

    What was scanned with it may follow or precede it: of a concatenation or compound message (data structure 023,
    `=+`) the product code (`=<S1234V00`) is kept and the other structures (blood group, expiry, ...) are left out.
    Flags 60 to 96 carry the check value plus 60; they and a check character are proved. Raises `InvalidIdentifier`."""
    body = re.sub(r"^\(\d{2,4}\)\s*", "", text.strip())
    structures = [part.strip() for part in _STRUCTURES.split(body) if part.strip()]
    numbers = [part for part in structures if part[0] not in "=&" or part[1:2].isalnum()]
    products = [part for part in structures if part.startswith("=<")]
    if len(numbers) > 1 or len(products) > 1:
        raise InvalidIdentifier(text, "it holds several donation numbers or product codes", "give each by itself")
    scanned = bool(numbers) and numbers[0].startswith("=")
    compact = re.sub(r"[\s-]", "", numbers[0].removeprefix("=")).upper() if numbers else ""
    match = _DIN.match(compact)
    if match is None:
        raise InvalidIdentifier(
            text,
            "it is no ISBT 128 donation number (facility of 5, year of 2, serial of 6 characters)",
            "scan the code, or type the 13 characters with or without the check character in the box",
        )
    number, flag, check = match.groups()
    if scanned and (flag is None or check is not None):
        raise InvalidIdentifier(text, "a scanned donation number has 13 characters and 2 flags", "scan the code again")
    right = check_value(number)
    if flag is not None and (int(flag) > 96 or (int(flag) >= 60 and int(flag) - 60 != right)):
        raise InvalidIdentifier(text, f"flag {flag} does not fit: a type 3 flag is {60 + right} here", "scan the code again")
    if check is not None and check != _ALPHABET[right]:
        raise InvalidIdentifier(text, f"the check character is {_ALPHABET[right]}, not {check}", "compare with the label")
    return Donation(number, flag, check, product_code(products[0]) if products else None)


def product_code(text: str) -> str:
    """A product code with donation type and division (8 characters, data structure 003). Raises `InvalidIdentifier`."""
    code = text.strip().removeprefix("=<")
    if not _PRODUCT.match(code):
        raise InvalidIdentifier(text, "it is no ISBT 128 product code of 8 characters", "give it as printed, e.g. S1234V00")
    return code


def parse_european_code(text: str) -> EuropeanCode:
    """A Single European Code (40 characters, spaces ignored). Raises `InvalidIdentifier`."""
    match = _SEC.match(text.removeprefix("SEC:").replace(" ", "").upper())
    if match is None:
        raise InvalidIdentifier(
            text, "it is no Single European Code", "give 21 characters of donation and 19 of product identification"
        )
    country, establishment, donation, system, product, split, expiry = match.groups()
    try:
        day = date(int(expiry[:4]), int(expiry[4:6]), int(expiry[6:]))
    except ValueError:
        raise InvalidIdentifier(text, f"the expiry {expiry} is no date", "write it YYYYMMDD") from None
    return EuropeanCode(country, establishment, donation, system, product, split, day.isoformat())
