"""The organisations of a generated network: all invented; their departments, time zones, opening hours and habits of recording."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

HOUR = 3600
DAY = 24 * HOUR
_WEEKDAYS, _ALL_BUT_SUNDAY, _EVERY_DAY = range(5), range(6), range(7)


@dataclass(frozen=True)
class Hours:
    """When a department works: from one hour to another, local time, on some days of the week (Monday is 0)."""

    opens: int
    closes: int
    days: range

    def next(self, moment: int, zone: ZoneInfo) -> int:
        """The first second at or after `moment` at which it works (seconds since 1970, UTC)."""
        local = datetime.fromtimestamp(moment, zone)
        for _ in range(8):
            if local.weekday() in self.days and local.hour < self.closes:
                if local.hour >= self.opens:
                    return int(local.timestamp())
                return int(local.replace(hour=self.opens, minute=0, second=0).timestamp())
            local = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0)
        raise AssertionError("a department that never opens")


DAYTIME = Hours(8, 17, _WEEKDAYS)
LONG_DAYS = Hours(7, 20, _ALL_BUT_SUNDAY)
SHIFTS = Hours(6, 22, _EVERY_DAY)
TREATMENT = Hours(9, 16, _WEEKDAYS)

_DEPARTMENTS = {
    "blood_centre": {"apheresis": DAYTIME},
    "hospital": {
        "apheresis": DAYTIME,
        "cell-lab": LONG_DAYS,
        "clinic": DAYTIME,
        "laboratory": SHIFTS,
        "pharmacy": LONG_DAYS,
        "ward": TREATMENT,
    },
    "cdmo": {"intake": LONG_DAYS, "cleanroom": SHIFTS, "quality": DAYTIME, "dispatch": LONG_DAYS},
    "biotech": {"production": DAYTIME},
    "carrier": {"road": SHIFTS},
    "laboratory": {"microbiology": DAYTIME, "archive": DAYTIME},
    "registry": {"office": DAYTIME},
}


@dataclass(frozen=True)
class Organisation:
    """An organisation with its habits.

    `clock_s`: how far its clocks are ahead. `lag_h`: median hours from an event to its record. `local_times`: its system
    writes times without offset. `weight`: share of patients (hospitals). `freezes`: log odds that it freezes what it
    collects; `collects`: whose staff collect there. `contract`: its only maker. `code`: its
    five characters in ISBT 128 donation numbers."""

    name: str
    title: str
    type: str
    zone_name: str
    country: str
    lag_h: float = 4.0
    clock_s: int = 0
    local_times: bool = False
    region: str = "EU"
    weight: float = 0.0
    freezes: float = 0.0
    collects: str = ""
    contract: str = ""
    code: str = ""

    @cached_property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.zone_name)

    @property
    def departments(self) -> dict[str, Hours]:
        """Its departments with their hours."""
        return _DEPARTMENTS[self.type]

    def department(self, word: str) -> "Department":
        """One of its departments."""
        return Department(self, word)


@dataclass(frozen=True)
class Department:
    """A department of an organisation."""

    of: Organisation
    word: str

    @property
    def name(self) -> str:
        """Its code in the network."""
        return f"{self.of.name}-{self.word}"

    def opens(self, moment: int) -> int:
        """The first second at or after `moment` at which it works."""
        return self.of.departments[self.word].next(moment, self.of.zone)


def _hospital(
    name: str, title: str, zone: str, country: str, code: str, weight: float, freezes: float, collects: str = "", **more: object
) -> Organisation:
    region = "US" if country == "US" else "EU"
    return Organisation(name, title, "hospital", zone, country, region=region, weight=weight, freezes=freezes, collects=collects,
                        code=code, **more)  # type: ignore[arg-type]  # fmt: skip


BERLIN, PARIS, ROME, LONDON = "Europe/Berlin", "Europe/Paris", "Europe/Rome", "Europe/London"
NEW_YORK, CHICAGO, DENVER, PACIFIC = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"

ORGANISATIONS = (
    Organisation("nordblut", "Nordblut Blood Centre", "blood_centre", BERLIN, "DE", 9, 0, True, code="A9991"),
    Organisation("lumisang", "Lumisang Blood Centre", "blood_centre", PARIS, "FR", 20, 240, code="A9992"),
    Organisation("harborblood", "Harbor Blood Center", "blood_centre", NEW_YORK, "US", 6, -90, code="A9993"),
    _hospital("st-vera", "St. Vera University Hospital", BERLIN, "DE", "A9981", 1.3, 0.8, "nordblut"),
    _hospital("klinik-seeblick", "Klinik Seeblick", "Europe/Zurich", "CH", "A9982", 0.6, -0.2, "nordblut", clock_s=120),
    _hospital("hopital-marais", "Hopital du Marais", PARIS, "FR", "A9983", 1.0, -1.6, "lumisang", lag_h=26.0),
    _hospital("policlinico-arno", "Policlinico Arno", ROME, "IT", "A9984", 1.6, -0.8, contract="cellforge"),
    _hospital("northgate", "Northgate Hospital", LONDON, "GB", "A9985", 0.9, 1.2, clock_s=-180),
    _hospital("lakeside", "Lakeside Medical Center", CHICAGO, "US", "A9986", 1.7, 0.4, "harborblood"),
    _hospital("bayview", "Bayview General Hospital", NEW_YORK, "US", "A9987", 1.9, -0.6, "harborblood", lag_h=14.0),
    _hospital("mesa-verde", "Mesa Verde Cancer Institute", DENVER, "US", "A9988", 1.0, 1.0, clock_s=75),
    _hospital("pacific-grove", "Pacific Grove Hospital", PACIFIC, "US", "A9989", 1.5, -0.4),
    _hospital("magnolia", "Magnolia Medical Center", CHICAGO, "US", "A9990", 1.4, 0.2, lag_h=9.0),
    Organisation("cellforge", "Cellforge", "cdmo", BERLIN, "DE", 2, 0),
    Organisation("helixworks", "Helixworks", "cdmo", NEW_YORK, "US", 1, 30, region="US"),
    Organisation("novacell", "Novacell", "cdmo", "Europe/Zurich", "CH", 3, -45),
    Organisation("vectorworks", "Vectorworks", "biotech", LONDON, "GB", 48),
    Organisation("mediara", "Mediara", "biotech", CHICAGO, "US", 24),
    Organisation("coldline", "Coldline", "carrier", BERLIN, "DE", 0.5, 20),
    Organisation("skylane", "Skylane", "carrier", NEW_YORK, "US", 0.2, -15, region="US"),
    Organisation("assaylab", "Assaylab", "laboratory", BERLIN, "DE", 5, 60),
    Organisation("sterilab", "Sterilab", "laboratory", NEW_YORK, "US", 5, 0, region="US"),
    Organisation("cellreg", "Cell Therapy Registry", "registry", PARIS, "FR", 240),
)
BY_NAME = {organisation.name: organisation for organisation in ORGANISATIONS}
HOSPITALS = tuple(each for each in ORGANISATIONS if each.type == "hospital")
MAKERS = tuple(each for each in ORGANISATIONS if each.type == "cdmo")


@dataclass(frozen=True)
class Calendar:
    """When the journeys of a network begin: evenly over three years, one after the other."""

    journeys: int
    begin: int = field(default=int(datetime(2022, 1, 3, 7, tzinfo=UTC).timestamp()))
    days: int = 1095

    @property
    def end(self) -> int:
        """When the last has begun."""
        return self.begin + self.days * DAY

    def start(self, journey: int, share: float) -> int:
        """When a journey begins; `share` of the time until the next one passes before."""
        return self.begin + int((journey + share) / self.journeys * self.days * DAY)

    def pool(self, days: int) -> int:
        """How many reusable things serve journeys in turn, each busy for at most `days` from the journey's begin."""
        return self.journeys * days // self.days + 2
