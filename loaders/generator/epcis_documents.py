"""A part of a generated network as an EPCIS document: its CSV files, as our own reader understands them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from graph.claims import Claim, Fields
from loaders import csv_bundle
from loaders.epcis_rendering import Word
from loaders.epcis_writer import Writer
from loaders.generator.network import BY_NAME
from loaders.items import Context, Item


def of_bundle(organisation: str, paths: Sequence[Path]) -> bytes:
    """What an organisation says in some files of its bundle, as one document that it sends.

    Whatever it says of a record again later is an event, or an element of master data, of its own that says all it knows by then:
    so a correction stands beside what it corrects, as in the files."""
    names: dict[str, str | None] = {}
    claims: dict[str, list[Claim]] = {}
    for claim in _claims(organisation, paths):
        names.update(claim.names)
        claims.setdefault(claim.record, []).append(claim)
    writer = Writer(names, lambda steward, record: None, organisation)
    writer.add(word for told in claims.values() for word in _words(told))
    return writer.document()


def _claims(organisation: str, paths: Sequence[Path]) -> Iterator[Claim]:
    context = Context(organisation, zone_of=lambda steward: BY_NAME[steward].zone_name)
    for path in paths:
        for item in csv_bundle.read(path, context):
            assert isinstance(item, Item), item
            yield from item.claims


def _words(claims: Iterable[Claim]) -> Iterator[Word]:
    """What one organisation says of one record by each date on which it says something."""
    by_date: dict[int, list[Claim]] = {}
    for claim in claims:
        by_date.setdefault(claim.recorded_at or 0, []).append(claim)
    known: Fields = {}
    for date in sorted(by_date):
        for claim in by_date[date]:
            known = {**known, **claim.fields}
        yield Word(claim.steward, claim.record, known, date)
