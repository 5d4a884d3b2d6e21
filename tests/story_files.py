"""The files of the story: rendered from the network, and (`python -m tests.story_files`) written into `examples/story`."""

import tempfile
from pathlib import Path

from tests import story_epcis, story_fhir, story_tables
from tests.pages import ROOT
from tests.story import CARRIER, CDMO, HOSPITAL, REGISTRY, Journey, journey

FOLDER = ROOT / "examples" / "story"
FILES = {HOSPITAL: "hospital.ndjson", CDMO: "manufacturer.jsonld", CARRIER: "carrier.csv", REGISTRY: "registry.xlsx"}
"""What each party sends."""


def rendered(told: Journey) -> dict[str, bytes]:
    """The content of each file by its name."""
    contents = (
        story_fhir.ndjson(told),
        story_epcis.jsonld(told),
        story_tables.shipments(told),
        story_tables.workbook(story_tables.follow_up(told)),
    )
    return dict(zip(FILES.values(), contents, strict=True))


def same(name: str, one: bytes, other: bytes) -> bool:
    """Whether two files say the same; a workbook tells when it was written."""
    return story_tables.sheets_of(one) == story_tables.sheets_of(other) if name.endswith(".xlsx") else one == other


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name, content in rendered(journey(Path(folder) / "network")).items():
            if not (FOLDER / name).exists() or not same(name, content, (FOLDER / name).read_bytes()):
                (FOLDER / name).write_bytes(content)
                print(f"written: {FOLDER / name}")
