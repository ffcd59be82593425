"""When each frequency rose."""

import numpy as np
import pytest
import torch

import progress_measures as pm

POWER = [[0.0, 0.9, 0.0, 0.0], [0.5, 0.2, 0.0, 0.1], [1.0, 0.3, 0.1, 0.1], [1.0, 2.0, 0.1, 0.0]]
RUN = pm.Trajectory([0, 10, 20, 30], {"logit_power": POWER})


def test_the_step_from_which_each_has_half_of_its_final_power_for_good():
    assert pm.onsets(RUN, frequencies=[1, 2, 3, 4], share=0.5) == {1: 10, 2: 30, 3: 20, 4: None}
    assert pm.onsets(RUN, frequencies=(2, 1), share=0.5) == {2: 30, 1: 10}


def test_another_share():
    assert pm.onsets(RUN, frequencies=[1, 2]) == pm.onsets(RUN, frequencies=[1, 2], share=0.25) == {1: 10, 2: 30}
    assert pm.onsets(RUN, frequencies=[1, 2], share=0.1) == {1: 10, 2: 0}
    assert pm.onsets(RUN, frequencies=[1, 2], share=0.6) == {1: 20, 2: 30}


def test_the_share_itself_is_enough():
    assert pm.onsets(pm.Trajectory([0, 1, 2], {"x": [[1.0], [2.0], [4.0]]}), "x", frequencies=[1], share=0.5) == {1: 1}


def test_the_frequencies_that_were_key_at_the_last_step():
    keys = torch.tensor([[1.0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0]])
    run = pm.Trajectory(RUN.steps, {**RUN.columns, "key_frequencies": keys})
    assert pm.onsets(run) == {2: 30, 3: 20}


def test_the_frequencies_that_stand_out_in_the_last_spectrum():
    power = np.full((3, 40), 0.01)
    power[1:, 6], power[2:, 30] = 5.0, 7.0
    run = pm.Trajectory([5, 6, 7], {"power": power, "key_frequencies": torch.ones(3, 4)})  # of another spectrum
    assert pm.onsets(run, "power") == {7: 6, 31: 7}
    assert pm.onsets(pm.Trajectory([0], {"logit_power": np.ones((1, 9))})) == {}


def test_steps_that_were_not_measured_are_passed_over():
    power = torch.tensor(POWER)
    power[2] = torch.nan
    assert pm.onsets(pm.Trajectory(RUN.steps, {"logit_power": power}), frequencies=[1, 3]) == {1: 10, 3: 30}


def test_a_recorded_run_has_the_spectrum():
    op = pm.addition(7)
    recorder = pm.Recorder(pm.grokking_measures(None, op, [2, 3], op.table < 3), every=1)
    model = torch.nn.Sequential(torch.nn.Embedding(7, 4), torch.nn.Flatten(), torch.nn.Linear(8, 7))
    recorder(0, model)
    logits = pm.grid_logits(model, op).double()
    means = torch.stack([logits[op.table == s].mean(0) for s in range(7)])
    expected = pm.spectrum(means - means.mean(1, keepdim=True), op)
    torch.testing.assert_close(recorder.trajectory["logit_power"][0], expected)
    assert pm.onsets(recorder.trajectory) == {2: 0, 3: 0}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pm.onsets(RUN, "power"), KeyError, "Got 'power'. Did you mean 'logit_power'?"),
        (lambda: pm.onsets(RUN, share=1.0), ValueError, "`share` must be at least 0 and below 1. Got 1.0."),
        (lambda: pm.onsets(RUN, share=0), ValueError, "`share` must be a finite number above 0. Got 0."),
        (
            lambda: pm.onsets(RUN, frequencies=[5]),
            ValueError,
            "`frequencies` must lie in 1..4",
        ),
        (
            lambda: pm.onsets(pm.Trajectory([0], {"logit_power": [1.0]})),
            ValueError,
            "`logit_power` must be one number per frequency at each step: shape (T, K). Got (1,).",
        ),
        (
            lambda: pm.onsets(pm.Trajectory([0], {"logit_power": [[torch.nan]]})),
            ValueError,
            "`logit_power` must be finite at one step at least. Got none.",
        ),
        (
            lambda: pm.onsets(pm.Trajectory([0], {"logit_power": [[-1.0]]})),
            ValueError,
            "`logit_power` must not be negative. Got -1.",
        ),
        (lambda: pm.onsets({"logit_power": POWER}), TypeError, "`trajectory` must be a Trajectory"),
    ],
)
def test_what_is_no_spectrum(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
