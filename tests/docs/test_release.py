"""What names the version or the date of the release names that of the package."""

import re
from datetime import date
from pathlib import Path

import progress_measures as pm

ROOT = Path(__file__).parents[2]
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
NOTES = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## (.*)$", CHANGELOG, flags=re.MULTILINE)
(RELEASED,) = re.findall(r"^date-released: (.*)$", CITATION, flags=re.MULTILINE)


def test_the_citation_is_of_this_version():
    assert re.findall(r"^version: (.*)$", CITATION, flags=re.MULTILINE) == [pm.__version__]


def test_the_changelog_has_this_version_below_what_is_unreleased():
    assert SECTIONS[:2] == ["[Unreleased]", f"[{pm.__version__}] - {RELEASED}"]


def test_the_newest_notes_are_of_this_version():
    day = date.fromisoformat(RELEASED)
    assert re.findall(r"^## (.*)$", NOTES, flags=re.MULTILINE)[0] == f"{pm.__version__}, {day.day} {day:%B %Y}"


def test_files_that_the_changelog_links_exist():
    targets = re.findall(r"\]\((?!http)([^)]+)\)", CHANGELOG)
    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []
