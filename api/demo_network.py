"""The demonstration's network: generated, cut at the day on which a dose was released, and loaded in these two parts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from api import settings
from graph.errors import UsageError
from graph.record import Record
from graph.store import Deadline, Store
from graph.view import View
from loaders import generator, pipeline
from queries.handoffs import INFUSION, LOTS
from queries.lineage import Lineage, lineage
from queries.recall import recall

UNTIL, SINCE = "1-until-release", "2-since-release"
PATIENCE = 600.0
"""Seconds a View of the demonstration has: on a slow machine it takes longer rather than answer in part."""
Progress = Callable[[int, int], None] | None


@dataclass(frozen=True)
class Case:
    """A loaded graph, and what the demonstration asks of it: identifiers of a dose and a lot in it, the hospital that gave it (a
    steward), and the last commit of what was recorded until its release."""

    store: Store
    dose: str
    lot: str
    hospital: str
    release: int

    def view(self, viewer: str | None = None, as_of: int | None = None) -> View:
        """A View of it, made as for any door."""
        return settings.make_view(self.store, viewer, None if as_of is None else str(as_of), Deadline(PATIENCE))

    def lineage(self, view: View) -> Lineage:
        """What the dose was made of."""
        return lineage(view, [view.resolve(self.dose)])


@dataclass(frozen=True)
class Chosen:
    """A dose in the files of a network: its name there, and the day (as its maker wrote it) on which its release was recorded."""

    dose: str
    day: str


def chosen(network: Path) -> Chosen:
    """The dose that shows most of what is learnt after a release: one infused later, of whose steps most were corrected then;
    of several the one in the middle.

    Raises `UsageError` where no dose of the network was infused after its release."""
    steps = _rows(network, "step", ["id", "type", "status", "for_episode", "steward", "recorded_at"]).with_columns(day=_DAY)
    releases = steps.filter(type="release", status="completed").drop_nulls("for_episode").sort("day", "id")
    released = releases.unique("for_episode", keep="first", maintain_order=True).select(
        "for_episode", "steward", "id", released="day"
    )
    infused = steps.filter(pl.col("type").is_in(INFUSION)).group_by("for_episode").agg(infused=pl.col("day").min())
    # tests act on samples, which are no part of the dose
    told = (
        steps.filter(pl.col("type") != "test")
        .group_by("for_episode", "steward", "id")
        .agg(first=pl.col("day").min(), last=pl.col("day").max())
    )
    both = released.join(infused, on="for_episode").filter(pl.col("infused") > pl.col("released"))
    corrections = (
        both.select("for_episode", "released")
        .join(told, on="for_episode")
        .group_by("for_episode")
        .agg(corrected=((pl.col("first") <= pl.col("released")) & (pl.col("last") > pl.col("released"))).sum())
    )
    best = both.join(corrections, on="for_episode")
    subjects = _rows(network, "subject_of", ["source", "target", "steward"])
    doses = best.join(subjects, left_on=["steward", "id"], right_on=["steward", "target"])
    doses = doses.filter(pl.col("corrected") == pl.col("corrected").max()).sort("released", "source")
    if not len(doses):
        raise UsageError("no dose of this network was infused after its release; take more --journeys or another --seed")
    middle = len(doses) // 2
    return Chosen(doses["source"][middle], doses["released"][middle])


_DAY = pl.col("recorded_at").str.slice(0, 10)
"""The day of recording, as the party wrote it."""


def _rows(network: Path, kind: str, columns: list[str]) -> pl.DataFrame:
    """These columns of all files of a kind, as texts."""
    files = sorted(network.glob(f"*/part-*.{kind}.csv"))
    return pl.concat([pl.read_csv(file, columns=columns, infer_schema=False) for file in files])


def cut(network: Path, day: str, out: Path) -> tuple[Path, Path]:
    """Write the files again in two folders below `out`: what was recorded until the end of a day, and since; returns the two."""
    for file in sorted(network.glob("*/part-*.csv")):
        rows = pl.read_csv(file, infer_schema=False)
        for folder, kept in ((UNTIL, _DAY.le(day)), (SINCE, _DAY.gt(day))):
            part = rows.filter(kept)
            if len(part):
                path = out / folder / file.relative_to(network)
                path.parent.mkdir(parents=True, exist_ok=True)
                part.write_csv(path)
    return out / UNTIL, out / SINCE


def load(store: Store, parts: tuple[Path, Path], quarantine: Path, progress: Progress = None) -> tuple[int, int]:
    """Load two parts one after the other; returns the last commit of the first, and how many rows were read in all."""
    options = pipeline.Options(author="demo", quarantine=quarantine)
    first = pipeline.load(store, [parts[0]], options, progress)
    head = store.head()
    second = pipeline.load(store, [parts[1]], options, progress)
    return head.number if head else 0, first.totals.read + second.totals.read


def case(store: Store, dose: str, release: int) -> Case:
    """What to ask about a dose: the lot in it that went into most doses, and who gave it."""
    view = settings.make_view(store, None, None, Deadline(PATIENCE))
    found = lineage(view, [view.resolve(dose)])
    lots = [record for record in found.records.values() if record.value("type") in LOTS]
    down = lineage(view, [view.resolve(dose)], "down").records.values()
    given = [record for record in down if record.value("type") in INFUSION and record.steward]
    hospital = min(given, key=lambda record: (record.span or (0, 0), record.id)).steward
    return Case(store, _named(view, dose), _most_used(view, lots), str(hospital), release)


def _most_used(view: View, lots: list[Record]) -> str:
    """The identifier of the lot that went into most doses, of a vector first among equals."""

    def doses(lot: Record) -> int:
        reached = recall(view, [lot.id]).reached
        return reached.doses if reached else 0

    return min(lots, key=lambda lot: (-doses(lot), lot.value("type") != "vector_lot", lot.id)).keys[0]


def _named(view: View, dose: str) -> str:
    """The dose's own identifier in a form that a shell leaves as it is."""
    found = view.resolve(dose)
    return min(view.records(view.joined([found]))[found].keys)


def generate(out: Path, journeys: int, seed: int, progress: Progress = None) -> generator.Summary:
    """Write the network's files; see `loaders.generator`."""
    return generator.generate(out, journeys, seed, progress=progress)
