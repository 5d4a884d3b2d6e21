"""Rows of a Parquet file of any columns, for a mapping."""

from pathlib import Path
from typing import Any

import polars as pl

from loaders.mapped_rows import named
from loaders.parquet_rows import ParquetRows

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


class AnyParquet(ParquetRows):
    """The rows of one Parquet file; columns that hold more than one value a row are JSON."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, ())

    def _check_header(self, header: list[str]) -> None:
        header[:] = named(header)

    def _as_text(self, name: str, kind: Any) -> pl.Expr:
        column = pl.col(name)
        if kind == pl.Time:
            return column.dt.strftime("%H:%M:%S%.f")
        if kind == pl.Duration:
            return column.dt.to_string("iso")
        if kind == pl.Binary:
            return column.cast(pl.String) if self._holds_text(name) else column.bin.encode("hex")
        if kind.is_nested():
            column = column.cast(plain) if (plain := _without_maps(kind)) != kind else column
            whole = column if kind == pl.Struct else pl.struct(column.alias("_"))
            told = whole.struct.json_encode()
            if kind != pl.Struct:
                told = told.str.strip_prefix('{"_":').str.strip_suffix("}")
            return pl.when(column.is_not_null()).then(told).alias(name)
        return super()._as_text(name, kind)

    def _holds_text(self, name: str) -> bool:
        """Whether all bytes of a column are text: older writers do not say so of theirs."""
        column = pl.col(name).cast(pl.String)
        try:
            return not pl.scan_parquet(self.path, glob=False).select(column.str.contains(_CONTROL).any()).collect().item()
        except pl.exceptions.ComputeError:  # it is no UTF-8
            return False


def _without_maps(kind: Any) -> Any:
    """A type in which maps whose keys are no texts are lists of keys and values: JSON has no such map."""
    if isinstance(kind, pl.Struct):
        return pl.Struct({part.name: _without_maps(part.dtype) for part in kind.fields})
    if isinstance(kind, pl.List):
        return pl.List(_without_maps(kind.inner))
    if isinstance(kind, pl.Map):
        key, value = kind.key, _without_maps(kind.value)
        return pl.Map(key, value) if key == pl.String else pl.List(pl.Struct({"key": key, "value": value}))
    return kind
