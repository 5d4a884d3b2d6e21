"""One log in the three forms of OCEL 2.0, written here without our writer, so that readers are tested by another hand."""

import json
import sqlite3
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

Log = dict[str, Any]
COLUMNS = {"string": "TEXT", "time": "TIMESTAMP", "integer": "INTEGER", "float": "REAL", "boolean": "BOOLEAN"}
EPOCH = "1970-01-01T00:00:00Z"


def log(events: list[dict[str, Any]], objects: list[dict[str, Any]], **types: dict[str, str]) -> Log:
    """A log of these items; attributes are told shortly: `{"name": value}`, an object's as `{"name": [(time, value)]}` too.

    `types` are attribute types by event or object type; spaces in names of types are written `_`."""
    declared = {name.replace("_", " "): attributes for name, attributes in types.items()}

    def listed(items: list[dict[str, Any]], timed: bool) -> list[dict[str, Any]]:
        found = []
        for item in items:
            told = {name: value for name, value in item.items() if name not in ("has", "to")}
            told["attributes"] = []
            for name, values in item.get("has", {}).items():
                for when, value in values if isinstance(values, list) else [(EPOCH, values)]:
                    told["attributes"].append({"name": name, "value": value, **({"time": when} if timed else {})})
            told["relationships"] = [{"objectId": name, "qualifier": qualifier} for name, qualifier in item.get("to", [])]
            found.append(told)
        return found

    def of(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = dict.fromkeys(item["type"] for item in items if "type" in item)
        return [
            {"name": name, "attributes": [{"name": each, "type": type_} for each, type_ in declared.get(name, {}).items()]}
            for name in names
        ]

    return {"objectTypes": of(objects), "eventTypes": of(events), "objects": listed(objects, True), "events": listed(events, False)}


def write(told: Log, path: Path) -> Path:
    """The log in the form that the path's end names: `.json`, `.xml` or `.sqlite`."""
    {".json": _json, ".xml": _xml, ".sqlite": _sqlite}[path.suffix](told, path)
    return path


def _json(told: Log, path: Path) -> None:
    path.write_text(json.dumps(told), encoding="utf-8")


def _xml(told: Log, path: Path) -> None:
    root = ET.Element("log")
    for single in ("event", "object"):
        types = ET.SubElement(root, f"{single}-types")
        for type_ in told[f"{single}Types"]:
            declared = ET.SubElement(ET.SubElement(types, f"{single}-type", name=type_["name"]), "attributes")
            for each in type_["attributes"]:
                ET.SubElement(declared, "attribute", each)
        items = ET.SubElement(root, f"{single}s")
        for item in told[f"{single}s"]:
            element = ET.SubElement(items, single, {name: item[name] for name in ("id", "type", "time") if name in item})
            attributes = ET.SubElement(element, "attributes")
            for each in item["attributes"]:
                named = {name: each[name] for name in ("name", "time") if name in each}
                ET.SubElement(attributes, "attribute", named).text = _text(each["value"])
            related = ET.SubElement(element, "objects")
            for each in item["relationships"]:
                ET.SubElement(related, "relationship", {"object-id": each["objectId"], "qualifier": each["qualifier"]})
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _text(value: Any) -> str:
    return {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value)


def _sqlite(told: Log, path: Path) -> None:
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    run = database.execute
    run("CREATE TABLE event_object (ocel_event_id TEXT, ocel_object_id TEXT, ocel_qualifier TEXT)")
    run("CREATE TABLE object_object (ocel_source_id TEXT, ocel_target_id TEXT, ocel_qualifier TEXT)")
    for single in ("event", "object"):
        run(f"CREATE TABLE {single} (ocel_id TEXT, ocel_type TEXT)")
        run(f"CREATE TABLE {single}_map_type (ocel_type TEXT, ocel_type_map TEXT)")
        for type_ in told[f"{single}Types"]:
            table = type_["name"].title().replace(" ", "")
            run(f"INSERT INTO {single}_map_type VALUES (?, ?)", (type_["name"], table))
            columns = "".join(f', "{each["name"]}" {COLUMNS[each["type"]]}' for each in type_["attributes"])
            changed = ", ocel_changed_field TEXT" if single == "object" else ""
            run(f'CREATE TABLE "{single}_{table}" (ocel_id TEXT, ocel_time TIMESTAMP{changed}{columns})')
        for item in told[f"{single}s"]:
            run(f"INSERT INTO {single} VALUES (?, ?)", (item.get("id"), item["type"]))
            table = f'"{single}_{item["type"].title().replace(" ", "")}"'
            if single == "event":
                _row(database, table, item["id"], item["time"], {each["name"]: each["value"] for each in item["attributes"]})
            else:
                ever = {each["name"]: each["value"] for each in item["attributes"] if each["time"] == EPOCH}
                _row(database, table, item["id"], "1970-01-01 00:00:00", ever)
                for each in item["attributes"]:
                    if each["time"] != EPOCH:
                        changed = {"ocel_changed_field": each["name"], each["name"]: each["value"]}
                        _row(database, table, item["id"], each["time"], changed)
            owner = "event_object" if single == "event" else "object_object"
            for each in item["relationships"]:
                run(f"INSERT INTO {owner} VALUES (?, ?, ?)", (item["id"], each["objectId"], each["qualifier"]))
    database.commit()
    database.close()


def _row(database: sqlite3.Connection, table: str, name: str, time: str, values: dict[str, Any]) -> None:
    told = {"ocel_id": name, "ocel_time": time, **values}
    columns = ", ".join(f'"{column}"' for column in told)
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(told))})", [*told.values()])
