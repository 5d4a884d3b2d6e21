"""GS1 keys: one canonical form of every spelling, and check digits that are proved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import gs1
from graph.errors import InvalidIdentifier
from graph.identifiers import Identifier, lenient, parse, record_id

CLASS_LEVEL = [
    ("urn:epc:idpat:sgtin:4054739.099914.*", "https://id.gs1.org/01/04054739999148"),
    ("urn:epc:idpat:grai:4012345.66666.*", "https://id.gs1.org/8003/04012345666663"),
    ("urn:epc:idpat:gdti:4012345.55555.*", "https://id.gs1.org/253/4012345555554"),
    ("urn:epc:idpat:sgcn:4012345.99999.*", "https://id.gs1.org/255/4012345999990"),
    ("urn:epc:idpat:itip:4012345.012345.01.02.*", "https://id.gs1.org/8006/040123451234560102"),
    ("urn:epc:idpat:cpi:4012345.ABC.*", "https://id.gs1.org/8010/4012345ABC"),
]
INSTANCES = [
    ("urn:epc:id:gdti:4012345.55555.498", "https://id.gs1.org/253/4012345555554498"),
    ("urn:epc:id:ginc:4012345.333", "https://id.gs1.org/401/4012345333"),
    ("urn:epc:id:gsin:4012345.999987654", "https://id.gs1.org/402/40123459999876541"),
    ("urn:epc:id:gsrn:4012345.9876540000", "https://id.gs1.org/8018/401234598765400000"),
    ("urn:epc:id:gsrnp:4012345.0000098765", "https://id.gs1.org/8017/401234500000987658"),
    ("urn:epc:id:upui:4012345.012345.AB12", "https://id.gs1.org/01/04012345123456/235/AB12"),
    ("urn:epc:id:sgln:4012345.00011.987", "https://id.gs1.org/414/4012345000115/254/987"),
    ("urn:epc:id:sgln:4012345.00011.0", "https://id.gs1.org/414/4012345000115"),
    ("urn:epc:id:pgln:4012345.00011", "https://id.gs1.org/417/4012345000115"),
    ("urn:epc:id:sgtin:4012345.012345.a%2Fb%20c", "https://id.gs1.org/01/04012345123456/21/a%2Fb%20c"),
    ("urn:epc:id:sgtin:4012345.012345.!()*+,:'-._;=", "https://id.gs1.org/01/04012345123456/21/%21%28%29%2A%2B%2C%3A'-._;="),
]


@pytest.mark.parametrize(("urn", "link"), CLASS_LEVEL + INSTANCES)
def test_every_key_has_one_canonical_link(urn: str, link: str) -> None:
    assert gs1.from_urn(urn) == link
    assert gs1.from_link(link) == link


@pytest.mark.parametrize(("urn", "link"), CLASS_LEVEL)
def test_a_class_of_objects_is_a_label(urn: str, link: str) -> None:
    assert parse(urn, cls="object").is_key is False


@pytest.mark.parametrize(
    "spelling",
    [
        "http://example.com/some/path/01/04012345123456/10/L1/21/12",
        "https://example.com/01/04012345123456/22/2A/10/L1/21/12?17=251231&x=y#top",
        "https://example.com/gtin/4012345123456/lot/L1/ser/12/",
        "(01)04012345123456(17)251231(10)L1(21)12",
        "https://example.com/01/04012345123456/21/%31%32",
        "(01) 04012345123456 (21) 12",
        "urn:epc:id:sgtin:4012345.012345.12",
        "  https://id.gs1.org/01/04012345123456/21/12 ",
    ],
)
def test_spellings_of_one_item_are_one_identifier(spelling: str) -> None:
    assert parse(spelling, cls="object") == Identifier("sgtin", "https://id.gs1.org/01/04012345123456/21/12")


@pytest.mark.parametrize(
    ("word", "link"),
    [
        ("sscc:040123450000003338", "https://id.gs1.org/00/040123450000003338"),
        ("SSCC:040123450000003338", "https://id.gs1.org/00/040123450000003338"),
        ("gtin:4012345123456", "https://id.gs1.org/01/04012345123456"),
        ("giai:4012345AAbb", "https://id.gs1.org/8004/4012345AAbb"),
    ],
)
def test_a_key_may_be_given_by_the_name_of_its_scheme(word: str, link: str) -> None:
    assert parse(word, cls="object").value == link


def test_a_global_location_number_names_an_organisation() -> None:
    assert parse("gln:4012345000115", cls="organization") == parse("urn:epc:id:sgln:4012345.00011.0", cls="organization")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("(00)040123450000003337", "8"),
        ("(414)4012345000116", "5"),
        ("(8003)04012345666664X", "3"),
        ("(253)4012345555555X", "4"),
        ("(8018)401234598765400001", "0"),
        ("https://example.com/00/040123450000003337", "8"),
    ],
)
def test_a_wrong_check_digit_names_the_right_one(text: str, right: str) -> None:
    cls = "organization" if "(414)" in text else "person" if "(8018)" in text else "object"
    with pytest.raises(InvalidIdentifier, match=f"is {right}, not"):
        parse(text, cls=cls)


@pytest.mark.parametrize(
    "text", ["https://acme.example/orders/01/17", "https://acme.example/party/Smith", "https://acme.example/00/a"]
)
def test_a_path_that_only_looks_like_a_digital_link_stays_a_uri(text: str) -> None:
    assert parse(text, cls="object") == Identifier("uri", text)


def test_a_wrong_length_at_the_official_domain_is_refused() -> None:
    with pytest.raises(InvalidIdentifier, match="18 digits"):
        parse("https://id.gs1.org/00/0401234500000033", cls="object")


@pytest.mark.parametrize(
    "urn",
    [
        "urn:epc:id:sgtin:4012345.012345",
        "urn:epc:id:sgtin:4012345.012345.",
        "urn:epc:id:sscc:4012345",
        "urn:epc:id:sgln:40123x5.00011.0",
        "urn:epc:idpat:sgtin:4012345.*.*",
        "urn:epc:class:sgtin:4012345.012345.1",
        "urn:epc:id:usdod:CAGEY.5678",
        "urn:epc:id:itip:4012345.012345.1.2.9",
        "urn:epc:id:grai:4012345.66666.",
    ],
)
def test_a_urn_that_is_no_whole_key_stays_a_uri(urn: str) -> None:
    assert gs1.from_urn(urn) is None
    assert parse(urn, cls="object") == Identifier("uri", urn)


def test_a_valid_key_of_another_class_keeps_its_canonical_form_where_that_is_tolerated() -> None:
    urn, link = "urn:epc:id:sgln:4012345.00011.987", "https://id.gs1.org/414/4012345000115/254/987"
    assert lenient(urn, cls="object") == lenient(link, cls="object") == Identifier("uri", link)
    with pytest.raises(InvalidIdentifier, match="class organization"):
        parse(urn, cls="object")


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(body: str, at: int, shift: int) -> None:
    wrong = body[:at] + str((int(body[at]) + shift) % 10) + body[at + 1 :]
    assert gs1.check_digit(body) != gs1.check_digit(wrong)


_SERIAL = st.text(st.characters(min_codepoint=33, max_codepoint=122), min_size=1, max_size=20)


@given(_SERIAL)
def test_any_serial_number_survives_its_escapes(serial: str) -> None:
    link = gs1.from_urn("urn:epc:id:sgtin:4012345.012345." + "".join(f"%{ord(c):02X}" for c in serial))
    assert link is not None
    assert gs1.from_link(link) == link
    assert parse(link, cls="object").text == link


def test_a_party_and_a_place_of_one_gln_are_two_until_somebody_says_they_are_one() -> None:
    """GS1 GLN Allocation Rules: a GLN may name a legal entity, a location of it, or both."""
    urns = ("urn:epc:id:pgln:4012345.00011", "urn:epc:id:sgln:4012345.00011.0")
    party, place = (parse(urn, cls="organization") for urn in urns)
    assert (party.scheme, place.scheme) == ("pgln", "sgln")
    assert record_id("organization", party) != record_id("organization", place)
