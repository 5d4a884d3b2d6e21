"""GraphQL's loading of small batches: the same verdicts as `POST /load` gives."""

from concurrent.futures import TimeoutError as NotYet
from typing import Any

import strawberry
from strawberry.types import Info

from api.graphql_loading import Request
from api.graphql_records import bounded
from api.uploads import Upload, written
from graph.errors import DeadlineExceeded


@strawberry.input(description="A file: its name, which may tell its kind (`2024.step.csv`), and its text.")
class FileInput:
    name: str
    content: str = strawberry.field(description="CSV of the bundle, or EPCIS in JSON-LD or XML.")


@strawberry.type(description="How many items were read (the sum of the others), and the verdicts on them.")
class Verdicts:
    read: int
    added: int
    changed: int
    unchanged: int
    refused: int
    conflicts: int


@strawberry.type(description="An item that was refused: nothing of it was kept.")
class RefusedItem:
    file: str
    at: str = strawberry.field(description="Line, JSON pointer or XPath.")
    field: str
    value: str
    code: str
    reason: str
    repair: str


@strawberry.type(description="What became of a load.")
class LoadAnswer:
    told: strawberry.Private[dict[str, Any]]
    load_id: strawberry.ID
    steward: str = strawberry.field(description="Who speaks: whom the token stands for.")
    dry_run: bool
    replayed: bool = strawberry.field(description="It was loaded before under this idempotency key, and this was the answer.")
    totals: Verdicts
    refused_total: int
    quarantine: str | None = strawberry.field(description="Where what was refused waits as files to be mended.")

    @strawberry.field(description="The first that were refused, at most a hundred.")
    def refused(self, first: int = 20) -> list[RefusedItem]:
        told = self.told["refused"][: bounded(first)]
        return [RefusedItem(**{name: value for name, value in each.items() if name != "also"}) for each in told]


@strawberry.type
class Mutation:
    """What changes the graph."""

    @strawberry.mutation(
        description="Load files of a small batch; needs a token. Repeated under its idempotency key it is answered as before."
    )
    def load(self, info: Info, files: list[FileInput], idempotency_key: str | None = None, dry_run: bool = False) -> LoadAnswer:
        request: Request = info.context
        uploads = request.uploads
        steward = uploads.steward(request.authorization)
        with uploads.receiving(steward) as folder:
            written(folder, [(file.name, file.content) for file in files])
            landed = uploads.land(Upload(steward, folder, idempotency_key, dry_run=dry_run))
        try:
            told = landed.result(request.end.remaining())
        except NotYet:
            raise DeadlineExceeded(request.end.seconds) from None
        names = ("load_id", "steward", "dry_run", "replayed", "refused_total", "quarantine")
        return LoadAnswer(told=told, totals=Verdicts(**told["totals"]), **{name: told[name] for name in names})
