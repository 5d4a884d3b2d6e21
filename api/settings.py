"""Settings and the two things every door needs: the store that is meant, and the View its caller may have.

A flag wins over the environment, the environment over the default. Secrets come from the environment alone.
"""

import getpass
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph import naming
from graph.errors import UsageError
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Store
from graph.view import View, view

DEFAULT_GRAPH = "sqlite:///veintrace.db"
_SECRETS = ("NEO4J_PASSWORD", "VEINTRACE_LOAD_TOKENS", "VEINTRACE_PSEUDONYM_KEY")
_SHORTEST_KEY = 16


@dataclass(frozen=True)
class Setting:
    """One setting: its environment variable, default, and what it is for."""

    variable: str
    default: str
    description: str


SETTINGS = (
    Setting("VEINTRACE_GRAPH", DEFAULT_GRAPH, "The graph: sqlite:///path or neo4j://host:port."),
    Setting("VEINTRACE_STEWARD", "local", "Who speaks where neither --steward nor the data says."),
    Setting("VEINTRACE_AUTHOR", "", "Who loads, as written in commits (default: the user's login name)."),
    Setting("VEINTRACE_TIMEOUT", "30", "Seconds after which a query is stopped."),
    Setting("VEINTRACE_CACHE", "", "Folder for snapshots of graphs (default: beside the graph, FILE.snapshots)."),
    Setting("VEINTRACE_QUARANTINE", "veintrace-quarantine", "Folder for what a load refuses."),
    Setting("VEINTRACE_QUARANTINE_GIB", "10", "GiB that it may hold before uploads are refused."),
    Setting("VEINTRACE_LOAD_TOKENS", "", "Who may load through the service: ORG=TOKEN, separated by commas."),
    Setting("VEINTRACE_PSEUDONYM_KEY", "", "Secret that keys the hashes of record numbers in FHIR; without it none is kept."),
    Setting("NEO4J_USER", "", "User for Neo4j."),
    Setting("NEO4J_PASSWORD", "", "Password for Neo4j."),
    Setting("NEO4J_DATABASE", "neo4j", "Database of Neo4j."),
)
_BY_NAME = {setting.variable: setting for setting in SETTINGS}


def value(variable: str) -> str:
    """The value in force for a setting without a flag."""
    return os.environ.get(variable) or _BY_NAME[variable].default


def author() -> str:
    """Who loads."""
    return value("VEINTRACE_AUTHOR") or getpass.getuser()


def pseudonym_key() -> bytes | None:
    """The secret that keys the hashes of numbers that persons are known by; None where there is none. Raises `UsageError`."""
    text = value("VEINTRACE_PSEUDONYM_KEY")
    if text and len(text) < _SHORTEST_KEY:
        reason = f"VEINTRACE_PSEUDONYM_KEY is too short to keep a secret; give at least {_SHORTEST_KEY} characters"
        raise UsageError(reason, variable="VEINTRACE_PSEUDONYM_KEY")
    return text.encode() or None


def timeout() -> float:
    """Seconds a query may take. Raises `UsageError` for a setting that is no number."""
    text = value("VEINTRACE_TIMEOUT")
    try:
        seconds = float(text)
    except ValueError:
        raise UsageError(f"VEINTRACE_TIMEOUT is {text!r}; give seconds, such as 30", variable="VEINTRACE_TIMEOUT") from None
    if not 0 < seconds <= 3600:
        raise UsageError("VEINTRACE_TIMEOUT must be between 0 and 3600 seconds", variable="VEINTRACE_TIMEOUT")
    return seconds


def quarantine_most() -> int:
    """Bytes that the quarantine may hold before uploads are refused. Raises `UsageError`."""
    text = value("VEINTRACE_QUARANTINE_GIB")
    try:
        most = float(text)
    except ValueError:
        most = math.nan
    if not 0 <= most < 2**20:
        reason = f"VEINTRACE_QUARANTINE_GIB is {text!r}; give a number of GiB, such as 10"
        raise UsageError(reason, variable="VEINTRACE_QUARANTINE_GIB")
    return int(most * 2**30)


def shown() -> list[dict[str, Any]]:
    """Every setting with its value and where it comes from; secrets masked."""
    rows = []
    for setting in SETTINGS:
        given = os.environ.get(setting.variable)
        told = "********" if given and setting.variable in _SECRETS else given or setting.default
        rows.append(
            {"name": setting.variable, "value": told, "from": "environment" if given else "default", "for": setting.description}
        )
    return rows


def open_store(graph: str | None = None, *, create: bool = False) -> Store:
    """The store that a graph URL names. Raises `UsageError` for another URL, `StoreUnavailable` where it is not there."""
    url = graph or value("VEINTRACE_GRAPH")
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteStore(path, create=create)
    if re.match(r"(neo4j|bolt)(\+s|\+ssc)?://[^/@]+/?\Z", url):
        from graph.neo4j_store import Neo4jStore

        return Neo4jStore(url, create=create)
    raise UsageError(
        f"{url!r} is no graph; give sqlite:///path or neo4j://host:port (credentials come from the environment)", graph=url
    )


def cache(graph: str | None = None) -> Path:
    """The folder for snapshots of the graph that a URL names."""
    if told := value("VEINTRACE_CACHE"):
        return Path(told)
    url = graph or value("VEINTRACE_GRAPH")
    return Path(f"{url.removeprefix('sqlite:///')}.snapshots" if url.startswith("sqlite:///") else "veintrace.snapshots")


def make_view(store: Store, viewer: str | None, as_of: str | None = None, deadline: Deadline | None = None) -> View:
    """The one maker of Views for all doors: `viewer` None sees all, an organisation sees its own claims."""
    if viewer is not None:
        naming.steward(viewer)
    return view(store, viewer, as_of, deadline or Deadline(timeout()))
