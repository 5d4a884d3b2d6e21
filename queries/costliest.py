"""The handoffs that cost patients most hours, and what about them is late: the pick-up, the way, or the acceptance.

What counts is on the way to a patient: all but samples, for whose archive no patient waits, and lots that serve many. Those stay
in the table of handoffs.
"""

from dataclasses import dataclass

import polars as pl

from graph.frames import Frames
from queries.handoffs import LOTS, SECOND, Waits
from queries.reaching import reaching

SAMPLES = ("sample", "retain")
PARTS = {
    "picked_up": ("released_at", "picked_up_at"),
    "carried": ("picked_up_at", "delivered_at"),
    "accepted": ("delivered_at", "accepted_at"),
    "taken_over": ("released_at", "accepted_at"),
}
"""Parts of a handoff by what ends them, with where they begin and end. Those without a carrier are only `taken_over`."""


@dataclass(frozen=True)
class Costly:
    """Handoffs from one department to another (numbers of `Waits.frames`).

    `part` (of `PARTS`) is what exceeds the others most: `median_s` here, `others_s` among the handoffs of other departments that
    go with (or like these, without) a carrier; None where nobody recorded enough to tell, and both seconds with it. `late` came
    after the agreed delivery, by `late_by_s` in the median. `carrier` carries most of them. `each` are rows of `Waits.each`,
    longest wait first."""

    giver: int
    taker: int
    hours: float
    each: pl.DataFrame
    part: str | None
    median_s: float | None
    others_s: float | None
    late: int
    late_by_s: float | None
    carrier: int | None

    @property
    def journeys(self) -> int:
        """How many journeys they are of."""
        return self.each["journey"].drop_nulls().n_unique()


def costliest(waits: Waits, most: int) -> list[Costly]:
    """The pairs of departments whose handoffs on the way to a patient took most hours, most first."""
    each = _with_parts(waits.frames, waits.each.filter(pl.col("event").is_in(_toward_patients(waits.frames).implode())))
    pairs = each.drop_nulls(["giver", "taker"]).group_by("giver", "taker").agg(hours=pl.col("wait_s").sum() / 3600)
    first = pairs.filter(pl.col("hours") > 0).sort("hours", "giver", "taker", descending=[True, False, False]).head(most)
    return [_told(each, giver, taker, hours) for giver, taker, hours in first.iter_rows()]


def _toward_patients(frames: Frames) -> pl.Series:
    """The events that acted on something besides samples and lots."""
    beside = frames.of_class("object").filter(pl.col("type").is_in((*SAMPLES, *LOTS)) | (pl.col("kind") == "Container"))["record"]
    return reaching(frames).acted.filter(~pl.col("object").is_in(beside.implode()))["event"].unique()


def _with_parts(frames: Frames, each: pl.DataFrame) -> pl.DataFrame:
    """The same with the seconds of each part, whether a carrier had a part in it, and by how much it came late."""
    begun = {part: (pl.col(f"{end}_first") - pl.col(f"{start}_first")) / SECOND for part, (start, end) in PARTS.items()}
    arrived = pl.coalesce("delivered_at_first", "accepted_at_first")
    told = frames.shown("Handoff").select(
        event="record",
        carried_by_one=pl.col("carried_by").is_not_null() | pl.col("picked_up_at").is_not_null(),
        late_by_s=(arrived - pl.col("agreed_delivery_at_last")) / SECOND,
        **begun,
    )
    return each.join(told, on="event", how="left", maintain_order="left")


def _told(each: pl.DataFrame, giver: int, taker: int, hours: float) -> Costly:
    here = (pl.col("giver") == giver) & (pl.col("taker") == taker)
    ours, others = each.filter(here), each.filter(~here.fill_null(False))
    carried = ours["carried_by_one"].sum() * 2 > len(ours)
    alike = others.filter(pl.col("carried_by_one") == carried)
    parts = [part for part in PARTS if (part != "taken_over") == carried]
    medians = [(part, _median(ours[part]), _median(alike[part])) for part in parts]
    known = [(here_s - others_s, part, here_s, others_s) for part, here_s, others_s in medians if here_s and others_s is not None]
    _, part, median_s, others_s = max(known, default=(None, None, None, None))
    late = ours.filter(pl.col("late") & (pl.col("late_by_s") > 0))["late_by_s"]
    carriers = ours["carrier"].drop_nulls().value_counts(sort=True).sort("count", "carrier", descending=[True, False])
    longest = ours.sort("wait_s", "event", descending=[True, False], nulls_last=True)
    carrier = int(carriers["carrier"][0]) if len(carriers) else None
    return Costly(giver, taker, hours, longest, part, median_s, others_s, len(late), _median(late), carrier)


def _median(values: pl.Series) -> float | None:
    found = values.quantile(0.5, "linear")
    return None if found is None else float(found)
