"""The page on mappings is true: its files are written, its commands run in order, and their output compared."""

import re
import shlex
from pathlib import Path

import pytest

from api import cli, settings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)(?: (\S+))?\n(.*?)```", PAGE, re.DOTALL)


def _fits(shown: str, said: str) -> bool:
    """Whether an output is what the page shows; `...` stands for anything within a line."""
    pattern = r"[^\n]*".join(re.escape(part) for part in shown.split("..."))
    return re.fullmatch(pattern, said) is not None


def test_every_command_of_the_page_gives_the_output_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    ran = 0
    for language, name, text in BLOCKS:
        if language != "console":
            assert name, text
            (tmp_path / name).write_text(text, encoding="utf-8")
            continue
        command, _, shown = text.removeprefix("$ ").partition("\n")
        words, _, comment = command.partition("  # exit ")
        program, *arguments = shlex.split(words)
        assert program == "veintrace"
        assert cli.run(arguments) == int(comment or 0), command
        streams = capsys.readouterr()
        said = streams.out + streams.err
        assert _fits(shown, said), f"$ {command}\n{said}"
        ran += 1
    assert ran >= 4
