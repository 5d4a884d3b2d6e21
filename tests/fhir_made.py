"""Resources of FHIR made for tests, and what the reader says of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from graph.claims import Claim
from graph.record import Record
from graph.sqlite_store import SqliteStore
from graph.view import View
from loaders.items import Item, Refused
from loaders.pipeline import LoadReport

Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]
Told = Callable[..., list[Item | Refused]]
Sent = Callable[..., Path]
ISBT = "https://www.isbt128.org/uri"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
DONOR = {"reference": "Patient/d1"}


def resource(type_: str, id_: str | None = "1", **members: Any) -> dict[str, Any]:
    """A resource; members by their FHIR names."""
    return {"resourceType": type_, **({"id": id_} if id_ else {}), **members}


def bundle(*entries: dict[str, Any], urls: tuple[str, ...] = ()) -> dict[str, Any]:
    """A bundle of resources, with the URLs of the first of them."""
    told = [{"resource": each} for each in entries]
    for entry, url in zip(told, urls, strict=False):
        entry["fullUrl"] = url  # type: ignore[assignment]
    return {"resourceType": "Bundle", "type": "collection", "entry": told}


def claims_of(items: list[Item | Refused]) -> list[Claim]:
    """All claims; nothing may be refused."""
    refused = [item for item in items if isinstance(item, Refused)]
    assert not refused, refused
    return [claim for item in items if isinstance(item, Item) for claim in item.claims]


def kinds_of(claims: list[Claim]) -> list[tuple[str, str | None]]:
    """Kind and type of each record, in order."""
    return sorted((claim.fields["kind"], claim.fields.get(".type")) for claim in claims)


def named(claim: Claim, relation: str) -> list[str | None]:
    """The keys of what a claim relates to."""
    ends = [path.split()[1] for path in claim.fields if path.startswith(f"{relation} ") and len(path.split()) == 2]
    single = claim.fields.get(relation)
    return sorted(str(claim.names[end]) for end in [*ends, *([single] if single else [])])


def key_of(claim: Claim) -> str | None:
    """The key a claim is made under."""
    return claim.names[claim.record]


def problems_of(items: list[Item | Refused]) -> list[tuple[str, str, str]]:
    """Where each refused item stands, and the first thing that is wrong with it."""
    return [(item.at, item.problems[0].field, item.problems[0].code) for item in items if isinstance(item, Refused)]


def record_of(seen: View, text: str) -> Record:
    """The record that a text names."""
    record = seen.resolve(text)
    return seen.records(seen.joined([record]))[record]
