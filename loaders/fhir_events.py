"""Events of FHIR as records: procedures, tasks, administrations, tests and provenance as Steps.

Transports, deliveries and dispenses are in `fhir_handoffs`."""

from loaders import fhir_event_resources as r
from loaders.fhir_materials import performed
from loaders.fhir_names import Named
from loaders.fhir_told import Told
from loaders.fhir_types import Concept, ConceptOrReference, Reference
from loaders.fhir_values import code_of, plain, reference_of, said, words_of
from loaders.fhir_words import STATUS, TAKING, kind_of
from loaders.items import Draft

_TIMES = ("started_at", "ended_at")
_NOT_DONE = "not-done"
_HANDLED = ("explanted", "manipulated")
"""What is done with a device that does not stay in the patient for it (value set device-action)."""
_INFUSED = "infusion"
_CALLED_OFF = ("rejected", "cancelled")


def _status(draft: Draft, status: str | None, why: Concept | ConceptOrReference | None = None) -> None:
    known = STATUS.get(status or "")
    draft.value("status", known)
    draft.value("x:status", status)
    if known in ("failed", "aborted"):
        draft.value("failure_reason", said(plain(why)))


def _type(told: Told, draft: Draft, concept: Concept | ConceptOrReference | None, default: str) -> str:
    """State the type of a step in the words of the field, else of its code system; returns it."""
    type_ = kind_of(words_of(concept)) or said(plain(concept)) or default
    draft.value("type", type_)
    told.codes(draft, "code", concept)
    return type_


def _performers(told: Told, draft: Draft, performers: list[r.Performer]) -> None:
    for at, each in enumerate(performers):
        performed(told, draft, reference_of(each.actor), f"performer/{at}/actor")
        told.link(draft, "PERFORMED_BY", each.on_behalf_of, "organization", f"performer/{at}/onBehalfOf")


def procedure(told: Told, it: r.Procedure) -> None:
    """Something that was done to a person with what was used: a collection takes from the person, anything else treats it.

    What was not done took nothing and treated nobody, whatever was said while it was planned."""
    draft = told.record("Step")
    type_ = _type(told, draft, it.code, "procedure")
    _status(draft, it.status, it.status_reason)
    told.during(draft, _TIMES, "performed", it.performed_date_time, it.performed_period)
    told.during(draft, _TIMES, "occurrence", it.occurrence_date_time, it.occurrence_period, it.occurrence_timing)
    void = it.status == _NOT_DONE
    _target(told, draft, it, taking=type_ in TAKING, void=void)
    told.ordered(draft, it.based_on, "basedOn")
    _performers(told, draft, it.performer)
    told.link(draft, "AT", it.location, "organization", "location")
    used = [*((f"usedReference/{at}", each) for at, each in enumerate(it.used_reference)),
            *((f"used/{at}", each.reference) for at, each in enumerate(it.used))]  # fmt: skip
    for field, reference in used:
        told.link(draft, "INPUT_TO", reference, "object", field, incoming=True, retracted=void)
    for at, device in enumerate(it.focal_device):
        relation = "SUBJECT_OF" if code_of(device.action) in _HANDLED else "INPUT_TO"
        told.link(draft, relation, device.manipulated, "object", f"focalDevice/{at}/manipulated", incoming=True, retracted=void)
    _part_of(told, draft, it.part_of)


def _target(told: Told, draft: Draft, it: r.Procedure, *, taking: bool, void: bool) -> None:
    """Whom a procedure took from or treated: its subject, or who or what else in the subject's record is its focus (R5)."""
    relation = "INPUT_TO" if taking else "OUTPUT"
    if it.focus is None:
        told.link(draft, relation, it.subject, "person", "subject", incoming=taking, retracted=void)
        return
    if whose := told.named(it.subject, "person", "subject"):
        draft.value("x:subject", whose.text)
    focus = told.named(it.focus, "", "focus", ("person", "object"))
    if focus and focus.cls == "person":
        draft.relate(relation, focus.record, focus.text, incoming=taking, retracted=void)
    elif focus:
        draft.relate("SUBJECT_OF", focus.record, focus.text, incoming=True, retracted=void)


def _part_of(told: Told, draft: Draft, wholes: list[Reference]) -> None:
    draft.value(
        "x:partOf", [found.text for at, each in enumerate(wholes) if (found := told.named(each, "event", f"partOf/{at}"))] or None
    )


def task(told: Told, it: r.Task) -> None:
    """Something to be done, or done: planned for the time it is asked for. What comes out of it was made of what went in."""
    draft = told.record("Step")
    _type(told, draft, it.code, "task")
    _status(draft, it.status, it.status_reason)
    if it.execution_period:
        told.during(draft, _TIMES, "execution", None, it.execution_period)
    planned = it.requested_period or (it.restriction.period if it.restriction else None)
    told.at(draft, "planned_at", planned.start if planned else None, "requestedPeriod/start")
    told.at(draft, "x:authoredOn", it.authored_on, "authoredOn")
    draft.value("x:priority", it.priority)
    performed(told, draft, it.owner, "owner")
    told.link(draft, "AT", it.location, "organization", "location")
    _performers(told, draft, it.performer)
    if whom := told.named(it.for_, "", "for", _ALL):
        draft.value("x:for", whom.text)
    void = it.status in _CALLED_OFF
    focused(told, draft, it.based_on, it.focus, void=void)
    used, made = ([named for at, piece in enumerate(pieces) if (named := _thing(told, piece, f"{name}/{at}/valueReference"))]
                  for name, pieces in (("input", it.input), ("output", it.output)))  # fmt: skip
    making = bool({each.record for each in made} - {each.record for each in used})
    for each in used:
        draft.relate("INPUT_TO" if making else "SUBJECT_OF", each.record, each.text, incoming=True, retracted=void)
    for each in made:
        draft.relate("OUTPUT", each.record, each.text, retracted=void)


def _thing(told: Told, piece: r.Piece, field: str) -> Named | None:
    return told.named(piece.value_reference, "", field, ("object",))


def focused(told: Told, draft: Draft, orders: list[Reference], focus: Reference | None, *, void: bool) -> None:
    """The order that a task or transport belongs to, or that it is about; else what it is about (not so, if it was called off)."""
    if focus and ("ServiceRequest/" in (focus.reference or "") or focus.type == "ServiceRequest"):
        told.ordered(draft, [*orders, focus], "basedOn")
        return
    told.ordered(draft, orders, "basedOn")
    told.link(draft, "SUBJECT_OF", focus, "", "focus", classes=("object",), incoming=True, retracted=void)


def medication_administration(told: Told, it: r.MedicationAdministration) -> None:
    """What was given to a patient: of a product of human origin an infusion of it, of a medication one where its route tells."""
    draft = told.record("Step")
    told_of = it.medication_reference or (it.medication.reference if it.medication else None)
    void = it.status == _NOT_DONE
    given = told.named(told_of, "object", "medication")
    if given:
        dose = told.amount(it.dosage.dose if it.dosage else None)
        draft.relate("INPUT_TO", given.record, given.text, incoming=True, retracted=void, **dose)
    draft.value("type", _giving(told, told_of, it.dosage) if given and told_of else "medication administration")
    told.codes(draft, "medication", it.medication_codeable_concept or it.medication)
    _status(draft, it.status, next(iter(it.status_reason), None))
    told.during(draft, _TIMES, "effective", it.effective_date_time, it.effective_period)
    told.during(draft, _TIMES, "occurence", it.occurence_date_time, it.occurence_period, it.occurence_timing)
    told.link(draft, "OUTPUT", it.subject, "person", "subject", retracted=void)
    _performers(told, draft, it.performer)
    _part_of(told, draft, it.part_of)


def _giving(told: Told, what: Reference, dosage: r.Dosage | None) -> str:
    """How a thing was given, as a type of step."""
    if told.kind(what) not in ("Medication", None) or (
        dosage and _INFUSED in f"{words_of(dosage.method)} {words_of(dosage.route)}"
    ):
        return "infusion"
    return "administration"


def diagnostic_report(told: Told, it: r.DiagnosticReport) -> None:
    """A test of specimens; its results are Observations of their own, and named."""
    draft = told.record("Step")
    draft.value("type", "test")
    told.coded(draft, "protocol", it.code, spoken=True)
    _status(draft, it.status)
    told.during(draft, _TIMES, "effective", it.effective_date_time, it.effective_period)
    told.at(draft, "x:issued", it.issued, "issued")
    if whom := told.named(it.subject, "person", "subject", _ALL):
        draft.value("x:subject", whom.text)
    told.ordered(draft, it.based_on, "basedOn")
    for at, who in enumerate(it.performer):
        performed(told, draft, who, f"performer/{at}")
    for at, each in enumerate(it.specimen):
        told.link(draft, "SUBJECT_OF", each, "object", f"specimen/{at}", incoming=True)
    results = [found.text for at, each in enumerate(it.result) if (found := told.named(each, "observation", f"result/{at}"))]
    draft.value("x:results", results or None)
    told.coded_all(draft, "conclusion", it.conclusion_code)


def provenance(told: Told, it: r.Provenance) -> None:
    """An activity on the things it is about, and who answers for it; of what is no thing only that it was its target."""
    draft = told.record("Step")
    _type(told, draft, it.activity, "provenance")
    told.during(draft, _TIMES, "occurred", it.occurred_date_time, it.occurred_period)
    told.at(draft, "x:recorded", it.recorded, "recorded")
    told.link(draft, "AT", it.location, "organization", "location")
    for at, agent in enumerate(it.agent):
        performed(told, draft, agent.who, f"agent/{at}/who")
        performed(told, draft, agent.on_behalf_of, f"agent/{at}/onBehalfOf")
    for name, references in (("target", it.target), ("entity", [each.what for each in it.entity if each.what])):
        others = []
        for at, reference in enumerate(references):
            named = told.named(reference, "", f"{name}/{at}", _ALL)
            if named and named.cls == "object" and name == "target":
                draft.relate("SUBJECT_OF", named.record, named.text, incoming=True)
            elif named:
                others.append(named.text)
        draft.value(f"x:{name}", others or None)


_ALL = ("object", "event", "person", "organization", "episode", "observation", "outcome", "consent")
