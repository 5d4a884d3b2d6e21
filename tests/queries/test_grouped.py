"""Sums and quantiles by group equal those of a plain walk over the rows of each group."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.grouped import Grouped

ROW = st.tuples(
    st.one_of(st.none(), st.integers(0, 2)),
    st.integers(0, 1),
    st.one_of(st.none(), st.floats(-1e6, 1e6)),
    st.one_of(st.none(), st.integers(0, 5)),
)
SCHEMA = {"giver": pl.UInt32, "taker": pl.UInt32, "wait": pl.Float64, "journey": pl.UInt32}


@settings(deadline=None)
@given(rows=st.lists(ROW, max_size=30))
def test_sums_quantiles_and_distinct_values_are_those_of_each_group(rows: list[tuple[Any, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("giver", "taker", "wait", nulls_last=True)
    found = Grouped(frame, ["giver", "taker"])
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in rows:
        groups.setdefault(row[:2], []).append(row)
    assert sorted(found.keys.rows(), key=str) == sorted(groups, key=str)
    sums, medians, distinct = found.sums(frame["wait"]), found.quantiles(frame["wait"], 0.5), found.distinct(frame["journey"])
    for at, key in enumerate(found.keys.rows()):
        waits = [wait for *_, wait, _ in groups[key] if wait is not None]
        assert found.sizes[at] == len(groups[key])
        assert sums[at] == pytest.approx(sum(waits), abs=1e-6)
        assert distinct[at] == len({journey for *_, journey in groups[key] if journey is not None})
        if waits:
            assert medians[at] == pytest.approx(np.quantile(waits, 0.5), rel=1e-12)
        else:
            assert np.isnan(medians[at])
