"""Manufacture of a generated product: from arrival at a maker to release, with retries, failures, tests and retained samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graph import gs1
from loaders.generator.draws import Draws
from loaders.generator.hands import Hands
from loaders.generator.network import BY_NAME, DAY, HOUR, Department, Organisation
from loaders.generator.telling import Scribe
from loaders.generator.world import World, carrier

_CELLS = "10*9"
_MOST_DAYS = 45.0
"""Release takes no longer, so that what is reused is back in time."""


@dataclass(frozen=True)
class Starting:
    """Starting material as it arrives: its name, whether it is frozen, how many of its cells live (percent)."""

    name: str
    frozen: bool
    viability: float


@dataclass(frozen=True)
class Plan:
    """What is to be made: `doses` by name; how many days tests and review take (median); the box samples travel in; and a dose
    of another product that is mixed in. What does not fail (`fails`) is neither lost nor rejected."""

    doses: Sequence[str]
    lead_days: float
    box: str
    mixed_in: str | None = None
    fails: bool = True


@dataclass(frozen=True)
class Product:
    """What came of it: when it was frozen and released (None where it failed)."""

    viability: float
    frozen: int
    released: int | None
    below_specification: bool = False


class Maker:
    """Makes one product at one maker."""

    def __init__(self, world: World, org: Organisation, number: str, draws: Draws, scribe: Scribe, hands: Hands) -> None:
        self._world, self._org, self._number = world, org, number
        self._draws, self._scribe, self._hands = draws, scribe, hands
        self._cleanroom, self._quality = org.department("cleanroom"), org.department("quality")

    def make(self, arrived: int, materials: Sequence[Starting], plan: Plan) -> Product:
        """Take in what arrived, make the product of it and test it."""
        moment = self._taken_in(arrived, materials)
        cells, moment = self._prepared(materials, moment)
        cells, moment = self._transduced(cells, moment)
        living = sum(each.viability for each in materials) / len(materials)
        viability = self._clipped(91 + 0.45 * (living - 91) + self._draws.normal("viability of product", 0, 1.8))
        substance, sample, moment = self._expanded(cells, moment, viability)
        if plan.fails and self._draws.chance("manufacturing failure", self._world.rules["failure.manufacturing"]):
            return self._discarded(substance, moment, viability)
        self._filled(substance, plan, moment)
        moment += 3 * HOUR
        shift = self._quality.opens(moment)
        kept = self._hands.transfer(f"QA-{self._number}", self._cleanroom, self._quality, shift, plan.doses, "cryopreserved")
        self._tested(sample, plan, moment, viability)
        return self._released(plan, moment, viability, kept.accepted)

    # -- steps

    def _taken_in(self, arrived: int, materials: Sequence[Starting]) -> int:
        """The arrival's check, and the way into the clean room; returns when work begins."""
        n, intake, names = self._number, self._org.department("intake"), [each.name for each in materials]
        self._scribe.step(f"CHK-{n}", "inspection", intake, arrived + 600, arrived + HOUR, subjects=names)
        for each in materials:
            told = {"method": "7-AAD", "panel": "intake"}
            self._scribe.observe(self._org, f"object/{each.name}", "viability", each.viability, "%", arrived + HOUR, **told)
        planted = "handoff.intake-check.delay" if self._org.name == "cellforge" else ""
        kept = "cryopreserved" if materials[0].frozen else "fresh"
        taken = self._hands.transfer(f"IN-{n}", intake, self._cleanroom, arrived + 90 * 60, names, kept, planted)
        return self._cleanroom.opens(taken.accepted + int(min(self._draws.lognormal("slot", 14, 0.6), 96) * HOUR))

    def _prepared(self, materials: Sequence[Starting], moment: int) -> tuple[str, int]:
        """Thawed, pooled and activated cells, and when they are."""
        n, names = self._number, list[str]()
        for at, each in enumerate(materials):
            name = each.name
            if each.frozen:
                name = self._material(f"TH-{n}-{at}", moment + HOUR, "intermediate", "thawed apheresis", preservation="thawed")
                self._step(f"THW-{n}-{at}", "thaw", moment, moment + HOUR, [each.name], [name])
            names.append(name)
        moment += HOUR
        if len(names) > 1:
            pool = self._material(f"PO-{n}", moment + HOUR, "intermediate", "pooled cells", preservation="fresh")
            self._step(f"POL-{n}", "pooling", moment, moment + HOUR, names, [pool])
            names, moment = [pool], moment + HOUR
        beads = self._world.lot("reagent", self._org, moment)
        done = moment + 20 * HOUR
        cells = round(self._draws.lognormal("activated cells", 1.6, 0.3), 2)
        active = self._material(f"AC-{n}", done, "intermediate", "activated T cells", quantity=cells, unit=_CELLS)
        self._step(f"ACT-{n}", "activation", moment, done, [*names, (beads, 2, "mL")], [(active, cells, _CELLS)])
        return active, done

    def _transduced(self, cells: str, moment: int) -> tuple[str, int]:
        """Cells with the vector in them; where it fails it is done again with the cells that were left."""
        n, vector = self._number, self._world.lot("vector", self._org, moment)
        failed = self._draws.chance("transduction failure", self._world.rules["failure.transduction"])
        for attempt in (1, 2) if failed else (2,):
            bad, done = attempt == 1, moment + 18 * HOUR
            made = self._material(f"TD-{n}-{attempt}", done, "intermediate", "transduced T cells")
            told: dict[str, Any] = {"status": "failed", "failure_reason": "CAR+ fraction below limit"} if bad else {}
            inputs = [(cells, 0.6 if failed else 1.2, _CELLS), (vector, 3, "mL")]
            self._step(f"TRD-{n}-{attempt}", "transduction", moment, done, inputs, [made], **told)
            car = self._draws.normal(f"CAR {attempt}", 8 if bad else 42, 2 if bad else 9)
            self._seen(made, "CAR+ fraction", max(round(car, 1), 1.0), "%", done, "in process", method="flow cytometry")
            moment = done + (4 * HOUR if bad else 0)
        return made, moment

    def _expanded(self, cells: str, moment: int, viability: float) -> tuple[str, str, int]:
        """Drug substance and a sample of it, and when it was harvested."""
        n, medium = self._number, self._world.lot("medium", self._org, moment)
        done = moment + int(min(self._draws.lognormal("expansion", 6.5, 0.15), 12) * DAY)
        grown = self._material(f"EX-{n}", done, "intermediate", "expanded T cells")
        self._step(f"EXP-{n}", "expansion", moment, done, [cells, (medium, 2000, "mL")], [grown])
        count = round(self._draws.lognormal("expanded cells", 9, 0.35), 2)
        self._seen(grown, "total nucleated cells", count, _CELLS, done, "in process", method="cell counter")
        moment = self._cleanroom.opens(done)
        end = moment + 4 * HOUR
        substance = self._material(f"DS-{n}", end, "drug_substance", "drug substance", quantity=count, unit=_CELLS)
        sample = self._material(f"QC-{n}", end, "sample", "release sample", quantity=5, unit="mL")
        self._step(f"HAR-{n}", "harvest", moment, end, [grown], [(substance, count, _CELLS), (sample, 5, "mL")])
        self._seen(sample, "viability", viability, "%", end, "release", method="7-AAD")
        return substance, sample, end

    def _discarded(self, substance: str, moment: int, viability: float) -> Product:
        start = self._quality.opens(moment + DAY)
        told: dict[str, Any] = {"disposition": "manufacturing failure"}
        self._step(f"DSC-{self._number}", "discard", start, start + HOUR, subjects=[substance], by=self._quality, **told)
        return Product(viability, start + HOUR, None)

    def _filled(self, substance: str, plan: Plan, moment: int) -> None:
        """The doses, frozen in a cassette; and a retained sample on its way to an archive."""
        n, end = self._number, moment + 2 * HOUR
        if plan.mixed_in:
            mixed = self._material(f"MX-{n}", moment + HOUR, "drug_substance", "T and NK cells")
            self._step(f"MIX-{n}", "mixing", moment, moment + HOUR, [substance, plan.mixed_in], [mixed])
            substance, moment = mixed, moment + HOUR
        for dose in plan.doses:
            told = {"product_code": self._org.name[:2].upper() + "-CAR", "quantity": 0.2, "unit": _CELLS}
            told |= {"preservation": "cryopreserved", "expires_at": ""}
            self._scribe.material(self._org, dose, end, "dose", **told)
        retain = self._material(f"RT-{n}", end, "retain", "retained sample", quantity=1, unit="mL")
        self._step(f"FIL-{n}", "cryopreservation", moment, end, [substance], [*plan.doses, retain])
        lab = BY_NAME["assaylab"]
        giver, ready = self._quality, self._quality.opens(end + 5 * DAY)
        archive, by = lab.department("archive"), carrier(self._org, lab)
        self._hands.ship(f"RT-{n}", giver, archive, by, ready, 20, [retain], [retain], "cryopreserved",
                         takeover="handoff.archive.delay")  # fmt: skip

    def _tested(self, sample: str, plan: Plan, moment: int, viability: float) -> None:
        """Tests of the sample, in house and (sterility) at a laboratory."""
        n, quality = self._number, self._quality
        start = quality.opens(moment)
        self._step(f"TST-{n}", "test", start, start + 3 * HOUR, subjects=[sample], by=quality)
        copies = round(self._draws.lognormal("copies", 2.1, 0.3), 2)
        self._seen(sample, "vector copy number", copies, "{copies}/{cell}", start + 3 * HOUR, "release", method="ddPCR")
        told = {"comparator": "<", "method": "LAL"}
        self._seen(sample, "endotoxin", 0.5, "[EU]/mL", start + 3 * HOUR, "release", **told)
        lab = BY_NAME["assaylab" if self._org.region == "EU" else "sterilab"]
        packed = start + 4 * HOUR
        bench, by = lab.department("microbiology"), carrier(self._org, lab)
        sent = self._hands.ship(f"QS-{n}", quality, bench, by, packed, 9, [plan.box], [sample], "fresh")
        self._scribe.stay(sample, plan.box, (self._org, sent.released - 900), (lab, sent.accepted + 900))
        begun = bench.opens(sent.accepted + HOUR)
        self._scribe.step(
            f"STE-{n}", "test", bench, begun, begun + 7 * DAY, subjects=[sample], protocol="sterility, Ph. Eur. 2.6.27"
        )
        self._scribe.observe(lab, f"object/{sample}", "sterility", 0, "[CFU]", begun + 7 * DAY, panel="release", method="automated")

    def _released(self, plan: Plan, moment: int, viability: float, kept: int) -> Product:
        """Review by quality, which has it since `kept`, and release; below specification a product may be released for want of
        another."""
        n, doses, dispatch = self._number, plan.doses, self._org.department("dispatch")
        lead = max(min(self._draws.lognormal("lead", plan.lead_days, 0.18), _MOST_DAYS), 1.5)
        planted = "handoff.batch-review.delay" if self._org.name == "helixworks" else ""
        ready = max(moment + int(lead * DAY), kept)
        reviewed = self._hands.transfer(f"RV-{n}", self._quality, dispatch, ready, doses, "cryopreserved", planted)
        below = viability < 85.0
        rejected = plan.fails and below and self._draws.chance("rejected", 0.3)
        start = dispatch.opens(reviewed.accepted)
        told: dict[str, Any] = {"disposition": "released out of specification" if below else "released"}
        if rejected:
            told = {"status": "failed", "failure_reason": "viability below specification"}
        self._step(f"REL-{n}", "release", start, start + HOUR // 2, subjects=doses, by=dispatch, **told)
        if rejected:
            self._step(f"DSC-{n}", "discard", start + DAY, start + DAY + HOUR, subjects=doses, by=dispatch)
        return Product(viability, moment, None if rejected else start + HOUR // 2, below)

    # -- in fewer words

    def _step(self, number: str, type_: str, start: int, end: int, inputs: Sequence[str | tuple[str, float, str]] = (),
              outputs: Sequence[str | tuple[str, float, str]] = (), subjects: Sequence[str] = (),
              by: Department | None = None, **more: Any) -> None:  # fmt: skip
        told = {"protocol": f"{self._org.name[:2].upper()}-{type_[:4].upper()} v{self._draws.whole('version', 2, 5)}"} | more
        self._scribe.step(
            number, type_, by or self._cleanroom, start, end, inputs=inputs, outputs=outputs, subjects=subjects, **told
        )

    def _material(self, number: str, moment: int, type_: str, name: str, **more: object) -> str:
        return self._scribe.material(self._org, f"{number}@{self._org.name}", moment, type_, name=name, **more)

    def _seen(self, about: str, code: str, value: float, unit: str, moment: int, panel: str, **more: str) -> None:
        self._scribe.observe(self._org, f"object/{about}", code, value, unit, moment, panel=panel, **more)

    @staticmethod
    def _clipped(share: float) -> float:
        return round(max(min(share, 99.5), 40.0), 1)


def donation(org: Organisation, moment: int, serial: int) -> str:
    """An ISBT 128 donation number: facility, year, serial."""
    return f"{org.code}{datetime.fromtimestamp(moment, UTC).year % 100:02d}{serial % 1_000_000:06d}"


def sgtin(item: int, serial: str) -> str:
    """The GS1 number of one dose: a GTIN of an example company prefix with a serial number."""
    body = f"09521411{item:05d}"
    return f"(01){body}{gs1.check_digit(body)}(21){serial}"
