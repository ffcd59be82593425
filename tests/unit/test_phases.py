import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import progress_measures as pm

STEPS = np.arange(0, 20_001, 250)


def run(*, memorized=1000, fell=6000, settled=9000, steps=STEPS, end=None):
    """Curves of a run that groks, with the boundaries where they are asked for."""
    s = np.asarray(steps, dtype=float)
    excluded = np.interp(s, [0, memorized, memorized + 4000, 30_000], [4.7, 0.3, 9.0, 6.0])
    test = np.interp(s, [0, memorized, fell, fell + 1000, 30_000], [4.8, 20.0, np.log(113), 1e-3, 1e-6])
    # Weights end at 1000; 1050 is crossed at `settled`.
    weights = np.interp(s, [0, 500, fell, settled, settled + 500, 30_000], [1800, 3600, 2500, 1050, 1000, 1000])
    keep = s <= (s[-1] if end is None else end)
    return pm.Trajectory(
        np.asarray(steps)[keep],
        {"excluded_loss": excluded[keep], "test_loss": test[keep], "sum_squared_weights": weights[keep]},
    )


def test_boundaries_are_where_they_were_put():
    assert pm.find_phases(run(), answers=113) == pm.Phases(1000, 6000, 9000)


def test_boundaries_between_recorded_steps_are_interpolated():
    phases = pm.find_phases(run(fell=6120, settled=9130), answers=113)
    assert phases.circuit_formation_end == pytest.approx(6120, abs=50)
    assert phases.cleanup_end == pytest.approx(9130, abs=100)


@given(st.integers(0, 20_000), st.integers(200, 3000), st.integers(3500, 9000), st.integers(200, 8000))
def test_boundaries_are_in_order_and_inside_the_run(end, memorized, fell, cleanup):
    trajectory = run(memorized=memorized, fell=fell, settled=fell + cleanup, end=end)
    phases = pm.find_phases(trajectory, answers=113)
    known = [step for step in vars(phases).values() if step is not None]
    assert known == sorted(known)
    assert all(trajectory.steps[0] <= step <= trajectory.steps[-1] for step in known)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (750, (None, None, None)),  # still memorizing
        (1000, (None, None, None)),  # at the bottom, as far as can be known
        (1500, (1000, None, None)),
        (5750, (1000, None, None)),
        (6250, (1000, 6000, None)),
        (8000, (1000, 6000, None)),  # the weights still fall
        (9250, (1000, 6000, None)),  # near where they settle, but not for long
        (15_000, (1000, 6000, 9000)),
    ],
)
def test_a_run_cut_short_has_none(end, expected):
    assert pm.find_phases(run(end=end), answers=113) == pm.Phases(*expected)


def test_a_run_that_never_groks_has_none():
    # Without weight decay: excluded loss falls and stays, test loss stays above chance, weights grow.
    decline = 4.7 * np.exp(-STEPS / 300)
    noise = 1e-4 * np.random.default_rng(0).normal(size=len(STEPS))
    trajectory = pm.Trajectory(
        STEPS,
        {
            "excluded_loss": decline + np.abs(noise),
            "test_loss": 20 - 10 * np.exp(-STEPS / 300),
            "sum_squared_weights": 1800 + 10 * np.sqrt(STEPS),
        },
    )
    assert pm.find_phases(trajectory, answers=113) == pm.Phases(None, None, None)


def changed(trajectory, **changes):
    """The trajectory with some columns changed at some steps: name -> {step: value}."""
    columns = {name: values.clone() for name, values in trajectory.columns.items()}
    for name, values in changes.items():
        for step, value in values.items():
            columns[name][trajectory.steps == step] = value
    return pm.Trajectory(trajectory.steps, columns)


@pytest.mark.parametrize(
    "changes",
    [
        {"test_loss": {2000: 4.5}},  # below chance for a moment while the circuit forms
        {"test_loss": {15_000: 9.0, 15_250: 7.0}},  # slingshots
        {"test_loss": {0: 4.70}},  # below chance by chance
        {"excluded_loss": {18_000: 0.1}},
        {"excluded_loss": {20_000: 0.0}},
        {"sum_squared_weights": {7000: 900.0}},
        {"sum_squared_weights": {19_750: 1300.0, 20_000: 1400.0}},
    ],
)
def test_noise_and_spikes_move_nothing(changes):
    assert pm.find_phases(changed(run(), **changes), answers=113) == pm.Phases(1000, 6000, 9000)


def test_a_run_that_generalizes_at_once_has_no_memorization_to_end():
    trajectory = run()
    below = changed(trajectory, test_loss={int(step): 1.0 for step in trajectory.steps[1:]})
    phases = pm.find_phases(below, answers=113)
    assert phases.memorization_end is None
    assert 0 < phases.circuit_formation_end < 250


@pytest.mark.parametrize(
    "weights", [np.full(len(STEPS), 7.0), 1000.0 + STEPS, np.where(STEPS > 18_000, 9000.0, 2000.0)]
)
def test_weights_that_do_not_come_down_have_no_cleanup(weights):
    trajectory = run()
    columns = dict(trajectory.columns) | {"sum_squared_weights": weights}
    assert pm.find_phases(pm.Trajectory(trajectory.steps, columns), answers=113) == pm.Phases(1000, 6000, None)


def test_test_loss_that_leaves_chance_and_does_not_come_back():
    rising = np.concatenate([[4.7275, 4.7270, 4.7271], np.linspace(5, 20, len(STEPS) - 3)])
    columns = dict(run().columns) | {"test_loss": rising}
    assert pm.find_phases(pm.Trajectory(STEPS, columns), answers=113) == pm.Phases(1000, None, None)


def test_a_run_recorded_too_late_does_not_guess():
    trajectory = run(steps=np.arange(7000, 20_001, 250))
    phases = pm.find_phases(trajectory, answers=113)
    assert phases.circuit_formation_end is None
    assert phases.cleanup_end is None


def test_a_run_recorded_from_circuit_formation_on_has_no_memorization_end():
    phases = pm.find_phases(run(steps=np.arange(2000, 20_001, 250)), answers=113)
    assert phases == pm.Phases(None, 6000, 9000)


def test_chance_depends_on_the_number_of_answers():
    assert (
        pm.find_phases(run(), answers=10**6).circuit_formation_end
        < pm.find_phases(run(), answers=113).circuit_formation_end
    )


def test_one_recorded_step():
    one = pm.Trajectory([7], {"excluded_loss": [1.0], "test_loss": [1.0], "sum_squared_weights": [1.0]})
    assert pm.find_phases(one, answers=113) == pm.Phases(None, None, None)
