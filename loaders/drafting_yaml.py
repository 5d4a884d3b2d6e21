"""What drafts of mappings are written with: texts, values and comments of YAML."""

import re
from collections.abc import Iterator
from typing import Any

_WIDTH = 120


def comment(indent: str, text: str) -> Iterator[str]:
    """A comment, in lines; what a file holds may not end one."""
    line = ""
    for word in re.sub(r"[^ -~\u00a1-\ud7ff]", " ", text).split():
        if line and len(indent) + len(line) + len(word) > _WIDTH:
            yield f"{indent}# {line}"
            line = "  " + word
        else:
            line = f"{line} {word}" if line else word
    yield f"{indent}# {line}"


def text_of(text: str) -> str:
    """A text as YAML: as it is where that is sure to be read so, else in quotes."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*( [A-Za-z0-9_.-]+)*", text):
        return text
    if "'" not in text and text.isprintable() and text.isascii():
        return f"'{text}'"
    plain = (letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08X}" for letter in text)
    return '"' + "".join(plain) + '"'


def value_of(told: Any) -> str:
    """A value of a mapping as YAML, in one line."""
    if isinstance(told, dict):
        return "{" + ", ".join(f"{text_of(str(name))}: {value_of(each)}" for name, each in told.items()) + "}"
    if isinstance(told, list):
        return "[" + ", ".join(value_of(each) for each in told) + "]"
    return str(told) if isinstance(told, int) else text_of(str(told))
