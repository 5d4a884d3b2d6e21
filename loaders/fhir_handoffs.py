"""Handoffs of FHIR as records: transports, deliveries of supplies, and dispenses of products."""

from loaders import fhir_event_resources as r
from loaders.fhir_events import focused
from loaders.fhir_told import Told
from loaders.fhir_types import Reference
from loaders.fhir_values import bounds, listed, said
from loaders.fhir_words import PRIORITY
from loaders.items import Draft

_CALLED_OFF = "cancelled"
"""Of a transport before it began; one that was abandoned had begun."""
_UNFULFILLED = "unfulfilled"


def transport(told: Told, it: r.Transport) -> None:
    """A transport: from where the thing is (unless it has come) to where it is asked for, by its owner."""
    draft = told.record("Handoff")
    draft.value("type", said(it.code))
    told.codes(draft, "code", it.code)
    draft.value("x:status", it.status)
    draft.value("priority", PRIORITY.get(it.priority or ""))
    told.at(draft, "delivered_at", it.completion_time, "completionTime")
    told.at(draft, "x:authoredOn", it.authored_on, "authoredOn")
    if it.restriction and it.restriction.period:
        told.at(draft, "agreed_release_at", it.restriction.period.start, "restriction/period/start")
        told.at(draft, "agreed_delivery_at", it.restriction.period.end, "restriction/period/end")
    if it.current_location != it.requested_location:
        told.link(draft, "FROM", it.current_location, "organization", "currentLocation")
    told.link(draft, "TO", it.requested_location, "organization", "requestedLocation")
    _party(told, draft, "CARRIED_BY", it.owner, "owner")
    void = it.status == _CALLED_OFF
    focused(told, draft, it.based_on, it.focus, void=void)
    for at, piece in enumerate(it.input):
        told.link(
            draft,
            "SUBJECT_OF",
            piece.value_reference,
            "",
            f"input/{at}/valueReference",
            classes=("object",),
            incoming=True,
            retracted=void,
        )


def _party(told: Told, draft: Draft, relation: str, who: Reference | None, field: str) -> None:
    """Who may be a person or an organisation: of a URN that nobody says the type of it is not known which."""
    default = "" if who and who.reference else "organization"
    told.link(draft, relation, who, default, field, classes=("organization",))


def supply_delivery(told: Told, it: r.SupplyDelivery) -> None:
    """A delivery: a period runs from release to delivery; one moment is that of delivery, once it is completed.

    Whoever received what is delivered accepted it. What kind of thing is supplied (`type`) is no kind of handoff."""
    draft = told.record("Handoff")
    told.codes(draft, "code", it.type)
    draft.value("x:status", it.status)
    moment = "delivered_at" if it.status in (None, "completed") else "agreed_delivery_at"
    told.at(draft, moment, it.occurrence_date_time, "occurrenceDateTime")
    told.during(draft, ("released_at", moment), "occurrence", None, it.occurrence_period or bounds(it.occurrence_timing))
    if it.occurrence_timing:
        told.at(draft, moment, next(filter(None, it.occurrence_timing.event), None), "occurrenceTiming/event")
    if it.receiver and it.status == "completed":
        draft.value("accepted_at", draft.fields.get(".delivered_at"))
    _party(told, draft, "FROM", it.supplier, "supplier")
    told.link(draft, "TO", it.destination, "organization", "destination")
    told.ordered(draft, it.based_on, "basedOn")
    for at, supplied in enumerate(listed(it.supplied_item)):
        told.link(
            draft,
            "SUBJECT_OF",
            supplied.item_reference,
            "object",
            f"suppliedItem/{at}/itemReference",
            incoming=True,
            **told.amount(supplied.quantity),
        )


def dispense(told: Told, it: r.BiologicallyDerivedProductDispense) -> None:
    """A product handed over for a patient, unless that came to nothing."""
    draft = told.record("Handoff")
    draft.value("type", "dispense")
    draft.value("x:status", it.status)
    told.at(draft, "released_at", it.when_handed_over, "whenHandedOver")
    told.at(draft, "x:preparedDate", it.prepared_date, "preparedDate")
    told.link(draft, "FROM", it.location, "organization", "location")
    told.link(draft, "TO", it.destination, "organization", "destination")
    told.ordered(draft, it.based_on, "basedOn")
    void = it.status == _UNFULFILLED
    told.link(draft, "SUBJECT_OF", it.product, "object", "product", incoming=True, retracted=void, **told.amount(it.quantity))
    if patient := told.named(it.patient, "person", "patient"):
        draft.value("x:patient", patient.text)
