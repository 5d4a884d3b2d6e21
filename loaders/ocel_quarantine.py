"""What was refused of an event log, as a log, with what is wrong beside it: of JSON and SQLite one in JSON, of XML one in XML."""

import json
import shutil
import tempfile
from typing import IO, Protocol, TextIO

from loaders.items import REFUSED, Refused
from loaders.ocel_form import LogItem, Part, declarations


class Kept(Protocol):
    """A log that is being written."""

    def add(self, item: Refused, raw: LogItem) -> None:
        """Keep one item."""

    def close(self) -> None:
        """End the document; the file stays open."""


def kept(file: TextIO, in_xml: bool) -> Kept:
    """A log of refused items in a file."""
    return _Xml(file) if in_xml else _Json(file)


class _Json:
    """Objects come before events, as they are read; the member `veintrace:refused` says what is wrong with each."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._told: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed with the document
        self._counts: dict[Part, int] = {"objects": 0, "events": 0}
        self._begun = False

    def add(self, item: Refused, raw: LogItem) -> None:
        if not self._begun:
            self._begun = True
            self._file.write(json.dumps(raw.types.as_json(), ensure_ascii=False)[:-1] + ', "objects": [\n')
        if raw.part == "events" and not self._counts["events"]:
            self._file.write('\n], "events": [\n')
        number = self._counts[raw.part]
        self._counts[raw.part] += 1
        self._file.write((",\n" if number else "") + json.dumps(raw.told, ensure_ascii=False))
        self._told.write(",\n" if self._told.tell() else "")
        self._told.write(json.dumps({raw.part: number, **item.reasons()}, ensure_ascii=False))

    def close(self) -> None:
        self._file.write("\n]" if self._counts["events"] else '\n], "events": []')
        self._file.write(f', "{REFUSED}": [\n')
        self._told.seek(0)
        shutil.copyfileobj(self._told, self._file)
        self._told.close()
        self._file.write("\n]}\n")


class _Xml:
    """Elements as they were, each behind a comment that says what is wrong with it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._open: Part | None = None

    def add(self, item: Refused, raw: LogItem) -> None:
        if self._open is None:
            self._file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<log>\n{declarations(raw.types)}')
        if self._open != raw.part:
            self._file.write(f"</{self._open}>\n<{raw.part}>\n" if self._open else f"<{raw.part}>\n")
            self._open = raw.part
        self._file.write(f"{item.comment(raw.part[:-1])}\n{raw.told}\n")

    def close(self) -> None:
        self._file.write(f"</{self._open}>\n</log>\n" if self._open else "")
