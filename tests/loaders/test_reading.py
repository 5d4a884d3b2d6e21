"""A large load is read by a process beside: it lands, refuses and tells just what reading in the same process does."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.errors import TraceError
from graph.sqlite_store import SqliteStore
from graph.store import Batch
from loaders import reading
from loaders.csv_bundle import kind_of
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport, Options, load
from loaders.reading import Beside
from loaders.sources import Source

ROOT = Path(__file__).parents[2]
FAULTS = ROOT / "examples" / "with-faults"
JOURNEY = ROOT / "examples" / "first-journey"
Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on every load is read beside."""
    return lambda: monkeypatch.setattr(reading, "LARGE", 0)


def mixed(folder: Path) -> list[Path]:
    """Files of every kind and fault: rows refused, a file that breaks off, one that is none, events, local times."""
    folder.mkdir()
    (folder / "organization.csv").write_text("id,time_zone\nBANK,Europe/Berlin\n", encoding="utf-8")
    (folder / "local.step.csv").write_text("id,started_at,steward\nS-1,2024-05-01T10:00,BANK\n", encoding="utf-8")
    (folder / "broken.material.csv").write_text('id,name\nM-1,one\nM-2,"two\n', encoding="utf-8")
    (folder / "no.material.csv").write_text("", encoding="utf-8")
    events = '[{"type": "ObjectEvent", "eventTime": "2024-05-01T10:00:00Z"}, {"type": "NoEvent"}]'
    (folder / "events.json").write_text(events, encoding="utf-8")
    elements = "<extension><ObjectEvent><action>ADD</action></ObjectEvent><NoEvent/>"
    (folder / "events.xml").write_text(elements, encoding="utf-8")
    return [folder, FAULTS, JOURNEY]


def told(report: LoadReport) -> dict[str, Any]:
    answer = report.as_dict()
    return {name: answer[name] for name in answer.keys() - {"load_id", "quarantine"}}


def test_it_lands_and_tells_what_reading_in_one_process_does(
    new_store: NewStore, landed: Landed, tmp_path: Path, beside: Callable[[], None]
) -> None:
    paths = mixed(tmp_path / "mixed")
    reports, kept = [], []
    for number in range(2):
        quarantine = tmp_path / f"quarantine-{number}"
        reports.append(landed(new_store(), *paths, quarantine=quarantine))
        kept.append({path.name: path.read_bytes() for path in quarantine.rglob("*.*") if path.is_file()})
        beside()
    assert reports[0].refused_total > 5
    assert told(reports[0]) == told(reports[1])
    assert kept[0] == kept[1]
    assert len(kept[0]) >= 2


def test_a_local_time_takes_the_zone_that_the_graph_knows(
    new_store: NewStore, landed: Landed, tmp_path: Path, beside: Callable[[], None]
) -> None:
    beside()
    store, (folder, *_) = new_store(), mixed(tmp_path / "mixed")
    landed(store, folder / "organization.csv")
    assert landed(store, folder / "local.step.csv").refused_total == 0


def test_it_tells_how_far_it_has_read(tmp_path: Path) -> None:
    path = tmp_path / "many.material.csv"
    path.write_text("id\n" + "".join(f"M-{n}\n" for n in range(9_000)), encoding="utf-8")
    reached: list[int] = []
    context = Context("LAB", reached=reached.append)
    group = [Source(path, "csv", kind_of(path))]
    with Beside([group], context) as process:
        assert sum(1 for _ in process.items(group, context)) == 9_000
    assert len(reached) > 2
    assert reached == sorted(reached)


def test_a_process_that_dies_is_a_typed_error_and_loading_again_ends_as_if_nothing_had_been(
    new_store: NewStore, landed: Landed, tmp_path: Path, beside: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.material.csv"
    path.write_text("id\n" + "".join(f"M-{n}\n" for n in range(60_000)), encoding="utf-8")
    undisturbed, store = new_store(), new_store()
    expected = landed(undisturbed, path, batch_size=1_000).digest
    beside()
    started: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def noted(*arguments: Any, **options: Any) -> Any:
        started.append(original(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    apply = store.apply

    def deadly(batch: Batch, *more: Any) -> Any:
        started[0].kill()
        started[0].wait()
        return apply(batch, *more)

    monkeypatch.setattr(store, "apply", deadly)
    with pytest.raises(TraceError, match="load the same files again"):
        load(store, [path], Options(author="tester", batch_size=1_000))
    monkeypatch.setattr(store, "apply", apply)
    assert len(store.open_loads()) == 1
    assert landed(store, path, batch_size=1_000).digest == expected
    assert store.open_loads() == []
    assert all(process.poll() is not None for process in started)


def test_it_ends_when_whoever_asked_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "many.material.csv"
    path.write_text("id\n" + "".join(f"M-{n}\n" for n in range(60_000)), encoding="utf-8")
    command = [sys.executable, "-c", "from loaders.reading import main; main()"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    pickle.dump(([[Source(path, "csv", kind_of(path))]], "LAB", False, frozenset(), None, ""), process.stdin)
    process.stdin.close()
    assert pickle.load(process.stdout)[0] == "reached"
    process.stdout.close()
    assert process.wait(timeout=60) == 1


def test_what_is_sent_is_what_was_found(tmp_path: Path) -> None:
    found = list(reading.read([Source(path, "csv", kind_of(path)) for path in sorted(JOURNEY.rglob("*.csv"))], Context("LAB")))
    found += reading.read([Source(FAULTS / "2024-05.step.csv", "csv", "Step")], Context("LAB", zone_of=lambda _: "Europe/Berlin"))
    again = [*reading._unpacked(pickle.loads(pickle.dumps(reading._packed(found))))]
    assert {type(each) for _, each in again} == {Item, Refused}
    assert again == found
    assert [*reading._unpacked(reading._packed([found[-1]]))] == [found[-1]]
