"""Event logs to begin from, in each form: one of everything that OCEL has, one that is mapped, and one that we exported."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from api import ocel_exports
from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders.ocel_own import OWN
from loaders.pipeline import Options, load
from tests.ocel_logs import EPOCH, log, write

LOGS = {"ocel": ".json", "ocel-xml": ".xml", "ocel-sqlite": ".sqlite"}
"""The forms, and how their files end."""
LOG_MAPPING = Path(__file__).with_name("log.yaml")
WORDS = [
    *("objectTypes", "eventTypes", "objects", "events", "id", "type", "time", "attributes", "relationships", "name", "value"),
    *("objectId", "qualifier", "string", "time", "integer", "float", "boolean", "colour", EPOCH, "1970-01-01 00:00:00", OWN, "[]"),
    *("<log>", "</log>", "<objects>", "</events>", "object-types", "event-type", "relationship", "object-id", "<attribute"),
    *("ocel_id", "ocel_type", "ocel_time", "ocel_changed_field", "ocel_type_map", "event_map_type", "object_object", "NULL"),
    *("fill bag", "Bag", "Room", "by", "b1", "e1", "object/local:b1@H", '[{"steward":"H"}]', '[{"steward":"H","later":[7]}]'),
]
_LOG = log(
    [
        {"id": "e1", "type": "fill bag", "time": "2024-05-01T10:00:00.123456+02:00",
         "has": {"volume": 99.5, "lot no": 17, "ok": True, "seen": "2024-05-01T10:00:00Z"},
         "to": [("b1", "filled"), ("b1", "seen"), ("r1", "by"), ("gone", "")]},
        {"id": "urn:uuid:11111111-2222-4333-8444-555555555555", "type": "give", "time": "2024-05-02T08:00:00",
         "to": [("b1", "sent")]},
    ],
    [
        {"id": "b1", "type": "Bag", "has": {"label": "Möller", "weight": [(EPOCH, 100), ("2024-05-01T12:00:00Z", 98.25)]},
         "to": [("r1", "in")]},
        {"id": "urn:epc:id:sscc:4012345.0000000333", "type": "Bag"},
        {"id": "r1", "type": "Room", "has": {"floor": 2}},
    ],
    fill_bag={"volume": "float", "lot no": "integer", "ok": "boolean", "seen": "time"},
    Bag={"label": "string", "weight": "float"},
    Room={"floor": "integer"},
)  # fmt: skip


@cache
def logs(form: str) -> list[bytes]:
    """Small logs of a form; the second is what we export of the first."""
    with TemporaryDirectory() as folder:
        first, second = (Path(folder) / f"{name}{LOGS[form]}" for name in ("first", "second"))
        write(_LOG, first)
        store = SqliteStore(":memory:")
        try:
            load(store, [first], Options("H", author="fuzz", quarantine=Path(folder) / "quarantine"))
            ocel_exports.written(view(store), None, second, form)
        finally:
            store.close()
        return [first.read_bytes(), second.read_bytes()]
