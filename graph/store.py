"""The store contract: a handful of primitives over sets, the same promises on every engine.

A store keeps an append-only log of claims in commits, and what stands because of them: per steward and id the standing
fields (`State`), the relations (`Edge`), and the identifier texts. Every row of what stands is valid over a range of
commits, so any read can be made `as of` a commit; and carries its steward, so any read can be kept to some stewards.
"""

from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Literal, NamedTuple, Protocol, TypeVar

from graph.claims import Claim, Edge, canonical_json, chain_hash
from graph.errors import DeadlineExceeded
from graph.standing import Standing
from graph.words import Words

SCHEMA_VERSION = 1
BATCH = 20_000
"""Most claims in one commit."""

Direction = Literal["up", "down"]
Verdict = Literal["unchanged", "conflict", "changed", "added"]
Progress = Callable[[int, int], None]
"""Called with (claims done, claims in all)."""


@dataclass(frozen=True)
class Commit:
    """One batch of claims that landed together. `time` and `load_time` are UTC microseconds.

    `load_time` is when its load began: the rank of undated claims. `closes` marks the last commit of its load.
    `source` is the path of the file it came from, and `source_hash` its SHA-256; of several (of one steward then) one a line.
    `hash` covers all other fields, `claims_hash` the claims with their evidence, `digest` (64 hex digits) what stands."""

    number: int
    time: int
    author: str
    source: str
    source_hash: str
    load_id: str
    load_key: str
    load_time: int
    closes: bool
    claims: int
    claims_hash: str
    digest: str
    previous: str
    hash: str = ""

    @property
    def sources(self) -> list[str]:
        """The paths of the files it came from."""
        return self.source.split("\n")

    def computed_hash(self) -> str:
        """The hash this commit must have."""
        values = {name: value for name, value in self.__dict__.items() if name != "hash"}
        return chain_hash([canonical_json(values)])


@dataclass(frozen=True)
class Batch:
    """What one commit is made from. `opened` says that its load has commits already, `closes` that this is its last.

    `replay` forces number and time of an existing commit (copy, rebuild). `words` is what the claims say by themselves, where that
    was made ahead."""

    claims: Sequence[Claim]
    source: str
    source_hash: str
    load_id: str
    load_key: str
    load_time: int
    author: str
    opened: bool = False
    closes: bool = False
    replay: Commit | None = None
    words: Words | None = None

    @classmethod
    def of(cls, commit: Commit, claims: Sequence[Claim]) -> "Batch":
        """The batch that makes `commit` again from its claims."""
        return cls(
            claims,
            commit.source,
            commit.source_hash,
            commit.load_id,
            commit.load_key,
            commit.load_time,
            commit.author,
            closes=commit.closes,
            replay=commit,
        )


@dataclass(frozen=True)
class Applied:
    """The commit made (None where nothing new was said and nothing had to be closed) and a verdict for each claim."""

    commit: Commit | None
    verdicts: list[Verdict]


T = TypeVar("T")
_BETWEEN_CHECKS = 500
_FEW = (list, tuple, set, dict, KeysView, ItemsView)
"""Types whose size is known at once; to ask whether something is `Sized` takes longer."""


class Deadline:
    """A point in time after which a read must stop, wherever it is; can be cancelled from another thread."""

    def __init__(self, seconds: float = 30.0) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds
        self._cancelled = Event()

    def anew(self) -> "Deadline":
        """As many seconds from now on; cancelled together with this one."""
        found = Deadline(self.seconds)
        found._cancelled = self._cancelled
        return found

    def cancel(self) -> None:
        """Stop the work now."""
        self._cancelled.set()

    def remaining(self) -> float:
        """Seconds left, 0 when over or cancelled."""
        return 0.0 if self._cancelled.is_set() else max(0.0, self._end - monotonic())

    def over(self) -> bool:
        """Whether work must stop."""
        return self._cancelled.is_set() or monotonic() >= self._end

    def check(self) -> None:
        """Raises `DeadlineExceeded` when over."""
        if self.over():
            raise DeadlineExceeded(self.seconds)

    def watch(self, items: Iterable[T]) -> Iterable[T]:
        """The same items, with a `check` before the first and every few hundred: for work on many that reads nothing."""
        if isinstance(items, _FEW) and len(items) <= _BETWEEN_CHECKS:
            self.check()
            return items
        return self._watched(items)

    def _watched(self, items: Iterable[T]) -> Iterator[T]:
        for at, item in enumerate(items):
            if at % _BETWEEN_CHECKS == 0:
                self.check()
            yield item


@dataclass(frozen=True)
class Scope:
    """What a read may see: the stewards whose word counts (None: everybody's), the commit it is made as of, its deadline."""

    commit: int
    stewards: frozenset[str] | None = None
    deadline: Deadline = field(default_factory=Deadline)


class State(NamedTuple):
    """One steward's standing word on one id; `key` is the text of the key the id was computed from, if any.

    `joined` is false only where nobody ever said that the id is the same as another: then there is no need to ask. `span` may
    be given of an event of which every word ever said, whoever's, gives this first and last microsecond."""

    record: str
    steward: str
    standing: Standing
    key: str | None
    joined: bool = True
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One claim as logged: its place in the log, its commit, and the claim."""

    number: int
    commit: int
    claim: Claim


@dataclass(frozen=True)
class Told:
    """What stands of some ids: all the `states` there are of each of them, none where nobody claims it."""

    ids: Collection[str] = frozenset()
    states: Sequence[State] = ()


@dataclass(frozen=True)
class Around:
    """What acted on some objects, and what else took part; with what is `told` of the events and containers among them.

    It may bring likewise what acted, over a period, on containers that the objects were packed in, and on theirs: `holders`, each
    with the first and last moment of its period."""

    edges: Sequence[Edge] = ()
    told: Told = Told()
    holders: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reached:
    """What a walk found: the ids walked, roots included; the relations met on the way; the limits that stopped it.

    A limit is `RECORDS` (too many ids) or `DEPTH` (more steps of making lie beyond). `around` is what acted on the objects
    among the ids, told of with them (of a large walk or of persons less may be)."""

    walked: set[str]
    edges: list[Edge]
    stopped: frozenset[str] = frozenset()
    around: Around = Around()


def rest() -> None:
    """Do nothing."""


class Store(Protocol):
    """The contract. Ids are computed ids; unknown ids are skipped, never an error. Reads raise `DeadlineExceeded`."""

    def apply(self, batch: Batch, meanwhile: Callable[[], None] = rest) -> Applied:
        """Land a batch in one transaction, serialised with other writers; all of it or nothing.

        `meanwhile` is called once, when there is nothing to do but wait for the disk or the server, and has ended before this
        returns; what it raises is raised when the batch has landed."""

    def head(self) -> Commit | None:
        """The newest commit."""

    def commits(self, since: int = 0) -> Iterator[Commit]:
        """Commits numbered above `since`, in order."""

    def commit(self, number: int) -> Commit:
        """One commit, which must exist."""

    def claims(self, since: int = 0, until: int | None = None) -> Iterator[LogEntry]:
        """All claims of commits above `since` and up to `until`, in the order they were logged."""

    def history(self, ids: Collection[str], scope: Scope) -> list[LogEntry]:
        """All claims made under any of `ids` that the scope may see, in the order they were logged."""

    def get(self, ids: Collection[str], scope: Scope) -> list[State]:
        """Standing states of `ids`, in ascending order of (id, steward)."""

    def known(self, ids: Collection[str], scope: Scope) -> dict[str, str | None]:
        """Those of `ids` that a visible claim was made under or a standing relation names, with the text of the key of each."""

    def find(self, texts: Collection[str], scope: Scope) -> dict[str, list[str]]:
        """For each identifier text the ids (ascending) that a visible steward gives it to."""

    def neighbours(self, ids: Collection[str], direction: Direction, types: Collection[str], scope: Scope) -> list[Edge]:
        """Relations of `types` whose target (`up`) or source (`down`) is in `ids`; ascending by (type, source, target, steward).

        `SAME_AS` is returned whichever end is in `ids`, as stated."""

    def around(self, ids: Collection[str], scope: Scope, period: tuple[int, int] | None = None) -> Around:
        """What `graph.walk.around` finds, which is its definition.

        With a `period` (UTC microseconds, ends included) what acted on one of `ids` in another role than content may be
        left out where it cannot have happened in it, by anybody's word at any commit."""

    def emptied(self, ids: Collection[str], scope: Scope) -> Around:
        """What acted on containers and named nothing that was inside, at any time; there may be more of what acted on them."""

    def reach(self, ids: Collection[str], direction: Direction, scope: Scope, limit: int) -> Reached:
        """The walk of `graph.walk.reach`, which is its definition; at most `limit` ids."""

    def stewards(self, scope: Scope) -> list[str]:
        """Stewards with a claim at or before the scope's commit, ascending."""

    def open_loads(self) -> list[Commit]:
        """The first commit of each load that is not closed, oldest first."""

    def load_stewards(self, load_id: str) -> frozenset[str]:
        """Stewards with claims in a load."""

    def last_commit(self, scope: Scope) -> Commit | None:
        """The last of `visible_commits`."""

    def visible_commits(self, scope: Scope) -> list[Commit]:
        """Commits up to the scope's that hold a claim it may see, in order."""

    def stubs(self, since: int, until: int) -> int:
        """How many ids first appeared in commits above `since` and up to `until` and are stubs at the head.

        A stub has no claim of its own, and no claim says that it is the same as another id."""

    def projection(self) -> Iterator[tuple[str, ...]]:
        """Every row of what stands or stood, as texts in ascending order: what `rebuild` must reproduce."""

    def rebuild(self, progress: Progress | None = None) -> None:
        """Compute what stands again from the log alone, in place of what was there."""

    def close(self) -> None:
        """Release connections and files."""
