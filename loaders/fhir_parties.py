"""Parties and persons of FHIR as records: organisations, places, patients, subjects of studies, groups, consents and orders."""

from loaders import fhir_resources as r
from loaders.fhir_told import Told, codings, listed, plain, said, short
from loaders.fhir_types import Concept
from loaders.fhir_words import GENDERS, ORDER_STATUS

_DEPARTMENT = "dept"
_ENDED = ("inactive", "rejected", "not-done")
_GOVERNED = ("object", "event", "person", "observation")
_MEMBER_OF = "member-of"
_NAME = 1000
"""Characters of the name of an organisation or place."""
_SAME = ("replaced-by", "replaces")


def organization(told: Told, it: r.Organization) -> None:
    """An organisation."""
    draft = told.record("Organization")
    draft.value("name", short(it.name, _NAME))
    if any(coding.code == _DEPARTMENT for concept in it.type for coding in concept.coding):
        draft.value("type", "department")
    told.coded_all(draft, "type", it.type)
    told.link(draft, "PART_OF", it.part_of, "organization", "partOf")


def location(told: Told, it: r.Location) -> None:
    """A place: a site of the place it is part of, else of the organisation that manages it."""
    draft = told.record("Organization")
    draft.value("type", "site")
    draft.value("name", short(it.name, _NAME))
    if told.link(draft, "PART_OF", it.part_of, "organization", "partOf") is None:
        told.link(draft, "PART_OF", it.managing_organization, "organization", "managingOrganization")


def patient(told: Told, it: r.Patient) -> None:
    """A person: sex and year of birth alone; a death is an outcome; whoever else it is registered as is the same person."""
    draft = told.record("Person")
    draft.value("sex", it.gender if it.gender in GENDERS else None)
    if born := told.moment(it.birth_date, "birthDate"):
        draft.value("birth_year", int(born[:4]))
    for at, link in enumerate(it.link):
        if link.type in _SAME:
            told.link(draft, "SAME_AS", link.other, "person", f"link/{at}/other")
    if it.deceased_date_time or it.deceased_boolean:
        death = told.part("Outcome", "death")
        death.value("type", "death")
        death.relate("ABOUT", draft.record, draft.names[draft.record])
        told.at(death, "occurred_at", it.deceased_date_time, "deceasedDateTime")


def research_subject(told: Told, it: r.ResearchSubject) -> None:
    """A person, who is known in a study by a number that is a pseudonym, and under its consent."""
    draft = told.record("Person")
    told.link(draft, "SAME_AS", it.subject or it.individual, "person", "subject" if it.subject else "individual")
    draft.value("x:study", it.study.reference if it.study else None)
    draft.value("x:study_status", it.status)
    for at, consent in enumerate(listed(it.consent)):
        told.link(draft, "GOVERNED_BY", consent, "consent", f"consent/{at}")


def group(told: Told, it: r.Group) -> None:
    """One observation about each member: that it belongs to the group, from when to when."""
    for at, member in enumerate(it.member):
        named = told.named(member.entity, "person", f"member/{at}/entity", ("person", "object"))
        if named is None:
            continue
        draft = told.part("Observation", f"member.{named.record}")
        draft.relate("ABOUT", named.record, named.text)
        draft.value("code", _MEMBER_OF)
        draft.value("value_text", told.within.base)
        told.codes(draft, "group", it.code)
        told.during(draft, ("started_at", "ended_at"), f"member/{at}/", None, member.period)
        draft.value("x:inactive", member.inactive)


def consent(told: Told, it: r.Consent) -> None:
    """A consent with the purposes it allows; what it denies is told beside. One in force no more is withdrawn."""
    draft = told.record("Consent")
    told.link(draft, "ABOUT", it.subject or it.patient, "person", "subject" if it.subject else "patient")
    provisions: list[r.Provision] = listed(it.provision)
    denies = "deny" in (it.decision, *(provision.type for provision in provisions))
    asked = [Concept(coding=provision.purpose) for provision in provisions if provision.purpose]
    purposes = [
        said(Concept(coding=[coding])) for concept in (*asked, *it.category, it.scope) if concept for coding in concept.coding
    ]
    told_as = "x:denied" if denies else "purposes"
    draft.value(told_as, "; ".join(dict.fromkeys(filter(None, purposes))))
    told.coded_all(draft, "purposes", [*asked, *it.category, *filter(None, (it.scope, it.policy_rule))])
    period = next((provision.period for provision in provisions if provision.period), None) or it.period
    told.at(draft, "valid_from", (period and period.start) or it.date_time or it.date, "period/start")
    told.at(draft, "valid_to", period.end if period else None, "period/end")
    draft.value("x:status", it.status)
    if it.status in _ENDED:
        changed = it.meta.last_updated if it.meta else None
        told.at(draft, "withdrawn_at", changed or it.date_time or it.date, "meta/lastUpdated")
    data = [each.reference for provision in provisions for each in provision.data]
    things = [told.named(each, "", "provision/data/reference", _GOVERNED) for each in data]
    draft.value("x:data", [found.text for found in things if found] or None)


def service_request(told: Told, it: r.ServiceRequest) -> None:
    """A therapy order; one not to do something is cancelled."""
    draft = told.record("Episode")
    told.link(draft, "ABOUT", it.subject, "person", "subject")
    told.coded(draft, "therapy", plain(it.code), spoken=True)
    reasons = [*it.reason_code, *(reason.concept for reason in it.reason if reason.concept)]
    draft.value("indication", next(filter(None, map(said, reasons)), None))
    draft.value("x:indication", [codings(reason) for reason in reasons if codings(reason)] or None)
    told.at(draft, "ordered_at", it.authored_on, "authoredOn")
    draft.value("status", "cancelled" if it.do_not_perform else ORDER_STATUS.get(it.status or ""))
    draft.value("x:status", it.status)
    draft.value("x:intent", it.intent)
    draft.value("x:doNotPerform", it.do_not_perform)
    for at, order in enumerate(it.based_on):
        if above := told.named(order, "episode", f"basedOn/{at}"):
            draft.value("x:basedOn", above.text)
