"""A realistic network, invented: who handles what, how long it takes, what goes wrong, and what comes of it.

`generate` writes `OUT/<organisation>/part-NNNN.<kind>.csv` (or `.parquet`, or one `part-NNNN.jsonld` of EPCIS): each party's claims
as its own system would export them, late, by its own clock, with gaps at the borders, contradictions and corrections; both sides
of a handoff told by both under one number, but for a tenth of shipments. Beside them `OUT/truth/` says what truly was: `network`
(seed, rules, what was planted, what was measured), `journeys` and `handoffs`, as JSON lines that no loader takes.

Three handoffs are planted to be slow, one of which spoils material and so outcomes; a leg to an archive is longer than any but on
nobody's way, and one intake is merely busy. Whether starting material is frozen depends on the site and on how sick the patient
is, so its effect can be seen only when both are held; the truth gives it as a risk difference of every journey run both ways.

Durations: PMC10431072 (collection to infusion) and PMC8427697 (never infused).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graph.errors import UsageError
from loaders.generator.batch import JOURNEYS, Batch
from loaders.generator.files import TRUTH, Files, Format
from loaders.generator.journey import Ended, Journey
from loaders.generator.network import Calendar
from loaders.generator.rules import RULES, Rule, Rules
from loaders.generator.telling import utc
from loaders.generator.world import BUSIEST, World

__all__ = ["RULES", "TRUTH", "Format", "Rule", "Rules", "Summary", "generate"]

PART = 5_000
"""Journeys of one part: a multiple of those that a batch serves."""
_PART_OF_EPCIS = 1_000
"""The same of EPCIS, for which all that an organisation says in a part is put together in memory."""
_VERSION = 1
PLANTED = {
    "handoff.late-pickup.delay": ("policlinico-arno-cell-lab", "cellforge-intake"),
    "handoff.intake-check.delay": ("cellforge-intake", "cellforge-cleanroom"),
    "handoff.batch-review.delay": ("helixworks-quality", "helixworks-dispatch"),
}
"""Between which departments (giver, taker) the planted rules delay."""
DECOYS = {
    "long, on nobody's way": tuple((f"{maker}-quality", "assaylab-archive") for maker in ("cellforge", "helixworks", "novacell")),
    "merely busy": (("helixworks-intake", "helixworks-cleanroom"),),
}
Progress = Callable[[int, int], None]
"""Called now and then with (journeys written, journeys in all)."""


@dataclass
class Summary:
    """What was written: how many journeys, files and rows; and of the truth, `network`."""

    journeys: int
    files: int
    rows: int
    network: dict[str, Any] = field(default_factory=dict)


def generate(
    out: Path,
    journeys: int,
    seed: int = 0,
    *,
    rules: Rules | None = None,
    form: Format = "csv",
    progress: Progress | None = None,
) -> Summary:
    """Write a network of so many journeys below `out`, which may not hold anything yet: the same bytes for the same arguments.

    Raises `UsageError` where `out` is no empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty; name a folder that is, or does not exist", path=str(out))
    world = World(seed, rules or Rules({}), Calendar(journeys))
    files, tally = Files(out, form), _Tally()
    part = _PART_OF_EPCIS if form == "epcis" else PART
    world.tell(files)
    for number in range(journeys):
        if number % JOURNEYS == 0:
            Batch(world, number).make(files)
        _one(world, number, files, tally)
        if progress and number % 50 == 49:
            progress(number + 1, journeys)
        if number % part == part - 1:
            files.end_part()
    network = _told(world, tally)
    files.truth("network", network)
    files.close()
    return Summary(journeys, files.files, files.rows, network)


def _one(world: World, number: int, files: Files, tally: "_Tally") -> None:
    """One journey, and the same journey with its starting material fresh and frozen."""
    journey = Journey(world, number, files)
    ended = journey.run()
    chosen = ended.responded
    if ended.collected is None:
        fresh = frozen = None
    elif ended.frozen:
        fresh, frozen = Journey(world, number, None, "fresh").run().responded, chosen
    else:
        fresh, frozen = chosen, Journey(world, number, None, "cryopreserved").run().responded
    tally.add(ended, fresh, frozen)
    files.truth(
        "journeys",
        {
            "episode": journey.episode,
            "person": journey.patient.name,
            "therapy": ended.therapy,
            "hospital": ended.hospital,
            "maker": ended.maker,
            "severity": round(ended.severity, 4),
            "steps_a_day": round(journey.patient.steps_a_day),
            "frozen": ended.frozen,
            "pickup_delay_h": ended.pickup_delay_h,
            "viability": ended.viability,
            "below_specification": ended.below_specification,
            "collected": None if ended.collected is None else utc(ended.collected),
            "infused": None if ended.infused is None else utc(ended.infused),
            "never_infused": ended.reason or None,
            "responded": ended.responded,
            "responded_if_fresh": fresh,
            "responded_if_frozen": frozen,
        },
    )


@dataclass
class _Tally:
    """Counts over all journeys."""

    autologous: int = 0
    never_infused: int = 0
    arms: dict[str, int] = field(default_factory=lambda: {"fresh": 0, "frozen": 0})
    seen: dict[bool, list[int]] = field(default_factory=lambda: {True: [0, 0], False: [0, 0]})

    def add(self, ended: Ended, fresh: bool | None, frozen: bool | None) -> None:
        """Count one journey."""
        if fresh is None or frozen is None:
            return
        self.autologous += 1
        self.never_infused += ended.infused is None
        self.arms["fresh"] += fresh
        self.arms["frozen"] += frozen
        self.seen[ended.frozen][0] += 1
        self.seen[ended.frozen][1] += ended.responded


def _told(world: World, tally: _Tally) -> dict[str, Any]:
    """The truth about the network as a whole."""
    n = max(tally.autologous, 1)
    fresh, frozen = (responded / max(count, 1) for count, responded in (tally.seen[False], tally.seen[True]))
    return {
        "generator": _VERSION,
        "seed": world.seed,
        "journeys": world.calendar.journeys,
        "rules": world.rules.told(),
        "planted": [
            {"rule": rule, "giver": giver, "taker": taker, "delay_h": world.rules[rule]} for rule, (giver, taker) in PLANTED.items()
        ],
        "decoys": DECOYS,
        "chain": ["handoff.late-pickup.delay", "effect.pickup", "viability", "effect.viability", "response"],
        "frozen_against_fresh": {
            "journeys": tally.autologous,
            "risk_difference": round((tally.arms["frozen"] - tally.arms["fresh"]) / n, 4),
            "naive_difference": round(frozen - fresh, 4),
            "confounders": ["severity", "hospital"],
        },
        "never_infused": round(tally.never_infused / n, 4),
        "busiest_lot": BUSIEST,
    }
