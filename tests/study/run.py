"""Generated networks of many seeds, each as its files, graph, snapshot and View: is what the product finds what was planted?

`python -m tests.study.run` (`make study`) prints what it found seed by seed and over all; exit status 1 if anything is not so.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from loaders.generator import DECOYS, PLANTED
from tests.study import freezing, slow_handoffs
from tests.study.networks import loaded

JOURNEYS = 400
ROLES = dict.fromkeys(PLANTED.values(), "planted") | {pair: f"decoy ({why})" for why, pairs in DECOYS.items() for pair in pairs}

_WIDTHS = (6, 8, 9, 9, 9, 8, 8, 8)


@dataclass(frozen=True)
class Found:
    """What one seed shows: pairs of departments (`slow_handoffs.compared`), hours planted, the cohort, and its truth."""

    seed: int
    pairs: pl.DataFrame
    delays: dict[slow_handoffs.Pair, float]
    cohort: pl.DataFrame
    truth: pl.DataFrame
    problems: list[str] = field(default_factory=list)


def studied(seed: int, journeys: int = JOURNEYS) -> Found:
    """The network of a seed, against the same with nothing planted."""
    with loaded(journeys, seed) as network, TemporaryDirectory() as folder:
        planted, delays = slow_handoffs.seen(network), slow_handoffs.delays(network)
        cohort, truth = freezing.exported(network, Path(folder)), freezing.truth(network)
    with loaded(journeys, seed, slow_handoffs.UNPLANTED) as network:
        pairs = slow_handoffs.compared(planted, slow_handoffs.seen(network))
    return Found(seed, pairs, delays, cohort, truth, list(slow_handoffs.problems(pairs)))


def _lines(found: Found) -> Iterator[str]:
    yield f"seed {found.seed}: {'as planted' if not found.problems else '; '.join(found.problems)}"
    names = ("rank", "handoffs", "hours", "unplanted", "lost", "noise", "planted", "place")
    yield "  ".join(f"{name:>{width}}" for name, width in zip(names, _WIDTHS, strict=True)) + "  giver -> taker"
    shown = found.pairs.head(len(PLANTED) + 2).to_dicts()
    shown += [row for row in found.pairs.to_dicts() if (row["giver"], row["taker"]) in ROLES and row not in shown]
    for row in shown:
        pair = row["giver"], row["taker"]
        hours = (f"{row['hours']:,.0f}", f"{row['hours_before']:,.0f}", f"{row['lost']:,.1f}", f"{row['noise']:,.1f}")
        planted = f"{found.delays[pair]:,.0f}" if pair in found.delays else ""
        cells = (row["rank"], row["count"], *hours, planted, f"{row['place_before']} > {row['place']}")
        told = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))
        yield f"{told}  {' -> '.join(pair)}" + (f"  [{ROLES[pair]}]" if pair in ROLES else "")


def _summary(all_found: list[Found]) -> Iterator[str]:
    yield f"over {len(all_found)} seeds, hours lost: least, middle, most; in how many seeds they are more than noise"
    every = pl.concat(found.pairs for found in all_found)
    for (giver, taker), role in ROLES.items():
        rows = every.filter((pl.col("giver") == giver) & (pl.col("taker") == taker))
        lost, rises = rows["lost"], rows.select((pl.col("lost") > pl.col("noise")).sum()).item()
        yield f"  {lost.min():>8,.1f} {lost.median():>8,.1f} {lost.max():>8,.1f}  {rises:>2}  {giver} -> {taker}  [{role}]"
    others = every.join(pl.DataFrame(list(ROLES), schema=slow_handoffs.ENDS, orient="row"), on=slow_handoffs.ENDS, how="anti")
    yield f"  {others['lost'].min():>8,.1f} {others['lost'].median():>8,.1f} {others['lost'].max():>8,.1f}      all other pairs"


def _told(effect: freezing.Effect) -> str:
    low, high = effect.within
    return (
        f"response of frozen less fresh, {effect.journeys:,} journeys: truly {effect.true:+.3f}; as it seems {effect.naive:+.3f};"
        f" severity and hospital held {effect.stratified:+.3f} (95 %: {low:+.3f} to {high:+.3f})"
    )


def main(arguments: list[str]) -> int:
    """Study so many seeds. 1 if any is not as planted."""
    parser = argparse.ArgumentParser(prog="make study", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="the effect of freezing needs about 20 to be seen")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--journeys", type=int, default=JOURNEYS)
    asked = parser.parse_args(arguments)
    all_found = []
    for seed in range(asked.first, asked.first + asked.seeds):
        all_found.append(studied(seed, asked.journeys))
        print(*_lines(all_found[-1]), sep="\n", flush=True)
    effect = freezing.effect(pl.concat(f.cohort for f in all_found), pl.concat(f.truth for f in all_found))
    print(*_summary(all_found), _told(effect), *effect.problems(), sep="\n")
    failed = [found.seed for found in all_found if found.problems]
    print(
        f"{len(all_found) - len(failed)} of {len(all_found)} seeds as planted",
        *(f"seed {seed} is not" for seed in failed),
        sep="\n",
    )
    return 1 if failed or effect.problems() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
