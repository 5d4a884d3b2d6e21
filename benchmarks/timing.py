"""Timing that the benchmarks share."""

import statistics
import time
from collections.abc import Callable


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def best(work: Callable[[], object], times: int = 5) -> float:
    """The fewest seconds that `work` took of several times."""
    return min(timed(work) for _ in range(times))


def percentiles(times: list[float]) -> str:
    """Median and 90th percentile of seconds, in words and milliseconds."""
    ordered = sorted(times)
    p50, p90 = statistics.median(ordered), ordered[int(len(ordered) * 0.9)]
    return f"p50 {p50 * 1e3:.2f} ms, p90 {p90 * 1e3:.2f} ms"
