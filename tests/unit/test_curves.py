"""What the boundaries are read off curves by, on curves of a few values that can be counted."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

import progress_measures as pm
from progress_measures.phases.bottoms import confirmed_minimum, scatter
from progress_measures.phases.ends import SETTLED, cleanup_end, outside_slingshots
from progress_measures.phases.falls import lasting_fall

FLAT = [5.0] * 12


def lowest(values, *, depth=1.0, last=None):
    values = np.array(values)
    return confirmed_minimum(
        values, among=np.arange(len(values)) < (len(values) if last is None else last), depth=depth
    )


@pytest.mark.parametrize(
    ("middle", "place"),
    [
        ([1.0, 1.5, 1.4], 0),  # the least median of three neighbours is that of the one in the middle
        ([1.4, 1.5, 1.0], 2),
        ([1.4, 1.5, 1.45, 0.5], 0),  # a dip beside them that is no neighbour
    ],
)
def test_a_bottom_is_the_least_of_the_three_with_the_least_median(middle, place):
    assert lowest([*FLAT, *middle, *FLAT]) == len(FLAT) + place


def test_a_bottom_as_deep_as_it_has_to_be():
    assert lowest([*FLAT, 1.0, 1.0, *FLAT], depth=4.0) == len(FLAT)
    assert lowest([*FLAT, 1.0, 1.0, *FLAT], depth=4.01) is None


@pytest.mark.parametrize(("count", "found"), [(6, 14), (9, None)])
def test_half_of_what_comes_after_a_bottom_is_no_lower(count, found):
    values = np.array([*FLAT, *[1.0] * 5, *[5.0] * 7, *[0.0] * count])
    assert confirmed_minimum(values, among=values > 0, depth=1.0) == found


def test_of_equal_values_the_middle_one_is_the_bottom():
    assert [lowest([*FLAT, *[1.0] * count, *FLAT]) for count in (2, 3, 4, 5)] == [12, 13, 13, 14]
    rounded = pm.Trajectory(range(0, 290, 10), {"excluded_loss": [*FLAT, *[1.0] * 5, *FLAT]})
    event = pm.find_phases(rounded, answers=113).events["memorization_end"]
    assert (event.step, event.interval) == (140, (110, 170))


def test_spikes_that_chance_brings_together_are_no_bottom():
    generator, found = np.random.default_rng(0), 0
    for _ in range(200):
        spikes = np.where(generator.random(200) < 0.5, 0.1, 10.0) ** (generator.random(200) < 0.05)
        found += lowest(4.7 * spikes, depth=0.24) is not None
    assert found <= 2


def test_correlated_noise_is_no_bottom():
    generator, found = np.random.default_rng(0), 0
    for _ in range(100):
        noise = lfilter([0.6 * 0.05], [1, -0.8], generator.normal(size=200))
        found += lowest(4.7 * np.exp(noise), depth=0.24) is not None
    assert found <= 2


def test_a_spike_of_training_loss_is_not_how_low_it_has_been():
    train = np.array([1.0, 0.9, 0.05, 0.8, 0.7, 0.6])
    assert outside_slingshots(train).all()
    assert outside_slingshots(np.where(train == 0.05, 0.1, train)).tolist() == [True, True, True, False, False, False]


def test_scatter_is_of_the_inner_values_but_for_one():
    assert scatter(np.array([1.0, 2.0]), without=0) == 0
    assert scatter(np.array([0.0, 5.0, 0.0]), without=0) == 5
    assert scatter(np.array([0.0, 5.0, 0.0]), without=1) == 0
    assert scatter(np.array([0.0, 9.0, 0.0, 0.0, 0.0]), without=1) == 0
    assert scatter(np.array([0.0, 9.0, 0.0, 0.0, 0.0]), without=2) == 6.75  # three quarters of the way from 0 to 9


def test_a_fall_is_where_the_level_is_crossed():
    steps = np.array([0, 30, 60, 90])
    assert lasting_fall(steps, np.array([3.0, 3.0, 0.0, 0.0]), 1.0) == 30 + 30 * 2 / 3
    assert lasting_fall(steps, np.array([3.0, 3.0, 0.5, 0.5]), 1.0) == 30 + 30 * 2 / 2.5
    assert lasting_fall(steps, np.array([3.0, 0.0, 0.0, 0.0]), 1.0, depth=0.5) == 30 * 2 / 3


@pytest.mark.parametrize(("before", "after"), [(1.5, 0.5), (1.5, 0.3), (2.0, 0.5)])
def test_a_fall_as_deep_as_it_has_to_be(before, after):
    found = lasting_fall(np.arange(4), np.array([before, before, after, after]), 1.0, depth=0.5)
    assert found == 1 + (before - 1) / (before - after)
    assert lasting_fall(np.arange(4), np.array([before, before, after, after]), 1.0, depth=0.61) is None


@pytest.mark.parametrize(("start", "found"), [(0.5, None), (0.51, 4 + 2 / 3)])
def test_a_start_below_the_level_by_the_depth_contradicts_a_fall(start, found):
    values = np.array([start, 3.0, 0.0, 3.0, 3.0, *[0.0] * 5])
    assert lasting_fall(np.arange(10), values, 1.0, depth=0.5) == (found and pytest.approx(found))


def test_a_slingshot_is_above_three_times_the_least_so_far():
    assert outside_slingshots(np.array([1.0, 3.0, 3.01, 0.5, 1.5, 1.51])).tolist() == [True, True, False] * 2


def test_memorization_may_end_where_circuit_formation_does():
    excluded = [5.0, 5.0, 5.0, 5.0, 1.2, 1.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0]
    test = [9.0, 9.0, 9.0, 9.0, 9.0, math.log(7), *[0.0] * 6]
    run = pm.Trajectory(range(12), {"excluded_loss": excluded, "test_loss": test, "sum_squared_weights": [1.0] * 12})
    phases = pm.find_phases(run, answers=7)
    assert (phases.memorization_end, phases.circuit_formation_end) == (5, 5)
    assert pm.find_phases(run, answers=2).circuit_formation_end == 6


def cleanup(weights, *, start=5.0):
    """The end of cleanup from the weights at each step; at step 0 they are 10, and the last step is 100."""
    curve = {0: 10.0} | weights
    return cleanup_end(np.array([*curve]), np.array([*curve.values()]), start=start)


ENDS = {90: 1.0, 92: 1.0, 94: 1.0, 96: 1.0, 98: 1.0, 100: 1.0}


def test_weights_that_have_not_settled_in_the_last_tenth_but_one():
    # Its median counts, not its last step; and it begins two tenths before the last step.
    assert cleanup({70: 10.0, 80: 1.2, 84: 1.2, 88: 1.0} | ENDS) is None
    assert cleanup({70: 10.0, 80: 1.2, 84: 1.0, 88: 1.0} | ENDS) == 80 + 4 * 0.15 / 0.2
    assert cleanup({70: 10.0, 79: 10.0, 85: 1.0} | ENDS) == 79 + 6 * 8.95 / 9


def test_the_last_tenth_begins_a_tenth_before_the_last_step():
    late = {80: 1.2, 84: 1.2, 88: 1.0, 89: 1.0}
    assert cleanup({70: 10.0} | late | ENDS) is None
    assert cleanup({70: 10.0, 80: 1.2, 84: 1.2, 87: 1.0, 88: 1.0, 89: 1.0} | ENDS) is not None
    assert cleanup({70: 10.0, 80: 1.2, 84: 1.2, 88: 1.0} | {89: 1.0, 90: 1.0} | ENDS) is None


def test_where_nothing_was_recorded_the_last_step_stands_for_it():
    assert cleanup({60: 10.0, 70: 1.0} | ENDS) == 60 + 10 * 8.95 / 9


def test_weights_that_settle_just_enough():
    assert cleanup({70: 10.0, 80: 1 + SETTLED / 2, 85: 1 + SETTLED / 2} | ENDS) is not None
    assert cleanup({70: 10.0, 80: 1.026, 85: 1.026} | ENDS) is None


@pytest.mark.parametrize("first", [10, 50])
def test_cleanup_that_ends_in_the_last_tenth_is_none(first):
    risen = dict.fromkeys((85, 89, 91, 94), 10.0)
    late = dict.fromkeys(range(80, 85), 1.0) | risen | dict.fromkeys(range(95, 101), 1.0)
    assert cleanup({first: 10.0, 60: 10.0, 70: 10.0} | late) is None


def test_a_tenth_is_counted_from_the_last_step():
    assert cleanup({70: 10.0, 79: 10.0, 85: 1.0, 90: 1.0, 100: 1.0}) == 79 + 6 * 8.95 / 9


def test_the_start_counts_once():
    weights = {20: 1.0, 30: 10.0, 40: 10.0, 50: 10.0, 60: 1.0, 70: 1.0, 80: 1.0} | ENDS
    assert cleanup(weights, start=20.0) == 50 + 10 * 8.95 / 9
