"""Batches of allogeneic cells: of two donors, for many patients; some doses are mixed into or follow an autologous product."""

from typing import Literal

from loaders.generator.files import Files
from loaders.generator.hands import Hands
from loaders.generator.making import Maker, Plan, Starting, donation, sgtin
from loaders.generator.network import BY_NAME, DAY, HOUR, Department
from loaders.generator.telling import Scribe
from loaders.generator.world import World, carrier

JOURNEYS = 50
"""How many journeys one batch serves, not all of which take a dose."""
_BEFORE = 90 * DAY
"""How long before the first of them it is begun."""
_CENTRES = ("nordblut", "lumisang")
Use = Literal["dose", "mix", "sequence", ""]


class Batch:
    """The batch that serves a journey."""

    def __init__(self, world: World, journey: int) -> None:
        self._world, self._number = world, journey // JOURNEYS
        self._draws = world.draws(f"batch {self._number}")
        self._name = f"N{self._number:06d}"
        self._maker = BY_NAME["novacell"]

    @staticmethod
    def gives(journey: int) -> Use:
        """What a batch gives to a journey: the dose itself, cells to mix in, a second dose, or nothing."""
        if journey % 5 == 3:
            return "dose"
        return {7: "mix", 12: "sequence"}.get(journey % 25, "")  # type: ignore[return-value]

    def dose(self, journey: int) -> str:
        """The dose that a journey takes."""
        return sgtin(9, f"{self._name}-{journey % JOURNEYS:02d}")

    @property
    def viability(self) -> float:
        """How many of the cells that arrived lived (percent)."""
        return round(self._draws.normal("viability", 93, 1.5), 1)

    def make(self, files: Files) -> None:
        """Two donations collected, pooled, and made into a dose for each journey that takes one."""
        world, draws, name = self._world, self._draws, self._name
        scribe = Scribe(draws, world.rules, files)
        hands = Hands(draws, world.rules, scribe)
        due = world.calendar.start(self._number * JOURNEYS, 0.0) - _BEFORE
        arrived, materials = 0, []
        for number, centre in enumerate(_CENTRES):
            bag, moment = self._donated(scribe, hands, number, BY_NAME[centre].department("apheresis"), due)
            arrived = max(arrived, moment)
            materials.append(Starting(bag, False, self.viability))
        members = range(self._number * JOURNEYS, min((self._number + 1) * JOURNEYS, world.calendar.journeys))
        doses = [self.dose(journey) for journey in members if self.gives(journey)]
        box = f"BOX-B{self._number % (world.calendar.pool(120) // JOURNEYS + 2):04d}@coldline"
        if self._number < world.calendar.pool(120) // JOURNEYS + 2:
            told = {"type": "other", "name": "Sample box"}
            scribe.row(BY_NAME["coldline"], "container", due, box, id=box.partition("@")[0], **told)
        plan = Plan(doses or [self.dose(0)], 10, box, fails=False)
        made = Maker(world, self._maker, name, draws, scribe, hands).make(arrived, materials, plan)
        for dose in plan.doses:
            scribe.stay(dose, self._world.freezer(self._maker, self._number), (self._maker, made.frozen), None)

    def _donated(self, scribe: Scribe, hands: Hands, number: int, staff: Department, due: int) -> tuple[str, int]:
        """A donor's bag and when it arrives at the maker."""
        draws, org, donor = self._draws, staff.of, f"DON-{self._name}-{number}"
        start = staff.opens(due + int(draws.uniform(f"donation {number}", 0, 3) * DAY))
        end = start + int(draws.uniform(f"length {number}", 2.5, 4) * HOUR)
        told = {"sex": draws.pick(f"sex {number}", ("female", "male")), "birth_year": 2022 - draws.whole(f"age {number}", 19, 45)}
        blood = draws.pick(f"blood group {number}", ("A", "B", "AB", "O"), (42, 10, 5, 43))
        scribe.row(org, "person", start, donor, id=donor, role="donor", blood_group=blood, rh="positive", **told)
        bag = f"isbt128:{donation(org, start, 2 * self._number + number)}-S1130V00"
        told = {"name": "apheresis, donor lymphocytes", "quantity": 220, "unit": "mL", "preservation": "fresh"}
        scribe.material(org, bag, end, "starting_material", product_code="S1130V00", **told)
        scribe.step(
            f"COL-{self._name}-{number}", "collection", staff, start, end, inputs=[f"person/{donor}@{org.name}"], outputs=[bag]
        )
        intake, by = self._maker.department("intake"), carrier(org, self._maker)
        move = hands.ship(f"SH-{self._name}-{number}", staff, intake, by, end + HOUR, 9, [bag], [bag], "fresh")
        return bag, move.accepted

    def sent(self, journey: int, taker: Department, ready: int, dewar: str, scribe: Scribe, hands: Hands) -> int:
        """The dose of a journey sent to whoever needs it; returns when it was accepted."""
        maker, dose = self._maker, self.dose(journey)
        hours = 9.0 if taker.of.region == maker.region else 26.0
        dispatch, by = maker.department("dispatch"), carrier(maker, taker.of)
        move = hands.ship(f"NK-{journey:07d}", dispatch, taker, by, ready, hours, [dewar], [dose], "cryopreserved")
        scribe.stay(dose, self._world.freezer(maker, self._number), None, (maker, move.released - 1200))
        scribe.stay(dose, dewar, (maker, move.released - 900), (taker.of, move.accepted + 600))
        return move.accepted
