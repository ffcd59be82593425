"""Pages say that test loss is above chance while many answers are right, and for how long: so it is in the mainline."""

import math
from pathlib import Path

import numpy as np
import pytest

import progress_measures as pm
from examples.modular_addition.bundled import MAINLINE
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import section

ROOT = Path(__file__).parents[2]
PHASES, INDEX, README = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("docs/phases.md", "docs/index.md", "README.md")
)


@pytest.fixture(scope="module")
def mainline():
    return pm.Trajectory.load(MAINLINE / "curves.npz")


def test_many_answers_are_right_where_test_loss_falls_below_chance(mainline):
    end = pm.find_phases(mainline, answers=113).circuit_formation_end
    assert (mainline["test_loss"][(mainline.steps > 0) & (mainline.steps <= end)] > math.log(113)).all()
    accuracy = float(np.interp(end, mainline.steps, mainline["test_accuracy"]))
    assert accuracy > 0.4
    assert_has_numbers(section(PHASES, "Boundaries"), accuracy)


def test_a_network_has_memorized_long_before_its_phase_ends(mainline):
    memorized = pm.milestones(mainline, answers=113).memorized
    end = pm.find_phases(mainline, answers=113).memorization_end
    assert_has_numbers(section(PHASES, "Columns to log"), memorized, end)


def test_excluded_loss_falls_before_it_rises(mainline):
    lowest = int(mainline.steps[mainline["excluded_loss"].argmin()])
    text = section(INDEX)
    assert f"{lowest:,}" in text
    assert text[text.index("This transformer") :].strip() in README
    assert mainline["excluded_loss"][0] > 1000 * mainline["excluded_loss"].min()
