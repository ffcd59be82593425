"""What the README shows is run as it stands there, and its numbers are those of the pages that it leads to.

Its set-up commands are run by ``.ci/run``, which also compares its picture with the one that they draw; its other
commands by ``test_command_line_page.py``.
"""

import re
import subprocess
import sys
from pathlib import Path

import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PERFORMANCE = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


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
    rows = [re.sub(r"^\| | \|$", "", line).split(" | ") for line in PERFORMANCE.splitlines() if line.startswith("| ")]
    measured = {(row[0].replace("`", ""), row[2]): row for row in rows if len(row) == 6}
    forward = measured["measure, n = 113", "a forward pass"]
    plain = measured["measure, n = 113", "the definitions, one by one"]
    recorded = measured["recording a step, n = 113", "100 epochs of the bundled trainer"]
    (big,) = [row for row in rows if row[0] == "1009"]
    (memory,) = re.findall(r"the whole process peaks at (\d+ MiB)", PERFORMANCE)
    expected = [
        (forward[1], f"{forward[4]} of a forward pass over all pairs"),
        (plain[1], f"{plain[4]} of their {plain[3]}"),
        (recorded[1], f"{recorded[4]} of 100 epochs"),
        (big[2], f"{memory} of memory in all"),
    ]
    table = README[README.index("## How fast") : README.index("## How exact")]
    said = [line.split(" | ") for line in table.splitlines() if line.startswith("| ") and "takes" not in line]
    assert [(row[1], row[2]) for row in said] == expected
    assert said[-1][0] == f"| n = 1009, whose {big[1]} of logits are in a file"


def test_everything_that_can_be_run_is_run():
    marked = {"main-job", "site", "tests"}  # by .ci/run
    fences = re.findall(r"(?:<!-- ([\w-]+) -->\n)?```(\w*)\n(.*?)```\n", README, flags=re.DOTALL)
    assert 2 * len(fences) == README.count("```")
    assert {mark for mark, _, _ in fences if mark in marked} == marked
    others = [(kind, code.split()[0]) for mark, kind, code in fences if mark not in marked]
    assert others == [("python", "import"), ("bash", "progress-measures")]  # above, and test_command_line_page.py


def test_what_it_says_of_the_bundled_run_is_so():
    text = README.replace("\n", " ")
    steps = checkpoints.steps(MAINLINE)
    assert f"the {len(steps)} bundled checkpoints of a run of {steps[-1]:,} steps" in text
    certain = torch.zeros(2, 2, 2)
    certain.scatter_(2, pm.addition(2).table[..., None], 60.0)
    assert 0 < pm.cross_entropy(certain, pm.addition(2)) < 1.1e-26
    assert "a confident model's loss of 1e-26 is 1e-26, not 0" in text


def test_what_it_says_of_its_picture_is_so():
    phases = pm.find_phases(pm.Trajectory.load(MAINLINE / "curves.npz"), answers=113)
    formed, memorized = f"{round(phases.circuit_formation_end, -2):,}", f"{phases.memorization_end:,}"
    front = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").replace("\n", " ")
    assert f"below chance after {formed} steps" in README.replace("\n", " ")
    assert f"worse than a guess until step {formed}" in front
    for text in (README.replace("\n", " "), front):
        assert f"rising since step {memorized}" in text
