import itertools
import math

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests import _oracle
from tests._asserts import assert_close


def wave(n, k, phase=0.0):
    return torch.cos(2 * math.pi * k / n * torch.arange(n).double() + phase)


def random_weights(n, m=4, seed=0):
    return torch.randn(n, m, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# Inverse participation ratio


@pytest.mark.parametrize("exponent", [1.5, 2, 3])
@pytest.mark.parametrize("n", [3, 7, 31])
def test_ipr_is_that_of_a_complex_transform(n, exponent):
    x = random_weights(n)
    ratio = pm.concentration.inverse_participation_ratio(x, pm.addition(n), exponent=exponent)
    assert ratio.dtype == torch.float64
    assert_close(ratio, [_oracle.inverse_participation_ratio(column, exponent) for column in x.numpy().T], rtol=1e-12)


@pytest.mark.parametrize("n", [7, 8, 113])
def test_ipr_of_waves_of_any_phase(n):
    op = pm.addition(n)
    for k in op.frequencies:
        assert_close(pm.concentration.inverse_participation_ratio(wave(n, k, 0.7), op), 1.0, rtol=1e-12)
    # Amplitudes 3 and 4: shares 9/25 and 16/25.
    two = 3 * wave(n, 1, 0.2) + 4 * wave(n, 2, 1.0)
    assert_close(pm.concentration.inverse_participation_ratio(two, op), (81 + 256) / 625, rtol=1e-12)
    assert_close(pm.concentration.inverse_participation_ratio(two, op, exponent=3), (729 + 4096) / 15625, rtol=1e-12)


def test_ipr_limits():
    op = pm.addition(9)
    assert_close(pm.concentration.inverse_participation_ratio(torch.full((9,), -2.0), op), 1.0, rtol=1e-12)
    assert pm.concentration.inverse_participation_ratio(torch.zeros(9), op) == 0
    # An equal norm in each of the constant and four frequencies.
    even = op.basis[[0, 1, 3, 6, 8]].sum(0)
    assert_close(pm.concentration.inverse_participation_ratio(even, op), 1 / 5, rtol=1e-12)


def test_ipr_of_the_lone_cosine_weighs_as_any_other():
    # For even n, (-1)^x has a norm of √n where another cosine has √(n/2).
    x = wave(8, 4) + math.sqrt(2) * wave(8, 1)
    assert_close(pm.concentration.inverse_participation_ratio(x, pm.addition(8)), 0.5, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1e300])
def test_ipr_of_scaled_and_shifted_weights(scale):
    op, x = pm.addition(9), random_weights(9)
    expected = pm.concentration.inverse_participation_ratio(x, op)
    assert_close(pm.concentration.inverse_participation_ratio(scale * x.roll(2, 0), op), expected, rtol=1e-12)


def test_ipr_along_an_axis_and_of_another_operation():
    op = pm.multiplication(11)
    x = random_weights(10, 6).view(10, 2, 3)
    expected = pm.concentration.inverse_participation_ratio(x, op)
    assert expected.shape == (2, 3)
    assert_close(pm.concentration.inverse_participation_ratio(x.movedim(0, 1), op, 1), expected)
    assert_close(pm.concentration.inverse_participation_ratio(x.movedim(0, 2).numpy(), op, -1), expected)


def gromov_network(n, neurons, seed=0):
    """The analytic quadratic network: weights of a, of b and of the answer, each (n, neurons)."""
    generator = torch.Generator().manual_seed(seed)
    k = torch.randint(1, n // 2 + 1, (neurons,), generator=generator)
    u, v = 2 * math.pi * torch.rand(2, neurons, generator=generator).double()
    angle = 2 * math.pi / n * (torch.arange(n)[:, None] * k % n).double()
    scale = (2 / neurons) ** (-1 / 3)
    return [scale * waves.cos() for waves in (angle + u, angle + v, -angle - u - v)]


def test_ipr_of_the_analytic_network_is_one():
    op = pm.addition(23)
    U, V, W = gromov_network(23, 2000)
    logits = pm.grid_logits(lambda pairs: (U[pairs[:, 0]] + V[pairs[:, 1]]).square() @ W.T, op)
    assert pm.accuracy(logits, op) == 1
    for weights in (U, V, W):
        assert_close(pm.concentration.inverse_participation_ratio(weights, op), torch.ones(2000), rtol=1e-12)


# Cosines and sines


@pytest.mark.parametrize("n", [3, 7, 8, 31])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9])
def test_density_and_ratio_one_frequency_at_a_time(n, threshold):
    op, x = pm.addition(n), random_weights(n)
    density = pm.concentration.fourier_frequency_density(x, op, threshold=threshold)
    ratio = pm.concentration.fourier_coefficient_ratio(x, op)
    assert (density.dtype, ratio.dtype) == (torch.float64, torch.float64)
    assert density.item() == pytest.approx(_oracle.fourier_frequency_density(x.numpy(), threshold), abs=1e-15)
    assert_close(ratio, _oracle.fourier_coefficient_ratio(x.numpy()), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "rows"), [(11, 10), (12, 11)])
def test_density_counts_what_is_there(n, rows, dtype):
    op = pm.addition(n)
    every = torch.eye(n, dtype=dtype)
    assert_close(pm.concentration.fourier_frequency_density(every, op), 1.0)
    # Cosine and sine of one frequency and the cosine of another; a constant is no frequency.
    some = op.basis[[0, 3, 4, 7]].T.to(dtype)
    assert_close(pm.concentration.fourier_frequency_density(some, op), 3 / rows)
    # Cosines and sines are compared with the largest of their own kind.
    assert_close(
        pm.concentration.fourier_frequency_density(some * torch.tensor([1, 1, 1e-3, 1], dtype=dtype), op), 3 / rows
    )
    # Below half of the largest cosine.
    assert_close(
        pm.concentration.fourier_frequency_density(some * torch.tensor([1, 0.4, 1, 1], dtype=dtype), op), 2 / rows
    )
    assert_close(pm.concentration.fourier_frequency_density(torch.ones(n, 3, dtype=dtype), op), 0.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ratio_by_hand(dtype):
    op = pm.addition(7)
    # The cosine and the sine of 1, of 2 and of 3.
    weights = (op.basis[1:].T * torch.tensor([1, 0.25, -0.5, 1.0, 0, 0])).to(dtype)
    assert_close(pm.concentration.fourier_coefficient_ratio(weights, op), (0.25 + 0.5 + 0) / 3, rtol=1e-6)
    assert_close(pm.concentration.fourier_coefficient_ratio(torch.eye(7, dtype=dtype), op), 1.0, rtol=1e-6)
    assert_close(pm.concentration.fourier_coefficient_ratio(op.basis[1::2].T.to(dtype), op), 0.0)


def test_ratio_leaves_out_the_lone_cosine():
    weights = torch.eye(8, dtype=torch.float64)
    assert_close(pm.concentration.fourier_coefficient_ratio(weights, pm.addition(8)), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    "measure", [pm.concentration.fourier_frequency_density, pm.concentration.fourier_coefficient_ratio]
)
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_scale_rotation_axis_and_order_of_elements(measure, scale):
    op, x = pm.multiplication(11), random_weights(10, 6)
    expected = measure(x, op)
    rotation = torch.linalg.qr(random_weights(6, 6, seed=1)).Q
    assert_close(measure(scale * x @ rotation, op), expected, rtol=1e-10)
    assert_close(measure(x.T.numpy(), op, 1), expected, rtol=1e-12)
    assert_close(measure(x.view(10, 2, 3), op), expected, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_smallest_groups_and_zeros(n):
    op = pm.addition(n)
    assert pm.concentration.fourier_frequency_density(torch.zeros(n, 2), op) == 0
    assert pm.concentration.fourier_coefficient_ratio(torch.zeros(n, 2), op) == 0
    assert pm.concentration.fourier_frequency_density(torch.eye(n), op) == float(n > 1)
    assert_close(pm.concentration.fourier_coefficient_ratio(torch.eye(n), op), float(n > 2), rtol=1e-6)


def test_noise_uses_all_and_waves_few():
    # As Furuta et al. describe grokking: both fall.
    op, noise = pm.addition(97), random_weights(97, 128)
    grokked = torch.stack([wave(97, k) for k in (5, 12, 31)], dim=1) @ random_weights(3, 128, seed=1)
    for measure in (pm.concentration.fourier_frequency_density, pm.concentration.fourier_coefficient_ratio):
        assert measure(noise, op) > 0.8
        assert measure(grokked, op) < 0.1
    assert np.isclose(pm.concentration.fourier_frequency_density(grokked, op).item(), 3 / 96)


def test_density_and_ratio_are_taken_in_the_basis_of_the_operation():
    # Multiplication modulo 11 with its tokens in their natural order: the waves are those of the logarithm.
    powers = pm.multiplication(11)
    place = powers.elements.argsort()
    table = place.argsort()[powers.table][place][:, place]
    natural = pm.Operation(
        "natural", powers.elements[place], table, powers.basis[:, place], powers.row_frequency, cyclic=True
    )
    weights = random_weights(10)
    for measure in (pm.concentration.fourier_frequency_density, pm.concentration.fourier_coefficient_ratio):
        assert_close(measure(weights[place], natural), measure(weights, powers), rtol=1e-12)


# Cosets


# `_all_data_coset_analysis` of calculate_cosets.py, of the code of Stander et al. (2023),
# github.com/dashstander/sn-grok, run once on these values: the sum of the variances within cosets over the variance,
# each with the number of values less one. Its product is b∘a, so that its left cosets are our right ones.
@pytest.mark.parametrize(("side", "ratio"), [("right", 4.008024393376631), ("left", 4.558946548752477)])
def test_coset_concentration_is_that_of_the_released_code(side, ratio):
    op = pm.groups.symmetric_group(4)
    keep_the_last = [i for i, p in enumerate(itertools.permutations(range(4))) if p[3] == 3]
    neuron = torch.cos(torch.arange(24.0).double() ** 2 + 1)
    found = pm.concentration.coset_concentration(neuron, op, keep_the_last, side=side)
    assert_close(1 - found, ratio * (6 - 1) / (24 - 1), rtol=1e-12)


def test_coset_concentration_of_what_a_coset_decides():
    perms = [*itertools.permutations(range(4))]
    op = pm.groups.symmetric_group(4)
    where = torch.tensor([[p[3], p.index(3)] for p in perms]).double() ** 2  # p(3), and what goes to 3
    swaps = [perms.index(p) for p in ((1, 0, 2, 3), (0, 2, 1, 3))]  # generate the 6 that keep 3
    left = pm.concentration.coset_concentration(where, op, swaps)
    right = pm.concentration.coset_concentration(where.numpy().T, op, swaps, 1, side="right")
    assert_close(left[0], 1.0, rtol=1e-14)
    assert_close(right[1], 1.0, rtol=1e-14)
    assert left[1] < 0.9 > right[0]
    assert_close(pm.concentration.coset_concentration(5 - 3 * where, op, swaps), left, rtol=1e-12)
    identity, all_of_them = perms.index((0, 1, 2, 3)), range(24)
    assert_close(pm.concentration.coset_concentration(where, op, [identity]), [1.0, 1.0], rtol=1e-14)
    assert_close(pm.concentration.coset_concentration(where, op, all_of_them), [0.0, 0.0], atol=1e-30)
    assert pm.concentration.coset_concentration(torch.full((24,), 3.3), op, swaps) == 0


def test_coset_concentration_of_noise_is_what_the_docstring_says():
    noise = random_weights(24, 20_000)
    found = pm.concentration.coset_concentration(noise, pm.groups.symmetric_group(4), [1])  # a swap: two elements
    assert_close(found.mean(), (24 / 2 - 1) / (24 - 1), rtol=0.01)


def test_coset_concentration_of_differences_is_that_of_sums():
    neuron = torch.arange(6).double() % 3
    of_sums = pm.concentration.coset_concentration(neuron, pm.addition(6), [3])
    assert pm.concentration.coset_concentration(neuron, pm.subtraction(6), [3]) == of_sums == 1
    with pytest.raises(ValueError, match="must be composition in a group"):
        pm.concentration.coset_concentration(neuron, pm.subtraction(6), [3], side="right")
