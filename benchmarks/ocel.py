"""Event logs (OCEL 2.0) and pm4py: whether it reads what we export, how fast each reads; prints a table, writes RESULTS-ocel.md.

    python -m benchmarks.ocel                                100,000 events; pm4py is installed into an environment of its own
    python -m benchmarks.ocel --events 10000 --peer PYTHON   where PYTHON has it already

pm4py (AGPL) is met as a process beside and never imported. Each reads in a process of its own, whose start and imports do not
count; of three runs, taken in turns, the fastest counts. pm4py makes data frames of a log, ours makes claims, with their ids.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.graphs import run
from benchmarks.network import machine

PM4PY = "pm4py==2.7.23.11"
ROUNDS = 3
Row = tuple[str, str, str]
_FORMS = {"ocel": (".json", "json"), "ocel-xml": (".xml", "xml"), "ocel-sqlite": (".sqlite", "sqlite")}
_CONSTRAINTS = 24
_PEER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pm4py
form, path = sys.argv[1:]
read = getattr(pm4py, f"read_ocel2_{form}")
begun = time.perf_counter()
log = read(path)
took = time.perf_counter() - begun
told = {"seconds": took, "events": len(log.events), "objects": len(log.objects), "relations": len(log.relations)}
if form == "sqlite":
    from pm4py.objects.ocel.validation import ocel20_rel_validation
    told["unsatisfied"] = ocel20_rel_validation.apply(path)[1]
told["types"] = [log.events["ocel:activity"].nunique(), log.objects["ocel:type"].nunique()]
print("\\n" + json.dumps(told))
"""
_OURS = """
import gc, json, sys, time
from pathlib import Path
from loaders.items import Context
from loaders.reading import read_one
from loaders.sources import Source
form, path = sys.argv[1:]
gc.disable()  # as a load does
begun = time.perf_counter()
claims = sum(len(item.claims) for item in read_one(Source(Path(path), form), Context("PLANT")))
print(json.dumps({"seconds": time.perf_counter() - begun, "claims": claims}))
"""


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--journeys", type=int, default=60)
    parser.add_argument("--peer", help="a Python that has pm4py")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="veintrace-bench-") as made:
        folder = Path(made)
        peer = options.peer or installed(folder / "peer")
        table = [*exports(folder, options.journeys, peer), *speeds(folder, options.events, peer)]
    lines = ["# Event logs (OCEL 2.0) beside pm4py", "", f"Measured by `make bench-ocel` on {machine()}, with {PM4PY}.", ""]
    text = "\n".join(
        [*lines, "| what | measured | bar or peer |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in table), "", NOTES]
    )
    print(text)
    Path(__file__).with_name("RESULTS-ocel.md").write_text(text, encoding="utf-8")


NOTES = """pm4py leaves out objects that no event names, and its reader of JSON keeps one
relation of each event and object, where the standard allows several qualifiers: counts are compared with what these rules leave of
the file, counted without either reader.
"""


def installed(folder: Path) -> str:
    """The Python of an environment with pm4py."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PM4PY], check=True)
    return python


def asked(python: str, program: str, *arguments: str) -> dict[str, Any]:
    """What a program says in JSON on its last line."""
    said = subprocess.run([python, "-c", program, *arguments], check=True, capture_output=True, text=True).stdout
    return next(json.loads(line) for line in reversed(said.splitlines()) if line.startswith("{"))


# -- what we export


def exports(folder: Path, journeys: int, peer: str) -> Iterator[Row]:
    """What pm4py finds in a network exported in each form."""
    run(["-m", "api.cli", "generate", "--journeys", str(journeys), "--seed", "1", "--out", str(folder / "network")])
    graph = f"sqlite:///{folder / 'graph.db'}"
    _, told = run(["-m", "api.cli", "load", str(folder / "network"), "--graph", graph, "--json"])
    digest = json.loads(told)["digest"]
    for form, (suffix, name) in _FORMS.items():
        out = folder / f"export{suffix}"
        took, _ = run(["-m", "api.cli", "export", "--all", "--format", form, "--out", str(out), "--graph", graph])
        _, told = run(["-m", "api.cli", "load", str(out), "--graph", f"sqlite:///{folder / name}.db", "--json"])
        assert json.loads(told)["digest"] == digest, f"{form} does not load back"
        found = asked(peer, _PEER, name, str(out))
        if form == "ocel":
            counted = counts(json.loads(out.read_bytes()))
        wanted = {**counted, "relations": counted["pairs" if form == "ocel" else "relations"]}
        same = all(found[key] == wanted[key] for key in ("events", "objects", "relations"))
        what = ", ".join(f"{found[key]:,} {key}" for key in ("events", "objects", "relations"))
        written = f"{form}: {journeys} journeys exported in {took.seconds:.1f} s, {out.stat().st_size / 1e6:.1f} MB"
        read = f"pm4py reads {what}; {found['types'][0]} activities, {found['types'][1]} object types"
        if "unsatisfied" in found:
            read += f"; of its {_CONSTRAINTS} constraints on tables {len(found['unsatisfied'])} are not met"
        yield f"{written}; loads back to an equal digest", read, "as counted" if same else f"NOT as counted in the file: {wanted}"


def counts(document: dict[str, Any]) -> dict[str, int]:
    """What a log holds of which pm4py keeps anything."""
    related = [(event["id"], each["objectId"]) for event in document["events"] for each in event["relationships"]]
    events, objects = ({pair[at] for pair in related} for at in (0, 1))
    return {"events": len(events), "objects": len(objects), "relations": len(related), "pairs": len({*related})}


# -- speed


def speeds(folder: Path, events: int, peer: str) -> Iterator[Row]:
    """How fast a log is read in each form: by us to claims, by pm4py to data frames; and loaded into SQLite."""
    source = folder / "log.json"
    source.write_text(json.dumps(document(events)), encoding="utf-8")
    convert = "import pm4py, sys; l = pm4py.read_ocel2_json(sys.argv[1]); pm4py.write_ocel2_xml(l, sys.argv[2]); "
    convert += "pm4py.write_ocel2_sqlite(l, sys.argv[3]); print('{}')"
    asked(peer, convert, *(str(source.with_suffix(suffix)) for suffix, _ in _FORMS.values()))
    for form, (suffix, name) in _FORMS.items():
        path = source.with_suffix(suffix)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(asked(sys.executable, _OURS, form, str(path)))
            theirs.append(asked(peer, _PEER, name, str(path)))
        our, their = (min(round_["seconds"] for round_ in rounds) for rounds in (ours, theirs))
        ratio = f"{their / our:.2f} times as fast as pm4py" if our <= their else f"{our / their:.2f} times as long as pm4py"
        claims = f"{events / our:,.0f} events/s, {ours[0]['claims']:,} claims in {our:.2f} s"
        yield f"{form}: read {events:,} events ({path.stat().st_size / 1e6:.0f} MB)", f"{claims}; {ratio}", f"pm4py {their:.2f} s"
        if form == "ocel":
            graph = f"sqlite:///{folder / 'loaded.db'}"
            took, told = run(["-m", "api.cli", "load", str(path), "--graph", graph, "--json"])
            assert json.loads(told)["totals"]["refused"] == 0
            loaded = f"{events / took.seconds:,.0f} events/s, {took.seconds:.1f} s, at most {took.megabytes:,.0f} MB"
            yield f"{form}: loaded into SQLite, from start to last commit", f"{loaded}; {took.seconds / their:.1f} times pm4py", ""


def document(events: int) -> dict[str, Any]:
    """A log as a plant would write it: every event of three objects, with two attributes."""
    draw, count = random.Random(1), max(events // 5, 10)
    kinds, activities = ("Order", "Item", "Pallet", "Truck"), ("load", "deliver", "inspect", "receive order")
    declared = [{"name": "distance", "type": "float"}, {"name": "by", "type": "string"}]
    return {
        "objectTypes": [{"name": name, "attributes": [{"name": "weight", "type": "float"}]} for name in kinds],
        "eventTypes": [{"name": name, "attributes": declared} for name in activities],
        "objects": [
            {
                "id": f"o{number}",
                "type": kinds[number % 4],
                "attributes": [{"name": "weight", "time": "1970-01-01T00:00:00Z", "value": round(draw.random() * 100, 2)}],
                "relationships": [],
            }
            for number in range(count)
        ],
        "events": [
            {
                "id": f"e{number}",
                "type": activities[number % 4],
                "time": f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}:00:00.{number:06d}+02:00",
                "attributes": [{"name": "distance", "value": float(number % 97)}, {"name": "by", "value": f"OP-{number % 40}"}],
                "relationships": [
                    {"objectId": f"o{draw.randrange(count)}", "qualifier": qualifier} for qualifier in ("item", "vehicle", "order")
                ],
            }
            for number in range(events)
        ],
    }


if __name__ == "__main__":
    main()
