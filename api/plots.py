"""Plots as SVG files: no script, no network, colours that the colour-blind can tell apart (viridis)."""

from pathlib import Path

import polars as pl

from api.handoffs import Departments, duration
from graph.errors import UsageError
from queries.handoffs import Waits

MOST_DEPARTMENTS = 40


def handoff_map(waits: Waits, departments: Departments, path: Path) -> None:
    """Write a heat map: who gives down, who takes across, hours lost as colour, the median wait as text.

    Of many departments those with most hours are drawn. Raises `UsageError` where Altair is not installed, or for
    another ending than `.svg`."""
    if path.suffix != ".svg":
        raise UsageError(f"a plot is written as SVG; name a file that ends in .svg, not {path.name!r}", path=str(path))
    try:
        import altair as alt
        import vl_convert
    except ImportError:
        raise UsageError("plots need Altair: pip install 'veintrace[plot]'") from None
    rows = _cells(waits, departments)
    drawn = f"colour: hours lost in all; text: median wait; {len(rows)} of {len(waits.table())} pairs are drawn"
    drawn += "; a part of the graph" if waits.frames.part else ""
    base = alt.Chart(rows).encode(
        x=alt.X("to:N", title="taken by", axis=alt.Axis(labelAngle=-40, labelLimit=260, grid=True, zindex=0)),
        y=alt.Y("from:N", title="given by", axis=alt.Axis(labelLimit=260, grid=True, titlePadding=16, zindex=0)),
    )
    # by square root, else one pair that lost most would leave all others in one shade
    scale = alt.Scale(scheme="viridis", reverse=True, type="sqrt", domainMin=0)
    colour = alt.Color("hours:Q", title="hours lost", scale=scale)
    words = alt.condition("datum.dark", alt.value("white"), alt.value("black"))
    chart = base.mark_rect(stroke="white").encode(color=colour) + base.mark_text(fontSize=10).encode(text="median:N", color=words)
    told = chart.properties(
        title={"text": "Where handoffs wait", "subtitle": drawn},
        width={"step": 62},
        height={"step": 26},
    )
    path.write_text(vl_convert.vegalite_to_svg(told.to_dict()), encoding="utf-8")


def _cells(waits: Waits, departments: Departments) -> pl.DataFrame:
    """One cell for each giver and taker among the departments that lost most hours."""
    table = waits.table()
    ends = pl.concat([table.select(number=end, hours="hours") for end in ("giver", "taker")])
    first = ends.group_by("number").agg(pl.col("hours").sum()).sort("hours", "number", descending=[True, False])
    drawn = first["number"].head(MOST_DEPARTMENTS).implode()
    kept = table.filter(pl.col("giver").is_in(drawn, nulls_equal=True) & pl.col("taker").is_in(drawn, nulls_equal=True))
    return pl.DataFrame(
        {
            "from": [departments.name(number) for number in kept["giver"]],
            "to": [departments.name(number) for number in kept["taker"]],
            "hours": kept["hours"],
            "median": ["open" if seconds is None else duration(seconds) for seconds in kept["wait_p50_s"]],
            "dark": kept["hours"] * 4 > kept["hours"].max(),
        }
    )
