"""GraphQL types of the records, written by hand; a test holds names, nullability and descriptions equal to the model."""

from collections.abc import Callable
from typing import Any, cast

import orjson
import strawberry

from api import render
from api.graphql_loading import Loading
from graph import times
from graph.record import Record as Seen
from graph.store import Direction

MOST = 1_000
"""Most entries that one list returns."""


def said(name: str, description: str) -> Any:
    """A plain field of the model, as shown."""

    def resolve(root: "Record") -> Any:
        return root.seen.value(name)

    return strawberry.field(resolver=resolve, description=description)


def _text(value: Any) -> str:
    """A value as text: what is no text as in JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def bounded(first: int) -> int:
    """How many entries a list may have that is asked for its `first`."""
    return max(0, min(first, MOST))


@strawberry.type(description="What an answer was made as of: a commit, or for a restricted viewer a token of one.")
class AsOf:
    commit: int | None = None
    hash: str | None = None
    time: str | None = None
    token: str | None = None


@strawberry.type(description="An identifier: its scheme, value, and assigner where values are given out locally.")
class Identifier:
    scheme: str
    value: str
    assigner: str | None = None


@strawberry.type(description="What one steward says of a field.")
class Told:
    steward: str
    value: str


@strawberry.type(description="A field of which stewards say different things; the one shown comes first.")
class Disagreement:
    field: str
    all_values: strawberry.Private[list[dict[str, Any]]]

    @strawberry.field(description="Who says what.")
    def values(self, first: int = 10) -> list[Told]:
        return [Told(steward=v["steward"], value=_text(v["value"])) for v in self.all_values[: bounded(first)]]


@strawberry.type(description="Where a claim stands: who says so, in which file, where in it.")
class Evidence:
    source: str
    at: str
    event_id: str | None
    event_hash: str | None
    steward: str


def related(type_: str, direction: Direction, description: str) -> Any:
    """The records at the other end of a relation; at most `first`, in order of id."""

    async def resolve(root: "Record", first: int = 10) -> list["Record"]:
        return await root.others(type_, direction, first)

    return strawberry.field(resolver=resolve, description=description)


def single(type_: str, description: str) -> Any:
    """The record at the end of a relation that holds one end at a time, as shown."""

    async def resolve(root: "Record") -> "Record | None":
        end = root.seen.get(type_)
        if not isinstance(end, str):
            return None
        seen = await root.loading.records.load(end)
        return wrap(seen, root.loading) if seen is not None else None

    return strawberry.field(resolver=resolve, description=description)


@strawberry.interface(description="A record as the viewer sees it.")
class Record:
    seen: strawberry.Private[Seen]
    loading: strawberry.Private[Loading]

    @strawberry.field(description="The smallest of its ids: the same everywhere, computed from its identifiers.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(self.seen.id)

    @strawberry.field(description="All ids that were found to be this one record.")
    def ids(self, first: int = 10) -> list[strawberry.ID]:
        return [strawberry.ID(record) for record in self.seen.ids[: bounded(first)]]

    @strawberry.field(description="Kind of record; null for a stub.")
    def kind(self) -> str | None:
        return self.seen.kind

    @strawberry.field(description="The shortest text that tells a person which record it is.")
    def label(self) -> str:
        return render.label(self.seen)

    @strawberry.field(description="Its identifiers: keys and labels.")
    def identifiers(self, first: int = 10) -> list[Identifier]:
        cls = self.seen.id.partition("-")[0]
        return [Identifier(**render.identifier_json(text, cls)) for text in self.seen.identifiers[: bounded(first)]]

    @strawberry.field(description="The steward shown first: the party that answers for the record, else the smallest.")
    def steward(self) -> str | None:
        return self.seen.steward

    @strawberry.field(description="All who claim it.")
    def stewards(self, first: int = 10) -> list[str]:
        return sorted(self.seen.words)[: bounded(first)]

    @strawberry.field(description="Known only because claims refer to it.")
    def stub(self) -> bool:
        return self.seen.stub

    @strawberry.field(description="All who claimed it took it back.")
    def retracted(self) -> bool:
        return self.seen.retracted

    @strawberry.field(description="First moment of an event (UTC), by anybody's word.")
    def start(self) -> str | None:
        return times.iso(self.seen.span[0]) if self.seen.span else None

    @strawberry.field(description="Last moment of an event (UTC), by anybody's word.")
    def end(self) -> str | None:
        return times.iso(self.seen.span[1]) if self.seen.span else None

    @strawberry.field(description="Fields of which stewards say different things.")
    def disagreements(self, first: int = 10) -> list[Disagreement]:
        told = self.seen.disagreements[: bounded(first)]
        return [Disagreement(field=each["field"], all_values=each["values"]) for each in told]

    @strawberry.field(description="Where the claims about it stand.")
    async def evidence(self, first: int = 10) -> list[Evidence]:
        places = await self.loading.evidence.load(self.seen.id)
        return [Evidence(**place) for place in places[: bounded(first)]]

    async def others(self, type_: str, direction: Direction, first: int) -> list["Record"]:
        """Records at the other ends of relations, each once."""
        edges = await self.loading.relations.load((self.seen.id, direction, type_))
        ends = sorted({edge.source if direction == "up" else edge.target for edge in edges})
        found = {seen.id: seen for seen in await self.loading.records.load_many(ends) if seen is not None}
        return [wrap(found[record], self.loading) for record in sorted(found)[: bounded(first)]]


@strawberry.type(description="A record that nobody claims: known because claims refer to it.")
class Stub(Record):
    pass


@strawberry.type(
    description="A blood centre, hospital, biotech, CDMO, carrier or laboratory, or a department or site of one (`part_of`)."
)
class Organization(Record):
    name: str | None = said("name", "Name shown to people.")
    type: str | None = said("type", "What it is: an organisation of the network, or a department or site of one.")
    part_of: Record | None = single("PART_OF", "The organisation this department or site belongs to.")
    time_zone: str | None = said("time_zone", "IANA time zone in which its local times are read, e.g. Europe/Berlin.")
    country: str | None = said("country", "ISO 3166-1 alpha-2 country code.")
    contact: str | None = said("contact", "Whom to call in a recall: a role with telephone or mail, no person's name.")
    parts: list[Record] = related("PART_OF", "up", "Its departments and sites.")


@strawberry.type(description="A donor or patient (in autologous therapy both), known by pseudonyms only. FHIR Patient, PROV Agent.")
class Person(Record):
    role: str | None = said("role", "Donor, patient, or both (autologous).")
    sex: str | None = said("sex", "Administrative sex (FHIR codes).")
    birth_year: int | None = said("birth_year", "Year of birth; never the full date.")
    blood_group: str | None = said("blood_group", "ABO blood group.")
    rh: str | None = said("rh", "Rh(D) factor.")
    input_to: list[Record] = related("INPUT_TO", "down", "Collections from this person.")
    output_of: list[Record] = related("OUTPUT", "up", "Infusions and other steps that treated this person.")
    about: list[Record] = related("ABOUT", "up", "Observations, outcomes, consents and orders about this person.")


@strawberry.type(
    description="One therapy order; its key is the chain-of-identity id. EPCIS business transaction, FHIR ServiceRequest."
)
class Episode(Record):
    person: list[Record] = related("ABOUT", "down", "The patient the therapy is ordered for.")
    intent: str | None = said("intent", "Whose cells are the starting material.")
    therapy: str | None = said("therapy", "Therapy or protocol ordered.")
    indication: str | None = said("indication", "Disease treated (code or text).")
    ordered_at: str | None = said("ordered_at", "When the therapy was ordered.")
    status: str | None = said("status", "State of the order.")
    records: list[Record] = related("FOR_EPISODE", "up", "Materials and events of this order.")


@strawberry.type(
    description="Starting material, intermediate, drug product, dose, sample, retain, or a lot of reagent, vector or media."
)
class Material(Record):
    type: str | None = said("type", "What the material is in the process.")
    name: str | None = said("name", "Name shown to people.")
    product_code: str | None = said("product_code", "Product code (ISBT 128 product description, GTIN, or the maker's).")
    quantity: float | None = said("quantity", "Amount when first recorded, in `unit`; uses are on the relations.")
    unit: str | None = said("unit", "Unit of `quantity` as given (UCUM or UN/ECE Rec 20 code preferred).")
    expires_at: str | None = said("expires_at", "Expiry of the material.")
    preservation: str | None = said("preservation", "How the material is kept.")
    status: str | None = said("status", "Status as stated; the present status is computed from the events.")
    for_episode: Record | None = single("FOR_EPISODE", "The therapy order (chain of identity) it is made for.")
    input_to: list[Record] = related("INPUT_TO", "down", "Steps it went into.")
    output_of: list[Record] = related("OUTPUT", "up", "Steps that made it.")
    subject_of: list[Record] = related("SUBJECT_OF", "down", "Steps and handoffs that acted on it.")
    about: list[Record] = related("ABOUT", "up", "Observations and outcomes about it.")


@strawberry.type(description="A bag rack, dewar, shipper or freezer: it holds materials and containers over intervals.")
class Container(Record):
    type: str | None = said("type", "What holds the materials.")
    name: str | None = said("name", "Name shown to people.")
    status: str | None = said("status", "Status as stated; the present status is computed from the events.")
    subject_of: list[Record] = related("SUBJECT_OF", "down", "Steps and handoffs that acted on it.")
    about: list[Record] = related("ABOUT", "up", "Observations and outcomes about it.")


@strawberry.type(
    description="One thing done: collection, processing, cryopreservation, packing, thaw, test, release, infusion, ..."
)
class Step(Record):
    type: str | None = said(
        "type",
        "Kind of step: collection, processing, cryopreservation, packing, unpacking, thaw, test, release, "
        "infusion, discard, ... or a CBV business step.",
    )
    action: str | None = said("action", "EPCIS action; for a packing ADD puts contents in, for an unpacking DELETE takes them out.")
    started_at: str | None = said("started_at", "When it began (event time).")
    ended_at: str | None = said("ended_at", "When it ended; absent where it happened at one moment.")
    planned_at: str | None = said("planned_at", "When it was planned to begin.")
    status: str | None = said("status", "How it went.")
    failure_reason: str | None = said("failure_reason", "Why it failed or was aborted.")
    protocol: str | None = said("protocol", "Protocol or batch record followed.")
    equipment: str | None = said("equipment", "Equipment used.")
    operator: str | None = said("operator", "Operator, as a pseudonym.")
    disposition: str | None = said("disposition", "State of the objects after the step (CBV disposition or own term).")
    performed_by: Record | None = single("PERFORMED_BY", "The department whose staff performed it.")
    at: Record | None = single("AT", "The place it was performed at.")
    for_episode: Record | None = single("FOR_EPISODE", "The therapy order it belongs to.")
    inputs: list[Record] = related("INPUT_TO", "up", "What went into it.")
    outputs: list[Record] = related("OUTPUT", "down", "What it made.")
    subjects: list[Record] = related("SUBJECT_OF", "up", "What it acted on.")
    about: list[Record] = related("ABOUT", "up", "Observations and outcomes about it.")


@strawberry.type(
    description="Custody moves from one department to another: a record, not an edge. It starts released and ends accepted."
)
class Handoff(Record):
    type: str | None = said("type", "Kind of handoff: shipment, internal transfer, or a CBV business step.")
    released_at: str | None = said("released_at", "When the giver released it: the handoff starts.")
    picked_up_at: str | None = said("picked_up_at", "When the carrier took it.")
    delivered_at: str | None = said("delivered_at", "When the carrier delivered it.")
    accepted_at: str | None = said("accepted_at", "When the taker accepted it: the handoff ends.")
    refused_at: str | None = said("refused_at", "When the taker refused it.")
    agreed_release_at: str | None = said("agreed_release_at", "Agreed time of release.")
    agreed_delivery_at: str | None = said("agreed_delivery_at", "Agreed time of delivery.")
    notified_at: str | None = said("notified_at", "When the taker was told that it is coming.")
    acknowledged_at: str | None = said("acknowledged_at", "When the taker confirmed that it was told.")
    priority: str | None = said("priority", "Agreed priority.")
    preservation: str | None = said("preservation", "How the content travels.")
    discrepancy_code: str | None = said("discrepancy_code", "Coded reason of a discrepancy found on acceptance.")
    discrepancy: str | None = said("discrepancy", "The discrepancy in words.")
    disposition: str | None = said("disposition", "State of the objects after the handoff (CBV disposition or own term).")
    action: str | None = said("action", "EPCIS action.")
    from_: Record | None = strawberry.field(
        name="from", resolver=single("FROM", "").base_resolver.wrapped_func, description="The department that gives custody."
    )
    to: Record | None = single("TO", "The department that takes custody.")
    carried_by: Record | None = single("CARRIED_BY", "The carrier.")
    for_episode: Record | None = single("FOR_EPISODE", "The therapy order it belongs to.")
    subjects: list[Record] = related("SUBJECT_OF", "up", "What is handed over.")
    about: list[Record] = related("ABOUT", "up", "Observations and outcomes about it.")


@strawberry.type(
    description="A measured value about a person, material, container, step or handoff. EPCIS sensorElement, FHIR Observation."
)
class Observation(Record):
    about: list[Record] = related("ABOUT", "down", "What was measured: a record's identifier, with its class as in `person/P-1`.")
    code: str | None = said("code", "What was measured, as a code (LOINC, SNOMED CT, GS1 measurement type) or word.")
    comparator: str | None = said("comparator", "`value` is a limit, not a reading.")
    value: float | None = said("value", "The value as given, in `unit`.")
    value_text: str | None = said("value_text", "The value where it is not a number.")
    unit: str | None = said("unit", "Unit as given (UCUM or UN/ECE Rec 20 code preferred).")
    observed_at: str | None = said("observed_at", "When it was measured.")
    started_at: str | None = said("started_at", "Begin of the interval measured over.")
    ended_at: str | None = said("ended_at", "End of the interval measured over.")
    method: str | None = said("method", "Method or device.")
    panel: str | None = said("panel", "Panel the value belongs to.")


@strawberry.type(description="A clinical result of a person, attributed to a product or episode. FHIR Observation or AdverseEvent.")
class Outcome(Record):
    about: list[Record] = related("ABOUT", "down", "The person it happened to.")
    for_episode: Record | None = single("FOR_EPISODE", "The therapy order it is attributed to.")
    type: str | None = said("type", "What kind of result.")
    term: str | None = said("term", "The result as a code or word, e.g. complete response, CRS.")
    grade: int | None = said("grade", "Grade (CTCAE 0 to 5) of a toxicity.")
    occurred_at: str | None = said("occurred_at", "When it was found.")


@strawberry.type(description="What a person allows, from when to when. FHIR Consent.")
class Consent(Record):
    person: list[Record] = related("ABOUT", "down", "The person who consents.")
    purposes: str | None = said("purposes", "Purposes allowed, separated by `;`, e.g. treatment; research.")
    valid_from: str | None = said("valid_from", "From when it holds.")
    valid_to: str | None = said("valid_to", "Until when it holds.")
    withdrawn_at: str | None = said("withdrawn_at", "When it was withdrawn.")


TYPES: dict[str, Callable[..., Record]] = {
    kind.__name__: kind
    for kind in (Organization, Person, Episode, Material, Container, Step, Handoff, Observation, Outcome, Consent)
}


def wrap(seen: Seen, loading: Loading) -> Record:
    """The GraphQL object of a record. Raises `DeadlineExceeded`: making a large answer takes time too."""
    loading.end.check()
    make = TYPES.get(seen.kind or "", cast(Callable[..., Record], Stub))
    return make(seen=seen, loading=loading)
