"""What is measured in a process that has just begun; each prints one JSON object.

python -m benchmarks.cold open URL CACHE LOT       opens the snapshot there is, and finds a lot in it
python -m benchmarks.cold choose GRAPH FILES OUT   finds doses whose lineages are of like size, and keeps their ids
python -m benchmarks.cold lineages GRAPH IDS       the whole lineage of each of these
"""

import csv
import json
import random
import statistics
import sys
import time
from pathlib import Path

from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from queries.lineage import lineage

LIKE = (60, 90)
"""How many records a lineage of like size has."""
_WANTED, _MOST_TRIED = 1_000, 6_000
HOUR = 3_600.0


def open_(url: str, cache: str, lot: str) -> dict[str, object]:
    """Seconds from the store to a record found in its snapshot."""
    begun = time.perf_counter()
    from api import settings
    from graph import snapshot
    from graph.snapshot_store import SnapshotStore

    imported = time.perf_counter()
    store = settings.open_store(url)
    taken = snapshot.current(store, Path(cache))
    opened = time.perf_counter()
    found = view(SnapshotStore(store, taken)).resolve(lot)
    done = time.perf_counter()
    store.close()
    return {"import_s": imported - begun, "open_s": opened - imported, "find_s": done - opened, "found": found}


def doses(files: Path) -> list[str]:
    """Identifiers of the doses that the files of a network tell of, in their order."""
    found = []
    for path in sorted(files.glob("*/part-*.material.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = (row for row in csv.DictReader(file) if row["type"] == "dose")
            found += [row["id"] if row["id"][0] in "(=" or ":" in row["id"] else f"{row['id']}@{row['steward']}" for row in rows]
    return found


def choose(graph: str, files: str, out: str) -> dict[str, object]:
    """Write the ids of doses, taken at random, whose lineages have `LIKE` records."""
    store = SqliteStore(Path(graph))
    seen = view(store, deadline=Deadline(HOUR))
    every, found, tried = doses(Path(files)), list[str](), 0
    random.Random(1).shuffle(every)
    for dose in every[:_MOST_TRIED]:
        root, tried = seen.resolve(dose), tried + 1
        if LIKE[0] <= len(lineage(seen, [root]).records) <= LIKE[1]:
            found.append(root)
        if len(found) == _WANTED:
            break
    store.close()
    Path(out).write_text(json.dumps(found), encoding="utf-8")
    return {"found": len(found), "tried": tried}


def lineages(graph: str, ids: str) -> dict[str, object]:
    """Median and 90th percentile of seconds, after twenty that do not count, and the median size."""
    store = SqliteStore(Path(graph))
    seen = view(store, deadline=Deadline(HOUR))
    roots: list[str] = json.loads(Path(ids).read_text(encoding="utf-8"))
    times, sizes = [], []
    for root in [*roots[:20], *roots]:
        begun = time.perf_counter()
        sizes.append(whole(seen, root))
        times.append(time.perf_counter() - begun)
    store.close()
    ordered = sorted(times[20:])
    return {
        "p50_s": statistics.median(ordered),
        "p90_s": ordered[int(len(ordered) * 0.9)],
        "records": statistics.median(sizes),
        "count": len(roots),
    }


def whole(seen: View, root: str) -> int:
    """Ask for a whole lineage, disagreements included; returns its size."""
    found = lineage(seen, [root])
    for record in found.records.values():
        _ = record.disagreements
    return len(found.records)


if __name__ == "__main__":
    print(json.dumps({"open": open_, "choose": choose, "lineages": lineages}[sys.argv[1]](*sys.argv[2:])))
