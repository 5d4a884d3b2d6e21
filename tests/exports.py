"""What systems of three organisations of a generated network would export of their records: other tables than the bundle's.

Each is made of the organisation's own bundle by plain code, so that loading it by a mapping must come to the same graph."""

import csv
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook

Rows = list[dict[str, str]]
Read = Callable[[str], Rows]


def _bundle(folder: Path) -> Read:
    """Rows of the bundle's files by kind; none of a kind that there is no file of."""

    def read(kind: str) -> Rows:
        found: Rows = []
        for path in sorted(folder.glob(f"*.{kind}.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                found += csv.DictReader(file)
        return found

    return read


def _local(zone: str, form: str) -> Callable[[str], str]:
    """From an instant of the bundle to local time in some form; a day has no time."""

    def told(text: str) -> str:
        if len(text) > 10:
            return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).strftime(form)
        return datetime.fromisoformat(text).strftime(form.partition(" ")[0]) if text else ""

    return told


def _write(path: Path, rows: Iterable[dict[str, Any]], lead: str = "", encoding: str = "utf-8", delimiter: str = ",") -> None:
    told = list(rows)
    with path.open("w", encoding=encoding, newline="") as file:
        file.write(lead)
        writer = csv.DictWriter(file, [*told[0]], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(told)


def _by(rows: Rows, column: str) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def blood_centre(folder: Path, out: Path) -> None:
    """One wide table: a row a donation, with donor, collection, bag, tube and shipment; and a list of departments."""
    read, local = _bundle(folder), _local("Europe/Paris", "%d/%m/%Y %H:%M:%S")
    persons, materials = ({row["id"]: row for row in read(kind)} for kind in ("person", "material"))
    inputs, outputs = _by(read("input_to"), "target"), _by(read("output"), "source")
    shipped = {row["source"]: row["target"] for row in read("subject_of")}
    handoffs = {row["id"]: row for row in read("handoff")}
    rows = []
    for step in read("step"):
        [donor] = inputs[step["id"]]
        bag, *tubes = sorted((row["target"] for row in outputs[step["id"]]), key=lambda key: not key.startswith("isbt128:"))
        person = persons.get(donor["source"].removeprefix("person/"), {})
        material, handoff = materials[bag], handoffs[shipped[bag]]
        tube = materials[tubes[0]] if tubes else {}
        number, _, product = bag.removeprefix("isbt128:").rpartition("-")
        scheme, _, waybill = handoff["id"].partition(":")
        rows.append(
            {
                "Donation": step["id"],
                "Donor": donor["source"].removeprefix("person/"),
                "Sex": {"female": "F", "male": "M"}.get(person.get("sex", ""), ""),
                "Born": person.get("birth_year", ""),
                "Group": person.get("blood_group", "") + {"positive": "+", "negative": "-"}.get(person.get("rh", ""), ""),
                "Start": local(step["started_at"]),
                "Stop": local(step["ended_at"]),
                "Separator": step["equipment"],
                "Procedure": step["protocol"],
                "Staff": step["operator"],
                "Ward": step["at"],
                "Order": step["for_episode"].removeprefix("coi:"),
                "DIN": number,
                "Product": product,
                "Label": material["name"],
                "Volume (mL)": material["quantity"],
                "Tube": tube.get("id", ""),
                "Consignment": waybill.partition("@")[0],
                "Kind": {"waybill": "W", "despatch_advice": "D"}[scheme],
                "Courier": handoff["carried_by"],
                "Handed over": local(handoff["released_at"]),
                "Due": local(handoff["agreed_delivery_at"]),
                "Announced": local(handoff["notified_at"]),
                "Priority": {"urgent": "1", "routine": "2", "": ""}[handoff["priority"]],
                "Consignee": handoff["to"],
                "Consignor order": handoff["for_episode"].removeprefix("coi:"),
                "Entered": local(step["recorded_at"]),
            }
        )
    assert sum(map(len, outputs.values())) == len(materials)
    assert len(rows) == len(handoffs) == len(shipped)
    assert not [row for row in materials.values() if row["type"] == "sample" and row["for_episode"] == ""]
    _write(out / "donations-2024.csv", rows)
    _write(out / "units.csv", [_department(row, local) for row in read("organization")])


def _department(row: dict[str, str], local: Callable[[str], str]) -> dict[str, str]:
    names = {
        "Code": "id",
        "Title": "name",
        "Sort": "type",
        "Above": "part_of",
        "Clock": "time_zone",
        "Land": "country",
        "Desk": "contact",
    }
    return {**{new: row[old] for new, old in names.items()}, "Entered": local(row["recorded_at"])}


def cdmo(folder: Path, out: Path) -> None:
    """Semicolons, decimal commas, local times with the day first, two lines before the header, Windows-1252; German words."""
    read, local = _bundle(folder), _local("Europe/Berlin", "%d.%m.%Y %H:%M:%S")

    def write(name: str, rows: Iterable[dict[str, Any]]) -> None:
        _write(out / f"{name}.csv", rows, "Auszug für Veintrace\r\n\r\n", "cp1252", ";")

    def comma(text: str) -> str:
        return text.replace(".", ",")

    def bare(text: str) -> str:
        return text.removeprefix("coi:")

    def stamped(row: dict[str, str], **told: str) -> dict[str, str]:
        return {**told, "Erfaßt": local(row["recorded_at"])}

    write("Standorte", (_department(row, local) for row in read("organization")))
    write("Behälter", (stamped(row, Nummer=row["id"], Art=row["type"], Name=row["name"]) for row in read("container")))
    states = {"completed": "fertig", "failed": "fehlgeschlagen", "": ""}
    write(
        "Vorgänge",
        (
            stamped(
                row, Vorgang=row["id"], Art=row["type"], Beginn=local(row["started_at"]), Ende=local(row["ended_at"]),
                Status=states[row["status"]], Grund=row["failure_reason"], Vorschrift=row["protocol"], Gerät=row["equipment"],
                Bediener=row["operator"], Freigabe=row["disposition"], Abteilung=row["performed_by"], Ort=row["at"],
                COI=bare(row["for_episode"]),
            )
            for row in read("step")
        ),
    )  # fmt: skip
    made = {row["target"]: row for row in read("output")}
    materials = read("material")
    assert {*made} <= {row["id"] for row in materials}
    assert len(made) == len(read("output"))
    nothing = {"source": "", "quantity": "", "unit": ""}
    write(
        "Chargen",
        (
            stamped(
                row, Charge=row["id"], Fremdnummer=row["identifiers"], Art=row["type"], Bezeichnung=row["name"],
                Produkt=row["product_code"], Menge=comma(row["quantity"]), Einheit=row["unit"], Lagerung=row["preservation"],
                COI=bare(row["for_episode"]), Vorgang=output["source"], Ausbeute=comma(output["quantity"]), Maß=output["unit"],
            )
            for row in materials
            for output in [made.get(row["id"], nothing)]
        ),
    )  # fmt: skip
    write(
        "Verbrauch",
        (
            stamped(row, Charge=row["source"], Vorgang=row["target"], Menge=comma(row["quantity"]), Einheit=row["unit"])
            for row in read("input_to")
        ),
    )
    write("Bezug", (stamped(row, Charge=row["source"], Vorgang=row["target"]) for row in read("subject_of")))
    write(
        "Lager",
        (
            stamped(row, Inhalt=row["content"], Behälter=row["container"], Ein=local(row["from"]), Aus=local(row["to"]))
            for row in read("contained_in")
        ),
    )
    write(
        "Messwerte",
        (
            stamped(
                row, Objekt=row["about"].removeprefix("object/"), Parameter=row["code"],
                Ergebnis=row["comparator"] + comma(row["value"]), Einheit=row["unit"], Zeit=local(row["observed_at"]),
                Methode=row["method"], Panel=row["panel"],
            )
            for row in read("observation")
        ),
    )  # fmt: skip
    times = ("released_at", "picked_up_at", "delivered_at", "accepted_at", "agreed_delivery_at", "notified_at", "acknowledged_at")
    words = {
        "Nummer": "id",
        "Art": "type",
        "Dringlichkeit": "priority",
        "Lagerung": "preservation",
        "Abweichung": "discrepancy_code",
    }
    words |= {"Von": "from", "An": "to", "Spediteur": "carried_by"}
    names = ("Freigabe", "Abholung", "Ankunft", "Annahme", "Termin", "Avis", "Bestätigung")
    write(
        "Transporte",
        (
            stamped(
                row,
                **{new: row[old] for new, old in words.items()},
                **{new: local(row[old]) for new, old in zip(names, times, strict=True)},
                COI=bare(row["for_episode"]),
            )
            for row in read("handoff")
        ),
    )


def hospital(folder: Path, out: Path) -> None:
    """One workbook with a sheet a subject, real dates, joined rows, and laboratory values side by side."""
    read, zone = _bundle(folder), ZoneInfo("Europe/Paris")
    book = Workbook()
    book.remove(book.worksheets[0])

    def cell(text: str) -> date | None:
        if len(text) > 10:
            return datetime.fromisoformat(text).astimezone(zone).replace(tzinfo=None)
        return date.fromisoformat(text) if text else None

    def write(name: str, rows: Iterable[dict[str, Any]], skip: int = 0) -> None:
        told = list(rows)
        sheet = book.create_sheet(name)
        for _ in range(skip):
            sheet.append(["Hospital information system", "printed for Veintrace"])
        sheet.append([*told[0]])
        for row in told:
            assert row.keys() == told[0].keys()
            sheet.append([*row.values()])

    write("Units", ({**_department(row, str), "Entered": cell(row["recorded_at"])} for row in read("organization")))
    consents = {row["person"]: row for row in read("consent")}
    assert [(row["source"], row["target"]) for row in read("governed_by")] == [
        (f"person/{p}", row["id"]) for p, row in consents.items()
    ]
    write(
        "Patients",
        (
            {
                "Pseudonym": row["id"], "Role": row["role"], "Sex": row["sex"][0].upper(), "Year of birth": int(row["birth_year"]),
                "ABO": row["blood_group"], "Rh": row["rh"][:3], "Consent": consents[row["id"]]["id"],
                "Allows": consents[row["id"]]["purposes"], "Signed": cell(consents[row["id"]]["valid_from"]),
                "Entered": cell(row["recorded_at"]),
            }
            for row in read("person")
        ),
        skip=3,
    )  # fmt: skip
    write(
        "Orders",
        (
            {
                "COI": row["id"].removeprefix("coi:"), "Patient": row["person"], "Kind": row["intent"], "Product": row["therapy"],
                "Diagnosis": row["indication"], "Ordered": cell(row["ordered_at"]), "State": row["status"],
                "Entered": cell(row["recorded_at"]),
            }
            for row in read("episode")
        ),
    )  # fmt: skip
    into, outof, on = (_by(read(kind), by) for kind, by in (("input_to", "target"), ("output", "source"), ("subject_of", "target")))

    def other(found: dict[str, Rows], key: str, end: str) -> str:
        assert len(found.get(key, [])) < 2
        return found[key][0][end] if key in found else ""

    write(
        "Procedures",
        (
            {
                "Number": row["id"], "Procedure": row["type"], "Begin": cell(row["started_at"]), "End": cell(row["ended_at"]),
                "State": row["status"], "Staff": row["operator"], "Unit": row["performed_by"], "Place": row["at"],
                "COI": row["for_episode"].removeprefix("coi:"), "Uses": other(into, row["id"], "source"),
                "Makes": other(outof, row["id"], "target"), "Concerns": other(on, row["id"], "source"),
                "Entered": cell(row["recorded_at"]),
            }
            for row in read("step")
        ),
    )  # fmt: skip
    write(
        "Transports",
        (
            {
                "Number": row["id"], "Mode": row["type"], "From": row["from"], "To": row["to"], "Courier": row["carried_by"],
                "Released": cell(row["released_at"]), "Received": cell(row["accepted_at"]), "Due": cell(row["agreed_delivery_at"]),
                "Told": cell(row["notified_at"]), "Priority": row["priority"], "State": row["preservation"],
                "COI": row["for_episode"].removeprefix("coi:"), "Object": other(on, row["id"], "source"),
                "Entered": cell(row["recorded_at"]),
            }
            for row in read("handoff")
        ),
    )  # fmt: skip
    products = [
        {
            "Product": row["id"], "Sort": "material", "Type": row["type"], "Name": row["name"], "Kept": row["preservation"],
            "COI": row["for_episode"].removeprefix("coi:"), "Entered": cell(row["recorded_at"]),
        }
        for row in read("material")
    ]  # fmt: skip
    products += [
        {
            "Product": row["id"], "Sort": "container", "Type": row["type"], "Name": row["name"], "Kept": "", "COI": "",
            "Entered": cell(row["recorded_at"]),
        }
        for row in read("container")
    ]  # fmt: skip
    write("Stock", products)
    write(
        "Storage",
        (
            {
                "Content": row["content"], "Container": row["container"], "In": cell(row["from"]), "Out": cell(row["to"]),
                "Entered": cell(row["recorded_at"]),
            }
            for row in read("contained_in")
        ),
    )  # fmt: skip
    write("Laboratory", _side_by_side(read("observation"), cell))
    write(
        "Follow-up",
        (
            {
                "Patient": row["about"], "Product": row["attributed_to"], "COI": row["for_episode"].removeprefix("coi:"),
                "What": row["type"], "Finding": row["term"], "Grade": row["grade"], "Day": cell(row["occurred_at"]),
                "Entered": cell(row["recorded_at"]),
            }
            for row in read("outcome")
        ),
    )  # fmt: skip
    book.save(out / "export.xlsx")


def _side_by_side(observations: Rows, cell: Callable[[str], date | None]) -> list[dict[str, Any]]:
    """A row for what was measured of one thing at one time in one way; a column for each code and unit."""
    assert not [row for row in observations if row["comparator"]]
    names = dict.fromkeys(f"{row['code']} [{row['unit']}]" for row in observations)
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in observations:
        key = tuple(row[name] for name in ("about", "observed_at", "started_at", "ended_at", "method", "panel"))
        about, observed, started, ended, method, panel = key
        shared = {
            "About": about,
            "At": cell(observed),
            "From": cell(started),
            "Until": cell(ended),
            "Method": method,
            "Panel": panel,
        }
        line = found.setdefault(key, {**shared, **dict.fromkeys(names), "Entered": cell(row["recorded_at"])})
        line[f"{row['code']} [{row['unit']}]"] = float(row["value"])
    return list(found.values())
