"""Findings of FHIR as records: observations, conditions and nutrition as Observations, adverse events as Outcomes."""

from loaders import fhir_event_resources as r
from loaders.fhir_told import Told
from loaders.fhir_types import Concept, Reference, Valued
from loaders.fhir_values import bounds, code_of, listed, plain, quantity_fields, quantity_text, range_text, reference_of, said
from loaders.items import Draft

_ABOUT = ("person", "object", "event", "organization", "observation", "episode")
_PEOPLE = ("Patient", "RelatedPerson")
_TIMES = ("observed_at", "ended_at")
_FATAL = ("fatal", "death", "399166001")


def observation(told: Told, it: r.Observation) -> None:
    """An observation, and each of its components as one of the same subjects and time."""
    draft = told.record("Observation")
    _observed(told, draft, it)
    told.coded(draft, "code", it.code)
    _valued(told, draft, it, it.data_absent_reason, it.interpretation)
    for name, references, classes in (
        ("hasMember", it.has_member, ("observation",)),
        ("derivedFrom", it.derived_from, ("observation", "object")),
        ("partOf", it.part_of, ("event",)),
        ("triggeredBy", [each.observation for each in it.triggered_by if each.observation], ("observation",)),
    ):
        for at, reference in enumerate(references):
            told.link(draft, "ABOUT", reference, classes[0], f"{name}/{at}", classes=classes)
    for component in it.component:
        part = told.each("Observation", "component", code_of(component.code))
        _observed(told, part, it)
        told.coded(part, "code", component.code)
        part.value("panel", code_of(it.code))
        _valued(told, part, component, component.data_absent_reason, component.interpretation)


def _observed(told: Told, draft: Draft, it: r.Observation) -> None:
    """About whom or what, when, and how. In a record of one person it may be of another, such as the donor (R5, Observation.focus):
    then it is about that one alone."""
    subjects: list[tuple[Reference | None, str, str]] = [(it.specimen, "object", "specimen")]
    subjects += [(focus, "", f"focus/{at}") for at, focus in enumerate(it.focus)]
    if any(told.kind(focus) in _PEOPLE for focus in it.focus):
        if whose := told.named(it.subject, "person", "subject", _ABOUT):
            draft.value("x:subject", whose.text)
    else:
        subjects.append((it.subject, "person", "subject"))
    for reference, default, field in subjects:
        told.link(draft, "ABOUT", reference, default, field, classes=_ABOUT)
    if it.effective_period or bounds(it.effective_timing):
        told.during(draft, ("started_at", "ended_at"), "effective", None, it.effective_period, it.effective_timing)
    else:
        told.during(draft, _TIMES, "effective", it.effective_date_time, None, it.effective_timing)
        told.at(draft, "observed_at", it.effective_instant, "effectiveInstant")
    draft.value("method", said(it.method))
    told.coded_all(draft, "category", it.category)
    draft.value("x:status", it.status)


def _valued(told: Told, draft: Draft, value: Valued, absent: Concept | None, interpretation: list[Concept]) -> None:
    told.valued(draft, value)
    draft.value("x:data_absent_reason", code_of(absent))
    told.coded_all(draft, "interpretation", interpretation)


def condition(told: Told, it: r.Condition) -> None:
    """A disease of a person, from onset to abatement; one that was ruled out is taken back."""
    draft = told.record("Observation")
    told.link(draft, "ABOUT", it.subject, "person", "subject")
    told.coded(draft, "code", it.code)
    draft.value("panel", "condition")
    draft.value("value_text", code_of(it.clinical_status))
    told.coded_all(draft, "category", it.category)
    told.at(draft, "observed_at", it.recorded_date, "recordedDate")
    told.codes(draft, "severity", it.severity)
    for name, field, moment, period, age, ages in (
        ("started_at", "onset", it.onset_date_time, it.onset_period, it.onset_age, it.onset_range),
        ("ended_at", "abatement", it.abatement_date_time, it.abatement_period, it.abatement_age, it.abatement_range),
    ):
        draft.value(f"x:{field}_age", quantity_text(age) if age else range_text(ages) if ages else None)
        told.at(draft, name, moment, f"{field}DateTime")
        if period:
            end = "end" if field == "abatement" and period.end else "start"
            told.at(draft, name, getattr(period, end), f"{field}Period/{end}")
    draft.value("x:verification_status", code_of(it.verification_status))
    if it.verification_status:
        told.take_back(code_of(it.verification_status) in ("entered-in-error", "refuted"))


def adverse_event(told: Told, it: r.AdverseEvent) -> None:
    """Harm to a person, attributed to the products that are suspected; fatal harm is a death, what might have been neither."""
    draft = told.record("Outcome")
    told.link(draft, "ABOUT", it.subject, "person", "subject")
    told.coded(draft, "term", it.code or it.event, spoken=True)
    outcomes: list[Concept] = listed(it.outcome)
    fatal = any(_is_fatal(each) for each in outcomes)
    draft.value("type", "other" if it.actuality == "potential" else "death" if fatal else "toxicity")
    told.at(draft, "occurred_at", it.occurrence_date_time or it.date, "occurrenceDateTime" if it.occurrence_date_time else "date")
    told.during(draft, ("occurred_at", "x:ended_at"), "occurrence", None, it.occurrence_period, it.occurrence_timing)
    for name, concept in (("seriousness", it.seriousness), ("severity", it.severity)):
        draft.value(f"x:{name}", code_of(concept))
    draft.value("x:actuality", it.actuality)
    told.coded_all(draft, "outcome", outcomes)
    for at, suspect in enumerate(it.suspect_entity):
        field = f"suspectEntity/{at}/instance"
        told.link(draft, "ABOUT", suspect.instance or suspect.instance_reference, "", field, classes=("object", "event"))


def _is_fatal(outcome: Concept) -> bool:
    """Whether an outcome is `fatal` (R5 value set adverse-event-outcome) in a code or word, and not in a word beside others."""
    words = (outcome.text, *(word for coding in outcome.coding for word in (coding.code, coding.display)))
    return any(word is not None and word.lower() in _FATAL for word in words)


def nutrition_intake(told: Told, it: r.NutritionIntake) -> None:
    """What a person ate and drank, with an observation for each thing and each of what was in it; what was not eaten is none."""
    whole, uneaten = _intake(told, it, told.record("Observation")), list[Draft]()
    told.coded(whole, "code", it.code)
    for item in it.consumed_item:
        product = plain(item.nutrition_product)
        draft = _intake(told, it, told.each("Observation", "item", code_of(product)))
        told.coded(draft, "code", product)
        told.codes(draft, "item", item.type)
        if item.not_consumed:
            uneaten.append(draft)
        if item.amount:
            draft.values(quantity_fields(item.amount))
    for label in it.ingredient_label:
        nutrient = plain(label.nutrient)
        draft = _intake(told, it, told.each("Observation", "ingredient", code_of(nutrient)))
        told.coded(draft, "code", nutrient)
        if label.amount:
            draft.values(quantity_fields(label.amount))

    if it.status:
        told.take_back(it.status == "not-done")
    if uneaten:
        told.take_back(True, *uneaten)


def _intake(told: Told, it: r.NutritionIntake, draft: Draft) -> Draft:
    told.link(draft, "ABOUT", reference_of(it.subject), "person", "subject")
    draft.value("panel", "nutrition")
    draft.value("x:status", it.status)
    if it.occurrence_period:
        told.during(draft, ("started_at", "ended_at"), "occurrence", None, it.occurrence_period)
    else:
        told.at(draft, "observed_at", it.occurrence_date_time, "occurrenceDateTime")
    return draft
