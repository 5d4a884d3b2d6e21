"""Options that several commands share, and the shape in which modules list their commands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from api import settings
from api.scopes import WHOLE, Conditions
from graph.view import View

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for scripts.")]
Graph = Annotated[
    str | None,
    typer.Option(
        "--graph", metavar="URL", help="sqlite:///path or neo4j://host:port. [env VEINTRACE_GRAPH, default sqlite:///veintrace.db]"
    ),
]
Viewer = Annotated[str | None, typer.Option("--viewer", metavar="ORG", help="See only what this organisation says.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="WHEN", help="What was known then: a commit number, an instant, or a token of an answer."),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Folder for snapshots of the graph. [env VEINTRACE_CACHE, default beside it]"),
]


@dataclass(frozen=True)
class Command:
    """A command: its function, and what Typer is told of it."""

    function: Callable[..., int]
    name: str
    examples: tuple[str, ...]

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `Typer.command`."""
        text = "  \n".join(f"`{example}`" for example in self.examples)
        return {"name": self.name, "epilog": f"Examples:\n\n{text}"}


@contextmanager
def whole_view(
    graph: str | None, viewer: str | None, as_of: str | None, cache: Path | None, scope: Conditions = WHOLE
) -> Iterator[View]:
    """A View over a snapshot of the graph, brought up to date and kept; or of the part of it that conditions mean."""
    # polars takes longer to import than a question about one product to answer
    from api import parts
    from graph import snapshot, snapshot_part
    from graph.snapshot_store import SnapshotStore

    store = settings.open_store(graph)
    folder = cache or settings.cache(graph)
    try:
        seen = settings.make_view(store, viewer, as_of)
        if part := scope.part(seen):
            make = partial(parts.part_of, store, seen.commit, part)
            yield seen.within(snapshot_part.current(store, folder, seen.commit, part, make))
        else:
            yield settings.make_view(SnapshotStore(store, snapshot.current(store, folder)), viewer, as_of)
    finally:
        store.close()
