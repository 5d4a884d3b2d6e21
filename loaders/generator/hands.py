"""How custody moves in a generated network: release, pick-up, transport, acceptance, each when the party works."""

from collections.abc import Sequence

from loaders.generator.draws import Draws
from loaders.generator.network import DAY, HOUR, Department
from loaders.generator.rules import Rules
from loaders.generator.telling import Move, Scribe

_MOST_HOURS = 24.0 * 12
"""No wait or transport that is drawn takes longer, so that what is reused is back in time."""


class Hands:
    """Moves the materials of one entity from hand to hand, and has it told."""

    def __init__(self, draws: Draws, rules: Rules, scribe: Scribe) -> None:
        self._draws, self._rules, self._scribe = draws, rules, scribe

    def transfer(self, number: str, giver: Department, taker: Department, ready: int, content: Sequence[str],
                 preservation: str, planted: str = "") -> Move:  # fmt: skip
        """A handoff without a carrier: the taker comes or is near by. `planted` names the rule that delays it."""
        released = giver.opens(ready)
        delay = self._delay(number, planted)
        wait = min(0.3 + self._draws.exponential(f"wait {number}", 1.2) + delay, _MOST_HOURS + delay)
        accepted = taker.opens(released + int(wait * HOUR))
        agreed = released + 8 * HOUR
        move = Move(number, giver, taker, None, released, None, None, accepted, agreed, preservation, "", planted, delay)
        self._scribe.handoff(move, content, content)
        return move

    def ship(self, number: str, giver: Department, taker: Department, carrier: Department, ready: int, hours: float,
             shipped: Sequence[str], unpacked: Sequence[str], preservation: str, pickup: str = "", takeover: str = "",
             ) -> Move:  # fmt: skip
        """A shipment of about so many `hours`; `pickup` and `takeover` name rules that delay the carrier or the taker."""
        draws = self._draws
        released = giver.opens(ready)
        delay, later = self._delay(number, pickup), self._delay(number, takeover)
        wait = min(0.5 + draws.exponential(f"pick-up {number}", 1.5), _MOST_HOURS) + delay
        picked_up = carrier.opens(released + int(wait * HOUR))
        transit = min(draws.lognormal(f"transit {number}", hours, 0.25), _MOST_HOURS)
        delivered = picked_up + int(transit * HOUR)
        gate = 0.3 + draws.exponential(f"gate {number}", 0.7) + later
        accepted = taker.opens(delivered + int(gate * HOUR))
        bad = draws.chance(f"arrival {number}", self._rules["failure.arrival"])
        discrepancy = draws.pick(f"discrepancy {number}", ("TEMP_EXCURSION", "LABEL_MISMATCH", "DAMAGED")) if bad else ""
        agreed = released + int(hours * 1.4 * HOUR) + DAY // 2
        move = Move(number, giver, taker, carrier, released, picked_up, delivered, accepted, agreed, preservation,
                    discrepancy, pickup or takeover, delay + later)  # fmt: skip
        self._scribe.handoff(move, shipped, unpacked)
        return move

    def _delay(self, number: str, planted: str) -> float:
        """Hours by which a planted rule delays a handoff."""
        return self._rules[planted] * self._draws.lognormal(f"delay {number}", 1.0, 0.25) if planted else 0.0
