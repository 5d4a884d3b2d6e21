"""From the text of a cell to a value, by the rules of the model; what does not fit says how to mend it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from graph import times
from graph.errors import InvalidIdentifier, InvalidInstant
from graph.model import CONTAINER, CONTENT, MODELS, Amount, Text
from loaders.items import Problem

Convert = Callable[[str, str | None], Any]
"""From a cell that is not empty, and the IANA zone of local times, to a value. Raises `Unfit`."""

_TRUE, _FALSE = frozenset(("true", "yes", "1")), frozenset(("false", "no", "0"))
_PLAIN = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{0,5}[1-9])?)?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)", re.ASCII
)
_REPAIRS = {
    "float_parsing": "write a plain number such as 12.5: decimal point, no thousands separator, no unit",
    "int_parsing": "write a whole number, digits only",
    "int_from_float": "write a whole number",
    "finite_number": "write a finite number, or leave the cell empty where it is unknown",
    "greater_than_equal": "correct the number, or leave the cell empty where it is unknown",
    "less_than_equal": "correct the number, or leave the cell empty where it is unknown",
    "string_too_long": "shorten it to 4,000 characters",
}


class Unfit(Exception):
    """A cell that is not what its column holds."""

    def __init__(self, code: str, reason: str, repair: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.repair = code, reason, repair

    def at(self, column: str, text: str) -> Problem:
        """The problem of a column's cell."""
        return Problem(column, text[:200], self.code, self.reason, self.repair)


def missing(column: str) -> Problem:
    """The problem of a cell that may not be empty."""
    return Problem(column, "", "MISSING", f"{column} is empty", "name the record meant")


@contextmanager
def fitting() -> Iterator[None]:
    """Raises `Unfit` for an identifier or instant that is none."""
    try:
        yield
    except (InvalidIdentifier, InvalidInstant) as error:
        raise Unfit(error.code, error.reason, error.repair) from None


def instant(text: str, zone: str | None) -> str:
    """Canonical text of an instant, as `graph.times.canonical` makes it; the plainest form takes a short way there."""
    if _PLAIN.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return text[:-6] + "Z" if text.endswith("00:00") and text[-6] in "+-" else text
    with fitting():
        return times.canonical(text, zone)


def truth(text: str, zone: str | None = None) -> bool:
    """True or false, as people write them."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Unfit("INVALID_VALUE", "it is neither true nor false", "write true or false, or leave it empty")


def field(kind: str, name: str) -> Convert:
    """The rule of a field of a kind of record, by its name in the model."""
    model = MODELS[kind]
    if name in model.INSTANTS:
        return instant
    annotation = model.model_fields[name].annotation
    if annotation == Text | None:
        return _text
    words = tuple(word for part in get_args(annotation) for word in get_args(part) if isinstance(word, str))
    return _one_of(words) if words else _typed(annotation)


def relation_property(name: str) -> Convert:
    """The rule of a property of a relation."""
    if name == "role":
        return _one_of((CONTENT, CONTAINER))
    return _typed(Amount) if name == "quantity" else _text


def _text(text: str, zone: str | None = None) -> str:
    if len(text) > 4000:
        raise Unfit("INVALID_VALUE", f"it has {len(text):,} characters", _REPAIRS["string_too_long"])
    return text


def _one_of(words: tuple[str, ...]) -> Convert:
    known = frozenset(words)

    def convert(text: str, zone: str | None = None) -> str:
        if text not in known:
            raise Unfit("INVALID_VALUE", "it is none of the words allowed", f"write one of {', '.join(words)}")
        return text

    return convert


def _typed(annotation: Any) -> Convert:
    """The rule of a number, as pydantic reads it from the model."""
    validate = TypeAdapter[Any](annotation).validate_python

    @lru_cache(maxsize=8192)
    def convert(text: str, zone: str | None = None) -> Any:
        try:
            return validate(text)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            repair = _REPAIRS.get(fault["type"], "see the data dictionary that `veintrace template` writes")
            raise Unfit("INVALID_VALUE", fault["msg"][0].lower() + fault["msg"][1:], repair) from None

    return convert
