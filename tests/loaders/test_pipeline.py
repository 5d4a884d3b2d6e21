"""The pipeline: verdicts, quarantine, commits of a load, and that order, names and interruptions decide nothing."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph import naming
from graph.errors import UnknownLoad, UsageError
from graph.record import assemble
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Scope
from loaders import json_stream
from loaders.pipeline import LoadReport, Options, close_load, dry_run, load
from tests.dying import Dying, Killed

Written = Callable[..., Path]
Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]

JOURNEY = {
    "organization": "id,type,time_zone\nBANK,blood_centre,Europe/Berlin\nLAB,cdmo,Europe/Paris\n",
    "person": "id,role,steward\nP-1,donor,BANK\n",
    "material": "id,type,quantity,unit,recorded_at,steward\n"
    + "".join(f"M-{n},intermediate,{n},mL,2024-05-{n:02d},LAB\n" for n in range(1, 21)),
    "step": "id,type,started_at,performed_by,steward\n"
    + "".join(f"S-{n},processing,2024-05-{n:02d}T10:00,LAB,LAB\n" for n in range(1, 21)),
    "input_to": "source,target,steward\nperson/P-1@BANK,S-1,LAB\n" + "".join(f"M-{n},S-{n + 1},LAB\n" for n in range(1, 20)),
    "output": "source,target,quantity,steward\n" + "".join(f"S-{n},M-{n},{n},LAB\n" for n in range(1, 21)),
    "contained_in": "content,container,from,to,steward\nM-20,RACK,2024-06-01T10:00,2024-06-02T10:00,LAB\n",
}
ITEMS = sum(text.count("\n") - 1 for text in JOURNEY.values())


def counts(report: LoadReport, *names: str) -> tuple[int, ...]:
    told = report.totals.as_dict()
    return tuple(told[name] for name in names)


def digest(store: SqliteStore) -> str:
    head = store.head()
    return head.digest if head else ""


def standing(store: SqliteStore, cls: str, number: str, steward: str = "LAB") -> dict[str, Any]:
    """The plain values that `steward` says of its record `number`."""
    ids, _ = naming.candidates(number, [steward])
    head = store.head()
    assert head is not None
    states = store.get([record for record in ids if record.startswith(f"{cls}-")], Scope(head.number))
    [state] = (state for state in states if state.steward == steward)
    record = assemble({state.record: frozenset((state.record,))}, [state], {}, Deadline())[state.record]
    return record.values | {"retracted": state.standing.fields.get("retracted", False)}


# -- the same graph


def test_every_item_gets_one_verdict_and_read_is_their_sum(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(JOURNEY))
    assert counts(report, "read", "added", "refused", "conflicts") == (ITEMS, ITEMS, 0, 0)
    assert report.digest == digest(store)


def test_what_was_said_before_is_unchanged_and_makes_no_commit(store: SqliteStore, written: Written, landed: Landed) -> None:
    first = landed(store, written(JOURNEY))
    again = landed(store, written(JOURNEY))
    assert counts(again, "read", "unchanged") == (ITEMS, ITEMS)
    assert (again.commits, again.digest) == (None, first.digest)


def test_rows_shuffled_columns_moved_files_renamed_and_split_are_the_same_graph(
    store: SqliteStore, new_store: NewStore, written: Written, landed: Landed
) -> None:
    whole = landed(store, written(JOURNEY))
    files = {}
    for name, text in JOURNEY.items():
        header, *rows = (line.split(",") for line in text.splitlines())
        order = list(range(len(header)))[::-1]
        random.Random(4).shuffle(rows)  # a fixed shuffle
        for part, some in (("b", rows[::2]), ("a", rows[1::2])):
            lines = [[row[index] for index in order] for row in (header, *some)]
            files[f"{part}-2024.{name}"] = "".join(",".join(line) + "\n" for line in lines)
    assert counts(landed(store, written(files)), "read", "unchanged") == (ITEMS, ITEMS)
    assert landed(new_store(), written(files)).digest == whole.digest


def test_files_in_any_order_and_in_loads_of_their_own_are_the_same_graph(
    store: SqliteStore, new_store: NewStore, written: Written, landed: Landed
) -> None:
    whole = landed(store, written(JOURNEY))
    other, folder = new_store(), written(JOURNEY)
    landed(other, folder / "organization.csv")
    for name in reversed([name for name in JOURNEY if name != "organization"]):
        landed(other, folder / f"{name}.csv")
    assert digest(other) == whole.digest


def test_the_size_of_commits_makes_no_difference(store: SqliteStore, new_store: NewStore, written: Written, landed: Landed) -> None:
    other = new_store()
    assert landed(store, written(JOURNEY)).digest == landed(other, written(JOURNEY), batch_size=3).digest


def test_identifiers_split_over_two_files_that_share_a_key_join_in_either_order(
    new_store: NewStore, written: Written, landed: Landed
) -> None:
    one = written(container="id,identifiers\nRACK-1,https://id.gs1.org/00/006141411234567890\n")
    two = written(container="id,identifiers,type\nRACK-1,uri:urn:x:rack,bag_rack\n")
    digests = set()
    for order in ([one, two], [two, one]):
        store = new_store()
        for folder in order:
            landed(store, folder)
        digests.add(digest(store))
    assert len(digests) == 1


# -- the later word of one steward


def test_two_undated_rows_in_two_loads_follow_the_order_of_loading(
    store: SqliteStore, new_store: NewStore, written: Written, landed: Landed
) -> None:
    small, large = written(material="id,quantity\nM-1,1\n"), written(material="id,quantity\nM-1,9\n")
    landed(store, small, steward="LAB")
    assert counts(landed(store, large, steward="LAB"), "changed") == (1,)
    assert standing(store, "object", "M-1")[("quantity")] == 9
    other = new_store()
    landed(other, large, steward="LAB")
    assert counts(landed(other, small, steward="LAB"), "changed") == (1,)
    assert standing(other, "object", "M-1")["quantity"] == 1


def test_two_undated_rows_in_one_load_that_differ_are_a_conflict_whatever_their_order(
    store: SqliteStore, new_store: NewStore, written: Written, landed: Landed
) -> None:
    one, other = "id,quantity\nM-1,1\nM-1,9\n", "id,quantity\nM-1,9\nM-1,1\n"
    first, second = landed(store, written(material=one)), landed(new_store(), written(material=other))
    assert counts(first, "added", "conflicts") == counts(second, "added", "conflicts") == (1, 1)
    assert first.digest == second.digest


def test_a_dated_correction_stands_even_if_it_comes_before_its_original(
    store: SqliteStore, new_store: NewStore, written: Written, landed: Landed
) -> None:
    original = written(material="id,quantity,recorded_at\nM-1,1,2024-05-01\n")
    correction = written(material="id,quantity,recorded_at\nM-1,2,2024-05-03\n")
    landed(store, original, steward="LAB")
    assert counts(landed(store, correction, steward="LAB"), "changed") == (1,)
    other = new_store()
    landed(other, correction, steward="LAB")
    assert counts(landed(other, original, steward="LAB"), "added") == (1,)
    assert standing(store, "object", "M-1") == standing(other, "object", "M-1")
    assert standing(other, "object", "M-1")["quantity"] == 2
    assert digest(store) == digest(other)


def test_loading_an_old_file_again_reverts_nothing(store: SqliteStore, written: Written, landed: Landed) -> None:
    old, new = written(material="id,quantity\nM-1,1\n"), written(material="id,quantity\nM-1,2\n")
    for folder in (old, new):
        landed(store, folder, steward="LAB")
    assert counts(landed(store, old, steward="LAB"), "unchanged") == (1,)
    assert standing(store, "object", "M-1")["quantity"] == 2


def test_two_stewards_do_not_overwrite_each_other_in_either_order(new_store: NewStore, written: Written, landed: Landed) -> None:
    one = written(material="id,quantity,steward,recorded_at\nM-1@BANK,1,BANK,2024-05-01\n")
    two = written(material="id,quantity,steward,recorded_at\nM-1@BANK,2,LAB,2024-05-02\n")
    digests = set()
    for order in ([one, two], [two, one]):
        store = new_store()
        for folder in order:
            assert counts(landed(store, folder), "added") == (1,)
        digests.add(digest(store))
    assert len(digests) == 1


def test_a_retraction_before_its_record_takes_it_back_all_the_same(
    store: SqliteStore, new_store: NewStore, written: Written, landed: Landed
) -> None:
    said = written(material="id,type,recorded_at\nM-1,dose,2024-05-01\n")
    taken_back = written(material="id,retract,recorded_at\nM-1,true,2024-05-02\n")
    landed(store, said, steward="LAB")
    landed(store, taken_back, steward="LAB")
    other = new_store()
    landed(other, taken_back, steward="LAB")
    landed(other, said, steward="LAB")
    assert standing(store, "object", "M-1")["retracted"] is True
    assert digest(store) == digest(other)


def test_one_key_on_two_kinds_is_a_conflict(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(material="id\nX-1\n", container="id\nX-1\n"))
    assert counts(report, "added", "conflicts") == (1, 1)


def test_ids_of_two_classes_never_join(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(same_as="source,target\nobject/M-1,person/P-1\n"))
    assert counts(report, "conflicts") == (1,)


def test_a_stay_told_again_with_its_end_is_added(store: SqliteStore, written: Written, landed: Landed) -> None:
    landed(store, written(contained_in="content,container,from,to\nB,R,2024-05-01,\n"))
    assert counts(landed(store, written(contained_in="content,container,from,to\nB,R,2024-05-01,2024-05-02\n")), "added") == (1,)


def test_a_record_that_is_only_referred_to_is_counted_as_a_stub(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(material="id\nM-1\n", input_to="source,target\nM-1,S-1\nM-2,S-1\n"))
    assert counts(report, "stubs") == (1,)


# -- time zones


def test_the_zone_of_an_organisation_in_the_load_is_known_to_all_its_files(
    store: SqliteStore, written: Written, landed: Landed
) -> None:
    folder = written(
        {"z.organization": "id,time_zone\nLAB,Europe/Berlin\n"}, step="id,started_at,steward\nS-1,2024-05-01T10:00,LAB\n"
    )
    assert counts(landed(store, folder), "refused") == (0,)
    assert standing(store, "event", "S-1")["started_at"] == "2024-05-01T10:00+02:00"


def test_the_zone_of_an_organisation_in_the_graph_is_known_to_later_loads(
    store: SqliteStore, written: Written, landed: Landed
) -> None:
    step = written(step="id,started_at,steward\nS-1,2024-05-01T10:00,LAB\n")
    assert counts(landed(store, step), "refused") == (1,)
    landed(store, written(organization="id,time_zone\nLAB,Europe/Berlin\n"))
    assert counts(landed(store, step), "added") == (1,)


def test_of_two_zones_of_an_organisation_the_one_recorded_later_is_used(
    new_store: NewStore, written: Written, landed: Landed
) -> None:
    rows = ["LAB,Europe/Berlin,2024-05-02", "LAB,Europe/London,2024-05-01"]
    for order in (rows, rows[::-1]):
        store = new_store()
        organization = "\n".join(["id,time_zone,recorded_at", *order, ""])
        landed(store, written(organization=organization, step="id,started_at,steward\nS-1,2024-05-01T10:00,LAB\n"))
        assert standing(store, "event", "S-1")["started_at"] == "2024-05-01T10:00+02:00"


def test_the_zone_that_an_organisation_says_itself_is_not_what_another_says_of_it(
    store: SqliteStore, written: Written, landed: Landed
) -> None:
    landed(store, written(organization="id,time_zone,steward\nLAB,Europe/Berlin,LAB\n"))
    landed(store, written(organization="id,time_zone,steward\nLAB,America/New_York,ACME\n"))
    landed(store, written(step="id,started_at,steward\nS-1,2024-05-01T10:00,LAB\n"))
    assert standing(store, "event", "S-1")["started_at"] == "2024-05-01T10:00+02:00"


BERLIN, LONDON, TOKYO = "+02:00", "+01:00", "+09:00"


@pytest.mark.parametrize(
    ("rows", "offset"),
    [
        (["LAB,,Europe/Berlin,LAB,2024-05-01", "LAB,,Asia/Tokyo,ACME,2024-05-02"], BERLIN),
        (["LAB,,Europe/Berlin,LAB,2024-05-01", "LAB,,Asia/Tokyo,ACME,"], BERLIN),
        (["LAB,,Europe/Berlin,LAB,2024-05-01", "LAB,,Europe/London,LAB,2024-05-02", "LAB,,Asia/Tokyo,ACME,2024-05-03"], LONDON),
        (["LAB,,Europe/Berlin,BANK,2024-05-01", "LAB,,Asia/Tokyo,ACME,2024-05-02"], TOKYO),
        (["LAB,gln:4012345000009,Europe/Berlin,gln:4012345000009,2024-05-01", "LAB,,Asia/Tokyo,ACME,2024-05-02"], BERLIN),
        (["LAB,,Europe/Berlin,LAB,", "LAB,,Asia/Tokyo,no such / steward,"], BERLIN),
    ],
)
def test_nobody_sets_the_clock_of_who_tells_its_own(
    new_store: NewStore, written: Written, landed: Landed, rows: list[str], offset: str
) -> None:
    """Whatever the order of rows, and in whichever files they stand."""
    header = "id,identifiers,time_zone,steward,recorded_at"
    for order in (rows, rows[::-1]):
        for files in ([order], [[row] for row in order]):
            store = new_store()
            told = {f"{at}.organization": "\n".join([header, *part, ""]) for at, part in enumerate(files)}
            landed(store, written(told, step="id,started_at,steward\nS-1,2024-05-01T10:00,LAB\n"))
            assert standing(store, "event", "S-1")["started_at"] == f"2024-05-01T10:00{offset}"


def test_nor_does_another_in_a_later_load(store: SqliteStore, written: Written, landed: Landed) -> None:
    step = "id,started_at,steward\nS-1,2024-05-01T10:00,LAB\n"
    landed(store, written(organization="id,time_zone,steward\nLAB,Europe/Berlin,LAB\n"))
    landed(store, written(organization="id,time_zone,steward\nLAB,Asia/Tokyo,ACME\n", step=step))
    assert standing(store, "event", "S-1")["started_at"] == f"2024-05-01T10:00{BERLIN}"


def test_whoever_is_made_to_speak_by_the_command_sets_its_clock(store: SqliteStore, written: Written, landed: Landed) -> None:
    """With `--steward` the data does not say whose word it is."""
    organization = "id,time_zone,steward\nLAB,Europe/Berlin,ACME\n"
    step = "id,started_at,steward\nS-1,2024-05-01T10:00,ACME\n"
    landed(store, written(organization="id,time_zone,steward\nLAB,Asia/Tokyo,ACME\n"))
    landed(store, written(organization=organization, step=step), steward="LAB", forced=True)
    [record] = [entry.claim for entry in store.claims() if ".started_at" in entry.claim.fields]
    assert record.fields[".started_at"] == f"2024-05-01T10:00{BERLIN}"


# -- refused items


def test_refused_rows_are_mended_in_the_quarantine_and_loaded_from_there(
    store: SqliteStore, new_store: NewStore, written: Written, landed: Landed
) -> None:
    bad = written(material='id,type,name\nM-1,dose,"Dose, first"\nM-2,doze,\nM-3,dose,Third\n')
    report = landed(store, bad)
    assert counts(report, "added", "refused") == (2, 1)
    assert report.quarantine is not None
    [file] = Path(report.quarantine).iterdir()
    assert file.name == "material.csv"
    text = file.read_text(encoding="utf-8")
    assert "line 3" in text
    assert "write one of starting_material" in text
    file.write_text(text.replace("doze", "dose"), encoding="utf-8")
    assert counts(landed(store, Path(report.quarantine)), "read", "added") == (1, 1)
    whole = landed(new_store(), written(material='id,type,name\nM-1,dose,"Dose, first"\nM-2,dose,\nM-3,dose,Third\n'))
    assert digest(store) == whole.digest


def test_what_is_not_mended_is_refused_again_and_keeps_its_text(store: SqliteStore, written: Written, landed: Landed) -> None:
    folder = written(person='id,sex\nP-1,x\nP-2,male,surplus\n"P"3,male\nP-4\n')
    (folder / "2.person.csv").write_bytes("id\nGrün\n".encode("latin-1"))
    first = landed(store, folder)
    again = landed(store, Path(str(first.quarantine)))
    assert counts(first, "read", "refused") == counts(again, "read", "refused") == (5, 5)
    assert {refused["code"] for refused in again.refused} == {"INVALID_VALUE", "NOT_MENDED"}
    text = "".join(path.read_text(encoding="utf-8") for path in Path(str(again.quarantine)).iterdir())
    assert all(kept in text for kept in ("P-2,male,surplus", '""P""3,male', "P-4", "Grün"))


def test_two_refused_files_of_one_name_do_not_overwrite_each_other(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(person="id,sex\nP-1,x\n"), written(person="id,sex\nP-2,x\n"))
    folder = Path(str(report.quarantine))
    assert sorted(path.name for path in folder.iterdir()) == ["2.person.csv", "person.csv"]
    assert counts(landed(store, folder), "read", "refused") == (2, 2)


def test_a_quarantine_inside_a_loaded_folder_is_not_loaded_with_it(store: SqliteStore, written: Written, landed: Landed) -> None:
    folder = written(person="id,sex\nP-1,x\nP-2,male\n")
    for _ in range(2):
        report = landed(store, folder, quarantine=folder / "quarantine")
        assert counts(report, "read", "refused") == (2, 1)


def test_a_refused_event_is_mended_in_the_quarantine(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    event = {
        "type": "ObjectEvent",
        "eventTime": "2024-05-01T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": ["urn:epc:id:sscc:0614141.0123456789"],
        "action": "WATCH",
    }
    path = tmp_path / "events.jsonld"
    body = {"eventList": [event, event | {"action": "OBSERVE"}]}
    path.write_text(
        json.dumps({"@context": [], "type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": body}), encoding="utf-8"
    )
    report = landed(store, path)
    assert counts(report, "added", "refused") == (1, 1)
    file = Path(str(report.quarantine)) / "events.jsonld"
    file.write_text(file.read_text(encoding="utf-8").replace("WATCH", "OBSERVE"), encoding="utf-8")
    assert counts(landed(store, file), "read", "unchanged") == (1, 1)


SENT: list[dict[str, Any]] = [
    {"sender": "urn:epc:id:pgln:4012345.00225"},
    {"sbdh:sender": {"identifier": "LAB"}},
    {"epcisHeader": {"sbdh:sender": "LAB"}},
    {"epcisHeader": {"sender": {"identifier": "LAB"}, "epcisMasterData": {"vocabularyList": []}}},
]


@pytest.mark.parametrize("head", SENT)
def test_a_refused_event_keeps_its_sender_in_the_quarantine(
    new_store: NewStore, tmp_path: Path, landed: Landed, head: dict[str, Any]
) -> None:
    event = {
        "type": "ObjectEvent",
        "eventTime": "2024-05-01T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": ["urn:epc:id:sscc:0614141.0123456789"],
        "action": "WATCH",
    }
    path = tmp_path / "events.jsonld"
    document = {"@context": [], "type": "EPCISDocument", "schemaVersion": "2.0", **head, "epcisBody": {"eventList": [event]}}
    path.write_text(json.dumps(document), encoding="utf-8")
    file = Path(str(landed(new_store(), path).quarantine)) / "events.jsonld"
    mended, sound = new_store(), new_store()
    for each in (file, path):
        each.write_text(each.read_text(encoding="utf-8").replace("WATCH", "OBSERVE"), encoding="utf-8")
    assert counts(landed(mended, file), "added", "refused") == (1, 0)
    landed(sound, path)
    assert digest(mended) == digest(sound)


def test_a_file_that_cannot_be_read_is_one_refusal_and_the_others_land(
    store: SqliteStore, written: Written, landed: Landed
) -> None:
    report = landed(store, written(person="id;sex\nP-1;male\n", material="id\nM-1\n"))
    assert counts(report, "read", "added", "refused") == (2, 1, 1)
    [refused] = report.refused
    assert (refused["at"], refused["code"]) == ("line 1", "UNREADABLE_SOURCE")


def test_rows_before_the_place_where_a_file_breaks_off_land(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(person='id,sex\nP-1,male\n"P-2,male\n'))
    assert counts(report, "added", "refused") == (1, 1)


def test_a_misspelt_file_name_in_a_folder_does_not_go_unnoticed(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(person="id\nP-1\n", materials="id\nM-1\n"))
    [refused] = report.refused
    assert refused["code"] == "UNKNOWN_FORMAT"
    assert refused["file"].endswith("materials.csv")


def test_the_first_hundred_refusals_are_told_and_all_are_counted_and_kept(
    store: SqliteStore, written: Written, landed: Landed
) -> None:
    report = landed(store, written(person="id,sex\n" + "".join(f"P-{n},x\n" for n in range(150))))
    assert (len(report.refused), report.refused_total) == (100, 150)
    assert set(report.refused[0]) >= {"file", "at", "field", "value", "code", "reason", "repair"}
    text = (Path(str(report.quarantine)) / "person.csv").read_text(encoding="utf-8")
    assert text.count("\n") == 151


@pytest.mark.parametrize("name", ["missing.csv", "things.csv", "notes.txt"])
def test_a_path_that_cannot_be_loaded_at_all_is_a_usage_error(
    store: SqliteStore, tmp_path: Path, landed: Landed, name: str
) -> None:
    if name != "missing.csv":
        (tmp_path / name).write_text("id\n", encoding="utf-8")
    with pytest.raises(UsageError, match=name):
        landed(store, tmp_path / name)


def test_a_folder_without_loadable_files_is_a_usage_error(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    with pytest.raises(UsageError, match="holds no file"):
        landed(store, tmp_path)


def test_a_file_name_that_is_not_utf8_is_no_obstacle(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = tmp_path / os.fsdecode(b"gr\xfcn.person.csv")
    path.write_text("id,sex\nP-1,male\nP-2,x\n", encoding="utf-8")
    report = landed(store, path)
    assert counts(report, "added", "refused") == (1, 1)
    assert "gr\ufffdn.person.csv" in json.dumps(report.as_dict(), ensure_ascii=False)


# -- commits, interruption, dry run


def test_commits_hold_no_more_than_a_batch_and_never_two_files(store: SqliteStore, written: Written, landed: Landed) -> None:
    report = landed(store, written(JOURNEY), batch_size=7)
    commits = list(store.commits())
    assert report.commits == (1, len(commits))
    assert max(commit.claims for commit in commits) <= 7
    assert [commit.closes for commit in commits] == [False] * (len(commits) - 1) + [True]
    assert len({commit.load_id for commit in commits}) == 1
    for file in report.files:
        assert {commits[number - 1].source for number in file.commits} == {file.path}


def test_an_item_with_more_claims_than_a_commit_holds_is_still_one_item(
    store: SqliteStore, written: Written, landed: Landed
) -> None:
    folder = written(contained_in="content,container,from,to\nB,R,2024-05-01,2024-05-02\n")
    assert counts(landed(store, folder, batch_size=1), "read", "added") == (1, 1)
    assert [commit.claims for commit in store.commits()] == [1, 1]
    assert counts(landed(store, folder, batch_size=1), "read", "unchanged") == (1, 1)


UNDATED = {"material": "id,quantity\n" + "".join(f"M-{n % 10},{n}\n" for n in range(40))}


@pytest.mark.parametrize("survived", range(6))
def test_a_killed_load_goes_on_as_the_same_load_and_ends_in_the_same_graph(
    new_store: NewStore, written: Written, landed: Landed, survived: int
) -> None:
    undisturbed = landed(new_store(), written(UNDATED), batch_size=8)
    store = new_store()
    with pytest.raises(Killed):
        landed(Dying(store, survived) if survived < 5 else Dying(store, 4), written(UNDATED), batch_size=8)
    report = landed(store, written(UNDATED), batch_size=8)
    assert report.digest == undisturbed.digest
    assert counts(report, "changed", "refused") == (0, 0)
    assert store.open_loads() == []
    commits = list(store.commits())
    assert len({commit.load_id for commit in commits}) == len({commit.load_time for commit in commits}) == 1
    assert report.commits == (1, len(commits))


def test_a_load_killed_before_its_last_commit_is_closed_though_nothing_is_new(
    store: SqliteStore, written: Written, landed: Landed
) -> None:
    rows = "id\nM-1\nM-2\nM-1\n"
    with pytest.raises(Killed):
        landed(Dying(store, 2), written(material=rows), batch_size=1)
    report = landed(store, written(material=rows), batch_size=1)
    assert counts(report, "unchanged") == (3,)
    assert store.open_loads() == []
    assert [commit.closes for commit in store.commits()] == [False, False, True]


def test_a_killed_load_of_other_files_or_another_steward_stays_open(store: SqliteStore, written: Written, landed: Landed) -> None:
    with pytest.raises(Killed):
        landed(Dying(store, 2), written(UNDATED), batch_size=8)
    landed(store, written(person="id\nP-1\n"))
    landed(store, written(UNDATED), steward="OTHER", forced=True)
    [opened] = store.open_loads()
    commit = close_load(store, opened.load_id, "tester")
    assert (commit.closes, commit.claims, store.open_loads()) == (True, 0, [])


def test_closing_a_load_that_is_not_open_names_those_that_are(store: SqliteStore, written: Written, landed: Landed) -> None:
    with pytest.raises(Killed):
        landed(Dying(store, 1), written(UNDATED), batch_size=8)
    with pytest.raises(UnknownLoad, match=store.open_loads()[0].load_id):
        close_load(store, "no-such-load")


def test_a_dry_run_says_the_same_as_a_load_and_leaves_nothing(
    store: SqliteStore, tmp_path: Path, written: Written, landed: Landed
) -> None:
    folder = written(JOURNEY | {"consent": "id,valid_from\nC-1,soon\n"})
    before = set(tmp_path.rglob("*"))
    told = dry_run([folder], Options(quarantine=tmp_path / "quarantine")).as_dict()
    assert set(tmp_path.rglob("*")) == before
    real = landed(store, folder).as_dict()
    assert (told["commits"], told["quarantine"], told["dry_run"]) == (None, None, True)
    for name in ("totals", "files", "refused", "refused_total", "digest"):
        assert told[name] == real[name]


def test_progress_is_told_in_bytes_up_to_the_end(store: SqliteStore, written: Written) -> None:
    folder = written(person="id\n" + "".join(f"P-{n}\n" for n in range(5_000)), material="id\nM-1\n")
    told: list[tuple[int, int]] = []
    load(store, [folder], Options(), lambda done, total: told.append((done, total)))
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert told == sorted(told)
    assert told[-1] == (size, size)
    assert len(told) > 3


def test_the_report_has_the_keys_that_scripts_rely_on(store: SqliteStore, written: Written, landed: Landed) -> None:
    told = landed(store, written(person="id,sex\nP-1,x\nP-2,male\n")).as_dict()
    counted = {"read", "added", "changed", "unchanged", "refused", "conflicts", "stubs"}
    assert set(told) >= {"load_id", "commits", "digest", "totals", "files", "refused", "refused_total", "quarantine"}
    assert set(told["totals"]) == counted
    assert [set(file) for file in told["files"]] == [{"path", "format"} | counted]
    assert told["commits"] == [1, 1]
    assert json.dumps(told)


def test_what_is_refused_of_a_long_document_can_be_loaded_again_however_much_it_is(
    store: SqliteStore, tmp_path: Path, landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with each event is no part of what may stand around the events."""
    monkeypatch.setattr(json_stream, "MOST_BYTES", 10_000)
    event = {"type": "ObjectEvent", "action": "WATCH", "eventTime": "2024-05-01T10:00:00Z", "eventTimeZoneOffset": "+02:00"}
    events = [{**event, "epcList": [f"urn:epc:id:sscc:4012345.{number:010d}"]} for number in range(200)]
    path = tmp_path / "events.jsonld"
    path.write_text(json.dumps({"@context": [], "type": "EPCISDocument", "epcisBody": {"eventList": events}}), encoding="utf-8")
    report = landed(store, path)
    kept = Path(str(report.quarantine)) / "events.jsonld"
    assert len(json.loads(kept.read_bytes())["veintrace:refused"]) == 200
    kept.write_text(kept.read_text(encoding="utf-8").replace("WATCH", "OBSERVE"), encoding="utf-8")
    assert landed(store, kept).totals.added == 200


def test_a_folder_of_small_documents_is_few_commits_and_each_claim_knows_its_file(
    store: SqliteStore, landed: Landed, tmp_path: Path
) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    for number in range(450):
        told = {"resourceType": "Patient", "id": f"p{number}", "gender": "female" if number != 7 else 1}
        (folder / f"{number:03d}.json").write_text(json.dumps(told))
    report = landed(store, folder)
    assert (report.totals.added, report.totals.refused) == (449, 1)
    assert [file.counts.read for file in report.files] == [1] * 450
    assert report.refused[0]["file"].endswith("007.json")
    commits = list(store.commits())
    assert len(commits) == 3
    for commit in commits:
        for entry in store.claims(commit.number - 1, commit.number):
            [(_, key)] = entry.claim.names.items()
            number = int(str(key).removeprefix("local:Patient/p").partition("@")[0])
            assert commit.sources[entry.claim.evidence.source].endswith(f"{number:03d}.json")
