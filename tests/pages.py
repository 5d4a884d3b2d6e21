"""Pages of documentation as tests: their commands are run in order, and what these print is compared with what is shown."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import cli, settings

ROOT = Path(__file__).parents[1]


def blocks(page: str) -> list[tuple[str, str, str]]:
    """`(language, name, text)` of each block of code of a page; the name stands behind the language, where there is one."""
    return re.findall(r"```(\w+)(?: (\S+))?\n(.*?)```", page, re.DOTALL)


def commands(console: str) -> Iterator[tuple[str, str]]:
    """`(command, output)` of each command in a console block."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def fits(shown: str, said: str) -> bool:
    """Whether an output is what a page shows; `...` stands for anything within a line, by itself in a line for any lines."""
    return re.fullmatch("".join(map(_pattern, shown.splitlines(keepends=True))), said) is not None


def _pattern(line: str) -> str:
    return r"(?:[^\n]*\n)*" if line == "...\n" else r"[^\n]*".join(map(re.escape, line.split("...")))


def holds(whole: Any, part: Any) -> bool:
    """Whether all members of a part of a JSON document are in the whole."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and holds(whole[name], value) for name, value in part.items())
    return bool(whole == part)


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that has the examples, with no settings of the environment."""
    (folder / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(folder)
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)


def said(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints; its exit status must be that of a comment `# exit N`, else 0."""
    words, _, comment = command.partition("#")
    program, *arguments = shlex.split(words)
    assert program == "veintrace"
    assert cli.run(arguments) == (int(comment.split()[-1]) if "exit" in comment else 0), command
    streams = capsys.readouterr()
    return streams.out + streams.err


def run(console: str, capsys: pytest.CaptureFixture[str]) -> int:
    """Run the commands of a console block; returns how many there are."""
    ran = 0
    for command, shown in commands(console):
        told = said(command, capsys)
        assert fits(shown, told), f"$ {command}\n{told}"
        ran += 1
    return ran
