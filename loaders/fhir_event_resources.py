"""Events and findings of FHIR, in R4 (4.0.1) and R5 (5.0.0), with the members that are read of each."""

from pydantic import Field

from loaders.fhir_types import (
    Code,
    Concept,
    ConceptOrReference,
    Part,
    Period,
    Quantity,
    Range,
    Reference,
    Resource,
    Timing,
    Valued,
    When,
)


class Occurring(Resource):
    """`occurrence[x]`, `performed[x]` and `effective[x]`: when something happened."""

    occurrence_date_time: When | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None


# -- events


class Performer(Part):
    """Who did it, and for whom."""

    function: Concept | None = None
    actor: Reference | ConceptOrReference | None = None
    on_behalf_of: Reference | None = None


class FocalDevice(Part):
    """A device that was implanted, removed or handled."""

    action: Concept | None = None
    manipulated: Reference | None = None


class Procedure(Occurring):
    """What was done to a person: `performed[x]` in R4, `occurrence[x]` in R5."""

    based_on: list[Reference] = Field(default_factory=list)
    part_of: list[Reference] = Field(default_factory=list)
    status_reason: Concept | None = None
    code: Concept | None = None
    category: list[Concept] | Concept | None = None
    subject: Reference | None = None
    focus: Reference | None = None
    performed_date_time: When | None = None
    performed_period: Period | None = None
    performer: list[Performer] = Field(default_factory=list)
    location: Reference | None = None
    used_reference: list[Reference] = Field(default_factory=list)
    used: list[ConceptOrReference] = Field(default_factory=list)
    focal_device: list[FocalDevice] = Field(default_factory=list)


class Piece(Part):
    """What goes into a task or comes out of it."""

    value_reference: Reference | None = None


class Restriction(Part):
    """When a task is to be done."""

    period: Period | None = None


class Task(Resource):
    """Something to be done, or done."""

    based_on: list[Reference] = Field(default_factory=list)
    status_reason: Concept | ConceptOrReference | None = None
    priority: Code | None = None
    code: Concept | None = None
    focus: Reference | None = None
    for_: Reference | None = Field(None, alias="for")
    requested_period: Period | None = None
    execution_period: Period | None = None
    restriction: Restriction | None = None
    authored_on: When | None = None
    owner: Reference | None = None
    performer: list[Performer] = Field(default_factory=list)
    location: Reference | None = None
    input: list[Piece] = Field(default_factory=list)
    output: list[Piece] = Field(default_factory=list)


class Transport(Resource):
    """Something to be brought from one place to another (R5)."""

    based_on: list[Reference] = Field(default_factory=list)
    status_reason: Concept | None = None
    priority: Code | None = None
    code: Concept | None = None
    focus: Reference | None = None
    completion_time: When | None = None
    authored_on: When | None = None
    owner: Reference | None = None
    requested_location: Reference | None = None
    current_location: Reference | None = None
    restriction: Restriction | None = None
    input: list[Piece] = Field(default_factory=list)


class Supplied(Part):
    """What is delivered."""

    quantity: Quantity | None = None
    item_reference: Reference | None = None


class SupplyDelivery(Occurring):
    """A delivery: of one thing in R4, of several in R5."""

    based_on: list[Reference] = Field(default_factory=list)
    type: Concept | None = None
    supplied_item: list[Supplied] | Supplied | None = None
    supplier: Reference | None = None
    receiver: list[Reference] = Field(default_factory=list)
    destination: Reference | None = None


class BiologicallyDerivedProductDispense(Resource):
    """A product that is handed over for a patient (R5)."""

    based_on: list[Reference] = Field(default_factory=list)
    product: Reference | None = None
    patient: Reference | None = None
    location: Reference | None = None
    quantity: Quantity | None = None
    prepared_date: When | None = None
    when_handed_over: When | None = None
    destination: Reference | None = None


class Dosage(Part):
    """How much was given, and how."""

    dose: Quantity | None = None
    route: Concept | None = None
    method: Concept | None = None


class MedicationAdministration(Resource):
    """Something that was given to a patient: `effective[x]` in R4, `occurence[x]`, spelled so, in R5."""

    part_of: list[Reference] = Field(default_factory=list)
    status_reason: list[Concept] = Field(default_factory=list)
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: ConceptOrReference | None = None
    subject: Reference | None = None
    effective_date_time: When | None = None
    effective_period: Period | None = None
    occurence_date_time: When | None = None
    occurence_period: Period | None = None
    occurence_timing: Timing | None = None
    performer: list[Performer] = Field(default_factory=list)
    dosage: Dosage | None = None


class DiagnosticReport(Resource):
    """A test of specimens, and what it came to."""

    based_on: list[Reference] = Field(default_factory=list)
    code: Concept | None = None
    subject: Reference | None = None
    effective_date_time: When | None = None
    effective_period: Period | None = None
    issued: When | None = None
    performer: list[Reference] = Field(default_factory=list)
    specimen: list[Reference] = Field(default_factory=list)
    result: list[Reference] = Field(default_factory=list)
    conclusion_code: list[Concept | ConceptOrReference] = Field(default_factory=list)


class Agent(Part):
    """Who took part."""

    who: Reference | None = None
    on_behalf_of: Reference | None = None


class Source(Part):
    """What was used."""

    role: Code | None = None
    what: Reference | None = None


class Provenance(Resource):
    """How a resource, or what it is about, came to be: `occurred[x]`, `recorded`, who and from what."""

    target: list[Reference] = Field(default_factory=list)
    occurred_date_time: When | None = None
    occurred_period: Period | None = None
    recorded: When | None = None
    activity: Concept | None = None
    location: Reference | None = None
    agent: list[Agent] = Field(default_factory=list)
    entity: list[Source] = Field(default_factory=list)


# -- findings


class Component(Valued):
    """One of several values of an observation."""

    code: Concept | None = None
    data_absent_reason: Concept | None = None
    interpretation: list[Concept] = Field(default_factory=list)


class Trigger(Part):
    """What led to an observation (R5): a reflex, a repetition or another run."""

    observation: Reference | None = None


class Observation(Resource, Valued):
    """A measurement or finding."""

    based_on: list[Reference] = Field(default_factory=list)
    part_of: list[Reference] = Field(default_factory=list)
    triggered_by: list[Trigger] = Field(default_factory=list)
    category: list[Concept] = Field(default_factory=list)
    code: Concept | None = None
    subject: Reference | None = None
    focus: list[Reference] = Field(default_factory=list)
    effective_date_time: When | None = None
    effective_period: Period | None = None
    effective_timing: Timing | None = None
    effective_instant: When | None = None
    issued: When | None = None
    data_absent_reason: Concept | None = None
    interpretation: list[Concept] = Field(default_factory=list)
    method: Concept | None = None
    specimen: Reference | None = None
    has_member: list[Reference] = Field(default_factory=list)
    derived_from: list[Reference] = Field(default_factory=list)
    component: list[Component] = Field(default_factory=list)


class Condition(Resource):
    """A disease or problem."""

    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    category: list[Concept] = Field(default_factory=list)
    code: Concept | None = None
    subject: Reference | None = None
    onset_date_time: When | None = None
    onset_period: Period | None = None
    abatement_date_time: When | None = None
    abatement_period: Period | None = None
    onset_age: Quantity | None = None
    onset_range: Range | None = None
    abatement_age: Quantity | None = None
    abatement_range: Range | None = None
    severity: Concept | None = None
    recorded_date: When | None = None


class Suspect(Part):
    """What may have caused an adverse event."""

    instance: Reference | None = None
    instance_reference: Reference | None = None


class AdverseEvent(Resource):
    """Harm: one `identifier`, `event` and `date` in R4; `code` and `occurrence[x]` in R5."""

    actuality: Code | None = None
    category: list[Concept] = Field(default_factory=list)
    event: Concept | None = None
    code: Concept | None = None
    subject: Reference | None = None
    date: When | None = None
    detected: When | None = None
    occurrence_date_time: When | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    seriousness: Concept | None = None
    severity: Concept | None = None
    outcome: list[Concept] | Concept | None = None
    suspect_entity: list[Suspect] = Field(default_factory=list)


class Nutrient(Part):
    """What an item contained."""

    nutrient: ConceptOrReference | None = None
    amount: Quantity | None = None


class Consumed(Part):
    """What was eaten or drunk."""

    type: Concept | None = None
    nutrition_product: ConceptOrReference | None = None
    amount: Quantity | None = None
    not_consumed: bool | None = None


class NutritionIntake(Occurring):
    """What a person ate and drank (R5)."""

    code: Concept | None = None
    subject: Reference | None = None
    consumed_item: list[Consumed] = Field(default_factory=list)
    ingredient_label: list[Nutrient] = Field(default_factory=list)
