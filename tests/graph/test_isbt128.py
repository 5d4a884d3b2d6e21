"""ISBT 128 as scanned, printed and concatenated; the Single European Code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import isbt128
from graph.errors import InvalidIdentifier
from graph.identifiers import Identifier, parse

NUMBERS = st.from_regex(r"\A[A-NP-Z1-9][A-Z0-9]{4}[0-9]{8}\Z")


@given(NUMBERS)
def test_every_spelling_of_a_donation_number_is_one_number(number: str) -> None:
    check = isbt128.check_character(number)
    flag = 60 + isbt128.check_value(number)
    printed = f"{number[:5]} {number[5:7]} {number[7:]}"
    for text in (number, number + check, printed, f"{printed} {check}", f"={number}00", f"={number}{flag}", f"(21)={number}{flag}"):
        assert parse(text if text[0] in "=(" else f"din:{text}", cls="object") == Identifier("din", number)


@given(NUMBERS, st.integers(0, 36))
def test_only_one_check_character_and_one_type_3_flag_fit(number: str, value: int) -> None:
    character = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"[value]
    for text, fits in ((number + character, character == isbt128.check_character(number)), (f"={number}{60 + value}", None)):
        if fits if fits is not None else value == isbt128.check_value(number):
            assert isbt128.parse_donation(text).number == number
        else:
            with pytest.raises(InvalidIdentifier):
                isbt128.parse_donation(text)


@pytest.mark.parametrize(
    "text",
    [
        "=A99991712345600=<E0001V00",
        "=<E0001V00=A99991712345600",
        "=A99991712345669=<E0001V00",
        "=+05000=A99991712345600=%5100=<E0001V00&>0260422359&(000000000000000000",
        "isbt128:A999917123456-E0001V00",
        "isbt128:A9999-17-123456-E0001V00",
        "ISBT128:A999917123456-=<E0001V00",
    ],
)
def test_a_product_is_one_key_in_every_concatenation(text: str) -> None:
    assert parse(text, cls="object") == Identifier("isbt128", "A999917123456-E0001V00")
    assert parse(text, cls="object").is_key


def test_two_divisions_of_a_product_are_two_things_of_one_donation() -> None:
    first, second = (parse(f"=A99991712345600=<E0001{division}", cls="object") for division in ("VA0", "VB0"))
    assert first != second
    assert parse("=A99991712345600", cls="object").is_key is False


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("=A99991712345600=A99991712365400", "several"),
        ("=<E0001V00", "no ISBT 128 donation number"),
        ("=+05000", "no ISBT 128 donation number"),
        ("=O99991712345600", "no ISBT 128 donation number"),
        ("=A99991712345699", "flag 99 does not fit: a type 3 flag is 69 here"),
        ("=A99991712345600=<E0001V0", "product code of 8 characters"),
        ("din:A999917123456X", "check character is 9, not X"),
    ],
)
def test_what_is_wrong_with_a_scan_is_said(text: str, reason: str) -> None:
    with pytest.raises(InvalidIdentifier, match=reason):
        parse(text, cls="object")


@pytest.mark.parametrize(
    "text",
    [
        "sec:PL001499Z549917123456 A00T041600320171231",
        "SEC:PL001499Z549917123456A00T041600320171231",
        "sec: PL 001499 Z549917123456 A 00T0416 003 20171231",
    ],
)
def test_a_single_european_code_is_a_key_however_it_is_spaced(text: str) -> None:
    found = parse(text, cls="object")
    assert found == Identifier("sec", "PL001499Z549917123456A00T041600320171231")
    assert found.is_key
    assert parse(found.text, cls="object") == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("PL001499Z549917123456A00T041600320171331", "expiry 20171331 is no date"),
        ("PL001499Z549917123456X00T041600320171231", "no Single European Code"),
        ("PL001499Z549917123456A00T04160032017123", "no Single European Code"),
    ],
)
def test_a_broken_single_european_code_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidIdentifier, match=reason):
        isbt128.parse_european_code(text)
