"""CONTRIBUTING.md leads to files that are there, and its commands are those that the checks run."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from docs.public_names import PUBLIC

ROOT = Path(__file__).parents[2]
SOURCE, UNIT = ROOT / "src" / "progress_measures", ROOT / "tests" / "unit"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
LINES = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
COMMANDS = [shlex.split(part) for line in LINES for part in line.split(" && ")]
TOOLS = {
    ".", "mypy", "pip", "pre-commit", "pytest", "python", "python3", "ruff", "sphinx-build",
}  # fmt: skip
ROWS = re.findall(r"^\| .+? \| (`.+?) \| (`.+?) \|$", PAGE, flags=re.MULTILINE)
MADE = {"docs/_build/html", "docs/_build/html/index.html", "results.json", "dist", ".venv/bin/activate"}


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_paths_in_the_text_are_there():
    prose = re.sub(r"```.*?```|^\|.*?$", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    paths = {word for text in quoted(prose) for word in text.split() if "/" in word or word.endswith((".py", ".toml"))}
    paths |= set(re.findall(r"\]\((?!http)([^)]+)\)", PAGE))
    assert {".ci/run", ".ci/package", "docs/releases.md", "tests/extremes/_functions.py"} <= paths
    of_rooms = {"__init__.py", "checks.py", "_checks/", "_scaling.py", "docs/api/", "test_operations.py"}
    assert [path for path in sorted(paths - MADE - of_rooms - {"dist/*"}) if not (ROOT / path).exists()] == []


def test_paths_in_commands_are_there():
    words = {word.removeprefix("./") for command in COMMANDS for word in command[1:]}
    paths = {word for word in words if "/" in word or word.endswith(".txt")} - MADE
    assert len(paths) >= 9
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_are_of_tools_and_extras_that_are_declared(command):
    assert command[0] in TOOLS
    if command[:2] == ["python", "-m"]:
        assert (ROOT / command[2].replace(".", "/")).with_suffix(".py").is_file()
    for word in command:
        if match := re.fullmatch(r"\.\[(.*)\]", word):
            assert set(match[1].split(",")) <= set(EXTRAS)


def test_commands_are_those_of_the_checks():
    (setup, tests) = re.search(r"<!-- tests -->\n```bash\n(.*) && (pytest .*)\n", README).groups()
    assert setup in LINES
    assert tests in LINES
    (lint,) = [line for line in dict.fromkeys(LINES) if line.startswith("ruff")]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert lint.split(" && ") == re.findall(r"^ *((?:ruff|mypy)\b.*)$", ci, flags=re.MULTILINE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert lint.split(" && ") == re.findall(r"^ +entry: (.*)$", hooks, flags=re.MULTILINE)
    (site,) = [line for line in LINES if "sphinx" in line]
    assert ci.count("grep '&& sphinx-build' CONTRIBUTING.md") == 1
    assert "&& sphinx-build" in site
    assert next(line for line in LINES if "benchmarks" in line) in (ROOT / "docs" / "performance.md").read_text()
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "package"], check=False).returncode == 0
    assert ".ci/package dist" in PAGE
    assert '/.ci/package" "$scratch/dist"' in ci


def test_the_table_has_a_place_for_every_public_name_and_a_test_for_every_place():
    places = {place for sources, _ in ROWS for place in quoted(sources)}
    assert [place for place in places if not (SOURCE / place).exists()] == []
    assert [test for _, tests in ROWS for test in quoted(tests) if not (UNIT / test).is_file()] == []
    rooms = {place.split("/")[0].removesuffix(".py") for place in places}
    assert {value.__module__.split(".")[1] for value in PUBLIC.values()} <= rooms
