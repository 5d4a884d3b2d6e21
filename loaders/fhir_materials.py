"""Specimens, biologically derived products and devices of FHIR as records: materials, and the steps that made and handled them.

R4 and R5 tell of a biologically derived product in different members; both come to the same kinds of records: the material, its
collection from the donor, its making from others, what else was done with it, and what is known of it as Observations.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

from graph import identifiers
from graph.errors import InvalidIdentifier
from loaders import fhir_resources as r
from loaders.fhir_names import Named, is_donation, is_gtin, is_personal
from loaders.fhir_told import Told
from loaders.fhir_types import Concept, Ident, Period, Quantity, Reference
from loaders.fhir_values import code_of, codings, listed, quantity_fields, range_text, reference_of, said, short, words_of
from loaders.fhir_words import LEUKAPHERESIS, kind_of
from loaders.items import Draft

STARTED, ENDED = "started_at", "ended_at"
_STEP_TIMES = (STARTED, ENDED)
_DIVISION = 6
"""Characters of the division of a product (ISBT 128: 2 or 6)."""
_CELSIUS, _FAHRENHEIT, _KELVIN = "Cel", "[degF]", "K"
_SCALES = {"celsius": _CELSIUS, "farenheit": _FAHRENHEIT, "fahrenheit": _FAHRENHEIT, "kelvin": _KELVIN}
"""Scales of R4, one of them spelled as there, in UCUM."""
_ISBT_PRODUCT = re.compile(r"[A-Z][A-Z0-9]{4}[A-Za-z0-9][A-Z0-9][A-Za-z0-9]\Z")
_GS1 = re.compile(r"\d{14}\Z")
_URI = "urn:ietf:rfc:3986"


def specimen(told: Told, it: r.Specimen) -> None:
    """A sample: collected from a person or taken from others, processed, received, kept in something."""
    draft = told.record("Material")
    draft.value("type", "sample")
    draft.value("name", said(it.type))
    draft.value("x:type", codings(it.type))
    draft.value("status", it.status)
    draft.values(told.amount(it.collection.quantity if it.collection else None))
    told.ordered(draft, it.request, "request")
    made = _made(told, draft, it.parent, it.processing)
    if it.collection or (it.subject and not made):
        _collected(told, draft, it.collection or r.Collected(), it.subject, None)
    if it.received_time:
        receipt = told.part("Handoff", "receipt")
        receipt.value("type", "receiving")
        told.at(receipt, "accepted_at", it.received_time, "receivedTime")
        receipt.relate("SUBJECT_OF", draft.record, draft.names[draft.record], incoming=True)
    for at, container in enumerate(it.container):
        _packed(told, draft, container, at)


def biologically_derived_product(told: Told, it: r.BiologicallyDerivedProduct) -> None:
    """A product of human origin: starting material where a collection from a person made it."""
    source = _donation(it)
    draft = told.record("Material", source, _isbt(it, source))
    if it.collection and it.collection.source and not it.parent:
        draft.value("type", "starting_material")
    draft.value("name", said(it.product_code))
    draft.value("product_code", code_of(it.product_code))
    draft.value("x:product_code", codings(it.product_code))
    category = it.product_category
    draft.value("x:product_category", category if isinstance(category, str) else category.code if category else None)
    draft.value("x:division", short(it.division, _DIVISION))
    if (event := it.biological_source_event) and not source and not is_personal(event, "object"):
        draft.value("x:donation", short(event.value))
    draft.value("status", it.product_status.code if it.product_status else it.status)
    draft.values(told.amount(None if it.quantity is None else Quantity(value=float(it.quantity))))
    told.at(draft, "expires_at", it.expiration_date, "expirationDate")
    if it.storage_temp_requirements:
        draft.value("x:storage_temperature", range_text(it.storage_temp_requirements))
    told.ordered(draft, it.request, "request")
    _made(told, draft, it.parent, it.processing)
    if it.collection:
        _collected(told, draft, it.collection, it.collection.source, it.product_code)
    facilities = [told.named(each, "organization", f"processingFacility/{at}") for at, each in enumerate(it.processing_facility)]
    draft.value("x:processing_facilities", [found.text for found in facilities if found] or None)
    if it.manipulation:
        step = _acted(told, draft, "manipulation", "manipulation")
        told.during(step, _STEP_TIMES, "manipulation/time", it.manipulation.time_date_time, it.manipulation.time_period)
    for at, storage in enumerate(it.storage):
        _stored(told, draft, storage, at)
    for known in it.property:
        part = told.each("Observation", "property", code_of(known.type))
        part.relate("ABOUT", draft.record, draft.names[draft.record])
        told.coded(part, "code", known.type)
        part.value("panel", "property")
        told.valued(part, known)


def device(told: Told, it: r.Device) -> None:
    """A device or consumable: by its UDI and serial number one thing, by UDI and lot one lot."""
    source = it.biological_source_event
    draft = told.record("Material", *_udi(it), source if source and is_donation(source) else None)
    draft.value("type", "consumable")
    types: list[Concept] = listed(it.type)
    draft.value("name", next(filter(None, map(said, types)), None))
    told.coded_all(draft, "type", types)
    draft.value("x:lot", it.lot_number)
    draft.value("status", it.status)
    told.at(draft, "expires_at", it.expiration_date, "expirationDate")


def _udi(it: r.Device) -> list[Ident]:
    """A device's UDI with its serial number, else its lot, as a GS1 Digital Link, where its issuer is GS1."""
    number = next((udi.device_identifier for udi in it.udi_carrier if _GS1.match(udi.device_identifier or "")), None)
    serial, lot = (quote(each or "", safe="") for each in (it.serial_number, it.lot_number))
    qualifier = f"21/{serial}" if serial else f"10/{lot}" if lot else None
    if number is None or qualifier is None:
        return [Ident(system=_URI, value=link) for udi in it.udi_carrier if (link := _printed(udi.carrier_hrf))][:1]
    return [Ident(system=_URI, value=f"https://id.gs1.org/01/{number}/{qualifier}")]


def _printed(text: str | None) -> str | None:
    """The key in what is printed beside a barcode of GS1, with its serial number or lot; None where there is none."""
    try:
        key = identifiers.parse(text, cls="object") if text and text.startswith("(01)") else None
    except InvalidIdentifier:
        return None
    return key.value if key and key.is_key else None


def medication(told: Told, it: r.Medication) -> None:
    """A medicine that patients are given: with a batch a lot of a product, else what serves many at once."""
    maker = it.manufacturer or it.marketing_authorization_holder
    made_by = told.named(maker, "organization", "manufacturer")
    contained = maker is not None and (maker.reference or "").startswith("#")
    draft = told.record("Material", *_lots(it, None if contained else made_by))
    draft.value("type", "drug_product" if it.batch else "consumable")
    draft.value("name", said(it.code))
    draft.value("product_code", code_of(it.code))
    draft.value("x:product_code", codings(it.code))
    draft.value("x:manufacturer", made_by.text if made_by else None)
    draft.value("x:status", it.status)
    if it.batch:
        draft.value("x:lot", it.batch.lot_number)
        told.at(draft, "expires_at", it.batch.expiration_date, "batch/expirationDate")
    ingredients = [each.item_reference or reference_of(each.item) for each in it.ingredient]
    _parents(told, draft, [each for each in ingredients if each], "ingredient")


def _lots(it: r.Medication, maker: Named | None) -> Iterator[Ident]:
    """The lot of a medication: within its GTIN where that is its code, and within its maker."""
    lot = it.batch.lot_number if it.batch else None
    if not lot:
        return
    for coding in it.code.coding if it.code else ():
        if is_gtin(coding):
            yield Ident(system=_URI, value=f"https://id.gs1.org/01/{(coding.code or '').zfill(14)}/10/{quote(lot, safe='')}")
    if maker:
        yield Ident(system=_URI, value=f"lot:{lot}@{maker.text.removeprefix('org:').replace('@', '%40')}")


# -- identifiers


def _donation(it: r.BiologicallyDerivedProduct) -> Ident | None:
    """The donation number of ISBT 128; any other identifier of a donation names no product, as several come of one."""
    told = filter(None, (it.biological_source_event, *it.identifier))
    return next((each for each in told if is_donation(each)), None)


def _isbt(it: r.BiologicallyDerivedProduct, donation: Ident | None) -> Ident | None:
    """The key of ISBT 128: donation number with product code of 8 characters, or of 5 with a type and division of 3."""
    code = code_of(it.product_code) or ""
    full = code if _ISBT_PRODUCT.match(code) else f"{code}{it.division or ''}"
    if donation is None or not donation.value or not _ISBT_PRODUCT.match(full):
        return None
    return Ident(system=_URI, value=f"isbt128:{donation.value}-{full}")


# -- steps


def _acted(told: Told, draft: Draft, part: str, type_: str) -> Draft:
    """A step that acts on the material."""
    step = told.part("Step", part)
    step.value("type", type_)
    step.relate("SUBJECT_OF", draft.record, draft.names[draft.record], incoming=True)
    return step


def _made(told: Told, draft: Draft, parents: list[Reference], processing: list[r.Processing]) -> bool:
    """The step that made a material from others, if there is one, and how it was processed; whether there is one.

    Where one processing is told of what was made of others it is that which made it."""
    making = _parents(told, draft, parents)
    for at, each in enumerate(processing):
        if making and len(processing) == 1:
            _how(told, making, each, at)
        else:
            _how(told, _acted(told, draft, f"processing.{at}", "processing"), each, at)
    return making is not None


def _parents(told: Told, draft: Draft, parents: list[Reference], field: str = "parent") -> Draft | None:
    named = [found for at, each in enumerate(parents) if (found := told.named(each, "object", f"{field}/{at}"))]
    if not named:
        return None
    step = told.part("Step", "derivation")
    step.value("type", "processing")
    for parent in named:
        step.relate("INPUT_TO", parent.record, parent.text, incoming=True)
    step.relate("OUTPUT", draft.record, draft.names[draft.record])
    return step


def _collected(told: Told, draft: Draft, collection: r.Collected, source: Reference | None, product: Concept | None) -> None:
    """The collection from a person, or from what else it came of."""
    step = told.part("Step", "collection")
    words = f"{words_of(collection.method)} {words_of(product)}"
    step.value("type", LEUKAPHERESIS if kind_of(words) == LEUKAPHERESIS else "collection")
    step.value("protocol", said(collection.method))
    told.during(step, _STEP_TIMES, "collection/collected", collection.collected_date_time, collection.collected_period)
    told.link(step, "INPUT_TO", source, "person", "collection/source", classes=("person", "object"), incoming=True)
    step.relate("OUTPUT", draft.record, draft.names[draft.record])
    performed(told, step, collection.collector, "collection/collector")
    told.link(step, "SAME_AS", collection.procedure, "event", "collection/procedure")


def performed(told: Told, step: Draft, who: Reference | None, field: str) -> None:
    """Who did it: an organisation performed it, anyone else is the operator, by the place of the resource alone."""
    if who is None:
        return
    kind = told.kind(who)
    if kind in ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson"):
        if kind.startswith("Practitioner"):
            step.value("operator", told.names.operator(kind, who.reference or ""))
        return
    if not who.reference and who.identifier and is_personal(who.identifier, "organization"):
        return
    told.link(step, "PERFORMED_BY", who, "" if who.reference else "organization", field, classes=("organization",))


def _how(told: Told, step: Draft, told_of: r.Processing, at: int) -> None:
    """What a step of processing did, when, and with what."""
    how = told_of.method or told_of.procedure
    step.value("type", said(how))
    step.value("x:procedure", codings(how))
    told.during(step, _STEP_TIMES, f"processing/{at}/time", told_of.time_date_time, told_of.time_period)
    for index, additive in enumerate(listed(told_of.additive)):
        told.link(step, "INPUT_TO", additive, "object", f"processing/{at}/additive/{index}", incoming=True)


def _stored(told: Told, draft: Draft, storage: r.Storage, at: int) -> None:
    """A storage of R4: a step over its time, and the temperature as an observation of it."""
    step = _acted(told, draft, f"storage.{at}", "storing")
    _lasted(told, step, storage.duration, at)
    if storage.temperature is not None:
        part = told.part("Observation", f"storage.{at}.temperature")
        part.relate("ABOUT", draft.record, draft.names[draft.record])
        part.relate("ABOUT", step.record, step.names[step.record])
        part.values(quantity_fields(_temperature(storage)))
        part.value("code", "temperature")
        _lasted(told, part, storage.duration, at)


def _lasted(told: Told, draft: Draft, duration: Period | None, at: int) -> None:
    if duration:
        told.at(draft, STARTED, duration.start, f"storage/{at}/duration/start")
        told.at(draft, ENDED, duration.end, f"storage/{at}/duration/end")


def _temperature(storage: r.Storage) -> Quantity:
    return Quantity(value=storage.temperature, unit=_SCALES.get(storage.scale or "", storage.scale))


def _packed(told: Told, draft: Draft, container: r.Container, at: int) -> None:
    """That a specimen is in a container which is named: a packing of unknown time."""
    named = told.named(container.device, "object", f"container/{at}/device")
    if named is None:
        named = next(filter(None, (told.identity(each, "object") for each in container.identifier)), None)
    if named is None:
        return
    step = told.part("Step", f"packing.{at}")
    step.value("type", "packing")
    step.value("action", "ADD")
    step.relate("SUBJECT_OF", draft.record, draft.names[draft.record], incoming=True, role="content")
    step.relate("SUBJECT_OF", named.record, named.text, incoming=True, role="container")
