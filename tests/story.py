"""The patient of the story (`docs/story.md`): one journey of a generated network, and what its four parties know of it.

The network is that of the generator, so what the four files tell is what truly happened there. Each file is made of its party's own
rows (but that the registry was told of the hospital's outcomes), under the identifiers that such parties share: GS1 keys, donation
numbers, a chain of identity, a study's numbers, despatch advices and waybills. The network has local numbers for most of these.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from graph import gs1
from graph.identifiers import parse
from loaders.generator import generate

SEED, JOURNEYS, NUMBER = 20, 24, "0000009"
HOSPITAL, CDMO, CARRIER, REGISTRY = "magnolia", "helixworks", "skylane", "cellreg"
STUDY = "https://cellreg.example/studies/CAR-9/subjects"
"""The namespace of the study's subject numbers."""
_COMPANY = "9521411"
_PLACES = {"magnolia": "10", "helixworks": "20", "skylane": "30", "cellreg": "40", "vectorworks": "50", "mediara": "60"}
_ASSETS = {"SHP": "00071", "DEW": "00072", "CAS": "00073", "FRZ": "00074"}
Row = dict[str, str]


def gln(organisation: str) -> str:
    """The GLN of an organisation: 13 digits."""
    body = f"{_COMPANY}{_PLACES[organisation]:0>5}"
    return body + gs1.check_digit(body)


def gtin(item: int) -> str:
    """A GTIN of the example company prefix: 14 digits."""
    body = f"0{_COMPANY}{item:05d}"
    return body + gs1.check_digit(body)


def grai(container: str) -> str:
    """The GRAI of a returnable container of the network, 13 digits with a zero before and the serial number."""
    bare = container.partition("@")[0]
    body = f"{_COMPANY}{_ASSETS[bare[:3]]}"
    return f"0{body}{gs1.check_digit(body)}{bare.replace('-', '')}"


def advice(number: str, sender: str) -> str:
    """A despatch advice as a business transaction of the CBV: the sender's GLN and its number."""
    return f"urn:epcglobal:cbv:bt:{gln(sender)}:{number}"


@dataclass(frozen=True)
class Journey:
    """The patient's journey in a generated network that lies in `folder`."""

    folder: Path

    def rows(self, organisation: str, kind: str) -> list[Row]:
        """What an organisation says of this patient, in order of recording; of what it corrected the last."""
        found = {row.get("id") or str(at): row for at, row in enumerate(self.said(organisation, kind))}
        return sorted(found.values(), key=lambda row: (datetime.fromisoformat(row["recorded_at"]), *row.values()))

    def said(self, organisation: str, kind: str) -> list[Row]:
        """All it said of this patient (and of itself), what it corrected too, as it stands in its files."""
        return [row for row in self._all(organisation, kind) if self._concerns(row)]

    def row(self, organisation: str, kind: str, **cells: str) -> Row:
        """The one row with some cells."""
        [found] = [row for row in self.rows(organisation, kind) if all(row[name] == text for name, text in cells.items())]
        return found

    def ends(self, organisation: str, kind: str, **cells: str) -> Iterator[Row]:
        """The rows of a relation with some cells."""
        return (row for row in self.rows(organisation, kind) if all(row[name] == text for name, text in cells.items()))

    @cached_property
    def bag(self) -> str:
        """The donation number of the collection, 13 characters."""
        made = [row["target"] for row in self._all(HOSPITAL, "output") if row["source"] == f"COL-{NUMBER}-0"]
        [name] = [name for name in made if name.startswith("isbt128:")]
        return name.removeprefix("isbt128:").partition("-")[0]

    @cached_property
    def dose(self) -> str:
        """The dose as a GS1 element string."""
        [row] = [row for row in self._all(CDMO, "material") if NUMBER in row["id"] and row["type"] == "dose"]
        return row["id"]

    def _concerns(self, row: Row) -> bool:
        told = " ".join(row.values())
        if NUMBER in told or self.bag in told or "time_zone" in row:
            return True
        packed = {"content", "container"} <= row.keys() or row.get("code") == "temperature"
        return packed and any(box in told for box in self.boxes) and self._during(row["recorded_at"])

    @cached_property
    def boxes(self) -> tuple[str, ...]:
        """The shipper, cassette and dewar that served this patient; they serve others at other times."""
        ends = (f"waybill:{word}-{NUMBER}@{CARRIER}" for word in ("SH", "BK"))
        moved = [row["source"] for end in ends for row in self._all(CDMO, "subject_of") if row["target"] == end]
        [cassette] = [row["container"] for row in self._all(CDMO, "contained_in") if row["content"] == self.dose]
        return tuple(name.partition("@")[0] for name in (*moved, cassette))

    def _during(self, recorded: str) -> bool:
        """Whether something was recorded between the collection and the infusion."""
        steps = [datetime.fromisoformat(row["recorded_at"]) for row in self._all(HOSPITAL, "step") if NUMBER in row["id"]]
        return min(steps) <= datetime.fromisoformat(recorded) <= max(steps)

    def _all(self, organisation: str, kind: str) -> list[Row]:
        found: list[Row] = []
        for path in sorted((self.folder / organisation).glob(f"part-*.{kind}.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                found += csv.DictReader(file)
        return found


def journey(folder: Path) -> Journey:
    """The patient's journey, generated into an empty folder."""
    generate(folder, JOURNEYS, SEED)
    return Journey(folder)


def link(element_string: str) -> str:
    """A GS1 key as its canonical Digital Link."""
    return parse(element_string, cls="object").text
