import numpy as np
import pytest

import progress_measures as pm
from tests._runs import noisy

STEPS = np.arange(0, 10_001, 100)


def rising(start=2000, end=4000, low=0.0, high=1.0):
    return pm.Trajectory(STEPS, {"score": np.interp(STEPS, [start, end], [low, high])})


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.0, 0.0), (-3.0, 40.0), (5e-9, 1e-9)])
def test_the_onset_is_where_a_share_of_the_change_is_done(share, low, high):
    event = pm.phases.onset(rising(low=low, high=high), "score", share=share)
    assert event.step == 2000 + 2000 * share
    assert event.interval[1] - event.interval[0] == 200
    assert event.settled


def test_a_level_of_ones_own():
    assert pm.phases.onset(rising(), "score", level=0.25).step == 2500
    assert pm.phases.onset(rising(low=8.0, high=2.0), "score", level=5.0).step == 3000
    above = pm.phases.onset(rising(), "score", level=1.5)
    assert (above.step, above.absent) == (None, "not reached")
    assert above.reason == "no step from which score crosses 1.5 for good"


def test_from_a_step_on():
    dip = pm.Trajectory(STEPS, {"excluded_loss": np.interp(STEPS, [0, 1000, 5000], [4.0, 0.0, 8.0])})
    assert pm.phases.onset(dip, "excluded_loss", since=1000).step == 3000
    assert pm.phases.onset(dip, "excluded_loss").step == 4000  # half of the way from 4 to 8
    assert pm.phases.onset(dip, "excluded_loss", since=-5).step == 4000


def test_what_has_no_onset():
    noise = pm.Trajectory(STEPS, {"score": 1 + 0.05 * np.random.default_rng(0).normal(size=len(STEPS))})
    event = pm.phases.onset(noise, "score")
    assert (event.absent, event.reason) == ("not reached", "score changes by no more than its noise")
    constant = pm.phases.onset(pm.Trajectory(STEPS, {"score": np.ones(len(STEPS))}), "score")
    assert (constant.absent, constant.reason) == ("cannot be told", "score is 1 at every step")
    missing = pm.phases.onset(pm.Trajectory(STEPS, {"score": np.full(len(STEPS), np.nan)}), "score")
    assert (missing.absent, missing.reason) == ("not recorded", "score has no number from step 0 on")
    early = pm.Trajectory(STEPS, {"score": np.where(STEPS < 500, 1.0, np.nan)})
    assert pm.phases.onset(early, "score", since=600).absent == "not recorded"


def test_noise_alone_has_hardly_ever_an_onset():
    generator = np.random.default_rng(0)
    runs = [pm.Trajectory(STEPS, {"score": generator.normal(size=len(STEPS))}) for _ in range(500)]
    assert np.mean([pm.phases.onset(run, "score").step is not None for run in runs]) <= 0.01


@pytest.mark.parametrize("size", [0.02, 0.1])
def test_noise_moves_an_onset_little(size):
    generator, run = np.random.default_rng(0), rising(low=1.0, high=6.0)
    moved = [pm.phases.onset(noisy(run, generator, size=size), "score").step - 3000 for _ in range(100)]
    assert np.abs(moved).max() <= 6000 * size


def test_a_rise_in_loud_noise_is_seen_from_its_plateaus():
    generator, steps = np.random.default_rng(0), np.arange(201)
    for _ in range(50):
        noise = 0.2 * generator.normal(size=201)
        run = pm.Trajectory(steps, {"score": np.interp(steps, [80, 120], [0.0, 1.0]) + noise})
        assert abs(pm.phases.onset(run, "score").step - 100) <= 15


def test_a_change_at_the_end_has_not_settled():
    assert not pm.phases.onset(rising(start=7000, end=9000), "score").settled


def test_leads_between_any_two_events():
    run = pm.Trajectory(STEPS, dict(rising().columns) | {
        "test_loss": np.interp(STEPS, [0, 5000, 7000], [9.0, 9.0, 0.0]),
        "test_accuracy": np.interp(STEPS, [0, 5000, 8000], [0.0, 0.0, 0.99]),
    })  # fmt: skip
    sign = pm.phases.onset(run, "score")
    fall = pm.find_phases(run, answers=113).events["circuit_formation_end"]
    lead = pm.phases.lead(sign, fall)
    assert lead.steps == fall.step - 3000
    assert lead.interval == (fall.interval[0] - 3100, fall.interval[1] - 2900)
    assert pm.phases.lead(fall, sign).steps == -lead.steps
    assert pm.phases.lead(sign, pm.milestones(run, answers=113).events["generalized"]).steps == 5000
    assert pm.phases.lead(sign, pm.phases.Event(None, absent="not reached")) == pm.phases.Lead(None)
    assert str(lead) == f"{lead.steps} ({lead.interval[0]} to {lead.interval[1]})"
    assert str(pm.phases.Lead(None)) == "none"


def test_lead_times_are_leads():
    columns = {
        "restricted_loss": np.interp(STEPS, [0, 2000, 5000], [4.7, 4.7, 0.0]),
        "test_loss": np.interp(STEPS, [0, 5000, 7000], [9.0, 9.0, 0.0]),
    }
    found = pm.lead_times(pm.Trajectory(STEPS, columns), answers=113)
    assert found.restricted == pm.phases.lead(found.events["restricted_fall"], found.events["test_fall"]).steps > 0
    assert found.excluded is None
    assert found.events["excluded_rise"].absent == "not recorded"
