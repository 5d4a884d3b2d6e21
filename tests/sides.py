"""A network for tests in which each side tells of handoffs alone."""

from typing import Any

from tests.networks import Network, at


class Sides(Network):
    """A network in which each side tells of handoffs alone; departments are parts of BANK and LAB."""

    def __init__(self) -> None:
        super().__init__()
        for department in ("BANK-OUT", "LAB-IN"):
            self.say("organization", department, "Organization")
            self.relate("PART_OF", f"organization/{department}", f"organization/{department.split('-')[0]}")

    def gave(
        self, name: str, hour: float, *things: str, giver: str | None = "BANK-OUT", taker: str | None = "LAB", **told: Any
    ) -> str:
        """What who gives tells."""
        return self._side(name, things, giver, taker, released_at=at(hour), **told)

    def took(
        self, name: str, hour: float, *things: str, giver: str | None = "BANK", taker: str | None = "LAB-IN", **told: Any
    ) -> str:
        """What who takes tells."""
        return self._side(name, things, giver, taker, accepted_at=at(hour), steward="L", **told)

    def acted(self, hour: float, *things: str, by: str | None = None, place: str | None = None, **told: Any) -> str:
        """A step on things that somebody performs at some place."""
        record = self.act("ACT", hour, *things, **told)
        for relation, end in (("PERFORMED_BY", by), ("AT", place)):
            if end:
                self.relate(relation, "event/ACT", f"organization/{end}")
        return record

    def _side(self, name: str, things: tuple[str, ...], giver: str | None, taker: str | None, **told: Any) -> str:
        steward = told.get("steward", "H")
        carrier = told.pop("carrier", None)
        record = self.say("event", name, "Handoff", **told)
        for type_, end in (("FROM", giver), ("TO", taker), ("CARRIED_BY", carrier)):
            if end:
                self.relate(type_, f"event/{name}", f"organization/{end}", steward=steward)
        for thing in things:
            self.relate("SUBJECT_OF", f"object/{thing}", f"event/{name}", steward=steward)
        return record
