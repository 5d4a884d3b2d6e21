"""The command that drafts a mapping of a file of any shape: map."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli_options import Command, Json
from api.output import print_json, say
from api.render import SCHEMA_VERSION


def map_(
    file: Annotated[Path, typer.Argument(help="A CSV, Parquet or Excel file of any shape, or an event log (OCEL 2.0).")],
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="What its rows are: material, step, observation, ...")] = None,
    json: Json = False,
) -> int:
    """Draft a mapping from a file's header and rows, and say what it is unsure of: for `load --mapping`, after you read it."""
    from loaders.drafting import draft

    made = draft(file, kind)
    if json:
        print_json({"schema_version": SCHEMA_VERSION, "mapping": made.text, "unsure": made.unsure, "private": made.private})
    else:
        say(made.text.rstrip("\n"))
    return 0


COMMANDS = (
    Command(
        map_,
        "map",
        ("veintrace map export.csv > site.yaml", "veintrace map bags.xlsx --kind material", "veintrace map log.sqlite > log.yaml"),
    ),
)
