"""What is told with a lineage: its records, what was measured of them, what they name, what ends stays; nothing of others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.extract import everything, extract
from queries.lineage import lineage

EXAMPLE = Path(__file__).parents[2] / "examples" / "first-journey"
STAYS = {
    "step": "id,type,started_at\nS-1,thaw,2024-05-03T10:00Z\nS-2,wash,2024-05-04T10:00Z\nS-3,check,2024-05-05T10:00Z\n",
    "contained_in": "content,container,from\nM-1,BOX,2024-05-01T10:00Z\nM-2,BOX,2024-05-01T11:00Z\nM-3,BAG,2024-05-01T10:00Z\n",
    "input_to": "source,target\nM-1,S-1\n",
    "subject_of": "source,target\nM-2,S-2\nBOX,S-3\nM-3,S-3\n",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A graph of an example, and of two objects in a box that nobody tells to have been taken out."""
    for name, text in STAYS.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    opened = SqliteStore(":memory:")
    for path in (EXAMPLE, tmp_path):
        assert load(opened, [path], Options(steward="LAB", quarantine=tmp_path / "quarantine")).refused == []
    yield opened
    opened.close()


def told(seen: View, root: str) -> set[str]:
    """The keys of all records that are told of, where they have one."""
    found = extract(seen, lineage(seen, [seen.resolve(root)]))
    assert {word.record for word in found.words} <= found.keys.keys()
    return {word.key or word.record for word in found.words}


def test_parties_orders_measurements_and_outcomes_of_a_lineage_are_told_and_no_consents(store: SqliteStore) -> None:
    found = told(view(store), "DOSE-101-A")
    assert {"org:cellforge", "org:cellforge-cleanroom", "org:st-vera", "coi:COI-24-0101", "local:DOSE-101-A@cellforge"} <= found
    assert {"observation", "outcome"} <= {key.partition("-")[0] for key in found}
    assert not any(key.startswith("consent") for key in found)


def test_another_journey_is_not_told(store: SqliteStore) -> None:
    assert not any("102" in key for key in told(view(store), "DOSE-101-A"))


def test_a_viewer_is_told_its_own_words_alone(store: SqliteStore) -> None:
    seen = view(store, "cellforge")
    found = extract(seen, lineage(seen, [seen.resolve("DOSE-101-A")]))
    assert {word.steward for word in found.words} == {"cellforge"}


def test_what_ends_a_stay_is_told_though_it_is_no_part_of_the_lineage(store: SqliteStore) -> None:
    """The step that uses up M-1 ends its stay in the box."""
    seen = view(store)
    assert seen.resolve("S-1") not in lineage(seen, [seen.resolve("M-1")]).records
    assert "local:S-1@LAB" in told(seen, "M-1")
    assert "local:S-2@LAB" not in told(seen, "M-1")


def test_of_others_in_a_container_that_is_asked_about_only_what_ends_their_stays_is_told(store: SqliteStore) -> None:
    """S-3 acted on the box when it was empty: to know that, one must know that M-1 and M-2 had left."""
    found = told(view(store), "S-3")
    assert {"local:S-1@LAB", "local:S-2@LAB", "local:S-3@LAB"} <= found
    assert not {"local:M-1@LAB", "local:M-2@LAB"} & found


@pytest.mark.parametrize("viewer", [None, "cellforge"])
def test_everything_is_every_word_that_a_viewer_sees_once_each_part_within_a_deadline_of_its_own(
    viewer: str | None, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.extract._TOLD_AT_ONCE", 7)
    seen = view(store, viewer)
    parts = everything(seen)
    found = [*next(parts).words]
    monkeypatch.setattr(seen.deadline, "_end", 0.0)
    assert seen.deadline.over()
    found += [word for part in parts for word in part.words]
    ids = {entry.claim.record for entry in store.claims()}
    assert sorted(word[:2] for word in found) == sorted(word[:2] for word in view(store, viewer).words(ids))
    assert {word.steward for word in found} == {"cellforge"} if viewer else len({word.steward for word in found}) > 3
