"""Tables of relations are read abreast of the steps they are of: what lands is the same, and fewer words are written twice."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.claims import Claim, Evidence
from graph.copying import copy
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.verify import verify
from graph.view import view
from loaders import abreast, reading
from loaders.csv_bundle import kind_of
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport
from loaders.sources import Source
from tests.loaders.test_reading import JOURNEY

Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]
Written = Callable[..., Path]
CONTEXT = Context("LAB")


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on tables of any size are read abreast."""
    return lambda: monkeypatch.setattr(abreast, "LARGE", 0)


def test_steps_and_their_relations_of_one_bundle_are_a_group(written: Written, any_size: Callable[[], None]) -> None:
    names = ("material", "step", "input_to", "output", "about", "subject_of", "may.step", "may.output", "june.output")
    folder = written(dict.fromkeys(names, "id\n"))
    sources = [Source(folder / f"{name}.csv", "csv", kind_of(Path(f"{name}.csv"))) for name in names]
    assert abreast.groups(sources) == [[source] for source in sources]
    any_size()
    grouped = [[source.path.stem for source in group] for group in abreast.groups(sources)]
    together = ["step", "input_to", "output", "subject_of"]
    assert grouped == [["material"], together, ["about"], ["may.step", "may.output"], ["june.output"]]
    other = Source(folder / "input_to.parquet", "parquet", "INPUT_TO")
    assert [other] in abreast.groups([*sources, other])


def told(store: Store) -> list[tuple[object, ...]]:
    """All evidence of a graph: who says what, in which file and where."""
    seen = view(store)
    entries = seen.history(sorted({entry.claim.record for entry in store.claims()}))
    return sorted((e.claim.claim.body(), Path(e.source).name, e.claim.claim.evidence.at) for e in entries)


@pytest.mark.parametrize("batch_size", [3, 20, 10_000])
def test_what_lands_is_the_same_and_every_claim_names_its_own_file(
    new_store: NewStore, landed: Landed, any_size: Callable[[], None], batch_size: int
) -> None:
    apart, together = new_store(), new_store()
    folders = sorted(path for path in JOURNEY.iterdir() if path.is_dir())
    reports = [landed(apart, *folders, batch_size=batch_size)]
    any_size()
    reports.append(landed(together, *folders, batch_size=batch_size))
    assert any(len(commit.sources) > 1 for commit in together.commits())
    assert reports[0].digest == reports[1].digest
    assert told(apart) == told(together)
    assert reports[0].totals == reports[1].totals
    counts = [{file.path: {**file.counts.as_dict(), "stubs": 0} for file in report.files} for report in reports]
    assert counts[0] == counts[1]
    assert verify(together).ok
    again = new_store()
    copy(together, again)
    assert told(again) == told(together)
    assert landed(together, *folders).totals.unchanged == reports[0].totals.read


def test_in_like_order_a_step_is_written_down_once(new_store: NewStore, landed: Landed, written: Written) -> None:
    steps = range(12_000)
    folder = written(
        step="id,protocol\n" + "".join(f"S-{n},{'long ' * 40}\n" for n in steps),
        input_to="source,target\n" + "".join(f"M-{n},S-{n}\n" for n in steps),
        output="source,target\n" + "".join(f"S-{n},M-{n + 1}\n" for n in steps if n % 3),
        subject_of="source,target\n" + "".join(f"M-0,{'H' if n % 10 == 0 else 'S'}-{n}\n" for n in steps),
    )
    assert (folder / "step.csv").stat().st_size >= abreast.LARGE
    store = new_store()
    assert landed(store, folder).refused_total == 0
    [words] = store._connection.execute("SELECT count(*) FROM word").fetchone()
    owners = len(steps) + len(steps) // 10
    assert owners <= words < 1.05 * owners


def items(at: int, owners: list[int]) -> list[Item]:
    """Rows of one table, the n-th of which speaks of the record `owners[n]`."""
    return [
        Item(f"line {row}", [Claim("LAB", f"event-{owner}", {".name": f"{at} {row}"}, Evidence(f"line {row}"))])
        for row, owner in enumerate(owners, 2)
    ]


tables = st.lists(st.lists(st.integers(0, 30), max_size=60), min_size=1, max_size=4)


@given(tables, st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_every_row_comes_once_and_in_the_order_of_its_table(told: list[list[int]], block: int, unmet: int, patience: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_BLOCK", block), ("_UNMET", unmet), ("_PATIENCE", patience), ("_REMEMBERED", 4)):
            patch.setattr(abreast, name, value)
        whole = [items(at, owners) for at, owners in enumerate(told)]
        group = [Source(Path(str(at)), "csv") for at in range(len(told))]
        found = list(abreast.read(group, CONTEXT, lambda source, _: iter(whole[int(str(source.path))])))
    for at, rows in enumerate(whole):
        assert [item.at for number, item in found if number == at] == [item.at for item in rows]
    assert all(item.claims[0].evidence == Evidence(item.at, source=at) for at, item in found if isinstance(item, Item))


def test_few_rows_wait_for_their_step_however_the_tables_lie(any_size: Callable[[], None]) -> None:
    count = 20_000
    shuffled = random.Random(1).sample(range(count), count)
    for owners in (list(range(count)), shuffled, list(range(count, 2 * count)), list(reversed(range(count)))):
        taken, told_of, most = [0], 0, 0

        def rows(owners: list[int] = owners, taken: list[int] = taken) -> Iterator[Item]:
            for item in items(1, owners):
                taken[0] += 1
                yield item

        parts = {"0": iter(items(0, list(range(count)))), "1": rows()}
        group = [Source(Path("0"), "csv"), Source(Path("1"), "csv")]
        for at, _ in abreast.read(group, CONTEXT, lambda source, _, parts=parts: parts[str(source.path)]):  # type: ignore[misc]
            told_of += at
            most = max(most, taken[0] - told_of)
        assert told_of == count
        assert most <= abreast._UNMET


def test_what_is_refused_is_told_of_its_own_file(
    new_store: NewStore, landed: Landed, written: Written, any_size: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(
        step="id,started_at\nS-1,2024-05-01T10:00Z\nS-2,yesterday\n",
        input_to="source,target\nM-1,S-1\nM-2,\nM-3,S-2\n",
        output='source,target\nS-1,M-4\nS-1,"M-5\n',
    )
    any_size()
    for beside in (reading.LARGE, 0):
        monkeypatch.setattr(reading, "LARGE", beside)
        report = landed(new_store(), folder)
        places = {(Path(each["file"]).name, each["at"]) for each in report.refused}
        assert places == {("step.csv", "line 3"), ("input_to.csv", "line 3"), ("output.csv", "line 3")}
        assert {Path(file.path).name: file.counts.refused for file in report.files} == dict.fromkeys(
            ("step.csv", "input_to.csv", "output.csv"), 1
        )
        assert report.totals.added == 4
        assert report.quarantine is not None
        assert "S-2" in (Path(report.quarantine) / "step.csv").read_text(encoding="utf-8")


def test_a_refusal_keeps_its_place_in_its_table() -> None:
    refused = Refused("line 3", ())
    parts = {"0": [*items(0, [1])], "1": [refused, *items(1, [7])]}
    group = [Source(Path("0"), "csv"), Source(Path("1"), "csv")]
    found = list(abreast.read(group, CONTEXT, lambda source, _: iter(parts[str(source.path)])))
    assert found[1] == (1, refused)


def test_a_viewer_is_shown_no_file_that_holds_only_claims_of_others(
    new_store: NewStore, landed: Landed, written: Written, any_size: Callable[[], None]
) -> None:
    any_size()
    store = new_store()
    folder = written(
        step="id,steward\n" + "".join(f"S-{n},{'AB'[n % 2]}\n" for n in range(20)),
        input_to="source,target,steward\n" + "".join(f"M-{n},S-{n},B\n" for n in range(20)),
        output="source,target,steward\n" + "".join(f"S-{n},M-{n},{'AB'[n % 2]}\n" for n in range(20)),
    )
    assert landed(store, folder, batch_size=10).totals.added == 60
    shown = {viewer: {Path(s).name for c in view(store, viewer).commits() for s in c.sources} for viewer in "AB"}
    assert shown == {"A": {"step.csv", "output.csv"}, "B": {"step.csv", "input_to.csv", "output.csv"}}
    entries = view(store, "A").history(sorted({entry.claim.record for entry in store.claims()}))
    assert Counter(Path(entry.source).name for entry in entries) == {"step.csv": 10, "output.csv": 10}
    assert all(len(store.load_stewards(commit.load_id)) == 2 for commit in store.commits())
    assert verify(store).ok
