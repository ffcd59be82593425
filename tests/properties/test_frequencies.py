"""Which frequencies stand out: found where they are planted, whatever the units, the directions and the order."""

import numpy as np
import torch
from hypothesis import assume, given, strategies as st

import progress_measures as pm
from tests._asserts import assert_close
from tests.properties._strategies import DTYPES, generator, normal, operations, seeds

powers = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)
scales = st.floats(1e-9, 1e9)


@st.composite
def weights(draw):
    """An operation, weights (element, neuron) with some of its frequencies far above the rest, and these."""
    op = draw(operations.filter(lambda op: len(op.frequencies) > 1))
    keys = draw(st.sets(st.sampled_from(op.frequencies), max_size=len(op.frequencies) - 1))
    columns, seed = draw(st.integers(8, 24)), draw(seeds)
    rows = op.rows(sorted(keys))
    x = 1e-7 * normal(op.n, columns, seed=seed) + rows.T @ (normal(len(rows), columns, seed=seed + 1) + 5)
    return op, x, tuple(sorted(keys))


@given(weights(), scales, st.sampled_from(DTYPES), seeds)
def test_scaling_and_rotating_the_weights_changes_nothing(drawn, scale, dtype, seed):
    op, x, _ = drawn
    x = x.to(dtype)
    found = pm.key_frequencies(pm.spectrum(x, op), op)
    rotation = torch.linalg.qr(normal(x.shape[1], x.shape[1], seed=seed)).Q
    for same in (
        x.double() * scale,
        -x,
        x.double() @ rotation,
        x[:, torch.randperm(x.shape[1], generator=generator(seed))],
    ):
        assert pm.key_frequencies(pm.spectrum(same, op), op) == found


@given(weights())
def test_planted_frequencies_are_found(drawn):
    op, x, keys = drawn
    assert pm.key_frequencies(pm.spectrum(x, op), op) == keys


@given(powers, scales, st.randoms())
def test_scaling_and_permuting_the_powers(power, scale, random):
    found = pm.key_frequencies(np.array(power))
    assert found == tuple(sorted(found))
    if min(power) > 1e-3:
        assert pm.key_frequencies(np.array(power) * scale) == found
    order = list(range(len(power)))
    random.shuffle(order)
    moved = pm.key_frequencies(np.array([power[index] for index in order]))
    assert {order[k - 1] + 1 for k in moved} == set(found)


@given(powers)
def test_what_stands_out_is_above_everything_else(power):
    found = pm.key_frequencies(np.array(power))
    assume(found)
    others = [value for k, value in enumerate(power, start=1) if k not in found]
    assert min(power[k - 1] for k in found) >= 4 * max(others)


@given(operations, seeds, st.integers(1, 4))
def test_shares_of_neurons_and_logits_lie_between_zero_and_one(op, seed, neurons):
    of_neurons = pm.neuron_spectrum(normal(op.n, op.n, neurons, seed=seed), op)
    of_logits = pm.logit_spectrum(normal(op.n, op.n, op.n, seed=seed), op)
    for shares in (*of_neurons, of_logits):
        assert (shares >= 0).all()
        assert shares.sum() <= 1 + 1e-12


@given(operations, seeds, scales)
def test_shares_do_not_depend_on_scale_or_constant(op, seed, scale):
    x = normal(op.n, op.n, op.n, seed=seed)
    for spectrum, constant in ((pm.logit_spectrum, x[0, 0]), (pm.neuron_spectrum, 3 * x[0, 0])):
        assert_close(spectrum(scale * (x + constant), op), spectrum(x, op), rtol=1e-8, atol=1e-10)
