"""What the README shows is run as it stands there, and its numbers are those of the pages that it leads to.

Its set-up commands are run by ``.ci/run``, which also compares its picture with the one that they draw; its other
commands by ``test_command_line_page.py``.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE
from tests.docs._numbers import assert_has_numbers, near, numbers
from tests.docs._pages import section

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PERFORMANCE = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL))
def test_examples_run_by_themselves(example):
    done = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = re.findall(r"^ *print\(.*\)(?:  # (.*))?$", example, flags=re.MULTILINE)
    for line, shown in zip(done.stdout.splitlines(), printed, strict=True):
        assert all(name in line for name in re.findall(r"\([\d, ]*\)|\w+_\w+", shown)), line


def test_the_measures_are_those_of_the_page_of_measures():
    page = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.*)$", page, flags=re.MULTILINE)}
    linked = set(re.findall(r"docs/measures\.md#([\w-]+)", README))
    # Phases have a page of their own, and the comparison of rules has no measure.
    assert linked == headings - {"phases-and-lead-times", "rules-for-key-frequencies-compared"}


def test_files_and_headings_that_are_linked_exist():
    (picture,) = re.findall(r'<img [^>]*src="([^"]+)"', README)
    for target in [picture, *re.findall(r"\]\((?!http)([^)]+)\)", README)]:
        path, _, heading = target.partition("#")
        assert (ROOT / path).is_file(), target
        headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text("utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in {each.lower().replace(" ", "-") for each in headings}, target


def quantities(text):
    """The numbers of a text that say something, times in seconds."""
    found = numbers(re.sub(r"(\d) ms\b", r"\1e-3 s", text))
    return [each for each in found if each.value != 1]  # as in 1/85


def test_speeds_are_those_that_were_measured():
    page = [quantities(part) for part in re.split(r"\n\n|\n(?=\|)", PERFORMANCE)]
    for row in re.findall(r"^- .*", section(README, "How fast, how exact"), flags=re.MULTILINE):
        said = quantities(row)
        assert said, row
        # A row, or a sentence, of the page is of the same if it has two of the numbers.
        same = [part for part in page if sum(any(near(one, other) for other in part) for one in said) > 1]
        missing = [one for one in said if not any(near(one, other) for part in same for other in part)]
        assert not missing, row


def test_everything_that_can_be_run_is_run():
    run = set(re.findall(r"in_fresh_clone ([\w-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8")))
    fences = re.findall(r"(?:<!-- ([\w-]+) -->\n)?```(\w*)\n(.*?)```\n", README, flags=re.DOTALL)
    assert 2 * len(fences) == README.count("```")
    assert run <= {mark for mark, _, _ in fences}
    for mark, kind, code in fences:
        if kind == "bash" and mark not in run:
            assert all(line.startswith("progress-measures ") for line in code.splitlines())  # test_command_line_page.py


def test_what_it_says_of_the_bundled_run_is_so():
    steps = checkpoints.steps(MAINLINE)
    assert_has_numbers(section(README, "See it on a transformer"), len(steps), steps[-1])


def test_how_exact_it_says_that_losses_are():
    certain = torch.zeros(2, 2, 2)
    certain.scatter_(2, pm.addition(2).table[..., None], 60.0)
    assert_has_numbers(section(README, "How fast, how exact"), pm.cross_entropy(certain, pm.addition(2)))


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_what_it_says_of_its_picture_is_so(page):
    phases = pm.find_phases(pm.Trajectory.load(MAINLINE / "curves.npz"), answers=113)
    text = section((ROOT / page).read_text(encoding="utf-8"))
    assert_has_numbers(text, round(phases.circuit_formation_end, -2), phases.memorization_end)
