"""Seeded bugs: each is a small change of the source in a copy of the tree, and the contract suite must turn red.

Run by `make mutants`. Prints a table; fails where a mutant survives, or where its place in the source is gone.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = ("tests/contract", "tests/test_view.py", "tests/graph/test_sqlite_store.py")


@dataclass(frozen=True)
class Mutant:
    """One bug: what is wrong with it, and where."""

    name: str
    file: str
    right: str
    wrong: str


MUTANTS = (
    Mutant("a superseded value is dropped, not replaced", "graph/standing.py", "if rank > before or (", "if rank < before or ("),
    Mutant(
        "as-of is off by one", "graph/sqlite_store.py", "{row}.since <= {scope.commit:d} AND", "{row}.since < {scope.commit:d} AND"
    ),
    Mutant("the past is never closed", "graph/sqlite_store.py", "AND {row}.until > {scope.commit:d}", "AND {row}.until > 0"),
    Mutant(
        "the end of a stay is ignored",
        "queries/containment.py",
        "span[0] < self.end and span[1] >= self.start",
        "span[1] >= self.start",
    ),
    Mutant(
        "an unpacking of another content empties the container",
        "queries/containment.py",
        "(named or not self._contents[event])",
        "True",
    ),
    Mutant("a relation is written once too often", "graph/ledger.py", "_without(edges, old_edges)", "edges"),
    Mutant(
        "a relation is lost on reload",
        "graph/ledger.py",
        "result.edges_closed += _without(old_edges, edges)",
        "result.edges_closed += old_edges",
    ),
    Mutant(
        "the walk goes the wrong way",
        "graph/sqlite_reach.py",
        "near, far = SIDES[direction]\n    step",
        "far, near = SIDES[direction]\n    step",
    ),
    Mutant("a conflict is swallowed", "graph/ledger.py", '"conflict" if index in conflicts', '"added" if index in conflicts'),
    Mutant(
        "answers come in any order",
        "graph/sqlite_store.py",
        "return sorted(edges, key=lambda edge: edge[:4])",
        "return list(edges)[::-1]",
    ),
    Mutant(
        "rights are off",
        "graph/view.py",
        "stewards = None if viewer is None else frozenset((viewer,))",
        "stewards = None",
    ),
    Mutant(
        "the deadline is ignored",
        "graph/sqlite_store.py",
        "connection.set_progress_handler(scope.deadline.over, _OPERATIONS)",
        "pass",
    ),
    Mutant("a person does not end the walk", "graph/codes.py", "return FROM_PERSON", "return _CODE_OF_TYPE[type_]"),
    Mutant("a join is followed one way only", "graph/sqlite_write.py", 'if type_ == "SAME_AS":', "if False:"),
    Mutant(
        "a retracted claim still speaks",
        "graph/claims.py",
        "if fields.get(RETRACTED):\n        return",
        "if False:\n        return",
    ),
    Mutant("what was said before is written again", "graph/ledger.py", "told.said) not in logged]", "told.said) not in []]"),
    Mutant(
        "the digest forgets what a record said before",
        "graph/ledger.py",
        "change = _total(came) - _total(went)",
        "change = _total(came)",
    ),
    Mutant("a two-fold time is taken for agreed", "graph/sqlite_hints.py", "if len(spans) == 1 else [None]", "if True else [None]"),
    Mutant("the smallest steward speaks first whoever answers", "graph/record.py", "(steward not in first, steward)", "steward"),
    Mutant(
        "neighbours are looked up the wrong way",
        "graph/sqlite_store.py",
        "near, far = SIDES[direction]\n        ends",
        "far, near = SIDES[direction]\n        ends",
    ),
    Mutant("a load never ends", "graph/ledger.py", "closes=batch.closes", "closes=False"),
)


def caught(mutant: Mutant, tree: Path) -> str:
    """What became of a mutant: `caught`, `SURVIVED` or `GONE`."""
    path = tree / mutant.file
    source = path.read_text(encoding="utf-8")
    if mutant.right not in source:
        return "GONE"
    path.write_text(source.replace(mutant.right, mutant.wrong, 1), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", *SUITE, "-x", "-q", "-m", "not neo4j", "-p", "no:cacheprovider", "--no-header"]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=600, check=False)
        return "caught" if done.returncode == 1 else "SURVIVED"
    finally:
        path.write_text(source, encoding="utf-8")


def main() -> int:
    """Try every mutant, then the source as it is, which must be green."""
    failures = 0
    with tempfile.TemporaryDirectory(prefix="veintrace-mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".venv", ".git", "__pycache__", "demo", ".hypothesis", "*.db*"))
        for mutant in MUTANTS:
            told = caught(mutant, tree)
            failures += told != "caught"
            print(f"{told:9} {mutant.name} ({mutant.file})", flush=True)
        command = [sys.executable, "-m", "pytest", *SUITE, "-q", "-m", "not neo4j", "-p", "no:cacheprovider"]
        green = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False).returncode == 0
        print(f"{'green' if green else 'RED':9} the source as it is")
    print(f"{len(MUTANTS) - failures} of {len(MUTANTS)} mutants caught")
    return 1 if failures or not green else 0


if __name__ == "__main__":
    sys.exit(main())
