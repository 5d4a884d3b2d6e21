"""What all journeys of a generated network share: its calendar and rules, its parties, lots, freezers and reusable containers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from loaders.generator.draws import Draws
from loaders.generator.files import Files
from loaders.generator.network import BY_NAME, DAY, HOSPITALS, HOUR, MAKERS, ORGANISATIONS, Calendar, Department, Organisation
from loaders.generator.rules import Rules
from loaders.generator.telling import Move, Scribe, utc

BUSIEST = "lot:MD-900@mediara"
"""The lot of medium that is used most: for a part of the time by all makers."""
_EARLY, _LATE = 150, 240
"""Days before the first journey begins and after the last does, in which lots are used and freezers looked after."""
_PER_FREEZER = 1_000
"""Journeys of a network for which an organisation has one freezer: what is in it at a time must not grow with the network."""
_LIFE = {"vector": 30, "reagent": 14, "medium": 45}
"""Days for which a lot is used."""
_SHIPPING = 5 * DAY


@dataclass(frozen=True)
class World:
    """A network to be generated."""

    seed: int
    rules: Rules
    calendar: Calendar

    def draws(self, entity: str) -> Draws:
        """The draws of one entity of this network."""
        return Draws(self.seed, entity)

    @cached_property
    def _busiest(self) -> tuple[int, int]:
        begin = self.calendar.begin + int(0.4 * self.calendar.days) * DAY
        return begin, begin + int(self.rules["lot.busiest"] * self.calendar.days) * DAY

    def lot(self, what: str, maker: Organisation, moment: int) -> str:
        """The lot of `vector`, `reagent` or `medium` that a maker uses at a moment."""
        if what == "medium" and self._busiest[0] <= moment < self._busiest[1]:
            return BUSIEST
        number = (moment - self.calendar.begin + _EARLY * DAY) // (_LIFE[what] * DAY)
        return _lot_name(what, maker, number)

    # -- what is told before the first journey

    def tell(self, files: Files) -> None:
        """Organisations with their departments, lots and freezers: each told by who has them."""
        scribe = Scribe(self.draws("network"), self.rules, files)
        for org in ORGANISATIONS:
            self._tell_organisation(scribe, org)
        for maker in MAKERS:
            for what, life in _LIFE.items():
                for number in range((self.calendar.days + _EARLY + _LATE) // life + 1):
                    self._tell_lot(scribe, what, _lot_name(what, maker, number), number, (maker,))
        self._tell_lot(scribe, "medium", BUSIEST, 0, MAKERS, begin=self._busiest[0])
        for org in (*HOSPITALS, *MAKERS):
            self._tell_freezers(scribe, org)

    def _tell_organisation(self, scribe: Scribe, org: Organisation) -> None:
        begin = self.calendar.begin - 2 * _EARLY * DAY
        contact = f"{org.title} duty desk, desk@{org.name}.example"
        told = {"name": org.title, "type": org.type, "time_zone": org.zone_name, "country": org.country, "contact": contact}
        scribe.row(org, "organization", begin, org.name, id=org.name, **told)
        for word in org.departments:
            name = f"{org.title} {word.replace('-', ' ')}"
            told = {"id": f"{org.name}-{word}", "name": name, "type": "department", "part_of": org.name}
            scribe.row(org, "organization", begin, word, **told)

    def _tell_lot(
        self, scribe: Scribe, what: str, name: str, number: int, users: Sequence[Organisation], begin: int | None = None
    ) -> None:
        """A lot, made and sent to its users before they need it."""
        org = BY_NAME["vectorworks" if what == "vector" else "mediara"]
        first = begin if begin is not None else self.calendar.begin + (number * _LIFE[what] - _EARLY) * DAY
        bare = name.removeprefix("lot:").partition("@")[0]
        made = org.department("production").opens(first - 40 * DAY)
        type_ = {"vector": "vector_lot", "reagent": "reagent_lot", "medium": "media_lot"}[what]
        title = {"vector": "CAR lentiviral vector", "reagent": "activation beads", "medium": "expansion medium"}[what]
        kept = "cryopreserved" if what == "vector" else "fresh"
        told = {"name": title, "expires_at": utc(first + 400 * DAY)[:10], "preservation": kept}
        scribe.material(org, name, made + 3 * DAY, type_, for_episode="", **told)
        scribe.step(f"MFG-{bare}", "manufacturing", org.department("production"), made, made + 3 * DAY, outputs=[name])
        for user in users:
            out = org.department("production").opens(first - _SHIPPING - 10 * DAY)
            carrier = BY_NAME["skylane" if user.region == "US" else "coldline"].department("road")
            arrived = user.department("intake").opens(out + _SHIPPING)
            move = Move(
                f"L-{bare}-{user.name}",
                org.department("production"),
                user.department("intake"),
                carrier,
                out,
                out + 2 * HOUR,
                arrived - HOUR // 2,
                arrived,
                out + _SHIPPING + DAY,
                kept,
            )
            scribe.handoff(move, [name], [name])

    def _tell_freezers(self, scribe: Scribe, org: Organisation) -> None:
        """Freezers in service for years, each looked after every second month."""
        keeper, begin = org.department("pharmacy" if org.type == "hospital" else "dispatch"), self.calendar.begin - _EARLY * DAY
        draws = self.draws(org.name)
        for at in range(self._freezers):
            name, mark = self.freezer(org, at), f"{at + 1} " if at else ""
            told = {"type": "freezer", "name": f"Vapour-phase freezer {at + 1}"}
            scribe.row(org, "container", begin, name, id=name.partition("@")[0], **told)
            for number in range((self.calendar.days + _EARLY + _LATE) // 60):
                start = keeper.opens(begin + number * 60 * DAY)
                step = f"INS-{number}" if not at else f"INS-{number}-{at + 1}"
                scribe.step(step, "inspection", keeper, start, start + HOUR, subjects=[name])
                cold = round(draws.normal(f"cold {mark}{org.name} {number}", -172, 4), 1)
                scribe.observe(org, f"object/{name}", "temperature", cold, "Cel", start, method="thermocouple")

    @property
    def _freezers(self) -> int:
        """How many freezers an organisation has: as many as keeps each as full as that of a small network is."""
        return self.calendar.journeys // _PER_FREEZER + 1

    def freezer(self, org: Organisation, number: int) -> str:
        """The freezer in which a hospital or maker keeps what is of this journey or batch."""
        return f"FRZ-{number % self._freezers + 1}@{org.name}"


def carrier(origin: Organisation, target: Organisation) -> Department:
    """Who carries from one organisation to another: within Europe coldline, else skylane."""
    return BY_NAME["coldline" if origin.region == target.region == "EU" else "skylane"].department("road")


def _lot_name(what: str, maker: Organisation, number: int) -> str:
    org = "vectorworks" if what == "vector" else "mediara"
    return f"lot:{what[0].upper()}-{maker.name[:2].upper()}-{number}@{org}"
