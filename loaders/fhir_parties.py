"""Parties and persons of FHIR as records: organisations, places, patients, subjects of studies, groups, consents and orders."""

from collections.abc import Iterable, Iterator

from loaders import fhir_resources as r
from loaders.fhir_told import Told
from loaders.fhir_types import Coding, Concept
from loaders.fhir_values import NAME, codings, listed, plain, said, short
from loaders.fhir_words import GENDERS, HOMES, ORDER_STATUS

_DEPARTMENT = "dept"
_ENDED = ("inactive", "rejected", "not-done")
_NOT_YET = ("draft", "proposed", "rejected", "not-done")
"""States of a consent that was never in force."""
_NONE = "none"
_BORN = range(1850, 2201)
"""Years of birth that a record may have."""
_GOVERNED = ("object", "event", "person", "observation")
_MEMBER_OF = "member-of"


def organization(told: Told, it: r.Organization) -> None:
    """An organisation."""
    draft = told.record("Organization")
    draft.value("name", short(it.name, NAME))
    if any(coding.code == _DEPARTMENT for concept in it.type for coding in concept.coding):
        draft.value("type", "department")
    told.coded_all(draft, "type", it.type)
    told.link(draft, "PART_OF", it.part_of, "organization", "partOf")


def location(told: Told, it: r.Location) -> None:
    """A place: a site of the place it is part of, else of the organisation that manages it. The home of a patient has no name."""
    draft = told.record("Organization")
    draft.value("type", "site")
    if not any(coding.code in HOMES for concept in (*it.type, *listed(it.physical_type or it.form)) for coding in concept.coding):
        draft.value("name", short(it.name, NAME))
    if told.link(draft, "PART_OF", it.part_of, "organization", "partOf") is None:
        told.link(draft, "PART_OF", it.managing_organization, "organization", "managingOrganization")


def patient(told: Told, it: r.Patient) -> None:
    """A person: sex and year of birth alone; a death is an outcome; whoever else it is registered as is the same person."""
    draft = told.record("Person")
    draft.value("sex", it.gender if it.gender in GENDERS else None)
    if born := told.moment(it.birth_date, "birthDate"):
        year = int(born[:4])
        draft.value("birth_year", year if year in _BORN else None)
    for at, link in enumerate(it.link):
        told.link(draft, "SAME_AS", link.other, "person", f"link/{at}/other")
    if it.deceased_date_time or it.deceased_boolean is not None:
        death = told.part("Outcome", "death")
        told.take_back(not (it.deceased_date_time or it.deceased_boolean), death)
        death.value("type", "death")
        death.relate("ABOUT", draft.record, draft.names[draft.record])
        told.at(death, "occurred_at", it.deceased_date_time, "deceasedDateTime")


def research_subject(told: Told, it: r.ResearchSubject) -> None:
    """A person, who is known in a study by a number that is a pseudonym, and under its consent.

    What else is studied in R5 (a product, a device, a group) is no person."""
    whom = it.subject or it.individual
    if whom and told.kind(whom) not in (None, "Patient"):
        return
    draft = told.record("Person")
    told.link(draft, "SAME_AS", whom, "person", "subject" if it.subject else "individual")
    draft.value("x:study", told.names.masked(it.study.reference or "", None) if it.study else None)
    draft.value("x:study_status", it.status)
    for at, consent in enumerate(listed(it.consent)):
        told.link(draft, "GOVERNED_BY", consent, "consent", f"consent/{at}")


def group(told: Told, it: r.Group) -> None:
    """One observation about each member: that it belongs to the group, from when to when."""
    for at, member in enumerate(it.member):
        named = told.named(member.entity, "person", f"member/{at}/entity", ("person", "object"))
        if named is None:
            continue
        draft = told.each("Observation", "member", named.record)
        draft.relate("ABOUT", named.record, named.text)
        draft.value("code", _MEMBER_OF)
        draft.value("value_text", told.within.base)
        told.codes(draft, "group", it.code)
        if member.period:
            told.at(draft, "started_at", member.period.start, f"member/{at}/period/start")
            told.at(draft, "ended_at", member.period.end, f"member/{at}/period/end")
        draft.value("x:inactive", member.inactive)


def consent(told: Told, it: r.Consent) -> None:
    """A consent with the purposes it allows (`none` where it allows none); what it denies is told beside.

    One that is not yet in force allows nothing, one in force no more is withdrawn."""
    draft = told.record("Consent")
    told.link(draft, "ABOUT", it.subject or it.patient, "person", "subject" if it.subject else "patient")
    provisions = [*_provisions(listed(it.provision), it.decision == "permit")]
    wholes = [*it.category, *filter(None, (it.scope,))]
    allowed, denied = _purposes(provisions, wholes, it.decision == "deny")
    draft.value("purposes", "; ".join(() if it.status in _NOT_YET else allowed) or _NONE)
    draft.value("x:denied", "; ".join(denied))
    asked = [Concept(coding=provision.purpose) for _, provision in provisions if provision.purpose]
    told.coded_all(draft, "purposes", [*asked, *wholes, *filter(None, (it.policy_rule,))])
    period = next((provision.period for denies, provision in provisions if provision.period and not denies), None) or it.period
    told.at(draft, "valid_from", (period and period.start) or it.date_time or it.date, "period/start")
    told.at(draft, "valid_to", period.end if period else None, "period/end")
    draft.value("x:status", it.status)
    if it.status in _ENDED:
        changed = (it.meta.last_updated if it.meta else None) or it.date_time or it.date
        told.at(draft, "withdrawn_at", changed, "meta/lastUpdated")
        if not changed:
            told.take_back(True, draft)
    data = [each.reference for _, provision in provisions for each in provision.data]
    things = [told.named(each, "", "provision/data/reference", _GOVERNED) for each in data]
    draft.value("x:data", [found.text for found in things if found] or None)


def _provisions(provisions: list[r.Provision], deny: bool) -> Iterator[tuple[bool, r.Provision]]:
    """Whether each provision denies, and it: what does not say is an exception to what is around it (R5, 6.2.7)."""
    for each in provisions:
        denies = each.type == "deny" if each.type else deny
        yield denies, each
        yield from _provisions(each.provision, not denies)


def _purposes(provisions: list[tuple[bool, r.Provision]], wholes: list[Concept], deny: bool) -> tuple[list[str], list[str]]:
    """The purposes allowed, and those denied, in words. What denies without a purpose may deny any; and a purpose is told in
    words of many kinds, so where anything is denied only what a provision allows by its purpose is allowed."""
    permits, denials = (_said(each.purpose for denies, each in provisions if denies is which) for which in (False, True))
    all_said = _said(concept.coding for concept in wholes)
    if deny or any(denies and not each.purpose for denies, each in provisions):
        return [], [*dict.fromkeys((*permits, *denials, *all_said))]
    if denials:
        return [word for word in permits if word not in denials], denials
    return permits or all_said, []


def _said(codings: Iterable[list[Coding]]) -> list[str]:
    return [*dict.fromkeys(filter(None, (said(Concept(coding=[each])) for several in codings for each in several)))]


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
