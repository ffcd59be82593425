"""What is computed at once gives the numbers of the definitions, one frequency at a time."""

import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.analysis import NEURONS
from examples.modular_addition.bundled import MAINLINE, RUNS, final
from examples.modular_addition.training import Config
from tests import _naive
from tests._asserts import assert_close
from tests._planted import OPERATIONS, planted_logits, random_logits, random_mask

KEYS = (5, 6, 14, 42)


def assert_measures_are_the_naive_ones(logits, op, keys, train):
    found = vars(pm.measure(logits, op, keys, train_mask=train))
    expected = _naive.measure(logits, op, keys, train)
    assert found.keys() == expected.keys()
    for name in expected:
        assert_close(found[name], expected[name], rtol=1e-8)
    assert_close(pm.excluded_loss_per_frequency(logits, op, mask=train), found["excluded_loss_per_frequency"])


@pytest.mark.parametrize("index", [0, 5, 12, 20, 39])
def test_on_bundled_checkpoints(index):
    config, steps = Config.load(MAINLINE), checkpoints.steps(MAINLINE)
    model = checkpoints.load(checkpoints.path_of(MAINLINE, steps[index]))
    with pm.captured(model, NEURONS) as activations:
        logits = pm.grid_logits(model, config.op)
    assert_measures_are_the_naive_ones(logits, config.op, KEYS, config.train_mask)
    neurons = activations[NEURONS][:, 16:48]
    shares, expected = pm.neuron_spectrum(neurons, config.op), _naive.neuron_spectrum(neurons, config.op)
    alive = expected.isfinite().all(1)
    assert_close(shares[alive], expected[alive], rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("run", ["seed1", "no_weight_decay", "fraction_80"])
def test_on_bundled_runs(run):
    model, config = final(RUNS / run)
    assert_measures_are_the_naive_ones(pm.grid_logits(model, config.op), config.op, (7, 23), config.train_mask)


@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [8, 31])
@pytest.mark.parametrize(
    "logits",
    [
        lambda op: planted_logits(op, {1: 2.0, 3: 2.0}) + random_logits(op.n, scale=0.1),
        lambda op: planted_logits(op, {1: 1000.0, 3: -300.0}) + random_logits(op.n),
        lambda op: random_logits(op.n, scale=1000),
        lambda op: 20 * torch.nn.functional.one_hot(op.table, op.n) + random_logits(op.n, scale=0.1),  # losses of 1e-8
        lambda op: 900 * torch.nn.functional.one_hot(op.table, op.n) + random_logits(op.n, scale=300),
    ],
    ids=["planted", "large", "huge", "confident", "very confident"],
)
def test_at_the_extremes(n, make, logits):
    op = make(n)
    assert_measures_are_the_naive_ones(logits(op), op, (1, 3), random_mask(n))
    assert_measures_are_the_naive_ones(logits(op).float(), op, (2,), random_mask(n, seed=1))
