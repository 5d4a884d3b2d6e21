"""A lineage as one HTML page: printable, without network or script, readable without colours."""

from collections.abc import Sequence
from html import escape

from api import render
from api.tree import Tree, name_of, said_of, when, who
from graph.record import Record
from graph.view import View
from queries.lineage import Lineage
from queries.outcomes import outcomes

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem; color: #111; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
pre { font: 13px/1.5 ui-monospace, monospace; overflow-x: auto; background: #f6f6f6; padding: 1rem; border: 1px solid #ccc }
table { border-collapse: collapse; width: 100%; font-size: 13px }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #bbb; overflow-wrap: break-word }
th { border-bottom: 2px solid #333 }
td:first-child { min-width: 11em }
.warn { border-left: 6px solid #d55e00; padding-left: .8rem }
pre:focus { outline: 3px solid #0072b2 }
@media print {
  body { margin: 0; padding: 0; max-width: none } tr { break-inside: avoid } h2 { break-after: avoid }
  table { font-size: 9px }
  pre { white-space: pre-wrap; border: 0; padding: 0; font-size: 9px }
}
"""


def lineage_page(view: View, found: Lineage) -> str:
    """The page: the tree, what it is made of, the events in order of time, disagreements, and where it is all written."""
    return _Page(view, found).html()


class _Page:
    """One page on its way: the sources of its evidence get numbers as they are met."""

    def __init__(self, view: View, found: Lineage) -> None:
        self._view, self._found = view, found
        self._parties = render.parties_of(view, found.records.values())
        self._came = outcomes(view, found)
        self._evidence = render.evidence_of(view, [*found.records.values(), *self._came.records.values()])
        self._sources: dict[str, int] = {}

    def html(self) -> str:
        """The whole page."""
        found = self._found
        title = "Lineage of " + ", ".join(name_of(found.records[root]) for root in found.roots if root in found.records)
        events = sorted((r for r in found.records.values() if r.kind in ("Step", "Handoff")), key=_moment)
        things = sorted((r for r in found.records.values() if r.kind not in ("Step", "Handoff")), key=name_of)
        tree = "\n".join(Tree(found, self._parties).lines())
        body = [
            f"<h1>{escape(title)}</h1>",
            self._standing(),
            f'<h2 id="tree">Tree</h2><pre tabindex="0" aria-labelledby="tree">{escape(tree)}</pre>',
            "<h2>Materials, containers and persons</h2>",
            _rows(("What", "Identifiers", "Said of it", "Evidence"), [self._thing(record) for record in things]),
            "<h2>Events in order of time</h2>",
            _rows(("When (UTC)", "What", "Who", "On", "Evidence"), [self._event(event) for event in events]),
            "<h2>Outcomes</h2>",
            self._outcomes(),
            "<h2>Disagreements</h2>",
            self._disagreements(),
            "<h2>Sources</h2>",
            "<ol>" + "".join(f"<li>{escape(source)}</li>" for source in self._sources) + "</ol>",
        ]
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
        )

    def _standing(self) -> str:
        as_of, completeness = self._view.as_of, self._found.completeness
        told = f"commit {as_of['commit']} of {str(as_of['time'])[:19]}Z" if "commit" in as_of else f"token {as_of['token']}"
        total = f"{completeness.total} records, as of {told}."
        if completeness.whole:
            rights = f" within the rights of {self._view.viewer}" if self._view.viewer else ""
            return f"<p>{escape(f'{total} Complete{rights}.')}</p>"
        return f'<p class="warn"><strong>Not complete: {escape(", ".join(completeness.reasons))}.</strong> {escape(total)}</p>'

    def _thing(self, record: Record) -> tuple[str, ...]:
        said = (f"{name.replace('_', ' ')} {value}" for name, value in record.values.items() if name not in ("name", "type"))
        return name_of(record), ", ".join(record.identifiers), ", ".join(said), self._written(record)

    def _event(self, event: Record) -> tuple[str, ...]:
        found = self._found
        objects = {r.source for r in found.relations if r.target == event.id} | {
            r.target for r in found.relations if r.source == event.id
        }
        on = ", ".join(sorted(render.label(found.records[o]) for o in objects if o in found.records))
        marks = " (after use)" if event.id in found.after_use else ""
        failed = f" ({event.value('status')}: {event.value('failure_reason')})" if event.value("status") == "failed" else ""
        what = str(event.value("type") or event.kind).replace("_", " ") + failed + marks
        return when(event), what, who(event, self._parties).replace("->", "→"), on, self._written(event)

    def _written(self, record: Record) -> str:
        """Who says so, and where: the number of the source and the place in it."""
        places: dict[tuple[str, str], list[str]] = {}
        for place in self._evidence[record.id]:
            places.setdefault((str(place["steward"]), str(place["source"])), []).append(str(place["at"]))
        told = []
        for (steward, source), at in places.items():
            number = self._sources.setdefault(source, len(self._sources) + 1)
            told.append(f"{steward} [{number}] {', '.join(at)}")
        return "; ".join(told)

    def _outcomes(self) -> str:
        """What is attributed to the records, in order of time."""
        if not self._came.records:
            return "<p>None that is attributed to any of these records.</p>"
        rows = []
        for outcome in self._came.records.values():
            when, what = said_of(outcome).split("  ", 1)
            of = ", ".join(name_of(self._found.records[record]) for record in self._came.about[outcome.id])
            rows.append((when, what, of, self._written(outcome)))
        return _rows(("When", "What", "Of", "Evidence"), rows)

    def _disagreements(self) -> str:
        rows = [
            (name_of(record), str(told["field"]), "; ".join(f"{v['steward']}: {v['value']}" for v in told["values"]))
            for record in (*self._found.records.values(), *self._came.records.values())
            for told in record.disagreements
        ]
        if not rows:
            return "<p>None: no two parties say different things of these records.</p>"
        return _rows(("Record", "Field", "Who says what"), rows)


def _moment(event: Record) -> tuple[int, str]:
    return (event.span[0] if event.span else 2**62, event.id)


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
