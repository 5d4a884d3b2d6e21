"""What a file of JSON is: EPCIS, FHIR or an OCEL log, told by the members of its outermost object, or of the first in a list."""

from codecs import BOM_UTF8
from pathlib import Path

import ijson

_LOOKED_AT = 2**20
"""Bytes in which a document must tell what it is."""
LINES = (".ndjson", ".jsonl")
"""Suffixes of files of which every line is a document."""
_TELLING = {
    "@context": "epcis",
    "epcisBody": "epcis",
    "eventTime": "epcis",
    "resourceType": "fhir",
    "entry": "fhir",
    "objectTypes": "ocel",
    "eventTypes": "ocel",
    "objects": "ocel",
    "events": "ocel",
    "ocel:global-log": "ocel",
    "ocel:global-event": "ocel",
    "ocel:global-object": "ocel",
    "ocel:events": "ocel",
    "ocel:objects": "ocel",
}
"""Members that documents of one form alone have (EPCIS 2.0; FHIR R5, 2.6; OCEL 2.0, 6; OCEL 1.0, which is told apart)."""


class _Beginning:
    """The first bytes of a file, as a parser reads them."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = file.read(_LOOKED_AT).removeprefix(BOM_UTF8)

    def read(self, size: int = -1) -> bytes:
        """A stretch of them: a small one first, as most documents tell at once."""
        size = min(size, 2**13) if size >= 0 else len(self._data)
        told, self._data = self._data[:size], self._data[size:]
        return told


def json_form(path: Path) -> str:
    """`fhir`, `ocel`, or `epcis`, whose reader says what is wrong with anything else; of lines that of FHIR does."""
    return _TELLING.get(_telling(path)) or ("fhir" if path.suffix.lower() in LINES else "epcis")


def is_first_ocel(path: Path) -> bool:
    """Whether a document is a log of OCEL 1.0: the names of its members begin with `ocel:`."""
    return _telling(path).startswith("ocel:")


def _telling(path: Path) -> str:
    """The member that tells what a document is; empty where none does."""
    depth, outermost = 0, 1
    try:
        for event, value in ijson.basic_parse(_Beginning(path), use_float=True, multiple_values=True):
            if event in ("start_map", "start_array"):
                if depth == 0 and event == "start_array":
                    outermost = 2
                depth += 1
            elif event in ("end_map", "end_array"):
                depth -= 1
                if depth < outermost:
                    break
            elif event == "map_key" and depth == outermost and value in _TELLING:
                return str(value)
    except (ijson.JSONError, UnicodeDecodeError):
        pass
    return ""
