"""Inputs changed where their format has places to change: a cell, a text, a member; of what is packed, what is inside.

Half of all changes are the fuzzer's own, of bytes.
"""

import gzip
import io
import random
import re
import zipfile
from collections.abc import Callable

import zstandard

Bytes = Callable[[bytes, int], bytes]
"""The fuzzer's own change of bytes, to at most so many."""

_LEAVES = {
    "csv": rb'"(?:[^"]|"")*"|[^,;\n\r"]+',
    "epcis": rb'"(?:[^"\\]|\\.)*"(?:\s*:\s*"(?:[^"\\]|\\.)*")?|-?\d[\d.eE+-]*|true|false|null|\[[^\[\]{}]*\]|\{[^\[\]{}]*\}',
    "epcis-xml": rb"<[^>]*>|[^<>]+|\"[^\"]*\"|<(\w+)[^>]*>[^<]*</\1>",
    "mapping": rb"\"[^\"]*\"|[^\s:\[\]{},]+|\n[^\n]*",
    "excel": rb"<[^>]*>|[^<>]+|\"[^\"]*\"|<c[^>]*>.*?</c>",
}
_LEAVES["mapped-csv"], _LEAVES["fhir"] = _LEAVES["csv"], _LEAVES["epcis"]
_LEAVES["ocel"], _LEAVES["ocel-xml"] = _LEAVES["epcis"], _LEAVES["epcis-xml"]
_JSON = ("epcis", "fhir", "ocel")
_FIRST = 2**20
"""Most bytes that are unpacked to be changed."""


class Mutator:
    """Changes inputs of one format, with its words."""

    def __init__(self, name: str, words: list[str], own: Bytes) -> None:
        self._name, self._own = name, own
        self._words = [word.encode() for word in words]
        pattern = _LEAVES.get(name)
        self._leaves = re.compile(pattern, re.DOTALL) if pattern else None

    def __call__(self, data: bytes, most: int, seed: int) -> bytes:
        """A change of an input, to at most so many bytes; the same for the same seed."""
        draw = random.Random(seed)
        if draw.random() < 0.5:
            return self._own(data, most)
        try:
            changed = self._packed(data, draw, most) if self._name in ("archive", "excel") else self._text(data, draw)
        except Exception:  # what is packed may be damaged in all ways there are
            return self._own(data, most)
        return changed if len(changed) <= most else self._own(data, most)

    def _text(self, data: bytes, draw: random.Random) -> bytes:
        """Some leaves are another word, another leaf, missing or there twice."""
        if self._leaves is None:
            return self._own(data, len(data) + 64)
        for _ in range(draw.randint(1, 3)):
            places = [match.span() for match in self._leaves.finditer(data)]
            if not places:
                break
            first, last = draw.choice(places)
            leaf = data[first:last]
            data = data[:first] + self._other(leaf, data, places, draw) + data[last:]
        return data

    def _other(self, leaf: bytes, data: bytes, places: list[tuple[int, int]], draw: random.Random) -> bytes:
        match draw.randrange(6):
            case 0:
                return b""
            case 1:
                return leaf + (b"," if self._name in _JSON else b"") + leaf
            case 2:
                return self._own(leaf, len(leaf) + 16)
            case 3:
                first, last = draw.choice(places)
                return data[first:last]
        return self._word(leaf, draw)

    def _word(self, leaf: bytes, draw: random.Random) -> bytes:
        """Another word, written as the leaf is."""
        word = draw.choice(self._words)
        if self._name in _JSON:
            named = re.match(rb'("(?:[^"\\]|\\.)*"\s*:\s*)"', leaf)
            value = draw.choice(
                [b'"%b"' % word.replace(b"\\", b"").replace(b'"', b""), b"null", b"[]", b"{}", b"1e400", b"[[]]", b"-0"]
            )
            return named[1] + value if named else value
        if self._name in ("epcis-xml", "ocel-xml", "excel") and leaf.startswith(b"<"):
            tag = re.sub(rb'"[^"]*"', lambda _: b'"%b"' % word, leaf, count=1)
            return tag if tag != leaf else re.sub(rb"\w+", lambda _: word, leaf, count=1)
        return b'"%b"' % word.replace(b'"', b"") if leaf.startswith(b'"') else word

    def _packed(self, data: bytes, draw: random.Random, most: int) -> bytes:
        if data.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                return gzip.compress(self._own(file.read(_FIRST), most), mtime=0)
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            return zstandard.compress(self._own(zstandard.ZstdDecompressor().decompress(data, _FIRST), most))
        return self._zipped(data, draw, most)

    def _zipped(self, data: bytes, draw: random.Random, most: int) -> bytes:
        """One file of an archive is changed, named anew, missing or there twice."""
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as written:
            entries = archive.infolist()
            chosen, way = draw.randrange(len(entries) or 1), draw.randrange(8)
            for at, entry in enumerate(entries):
                with archive.open(entry) as file:
                    content = file.read(_FIRST)
                name = entry.filename
                if at == chosen and way == 0:
                    continue
                if at == chosen and way == 1:
                    name = self._own(name.encode(), 80).decode("utf-8", "replace")
                elif at == chosen:
                    content = self._text(content, draw) if self._leaves else self._own(content, most)
                if at == chosen and way == 2:
                    name = draw.choice(entries).filename
                told = zipfile.ZipInfo(name)
                written.writestr(told, content, draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
        return out.getvalue()
