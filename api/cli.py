"""The command line: every command with `--json` for machines, tables and trees for people, and honest exit statuses."""

import os
import sys
import traceback
from typing import Any

import typer
from typer.exceptions import TyperException

from api import cli_graph, cli_mapping, cli_network, cli_query
from api.output import fail
from graph.errors import TraceError, UsageError

app = typer.Typer(
    name="veintrace",
    help="Trace cell and gene therapies from vein to vein: load every party's records, ask for lineage and recall.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command in (*cli_graph.COMMANDS, *cli_mapping.COMMANDS, *cli_query.COMMANDS, *cli_network.COMMANDS):
    app.command(**command.options)(command.function)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status; no traceback but with VEINTRACE_DEBUG=1."""
    given = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(given))


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments; returns the exit status (see `graph.errors`)."""
    as_json = "--json" in arguments
    try:
        return _status(app(args=arguments, prog_name="veintrace", standalone_mode=False))
    except typer.Exit as stop:
        return stop.exit_code
    except TyperException as error:
        message = error.format_message()
        return fail(UsageError(f"{message} (veintrace --help tells how)"), as_json) if message else 2
    except TraceError as error:
        return fail(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return fail(TraceError("stopped before it was done"), as_json)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return fail(UsageError(f"cannot read or write {reason}; name another file or folder, or make room", reason=reason), as_json)
    except Exception as error:
        if os.environ.get("VEINTRACE_DEBUG"):
            traceback.print_exc()
        return fail(TraceError(f"unexpected failure ({type(error).__name__}: {error}); VEINTRACE_DEBUG=1 shows where"), as_json)


def _status(result: Any) -> int:
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
