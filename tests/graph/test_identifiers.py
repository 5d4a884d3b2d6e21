"""Identifiers: one canonical form, check digits and characters proved, keys and labels told apart."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import gs1, isbt128
from graph.errors import InvalidIdentifier
from graph.identifiers import (
    CLASSES,
    SCHEMES,
    Identifier,
    id_of_uri,
    keyed_id,
    lenient,
    own_uri,
    parse,
    preferred,
    record_id,
    uri_of,
    uri_of_id,
)

DONATIONS = [
    ("G123498654321", "H"),
    ("G123417654321", "A"),
    ("A999818123456", "N"),
    ("A999820123456", "E"),
    ("A999917123456", "9"),
    ("A999917123654", "Y"),
    ("A999917345628", "*"),
    ("A999917345658", "O"),
    ("A999915000001", "M"),
    ("A999918000001", "8"),
    ("W000009123456", "G"),
]


@pytest.mark.parametrize(("number", "character"), DONATIONS)
def test_the_published_check_characters_of_donation_numbers_come_out(number: str, character: str) -> None:
    assert isbt128.check_character(number) == character
    assert isbt128.parse_donation(f"{number[:5]} {number[5:7]} {number[7:]} {character}").number == number
    flag = 60 + isbt128.check_value(number)
    assert isbt128.parse_donation(f"={number}{flag}").flag == str(flag)


@pytest.mark.parametrize("text", ["=G12341765432170", "(21)=G12341765432170", "G1234 17 654321 A", "G123417654321"])
def test_a_donation_number_is_one_identifier_however_it_is_written(text: str) -> None:
    assert isbt128.parse_donation(text).number == "G123417654321"


@pytest.mark.parametrize("text", ["=G12341765432171", "G1234 17 654321 B", "=G123417654321", "G12341765432", "=G12341765432197"])
def test_a_wrong_flag_check_character_or_length_of_a_donation_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        isbt128.parse_donation(text)


def test_a_single_european_code_is_taken_apart() -> None:
    code = isbt128.parse_european_code("PL001499Z549917123456 A00T041600320171231")
    assert (code.country, code.establishment, code.donation) == ("PL", "001499", "Z549917123456")
    assert (code.system, code.product, code.split, code.expiry) == ("A", "00T0416", "003", "2017-12-31")


@pytest.mark.parametrize(
    ("urn", "link", "scheme"),
    [
        ("urn:epc:id:sgtin:4012345.012345.12", "https://id.gs1.org/01/04012345123456/21/12", "sgtin"),
        ("urn:epc:id:sscc:4012345.0000000333", "https://id.gs1.org/00/040123450000003338", "sscc"),
        ("urn:epc:class:lgtin:4054739.099914.20160711", "https://id.gs1.org/01/04054739999148/10/20160711", "lgtin"),
        ("urn:epc:idpat:sgtin:4054739.099914.*", "https://id.gs1.org/01/04054739999148", "gtin"),
        ("urn:epc:id:grai:4012345.66666.87", "https://id.gs1.org/8003/0401234566666387", "grai"),
        ("urn:epc:id:giai:4012345.AAbb", "https://id.gs1.org/8004/4012345AAbb", "giai"),
        ("urn:epc:id:itip:4012345.012345.01.02.999", "https://id.gs1.org/8006/040123451234560102/21/999", "itip"),
        ("urn:epc:id:cpi:4012345.ABC.123", "https://id.gs1.org/8010/4012345ABC/8011/123", "cpi"),
    ],
)
def test_an_epc_urn_and_its_digital_link_are_one_identifier(urn: str, link: str, scheme: str) -> None:
    found = parse(urn, cls="object")
    assert found == parse(link, cls="object") == Identifier(scheme, link)
    assert record_id("object", found) == record_id("object", parse(link.replace("id.gs1.org", "example.com/x"), cls="object"))


def test_a_lot_in_brackets_is_the_same_as_its_urn() -> None:
    assert parse("(01)04054739999148(17)251231(10)20160711", cls="object") == parse(
        "urn:epc:class:lgtin:4054739.099914.20160711", cls="object"
    )


@pytest.mark.parametrize(
    "text", ["(01)04012345123457", "https://id.gs1.org/00/040123450000003337", "(00)04012345000000333", "(99)x"]
)
def test_a_wrong_gs1_check_digit_or_length_is_refused_with_the_right_one(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        parse(text, cls="object")


def test_a_wrong_check_digit_names_the_right_one() -> None:
    with pytest.raises(InvalidIdentifier, match="check digit of 04012345123457 is 6, not 7"):
        parse("(01)04012345123457", cls="object")


def test_a_urn_of_wrong_length_still_names_one_thing_by_its_text() -> None:
    text = "urn:epc:id:sscc:08600031303.0005"
    assert parse(text, cls="object") == Identifier("uri", text)
    assert lenient("https://id.example.com/8003/030013450007718765", cls="object").scheme == "uri"


@pytest.mark.parametrize("text", ["ssn:123", "mrn:4711", "name:Smith", "SSN:123", "Mrn:4711", "name: John Smith", "ssn:123@H"])
@pytest.mark.parametrize("read", [parse, lenient])
def test_names_and_record_numbers_may_not_be_tracking_codes(text: str, read: Callable[..., Identifier]) -> None:
    with pytest.raises(InvalidIdentifier, match=r"1271\.290"):
        read(text, cls="person", assigner="H")


@pytest.mark.parametrize("text", ["din:A99991712345", "sec:nonsense", "sscc:1", "lot:L1", "sgtin:4012345.1", "transformation: "])
def test_a_broken_value_of_a_scheme_of_ours_is_never_taken_for_a_uri(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        lenient(text, cls="object", assigner=None)


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("urn:uuid:1f8a3a38-0b7c-4b4e-9f43-0c0d5e9b7a51", "uri"),
        ("ftp://example.com/a", "uri"),
        ("geo:41.40338,2.17403", "uri"),
        ("ni:///sha-256;" + "0a" * 32 + "?ver=CBV2.0", "event_hash"),
        ("ni:///sha-256;" + "0a" * 31 + "?ver=CBV2.0", "uri"),
        ("event_id:urn:uuid:1f8a3a38", "event_id"),
        ("transformation:urn:epc:id:gdti:4012345.55555.98", "transformation"),
        ("waybill:7777@CARRIER", "waybill"),
        ("B:1", "local"),
        ("12:30", "local"),
        ("2024/17", "local"),
        ("b(1)", "local"),
    ],
)
def test_a_text_with_signs_has_one_reading(text: str, scheme: str) -> None:
    found = parse(text, cls="event", assigner="H")
    assert found.scheme == scheme
    assert parse(found.text, cls="event") == found


def test_a_transformation_is_one_in_both_of_its_spellings() -> None:
    urn, link = "transformation:urn:epc:id:gdti:4012345.55555.98", "transformation:https://example.com/253/401234555555498"
    assert parse(urn, cls="event") == parse(link, cls="event")


def test_a_scheme_may_be_written_in_capitals() -> None:
    assert parse("DIN:A999917123456", cls="object") == parse("din:A9999 17 123456 9", cls="object")
    assert parse("Lot:L1@M", cls="object") == Identifier("lot", "L1", "M")


@pytest.mark.parametrize("text", ["", "  ", "a\tb", "a\x00", "x" * 1001])
def test_what_is_empty_too_long_or_not_printable_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier, match="printable"):
        parse(text, cls="object", assigner="H")


@given(
    st.text(min_size=1, max_size=30), st.sampled_from(CLASSES), st.sampled_from([None, "H", "https://id.gs1.org/417/4012345000115"])
)
def test_every_identifier_is_read_back_from_its_text(text: str, cls: str, assigner: str | None) -> None:
    try:
        found = lenient(text, cls=cls, assigner=assigner)
    except InvalidIdentifier:
        return
    assert lenient(found.text, cls=cls, assigner=None) == found
    assert lenient(found.text, cls=cls, assigner="ANOTHER") == found


def test_a_local_number_belongs_to_its_assigner() -> None:
    assert (
        parse("B-1", cls="object", assigner="H") == parse("local:B-1@H", cls="object") == parse("B-1@H", cls="object", assigner="X")
    )
    assert record_id("object", parse("B-1@H", cls="object")) != record_id("object", parse("B-1@X", cls="object"))
    with pytest.raises(InvalidIdentifier, match="needs its assigner"):
        parse("B-1", cls="object")


def test_the_same_text_in_two_classes_is_two_ids() -> None:
    ids = {record_id(cls, Identifier("local", "1", "H")) for cls in CLASSES}
    assert len(ids) == len(CLASSES)


def test_labels_are_never_preferred_and_keys_have_an_order() -> None:
    label, lot, item = (
        parse(t, cls="object", assigner="M") for t in ("din:A999917123456", "lot:L1", "urn:epc:id:sgtin:4012345.012345.12")
    )
    assert not label.is_key
    assert preferred([label, lot, item], "object") == item
    assert preferred([label], "object") is None


def test_a_gs1_word_before_a_colon_is_never_a_local_number() -> None:
    assert parse("sscc:040123450000003338", cls="object") == parse("urn:epc:id:sscc:4012345.0000000333", cls="object")
    for text, cls in (("sscc:040123450000003337", "object"), ("sscc:040123450000003338", "person"), ("sgtin:4012345.1", "object")):
        with pytest.raises(InvalidIdentifier):
            parse(text, cls=cls, assigner="H")


def test_every_scheme_says_what_it_is() -> None:
    assert all(scheme.description.endswith(".") and set(scheme.classes) <= set(CLASSES) for scheme in SCHEMES.values())
    assert {gs1.scheme_of(gs1.from_urn(u) or "") for u in ("urn:epc:idpat:grai:4012345.66666.*",)} == {"grai_type"}


# -- as URIs


@pytest.mark.parametrize(
    "text", ["3.40123E+17", "3.40123e17", "3,4e+17@LAB", "lot:1E+12@LAB", "local:3.40123E+17@LAB", "A-3.40123E+17"]
)
def test_a_number_that_a_spreadsheet_rounded_names_nothing(text: str) -> None:
    """All numbers with the same first digits would be one thing."""
    with pytest.raises(InvalidIdentifier, match="last digits are lost"):
        parse(text, cls="object", assigner="LAB")


@pytest.mark.parametrize("text", ["1E+05", "12E+17", "E+12", "1E12", "3.4E-17", "X1.5E+17"])
def test_other_numbers_with_letters_name_things(text: str) -> None:
    assert parse(text, cls="object", assigner="LAB").value == text


@pytest.mark.parametrize(
    ("cls", "text", "uri"),
    [
        ("object", "https://id.gs1.org/00/040123450000003338", "https://id.gs1.org/00/040123450000003338"),
        ("object", "lot:VEC-7@vectorworks", "urn:veintrace:object:lot:VEC-7@vectorworks"),
        ("object", "local:bag 7@HOSPITAL", "urn:veintrace:object:local:bag%207@HOSPITAL"),
        ("organization", "org:LAB", "urn:veintrace:organization:org:LAB"),
        ("event", "despatch_advice:LAB-1", "urn:veintrace:event:despatch_advice:LAB-1"),
        ("person", "local:P#1?@ä", "urn:veintrace:person:local:P%231%3F@%C3%A4"),
    ],
)
def test_a_key_has_a_uri_that_is_read_back(cls: str, text: str, uri: str) -> None:
    assert uri_of(cls, text) == uri
    assert lenient(uri, cls=cls).text == text


@given(st.sampled_from(CLASSES), st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=20))
def test_the_uri_of_any_local_number_is_read_back(cls: str, number: str, assigner: str) -> None:
    try:
        text = parse(f"local:{number}@{assigner}", cls=cls).text
    except InvalidIdentifier:
        return
    uri = uri_of(cls, text)
    assert uri.isascii()
    assert " " not in uri
    assert lenient(uri, cls=cls).text == text
    assert lenient(own_uri(cls, text), cls=cls).text == text


@pytest.mark.parametrize(
    "text", ["urn:veintrace:person:local:P@X", "urn:veintrace:thing:1", "urn:veintrace:object:", "urn:veintrace:object:("]
)
def test_a_uri_of_ours_that_names_nothing_of_the_class_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        lenient(text, cls="object")


def test_a_record_that_no_key_names_has_a_uri_of_its_id() -> None:
    record = keyed_id("object", "a row of nobody")
    assert id_of_uri(uri_of_id(record)) == record
    assert id_of_uri(uri_of("object", "lot:1@X")) is None
