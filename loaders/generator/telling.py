"""Who tells what of the things that happen: each party in rows of its own, late, by its own clock, with gaps and corrections."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loaders.generator.draws import Draws
from loaders.generator.files import Files
from loaders.generator.network import DAY, HOUR, Department, Organisation
from loaders.generator.rules import Rules

Used = str | tuple[str, float, str]
"""What goes into a step or comes out: its name, or name, quantity and unit."""
Told = tuple[Organisation, int]
"""Who tells of a moment, and the moment."""
_NIGHT = range(1, 5)
"""Hours in which a clock may be put forward or back: nobody records anything."""


@dataclass(frozen=True)
class Move:
    """A handoff as it truly was: times in seconds since 1970."""

    number: str
    giver: Department
    taker: Department
    carrier: Department | None
    released: int
    picked_up: int | None
    delivered: int | None
    accepted: int
    agreed_delivery: int
    preservation: str
    discrepancy: str = ""
    cause: str = ""
    delay_h: float = 0.0


class Scribe:
    """Writes what happens to one entity (a journey, a batch, the network itself) into its parties' files.

    Without `files` it writes nothing, for runs that only ask what would have happened."""

    def __init__(self, draws: Draws, rules: Rules, files: Files | None, episode: str = "") -> None:
        self._draws, self._rules, self._files = draws, rules, files
        self.episode = episode

    def row(self, org: Organisation, kind: str, moment: int, purpose: str, extra_s: int = 0, /, **cells: Any) -> None:
        """A row of a party's export about something that was so at `moment`, recorded some time after (and `extra_s` more)."""
        if self._files is None:
            return
        lag = self._draws.lognormal(f"lag {org.name} {purpose}", org.lag_h, 0.8)
        recorded = moment + int(min(lag, 900) * HOUR) + extra_s
        night = datetime.fromtimestamp(recorded + org.clock_s, org.zone).hour in _NIGHT
        cells["steward"], cells["recorded_at"] = org.name, at(org, recorded + 5 * HOUR if night else recorded)
        self._files.row(org.name, kind, cells)

    def material(self, org: Organisation, name: str, moment: int, type_: str, /, **cells: Any) -> str:
        """A material as a party tells it; returns its name."""
        told = {"for_episode": self.episode} | cells
        self.row(org, "material", moment, name, id=own(name, org), type=type_, **told)
        return name

    def step(
        self,
        number: str,
        type_: str,
        by: Department,
        start: int,
        end: int,
        *,
        place: Department | None = None,
        inputs: Iterable[Used] = (),
        outputs: Iterable[Used] = (),
        subjects: Sequence[str] = (),
        status: str = "completed",
        **more: Any,
    ) -> str:
        """A step that `by` performs and tells; returns its name. Some are first told with a wrong end, and corrected."""
        org, name = by.of, f"{number}@{by.of.name}"
        if self._files is None:
            return name
        told = {"for_episode": self.episode, "at": (place or by).name, "operator": f"op-{self._draws.whole(f'op {number}', 1, 40)}"}
        told |= {"id": number, "type": type_, "started_at": at(org, start), "status": status, "performed_by": by.name} | more
        wrong = self._draws.chance(f"correction {number}", self._rules["claims.correction"])
        if wrong:
            self.row(org, "step", end, number, **told, ended_at=at(org, end + 2 * HOUR))
        self.row(org, "step", end, number, 7 * DAY if wrong else 0, **told, ended_at=at(org, end))
        for used in inputs:
            thing, quantity, unit = (used, "", "") if isinstance(used, str) else used
            self.row(org, "input_to", end, number, source=own(thing, org), target=number, quantity=quantity, unit=unit)
        for made in outputs:
            thing, quantity, unit = (made, "", "") if isinstance(made, str) else made
            self.row(org, "output", end, number, source=number, target=own(thing, org), quantity=quantity, unit=unit)
        for thing in subjects:
            self.row(org, "subject_of", end, number, source=own(thing, org), target=number)
        return name

    def stay(self, content: str, container: str, packed: Told | None, unpacked: Told | None = None) -> None:
        """A stay in a container: told by one party in one row, or by those who packed and unpacked, one of whom may forget.

        What is None is not known, or is told elsewhere."""
        if packed and unpacked and packed[0] != unpacked[0]:
            self.stay(content, container, packed)
            if not self._draws.chance(f"gap {content} in {container}", self._rules["claims.gap"]):
                self.stay(content, container, None, unpacked)
            return
        for org, moment in [last] if (last := unpacked or packed) else ():
            told = {"from": at(org, packed[1]) if packed else "", "to": at(org, unpacked[1]) if unpacked else ""}
            named = {"content": own(content, org), "container": own(container, org)}
            self.row(org, "contained_in", moment, f"{content} in {container}", **named, **told)

    def observe(self, org: Organisation, about: str, code: str, value: float, unit: str, moment: int, **more: Any) -> None:
        """A measured value; `about` is a name with its class, as in `person/P-1@X`."""
        told = {"observed_at": at(org, moment)} | more
        self.row(org, "observation", moment, f"{code} {moment}", about=own(about, org), code=code, value=value, unit=unit, **told)

    def outcome(
        self, org: Organisation, person: str, product: str, type_: str, term: str, moment: int, grade: int | str = ""
    ) -> None:
        """A clinical result."""
        told = {"for_episode": self.episode, "occurred_at": at(org, moment)[:10], "grade": grade}
        who, what = own(person, org), own(product, org)
        self.row(org, "outcome", moment, f"{type_} {term}", about=who, attributed_to=what, type=type_, term=term, **told)

    # -- handoffs

    def handoff(self, move: Move, shipped: Sequence[str], unpacked: Sequence[str]) -> None:
        """A handoff as its parties tell it: under one number, or (some shipments) each side under its own.

        `shipped` is what the giver sees leave, `unpacked` what a taker sees that knows no common number."""
        if self._files is None:
            return
        giver, taker = move.giver.of, move.taker.of
        names = self._names(move)
        both = {"from": move.giver.name, "to": move.taker.name, "for_episode": self.episode}
        carried = {"carried_by": move.carrier.of.name} if move.carrier else {}
        told = self._given(move) | both | carried | {"id": own(names[0], giver)}
        accepted = self._taken(move)
        if giver == taker:
            self.row(giver, "handoff", move.accepted, move.number, **(accepted | told))
            self._subjects(move, giver, names[0], shipped, move.accepted)
        else:
            self.row(giver, "handoff", move.released, move.number, **told)
            self._subjects(move, giver, names[0], shipped, move.released)
            self._tell_taken(move, names[1], accepted | both, unpacked if names[0] != names[1] else shipped)
        self._tell_carried(move, names[0])
        self._truth(move, names)

    def _names(self, move: Move) -> tuple[str, str]:
        """The names under which giver and taker tell of a handoff."""
        if move.giver.of == move.taker.of:
            return (f"HO-{move.number}@{move.giver.of.name}",) * 2
        if self._draws.chance(f"unnumbered {move.number}", self._rules["share.unnumbered"]):
            return f"HO-{move.number}@{move.giver.of.name}", f"RC-{move.number}@{move.taker.of.name}"
        if move.carrier is None:
            return (f"despatch_advice:{move.giver.of.name}-{move.number}",) * 2
        return (f"waybill:{move.number}@{move.carrier.of.name}",) * 2

    def _given(self, move: Move) -> dict[str, Any]:
        org = move.giver.of
        told = {"type": "shipment" if move.carrier else "transfer", "preservation": move.preservation}
        if move.carrier:
            told["priority"] = "urgent" if move.preservation == "fresh" else "routine"
            told["agreed_delivery_at"] = at(org, move.agreed_delivery)
            told["notified_at"] = at(org, move.released - HOUR // 2)
        return told | {"released_at": at(org, move.released)}

    def _taken(self, move: Move) -> dict[str, Any]:
        return {"accepted_at": at(move.taker.of, move.accepted), "discrepancy_code": move.discrepancy}

    def _tell_taken(self, move: Move, name: str, told: dict[str, Any], content: Sequence[str]) -> None:
        """The taker's rows, if it makes any; some takers give a time of delivery of their own."""
        org = move.taker.of
        if self._draws.chance(f"gap taker {move.number}", self._rules["claims.gap"]):
            return
        if move.delivered is not None and self._draws.chance(f"own time {move.number}", self._rules["claims.disagreement"]):
            told["delivered_at"] = at(org, move.delivered + 15 * 60)
        self.row(org, "handoff", move.accepted, move.number, id=own(name, org), **told)
        self._subjects(move, org, name, content, move.accepted)

    def _tell_carried(self, move: Move, name: str) -> None:
        """The carrier's row, which needs a waybill."""
        if move.carrier is None or move.picked_up is None or move.delivered is None or not name.startswith("waybill:"):
            return
        org = move.carrier.of
        if not self._draws.chance(f"gap carrier {move.number}", self._rules["claims.gap"]):
            told = {"picked_up_at": at(org, move.picked_up), "delivered_at": at(org, move.delivered), "carried_by": org.name}
            self.row(org, "handoff", move.delivered, move.number, id=name, **told)

    def _subjects(self, move: Move, org: Organisation, name: str, content: Sequence[str], moment: int) -> None:
        for thing in content:
            self.row(org, "subject_of", moment, move.number, source=own(thing, org), target=own(name, org))

    def _truth(self, move: Move, names: tuple[str, str]) -> None:
        if self._files is None:
            return
        self._files.truth(
            "handoffs",
            {
                "episode": self.episode,
                "names": sorted(set(names)),
                "giver": move.giver.name,
                "taker": move.taker.name,
                "released": utc(move.released),
                "accepted": utc(move.accepted),
                "cause": move.cause,
                "delay_h": round(move.delay_h, 2),
            },
        )


def at(org: Organisation, moment: int) -> str:
    """A moment as an organisation's system writes it, by its own clock."""
    local = datetime.fromtimestamp(moment + org.clock_s, org.zone)
    return local.strftime("%Y-%m-%dT%H:%M:%S") if org.local_times else local.isoformat()


def utc(moment: int) -> str:
    """A moment as the truth writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


def own(name: str, org: Organisation) -> str:
    """A name as an organisation writes it: its own local numbers without itself as assigner."""
    bare, _, assigner = name.rpartition("@")
    return bare if assigner == org.name and ":" not in bare else name
