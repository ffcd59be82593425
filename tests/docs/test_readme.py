"""What the README shows is run as it stands there, and its numbers are those of the pages that it leads to.

Its set-up commands are run by ``.ci/run``, which also compares its picture with the one that they draw; its other
commands by ``test_command_line_page.py``.
"""

import re
import subprocess
import sys
from pathlib import Path

import progress_measures as pm
from examples.modular_addition.bundled import MAINLINE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_example_runs_by_itself_in_ten_lines():
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    done = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    keys, measures, loss = done.stdout.splitlines()
    assert keys == "()"
    assert all(f"'{name}': " in measures for name in ("restricted_loss", "excluded_loss"))
    assert re.fullmatch(r"tensor\(.*, dtype=torch.float64.*\)", loss)


def test_every_function_that_is_named_exists():
    table = README[README.index("| measure | says |") : README.index("While a model trains")]
    named = re.findall(r"`(\w+)`", table)
    assert len(named) == len(set(named)) > 30
    assert set(named) <= set(pm.__all__)


def test_the_measures_are_those_of_the_page_of_measures():
    page = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.*)$", page, flags=re.MULTILINE)}
    linked = set(re.findall(r"docs/measures\.md#([\w-]+)", README))
    assert linked == headings - {"phases-and-lead-times"}  # which have a page of their own


def test_files_and_headings_that_are_linked_exist():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        path, _, heading = target.partition("#")
        assert (ROOT / path).is_file(), target
        headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text("utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in {each.lower().replace(" ", "-") for each in headings}, target


def test_speeds_are_those_that_were_measured():
    pages = "".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("performance", "recording"))
    table = README[README.index("## How fast") : README.index("## How exact")]
    numbers = re.findall(r"(?<![\w.])(?:1/)?[\d.]+ ?(?:ms|s|MiB|%|times)?(?![\w.])", re.sub(r"\]\(.*?\)", "", table))
    assert len(numbers) > 8
    for number in numbers:
        value = number.removesuffix(" times").strip()
        assert value in pages or f"1/{value}" in pages, number


def test_what_it_says_of_its_picture_is_so():
    phases = pm.find_phases(pm.Trajectory.load(MAINLINE / "curves.npz"), answers=113)
    assert f"below chance after {round(phases.circuit_formation_end, -2):,} steps" in README.replace("\n", " ")
    assert f"rising since step {phases.memorization_end:,}" in README.replace("\n", " ")
