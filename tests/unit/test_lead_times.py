import numpy as np
import pytest

import progress_measures as pm

STEPS = np.arange(0, 20_001, 250)
CHANCE = np.log(113)


def run(*, restricted=2000, excluded=3000, fell=6000, end=20_000):
    """A run whose signs of 5 % of chance, and whose fall of test loss, are where they are asked for."""
    five = 0.05 * CHANCE
    columns = {
        "restricted_loss": np.interp(
            STEPS, [0, restricted, restricted + 3000, 30_000], [CHANCE, 0.95 * CHANCE, 0.1, 0]
        ),
        "excluded_loss": np.interp(STEPS, [0, 1000, excluded, excluded + 3000, 30_000], [4.7, 0.3, 0.3 + five, 9, 6]),
        "test_loss": np.interp(STEPS, [0, 1000, fell, fell + 1000, 30_000], [4.8, 20, CHANCE, 1e-3, 1e-6]),
        "sum_squared_weights": np.interp(STEPS, [0, 500, 6000, 9000, 30_000], [1800, 3600, 2500, 1000, 1000]),
    }
    kept = end >= STEPS
    return pm.Trajectory(STEPS[kept], {name: values[kept] for name, values in columns.items()})


def test_signs_are_where_they_were_put():
    lead = pm.lead_times(run(restricted=2250, excluded=3500), answers=113)
    assert lead == pm.phases.LeadTimes(2250, 3500, 6000)
    assert (lead.restricted, lead.excluded) == (3750, 2500)


def test_signs_after_the_fall_have_a_negative_lead():
    lead = pm.lead_times(run(restricted=7000, excluded=8000), answers=113)
    assert (lead.restricted, lead.excluded) == (-1000, -2000)


def test_a_larger_change_is_seen_later():
    small, large = (pm.lead_times(run(), answers=113, change=change) for change in (0.05, 0.5))
    assert small.test_fall == large.test_fall
    assert small.restricted_fall < large.restricted_fall
    assert small.excluded_rise < large.excluded_rise


def test_before_test_loss_falls_there_are_signs_and_no_lead_times():
    lead = pm.lead_times(run(end=5000), answers=113)
    assert lead == pm.phases.LeadTimes(2000, 3000, None)
    assert lead.restricted is lead.excluded is None
    assert lead.intervals(STEPS) == {"restricted": None, "excluded": None}


def test_a_run_that_never_groks_has_no_signs():
    columns = {
        "restricted_loss": np.linspace(CHANCE, 10, len(STEPS)),
        "excluded_loss": 4.7 * np.exp(-STEPS / 300),
        "test_loss": np.linspace(CHANCE, 50, len(STEPS)),
        "sum_squared_weights": 1800 + 10 * np.sqrt(STEPS),
    }
    assert pm.lead_times(pm.Trajectory(STEPS, columns), answers=113) == pm.phases.LeadTimes(None, None, None)


@pytest.mark.parametrize(
    ("name", "spikes"),
    [
        ("restricted_loss", {500: 0.1}),
        ("restricted_loss", {9000: 8.0, 9250: 8.0}),
        ("excluded_loss", {1500: 3.0}),
        ("excluded_loss", {5000: 0.31}),
    ],
)
def test_spikes_are_no_signs(name, spikes):
    trajectory = run()
    columns = {column: values.clone() for column, values in trajectory.columns.items()}
    for step, value in spikes.items():
        columns[name][trajectory.steps == step] = value
    assert pm.lead_times(pm.Trajectory(STEPS, columns), answers=113) == pm.lead_times(trajectory, answers=113)


def test_intervals_are_what_the_recorded_steps_allow():
    lead = pm.phases.LeadTimes(restricted_fall=2100, excluded_rise=6300, test_fall=6120)
    assert lead.intervals(STEPS) == {"restricted": (6000 - 2250, 6250 - 2000), "excluded": (6000 - 6500, 6250 - 6250)}
