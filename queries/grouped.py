"""Sums and quantiles of rows by group, where the rows of a group lie together: one pass over arrays, nothing is hashed."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph.snapshot import Numbers

Floats = NDArray[np.float64]


class Grouped:
    """`rows` by `keys`, in which they are sorted."""

    def __init__(self, rows: pl.DataFrame, keys: Sequence[str]) -> None:
        self._rows = rows
        changes = rows.select(pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift()) for key in keys))
        begins = changes.to_series().to_numpy().copy()
        begins[:1] = True
        self._begins: Numbers = np.flatnonzero(begins)
        self.keys = rows.select(keys)[self._begins]

    @cached_property
    def sizes(self) -> Numbers:
        """How many rows each group has."""
        return np.diff(self._begins, append=len(self._rows))

    def sums(self, column: pl.Series) -> NDArray[np.int64 | np.float64]:
        """The sum of a column in each group; null counts as nothing."""
        values = column.fill_null(0).cast(pl.Float64 if column.dtype.is_float() else pl.Int64).to_numpy()
        found: NDArray[np.int64 | np.float64] = np.add.reduceat(values, self._begins) if len(values) else values
        return found

    def quantiles(self, column: pl.Series, share: float) -> Floats:
        """A linear quantile of a column that ascends in each group, null last; NaN where a group has no value."""
        counts = self.sums(column.is_not_null()).astype(np.int64)
        if not len(column):
            return np.empty(0)
        values = column.fill_null(float("nan")).to_numpy()
        place = np.maximum(counts - 1, 0) * share
        below = place.astype(np.int64)
        above = np.minimum(below + 1, np.maximum(counts - 1, 0))
        low, high = values[self._begins + below], values[self._begins + above]
        found: Floats = low + (high - low) * (place - below)
        return found

    def distinct(self, column: pl.Series) -> Numbers:
        """How many different values of a column of numbers each group has, null left out."""
        told = column.drop_nulls()
        if not len(told):
            return np.zeros(len(self.sizes), np.int64)
        low, high = int(told.min()), int(told.max())  # type: ignore[arg-type]
        width = high - low + 1
        kind = np.uint32 if len(self.sizes) * width < 2**32 else np.int64  # half as wide is twice as fast to sort
        group = np.repeat((np.arange(len(self.sizes)) * width).astype(kind), self.sizes)
        coded = group + (column.fill_null(low).to_numpy() - low).astype(kind)
        if column.null_count():
            coded = coded[column.is_not_null().to_numpy()]
        coded.sort()
        different = coded[np.flatnonzero(np.concatenate([[True], coded[1:] != coded[:-1]]))] // width
        return np.bincount(different, minlength=len(self.sizes))
