"""A plain row-maker for measurements: one kind of autologous journey, over and over, as a CSV bundle.

Each journey is 35 records of its own (8 materials, 22 steps, 2 handoffs, a cassette, a person, an episode); lots are
shared by 100 journeys, shippers and dewars used for 50 one after the other. The lineage of its dose has 41 records.
No randomness: the same count gives the same bytes.
"""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SITES = {"H": "hospital", "B": "blood_centre", "M": "cdmo", "C": "carrier"}
_MAKING = ("enrichment", "activation", "transduction", "expansion", "harvest", "formulation", "fill")
_LOTS = {"activation": "REAGENT", "transduction": "VECTOR", "expansion": "MEDIA"}
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


class _Writer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Any] = {}
        self.writers: dict[str, Any] = {}
        self.records = 0
        self.relations = 0

    def row(self, name: str, header: tuple[str, ...], *values: object) -> None:
        if name not in self.writers:
            self.files[name] = (self.folder / f"{name}.csv").open("w", encoding="utf-8", newline="")
            self.writers[name] = csv.writer(self.files[name], lineterminator="\n")
            self.writers[name].writerow(header)
        self.writers[name].writerow(values)

    def close(self) -> None:
        for file in self.files.values():
            file.close()


def write(folder: Path, journeys: int) -> dict[str, int]:
    """Write a bundle of `journeys`; returns how many records and relations it states."""
    folder.mkdir(parents=True, exist_ok=True)
    out = _Writer(folder)
    for code, type_ in SITES.items():
        out.row("organization", ("id", "name", "type"), code, f"Site {code}", type_)
    out.records += len(SITES)
    for shared in range((journeys - 1) // 100 + 1):
        for lot in _LOTS.values():
            _lot(out, f"{lot}-{shared}")
    for shared in range((journeys - 1) // 50 + 1):
        for kind in ("SHIPPER", "DEWAR"):
            out.row("container", ("id", "type"), f"{kind}-{shared}", kind.lower())
            out.records += 1
    for journey in range(journeys):
        _journey(out, journey)
    out.close()
    return {"records": out.records, "relations": out.relations}


def _lot(out: _Writer, lot: str) -> None:
    _material(out, lot, "reagent_lot", "")
    _step(out, f"{lot}-QC", "test", _EPOCH, "M", "")
    _subject(out, lot, f"{lot}-QC")


def _material(out: _Writer, name: str, type_: str, episode: str) -> None:
    header = ("id", "type", "quantity", "unit", "preservation", "for_episode")
    out.row("material", header, name, type_, "100", "mL", "fresh", episode)
    out.records += 1
    out.relations += bool(episode)


def _step(out: _Writer, name: str, type_: str, at: datetime, site: str, episode: str) -> None:
    header = ("id", "type", "started_at", "ended_at", "status", "protocol", "performed_by", "at", "for_episode")
    end = (at + timedelta(minutes=30)).isoformat()
    out.row("step", header, name, type_, at.isoformat(), end, "completed", f"SOP-{type_}", site, site, episode)
    out.records += 1
    out.relations += 2 + bool(episode)


def _subject(out: _Writer, name: str, event: str, role: str = "") -> None:
    out.row("subject_of", ("source", "target", "role"), name, event, role)
    out.relations += 1


def _make(out: _Writer, step: str, inputs: list[str], outputs: list[str]) -> None:
    for name in inputs:
        out.row("input_to", ("source", "target", "quantity", "unit"), name, step, "10", "mL")
    for name in outputs:
        out.row("output", ("source", "target", "quantity", "unit"), step, name, "10", "mL")
    out.relations += len(inputs) + len(outputs)


def _journey(out: _Writer, n: int) -> None:
    at = _EPOCH + timedelta(hours=n // 50 * 24 * 30 + n % 50)
    hour = timedelta(hours=1)
    person, episode, shared = f"P-{n}", f"coi:COI-{n}", n // 50
    shipper, cassette, dewar = f"SHIPPER-{shared}", f"CASSETTE-{n}", f"DEWAR-{shared}"
    out.row("container", ("id", "type"), cassette, "cassette")
    out.row("person", ("id", "role", "sex", "birth_year"), person, "donor_and_patient", "female", "1960")
    out.row("episode", ("id", "person", "intent"), episode, person, "autologous")
    out.records, out.relations = out.records + 3, out.relations + 1
    at += timedelta(days=(n % 50) * 14)

    def step(name: str, type_: str, site: str) -> str:
        nonlocal at
        at += hour
        _step(out, f"{n}-{name}", type_, at, site, episode)
        return f"{n}-{name}"

    def act(name: str, type_: str, site: str, *subjects: tuple[str, str]) -> None:
        event = step(name, type_, site)
        for subject, role in subjects:
            _subject(out, subject, event, role)

    def handoff(name: str, container: str, giver: str, taker: str) -> None:
        nonlocal at
        header = ("id", "released_at", "picked_up_at", "delivered_at", "accepted_at", "from", "to", "carried_by", "for_episode")
        times = [(at + hour * k).isoformat() for k in (1, 2, 20, 21)]
        out.row("handoff", header, f"{n}-{name}", *times, giver, taker, "C", episode)
        _subject(out, container, f"{n}-{name}")
        at += hour * 22
        out.records, out.relations = out.records + 1, out.relations + 4

    bag = f"{n}-A"
    _material(out, bag, "starting_material", episode)
    _make(out, step("collect", "collection", "H"), [f"person/{person}"], [bag])
    act("label", "labelling", "H", (bag, ""))
    act("weigh", "inspection", "H", (bag, ""))
    act("pack", "packing", "H", (bag, "content"), (shipper, "container"))
    handoff("out", shipper, "H", "M")
    act("unpack", "unpacking", "M", (bag, "content"), (shipper, "container"))
    act("inspect", "inspection", "M", (bag, ""))
    for at_step, type_ in enumerate(_MAKING):
        made = f"{n}-{chr(ord('B') + at_step)}"
        _material(out, made, "dose" if type_ == "fill" else "intermediate", episode)
        lots = [f"{_LOTS[type_]}-{n // 100}"] if type_ in _LOTS else []
        _make(out, step(type_, type_, "M"), [bag, *lots], [made])
        bag = made
    act("freeze", "cryopreservation", "M", (bag, ""))
    act("pack-k", "packing", "M", (bag, "content"), (cassette, "container"))
    act("pack-d", "packing", "M", (cassette, "content"), (dewar, "container"))
    act("test", "test", "M", (bag, ""))
    act("release", "release", "M", (bag, ""))
    handoff("back", dewar, "M", "H")
    act("unpack-d", "unpacking", "H", (cassette, "content"), (dewar, "container"))
    act("unpack-k", "unpacking", "H", (bag, "content"), (cassette, "container"))
    act("thaw", "thaw", "H", (bag, ""))
    _make(out, step("infuse", "infusion", "H"), [bag], [f"person/{person}"])
