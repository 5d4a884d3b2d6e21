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


_STEPS = frozenset((
    "collection", "apheresis", "leukapheresis", "donation", "procurement", "processing",
    "selection", "activation", "transduction", "expansion", "harvest", "formulation",
    "fill", "cryopreservation", "thaw", "test", "release", "infusion",
    "transplantation", "administration", "administering", "discard",
))  # fmt: skip
_ACTING = {"thawing": "thaw", "testing": "test", "releasing": "release", "infusing": "infusion", "discarding": "discard",
           "harvesting": "harvest", "filling": "fill", "cryopreserving": "cryopreservation"}  # fmt: skip
_PRIVATE = re.compile(r".*[/:#](?:bizstep-)?([a-z]+)\Z", re.IGNORECASE)
_OURS = "urn:veintrace:word:"


def local_word(text: str) -> str:
    """A standard word without its prefix (`shipping`), and one of `own_word`; other words as they are."""
    told = text.strip()
    return unquote(told[len(_OURS) :]) if told.startswith(_OURS) else _PREFIX.sub("", told, count=1)


def step_type(bizstep: str) -> str:
    """The kind of step that a business step is, as `local_word` has it: of a URI that ends in a word of ours, that word.

    The CBV has no word for what therapies are made by, so a URI of one's own is the only way to say it. One that ends in a word
    of the CBV is another's step of that name: whoever means the standard's has its own URI."""
    match = _PRIVATE.match(bizstep)
    word = match[1].lower() if match else ""
    word = _ACTING.get(word, word)
    return word if word in _STEPS else bizstep


def own_word(text: str) -> str:
    """A URI for a word that is none of the standard."""
    return _OURS + quote(text, safe="")
