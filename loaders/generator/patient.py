"""The patient of a generated journey: how sick and how fit, what is measured before and after, and what comes of it.

Codes of observations are LOINC's. What decides: response depends on severity, exercise, the starting material's viability and
its preservation; everything else measured is a consequence of severity and response, or of nothing.
"""

import math
from dataclasses import dataclass
from functools import cached_property, partial

from loaders.generator.draws import Draws, logistic
from loaders.generator.network import BY_NAME, DAY, HOUR, Organisation
from loaders.generator.rules import Rules
from loaders.generator.telling import Scribe, at

_LAB = (
    ("2532-0", "U/L", 240.0, 0.35, 1.0),
    ("1988-5", "mg/L", 9.0, 0.6, 0.9),
    ("2276-4", "ng/mL", 380.0, 0.5, 0.8),
    ("731-0", "10*3/uL", 1.1, 0.4, -0.4),
)
"""Laboratory values: LDH, CRP, ferritin, lymphocytes; unit, median, spread, and how they follow severity."""
_LYMPHOCYTES = _LAB[3]


@dataclass(frozen=True)
class Treated:
    """What a patient was given: the product by name, when, how many of the starting cells lived, and how they were kept."""

    product: str
    moment: int
    viability: float
    frozen: bool


class Patient:
    """One patient and what is known of them."""

    def __init__(self, number: str, hospital: Organisation, draws: Draws, rules: Rules, scribe: Scribe) -> None:
        self.name = f"PAT-{number}@{hospital.name}"
        self._number, self._hospital = number, hospital
        self._draws, self._rules, self._scribe = draws, rules, scribe
        self.severity = draws.normal("severity")
        """How sick, in standard deviations."""
        self.fitness = draws.normal("fitness", -0.25 * self.severity, 0.9)
        """How fit, likewise."""

    @cached_property
    def steps_a_day(self) -> float:
        """Steps a day before collection."""
        return max(300.0, 4600 + 2000 * self.fitness)

    def enrolled(self, moment: int, therapy: str, intent: str) -> None:
        """The person, the consent and the order."""
        draws, org, number, told = self._draws, self._hospital, self._number, self._scribe.row
        role = "donor_and_patient" if intent == "autologous" else "patient"
        sex, blood = draws.pick("sex", ("female", "male")), draws.pick("blood group", ("A", "B", "AB", "O"), (42, 10, 5, 43))
        rh = "negative" if draws.chance("rh", 0.15) else "positive"
        born = 2022 - min(max(int(draws.normal("age", 59, 13)), 18), 86)
        person = {"role": role, "sex": sex, "birth_year": born, "blood_group": blood, "rh": rh}
        told(org, "person", moment, "person", id=f"PAT-{number}", **person)
        purposes = "treatment; registry; research" if draws.chance("research", 0.6) else "treatment; registry"
        told(org, "consent", moment, "consent", id=f"CON-{number}", person=f"PAT-{number}", purposes=purposes,
             valid_from=at(org, moment)[:10])  # fmt: skip
        told(org, "governed_by", moment, "consent", source=f"person/PAT-{number}", target=f"CON-{number}")
        indication = draws.pick("indication", ("relapsed DLBCL", "relapsed B-ALL", "follicular lymphoma"), (6, 3, 2))
        told(org, "episode", moment, "order", id=self._scribe.episode, person=f"PAT-{number}", intent=intent, therapy=therapy,
             indication=indication, ordered_at=at(org, moment), status="active")  # fmt: skip

    def ended(self, moment: int, status: str) -> None:
        """How the order ended."""
        self._scribe.row(self._hospital, "episode", moment, "end of order", id=self._scribe.episode, status=status)

    def measured_before(self, moment: int) -> None:
        """Blood, exercise, sleep and state of health before collection."""
        for code, unit, median, spread, slope in _LAB:
            value = median * math.exp(spread * slope * self.severity + self._draws.normal(f"before {code}", 0, spread * 0.5))
            self._seen(code, round(value, 1), unit, moment, "baseline")
        self._lived("before", moment, self.steps_a_day)
        ecog = min(max(round(0.9 + 0.7 * self.severity + self._draws.normal("ECOG", 0, 0.4)), 0), 4)
        self._seen("89247-1", ecog, "{score}", moment, "baseline")

    def responds(self, treated: Treated) -> bool:
        """Whether the disease responds: a draw of its own against a probability made of what the rules name."""
        rules = self._rules
        odds = 0.35 + rules["effect.viability"] * (treated.viability - 90)
        odds += rules["effect.frozen"] * treated.frozen + rules["effect.severity"] * self.severity
        odds += rules["effect.exercise"] * (self.steps_a_day - 4600) / 2000
        return self._draws.chance("response", logistic(odds))

    def followed(self, treated: Treated) -> None:
        """What is measured and what comes after the infusion; the registry tells late outcomes."""
        draws, org, responds, given = self._draws, self._hospital, self.responds(treated), treated.moment
        for day in (7, 28):
            code, unit, median, spread, _ = _LYMPHOCYTES
            low = 0.2 if day == 7 else 0.6
            self._seen(
                code, round(draws.lognormal(f"{code} day {day}", median * low, spread), 2), unit, given + day * DAY, "follow-up"
            )
            crp = draws.lognormal(f"CRP day {day}", (40 if day == 7 else 6) * math.exp(0.3 * self.severity), 0.5)
            self._seen("1988-5", round(crp, 1), "mg/L", given + day * DAY, "follow-up")
        self._lived("after", given + 90 * DAY, self.steps_a_day * (1.1 if responds else 0.7))
        crs = min(max(int(draws.normal("CRS", 1.4 + 0.4 * self.severity, 1.0)), 0), 4)
        if crs:
            fever = given + draws.whole("fever", 1, 6) * DAY
            self._scribe.outcome(org, self.name, treated.product, "toxicity", "cytokine release syndrome", fever, crs)
        complete = responds and draws.chance("complete", 0.7)
        term = "complete response" if complete else "partial response" if responds else "no response"
        self._scribe.outcome(org, self.name, treated.product, "response", term, given + 30 * DAY)
        self._later(treated, responds)

    def _later(self, treated: Treated, responds: bool) -> None:
        draws, tell = self._draws, partial(self._scribe.outcome, BY_NAME["cellreg"], self.name, treated.product)
        if draws.chance("lost", 0.05):
            return tell("lost_to_follow_up", "lost", treated.moment + 180 * DAY)
        if responds and draws.chance("relapse", logistic(-0.8 + 0.5 * self.severity)):
            back = treated.moment + draws.whole("relapsed", 60, 300) * DAY
            return tell("relapse", "relapse", back)
        if not responds and draws.chance("death", logistic(-0.3 + 0.6 * self.severity)):
            died = treated.moment + draws.whole("died", 40, 330) * DAY
            return tell("death", "progression", died, 5)
        return None

    def _lived(self, when: str, moment: int, steps: float) -> None:
        """A week's exercise and sleep, as a wearable measures them."""
        draws, org = self._draws, self._hospital
        week = {"observed_at": "", "started_at": at(org, moment - 7 * DAY), "ended_at": at(org, moment), "method": "wearable"}
        walked = round(draws.lognormal(f"steps {when}", steps, 0.15))
        self._scribe.observe(org, f"person/{self.name}", "41950-7", walked, "{steps}/d", moment, panel="activity", **week)
        slept = round(draws.normal(f"sleep {when}", 6.9 - 0.3 * self.severity, 0.7), 1)
        self._scribe.observe(org, f"person/{self.name}", "93832-4", slept, "h", moment + HOUR, panel="activity", **week)

    def _seen(self, code: str, value: float, unit: str, moment: int, panel: str) -> None:
        self._scribe.observe(self._hospital, f"person/{self.name}", code, value, unit, moment, panel=panel)
