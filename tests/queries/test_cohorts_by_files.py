"""Cohorts equal what DuckDB finds over the files themselves, by SQL written for each without any code of ours."""

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from graph.view import View
from queries.cohort_definition import parsed
from queries.cohorts import cohort
from tests.queries import network_files

CASES: dict[str, tuple[str, str]] = {
    "therapy and intent": (
        "rules: [{include: axi, episode: {therapy: [axicabtagene ciloleucel], intent: [autologous]}}]",
        "SELECT episode FROM index_event x WHERE EXISTS (SELECT 1 FROM episode e WHERE e.id = x.episode"
        " AND e.therapy = 'axicabtagene ciloleucel' AND e.intent = 'autologous')",
    ),
    "sex and age": (
        "rules: [{include: women, person: {sex: [female]}}, {include: sixty, person: {age: {min: 60}}}]",
        "SELECT x.episode FROM index_event x JOIN episode e ON e.id = x.episode AND e.person <> ''"
        " JOIN person p ON told(p.id, p.steward) = told(e.person, e.steward)"
        " WHERE p.sex = 'female' AND year(x.began AT TIME ZONE 'UTC') - CAST(p.birth_year AS INT) >= 60",
    ),
    "last LDH in a window": (
        "rules: [{include: LDH, observed: {code: 2532-0, days: {min: -60, max: 0}, value: {min: 250}}}]",
        "SELECT episode FROM (SELECT x.episode, CAST(o.value AS DOUBLE) AS value, row_number() OVER"
        " (PARTITION BY x.episode ORDER BY moment(o.observed_at, o.steward) DESC) AS turn FROM index_event x"
        " JOIN episode e ON e.id = x.episode AND e.person <> ''"
        " JOIN observation o ON o.about = 'person/' || e.person AND o.steward = e.steward"
        " WHERE o.code = '2532-0' AND moment(o.observed_at, o.steward) <= x.began AND moment(o.recorded_at, o.steward) <= x.began"
        " AND moment(o.observed_at, o.steward) >= x.began - INTERVAL 60 DAY) WHERE turn = 1 AND value >= 250",
    ),
    "lowest ferritin, excluded": (
        "rules: [{exclude: ferritin, observed: {code: 2276-4, take: min, value: {min: 500}}}]",
        "SELECT episode FROM index_event x WHERE coalesce((SELECT min(CAST(o.value AS DOUBLE)) FROM episode e JOIN observation o"
        " ON o.about = 'person/' || e.person AND o.steward = e.steward AND o.code = '2276-4' WHERE e.id = x.episode"
        " AND e.person <> '' AND moment(o.recorded_at, o.steward) <= x.began), 0) < 500",
    ),
    "frozen starting material": (
        "rules: [{include: frozen, path: {material: {type: [starting_material], preservation: [cryopreserved]}}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN material m"
        " ON thing(m.id, m.steward) = l.node WHERE m.type = 'starting_material' AND m.preservation = 'cryopreserved'"
        " AND moment(m.recorded_at, m.steward) <= x.began",
    ),
    "the busiest lot, through whatever was pooled": (
        "rules: [{include: lot, path: {lot: 'lot:MD-900@mediara'}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN input_to i"
        " ON told(i.target, i.steward) = l.node WHERE i.source = 'lot:MD-900@mediara'"
        " AND moment(i.recorded_at, i.steward) <= x.began",
    ),
    "pooled collections": (
        "rules: [{include: pooled, path: {step: {type: [pooling]}}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN steps s ON s.step = l.node"
        " JOIN first_written f ON f.step = s.step"
        " WHERE s.type = 'pooling' AND greatest(s.began, f.written) <= x.began",
    ),
    "T and NK cells mixed, for men": (
        "rules: [{include: mixed, path: {step: {type: [mixing]}}}, {exclude: women, person: {sex: [female]}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN steps s ON s.step = l.node"
        " JOIN first_written f ON f.step = s.step JOIN episode e ON e.id = x.episode AND e.person <> ''"
        " JOIN person p ON told(p.id, p.steward) = told(e.person, e.steward)"
        " WHERE s.type = 'mixing' AND greatest(s.began, f.written) <= x.began AND p.sex <> 'female'",
    ),
    "in a shipper that arrived late at cellforge's intake": (
        "rules: [{include: late, path: {handoff: {to: [cellforge-intake], wait_h: {min: 40}}}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN by_handoff b ON b.thing = l.node"
        " JOIN handoffs h USING (handoff) WHERE h.taker = 'cellforge-intake' AND epoch(h.accepted) - epoch(h.released) >= 40 * 3600"
        " AND greatest(h.accepted, h.released_written, h.accepted_written, h.written) <= x.began",
    ),
    "arrived with a discrepancy, whatever it travelled in": (
        "rules: [{include: bad, path: {handoff: {discrepancy: true}}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN by_handoff b ON b.thing = l.node"
        " JOIN handoffs h USING (handoff) WHERE h.discrepancy IS NOT NULL"
        " AND greatest(coalesce(h.accepted, h.released), h.released, h.written) <= x.began",
    ),
    "made in helixworks' clean room, not collected or treated at st-vera": (
        "rules: [{include: h, path: {department: helixworks-cleanroom}}, {exclude: s, path: {department: st-vera}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN steps s ON s.step = l.node"
        " JOIN first_written f ON f.step = s.step WHERE s.performed_by = 'helixworks-cleanroom'"
        " AND greatest(s.began, f.written) <= x.began AND l.episode NOT IN (SELECT l.episode FROM lineage l"
        " JOIN steps s ON s.step = l.node WHERE s.\"at\" = 'st-vera-apheresis')",
    ),
    "been in a dewar": (
        "rules: [{include: dewar, path: {container: DEW}}]",
        "SELECT DISTINCT l.episode FROM lineage l JOIN index_event x USING (episode) JOIN inside i ON i.content = l.node"
        " WHERE i.container = 'DEW' AND greatest(i.since, i.written) <= x.began",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(network: Path) -> duckdb.DuckDBPyConnection:
    return network_files.opened(network)


def ids(rows: list[tuple[Any, ...]]) -> list[str]:
    """The ids of therapy orders, computed as the design says: the class and 128 bits of SHA-256 of class and key."""
    return sorted("episode-" + hashlib.sha256(f"episode\n{name}".encode()).hexdigest()[:32] for (name,) in rows)


@pytest.mark.parametrize("name", CASES)
def test_a_cohort_is_what_sql_finds_in_the_files(name: str, files: duckdb.DuckDBPyConnection, network_view: View) -> None:
    rules, sql = CASES[name]
    if "DEW" in rules:
        most = "SELECT container FROM stays WHERE container LIKE 'DEW-%' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
        [[dewar]] = files.execute(most).fetchall()
        rules, sql = rules.replace("DEW", dewar), sql.replace("'DEW'", f"'{dewar}'")
    [[units]] = files.execute("SELECT count(*) FROM index_event").fetchall()
    expected = ids(files.execute(sql).fetchall())
    found = cohort(network_view, parsed(f"name: c\nunit: episode\nindex: {{step: [infusion]}}\n{rules}"))
    assert found.attrition[0].kept == units
    assert found.rows["unit"].to_list() == expected
    assert 0 < len(expected) < units
