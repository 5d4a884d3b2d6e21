"""Printing: one JSON object on stdout for machines, plain text for people, sentences on stderr for errors."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from graph.errors import TraceError

if TYPE_CHECKING:
    import polars as pl


def print_json(answer: Any) -> None:
    """One JSON object on stdout."""
    _write(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n")


def say(*lines: str) -> None:
    """Lines for people on stdout."""
    _write("".join(f"{line}\n" for line in lines))


def _write(text: str) -> None:
    """Write to stdout. Where nobody reads any more (`| head`) the rest is dropped and the work goes on."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(error: TraceError, as_json: bool) -> int:
    """Tell an error the way the caller reads; returns its exit status."""
    if as_json:
        print_json({"error": error.as_dict()})
    else:
        sys.stderr.write(f"veintrace: {error.message}\n")
    return error.exit_status


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A plain table, columns as wide as they need to be."""
    cells = [[str(cell) if cell is not None else "-" for cell in row] for row in (header, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


@contextmanager
def progress(what: str, unit: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar with rate and remaining time on stderr, on a terminal only; yields what to call with (done, all)."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, rate="")

        def advance(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f} {unit}/s" if speed else "")

        yield advance


def written_file(path: Path, rows: "pl.DataFrame") -> dict[str, Any]:
    """Write rows as CSV, or as Parquet, by the name's end: the whole file or none. Returns `{path, sha256, rows}`."""
    coming = path.with_name(f"{path.name}.part")
    if path.suffix == ".csv":
        rows.write_csv(coming)
    else:
        rows.write_parquet(coming, compression="zstd", statistics=True)
    coming.replace(path)
    with path.open("rb") as file:
        return {"path": str(path), "sha256": hashlib.file_digest(file, "sha256").hexdigest(), "rows": len(rows)}


def written_bytes(path: Path, data: bytes) -> dict[str, Any]:
    """Write a file: the whole of it or none. Returns `{path, sha256}`."""
    coming = path.with_name(f"{path.name}.part")
    coming.write_bytes(data)
    coming.replace(path)
    return {"path": str(path), "sha256": hashlib.sha256(data).hexdigest()}
