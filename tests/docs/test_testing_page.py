"""docs/testing.md says what there is, and pyproject.toml declares what was tried."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.docs._pages import rows, section

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINNED = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
(LOWEST,) = re.findall(r"^\| (NumPy .*?) \|", PAGE, flags=re.MULTILINE)
TRIED = {name.lower(): version for name, version in re.findall(r"([\w-]+) (\d[\d.]*\d)", LOWEST)} | {
    "torch": re.search(r"PyTorch (\S+?),", LOWEST)[1]
}
ALIKE = {
    "pytest-benchmark": "4.0.0",
    "pytest-cov": "5.0.0",
}  # tried with the same row, and not worth naming on the page


def requirements():
    """Every requirement with a lower bound."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    for line in {*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)}:
        if match := re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", line):
            yield match[1], match[2]


def numbers(version):
    """1.26 and 1.26.0 are one version."""
    return [*map(int, version.split("."))] + [0] * (4 - len(version.split(".")))


@pytest.mark.parametrize(("name", "bound"), sorted(requirements()))
def test_lower_bounds_are_versions_that_were_tried(name, bound):
    tried = (TRIED | ALIKE).get(name, PINNED.get(name))
    assert numbers(bound) == numbers(tried)


def test_every_requirement_has_a_lower_bound():
    extras = PROJECT["project"]["optional-dependencies"].values()
    every = {*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)}
    own = {line for line in every if line.startswith("progress_measures[")}
    assert len(every - own) == len(set(requirements()))


def test_pythons_that_are_named_were_tried():
    pythons = re.findall(r"Python :: (3\.\d+)", str(PROJECT["project"]["classifiers"]))
    assert pythons == ["3.11", "3.13"]
    assert PROJECT["project"]["requires-python"] == f">={pythons[0]}"
    versions = section(PAGE, "Versions")
    (day,) = re.findall(r"on Linux with Python (3\.\d+)", versions)
    assert pythons == [day, *(version for row in rows(versions) for version in re.findall(r"Python (3\.\d+)", row[0]))]


def test_coverage_is_as_the_page_says_and_measured_of_tests_that_are_there():
    least = PROJECT["tool"]["coverage"]["report"]["fail_under"]
    assert f"{least} %" in re.search(r"^Coverage.*(?:\n.+)*", PAGE, flags=re.MULTILINE)[0]
    (listed,) = re.findall(r"^COVERED = \((.*?)\)", (ROOT / "conftest.py").read_text(), flags=re.DOTALL | re.MULTILINE)
    paths = re.findall(r'"(.*?)"', listed)
    assert {"src/", "tests/unit/", "tests/values/"} <= {*paths}
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_commands_and_links_are_there():
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    for words in map(str.split, "".join(blocks).splitlines()):
        if words[0] == "python":
            assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").is_file()
        elif words[0].startswith("."):
            assert subprocess.run(["bash", "-n", ROOT / words[0]], check=False).returncode == 0
    for target in re.findall(r"\]\((?!http)([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).is_file(), target


def test_mutants_are_made_of_files_and_tried_with_tests_that_exist():
    settings = PROJECT["tool"]["mutmut"]
    tests = [test.partition("::")[0] for test in settings["pytest_add_cli_args_test_selection"]]
    for pattern in [*settings["only_mutate"], *settings["also_copy"], *tests, settings["preload_modules_file"]]:
        assert [*ROOT.glob(pattern)], pattern
