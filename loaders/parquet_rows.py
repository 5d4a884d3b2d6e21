"""Rows of a Parquet file as the bundle has them: the same columns as CSV; numbers, dates and instants are read as texts."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from loaders import parquet_trial
from loaders.csv_rows import Row, Rows
from loaders.items import Refused

_EXACT = 2.0**53  # beyond this a float may stand for several whole numbers
_SLICE = 20_000
"""Rows in memory at a time."""


class ParquetRows(Rows):
    """The rows of one Parquet file. A row stands at `row N`, the first being 1."""

    _share = 0.0

    @property
    def position(self) -> int:
        """About how many bytes of the file have been read."""
        return int(self._share * self.path.stat().st_size)

    def __iter__(self) -> Iterator[Row | Refused]:
        """Rows in order, blank ones left out. `header` is known before the first. Raises `UnreadableSource`."""
        if fault := parquet_trial.fault(self.path):
            self._unreadable("", f"it cannot be read as Parquet: {fault}", "write the file again")
        try:
            yield from self._slices()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            self._unreadable("", f"it cannot be read as Parquet: {reason}", "write the file again")

    def _slices(self) -> Iterator[Row | Refused]:
        source = pl.scan_parquet(self.path, glob=False)
        schema = source.collect_schema()
        self.header = [name.strip() for name in schema]
        self._check_header(self.header)
        texts = [self._as_text(name, kind) for name, kind in schema.items()]
        rows: int = source.select(pl.len()).collect().item()
        for first in range(0, rows, _SLICE):
            self._share = first / rows
            part = source.slice(first, _SLICE).select(texts).collect()
            for number, values in enumerate(part.iter_rows(), start=first + 1):
                yield from self._typed(f"row {number}", [value or "" for value in values])

    def _as_text(self, name: str, kind: Any) -> pl.Expr:
        """A column as CSV would write it; an instant without a zone stays a local time."""
        column = pl.col(name)
        if kind == pl.Datetime:
            zoned = getattr(kind, "time_zone", None) is not None
            told = column.dt.convert_time_zone("UTC") if zoned else column
            return told.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if zoned else ""))
        if kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Duration, pl.Time):
            self._unreadable(
                "", f"the column {name!r} holds {kind}, not one value a row", "write texts, numbers, dates or instants"
            )
        if kind.is_float():  # whole numbers come so where some are missing
            whole = (column == column.round()) & (column.abs() < _EXACT)
            return (
                pl.when(whole)
                .then(column.cast(pl.Int64, strict=False).cast(pl.String))
                .otherwise(column.cast(pl.String))
                .alias(name)
            )
        return column.cast(pl.String)
