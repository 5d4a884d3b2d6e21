"""How a text that a person or a file gives leads to records: stewards, and what an identifier may stand for."""

from collections.abc import Iterable

from graph import identifiers
from graph.errors import InvalidIdentifier
from graph.identifiers import Identifier


def steward(text: str) -> str:
    """The one spelling of a steward: the organisation's code, or the text of its GS1 or URI identifier.

    Raises `InvalidIdentifier` for what cannot name an organisation."""
    identifier = identifiers.parse(text.strip(), cls="organization", assigner=None)
    return identifier.value if identifier.scheme == "org" else identifier.text


def steward_id(name: str) -> str:
    """The id of the organisation record that a steward is."""
    return identifiers.record_id("organization", identifiers.parse(name, cls="organization", assigner=None))


def candidates(text: str, assigners: Iterable[str]) -> tuple[set[str], set[str]]:
    """`(ids, label texts)` that `text` may stand for: in every class it can name; a bare local number under each assigner.

    Raises `InvalidIdentifier` where it can name nothing in any class."""
    ids: set[str] = set()
    labels: set[str] = set()
    problem: InvalidIdentifier | None = None
    for cls in identifiers.CLASSES:
        for assigner in dict.fromkeys([*assigners, None]):
            try:
                identifier = identifiers.lenient(text, cls=cls, assigner=assigner)
            except InvalidIdentifier as error:
                problem = error
                continue
            _note(identifier, cls, ids, labels)
            if identifier.assigner != assigner:
                break
    if not ids and not labels and problem is not None:
        raise problem
    return ids, labels


def _note(identifier: Identifier, cls: str, ids: set[str], labels: set[str]) -> None:
    if identifier.is_key:
        ids.add(identifiers.record_id(cls, identifier))
    else:
        labels.add(identifier.text)
