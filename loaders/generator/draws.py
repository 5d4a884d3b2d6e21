"""Random draws that are functions of what they are for: each is named by seed, entity and purpose, none by its turn.

So a rule that is changed leaves every other draw as it was, and the same seed gives the same network on any machine.
"""

import math
from collections.abc import Sequence
from hashlib import blake2b
from statistics import NormalDist
from typing import TypeVar

_T = TypeVar("_T")
_STANDARD = NormalDist()
_UNIT = 2.0**-53


class Draws:
    """The draws of one entity. Asking twice for one purpose gives the same."""

    def __init__(self, seed: int, entity: str) -> None:
        self._state = blake2b(f"{seed}\n{entity}\n".encode(), digest_size=8)

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0) -> float:
        """A number between `low` and `high`, neither included: the first 53 bits of BLAKE2b over the three names."""
        state = self._state.copy()
        state.update(purpose.encode())
        share = ((int.from_bytes(state.digest(), "big") >> 11) + 0.5) * _UNIT
        return low + (high - low) * share

    def normal(self, purpose: str, mean: float = 0.0, deviation: float = 1.0) -> float:
        """A normal number, by the inverse of its distribution."""
        return mean + deviation * _STANDARD.inv_cdf(self.uniform(purpose))

    def lognormal(self, purpose: str, median: float, spread: float) -> float:
        """A lognormal number; `spread` is the standard deviation of its logarithm."""
        return median * math.exp(self.normal(purpose, 0.0, spread))

    def exponential(self, purpose: str, mean: float) -> float:
        """An exponential number."""
        return -mean * math.log(self.uniform(purpose))

    def chance(self, purpose: str, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.uniform(purpose) < probability

    def whole(self, purpose: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.uniform(purpose) * (high - low + 1))

    def pick(self, purpose: str, options: Sequence[_T], weights: Sequence[float] | None = None) -> _T:
        """One of `options`, by weight."""
        share = self.uniform(purpose)
        if weights is None:
            return options[int(share * len(options))]
        left = share * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            left -= weight
            if left < 0:
                return option
        return options[-1]


def logistic(log_odds: float) -> float:
    """The probability of log odds."""
    return 1 / (1 + math.exp(-log_odds))


def log_odds(probability: float) -> float:
    """The log odds of a probability; of none or certainty a number that leaves hardly a doubt."""
    share = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(share / (1 - share))
