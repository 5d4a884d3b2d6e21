"""Waiting for what should end by itself, on a machine of any speed: only what would never end takes longer than `PATIENCE`.

How quickly it ends is measured in `benchmarks/deadlines.py`."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds."""


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds, now or before patience ends."""
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
