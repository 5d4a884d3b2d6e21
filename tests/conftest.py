"""What tests share: a Neo4j that is started once, the reference data, and an honest account of what was left out."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from neo4j import GraphDatabase

from api.neo4j_server import LocalNeo4j, missing_tools

ROOT = Path(__file__).parents[1]
REQUIRED = os.environ.get("VEINTRACE_REQUIRE_NEO4J") == "1"
"""In CI nothing that needs Neo4j or the reference data may be skipped."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests on Neo4j run in one worker: there is one server, with one database."""
    for item in items:
        if item.get_closest_marker("neo4j"):
            item.add_marker(pytest.mark.xdist_group("neo4j"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was left out, and why."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("LEFT OUT", sep="!", red=True)
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count} tests: {reason}")


def _left_out(reason: str) -> None:
    if REQUIRED:
        pytest.fail(f"{reason} (VEINTRACE_REQUIRE_NEO4J=1 allows no skip)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of published reference data."""
    path = Path(os.environ.get("VEINTRACE_REFERENCE", ROOT.parent / "shared" / "reference"))
    if not path.is_dir():
        _left_out("the reference data is not here; set VEINTRACE_REFERENCE to its folder")
    return path


@pytest.fixture(scope="session")
def neo4j_uri() -> Iterator[str]:
    """The Bolt address of a server: NEO4J_URI, else one started here."""
    if given := os.environ.get("NEO4J_URI"):
        yield given
        return
    if missing := missing_tools():
        _left_out(f"no Neo4j: NEO4J_URI is not set and {', '.join(missing)} is not installed")
    with LocalNeo4j() as server:
        yield server.uri


@pytest.fixture(scope="session")
def emptied_neo4j(neo4j_uri: str) -> Iterator[Callable[[], str]]:
    """Empties the database of a server and gives the server's address."""
    with GraphDatabase.driver(neo4j_uri) as driver:

        def empty() -> str:
            with driver.session() as session:
                session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS").consume()
            return neo4j_uri

        yield empty


@pytest.fixture
def clean_neo4j(emptied_neo4j: Callable[[], str]) -> str:
    """The address of a server whose database was emptied."""
    return emptied_neo4j()
