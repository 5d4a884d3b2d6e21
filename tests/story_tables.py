"""What the carrier and the registry of the story tell: a table of its own shape each, which a mapping reads."""

from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any

from openpyxl import Workbook, load_workbook

from loaders.generator.network import BY_NAME
from tests.story import CARRIER, CDMO, HOSPITAL, NUMBER, REGISTRY, Journey, advice, gln, grai
from tests.story_fhir import subject

_COLUMNS = (
    *("Waybill", "Shipper reference", "Shipper GLN", "Consignee GLN", "Asset", "Equipment", "Picked up", "Delivered"),
    *("Warmest (C)", "Read at", "Excursion", "Closed"),
)
_EQUIPMENT = {"SHP": "Dry shipper", "DEW": "Dewar"}
_WARMEST = -150.0
"""Degrees Celsius above which a dewar or dry shipper has an excursion."""


def shipments(told: Journey) -> bytes:
    """The carrier's list of shipments: one row a waybill, local times with the month first, as its customers get it."""
    zone, out = BY_NAME[CARRIER].zone, StringIO()

    def local(text: str) -> str:
        return datetime.fromisoformat(text).astimezone(zone).strftime("%m/%d/%Y %H:%M:%S")

    print("|".join(_COLUMNS), file=out)
    for word, giver, taker in (("SH", HOSPITAL, CDMO), ("BK", CDMO, HOSPITAL)):
        row = told.row(CARRIER, "handoff", id=f"waybill:{word}-{NUMBER}@{CARRIER}")
        [box] = [end["source"] for end in told.ends(CDMO, "subject_of", target=row["id"])]
        [read] = [each for each in told.rows(CARRIER, "observation") if each["about"] == f"object/{box}"]
        cells = (
            f"{word}-{NUMBER}", advice(f"{word}-{NUMBER}", giver), gln(giver), gln(taker), f"(8003){grai(box)}",
            _EQUIPMENT[box[:3]],
            local(row["picked_up_at"]), local(row["delivered_at"]), read["value"], local(read["observed_at"]),
            "YES" if float(read["value"]) > _WARMEST else "NO", local(row["recorded_at"]),
        )  # fmt: skip
        print("|".join(cells), file=out)
    return out.getvalue().encode()


def follow_up(told: Journey) -> dict[str, list[list[Any]]]:
    """The sheets of the registry's workbook: who takes part, and what came of the patient's treatment."""
    zone = BY_NAME[REGISTRY].zone

    def local(text: str) -> datetime:
        return datetime.fromisoformat(text).astimezone(zone).replace(tzinfo=None)

    centres: list[list[Any]] = [["Code", "Name", "GLN", "Kind", "Time zone", "Country", "Contact"]]
    for name in (HOSPITAL, CDMO, CARRIER):
        row = told.row(name, "organization", id=name)
        centres.append([name, row["name"], gln(name), row["type"], row["time_zone"], row["country"], row["contact"]])
    events: list[list[Any]] = [["Subject", "Product", "Chain of identity", "Event", "Finding", "Grade", "Date", "Entered"]]
    for row in [*told.rows(HOSPITAL, "outcome"), *told.rows(REGISTRY, "outcome")]:
        grade = int(row["grade"]) if row["grade"] else None
        day = date.fromisoformat(row["occurred_at"])
        what = [row["attributed_to"], row["for_episode"].removeprefix("coi:"), row["type"], row["term"]]
        events.append([subject(), *what, grade, day, local(row["recorded_at"])])
    return {"Centres": centres, "Follow-up": events}


def workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    """Sheets as a workbook."""
    book, out = Workbook(), BytesIO()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(out)
    return out.getvalue()


def sheets_of(content: bytes) -> dict[str, list[list[Any]]]:
    """The sheets of a workbook, as they are written in it."""
    book = load_workbook(BytesIO(content))
    return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
