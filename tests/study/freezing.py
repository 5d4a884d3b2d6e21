"""Does a cohort, exported, tell the true effect of freezing starting material? Only if what decides on freezing is held.

Hospitals freeze the material of their less sick patients, who respond anyway: so frozen material seems to do better. The truth of
a network runs every journey both ways. The cohort is of all whose material was worked on (index: the first activation), whatever
became of them, with severity as it can be observed: three blood values and the state of health, before collection.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import polars as pl

from api import cohorts
from loaders.generator.network import HOSPITALS
from queries.cohort_definition import parsed
from queries.cohorts import cohort
from tests.study.networks import Loaded

_BLOOD = {"ldh": "2532-0", "crp": "1988-5", "ferritin": "2276-4"}
_OBSERVED = "\n".join(f"  {name}: {{observed: {{code: {code}}}}}" for name, code in (_BLOOD | {"ecog": "89247-1"}).items())
_AT = {f"at_{each.name.replace('-', '_')}": each.name for each in HOSPITALS}
_PASSED = "\n".join(f"  {column}: {{path: {{department: {name}}}}}" for column, name in _AT.items())
DEFINITION = f"""
name: fresh or frozen
unit: episode
index: {{step: [activation]}}
known: now
rules:
  - include: autologous
    episode: {{intent: [autologous]}}
columns:
  frozen: {{path: {{material: {{type: [starting_material], preservation: [cryopreserved]}}}}}}
{_OBSERVED}
{_PASSED}
labels:
  responded: {{outcome: {{type: [response], term: [complete response, partial response], days: {{min: 0, max: 365}}}}}}
"""
STRATA = 10
"""Groups of severity: five would leave a tenth of the bias (Cochran 1968)."""


@dataclass(frozen=True)
class Effect:
    """Response of frozen less that of fresh: in truth, as it seems, and with severity and hospital held (with standard error)."""

    journeys: int
    true: float
    naive: float
    stratified: float
    error: float

    @property
    def within(self) -> tuple[float, float]:
        """The 95 % interval of the stratified difference."""
        reach = NormalDist().inv_cdf(0.975) * self.error
        return self.stratified - reach, self.stratified + reach

    def problems(self) -> list[str]:
        """What is not as it truly is: the stratified difference must have the sign beyond chance and half to one and a half of
        the size of the true one (severity is not observed exactly), and the naive difference must not."""
        found = []
        if not self._like(self.stratified) or not self.within[1] < 0:
            found.append(f"with severity and hospital held, freezing seems to do {self.stratified:+.3f}, not {self.true:+.3f}")
        if self._like(self.naive):
            found.append(f"nothing hides the effect: the naive difference is {self.naive:+.3f}, the true one {self.true:+.3f}")
        return found

    def _like(self, difference: float) -> bool:
        return 0.5 < difference / self.true < 1.5


def exported(network: Loaded, folder: Path) -> pl.DataFrame:
    """The rows of the cohort as they leave the product (CSV): `unit, hospital, frozen, ldh, crp, ferritin, ecog, responded`."""
    found = cohort(network.view, parsed(DEFINITION))
    cohorts.write(network.view, found, folder)
    rows = pl.read_csv(folder / "cohort.csv")
    hospital = pl.coalesce(pl.when(column).then(pl.lit(name)) for column, name in _AT.items())
    return rows.select("unit", "frozen", *_BLOOD, "ecog", "responded", hospital=hospital)


def truth(network: Loaded) -> pl.DataFrame:
    """Of every autologous journey in truth: `unit, hospital, frozen, responded`, and `difference`, what freezing does to response
    (-1, 0 or 1)."""
    rows = [
        {
            "unit": network.view.resolve(told["episode"]),
            "hospital": told["hospital"],
            "frozen": told["frozen"],
            "responded": told["responded"],
            "difference": told["responded_if_frozen"] - told["responded_if_fresh"],
        }
        for told in network.truth("journeys")
        if told["responded_if_fresh"] is not None
    ]
    return pl.DataFrame(rows).sort("unit")


def effect(rows: pl.DataFrame, told: pl.DataFrame) -> Effect:
    """The effect in the cohort (`exported`) of one or more networks, and in their `truth`."""
    arms = {frozen: rows.filter(pl.col("frozen") == frozen)["responded"].cast(pl.Int64).sum() for frozen in (True, False)}
    count = {frozen: (rows["frozen"] == frozen).sum() for frozen in (True, False)}
    stratified, error = _held(rows.with_columns(severity=_severity(rows)))
    true = told["difference"].sum() / len(told)
    return Effect(len(rows), true, arms[True] / count[True] - arms[False] / count[False], stratified, error)


def _severity(rows: pl.DataFrame) -> pl.Series:
    """The group of each patient by the mean of what rises with severity, in standard deviations (of blood values the logarithm)."""
    values = [rows[name].log() for name in _BLOOD] + [rows["ecog"].cast(pl.Float64)]
    score = sum((value - value.mean()) / value.std() for value in values)
    return (pl.Series(score).rank("ordinal") - 1) * STRATA // len(rows)


def _held(rows: pl.DataFrame) -> tuple[float, float]:
    """The Mantel-Haenszel risk difference over hospital and severity, and its standard error (Greenland and Robins 1985)."""
    frozen, responded = pl.col("frozen"), pl.col("responded")
    total, n1 = pl.len().cast(pl.Float64), frozen.sum().cast(pl.Float64)
    strata = rows.group_by("hospital", "severity").agg(
        n=total, n1=n1, n0=total - n1, a=(frozen & responded).sum().cast(pl.Float64), c=(~frozen & responded).sum().cast(pl.Float64)
    )
    told = strata.select(
        weight=pl.col("n1") * pl.col("n0") / pl.col("n"),
        apart=(pl.col("a") * pl.col("n0") - pl.col("c") * pl.col("n1")) / pl.col("n"),
        spread=(
            pl.col("a") * (pl.col("n1") - pl.col("a")) * pl.col("n0") ** 3
            + pl.col("c") * (pl.col("n0") - pl.col("c")) * pl.col("n1") ** 3
        )
        / (pl.col("n1") * pl.col("n0") * pl.col("n") ** 2),
    )
    weight = told["weight"].sum()
    return told["apart"].sum() / weight, math.sqrt(told["spread"].fill_nan(0).sum()) / weight
