"""An organisation's View of a mixed network answers like the all-seeing View of a network of its own claims alone."""

import re
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings

from api import render
from api.handoffs import Departments, handoffs_json
from graph.claims import Claim
from graph.errors import TraceError
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from queries.handoffs import BY, handoffs, legs
from queries.lineage import lineage
from queries.recall import recall
from tests.networks import Network, at, land, networks, ordered, rid


def answers(seen: View, claims: list[Claim]) -> dict[str, Any]:
    """Every query for every id that any claim of the mixed network uses, errors included; as_of, commit and time left out."""
    told: dict[str, Any] = {}
    texts = sorted({text for claim in claims for record, key in claim.names.items() for text in (record, key or record)})
    for text in texts:
        told[f"find {text}"] = attempt(
            lambda text=text: render.find_json(seen, seen.records(seen.joined(seen.find(text))).values())
        )
        for way in ("up", "down", "both"):
            told[f"lineage {way} {text}"] = attempt(
                lambda text=text, way=way: render.lineage_json(seen, lineage(seen, [seen.resolve(text)], way))
            )
        told[f"recall {text}"] = attempt(lambda text=text: render.recall_json(seen, recall(seen, [seen.resolve(text)])))
        told[f"history {text}"] = attempt(lambda text=text: history(seen, text))
    for name, waits in (("handoffs", handoffs(seen)), ("legs", legs(seen))):
        told[name] = handoffs_json(seen, waits, BY, Departments(seen, waits))
    return {key: without_as_of(value) for key, value in told.items()}


def history(seen: View, text: str) -> dict[str, Any]:
    """The history of a record."""
    record = seen.resolve(text)
    return render.history_json(seen, record, seen.history(seen.joined([record])))


def attempt(ask: Callable[[], Any]) -> Any:
    """The answer, or the error a caller would get."""
    try:
        return ask()
    except TraceError as error:
        return {"error": error.as_dict()}


def without_as_of(answer: Any) -> Any:
    """What may differ between a restricted and an all-seeing viewer is left out."""
    if isinstance(answer, dict):
        return {k: without_as_of(v) for k, v in answer.items() if k not in ("as_of", "commit", "time")}
    return [without_as_of(v) for v in answer] if isinstance(answer, list) else answer


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(claims=networks().map(ordered))
def test_a_viewer_is_answered_as_if_nobody_else_had_ever_loaded(claims: list[Claim]) -> None:
    mixed, alone = SqliteStore(":memory:"), SqliteStore(":memory:")
    half = len(claims) // 2
    for number, part in enumerate((claims[:half], claims[half:])):
        land(mixed, part, load=str(number), moment=1_000_000 + number)
        land(alone, [claim for claim in part if claim.steward == "B"], load=str(number), moment=1_000_000 + number)
    assert answers(view(mixed, "B"), claims) == answers(view(alone), claims)
    mixed.close()
    alone.close()


def two_parties() -> SqliteStore:
    """The hospital tells of a bag in two commits, the maker of a lot in between."""
    store = SqliteStore(":memory:")
    for number, (steward, ident) in enumerate((("H", "BAG"), ("M", "LOT"), ("H", "BAG-2"))):
        net = Network()
        net.material(ident, steward=steward)
        net.step(f"S{number}", number, [f"object/{ident}"], steward=steward)
        land(store, net.claims, load=str(number))
    return store


def test_a_restricted_viewer_gets_a_token_that_names_its_own_last_commit() -> None:
    store = two_parties()
    first = view(store, "M").as_of
    assert set(first) == {"token"}
    assert re.fullmatch(r"[0-9a-f]{32}", first["token"])
    net = Network()
    net.material("OTHER", steward="H")
    land(store, net.claims, load="later")
    assert view(store, "M").as_of == first
    assert view(store, "H").as_of != first
    assert view(store, "M", as_of=first["token"]).as_of == first


def test_as_of_changes_what_was_known_never_who_may_see_it() -> None:
    store = two_parties()
    assert view(store, as_of=1).find(rid("object", "LOT")) == []
    for as_of in (None, 1, 2, 3):
        if as_of is None:
            assert view(store, "H").find(rid("object", "LOT")) == []
        else:
            assert isinstance(attempt(lambda as_of=as_of: view(store, "H", as_of=as_of).as_of).get("error"), dict)


def test_part_of_widens_no_right() -> None:
    store = SqliteStore(":memory:")
    net = Network()
    net.relate("PART_OF", "organization/WARD", "organization/H", steward="WARD")
    net.material("BAG", steward="WARD")
    land(store, net.claims)
    assert view(store, "H").find(rid("object", "BAG")) == []
    assert view(store, "WARD").find(rid("object", "BAG")) != []


def test_a_load_in_progress_is_told_only_to_those_whose_claims_it_holds() -> None:
    store = SqliteStore(":memory:")
    from graph.store import Batch

    net = Network()
    net.material("BAG", steward="H")
    net.material("LOT", steward="M")
    land(store, net.claims)
    more = Network()
    more.act("S", 1, "BAG", steward="H", status="completed")
    store.apply(Batch(more.claims, "f", "0", "open", "key", 10, "tester"))
    assert lineage(view(store, "H"), [rid("object", "BAG")]).completeness.reasons == ("LOAD_IN_PROGRESS",)
    assert lineage(view(store, "M"), [rid("object", "LOT")]).completeness.whole
    assert at(1) in str(view(store, "H", deadline=Deadline(5)).record(rid("event", "S")).values)
