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
GENDERS = ("female", "male", "other", "unknown")
LEUKAPHERESIS = "leukapheresis"
TAKING = (LEUKAPHERESIS, "collection")
"""Types of steps that take from a person; any other treats it."""
_KINDS = (
    (LEUKAPHERESIS, r"leu[kc]a?o?pheresis|leukocytapheresis|apheresis"),
    ("collection", r"\b(harvest\w*|collection of|blood donation|bone marrow aspiration|venipuncture|phlebotomy|biopsy)\b"),
    ("infusion", r"\b((re-?)?infusion|transfusion|transplant(ation)?)\b"),
)
"""Types of steps of this field, and the words by which codes of procedures tell them."""


def kind_of(words: str) -> str | None:
    """The type of step that words in small letters tell; None where it is none that matters to the graph."""
    return next((name for name, pattern in _KINDS if re.search(pattern, words)), None)
