"""The rules of a generated network: named numbers, each of which can be set to another (`--set handoff.late-pickup.delay=0`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from graph.errors import UsageError


@dataclass(frozen=True)
class Rule:
    """A rule: what it is by default, in which unit, and what it does."""

    default: float
    unit: str
    meaning: str
    high: float = 1e6


_SHARE = 1.0
RULES: dict[str, Rule] = {
    "handoff.late-pickup.delay": Rule(40, "h", "The carrier comes late to the cell laboratory of policlinico-arno (planted)."),
    "handoff.intake-check.delay": Rule(36, "h", "cellforge's clean room takes over late from its intake (planted)."),
    "handoff.batch-review.delay": Rule(60, "h", "helixworks' dispatch waits for quality control's batch review (planted)."),
    "handoff.archive.delay": Rule(480, "h", "Retained samples wait before assaylab's archive takes them: long, on nobody's way."),
    "share.helixworks": Rule(0.5, "share", "Of European journeys that helixworks makes too, which keeps its intake busy.", _SHARE),
    "share.second-collection": Rule(0.1, "share", "Collections that yield too little and are repeated.", _SHARE),
    "share.second-dose": Rule(0.25, "share", "Products given as a sequence of two doses.", _SHARE),
    "share.unnumbered": Rule(0.1, "share", "Shipments without waybill: each side tells a handoff of its own.", _SHARE),
    "failure.manufacturing": Rule(0.039, "share", "Products that fail and are discarded.", _SHARE),
    "failure.transduction": Rule(0.06, "share", "Transductions that fail and are repeated.", _SHARE),
    "failure.arrival": Rule(0.02, "share", "Shipments accepted with a discrepancy.", _SHARE),
    "never.progression": Rule(0.1, "share", "Patients of middling severity who die or progress before infusion.", _SHARE),
    "choice.severity": Rule(1.2, "log odds", "By how much a standard deviation of severity speaks for fresh material."),
    "choice.site": Rule(1.0, "factor", "How strongly sites differ in freezing what they collect."),
    "effect.pickup": Rule(0.22, "points/h", "Viability that fresh material loses for each hour until it is accepted."),
    "effect.viability": Rule(0.09, "log odds", "Of response, for each point of viability of the starting material."),
    "effect.frozen": Rule(-0.5, "log odds", "Of response, for starting material that was cryopreserved."),
    "effect.severity": Rule(-0.8, "log odds", "Of response, for a standard deviation of severity."),
    "effect.exercise": Rule(0.25, "log odds", "Of response, for 2,000 steps a day before collection."),
    "claims.gap": Rule(0.015, "share", "What a party should have recorded of a handoff, and did not.", _SHARE),
    "claims.correction": Rule(0.03, "share", "Steps first recorded wrongly and corrected a week later.", _SHARE),
    "claims.disagreement": Rule(0.08, "share", "Arrivals of which the taker records another quantity or time.", _SHARE),
    "lot.busiest": Rule(0.17, "share", "Of the whole time in which all makers use one lot of medium.", _SHARE),
}
"""Every rule by name."""

_NEGATIVE = ("log odds", "factor")


@dataclass(frozen=True)
class Rules:
    """The rules in force: `RULES`, but for those that were set."""

    set: Mapping[str, float]

    @classmethod
    def parsed(cls, texts: Iterable[str] = ()) -> "Rules":
        """From texts `NAME=NUMBER`. Raises `UsageError` for a name that is none, or a number that does not fit."""
        found = {}
        for text in texts:
            name, _, number = (part.strip() for part in text.partition("="))
            rule = RULES.get(name)
            if rule is None:
                near = get_close_matches(name, RULES, n=3, cutoff=0.4) or sorted(RULES)
                raise UsageError(f"there is no rule {name!r}; did you mean {', '.join(near)}?", rule=name)
            try:
                value = float(number)
            except ValueError:
                value = float("nan")
            if not (-rule.high if rule.unit in _NEGATIVE else 0) <= value <= rule.high:
                raise UsageError(f"{name}={number!r} does not fit: give a number in {rule.unit}, as in {name}={rule.default:g}")
            found[name] = value
        return cls(found)

    def __getitem__(self, name: str) -> float:
        found = self.set.get(name)
        return RULES[name].default if found is None else found

    def told(self) -> dict[str, float]:
        """Every rule with the number in force."""
        return {name: self[name] for name in RULES}
