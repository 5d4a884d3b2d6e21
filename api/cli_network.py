"""Commands about a whole network: handoffs."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api import settings
from api.cli_options import AsOf, Cache, Command, Graph, Json, Viewer
from api.output import print_json, say
from graph.view import View


class Group(StrEnum):
    """By what a table of waits can be told apart."""

    PERIOD = "period"
    PRODUCT = "product"
    PRESERVATION = "preservation"
    CARRIER = "carrier"


@contextmanager
def _view(graph: str | None, viewer: str | None, as_of: str | None, cache: Path | None) -> Iterator[View]:
    """A View over a snapshot of the graph, brought up to date and kept."""
    # polars takes longer to import than a question about one product to answer
    from graph import snapshot
    from graph.snapshot_store import SnapshotStore

    store = settings.open_store(graph)
    try:
        taken = snapshot.current(store, cache or settings.cache(graph))
        yield settings.make_view(SnapshotStore(store, taken), viewer, as_of)
    finally:
        store.close()


def handoffs(
    legs: Annotated[bool, typer.Option("--legs", help="Legs (what happened next to a material) instead of handoffs.")] = False,
    by: Annotated[list[Group] | None, typer.Option(help="Tell apart by month, product, ... (repeat for several).")] = None,
    between: Annotated[
        tuple[str, str] | None, typer.Option(metavar="FROM TO", help="The single ones between two departments, longest first.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="Only what was released from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Only what was released until then.")] = None,
    product: Annotated[str | None, typer.Option(metavar="THERAPY", help="Only of this therapy, as ordered.")] = None,
    preservation: Annotated[str | None, typer.Option(help="Only what travelled fresh, cryopreserved or thawed.")] = None,
    carrier: Annotated[str | None, typer.Option(metavar="ORG", help="Only what this carrier carried.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw a heat map of department pairs.")] = None,
    cache: Cache = None,
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    json: Json = False,
) -> int:
    """Show where handoffs wait and fail: by who gives and who takes, most hours lost first, and where all must pass."""
    from api import handoffs as told
    from api import plots

    groups = [each.value for each in by or ()]
    with _view(graph, viewer, as_of, cache) as view:
        waits = told.asked(view, legs, since, until, product, preservation, carrier)
        departments = told.Departments(view, waits)
        if plot:
            plots.handoff_map(waits, departments, plot)
        if between:
            giver, taker = (view.frames.number(view.resolve(end)) for end in between)
            rows = told.single_json(view, waits, giver, taker, departments)
            if json:
                print_json(rows)
            else:
                say(*told.single_lines(rows))
        elif json:
            print_json(told.handoffs_json(view, waits, groups, departments))
        else:
            say(*told.handoffs_lines(waits, groups, departments))
            if plot:
                say(f"drawn in {plot}")
    return 0


COMMANDS = (
    Command(
        handoffs,
        "handoffs",
        (
            "veintrace handoffs",
            "veintrace handoffs --by carrier --since 2024-03-01 --plot handoffs.svg",
            "veintrace handoffs --between CRYO-LAB WARD-3",
            "veintrace handoffs --legs --json",
        ),
    ),
)
