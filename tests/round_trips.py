"""What tests of exports share: what is exported, and graphs that are loaded of it."""

from pathlib import Path
from typing import Any

from graph.claims import of_class
from graph.sqlite_store import SqliteStore
from graph.store import Store
from loaders.pipeline import LoadReport, Options, load

EXAMPLE = Path(__file__).parents[1] / "examples" / "first-journey"


def landed(store: Store, paths: list[Path], folder: Path, **options: Any) -> LoadReport:
    """Load files as one load."""
    return load(store, paths, Options(author="tester", quarantine=folder / "quarantine", **options))


def loaded(paths: list[Path], folder: Path, **options: Any) -> SqliteStore:
    """A graph of some files, none of which holds anything refused."""
    store = SqliteStore(":memory:")
    assert landed(store, paths, folder, **options).refused == []
    return store


def roots_of(store: Store) -> list[str]:
    """The ids of all objects, persons and events that anybody tells of."""
    ids = {entry.claim.record for entry in store.claims()}
    return sorted(of_class("object", ids) | of_class("event", ids) | of_class("person", ids))


def published(reference: Path) -> list[Path]:
    """Valid documents."""
    epcis = reference / "epcis"
    patterns = ("openepcis/2.0/**/*.json", "openepcis/**/*.xml", "event-hash/*.jsonld", "event-hash/*.xml",
                "opentraceability/*.jsonld", "opentraceability/*.xml", "fastnt/*Event*.json", "fastnt/*Event*.xml")  # fmt: skip
    found = (path for pattern in patterns for path in epcis.glob(pattern))
    return sorted(path for path in found if "nvalid" not in str(path) and "malformed" not in path.name and "bad" not in path.name)
