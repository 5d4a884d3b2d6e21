"""A lineage as one HTML page: printable, without network or script, readable without colours."""

from collections.abc import Sequence
from html import escape

from api import render
from api.tree import Tree, name_of, when, who
from graph.record import Record
from graph.view import View
from queries.lineage import Lineage

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #111; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
pre { font: 13px/1.5 ui-monospace, monospace; overflow-x: auto; background: #f6f6f6; padding: 1rem; border: 1px solid #ccc }
table { border-collapse: collapse; width: 100%; font-size: 13px }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #bbb; overflow-wrap: anywhere }
th { border-bottom: 2px solid #333 }
.warn { border-left: 6px solid #d55e00; padding-left: .8rem }
pre:focus { outline: 3px solid #0072b2 }
@media print {
  body { margin: 0; max-width: none } tr { break-inside: avoid }
  pre { white-space: pre-wrap; border: 0; padding: 0; font-size: 9px }
}
"""


def lineage_page(view: View, found: Lineage) -> str:
    """The page: the tree, a table of events in order of time, what the parties disagree on, and the evidence."""
    parties = render.parties_of(view, found.records.values())
    evidence = render.evidence_of(view, found.records.values())
    roots = ", ".join(name_of(found.records[root]) for root in found.roots if root in found.records)
    events = sorted((r for r in found.records.values() if r.kind in ("Step", "Handoff")), key=_moment)
    body = [
        f"<h1>Lineage of {escape(roots)}</h1>",
        _standing(view, found),
        "<h2>Tree</h2>",
        f'<pre tabindex="0">{escape(chr(10).join(Tree(found, parties).lines()))}</pre>',
        "<h2>Events in order of time</h2>",
        _rows(("When (UTC)", "What", "Who", "On", "Evidence"), [_event(e, found, parties, evidence) for e in events]),
        _disagreements(found),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Lineage of {escape(roots)}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _moment(event: Record) -> tuple[int, str]:
    return (event.span[0] if event.span else 2**62, event.id)


def _standing(view: View, found: Lineage) -> str:
    as_of = view.as_of
    when_ = f"commit {as_of['commit']} ({as_of['time'] or 'empty'})" if "commit" in as_of else f"token {as_of['token']}"
    total = f"{found.completeness.total} records, as of {when_}."
    if found.completeness.whole:
        return f"<p>{escape(total)} Complete{' within the rights of ' + escape(view.viewer) if view.viewer else ''}.</p>"
    return f'<p class="warn"><strong>Not complete: {escape(", ".join(found.completeness.reasons))}.</strong> {escape(total)}</p>'


def _event(event: Record, found: Lineage, parties: dict[str, Record], evidence: dict[str, list[dict[str, str]]]) -> tuple[str, ...]:
    objects = {r.source for r in found.relations if r.target == event.id} | {
        r.target for r in found.relations if r.source == event.id
    }
    on = ", ".join(sorted(render.label(found.records[o]) for o in objects if o in found.records))
    marks = " (after use)" if event.id in found.after_use else ""
    failed = f" ({event.value('status')}: {event.value('failure_reason')})" if event.value("status") == "failed" else ""
    said = "; ".join(f"{place['steward']}: {place['source']} {place['at']}" for place in evidence[event.id])
    return when(event), str(event.value("type") or event.kind) + failed + marks, who(event, parties), on, said


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _disagreements(found: Lineage) -> str:
    rows = [
        (render.label(record), str(told["field"]), "; ".join(f"{v['steward']}: {v['value']}" for v in told["values"]))
        for record in found.records.values()
        for told in record.disagreements
    ]
    if not rows:
        return "<h2>Disagreements</h2><p>None: no two parties say different things of these records.</p>"
    return f"<h2>Disagreements</h2>{_rows(('Record', 'Field', 'Who says what'), rows)}"
