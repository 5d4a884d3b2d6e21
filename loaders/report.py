"""What became of a load, file by file: its counts and refusals, and the JSON that scripts rely on."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from loaders.items import Refused

_MOST_SHOWN = 100
_TOLD = ("field", "value", "code", "reason", "repair")


@dataclass
class Counts:
    """Items by verdict (`read` is their sum), and the stubs that came with them: with the first of files read abreast."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    conflicts: int = 0
    stubs: int = 0

    def count(self, verdict: str) -> None:
        """Count one item."""
        name = "conflicts" if verdict == "conflict" else verdict
        setattr(self, name, getattr(self, name) + 1)
        self.read += 1

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return dict(self.__dict__)


@dataclass
class FileReport:
    """What became of one file."""

    path: str
    format: str
    sha256: str
    sheet: str | None = None
    counts: Counts = field(default_factory=Counts)
    commits: list[int] = field(default_factory=list)


@dataclass
class LoadReport:
    """What became of a load; `as_dict` is its JSON."""

    load_id: str
    steward: str
    files: list[FileReport] = field(default_factory=list)
    commits: tuple[int, int] | None = None
    digest: str = ""
    refused: list[dict[str, Any]] = field(default_factory=list)
    refused_total: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    quarantine: str | None = None
    dry_run: bool = False
    mappings: dict[str, str] = field(default_factory=dict)

    def begin(self, path: str, format_: str, sha256: str, sheet: str | None = None) -> FileReport:
        """The report of one more file, or sheet of one; what in its name is not UTF-8, or ends a line, is told as U+FFFD."""
        self.files.append(FileReport(os.fsencode(path).decode(errors="replace").replace("\n", "\ufffd"), format_, sha256, sheet))
        return self.files[-1]

    def refuse(self, report: FileReport, item: Refused) -> None:
        """Count a refused item of a file, and keep the first hundred: the first problem, and `also` the others."""
        report.counts.count("refused")
        self.refused_total += 1
        if len(self.refused) < _MOST_SHOWN:
            first, *others = ({name: getattr(problem, name) for name in _TOLD} for problem in item.problems)
            self.refused.append({"file": report.path, "at": item.at, **first, "also": others})

    def note(self, notes: Iterable[str]) -> None:
        """Count what was kept in part."""
        for note in notes:
            self.notes[note] = self.notes.get(note, 0) + 1

    @property
    def totals(self) -> Counts:
        """The counts of all files."""
        total = Counts()
        for report in self.files:
            for name, value in report.counts.__dict__.items():
                setattr(total, name, getattr(total, name) + value)
        return total

    def as_dict(self) -> dict[str, Any]:
        """The answer of `load`; of mappings where there are some."""
        files = [{"path": r.path, "format": r.format, **r.counts.as_dict()} for r in self.files]
        answer = {
            "schema_version": 1,
            "load_id": self.load_id,
            "steward": self.steward,
            "dry_run": self.dry_run,
            "commits": list(self.commits) if self.commits else None,
            "digest": self.digest,
            "totals": self.totals.as_dict(),
            "files": files,
            "notes": [{"note": note, "items": count} for note, count in sorted(self.notes.items())],
            "refused": self.refused,
            "refused_total": self.refused_total,
            "quarantine": self.quarantine,
        }
        if self.mappings:
            answer["files"] = [{**told, "sheet": report.sheet} for told, report in zip(files, self.files, strict=True)]
            answer["mappings"] = [{"path": path, "sha256": sha256} for path, sha256 in self.mappings.items()]
        return answer
