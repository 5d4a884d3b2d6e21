"""Outcomes that are attributed to a lineage: those about its objects and events, of persons those that were asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api import render
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.lineage import Way, lineage
from queries.outcomes import outcomes

Land = Callable[..., None]

FILES = {
    "person": "id\nP-1\n",
    "material": "id,type\nBAG,starting_material\nDOSE,dose\nOTHER,dose\n",
    "step": "id,type\nMAKE,processing\nGIVE,infusion\n",
    "input_to": "source,target\nBAG,MAKE\nDOSE,GIVE\nperson/P-1,COLLECT\n",
    "output": "source,target\nCOLLECT,BAG\nMAKE,DOSE\nGIVE,person/P-1\n",
    "outcome": """
        id,about,attributed_to,type,occurred_at
        O-late,P-1,DOSE,relapse,2024-09
        O-early,P-1,DOSE,response,2024-06-01
        O-undated,P-1,BAG,toxicity,
        O-person,P-1,,death,2025
        O-other,P-1,OTHER,toxicity,2024
    """,
}


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """An empty graph."""
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


@pytest.fixture
def land(store: SqliteStore, tmp_path: Path) -> Land:
    """Loads tables told as text: `land("HOSPITAL", person="id\\nP-1\\n")`."""

    def landed(steward: str, **tables: str) -> None:
        folder = tmp_path / f"sent-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, text in tables.items():
            (folder / f"{name}.csv").write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
        report = load(store, [folder], Options(steward, author="tester", quarantine=tmp_path / "quarantine"))
        assert report.totals.refused == 0, report.refused

    return landed


def names(seen: View, root: str, way: Way) -> list[str]:
    """The outcomes of a lineage, as it tells them."""
    found = outcomes(seen, lineage(seen, [seen.resolve(root)], way))
    return [render.label(record) for record in found.records.values()]


def test_a_product_has_what_was_attributed_to_it_and_to_what_it_was_made_of(store: SqliteStore, land: Land) -> None:
    land("H", **FILES)
    seen = view(store)
    assert names(seen, "DOSE", "up") == ["O-early", "O-late", "O-undated"]
    assert names(seen, "DOSE", "down") == ["O-early", "O-late"]
    assert names(seen, "OTHER", "both") == ["O-other"]


def test_of_a_person_all_is_told_only_where_it_was_asked_for(store: SqliteStore, land: Land) -> None:
    land("H", **FILES)
    assert names(view(store), "P-1@H", "down") == ["O-other", "O-early", "O-late", "O-person", "O-undated"]


def test_what_is_taken_back_or_not_to_be_seen_is_not_told(store: SqliteStore, land: Land) -> None:
    land("H", **FILES)
    land("LAB", outcome="id,attributed_to,type\nO-mine,DOSE@H,toxicity")
    land("H", outcome="id,retract\nO-late,true")
    assert names(view(store), "DOSE@H", "down") == ["O-early", "O-mine"]
    assert names(view(store, "H"), "DOSE", "down") == ["O-early"]


def test_the_answer_names_the_records_each_is_about(store: SqliteStore, land: Land) -> None:
    land("H", **FILES)
    seen = view(store)
    told = render.lineage_json(seen, lineage(seen, [seen.resolve("DOSE")], "down"))
    assert [each["about"] for each in told["outcomes"]] == [[seen.resolve("DOSE")]] * 2
    assert all(each["evidence"] for each in told["outcomes"])
