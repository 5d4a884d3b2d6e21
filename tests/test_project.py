"""What holds for the project as a whole: no dependency owns a name of ours, and all that is shipped may be used freely."""

import re
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
OURS = {"graph", "loaders", "queries", "api"}
PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL.2\.0|Mozilla Public License 2\.0|Unlicense|0BSD)", re.I
)


def needed(name: str, seen: dict[str, Distribution]) -> dict[str, Distribution]:
    """All that is installed for a distribution's run time, by name."""
    for text in distribution(name).requires or []:
        requirement = Requirement(text)
        if requirement.name.lower() in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen[requirement.name.lower()] = distribution(requirement.name)
        needed(requirement.name, seen)
    return seen


def licence(found: Distribution) -> str:
    """Everything a distribution says of its licence."""
    told = found.metadata
    classifiers = [text for text in told.get_all("Classifier") or [] if text.startswith("License")]
    return " ".join([told.get("License-Expression") or "", (told.get("License") or "")[:200], *classifiers])


def test_no_dependency_owns_one_of_our_names() -> None:
    for found in distributions():
        if found.metadata["Name"] != "veintrace":
            tops = {Path(str(file)).parts[0].removesuffix(".py") for file in found.files or [] if ".." not in str(file)}
            assert not tops & OURS, found.metadata["Name"]


def test_everything_needed_at_run_time_has_a_permissive_licence() -> None:
    found = needed("veintrace", {})
    assert len(found) > 15
    assert [name for name, each in found.items() if not PERMISSIVE.search(licence(each))] == []


def test_dependencies_are_pinned_by_name_and_version_alone() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pinned = re.compile(r"(veintrace\[plot\]|[A-Za-z0-9-]+==[0-9.]+(\.post[0-9]+)?)(; extra == [\"'](dev|plot)[\"'])?")
    for requirement in distribution("veintrace").requires or []:
        assert pinned.fullmatch(requirement), requirement
    assert "://" not in text
