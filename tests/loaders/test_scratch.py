"""What is written only to be read again is removed, even if the process that wrote it was killed."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loaders.scratch import new, remove, scratch

ROOT = Path(__file__).parents[2]
MAKES_ONE = "from loaders import scratch; print(scratch.new(), flush=True); input()"


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def another(room: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Another process, and the folder that it has made, with a file in it."""
    environment = {"TMPDIR": str(room), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MAKES_ONE]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        (folder / "deep").mkdir()
        (folder / "deep" / "large.csv").write_text("id\n")
        yield folder, process
        process.kill()


def test_a_folder_is_there_as_long_as_it_is_needed(room: Path) -> None:
    with scratch() as folder:
        (folder / "file").write_text("x")
    assert list(room.iterdir()) == []
    with pytest.raises(KeyError), scratch():
        raise KeyError
    assert list(room.iterdir()) == []


def test_the_folder_of_a_process_that_was_killed_goes_when_the_next_is_made(room: Path) -> None:
    with another(room) as (folder, process):
        process.kill()
        process.wait()
    assert folder.exists()
    with scratch() as own:
        assert list(room.iterdir()) == [own]


def test_the_folder_of_a_process_that_runs_is_left_alone(room: Path) -> None:
    with another(room) as (folder, _):
        one, other = new(), new()
        assert {*room.iterdir()} == {folder, one, other}
        remove(one)
        remove(other)


def test_what_only_has_such_a_name_is_left_alone(room: Path) -> None:
    kept = room / "kept"
    kept.mkdir()
    (room / "veintrace-scratch-link").symlink_to(kept)
    (room / "veintrace-scratch-file").write_text("x")
    before = {*room.iterdir()}
    with scratch():
        pass
    assert {*room.iterdir()} == before
