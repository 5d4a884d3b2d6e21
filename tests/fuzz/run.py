"""Fuzz a format, guided by what of our code each input reaches: `python -m tests.fuzz.run FORMAT --seconds 600` (`make fuzz`).

A process beside does the fuzzing, so that not even the death of it is an end. What it finds, made as small as may be, goes to
`tests/fuzz/corpus/FORMAT`, with inputs that reach more lines than the seeds; exit status 1 if anything was found. With `--also`
further seeds are taken from a folder; then nothing but what was found is kept, for such files are not ours.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.findings import CORPUS, Findings, keep_reaching, smaller
from tests.fuzz.targets import TARGETS

_RESTARTS = 5
"""How often fuzzing goes on after its process died."""
_MOST_MB = 2_500
_GROWN_MB = 100
"""How much more memory the second half of a run may end with than it began with; the fuzzer's own inputs are in it."""
_STOPPED = 300
"""Seconds after which the fuzzer itself ends an input; ours, of the processor alone, come long before."""
_CHILD = "from tests.fuzz.guided import main; main()"


def fuzzed(name: str, seconds: int, also: Path | None, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Fuzz a format for so long. Returns `(what the fuzzer counted, what was wrong with the process itself)`."""
    counted, wrong = {"executions": 0, "coverage": 0, "features": 0, "inputs": 0}, []
    deadline = time.monotonic() + seconds
    for attempt in range(_RESTARTS):
        left = round(deadline - time.monotonic())
        if left <= 0:
            break
        command = [sys.executable, "-c", _CHILD, name, str(folder), str(also or "")]
        limits = [
            f"-max_total_time={left}",
            f"-timeout={_STOPPED}",
            f"-report_slow_units={_STOPPED}",
            f"-rss_limit_mb={_MOST_MB}",
            f"-seed={attempt + 1}",
        ]
        with (folder / "log").open("wb") as log:
            ended = subprocess.run([*command, *limits], stdout=log, stderr=log, check=False)
        told = (folder / "log").read_text(errors="replace")
        _count(counted, told)
        if ended.returncode == 0:
            break
        wrong.append(f"the process ended with {ended.returncode}: {told[-1500:]}")
    return counted, wrong


def _count(counted: dict[str, int], told: str) -> None:
    """Add what the fuzzer says at its end, or last said."""
    lines = re.findall(r"#(\d+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)/", told)
    if lines:
        executions, coverage, features, inputs = map(int, lines[-1])
        counted["executions"] += executions
        for key, value in (("coverage", coverage), ("features", features), ("inputs", inputs)):
            counted[key] = max(counted[key], value)


def grown(folder: Path) -> tuple[list[int], bool]:
    """`(megabytes at quarters of the run, whether the second half kept growing)`."""
    told = [int(line) for line in (folder / "memory").read_text().split()] if (folder / "memory").exists() else []
    if len(told) < 8:
        return told, False
    quarters = [told[len(told) * part // 4 - (part == 4)] for part in range(5)]
    return quarters, quarters[4] - quarters[2] > _GROWN_MB


def main() -> int:
    """Fuzz one format and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--also", type=Path, help="a folder of further seeds")
    asked = parser.parse_args()
    target = TARGETS[asked.format]
    with TemporaryDirectory(prefix="veintrace-fuzz-") as made:
        folder = Path(made)
        counted, wrong = fuzzed(target.name, asked.seconds, asked.also, folder)
        told = ", ".join(f"{value:,} {key}" for key, value in counted.items())
        print(f"{target.name}: {asked.seconds} s, {told}", flush=True)
        memory, grows = grown(folder)
        print(f"  memory (MB) at quarters: {' '.join(map(str, memory))}{': it grows' if grows else ''}", flush=True)
        found = Findings(folder / "findings")
        for path in sorted((folder / "artifacts").glob("*")):
            data = path.read_bytes()
            wrong.append(f"{path.name} ended the process: {data[:200]!r}")
            if asked.also is None:
                (CORPUS / target.name).mkdir(parents=True, exist_ok=True)
                (CORPUS / target.name / f"ended-{found.name_of(data)}").write_bytes(data)
        for told, data in found.all():
            least = smaller(target, data, folder / "work")
            kept = CORPUS / target.name / f"found-{found.name_of(least)}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(least)
            print(f"  found: {told}\n    {least[:200]!r} ({kept.name})", flush=True)
        for each in wrong:
            print(f"  {each}", flush=True)
        if asked.also is None:
            print(f"  kept: {keep_reaching(target, folder / 'corpus', folder / 'work')} inputs that reach more", flush=True)
        return 1 if wrong or grows or found.all() else 0


if __name__ == "__main__":
    sys.exit(main())
