"""What a document says in our extension of one event or vocabulary element, beside what EPCIS itself says of it.

With a `key` the claim stands under that key alone; `implied` names what EPCIS had to write and nobody said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graph import naming, times
from graph.claims import Claim, Fields
from graph.model import RELATIONS
from loaders.epcis_said import (
    IMPLIED,
    KEY,
    LATER,
    NAMESPACE,
    RECORDED,
    RESERVED,
    STEWARD,
    Names,
    corrected,
    fields_of,
    implied_units,
    name_spelt,
    record_of,
    units,
)
from loaders.event_hash import expanded
from loaders.items import Context


@dataclass(frozen=True)
class Own:
    """The statements by name."""

    told: Mapping[str, Any]

    def record(self, cls: str) -> tuple[str, str | None] | None:
        """`(id, key)` of the record they are about; None where they do not say. Raises `ValueError`."""
        return record_of(self.told[KEY], (cls,)) if KEY in self.told else None

    def steward(self, context: Context, sender: str) -> str:
        """Who says so: whoever is forced, else who is named here, else the sender. Raises `InvalidIdentifier`."""
        if STEWARD not in self.told or context.forced:
            return sender
        return naming.steward(str(self.told[STEWARD]))

    def recorded(self) -> int | None:
        """When it was recorded, where that is said. Raises `InvalidInstant`."""
        return _moment(self.told[RECORDED]) if RECORDED in self.told else None

    def claims(self, read: Claim) -> list[Claim]:
        """The claims meant, of the one that was read from EPCIS's own fields. Raises `ValueError`."""
        said, names = fields_of(_statements(self.told), read.record.partition("-")[0])
        fields = corrected(read.fields, said, implied_units(self.told.get(IMPLIED, [])))
        claims = [_claim(read, fields, {**read.names, **names}, read.recorded_at)]
        later = self.told.get(LATER, [])
        for part in later if isinstance(later, list) else [later]:
            if not isinstance(part, Mapping) or RECORDED not in part:
                raise ValueError(f"{LATER} tells what was recorded later and when; add {RECORDED}")
            fields, names = fields_of(_statements(part), read.record.partition("-")[0])
            claims.append(_claim(read, fields, {**read.names, **names}, _moment(part[RECORDED])))
        return claims


def taken_from(event: Mapping[str, Any], prefixes: Mapping[str, str]) -> tuple[Own, dict[str, Any]]:
    """What an event says in our extension, and the event without it."""
    own: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    start = f"{{{NAMESPACE}}}"
    for name, value in event.items():
        full = expanded(name, prefixes)
        if full.startswith(start):
            own[name_spelt(full[len(start) :])] = value
        else:
            rest[name] = value
    return Own(own), rest


def _statements(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in RESERVED}


def _moment(text: Any) -> int:
    return times.span(times.canonical(str(text)))[1]


def _claim(read: Claim, fields: Fields, names: Names, recorded: int | None) -> Claim:
    used = {read.record}
    for unit, parts in units(fields).items():
        type_, _, other = unit.partition(" ")
        if type_ in RELATIONS:
            used.add(other or parts[unit])
    return Claim(
        read.steward,
        read.record,
        fields,
        read.evidence,
        recorded,
        {record: names.get(record) for record in names if record in used},
    )
