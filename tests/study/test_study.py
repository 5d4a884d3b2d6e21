"""What is planted in a generated network is found, and what only looks bad is not: two seeds here, twenty with `make study`.

The effect of freezing needs the journeys of twenty; here the cohort is held to the truth journey by journey."""

import polars as pl
import pytest

from loaders.generator import PLANTED
from tests.study import freezing, slow_handoffs
from tests.study.run import Found, studied

pytestmark = pytest.mark.xdist_group("study")
"""One worker makes both networks, for all tests."""


@pytest.fixture(scope="module", params=[1, 2])
def found(request: pytest.FixtureRequest) -> Found:
    return studied(request.param)


def test_the_planted_handoffs_lose_most_hours_and_no_decoy_rises(found: Found) -> None:
    assert found.problems == []


def test_the_hours_lost_are_about_those_planted(found: Found) -> None:
    """Closed doors round a delay up or swallow it; a gap in what was recorded leaves a handoff open."""
    lost = {(row["giver"], row["taker"]): row["lost"] for row in found.pairs.to_dicts()}
    for pair in PLANTED.values():
        assert lost[pair] == pytest.approx(found.delays[pair], rel=0.25)


def test_the_study_would_notice_a_decoy_that_rises_and_a_planted_handoff_that_does_not(found: Found) -> None:
    pair = pl.concat_str("giver", pl.lit(" -> "), "taker")
    decoy, planted = "helixworks-intake -> helixworks-cleanroom", "policlinico-arno-cell-lab -> cellforge-intake"
    risen = found.pairs.with_columns(lost=pl.when(pair == decoy).then(1.0).otherwise("lost"))
    assert [each for each in slow_handoffs.problems(risen) if "rises" in each and decoy in each]
    fallen = found.pairs.with_columns(lost=pl.when(pair == planted).then(0.0).otherwise("lost")).sort("lost", descending=True)
    assert [each for each in slow_handoffs.problems(fallen) if "not where it was planted" in each]


def test_the_exported_cohort_tells_truly_who_was_frozen_where_and_who_responded(found: Found) -> None:
    columns = ["unit", "hospital", "frozen", "responded"]
    assert found.cohort.select(columns).equals(found.truth.select(columns))
    assert found.cohort.null_count().sum_horizontal().item() == 0


def test_the_difference_with_severity_and_hospital_held_is_that_of_the_arms_of_each_stratum() -> None:
    """Two hospitals and two patients of each severity: half of one responds to fresh, none to frozen, in the other all the same."""
    rows = [
        (hospital, frozen, level, responded)
        for hospital, told in {
            "at_a": {False: (True, False), True: (False, False)},
            "at_b": {False: (True, True), True: (True, True)},
        }.items()
        for level in range(1, freezing.STRATA + 1)
        for frozen, both in told.items()
        for responded in both
    ]
    frame = pl.DataFrame(rows, schema=["hospital", "frozen", "level", "responded"], orient="row").with_row_index("unit")
    frame = frame.with_columns(pl.col("level").cast(pl.Float64).alias(name) for name in ("ldh", "crp", "ferritin", "ecog"))
    effect = freezing.effect(frame, pl.DataFrame({"difference": [-1, 0, 0, 0]}))
    assert (effect.true, effect.naive, effect.stratified) == pytest.approx((-0.25, -0.25, -0.25))
    # 10 strata: a = 0, b = 2, c = 1, d = 1, weight 1 each of 20
    assert effect.error == pytest.approx((10 * 1 * 1 * 8 / (2 * 2 * 16)) ** 0.5 / 20)
