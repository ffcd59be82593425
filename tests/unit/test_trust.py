"""The synthetic runs of tests/trust have their boundaries where they say."""

import numpy as np
import pytest

from tests.trust._draws import KINDS, draw, draws
from tests.trust._methods import library, pool
from tests.trust._noise import NOISES
from tests.trust._score import Tally

CLEAR = [kind for kind in KINDS if kind not in ("groks twice", "collapses for short times")]


@pytest.mark.parametrize("kind", CLEAR)
def test_boundaries_without_noise_are_those_of_the_truth(kind):
    generator = np.random.default_rng(0)
    for grid in ("even", "logarithmic", "square roots", "irregular") * 4:
        each = draw(generator, kind, "none", grid)
        steps, found = each.clean.steps.numpy(), library(each.clean, each.answers)
        for name, truth in each.truth.items():
            assert (found[name] is None) == (truth is None), name
            if truth is not None:
                before, after = np.searchsorted(steps, [truth, found[name]])
                assert abs(after - before) <= 1, name


def test_a_run_that_groks_twice_is_above_chance_between():
    each = draw(np.random.default_rng(0), "groks twice", "none", "even")
    steps, below = each.clean.steps.numpy(), each.clean["test_loss"].numpy() <= np.log(each.answers)
    last = each.truth["circuit_formation_end"]
    assert each.former < last
    assert below[steps > last].all()
    assert not below[steps < each.former].any()
    between = below[(steps > each.former) & (steps < last)]
    assert between[0]
    assert not between[-1]


@pytest.mark.parametrize("noise", NOISES)
def test_noise_leaves_curves_positive_and_near(noise):
    each = draw(np.random.default_rng(0), "groks", noise, "even")
    for name, values in each.clean.columns.items():
        spoilt = each.trajectory[name].numpy()
        assert (spoilt > 0).all()
        assert abs(np.median(np.log(spoilt / values.numpy()))) < (4 if "inputs" in noise else 0.1)


def test_the_same_seed_draws_the_same_runs():
    for first, second in zip(draws(20), draws(20), strict=True):
        assert (first.kind, first.truth) == (second.kind, second.truth)
        assert all((first.trajectory[name] == second.trajectory[name]).all() for name in first.trajectory.columns)


def test_pooling_is_the_increasing_fit_of_least_squares():
    values, weights = np.array([1.0, 3.0, 2.0, 4.0, 0.0]), np.array([1.0, 1.0, 3.0, 1.0, 1.0])
    fit, errors = pool(values, weights)
    np.testing.assert_allclose(fit, [1, *[13 / 6] * 4])
    np.testing.assert_allclose(errors[:4], [0, 0, 0, 0.75])


def test_what_counts_as_missed_off_and_an_alarm():
    steps, tally = np.arange(0, 1001, 10), Tally()
    for truth, found in ((500, 540), (500, 440), (500, 300), (500, None), (None, 500), (None, None)):
        tally.add(steps, truth, found)
    counts = (tally.truths, tally.missed, tally.off, tally.without, tally.alarms)
    assert counts == (4, 1, 1, 2, 1)
