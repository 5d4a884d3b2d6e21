"""Parties, persons, orders and materials of FHIR, in R4 (4.0.1) and R5 (5.0.0), with the members that are read of each."""

from pydantic import Field

from loaders.fhir_types import (
    Code,
    Coding,
    Concept,
    ConceptOrReference,
    Ident,
    Number,
    Part,
    Period,
    Quantity,
    Range,
    Reference,
    Resource,
    Text,
    Valued,
    When,
)

# -- parties and persons


class Organization(Resource):
    """An organisation or department."""

    name: Text | None = None
    type: list[Concept] = Field(default_factory=list)
    part_of: Reference | None = None


class Location(Resource):
    """A place: what it is physically is its `physical_type` in R4, its `form` in R5."""

    name: Text | None = None
    type: list[Concept] = Field(default_factory=list)
    physical_type: Concept | None = None
    form: Concept | None = None
    part_of: Reference | None = None
    managing_organization: Reference | None = None


class Link(Part):
    """Another resource about the same patient."""

    other: Reference | None = None


class Patient(Resource):
    """A donor or patient."""

    gender: Code | None = None
    birth_date: When | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: When | None = None
    link: list[Link] = Field(default_factory=list)


class ResearchSubject(Resource):
    """A person in a study."""

    study: Reference | None = None
    individual: Reference | None = None
    subject: Reference | None = None
    consent: list[Reference] | Reference | None = None
    period: Period | None = None


class Member(Part):
    """Who or what is in a group, and when."""

    entity: Reference | None = None
    period: Period | None = None
    inactive: bool | None = None


class Group(Resource):
    """Persons or things that are spoken of together."""

    code: Concept | None = None
    member: list[Member] = Field(default_factory=list)


class Data(Part):
    """What a consent is about."""

    reference: Reference | None = None


class Provision(Part):
    """What a consent allows or denies."""

    type: Code | None = None
    period: Period | None = None
    purpose: list[Coding] = Field(default_factory=list)
    data: list[Data] = Field(default_factory=list)
    provision: "list[Provision]" = Field(default_factory=list)


class Consent(Resource):
    """A consent: `patient`, `date_time` and one provision in R4; `subject`, `date`, `decision` and several in R5."""

    scope: Concept | None = None
    category: list[Concept] = Field(default_factory=list)
    patient: Reference | None = None
    subject: Reference | None = None
    date_time: When | None = None
    date: When | None = None
    period: Period | None = None
    decision: Code | None = None
    policy_rule: Concept | None = None
    provision: list[Provision] | Provision | None = None


# -- therapy orders


class ServiceRequest(Resource):
    """An order: `code` is a concept in R4; R5 has codes and reasons as concept or reference."""

    based_on: list[Reference] = Field(default_factory=list)
    intent: Code | None = None
    do_not_perform: bool | None = None
    code: Concept | ConceptOrReference | None = None
    subject: Reference | None = None
    authored_on: When | None = None
    reason_code: list[Concept] = Field(default_factory=list)
    reason: list[ConceptOrReference] = Field(default_factory=list)


# -- materials


class Container(Part):
    """What a specimen is in: named itself in R4, a device in R5."""

    identifier: list[Ident] = Field(default_factory=list)
    device: Reference | None = None


class Processing(Part):
    """A step of processing: of specimens (`method` in R5) and of biologically derived products (R4)."""

    procedure: Concept | None = None
    method: Concept | None = None
    additive: list[Reference] | Reference | None = None
    time_date_time: When | None = None
    time_period: Period | None = None


class Collected(Part):
    """How a specimen or product was collected."""

    collector: Reference | None = None
    source: Reference | None = None
    collected_date_time: When | None = None
    collected_period: Period | None = None
    quantity: Quantity | None = None
    method: Concept | None = None
    procedure: Reference | None = None


class Specimen(Resource):
    """A sample."""

    type: Concept | None = None
    subject: Reference | None = None
    received_time: When | None = None
    parent: list[Reference] = Field(default_factory=list)
    request: list[Reference] = Field(default_factory=list)
    collection: Collected | None = None
    processing: list[Processing] = Field(default_factory=list)
    container: list[Container] = Field(default_factory=list)


class Manipulation(Part):
    """What else was done with a product (R4)."""

    time_date_time: When | None = None
    time_period: Period | None = None


class Storage(Part):
    """How a product is stored (R4)."""

    temperature: Number | None = None
    scale: Code | None = None
    duration: Period | None = None


class Property(Valued):
    """A property of a product (R5)."""

    type: Concept | None = None


class BiologicallyDerivedProduct(Resource):
    """A product of human origin: R4 tells how it was processed and stored, R5 its properties, facility and expiry."""

    product_category: Coding | Code | None = None
    product_code: Concept | None = None
    parent: list[Reference] = Field(default_factory=list)
    request: list[Reference] = Field(default_factory=list)
    quantity: int | None = None
    collection: Collected | None = None
    processing: list[Processing] = Field(default_factory=list)
    manipulation: Manipulation | None = None
    storage: list[Storage] = Field(default_factory=list)
    biological_source_event: Ident | None = None
    processing_facility: list[Reference] = Field(default_factory=list)
    division: Text | None = None
    product_status: Coding | None = None
    expiration_date: When | None = None
    storage_temp_requirements: Range | None = None
    property: list[Property] = Field(default_factory=list)


class Udi(Part):
    """A unique device identifier."""

    device_identifier: Text | None = None
    carrier_hrf: Text | None = Field(None, alias="carrierHRF")


class Device(Resource):
    """A device, consumable or container: of one type in R4, of several in R5."""

    udi_carrier: list[Udi] = Field(default_factory=list)
    manufacturer: Text | None = None
    lot_number: Text | None = None
    serial_number: Text | None = None
    biological_source_event: Ident | None = None
    expiration_date: When | None = None
    type: list[Concept] | Concept | None = None


class Batch(Part):
    """The lot of a medication."""

    lot_number: Text | None = None
    expiration_date: When | None = None


class Ingredient(Part):
    """What is in a medication: `item[x]` in R4, `item` in R5."""

    item_reference: Reference | None = None
    item: ConceptOrReference | None = None


class Medication(Resource):
    """A medication: of a `manufacturer` in R4, of the holder of its authorization in R5."""

    code: Concept | None = None
    manufacturer: Reference | None = None
    marketing_authorization_holder: Reference | None = None
    ingredient: list[Ingredient] = Field(default_factory=list)
    batch: Batch | None = None
