"""What was refused, in the format it came in, with the reasons beside it: mend it and load it again."""

import csv
import io
import json
from pathlib import Path
from typing import Any, TextIO

from loaders import csv_bundle
from loaders.items import Problem, Refused

_NOTES = ("_at", "_field", "_reason", "_repair")


class Quarantine:
    """The refused items of one file; the file is made with the first of them, under the folder of its load."""

    def __init__(self, source: Path, load_id: str, folder: Path | None) -> None:
        self._source = source
        self._path = folder / f"{load_id}.{source.name}" if folder else None
        self._rows: csv.DictWriter[str] | None = None
        self._file: TextIO | None = None
        self._events = 0

    def add(self, item: Refused) -> None:
        """Keep one refused item."""
        if self._path is None or item.raw is None:
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8", newline="")
        if csv_bundle.kind_of(self._source) and self._source.suffix.lower() == ".csv":
            self._add_row(item, self._file)
        else:
            self._add_event(item, self._file)

    def _add_row(self, item: Refused, file: TextIO) -> None:
        if self._rows is None:
            with self._source.open(encoding="utf-8-sig", errors="replace", newline="") as source:
                header = [name.strip() for name in next(csv.reader(source), [])]
            columns = [name for name in header if name not in _NOTES]
            self._rows = csv.DictWriter(file, [*columns, *_NOTES], extrasaction="ignore", lineterminator="\n")
            self._rows.writeheader()
        told = (item.at, *(_together(item.problems, name) for name in ("field", "reason", "repair")))
        self._rows.writerow({**item.raw, **dict(zip(_NOTES, told, strict=True))})

    def _add_event(self, item: Refused, file: TextIO) -> None:
        file.write(",\n" if self._events else self._opening())
        self._events += 1
        note = [{"at": item.at, "field": p.field, "reason": p.reason, "repair": p.repair} for p in item.problems]
        raw: Any = {**item.raw, "veintrace:refused": note} if isinstance(item.raw, dict) else item.raw
        file.write(json.dumps(raw, ensure_ascii=False))

    def _opening(self) -> str:
        """The head of an EPCIS document with the contexts of the original."""
        document = json.loads(self._source.read_bytes())
        context = document.get("@context", []) if isinstance(document, dict) else []
        head = io.StringIO()
        json.dump({"@context": context, "type": "EPCISDocument", "schemaVersion": "2.0"}, head, ensure_ascii=False)
        return head.getvalue()[:-1] + ', "epcisBody": {"eventList": [\n'

    def close(self) -> Path | None:
        """Finish the file; returns its path, None where nothing was refused."""
        if self._file is None:
            return None
        if self._events:
            self._file.write("\n]}}\n")
        self._file.close()
        return self._path


def _together(problems: tuple[Problem, ...], name: str) -> str:
    return "; ".join(str(getattr(problem, name)) for problem in problems)
