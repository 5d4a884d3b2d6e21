"""Rows of a Parquet file of any columns, for a mapping."""

from pathlib import Path
from typing import Any

import polars as pl

from loaders.mapped_rows import named
from loaders.parquet_rows import ParquetRows


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
            return column.bin.encode("hex")
        if kind.is_nested():
            whole = column if kind == pl.Struct else pl.struct(column.alias("_"))
            told = whole.struct.json_encode()
            if kind != pl.Struct:
                told = told.str.strip_prefix('{"_":').str.strip_suffix("}")
            return pl.when(column.is_not_null()).then(told).alias(name)
        return super()._as_text(name, kind)
