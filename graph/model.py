"""The records and relations of the graph: declared here once, everything else is made from them.

CSV templates, the data dictionary, validation and the descriptions in GraphQL come from these models. A field that
names another record is declared with `Ref`: it becomes a relation, not a value. Instants are canonical texts of
`graph.times`. Standards named: GS1 EPCIS 2.0 and CBV 2.0, HL7 FHIR, W3C PROV-O, ISBT 128, 21 CFR 1271.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo

from graph.times import canonical


def _instant(text: str, info: ValidationInfo) -> str:
    return canonical(text, info.context.get("zone") if info.context else None)


Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Instant = Annotated[Text, AfterValidator(_instant)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[float, Field(allow_inf_nan=False, ge=0)]


@dataclass(frozen=True)
class Ref:
    """Marks a field that names another record: the relation it makes and the class of record it names."""

    relation: str
    cls: str


def _ref(relation: str, cls: str, description: str, alias: str | None = None) -> Any:
    return Field(default=None, description=description, alias=alias, json_schema_extra={"ref": relation, "cls": cls})


class Record(BaseModel):
    """What every kind shares: frozen, no unknown fields, all optional, for a claim says only what its steward knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    CLASS: ClassVar[str]
    INSTANTS: ClassVar[tuple[str, ...]] = ()


class Organization(Record):
    """A blood centre, hospital, biotech, CDMO, carrier or laboratory, or a department or site of one (`part_of`).

    EPCIS location or party, FHIR Organization or Location, PROV Agent."""

    CLASS = "organization"
    name: Text | None = Field(None, description="Name shown to people.")
    type: (
        Literal["blood_centre", "hospital", "biotech", "cdmo", "carrier", "laboratory", "registry", "department", "site", "other"]
        | None
    ) = Field(None, description="What it is: an organisation of the network, or a department or site of one.")
    part_of: Text | None = _ref("PART_OF", "organization", "The organisation this department or site belongs to.")
    time_zone: Text | None = Field(None, description="IANA time zone in which its local times are read, e.g. Europe/Berlin.")
    country: Text | None = Field(None, description="ISO 3166-1 alpha-2 country code.")
    contact: Text | None = Field(None, description="Whom to call in a recall: a role with telephone or mail, no person's name.")


class Person(Record):
    """A donor or patient (in autologous therapy both), known by pseudonyms only. FHIR Patient, PROV Agent."""

    CLASS = "person"
    role: Literal["donor", "patient", "donor_and_patient"] | None = Field(None, description="Donor, patient, or both (autologous).")
    sex: Literal["female", "male", "other", "unknown"] | None = Field(None, description="Administrative sex (FHIR codes).")
    birth_year: Annotated[int, Field(ge=1850, le=2200)] | None = Field(None, description="Year of birth; never the full date.")
    blood_group: Literal["A", "B", "AB", "O"] | None = Field(None, description="ABO blood group.")
    rh: Literal["positive", "negative"] | None = Field(None, description="Rh(D) factor.")


class Episode(Record):
    """One therapy order; its key is the chain-of-identity id. EPCIS business transaction, FHIR ServiceRequest."""

    CLASS = "episode"
    INSTANTS = ("ordered_at",)
    person: Text | None = _ref("ABOUT", "person", "The patient the therapy is ordered for.")
    intent: Literal["autologous", "allogeneic"] | None = Field(None, description="Whose cells are the starting material.")
    therapy: Text | None = Field(None, description="Therapy or protocol ordered.")
    indication: Text | None = Field(None, description="Disease treated (code or text).")
    ordered_at: Instant | None = Field(None, description="When the therapy was ordered.")
    status: Literal["active", "completed", "cancelled", "on_hold"] | None = Field(None, description="State of the order.")


class Material(Record):
    """Starting material, intermediate, drug product, dose, sample, retain, or a lot of reagent, vector or media.

    EPCIS epc or class with quantity, FHIR Specimen or BiologicallyDerivedProduct, PROV Entity."""

    CLASS = "object"
    INSTANTS = ("expires_at",)
    type: (
        Literal[
            "starting_material",
            "intermediate",
            "drug_substance",
            "drug_product",
            "dose",
            "sample",
            "retain",
            "reagent_lot",
            "vector_lot",
            "media_lot",
            "consumable",
            "other",
        ]
        | None
    ) = Field(None, description="What the material is in the process.")
    name: Text | None = Field(None, description="Name shown to people.")
    product_code: Text | None = Field(None, description="Product code (ISBT 128 product description, GTIN, or the maker's).")
    quantity: Amount | None = Field(None, description="Amount when first recorded, in `unit`; uses are on the relations.")
    unit: Text | None = Field(None, description="Unit of `quantity` as given (UCUM or UN/ECE Rec 20 code preferred).")
    expires_at: Instant | None = Field(None, description="Expiry of the material.")
    preservation: Literal["fresh", "cryopreserved", "thawed"] | None = Field(None, description="How the material is kept.")
    status: Text | None = Field(None, description="Status as stated; the present status is computed from the events.")
    for_episode: Text | None = _ref("FOR_EPISODE", "episode", "The therapy order (chain of identity) it is made for.")


class Container(Record):
    """A bag rack, dewar, shipper or freezer: it holds materials and containers over intervals.

    EPCIS parent of an AggregationEvent, FHIR Device or Substance container, PROV Entity."""

    CLASS = "object"
    type: Literal["bag_rack", "cassette", "dewar", "shipper", "freezer", "refrigerator", "pallet", "other"] | None = Field(
        None, description="What holds the materials."
    )
    name: Text | None = Field(None, description="Name shown to people.")
    status: Text | None = Field(None, description="Status as stated; the present status is computed from the events.")


class Step(Record):
    """One thing done: collection, processing, cryopreservation, packing, thaw, test, release, infusion, ...

    EPCIS Object, Transformation and Aggregation events, FHIR Procedure, PROV Activity. `performed_by` says whose staff
    acted, `at` where: apheresis staff of a blood centre work inside hospitals."""

    CLASS = "event"
    INSTANTS = ("started_at", "ended_at", "planned_at")
    type: Text | None = Field(
        None,
        description="Kind of step: collection, processing, cryopreservation, packing, unpacking, thaw, test, release, "
        "infusion, discard, ... or a CBV business step.",
    )
    action: Literal["ADD", "OBSERVE", "DELETE"] | None = Field(
        None, description="EPCIS action; for a packing ADD puts contents in, for an unpacking DELETE takes them out."
    )
    started_at: Instant | None = Field(None, description="When it began (event time).")
    ended_at: Instant | None = Field(None, description="When it ended; absent where it happened at one moment.")
    planned_at: Instant | None = Field(None, description="When it was planned to begin.")
    status: Literal["planned", "in_progress", "completed", "failed", "aborted"] | None = Field(None, description="How it went.")
    failure_reason: Text | None = Field(None, description="Why it failed or was aborted.")
    protocol: Text | None = Field(None, description="Protocol or batch record followed.")
    equipment: Text | None = Field(None, description="Equipment used.")
    operator: Text | None = Field(None, description="Operator, as a pseudonym.")
    disposition: Text | None = Field(None, description="State of the objects after the step (CBV disposition or own term).")
    performed_by: Text | None = _ref("PERFORMED_BY", "organization", "The department whose staff performed it.")
    at: Text | None = _ref("AT", "organization", "The place it was performed at.")
    for_episode: Text | None = _ref("FOR_EPISODE", "episode", "The therapy order it belongs to.")


class Handoff(Record):
    """Custody moves from one department to another: a record, not an edge. It starts released and ends accepted.

    EPCIS shipping to receiving, FHIR Transport, PROV Activity. The giver answers for `released_at`, the carrier for
    `picked_up_at` and `delivered_at`, the taker for `accepted_at` and `refused_at`."""

    CLASS = "event"
    INSTANTS = (
        "released_at",
        "picked_up_at",
        "delivered_at",
        "accepted_at",
        "refused_at",
        "agreed_release_at",
        "agreed_delivery_at",
        "notified_at",
        "acknowledged_at",
    )
    type: Text | None = Field(None, description="Kind of handoff: shipment, internal transfer, or a CBV business step.")
    released_at: Instant | None = Field(None, description="When the giver released it: the handoff starts.")
    picked_up_at: Instant | None = Field(None, description="When the carrier took it.")
    delivered_at: Instant | None = Field(None, description="When the carrier delivered it.")
    accepted_at: Instant | None = Field(None, description="When the taker accepted it: the handoff ends.")
    refused_at: Instant | None = Field(None, description="When the taker refused it.")
    agreed_release_at: Instant | None = Field(None, description="Agreed time of release.")
    agreed_delivery_at: Instant | None = Field(None, description="Agreed time of delivery.")
    notified_at: Instant | None = Field(None, description="When the taker was told that it is coming.")
    acknowledged_at: Instant | None = Field(None, description="When the taker confirmed that it was told.")
    priority: Literal["routine", "urgent", "emergency"] | None = Field(None, description="Agreed priority.")
    preservation: Literal["fresh", "cryopreserved", "thawed"] | None = Field(None, description="How the content travels.")
    discrepancy_code: Text | None = Field(None, description="Coded reason of a discrepancy found on acceptance.")
    discrepancy: Text | None = Field(None, description="The discrepancy in words.")
    disposition: Text | None = Field(None, description="State of the objects after the handoff (CBV disposition or own term).")
    action: Literal["ADD", "OBSERVE", "DELETE"] | None = Field(None, description="EPCIS action.")
    from_: Text | None = _ref("FROM", "organization", "The department that gives custody.", alias="from")
    to: Text | None = _ref("TO", "organization", "The department that takes custody.")
    carried_by: Text | None = _ref("CARRIED_BY", "organization", "The carrier.")
    for_episode: Text | None = _ref("FOR_EPISODE", "episode", "The therapy order it belongs to.")


class Observation(Record):
    """A measured value about a person, material, container, step or handoff. EPCIS sensorElement, FHIR Observation."""

    CLASS = "observation"
    INSTANTS = ("observed_at", "started_at", "ended_at")
    about: Text | None = _ref("ABOUT", "any", "What was measured: a record's identifier, with its class as in `person/P-1`.")
    code: Text | None = Field(None, description="What was measured, as a code (LOINC, SNOMED CT, GS1 measurement type) or word.")
    comparator: Literal["<", "<=", ">=", ">"] | None = Field(None, description="`value` is a limit, not a reading.")
    value: Number | None = Field(None, description="The value as given, in `unit`.")
    value_text: Text | None = Field(None, description="The value where it is not a number.")
    unit: Text | None = Field(None, description="Unit as given (UCUM or UN/ECE Rec 20 code preferred).")
    observed_at: Instant | None = Field(None, description="When it was measured.")
    started_at: Instant | None = Field(None, description="Begin of the interval measured over.")
    ended_at: Instant | None = Field(None, description="End of the interval measured over.")
    method: Text | None = Field(None, description="Method or device.")
    panel: Text | None = Field(None, description="Panel the value belongs to.")


class Outcome(Record):
    """A clinical result of a person, attributed to a product or episode. FHIR Observation or AdverseEvent."""

    CLASS = "outcome"
    INSTANTS = ("occurred_at",)
    about: Text | None = _ref("ABOUT", "person", "The person it happened to.")
    attributed_to: Text | None = _ref("ABOUT", "object", "The product it is attributed to.")
    for_episode: Text | None = _ref("FOR_EPISODE", "episode", "The therapy order it is attributed to.")
    type: Literal["response", "toxicity", "relapse", "progression", "death", "lost_to_follow_up", "other"] | None = Field(
        None, description="What kind of result."
    )
    term: Text | None = Field(None, description="The result as a code or word, e.g. complete response, CRS.")
    grade: Annotated[int, Field(ge=0, le=5)] | None = Field(None, description="Grade (CTCAE 0 to 5) of a toxicity.")
    occurred_at: Instant | None = Field(None, description="When it was found.")


class Consent(Record):
    """What a person allows, from when to when. FHIR Consent."""

    CLASS = "consent"
    INSTANTS = ("valid_from", "valid_to", "withdrawn_at")
    person: Text | None = _ref("ABOUT", "person", "The person who consents.")
    purposes: Text | None = Field(None, description="Purposes allowed, separated by `;`, e.g. treatment; research.")
    valid_from: Instant | None = Field(None, description="From when it holds.")
    valid_to: Instant | None = Field(None, description="Until when it holds.")
    withdrawn_at: Instant | None = Field(None, description="When it was withdrawn.")


class Kind(StrEnum):
    """The kinds of record."""

    ORGANIZATION = "Organization"
    PERSON = "Person"
    EPISODE = "Episode"
    MATERIAL = "Material"
    CONTAINER = "Container"
    STEP = "Step"
    HANDOFF = "Handoff"
    OBSERVATION = "Observation"
    OUTCOME = "Outcome"
    CONSENT = "Consent"


MODELS: dict[str, type[Record]] = {
    model.__name__: model
    for model in (Organization, Person, Episode, Material, Container, Step, Handoff, Observation, Outcome, Consent)
}
"""Every kind of record by its name."""

CLASSES: dict[str, tuple[str, ...]] = {}
"""The kinds that share one class of id: `object` (materials, containers), `event` (steps, handoffs), one for each other."""
for _name, _model in MODELS.items():
    CLASSES[_model.CLASS] = (*CLASSES.get(_model.CLASS, ()), _name)


def refs(kind: str) -> dict[str, Ref]:
    """The fields of a kind that name other records, by column name."""
    found = {}
    for name, info in MODELS[kind].model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and "ref" in extra:
            found[info.alias or name] = Ref(str(extra["ref"]), str(extra["cls"]))
    return found


@dataclass(frozen=True)
class Relation:
    """One type of relation: which classes it joins, and how it is held.

    `owner` is the end whose claims state it. A `single` relation holds one end at a time and behaves as a field of
    its source; the others stand until retracted, each named by its type and ends, `fields` being its properties."""

    name: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    description: str
    owner: Literal["source", "target"] = "source"
    single: bool = False
    fields: tuple[str, ...] = ()


_ANY = tuple(CLASSES)
_AMOUNT = ("quantity", "unit")

RELATIONS: dict[str, Relation] = {
    relation.name: relation
    for relation in (
        Relation(
            "INPUT_TO", ("object", "person"), ("event",), "Goes into a step; what is left lives on.", "target", fields=_AMOUNT
        ),
        Relation("OUTPUT", ("event",), ("object", "person"), "Is made by a step (or treated by it).", fields=_AMOUNT),
        Relation(
            "SUBJECT_OF",
            ("object",),
            ("event",),
            "A step or handoff acts on it without making another; role `content` or `container` in a packing or unpacking.",
            "target",
            fields=("role", *_AMOUNT),
        ),
        Relation("PERFORMED_BY", ("event",), ("organization",), "Whose staff performed the step.", single=True),
        Relation("AT", ("event",), ("organization",), "Where the step was performed.", single=True),
        Relation("FROM", ("event",), ("organization",), "Who gives custody.", single=True),
        Relation("TO", ("event",), ("organization",), "Who takes custody.", single=True),
        Relation("CARRIED_BY", ("event",), ("organization",), "Who carries.", single=True),
        Relation("PART_OF", ("organization",), ("organization",), "The organisation a department belongs to.", single=True),
        Relation("FOR_EPISODE", ("object", "event", "outcome"), ("episode",), "The therapy order it serves.", single=True),
        Relation("ABOUT", ("observation", "outcome", "consent", "episode"), _ANY, "What it says something about."),
        Relation("GOVERNED_BY", ("person", "object", "event"), ("consent",), "The consent that governs it."),
        Relation("SAME_AS", _ANY, _ANY, "Two ids of one thing."),
    )
}
"""Every stored type of relation. `CONTAINED_IN` is not stored: it is computed from packing and unpacking steps."""

CONTENT, CONTAINER = "content", "container"
"""Roles of the objects of a packing or unpacking."""
