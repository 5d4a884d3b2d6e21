"""Factories for loader tests: files written from text, and loads of them into a graph of their own."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from graph.sqlite_store import SqliteStore
from graph.store import Store
from loaders.pipeline import LoadReport, Options, load


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """An empty graph."""
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


@pytest.fixture
def new_store() -> Iterator[Callable[[], SqliteStore]]:
    """Makes empty graphs."""
    opened: list[SqliteStore] = []

    def make() -> SqliteStore:
        opened.append(SqliteStore(":memory:"))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of CSV files, named by keyword: `written(material="id\\nM-1\\n")`; lines may be indented."""
    numbers = count(1)

    def write(names: dict[str, str] | None = None, **files: str) -> Path:
        folder = tmp_path / f"bundle-{next(numbers)}"
        folder.mkdir()
        for name, text in {**(names or {}), **files}.items():
            lines = "".join(line.lstrip(" ") for line in text.strip(" \n").splitlines(keepends=True))
            (folder / f"{name}.csv").write_text(lines, encoding="utf-8", newline="")
        return folder

    return write


@pytest.fixture
def landed(tmp_path: Path) -> Callable[..., LoadReport]:
    """Loads paths into a graph: `landed(store, folder, steward="HOSPITAL")`."""

    def land(store: Store, *paths: Path, **options: Any) -> LoadReport:
        told: dict[str, Any] = {"author": "tester", "quarantine": tmp_path / "quarantine", **options}
        return load(store, paths, Options(**told))

    return land
