"""The connection to Neo4j: sessions, transactions, deadlines and errors. Only this file imports the driver."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from time import sleep
from typing import Any
from uuid import uuid4

from neo4j import READ_ACCESS, WRITE_ACCESS, Driver, GraphDatabase, NotificationMinimumSeverity, Query, Session
from neo4j.exceptions import DriverError, Neo4jError

from graph.errors import DeadlineExceeded, StoreUnavailable
from graph.neo4j_write import Run
from graph.store import Deadline

_PAUSE = 0.05
"""Seconds between two looks at the deadlines of running reads."""
_IDLE = 40
"""Looks without a running read after which the watch falls asleep."""
_LONGEST = 86_400.0
_TERMINATE = (
    "SHOW TRANSACTIONS YIELD transactionId AS id, metaData WHERE metaData.veintrace IN $tags"
    " TERMINATE TRANSACTIONS id YIELD message RETURN count(message)"
)


class Bolt:
    """One driver. Credentials come from NEO4J_USER and NEO4J_PASSWORD (without them no sign-in is made), the database
    from NEO4J_DATABASE. Everything raises `StoreUnavailable` where the server cannot be used."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        user, password = os.environ.get("NEO4J_USER"), os.environ.get("NEO4J_PASSWORD")
        self._database = os.environ.get("NEO4J_DATABASE", "neo4j")
        # Later reads see earlier writes, on whichever member of a cluster they land.
        self._bookmarks = GraphDatabase.bookmark_manager()
        try:
            self.driver: Driver = GraphDatabase.driver(
                uri,
                auth=(user, password) if user and password else None,
                notifications_min_severity=NotificationMinimumSeverity.OFF,
                connection_acquisition_timeout=30.0,
            )
        except (DriverError, ValueError) as error:
            raise self._unavailable(error) from None
        try:
            self.driver.verify_connectivity()
        except (Neo4jError, DriverError, ValueError) as error:  # ValueError: an address that is none
            self.driver.close()
            raise self._unavailable(error) from None
        self._watch = Watch(self._terminate)

    def close(self) -> None:
        """Release the connections."""
        self._watch.close()
        self.driver.close()

    def rows(self, statement: str, **parameters: Any) -> list[list[Any]]:
        """All rows of a read."""
        with self._errors(), self._session(READ_ACCESS) as session:
            return session.run(statement, **parameters).values()

    def read(self, deadline: Deadline, statement: str, **parameters: Any) -> list[list[Any]]:
        """All rows of a read that is ended in the server when its deadline is over or cancelled: `DeadlineExceeded`.

        The server has the time left as the transaction's timeout too, for a client that dies."""
        with self._errors(deadline), self._limits(deadline) as limits, self._session(READ_ACCESS) as session:
            rows = session.run(Query(statement, **limits), **parameters).values()
        deadline.check()
        return rows

    def run(self, statement: str, **parameters: Any) -> None:
        """Run a statement that writes, in a transaction of its own."""
        with self._errors(), self._session(WRITE_ACCESS) as session:
            session.run(statement, **parameters).consume()

    @contextmanager
    def writing(self, deadline: Deadline | None = None) -> Iterator[Run]:
        """One write transaction: committed at the end, rolled back on any error; with a deadline it is ended as a read is."""
        with (
            self._errors(deadline),
            self._limits(deadline) as limits,
            self._session(WRITE_ACCESS) as session,
            session.begin_transaction(**limits) as transaction,
        ):

            def run(statement: str, **parameters: Any) -> list[list[Any]]:
                return transaction.run(statement, **parameters).values()

            yield run
            transaction.commit()

    @contextmanager
    def _limits(self, deadline: Deadline | None) -> Iterator[dict[str, Any]]:
        """How a transaction is told of its deadline, while the deadline is watched."""
        if deadline is None:
            yield {}
            return
        deadline.check()
        with self._watch.over(deadline) as tag:
            yield {"metadata": {"veintrace": tag}, "timeout": min(max(deadline.remaining(), 0.001), _LONGEST)}

    def _session(self, access: str) -> Session:
        return self.driver.session(
            database=self._database, default_access_mode=access, fetch_size=-1, bookmark_manager=self._bookmarks
        )

    @contextmanager
    def _errors(self, deadline: Deadline | None = None) -> Iterator[None]:
        try:
            yield
        except (Neo4jError, DriverError) as error:
            timed_out = "TransactionTimedOut" in (getattr(error, "code", None) or "")
            if deadline is not None and (deadline.over() or timed_out):
                raise DeadlineExceeded(deadline.seconds) from None
            raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"the graph at {self.uri} cannot be used: {error}; is the server up, and are NEO4J_USER and NEO4J_PASSWORD right?"
        )

    def _terminate(self, tags: list[str]) -> None:
        with self._session(READ_ACCESS) as session:
            session.run(_TERMINATE, tags=tags).consume()


class Watch:
    """Ends reads whose deadline is over or was cancelled: a thread that looks while reads run, and else sleeps.

    The server itself looks at timeouts only every two seconds, and knows nothing of a cancelled one. In a cluster a read
    on another member is left to that timeout."""

    def __init__(self, terminate: Callable[[list[str]], None]) -> None:
        self._terminate = terminate
        self._running: dict[str, Deadline] = {}
        self._name, self._numbers = uuid4().hex, count()
        self._awake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @contextmanager
    def over(self, deadline: Deadline) -> Iterator[str]:
        """Watch over what runs inside; gives the tag that its transaction must carry."""
        tag = f"{self._name}-{next(self._numbers)}"
        self._running[tag] = deadline
        if self._thread is None:
            self._start()
        if not self._awake.is_set():
            self._awake.set()
        try:
            yield tag
        finally:
            del self._running[tag]

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._awake.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="veintrace-neo4j-watch", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        idle = 0
        while not self._closed:
            late = [tag for tag, deadline in list(self._running.items()) if deadline.over()]
            if late:
                self._end(late)
            idle = 0 if self._running else idle + 1
            if idle > _IDLE:
                self._awake.clear()
                if not self._running and not self._closed:
                    self._awake.wait()
                idle = 0
            sleep(_PAUSE)

    def _end(self, tags: list[str]) -> None:
        """A server that cannot be asked now is asked again at the next look; the read itself tells what is wrong."""
        try:
            self._terminate(tags)
        except (Neo4jError, DriverError, OSError):
            return
