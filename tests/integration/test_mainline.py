"""What the bundled run shows."""

import math

import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.__main__ import MAINLINE
from examples.modular_addition.analysis import analyse, inspect
from examples.modular_addition.training import Config


@pytest.fixture(scope="module")
def config():
    return Config.load(MAINLINE)


@pytest.fixture(scope="module")
def model():
    return checkpoints.load(checkpoints.path_of(MAINLINE, checkpoints.steps(MAINLINE)[-1]))


@pytest.fixture(scope="module")
def final(config, model):
    return inspect(model, config.op)


@pytest.fixture(scope="module")
def measures(config, model, final):
    logits = pm.grid_logits(model, config.op)
    return pm.measure(logits, config.op, final.key_frequencies, train_mask=config.train_mask)


def test_the_run_is_the_papers(config):
    assert config == Config()


def test_checkpoints_are_few_small_and_dense_where_things_change():
    steps = checkpoints.steps(MAINLINE)
    files = list(MAINLINE.glob("*.safetensors"))
    assert 35 <= len(steps) == len(files) <= 45
    assert (steps[0], steps[-1]) == (0, 40_000)
    assert sum(file.stat().st_size for file in files) < 20 * 2**20
    assert sum(step <= 10_000 for step in steps) > len(steps) / 2


def test_losses_of_every_epoch_are_beside_them(measures):
    losses = pm.Trajectory.load(MAINLINE / "losses.npz")
    assert losses.steps.tolist() == list(range(40_001))
    for name in ("train_loss", "test_loss"):
        assert torch.isfinite(losses[name]).all()
        # Training is over one column more, "=", which a trained model never expects.
        assert losses[name][-1].item() == pytest.approx(getattr(measures, name).item(), rel=1e-2)


def test_key_frequencies_of_the_weights_are_in_the_logits(final):
    assert final.key_frequencies
    assert set(final.key_frequencies) <= set(final.logit_key_frequencies)


def test_no_key_frequencies_at_initialization(config):
    start = inspect(checkpoints.load(checkpoints.path_of(MAINLINE, 0)), config.op)
    assert start.key_frequencies == ()
    assert start.logit_key_frequencies == ()


def test_logits_and_neurons_lie_in_the_key_frequencies(final):
    assert final.logit_share_in_key >= 0.9
    assert final.single_frequency_share >= 0.8
    # Counted by hand from the shares, at the paper's 85 %.
    best = [max(neuron) for neuron in final.neuron_share.tolist()]
    assert final.single_frequency_share == sum(share > 0.85 for share in best) / sum(share > 0 for share in best)


def test_losses_of_the_final_model(measures):
    assert measures.restricted_loss < measures.test_loss
    assert measures.excluded_loss > math.log(113)
    assert measures.test_accuracy == 1


def test_phases_are_in_order_and_restricted_loss_announces_the_fall(tmp_path):
    # Every fifth checkpoint, and the last.
    kept = checkpoints.steps(MAINLINE)
    for step in {*kept[::3], kept[-1]}:
        (tmp_path / checkpoints.path_of(tmp_path, step).name).symlink_to(checkpoints.path_of(MAINLINE, step))
    for name in ("config.json", "losses.npz"):
        (tmp_path / name).symlink_to(MAINLINE / name)
    run = analyse(tmp_path)
    phases = run.phases
    assert 0 < phases.memorization_end < phases.circuit_formation_end < phases.cleanup_end < 40_000
    at = int((run.trajectory.steps - phases.circuit_formation_end).abs().argmin())
    assert run.trajectory["restricted_loss"][at] < 0.5
    assert run.trajectory["excluded_loss"][at] > 1
    assert run.trajectory["gini_W_L"][-1] > 2 * run.trajectory["gini_W_L"][at]
