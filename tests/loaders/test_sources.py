"""Which files a load is made of, and in which order they are read."""

from pathlib import Path

from loaders.sources import files_of


def test_in_each_folder_organisations_are_read_first_and_relations_last(tmp_path: Path) -> None:
    for folder in ("a-hospital", "b-maker"):
        (tmp_path / folder).mkdir()
        for name in ("contained_in.csv", "input_to.csv", "step.csv", "material.parquet", "events.jsonld"):
            (tmp_path / folder / name).touch()
    (tmp_path / "b-maker" / "organization.csv").touch()
    read = [path.relative_to(tmp_path).as_posix() for path in files_of([tmp_path])]
    each = ["events.jsonld", "material.parquet", "step.csv", "contained_in.csv", "input_to.csv"]
    assert read == ["b-maker/organization.csv", *(f"{folder}/{name}" for folder in ("a-hospital", "b-maker") for name in each)]
