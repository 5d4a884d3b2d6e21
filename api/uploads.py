"""Loading through the service: who holds a token speaks as one steward, and is told what became of what was sent.

The answer is that of `veintrace load`, without what depends on others' data: commits, digest and stubs. An answer is kept under
the idempotency key it was asked with, so that a call repeated after a broken connection is answered and not done again (as the
IETF's draft of the Idempotency-Key header has it).
"""

import hashlib
import hmac
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from threading import Lock
from time import time
from typing import IO, Any, cast
from uuid import uuid4

import orjson

from api import settings
from graph import naming
from graph.errors import Busy, KeyReused, NotAuthenticated, QuarantineFull, UnknownIdentifier, UsageError
from graph.store import Store
from loaders import pipeline, scratch
from loaders.room import Room, full_told
from loaders.sources import check_asked

MOST_WAITING = 8
"""Loads that may wait for one that is being landed; others are told to come again."""
MOST_RECEIVED, MOST_OF_ONE = 16, 4
"""Uploads that may come in at once, in all and of one steward: so who sends slowly keeps nobody else from sending."""
MOST_BYTES = 8 * 2**30
"""Bytes of one upload."""
IDLE = 60
"""Seconds for which nothing of an upload may come."""
KEPT = 30 * 86_400
"""Seconds for which an answer is kept under its key."""
_BETWEEN = 3_600
"""Seconds after which answers that are kept too long are looked for again."""
_ANSWERS = ".answers"
_BLOCK = 2**20
_SHORTEST_TOKEN = 16
_LONGEST_KEY = 255
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+\Z")
_WITHHELD = ("commits", "digest")


def tokens() -> dict[str, str]:
    """Steward by token, as `VEINTRACE_LOAD_TOKENS` has them: `ORG=token`, separated by commas. Raises `UsageError`."""
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, settings.value("VEINTRACE_LOAD_TOKENS").split(","))):
        name, _, token = part.partition("=")
        if len(token) < _SHORTEST_TOKEN or not _TOKEN.match(token) or token in found:
            reason = (
                f"each of its entries is ORGANISATION=TOKEN, a token of its own of at least {_SHORTEST_TOKEN} letters and digits"
            )
            raise UsageError(f"VEINTRACE_LOAD_TOKENS does not fit: {reason}", variable="VEINTRACE_LOAD_TOKENS")
        found[token] = naming.steward(name)
    return found


@dataclass(frozen=True)
class Upload:
    """What somebody wants loaded: files in a folder of their own, and how. `key` is the caller's idempotency key."""

    steward: str
    folder: Path
    key: str | None = None
    format: str | None = None
    encoding: str | None = None
    dry_run: bool = False

    def checked(self) -> "Upload":
        """The same, its words looked at. Raises `UsageError`."""
        if self.key is not None and not (0 < len(self.key) <= _LONGEST_KEY and self.key.isprintable()):
            raise UsageError(f"an idempotency key has 1 to {_LONGEST_KEY} printable characters", field="idempotency-key")
        asked = replace(self, format=None if self.format == "auto" else self.format)
        check_asked(asked.format, asked.encoding)
        return asked

    def fingerprint(self) -> str:
        """What tells this upload from another: its files and how they are to be read."""
        told = hashlib.sha256(f"{self.format} {self.encoding} {self.dry_run}".encode())
        for path in sorted(self.folder.iterdir()):
            with path.open("rb") as file:
                told.update(f"\n{path.name}\n{hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
        return told.hexdigest()


def file_name(text: str | None) -> str:
    """A name for a file that somebody sends: the last part of what they call it. Raises `UsageError`."""
    name = PurePosixPath((text or "upload").replace("\\", "/")).name
    if not name or name.startswith(".") or len(name.encode()) > 200 or not name.isprintable():
        raise UsageError("the name of a file has 1 to 200 printable characters and does not begin with a dot", field="name")
    return name


class Uploads:
    """The loads of one service, one after the other: a graph is written by one at a time."""

    def __init__(self, store: Store, quarantine: Path, stewards: Mapping[str, str]) -> None:
        self._store, self._quarantine, self._stewards = store, quarantine, stewards
        self._answers = quarantine / _ANSWERS
        self._most_refused = settings.quarantine_most()
        self._worker = ThreadPoolExecutor(1, "load")
        self._waiting, self._coming, self._lock = 0, Counter[str](), Lock()
        self._looked = 0.0
        self._forget_old()

    def steward(self, authorization: str | None) -> str:
        """Who speaks for whom `Authorization: Bearer TOKEN` was sent. Raises `NotAuthenticated`."""
        word, _, token = (authorization or "").strip().partition(" ")
        found = None
        for known, steward in self._stewards.items():
            if hmac.compare_digest(known.encode(), token.strip().encode()):
                found = steward
        if found is None or word.lower() != "bearer":
            raise NotAuthenticated()
        return found

    def folder(self) -> Path:
        """A new folder for what is sent; `land` takes care of it, else whoever asked for it must `forget` it."""
        return scratch.new()

    @contextmanager
    def receiving(self, steward: str) -> Iterator[Path]:
        """A new folder for what a steward sends, which is removed where that is not taken. Raises `Busy` and `DiskFull`."""
        with self._lock:
            if self._coming.total() >= MOST_RECEIVED or self._coming[steward] >= MOST_OF_ONE:
                raise Busy()
            self._coming[steward] += 1
        try:
            with full_told():
                folder = self.folder()
                try:
                    Room(folder).look()
                    yield folder
                except BaseException:
                    self.forget(folder)
                    raise
        finally:
            with self._lock:
                self._coming[steward] -= 1

    def forget(self, folder: Path) -> None:
        """Remove a folder and what was sent."""
        scratch.remove(folder)

    def land(self, upload: Upload) -> Future[dict[str, Any]]:
        """The answer to an upload, when its turn has come; it lands even if nobody waits any more. Raises `Busy`, `UsageError`."""
        upload = upload.checked()
        with self._lock:
            if self._waiting > MOST_WAITING:
                raise Busy()
            self._waiting += 1
        landed = self._worker.submit(self._landed, upload)
        landed.add_done_callback(lambda _: self.forget(upload.folder))  # also of what was never begun
        return landed

    def close(self) -> None:
        """Lets go of the worker; what waits is not begun."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _landed(self, upload: Upload) -> dict[str, Any]:
        try:
            self._forget_old()
            place, sent = self._place(upload.steward, upload.key), upload.fingerprint()
            if place and (known := _read(place)):
                if known["sent"] != sent:
                    raise KeyReused(str(upload.key))
                return {**known["answer"], "replayed": True}
            self._look_at_quarantine()
            report = self._loaded(upload)
            answer = _told(report.as_dict(), upload.folder)
            if report.quarantine and not report.dry_run:
                self._keep(self._answers / f"load-{report.load_id}.json", {"steward": upload.steward})
            if place:
                self._keep(place, {"sent": sent, "answer": answer})
            return {**answer, "replayed": False}
        finally:
            self.forget(upload.folder)
            with self._lock:
                self._waiting -= 1

    def _look_at_quarantine(self) -> None:
        """Raises `QuarantineFull` where uploads before left no room for what another may leave."""
        held = 0
        for folder, _, names in os.walk(self._quarantine):
            for name in names:
                with suppress(OSError):  # it may be cleared meanwhile
                    held += os.stat(os.path.join(folder, name)).st_size
        if held > self._most_refused:
            raise QuarantineFull(self._most_refused)

    def _loaded(self, upload: Upload) -> pipeline.LoadReport:
        options = pipeline.Options(
            steward=upload.steward,
            forced=True,
            author=upload.steward,
            quarantine=self._quarantine,
            secret=settings.pseudonym_key(),
            format=upload.format,
            encoding=upload.encoding,
            within=upload.folder,
        )
        paths = sorted(upload.folder.iterdir())
        return pipeline.dry_run(paths, options) if upload.dry_run else pipeline.load(self._store, paths, options)

    def refused(self, steward: str, load_id: str) -> Iterator[bytes]:
        """An archive of what a load of this steward refused, part by part; nothing of it is on the disk. Raises
        `UnknownIdentifier` before the first."""
        known = _read(self._answers / f"load-{load_id}.json") if re.fullmatch(r"[0-9a-f]{16}", load_id) else None
        folder = self._quarantine / load_id
        if known is None or known["steward"] != steward or not folder.is_dir():
            raise UnknownIdentifier(load_id)
        return _packed(sorted(folder.iterdir()))

    # -- answers that are kept

    def _place(self, steward: str, key: str | None) -> Path | None:
        if key is None:
            return None
        return self._answers / f"key-{hashlib.sha256(orjson.dumps([steward, key])).hexdigest()}.json"

    def _keep(self, path: Path, told: Mapping[str, Any]) -> None:
        self._answers.mkdir(mode=0o700, parents=True, exist_ok=True)
        coming = path.with_name(uuid4().hex)
        coming.touch(mode=0o600)
        with coming.open("wb") as file:
            file.write(orjson.dumps(told))
            file.flush()
            os.fsync(file.fileno())
        coming.rename(path)

    def _forget_old(self) -> None:
        """Remove what has been kept for long enough, now and then."""
        now = time()
        if now < self._looked + _BETWEEN:
            return
        self._looked = now
        for path in self._answers.glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < now - KEPT:
                    path.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        return found
    except (OSError, ValueError):
        return None


class _Parts:
    """What an archive is written to: its bytes wait here until they are taken."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


def _packed(files: Sequence[Path]) -> Iterator[bytes]:
    """An archive of files, part by part."""
    parts = _Parts()
    with zipfile.ZipFile(cast("IO[bytes]", parts), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            told = zipfile.ZipInfo.from_file(path, path.name)
            told.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as file, archive.open(told, "w") as packed:
                while block := file.read(_BLOCK):
                    packed.write(block)
                    yield parts.take()
    yield parts.take()


def _told(report: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The answer of a load as one steward may see it."""
    told = {name: value for name, value in report.items() if name not in _WITHHELD}
    told["totals"] = _without_stubs(told["totals"])
    told["files"] = [_without_stubs(file) for file in told["files"]]
    told["quarantine"] = f"/load/{told['load_id']}/refused.zip" if told["quarantine"] else None
    return told


def _without_stubs(counts: Mapping[str, Any]) -> dict[str, Any]:
    """How many stubs there are tells which records others have told of."""
    return {name: value for name, value in counts.items() if name != "stubs"}


def written(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    """Write files of these names and texts into a folder. Raises `UsageError` where two have one name, or there are none."""
    if not files:
        raise UsageError("there is no file; send at least one", field="files")
    for name, text in files:
        path = folder / file_name(name)
        if path.exists():
            raise UsageError(f"two files are named {path.name}", field="name")
        path.write_text(text, encoding="utf-8", newline="")
