"""Words of the Core Business Vocabulary that decide how an event is read (CBV 2.0 sections 7 and 8)."""

import re
from urllib.parse import quote, unquote

DEPARTURES = {"shipping": "released_at", "departing": "released_at", "dispatching": "released_at"}
"""Business steps that release custody, with the field of a handoff they fill."""

ARRIVALS = {"arriving": "delivered_at", "receiving": "accepted_at", "accepting": "accepted_at"}
"""Business steps that take custody, with the field of a handoff they fill."""

ILMD = {
    "itemExpirationDate": "expires_at",
    "bestBeforeDate": "expires_at",
    "expirationDate": "expires_at",
    "productName": "name",
    "descriptionShort": "name",
}
"""Master data attributes that are fields of a Material."""

_PREFIX = re.compile(
    r"(?:urn:epcglobal:cbv:[a-z]+:|https?://(?:ref\.gs1\.org|ns\.gs1\.org)/cbv/(?:BizStep|Disp|BTT|SDT|ER)-|cbv:(?:BizStep|Disp|BTT|SDT|ER)-)"
)


_OURS = "urn:veintrace:word:"


def local_word(text: str) -> str:
    """A standard word without its prefix (`shipping`), and one of `own_word`; other words as they are."""
    told = text.strip()
    return unquote(told[len(_OURS) :]) if told.startswith(_OURS) else _PREFIX.sub("", told, count=1)


def own_word(text: str) -> str:
    """A URI for a word that is none of the standard."""
    return _OURS + quote(text, safe="")
