"""One journey of a generated network, from the order of a therapy to what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from loaders.generator.batch import Batch
from loaders.generator.draws import log_odds, logistic
from loaders.generator.files import Files
from loaders.generator.hands import Hands
from loaders.generator.making import Maker, Plan, Product, Starting, donation, sgtin
from loaders.generator.network import BY_NAME, DAY, HOSPITALS, HOUR, Organisation
from loaders.generator.patient import Patient, Treated
from loaders.generator.telling import Scribe
from loaders.generator.world import World, carrier

Preservation = Literal["fresh", "cryopreserved"]
ALLOGENEIC = "novaleucel"
THERAPIES = ("axicabtagene ciloleucel", "lisocabtagene maraleucel", "tisagenlecleucel")
_SHARES = (5, 2, 3)
_LEAD = {
    (THERAPIES[0], "US"): 5.0,
    (THERAPIES[0], "EU"): 17.5,
    (THERAPIES[1], "US"): 13.3,
    (THERAPIES[1], "EU"): 13.3,
    (THERAPIES[2], "US"): 26.4,
    (THERAPIES[2], "EU"): 26.4,
}
"""Median days of tests and review before release, such that collection to infusion takes as long as was published: medians of
30.4, 35.9 and 48.4 days, and 27.0 in the United States against 38.0 in Europe for the first (PMC10431072)."""
_GO_BY_LAND, _OVERSEAS = 9.0, 26.0
"""Median hours of transport within Europe or the United States, and between them."""


@dataclass(frozen=True)
class Ended:
    """How a journey ended, for the truth."""

    therapy: str
    hospital: str
    severity: float
    reason: str = ""
    maker: str = ""
    frozen: bool = False
    pickup_delay_h: float = 0.0
    viability: float | None = None
    collected: int | None = None
    infused: int | None = None
    responded: bool = False
    below_specification: bool = False


class Journey:
    """The journey with this number. `files` None: nothing is written; `forced`: how the starting material is kept, whoever chose
    otherwise, all draws being the same."""

    def __init__(self, world: World, number: int, files: Files | None, forced: Preservation | None = None) -> None:
        self._world, self._index, self._forced = world, number, forced
        self._draws = draws = world.draws(f"journey {number}")
        self._number = f"{number:07d}"
        self.episode = f"coi:COI-{self._number}"
        self._scribe = Scribe(draws, world.rules, files, self.episode)
        self._hands = Hands(draws, world.rules, self._scribe)
        self._hospital = draws.pick("hospital", HOSPITALS, [each.weight for each in HOSPITALS])
        self.patient = Patient(self._number, self._hospital, draws, world.rules, self._scribe)

    def run(self) -> Ended:
        """Let it happen; returns how it ended."""
        world, draws, hospital = self._world, self._draws, self._hospital
        start = hospital.department("clinic").opens(world.calendar.start(self._index, draws.uniform("start")))
        self._containers(start)
        if Batch.gives(self._index) == "dose":
            return self._from_stock(start)
        therapy = draws.pick("therapy", THERAPIES, _SHARES)
        self.patient.enrolled(start, therapy, "autologous")
        return self._autologous(start, Ended(therapy, hospital.name, self.patient.severity))

    # -- containers that serve one journey after another

    def _box(self, word: str, days: int) -> str:
        """A reusable container that this journey has for at most `days` from its begin."""
        slot = self._index % self._world.calendar.pool(days)
        return f"{word}-{slot:05d}@{'skylane' if slot % 2 else 'coldline'}"

    @property
    def _boxes(self) -> dict[str, tuple[str, str, int]]:
        return {
            "shipper": ("SHP", "shipper", 70),
            "dewar": ("DEW", "dewar", 170),
            "box": ("BOX", "other", 130),
            "cassette": ("CAS", "cassette", 200),
        }

    def _named(self, what: str) -> str:
        word, _, days = self._boxes[what]
        return self._box(word, days)

    def _containers(self, moment: int) -> None:
        """Containers that this journey is the first to use."""
        for word, type_, days in self._boxes.values():
            if self._index < self._world.calendar.pool(days):
                name = self._box(word, days)
                org = BY_NAME[name.partition("@")[2]]
                told = {"type": type_, "name": f"{type_.title()} {name.partition('@')[0]}"}
                self._scribe.row(org, "container", moment - 30 * DAY, name, id=name.partition("@")[0], **told)

    # -- autologous

    def _autologous(self, start: int, ended: Ended) -> Ended:
        rules, draws, hospital = self._world.rules, self._draws, self._hospital
        self.patient.measured_before(start + 26 * HOUR)
        bags, collected = self._collected(start + int(draws.uniform("until collection", 5, 9) * DAY))
        odds = rules["choice.site"] * hospital.freezes - rules["choice.severity"] * self.patient.severity
        chosen = "cryopreserved" if draws.chance("freezes", logistic(odds)) else "fresh"
        frozen = (self._forced or chosen) == "cryopreserved"
        maker = self._maker()
        ended = replace(ended, maker=maker.name, frozen=frozen, collected=collected[0])
        materials, arrived, late = self._sent(bags, collected, frozen, maker)
        viability = sum(each.viability for each in materials) / len(materials)
        ended = replace(ended, pickup_delay_h=late, viability=round(viability, 2))
        doses = [sgtin(THERAPIES.index(ended.therapy) + 1, f"{self._number}-{n}") for n in range(1, 3 if self._two else 2)]
        lead = _LEAD[ended.therapy, hospital.region]
        plan = Plan(doses, lead, self._named("box"), self._mixed_in(maker, arrived))
        made = Maker(self._world, maker, self._number, draws, self._scribe, self._hands).make(arrived, materials, plan)
        ended = replace(ended, below_specification=made.below_specification)
        if made.released is None:
            self.patient.ended(made.frozen + 20 * DAY, "cancelled")
            return replace(ended, reason="manufacturing failure")
        risk = logistic(log_odds(rules["never.progression"]) + 0.8 * self.patient.severity)
        if draws.chance("progression", risk):
            self._given_up(maker, doses, made)
            return replace(ended, reason="progression or death before infusion")
        infused = self._treated(maker, doses, made, viability, frozen)
        treated = Treated(doses[0], infused, viability, frozen)
        self.patient.followed(treated)
        self.patient.ended(infused + 30 * DAY, "completed")
        return replace(ended, infused=infused, responded=self.patient.responds(treated))

    @property
    def _two(self) -> bool:
        return self._draws.chance("second dose", self._world.rules["share.second-dose"])

    def _maker(self) -> Organisation:
        """European journeys are made by either maker (but for a contract), American ones by helixworks."""
        if self._hospital.contract:
            return BY_NAME[self._hospital.contract]
        if self._hospital.region == "US" or self._draws.chance("maker", self._world.rules["share.helixworks"]):
            return BY_NAME["helixworks"]
        return BY_NAME["cellforge"]

    def _mixed_in(self, maker: Organisation, arrived: int) -> str | None:
        """A dose of natural killer cells from stock, sent to the maker of a T/NK mix while it grows the T cells."""
        if Batch.gives(self._index) != "mix":
            return None
        batch = Batch(self._world, self._index)
        batch.sent(self._index, maker.department("cleanroom"), arrived + DAY, self._named("dewar"), self._scribe, self._hands)
        return batch.dose(self._index)

    def _collected(self, due: int) -> tuple[list[str], tuple[int, int]]:
        """The bags that were collected (a second one where the first held too little), and begin and end of it."""
        hospital, bags, begin, end = self._hospital, list[str](), 0, 0
        site = hospital.department("apheresis")
        staff = BY_NAME[hospital.collects].department("apheresis") if hospital.collects else site
        again = self._draws.chance("second collection", self._world.rules["share.second-collection"])
        for number in range(2 if again else 1):
            start = site.opens(due if not bags else end + 14 * HOUR)
            end = start + int(self._draws.uniform(f"collection {number}", 2.5, 5) * HOUR)
            begin = begin or start
            bags.append(self._bag(staff.of, start, end, number))
            cells = round(self._draws.lognormal(f"CD3 {number}", 0.9 if again else 3.4, 0.3), 2)
            told = {
                "protocol": f"{staff.of.name[:2].upper()}-APH v3",
                "planned_at": "",
                "equipment": f"Separator {1 + self._index % 7}",
            }
            tube = f"TB-{self._number}-{number}@{staff.of.name}"
            self._scribe.material(staff.of, tube, end, "sample", name="collection sample")
            self._scribe.step(f"COL-{self._number}-{number}", "collection", staff, start, end, place=site,
                              inputs=[f"person/{self.patient.name}"], outputs=[bags[-1], tube], **told)  # fmt: skip
            bench = hospital.department("laboratory")
            self._scribe.step(f"TB-{self._number}-{number}", "test", bench, end + HOUR, end + 2 * HOUR, subjects=[tube])
            self._scribe.observe(hospital, f"object/{tube}", "CD3+ cells", cells, "10*9", end + 2 * HOUR, panel="collection")
        moved = self._hands.transfer(f"AP-{self._number}", staff, hospital.department("cell-lab"), end, bags, "fresh")
        return bags, (begin, moved.accepted)

    def _bag(self, org: Organisation, start: int, end: int, number: int) -> str:
        """A bag as collected, under its ISBT 128 donation number."""
        name = f"isbt128:{donation(self._hospital, start, 2 * self._index + number)}-S1128V00"
        volume = round(self._draws.normal(f"volume {number}", 190, 25))
        told = {"name": "apheresis, mononuclear cells", "quantity": volume, "unit": "mL", "preservation": "fresh"}
        return self._scribe.material(org, name, end, "starting_material", product_code="S1128V00", **told)

    def _sent(
        self, bags: Sequence[str], collected: tuple[int, int], frozen: bool, maker: Organisation
    ) -> tuple[list[Starting], int, float]:
        """What arrives at the maker, when, and how many hours late the carrier came."""
        draws, lab = self._draws, self._hospital.department("cell-lab")
        ready, names = lab.opens(collected[1] + HOUR), list(bags)
        if frozen:
            names, ready = self._frozen(bags, ready)
        by, shipper = carrier(self._hospital, maker), self._named("shipper")
        hours = _GO_BY_LAND if self._hospital.region == maker.region else _OVERSEAS
        late = "handoff.late-pickup.delay" if self._hospital.name == "policlinico-arno" else ""
        kept = "cryopreserved" if frozen else "fresh"
        intake = maker.department("intake")
        move = self._hands.ship(f"SH-{self._number}", lab, intake, by, ready, hours, [shipper], names, kept, pickup=late)
        packed, unpacked = (self._hospital, move.released - 900), (maker, move.accepted + 300)
        cold = self._world.freezer(self._hospital, self._index)
        for name in names:
            self._scribe.stay(name, shipper, packed, unpacked)
            if frozen:
                self._scribe.stay(name, cold, (packed[0], ready - 2 * DAY), (packed[0], packed[1] - 300))
        self._logged(by.of, shipper, draws.normal("warmest", -150 if frozen else 6, 4), move.accepted - HOUR)
        out = (move.accepted - collected[1]) / HOUR
        lost = 0.0 if frozen else self._world.rules["effect.pickup"] * min(out, 200)
        living = (92.0 if frozen else 98.0) - lost
        arrived = [Starting(n, frozen, _percent(living + draws.normal(f"viability {at}", 0, 1.5))) for at, n in enumerate(names)]
        return self._measured_anew(arrived, maker, move.accepted), move.accepted, round(move.delay_h, 2)

    def _measured_anew(self, arrived: Sequence[Starting], maker: Organisation, moment: int) -> list[Starting]:
        """The arrivals as the maker names them: cellforge gives numbers of its own, which its records join with the donation's.

        Of some the maker finds another quantity than was told."""
        named = []
        for at, each in enumerate(arrived):
            told: dict[str, Any] = {}
            if self._draws.chance(f"other quantity {at}", self._world.rules["claims.disagreement"]):
                told |= {"quantity": round(self._draws.normal(f"quantity {at}", 180, 20)), "unit": "mL"}
            number = f"ARR-{self._number}-{at}@{maker.name}"
            if maker.name == "cellforge":
                self._scribe.material(maker, number, moment, "starting_material", identifiers=each.name, **told)
                named.append(replace(each, name=number))
                continue
            if told:
                self._scribe.material(maker, each.name, moment, "starting_material", **told)
            named.append(each)
        return named

    def _logged(self, org: Organisation, container: str, warmest: float, moment: int) -> None:
        """The highest temperature on a shipment."""
        told = {"method": "logger, highest"}
        self._scribe.observe(org, f"object/{container}", "temperature", round(warmest, 1), "Cel", moment, **told)

    def _frozen(self, bags: Sequence[str], ready: int) -> tuple[list[str], int]:
        """The bags cryopreserved, and when they may leave."""
        names = []
        lab, end = self._hospital.department("cell-lab"), ready + 3 * HOUR
        for at, bag in enumerate(bags):
            name = bag.removesuffix("S1128V00") + "S1129V00"
            told = {"name": "apheresis, cryopreserved", "preservation": "cryopreserved", "product_code": "S1129V00"}
            self._scribe.material(self._hospital, name, end, "starting_material", **told)
            self._scribe.step(f"CRY-{self._number}-{at}", "cryopreservation", lab, ready, end, inputs=[bag], outputs=[name])
            names.append(name)
        return names, lab.opens(end + 2 * DAY)

    # -- the way back

    def _treated(self, maker: Organisation, doses: Sequence[str], made: Product, viability: float, frozen: bool) -> int:
        """The doses sent, thawed and infused; returns when the first was."""
        cassette, dewar = self._named("cassette"), self._named("dewar")
        dispatch, pharmacy = maker.department("dispatch"), self._hospital.department("pharmacy")
        hours = _GO_BY_LAND if self._hospital.region == maker.region else _OVERSEAS
        by, ready = carrier(maker, self._hospital), (made.released or 0) + DAY
        move = self._hands.ship(f"BK-{self._number}", dispatch, pharmacy, by, ready, hours, [dewar], doses, "cryopreserved")
        out, back = move.released - 1200, move.accepted + 600
        self._scribe.stay(cassette, self._world.freezer(maker, self._index), (maker, made.frozen), (maker, out))
        self._scribe.stay(cassette, dewar, (maker, out + 300), (self._hospital, back))
        self._scribe.stay(cassette, self._world.freezer(self._hospital, self._index), (self._hospital, back + 60))
        self._logged(by.of, dewar, self._draws.normal("warmest back", -160, 6), move.accepted - HOUR)
        due = move.accepted + int(min(self._draws.lognormal("until infusion", 3.5, 0.35), 12) * DAY)
        first = 0
        for at, dose in enumerate(doses):
            infused, thawed = self._infused(dose, f"{self._number}-{at + 1}", due if not first else first + 14 * DAY)
            self._scribe.stay(dose, cassette, (maker, made.frozen - 600), (self._hospital, thawed))
            first = first or infused
        if Batch.gives(self._index) == "sequence":
            self._boosted(first)
        return first

    def _boosted(self, first: int) -> None:
        """A dose of natural killer cells from stock, two weeks after the T cells."""
        batch = Batch(self._world, self._index)
        pharmacy = self._hospital.department("pharmacy")
        arrived = batch.sent(self._index, pharmacy, first + 4 * DAY, self._named("dewar"), self._scribe, self._hands)
        self._infused(batch.dose(self._index), f"{self._number}-NK", max(first + 14 * DAY, arrived + DAY))

    def _infused(self, dose: str, number: str, due: int) -> tuple[int, int]:
        """One dose handed to the ward, thawed and infused: when it was infused, and when taken out to be thawed."""
        pharmacy, ward = self._hospital.department("pharmacy"), self._hospital.department("ward")
        moved = self._hands.transfer(f"WD-{number}", pharmacy, ward, ward.opens(due) - 3 * HOUR, [dose], "cryopreserved")
        thawed = moved.accepted + 900
        warm = f"TW-{number}@{self._hospital.name}"
        told = {"name": "thawed dose", "preservation": "thawed"}
        self._scribe.material(self._hospital, warm, thawed + 600, "dose", **told)
        self._scribe.step(f"THW-{number}", "thaw", ward, thawed, thawed + 600, inputs=[dose], outputs=[warm])
        start = thawed + 1500
        self._scribe.step(f"INF-{number}", "infusion", ward, start, start + 1800, inputs=[warm],
                          outputs=[f"person/{self.patient.name}"])  # fmt: skip
        return start, thawed

    def _given_up(self, maker: Organisation, doses: Sequence[str], made: Product) -> None:
        """The product of a patient who can no longer be treated is discarded by its maker."""
        dispatch = maker.department("dispatch")
        start = dispatch.opens((made.released or 0) + 30 * DAY)
        cassette = self._named("cassette")
        self._scribe.stay(cassette, self._world.freezer(maker, self._index), (maker, made.frozen), (maker, start - 600))
        for dose in doses:
            self._scribe.stay(dose, cassette, (maker, made.frozen - 600), (maker, start - 300))
        told: dict[str, Any] = {"disposition": "patient not treated"}
        self._scribe.step(f"DSC-{self._number}", "discard", dispatch, start, start + 1800, subjects=doses, **told)
        self.patient.ended(start, "cancelled")

    # -- from stock

    def _from_stock(self, start: int) -> Ended:
        """An allogeneic journey: a dose that is there is sent and infused."""
        batch, hospital = Batch(self._world, self._index), self._hospital
        self.patient.enrolled(start, ALLOGENEIC, "allogeneic")
        self.patient.measured_before(start + 26 * HOUR)
        pharmacy = hospital.department("pharmacy")
        arrived = batch.sent(self._index, pharmacy, start + 2 * DAY, self._named("dewar"), self._scribe, self._hands)
        ended = Ended(ALLOGENEIC, hospital.name, self.patient.severity, maker="novacell", frozen=True, viability=batch.viability)
        due = arrived + int(min(self._draws.lognormal("until infusion", 3, 0.3), 10) * DAY)
        infused, _ = self._infused(batch.dose(self._index), f"{self._number}-1", due)
        treated = Treated(batch.dose(self._index), infused, batch.viability, True)
        self.patient.followed(treated)
        self.patient.ended(infused + 30 * DAY, "completed")
        return replace(ended, infused=infused, responded=self.patient.responds(treated))


def _percent(share: float) -> float:
    return round(max(min(share, 99.5), 35.0), 1)
