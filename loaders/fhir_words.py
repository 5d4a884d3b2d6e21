"""Words of FHIR, and of the terminologies it uses, in the words of the field."""

import re

STATUS = {
    "preparation": "planned",
    "draft": "planned",
    "requested": "planned",
    "received": "planned",
    "accepted": "planned",
    "ready": "planned",
    "registered": "planned",
    "in-progress": "in_progress",
    "on-hold": "in_progress",
    "partial": "in_progress",
    "preliminary": "in_progress",
    "modified": "in_progress",
    "completed": "completed",
    "final": "completed",
    "amended": "completed",
    "corrected": "completed",
    "appended": "completed",
    "failed": "failed",
    "stopped": "aborted",
    "cancelled": "aborted",
    "rejected": "aborted",
    "not-done": "aborted",
}
"""States of events (R5 value sets event-status, task-status, diagnostic-report-status) as those of steps."""
ORDER_STATUS = {
    "draft": "active",
    "active": "active",
    "on-hold": "on_hold",
    "revoked": "cancelled",
    "ended": "cancelled",
    "completed": "completed",
}
"""States of orders (R5 value set request-status) as those of episodes."""
PRIORITY = {"routine": "routine", "urgent": "urgent", "asap": "urgent", "stat": "emergency"}
"""Priorities (R5 value set request-priority) as those of handoffs."""
HOMES = frozenset(("PTRES", "ho"))
"""The residence of a patient (v3-RoleCode) and a dwelling (location-physical-type), whose names may tell who lives there."""
GENDERS = ("female", "male", "other", "unknown")
LEUKAPHERESIS = "leukapheresis"
TAKING = (LEUKAPHERESIS, "collection")
"""Types of steps that take from a person; any other treats it."""
_COLLECTED = r"(cells?|blood|specimen|sample|marrow|tissue|hpc|mnc|pbsc|pbmc)"
_KINDS = (
    (LEUKAPHERESIS, r"leu[kc]\w{0,8}pheres[ie]|\bapheres[ie]|/sct\|77257005\b|/cpt\|(3820[56]|38225|0537t)\b"),
    ("collection", rf"\b(collection of|{_COLLECTED} (collection|donation|draw))\b"),
    ("collection", r"\b(bone marrow aspiration|venipuncture|phlebotomy|biopsy)\b|/cpt\|(38230|38232)\b"),
    ("infusion", r"\b((re-?)?infusion|transfusion|transplant(ation)?)\b|/cpt\|(3824[0-2]|38228|0540t)\b"),
)
"""Types of steps of this field, and the words by which codes of procedures tell them, or their codes in SNOMED CT and CPT."""
_HARVEST = r"\bharvest"


def kind_of(words: str) -> str | None:
    """The type of step that words in small letters tell; None where it is none that matters to the graph.

    The first word tells: a product of apheresis is infused, and cells are collected for a transplantation."""
    if re.search(_HARVEST, words):
        return "collection"
    told = [(match.start(), name) for name, pattern in _KINDS if (match := re.search(pattern, words))]
    return min(told, default=(0, None))[1]
