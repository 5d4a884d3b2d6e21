"""What was refused, in the format it came in, with the reasons beside it: mend it and load the folder.

Of Parquet and Excel it is CSV, of SQLite JSON.
"""

import csv
import json
import shutil
import tempfile
from html import escape
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TextIO

from loaders import csv_bundle
from loaders.csv_rows import NOTES
from loaders.epcis import LISTS
from loaders.items import REFUSED, FhirEntry, MasterElement, Problem, Refused, XmlEvent
from loaders.json_stream import around
from loaders.mapped_rows import header_of
from loaders.mapping_files import quarantine_name
from loaders.ocel_form import LogItem
from loaders.ocel_quarantine import Kept, kept
from loaders.sources import SUFFIX, Source

_SENDERS = ("sender", "sbdh:sender")
"""Members of a document, or of its header, that name who sends it."""


class Quarantine:
    """The refused items of one source file: a file of the same name in `folder`, made with the first of them; of Parquet, CSV.

    What lay in an archive has its name there, and one whose name does not tell what it is gets an end that does. Another file
    of that name in the same load gets a number before it, which tells the loader nothing: `2.material.csv`."""

    def __init__(self, source: Source, folder: Path | None, taken: set[str]) -> None:
        self.path: Path | None = None
        self._source, self._folder, self._taken = source, folder, taken
        self._file: TextIO | None = None
        self._rows: csv.DictWriter[str] | None = None
        self._events = 0
        self._told: IO[str] | None = None
        self._elements = 0
        self._resources = 0
        self._listed = False  # whether a list of events, or of entries, is open
        self._log: Kept | None = None
        self._master: list[MasterElement] = []

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            if self._log:
                self._log.close()
            if self._told:
                self._close_document(self._file, self._told)
            if self._resources and self._listed:
                self._file.write("\n]}\n")
            if self._elements:
                self._file.write(f"{'</EventList>' if self._listed else ''}</EPCISBody>\n</epcis:EPCISDocument>\n")
            self._file.close()

    def add(self, item: Refused) -> None:
        """Keep one refused item, where there is anything of it to keep."""
        if self._folder is None or item.raw is None:
            return
        if self._file is None:
            self.path = self._folder / self._name()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="")
        if self._source.kind or self._source.table:
            self._add_row(item, self._file)
        elif isinstance(item.raw, LogItem):
            self._log = self._log or kept(self._file, self._source.format == "ocel-xml")
            self._log.add(item, item.raw)
        elif isinstance(item.raw, XmlEvent):
            self._add_element(item, item.raw, self._file)
        elif isinstance(item.raw, FhirEntry):
            self._add_resource(item, item.raw, self._file)
        else:
            self._add_event(item, self._file)

    def _name(self) -> str:
        told = Path(self._source.name or self._source.path.name)
        if self._source.table:
            told = Path(quarantine_name(told, self._source.table.table))
        elif kind := self._source.kind:
            told = told.with_suffix(".csv" if csv_bundle.kind_of(told) else f".{kind.lower()}.csv")
        elif self._source.format == "ocel-sqlite":
            told = told.with_name(f"{told.name}.json")
        elif told.suffix.lower() not in SUFFIX[self._source.format]:
            told = told.with_suffix(SUFFIX[self._source.format][0])
        name, number = told.name, 1
        while name in self._taken:
            number += 1
            name = f"{number}.{told.name}"
        self._taken.add(name)
        return name

    def _add_row(self, item: Refused, file: TextIO) -> None:
        if self._rows is None:
            columns = [name for name in self._header(item) if name not in NOTES]
            self._rows = csv.DictWriter(file, [*columns, *NOTES], extrasaction="ignore", lineterminator="\n")
            self._rows.writeheader()
        told = (item.at, *(_together(item.problems, name) for name in ("field", "reason", "repair")))
        self._rows.writerow({**item.raw, **dict(zip(NOTES[1:], told, strict=True))})

    def _header(self, item: Refused) -> list[str]:
        if self._source.table:
            return header_of(self._source.path, self._source.table.table)
        if self._source.format != "csv":
            return [*item.raw]
        with self._source.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as source:
            return [name.strip() for name in next(csv.reader(source))]

    def _add_event(self, item: Refused, file: TextIO) -> None:
        """Events go into a document as they were; its member `REFUSED` says what is wrong with each.

        Elements of master data wait, for its header is written last."""
        if self._told is None:
            self._told = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed with the document
            file.write(self._opening())
        if isinstance(item.raw, MasterElement):
            place = {"element": len(self._master)}
            self._master.append(item.raw)
        else:
            place = {"event": self._events}
            self._events += 1
            file.write(",\n" if place["event"] else "")
            file.write(json.dumps(item.raw, ensure_ascii=False))
        self._told.write(",\n" if self._told.tell() else "")
        self._told.write(json.dumps({**place, **item.reasons()}, ensure_ascii=False))

    def _close_document(self, file: TextIO, told: IO[str]) -> None:
        header = self._sender("epcisHeader")
        if self._master:
            vocabularies = [{"type": each.type, "vocabularyElementList": [each.element]} for each in self._master]
            header["epcisMasterData"] = {"vocabularyList": vocabularies}
        file.write("\n]}, ")
        if header:
            file.write(f'"epcisHeader": {json.dumps(header, ensure_ascii=False, indent=1)}, ')
        file.write(f'"{REFUSED}": [\n')
        told.seek(0)
        shutil.copyfileobj(told, file)
        told.close()
        file.write("\n]}\n")

    def _add_element(self, item: Refused, raw: XmlEvent, file: TextIO) -> None:
        """Elements go into a document of their version as they were, each behind a comment that says what is wrong with it."""
        if not self._elements:
            file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{raw.head}<EPCISBody>')
        if self._listed is not (raw.vocabulary is None):
            self._listed = raw.vocabulary is None
            file.write("<EventList>\n" if self._listed else "</EventList>\n")
        self._elements += 1
        file.write(f"{item.comment('event')}\n")
        if raw.vocabulary is None:
            file.write(f"{raw.text}\n")
        else:
            file.write(f'<VocabularyList><Vocabulary type="{escape(raw.vocabulary)}"><VocabularyElementList>{raw.text}')
            file.write("</VocabularyElementList></Vocabulary></VocabularyList>\n")

    def _add_resource(self, item: Refused, raw: FhirEntry, file: TextIO) -> None:
        """Resources go into a bundle, or a line each, with what is wrong with them in a member of their own."""
        resource = {**raw.resource, REFUSED: item.reasons()}
        if raw.line:
            file.write(f"{json.dumps(resource, ensure_ascii=False)}\n")
        else:
            opening = '{"resourceType": "Bundle", "type": "collection", "entry": [\n'
            entry = {"fullUrl": raw.full_url, "resource": resource} if raw.full_url else {"resource": resource}
            file.write(",\n" if self._resources else opening)
            file.write(json.dumps(entry, ensure_ascii=False))
            self._listed = True
        self._resources += 1

    def _opening(self) -> str:
        """The head of an EPCIS document with the contexts, date and sender of the original."""
        document = self._original()
        told = {"@context": document.get("@context", []), "type": "EPCISDocument", "schemaVersion": "2.0"}
        if "creationDate" in document:
            told["creationDate"] = document["creationDate"]
        return json.dumps({**told, **self._sender()}, ensure_ascii=False)[:-1] + ', "epcisBody": {"eventList": [\n'

    def _sender(self, *path: str) -> dict[str, Any]:
        """What the original says of its sender, in itself or in a part of it."""
        told: Any = self._original()
        for name in path:
            told = told.get(name)
        return {name: told[name] for name in _SENDERS if name in told} if isinstance(told, dict) else {}

    def _original(self) -> dict[str, Any]:
        document = around(self._source.path, LISTS, lambda at: None)
        return document if isinstance(document, dict) else {}


def _together(problems: tuple[Problem, ...], name: str) -> str:
    return "; ".join(str(getattr(problem, name)) for problem in problems)
