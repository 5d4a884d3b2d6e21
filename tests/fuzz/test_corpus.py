"""What fuzzing found is read again: the seeds of each format and all inputs of its corpus end in verdicts (see `targets.py`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.findings import CORPUS
from tests.fuzz.mutating import Mutator
from tests.fuzz.seeds import seeds, words
from tests.fuzz.targets import TARGETS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one file at a time."""
    return tmp_path_factory.mktemp("fuzz") / "work"


def found() -> Iterator[object]:
    """The files of the corpus."""
    for path in sorted(CORPUS.glob("*/*")):
        yield pytest.param(path.parent.name, path, id=f"{path.parent.name}-{path.name}")


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_seeds_are_read(name: str, folder: Path) -> None:
    for data in seeds(name):
        TARGETS[name].run(data, folder)


@pytest.mark.parametrize(("name", "path"), [*found()])
def test_what_fuzzing_found_is_read(name: str, path: Path, folder: Path) -> None:
    TARGETS[name].run(path.read_bytes(), folder)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_seed_that_is_changed_here_and_there_is_read(name: str, folder: Path) -> None:
    given_seeds = seeds(name)

    @settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(given_seeds), st.integers(0, 2**32), st.binary(max_size=4))
    def changed(data: bytes, seed: int, put: bytes) -> None:
        def spliced(part: bytes, most: int) -> bytes:
            at = seed % (len(part) + 1)
            return (part[:at] + put + part[at + len(put) :])[:most]

        TARGETS[name].run(Mutator(name, words(name), spliced)(data, TARGETS[name].most, seed), folder)

    changed()
