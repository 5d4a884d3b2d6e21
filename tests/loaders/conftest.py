"""Factories for loader tests: files written from text, and loads of them into a graph of their own."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from graph.sqlite_store import SqliteStore
from graph.store import Store
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport, Options, load
from loaders.reading import read_one
from loaders.sources import Source


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


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., list[Item | Refused]]:
    """What the reader of FHIR says of a document."""

    def read(document: Any, **context: Any) -> list[Item | Refused]:
        path = tmp_path / "document.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return list(read_one(Source(path, "fhir"), Context("H", **context)))

    return read


@pytest.fixture
def sent(tmp_path: Path) -> Callable[..., Path]:
    """Writes resources of FHIR into a file, a line each."""

    def write(*documents: dict[str, Any], name: str = "sent.json") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(each)}\n" for each in documents), encoding="utf-8")
        return path

    return write
