"""What comes packed (.gz, .zst, .zip) or in UTF-16, written out as plain files in a scratch folder, within limits.

So readers have files they can open twice and seek in, of any size, and none of them knows of archives. Room on the disk is
needed for it; memory is not. Where none is left but a reserve, the whole load is given up (`DiskFull`): no file is to blame for it.
"""

import codecs
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Protocol

import zstandard

from graph.errors import UnreadableSource
from loaders.room import Room, full_told

MOST_BYTES = 64 * 2**30
"""Bytes that all archives of one load may hold when unpacked."""
MOST_FILES = 10_000
"""Files that one archive may hold."""
MOST_RATIO = 400
"""How many times its packed size a file may have; tables and events of real systems stay below 100."""
MOST_NESTED = 2
"""Archives within archives."""
_ANY_RATIO = 16 * 2**20
"""Up to this size a file may be packed as tightly as can be."""
_BLOCK = 2**20
_ZST_BLOCK = 2**11
"""Few enough bytes for what they unpack to, at worst, to fit into memory."""
_WINDOW = 2**27
"""Most memory (bytes) that unpacking .zst may take: what its own tool allows unless told."""
_MOST_A_LETTER = 4
"""Bytes of a letter in UTF-8."""
_LONGEST_NAME = 240  # bytes; file systems take 255
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PACKED = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
_SHEETS = ("xl/", "[Content_Types].xml")
_DAMAGED = (
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    NotImplementedError,
    ValueError,
)


class Stream(Protocol):
    """What can be read from."""

    def read(self, size: int, /) -> bytes: ...


class Piece(NamedTuple):
    """A plain file: where it lies, its name for people (of what lies in an archive with that of the archive), and where the
    bytes lie that were sent (before they were written in another encoding)."""

    path: Path
    name: str
    sent: Path


class Unpacker:
    """Unpacks the files of one load into `scratch`; `encoding` is that of CSV files which name none themselves.

    Of an archive only those files are unpacked that `wanted` says of."""

    def __init__(self, scratch: Path, encoding: str | None = None, wanted: Callable[[Path], bool] = lambda path: True) -> None:
        self._scratch, self._encoding, self._wanted = scratch, encoding, wanted
        self._room, self._left = Room(scratch), MOST_BYTES
        self._folders = 0

    def pieces(self, path: Path, name: str) -> list[Piece]:
        """The plain files that a file is or holds. Raises `UnreadableSource` for one that cannot be unpacked: nothing of it is
        read then; and `DiskFull`."""
        with full_told(), _told(name):
            return list(self._pieces(path, name, 0))

    def received(self, stream: Stream, name: str) -> Path:
        """A file of this name with all that comes from a stream. Raises `UnreadableSource` and `DiskFull`."""
        path = self._folder() / _short(name)
        with full_told():
            self._copy(stream, path, name, None)
        return path

    def _pieces(self, path: Path, name: str, depth: int) -> Iterator[Piece]:
        kind = packing(path)
        if kind is None:
            yield self._as_utf8(path, name)
        elif depth == MOST_NESTED:
            raise UnreadableSource(name, "", f"archives may lie {MOST_NESTED} deep in each other", "unpack the outer ones")
        elif kind == "zip":
            for inner, shown in self._unzipped(path, name):
                yield from self._pieces(inner, shown, depth + 1)
        else:
            plain = path.stem if path.suffix.lower() in (".gz", ".zst") else path.name
            target = self._folder() / _short(plain)
            with path.open("rb") as file:
                self._copy(gzip.GzipFile(fileobj=file) if kind == "gz" else _Zst(file), target, name, path.stat().st_size)
            yield from self._pieces(target, name, depth + 1)

    def _unzipped(self, path: Path, name: str) -> Iterator[tuple[Path, str]]:
        """The files of an archive, each in a folder with those that lay in one folder; hidden ones left out."""
        folders: dict[str, Path] = {}
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/") and not _is_hidden(entry.filename)]
            entries = [entry for entry in entries if self._wanted(Path(entry.filename.replace("\\", "/")))]
            if not entries:
                raise UnreadableSource(name, "", "it holds no file whose name promises something that can be loaded", "look inside")
            if len(entries) > MOST_FILES:
                raise UnreadableSource(name, "", f"an archive may hold {MOST_FILES:,} files", "split it into several")
            for entry in entries:
                inner = PurePosixPath(entry.filename.replace("\\", "/"))
                shown = f"{name}/{inner}"
                if entry.flag_bits & 1:
                    raise UnreadableSource(name, str(inner), "it is encrypted", "send it decrypted, over a channel that is safe")
                folder = folders.setdefault(str(inner.parent), self._folder())
                target = folder / _short(inner.name)
                if target.exists():
                    target = self._folder() / target.name
                with archive.open(entry) as stream:
                    self._copy(stream, target, shown, entry.compress_size)
                yield target, shown

    def _copy(self, stream: Stream, target: Path, name: str, packed: int | None) -> None:
        """Write a stream to a file. Raises `UnreadableSource` where it is more than may be, and `DiskFull`."""
        written = 0
        with target.open("wb") as out:
            while block := stream.read(_BLOCK):
                written += len(block)
                self._left -= len(block)
                if packed is not None and written > _ANY_RATIO and written > MOST_RATIO * packed:
                    reason = f"it unpacks to more than {MOST_RATIO} times its size, as files made to do harm do"
                    raise UnreadableSource(name, "", reason, "unpack it yourself if you trust it")
                if self._left < 0:
                    reason = f"unpacked it has more bytes than one load may have ({MOST_BYTES:,})"
                    raise UnreadableSource(name, "", reason, "load it in parts")
                self._room.take(len(block))
                out.write(block)

    def _as_utf8(self, path: Path, name: str) -> Piece:
        """A file in UTF-8: as it is, or what was written in UTF-16, UTF-32 or the encoding of the load, written anew."""
        encoding = self._encoding_of(path)
        if encoding is None:
            return Piece(path, name, path)
        target = self._folder() / path.name
        with (
            path.open(encoding=encoding, errors="surrogateescape", newline="") as file,
            target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
        ):
            while text := file.read(_BLOCK):
                self._room.take(_MOST_A_LETTER * len(text))
                out.write(text)
        return Piece(target, name, path)

    def _encoding_of(self, path: Path) -> str | None:
        start = beginning(path)
        if start.lstrip()[:1] == b"<":
            return None  # XML says so itself
        for mark, encoding in _WIDE:
            if start.startswith(mark):
                return None if start[len(mark) :].replace(b"\0", b"").lstrip()[:1] == b"<" else encoding
        if start.startswith(codecs.BOM_UTF8) or start[:4] in (b"PAR1", b"SQLi") or start.lstrip()[:1] in (b"{", b"["):
            return None
        return self._encoding

    def _folder(self) -> Path:
        self._folders += 1
        folder = self._scratch / str(self._folders)
        folder.mkdir()
        return folder


def is_encoding(name: str) -> bool:
    """Whether texts can be in an encoding of this name."""
    try:
        "x".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def beginning(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(256)


def packing(path: Path) -> str | None:
    """`gz`, `zst` or `zip` by what a file begins with; None for any other, and for workbooks, which are read as they are."""
    start = beginning(path)
    kind = next((kind for mark, kind in _PACKED.items() if start.startswith(mark)), None)
    return None if kind == "zip" and is_workbook(path) else kind


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook of Excel, which is an archive by its form."""
    names = _zipped(path) or ()
    return _SHEETS[1] in names and any(name.startswith(_SHEETS[0]) for name in names)


def is_empty(path: Path) -> bool:
    """Whether a file is an archive without a file in it."""
    names = _zipped(path)
    return names is not None and all(name.endswith("/") for name in names)


def _zipped(path: Path) -> list[str] | None:
    """The names in a .zip, of folders too; None where it is none, or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turns what unpacking a damaged file may raise into `UnreadableSource`."""
    try:
        yield
    except UnicodeError as error:
        raise UnreadableSource(name, "", f"it is not in the encoding it should be: {error}", "save it as UTF-8") from None
    except _DAMAGED as error:
        reason = f"it cannot be unpacked: {error or 'it breaks off'}"
        raise UnreadableSource(name, "", reason, "send it again; check that it came whole") from None
    except OSError as error:
        if error.errno is not None:
            raise
        # what damaged bzip2 raises
        raise UnreadableSource(name, "", f"it cannot be unpacked: {error}", "send it again; check that it came whole") from None
    except RuntimeError as error:
        raise UnreadableSource(name, "", f"it cannot be unpacked: {error}", "pack it again without a password") from None


class _Zst:
    """The content of a .zst file, block by block; unlike the stream readers of the library it says where a frame breaks off."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = self._next_frame()
        self._waiting = b""

    def read(self, _: int) -> bytes:
        """The next block. Raises `EOFError` where the file ends within a frame."""
        while data := self._waiting or self._file.read(_ZST_BLOCK):
            if self._frame.eof:
                self._frame = self._next_frame()
            block = self._frame.decompress(data)
            self._waiting = self._frame.unused_data if self._frame.eof else b""
            if block:
                return block
        if not self._frame.eof:
            raise EOFError("it breaks off")
        return b""

    @staticmethod
    def _next_frame() -> "zstandard.ZstdDecompressionObj":
        return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts if part != "..")


def _short(name: str) -> str:
    """A name that any file system takes; what tells the kind is at its end."""
    plain = "".join(letter if letter.isprintable() and letter != "/" else "_" for letter in name)
    short = plain.encode("utf-8", "replace")[-_LONGEST_NAME:].decode("utf-8", "ignore")
    return short if short.strip(".") else "file"
