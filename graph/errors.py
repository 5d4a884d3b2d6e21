"""One tree of errors: each has a code, a sentence that says what, where and what to do, an exit and an HTTP status.

Exit statuses (the same for every command): 0 done, 1 failure, 2 usage, 3 some refused or in conflict,
4 unknown identifier, 5 verification failed, 6 incomplete or truncated, 7 not permitted.
"""

from typing import Any, ClassVar


class TraceError(Exception):
    """Root of all errors that Veintrace raises on purpose; `fields` are machine-readable details."""

    code: ClassVar[str] = "TRACE_ERROR"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields

    def as_dict(self) -> dict[str, Any]:
        """`{code, message, ...fields}`, the form of an error in every JSON answer."""
        return {"code": self.code, "message": self.message, **self.fields}


class UsageError(TraceError):
    """The call itself is wrong: an option, an argument, a setting."""

    code = "USAGE"
    exit_status = 2
    http_status = 400


class InvalidIdentifier(UsageError, ValueError):
    """A text that cannot be an identifier of the kind it stands for."""

    code = "INVALID_IDENTIFIER"

    def __init__(self, value: str, reason: str, repair: str) -> None:
        super().__init__(f"{value!r} is not a valid identifier: {reason}; {repair}", value=value, reason=reason, repair=repair)
        self.value = value
        self.reason = reason
        self.repair = repair


class InvalidInstant(UsageError, ValueError):
    """A text that is not a point in time, or a local time that cannot be placed."""

    code = "INVALID_INSTANT"

    def __init__(self, value: str, reason: str, repair: str) -> None:
        super().__init__(f"{value!r} is not a usable time: {reason}; {repair}", value=value, reason=reason, repair=repair)
        self.value = value
        self.reason = reason
        self.repair = repair


class QueryTooCostly(UsageError):
    """A GraphQL query over one of the limits (depth, aliases, tokens, cost), refused before it runs."""

    code = "QUERY_TOO_COSTLY"


class InvalidDefinition(UsageError):
    """A cohort definition that cannot be one; `problems` says where (JSON pointer) and what."""

    code = "INVALID_DEFINITION"

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        told = "; ".join(f"{at}: {reason}" if at else reason for at, reason in problems[:5])
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        super().__init__(
            f"the definition does not fit: {told}{more}", problems=[{"at": at, "reason": reason} for at, reason in problems]
        )


class InvalidMapping(UsageError):
    """A mapping of foreign tables that cannot be used; each problem says where (JSON pointer), the value, reason and repair."""

    code = "INVALID_MAPPING"

    def __init__(self, file: str, problems: list[dict[str, str]]) -> None:
        told = "; ".join(f"{each['at'] or '/'}: {each['reason']}; {each['repair']}" for each in problems[:5])
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        super().__init__(f"the mapping {file} does not fit: {told}{more}", file=file, problems=problems[:100])
        self.problems = problems


class OutOfScope(UsageError):
    """A question about the whole graph, asked of a snapshot of a part of it."""

    code = "OUT_OF_SCOPE"

    def __init__(self) -> None:
        super().__init__("this question needs the whole graph, and only a part of it was read; ask it without a scope")


class UnknownIdentifier(TraceError):
    """Nothing the viewer may see is stored under this identifier."""

    code = "UNKNOWN_IDENTIFIER"
    exit_status = 4
    http_status = 404

    def __init__(self, identifier: str) -> None:
        super().__init__(
            f"nothing is stored under {identifier!r}; check the spelling, or load the file that names it",
            identifier=identifier,
        )


class AmbiguousIdentifier(TraceError):
    """A label (a GTIN, a donation number without product, an eventID) that several records carry."""

    code = "AMBIGUOUS_IDENTIFIER"
    exit_status = 4
    http_status = 409

    def __init__(self, identifier: str, ids: list[str]) -> None:
        super().__init__(
            f"{identifier!r} is a label of {len(ids)} records; ask for one of their ids: {', '.join(ids[:5])}"
            + (" ..." if len(ids) > 5 else ""),
            identifier=identifier,
            ids=ids[:100],
        )


class UnknownCommit(TraceError):
    """An `as of` that names no commit the viewer may see."""

    code = "UNKNOWN_COMMIT"
    exit_status = 4
    http_status = 404

    def __init__(self, as_of: str) -> None:
        super().__init__(
            f"{as_of!r} names no commit; give a commit number, an instant with offset, or a token from an answer",
            as_of=as_of,
        )


class UnknownLoad(TraceError):
    """`load --close` of a load that is not open."""

    code = "UNKNOWN_LOAD"
    exit_status = 4
    http_status = 404

    def __init__(self, load_id: str, open_loads: list[str]) -> None:
        known = ", ".join(open_loads) or "none is open"
        super().__init__(f"no open load {load_id!r}; open loads: {known}", load_id=load_id, open_loads=open_loads)


class NotPermitted(TraceError):
    """The door exists, but not for this viewer."""

    code = "NOT_PERMITTED"
    exit_status = 7
    http_status = 403


class NotAuthenticated(TraceError):
    """No token, or one that stands for nobody."""

    code = "NOT_AUTHENTICATED"
    exit_status = 7
    http_status = 401

    def __init__(self) -> None:
        super().__init__("send `Authorization: Bearer TOKEN` with a token of this service (VEINTRACE_LOAD_TOKENS)")


class KeyReused(UsageError):
    """An idempotency key that came with other content before."""

    code = "KEY_REUSED"
    http_status = 422

    def __init__(self, key: str) -> None:
        super().__init__(f"idempotency key {key!r} came with other files before; give each load a key of its own", key=key)


class TooLarge(UsageError):
    """More bytes than the service takes at once."""

    code = "TOO_LARGE"
    http_status = 413

    def __init__(self, most: int) -> None:
        super().__init__(f"this may have {most:,} bytes; send it in parts", limit="bytes", most=most)


class Busy(TraceError):
    """More work waits than the service takes on."""

    code = "BUSY"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("too many loads are waiting or on their way; nothing of this one was loaded, send it again later")


class DiskFull(TraceError):
    """The disk for temporary files has no room for what comes."""

    code = "DISK_FULL"
    http_status = 507

    def __init__(self, reserve: int) -> None:
        super().__init__(
            f"the disk for temporary files would have less than {reserve:,} bytes free; nothing was loaded, make room (TMPDIR "
            "says where) or load it in parts",
            limit="bytes",
            reserve=reserve,
        )


class QuarantineFull(TraceError):
    """What uploads before this one refused takes all the room it may."""

    code = "QUARANTINE_FULL"
    http_status = 507

    def __init__(self, most: int) -> None:
        super().__init__(
            f"what was refused of uploads takes the {most:,} bytes it may; nothing of this one was loaded. Who runs the service "
            "clears its quarantine (VEINTRACE_QUARANTINE) or allows more (VEINTRACE_QUARANTINE_GIB)",
            limit="bytes",
            most=most,
        )


class DeadlineExceeded(TraceError):
    """The work was stopped in the store because its time was up."""

    code = "DEADLINE_EXCEEDED"
    exit_status = 6
    http_status = 504

    def __init__(self, seconds: float) -> None:
        super().__init__(f"stopped after {seconds:g} s; ask for less (a depth, fewer roots) or allow more time", seconds=seconds)


class IncompleteAnswer(TraceError):
    """An answer that is not whole, where a part must not pass for the whole."""

    code = "INCOMPLETE_ANSWER"
    exit_status = 6
    http_status = 504

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(
            f"the answer is not whole ({', '.join(reasons)}), so nothing was written; ask for less, allow more time, or wait until "
            "the load is done",
            reasons=list(reasons),
        )


class StoreUnavailable(TraceError):
    """The graph cannot be opened or reached."""

    code = "STORE_UNAVAILABLE"
    http_status = 503


class SchemaTooNew(StoreUnavailable):
    """The graph was written by a newer Veintrace."""

    code = "SCHEMA_TOO_NEW"

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"this graph has schema version {found}, this Veintrace knows {known}; install a newer Veintrace",
            found=found,
            known=known,
        )


class VerificationFailed(TraceError):
    """The graph and its log of claims do not fit; `faults` names the first places."""

    code = "VERIFICATION_FAILED"
    exit_status = 5


class UnreadableSource(TraceError):
    """A file that cannot be read at all, so that none of its items was looked at."""

    code = "UNREADABLE_SOURCE"
    exit_status = 3
    http_status = 400

    def __init__(self, path: str, at: str, reason: str, repair: str) -> None:
        place = f" ({at})" if at else ""
        super().__init__(f"{path}: {reason}{place}; {repair}", file=path, at=at, reason=reason, repair=repair)
        self.at = at
        self.reason = reason
        self.repair = repair
