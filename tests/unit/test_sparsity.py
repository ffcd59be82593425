import math

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close


@pytest.mark.parametrize("n", [1, 2, 7, 56])
def test_limits(n):
    assert_close(pm.gini(torch.full((n,), 3.7)), torch.zeros(()).double(), rtol=0, atol=1e-14)
    assert pm.gini(torch.zeros(n)) == 0
    one = torch.zeros(n)
    one[n // 2] = -2.5
    assert pm.gini(one) == pytest.approx(1 - 1 / n, abs=1e-12)


def test_along_an_axis():
    x = torch.rand(3, 4, 5)
    gini = pm.gini(x, 1)
    assert gini.shape == (3, 5)
    assert gini.dtype == torch.float64
    assert_close(gini[2, 3], pm.gini(x[2, :, 3]))


@pytest.mark.parametrize("value", [3.0, 5.0, 1.1, 1e-310])
def test_values_that_differ_in_their_last_digit(value):
    ulp = math.ulp(value)
    x = torch.tensor([value, value + ulp, value + 3 * ulp], dtype=torch.float64)
    # The mean absolute difference is 2 (1 + 3 + 2) ulp / 9, half of it over the mean:
    assert_close(pm.gini(x), 2 / 3 * (ulp / value), rtol=1e-12)


def test_float32_is_not_rounded_again():
    x = torch.rand(7, generator=torch.Generator().manual_seed(0))
    assert_close(pm.gini(x), pm.gini(x.double()), rtol=1e-15)


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-3, 1e307])
def test_extreme_scales(scale):
    x = torch.tensor([0.0, 1.0, 3.0, 8.0], dtype=torch.float64)
    assert_close(pm.gini(x * scale), pm.gini(x), rtol=1e-12)


def entropy_form(singular):
    """The exponential of the entropy, one term at a time."""
    shares = [value / sum(singular) for value in singular if value > 0]
    return np.exp(-sum(share * np.log(share) for share in shares))


def test_effective_rank_is_that_of_its_singular_values():
    rng = np.random.default_rng(0)
    for rows, columns in ((5, 5), (3, 7), (8, 2)):
        matrix = rng.normal(size=(rows, columns))
        expected = entropy_form(np.sqrt(np.linalg.eigvalsh(matrix @ matrix.T).clip(0))[-min(rows, columns) :])
        assert_close(pm.effective_rank(matrix), expected, rtol=1e-6)
        assert_close(pm.effective_rank(matrix.T), expected, rtol=1e-6)


def test_effective_rank_by_hand():
    # Shares 1/2, 1/4, 1/4: an entropy of 3/2 ln 2.
    assert_close(pm.effective_rank(torch.diag(torch.tensor([2.0, -1.0, 1.0, 0.0]))), 2**1.5, rtol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 6])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e308])
def test_effective_rank_of_equal_singular_values_is_the_rank(rank, scale):
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(9, 6, generator=generator).double()).Q[:, :rank] for _ in range(2))
    assert_close(pm.effective_rank(scale * left @ right.T), float(rank), rtol=1e-10)


def test_effective_rank_of_several_matrices_and_of_zeros():
    matrices = torch.stack([torch.eye(3), torch.zeros(3, 3), torch.ones(3, 3)])[:, None]
    ranks = pm.effective_rank(matrices)
    assert ranks.dtype == torch.float64
    assert_close(ranks, [[3.0], [0.0], [1.0]], rtol=1e-6)
    assert ranks[1, 0] == 0


def test_effective_rank_of_matrices_of_very_different_sizes():
    matrices = torch.randn(4, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([pm.effective_rank(matrix) for matrix in matrices.flatten(0, 1)]).view(4, 2)
    assert_close(pm.effective_rank(matrices), expected, rtol=1e-12)
    scales = 10.0 ** torch.arange(-160, 160, 40, dtype=torch.float64).view(4, 2, 1, 1)
    assert_close(pm.effective_rank(matrices * scales**1.9), expected, rtol=1e-12)


def test_effective_rank_of_subnormal_numbers():
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    assert_close(pm.effective_rank(5e-324 * matrix), pm.effective_rank(matrix), rtol=1e-12)


def test_effective_rank_of_a_number_is_one():
    assert pm.effective_rank(torch.tensor([[-3.0]])) == 1


# Neurons


def test_activation_sparsity_is_that_of_public_code():
    # `activation_sparsity` with tau=0.1 of a public replication of Golechha (2024), run once on these values: 25 of 60.
    activations = torch.cos(torch.arange(60.0).double() ** 2).relu().view(6, 10)
    assert_close(pm.sparsity.activation_sparsity(activations, threshold=0.1), 0.4166666666666667, rtol=1e-15)
    assert pm.sparsity.activation_sparsity(activations.float()) == float((activations == 0).double().mean())
    assert pm.sparsity.activation_sparsity(activations.numpy(), threshold=-0.1) == 0


def test_absolute_weight_entropy_is_that_of_public_code():
    # `absolute_weight_entropy` of the same replication, which adds 1e-10 inside of the logarithm.
    weights = torch.cos(torch.arange(30.0).double() ** 2)
    assert_close(pm.sparsity.absolute_weight_entropy(weights), 5.7230183631498965, rtol=1e-9)
    assert_close(pm.sparsity.absolute_weight_entropy(torch.full((2, 3), -1 / math.e)), 6 / math.e, rtol=1e-7)
    assert pm.sparsity.absolute_weight_entropy(torch.tensor([0.0, 1.0, -1.0])) == 0
    zero = torch.zeros(2, requires_grad=True)
    pm.sparsity.absolute_weight_entropy(zero).backward()
    assert zero.grad.tolist() == [0, 0]


BITS = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4).double()
PRODUCT = BITS[:, 0] * BITS[:, 1]


def waves(start):
    i = torch.arange(16).double() + start
    return torch.stack([torch.cos(7 * i + 1), torch.sin(5 * i + 2), torch.cos(11 * i + 3), torch.sin(3 * i)], 1)


def enough(weights, output):
    hidden = (BITS @ weights.T).relu()
    readout = torch.stack([-output, output])  # the sign of one output
    return int(pm.sparsity.effective_sparsity(hidden, readout, (PRODUCT > 0).long(), weights.norm(dim=1)))


# `circuit_discovery_linear` of the code of Merrill et al. (2023), github.com/Tsili42/parity-nn, run once on these.
@pytest.mark.parametrize(("start", "expected"), [(0, 13), (1, 13), (2, 14), (3, 13)])
def test_effective_sparsity_of_a_dense_network_is_that_of_the_released_code(start, expected):
    weights = waves(start)
    output = torch.linalg.lstsq((BITS @ weights.T).relu(), PRODUCT[:, None]).solution[:, 0]
    assert enough(weights, output) == expected


@pytest.mark.parametrize(("noise", "expected"), [(0.2, 4), (1.0, 4), (4.0, 3)])
def test_effective_sparsity_of_a_sparse_network_is_that_of_the_released_code(noise, expected):
    weights, output = 0.3 * waves(0), noise * torch.cos(torch.arange(16).double() ** 2)
    for neuron, sign, signs in ((3, 1, (1, 1)), (5, 1, (-1, -1)), (8, -1, (1, -1)), (13, -1, (-1, 1))):
        weights[neuron], output[neuron] = torch.tensor([*signs, 0, 0]).double(), sign
    assert enough(weights, output) == expected


def test_effective_sparsity_with_the_rest_of_the_logits():
    hidden, readout, answers = torch.tensor([[2.0, 1.0], [0.0, 1.0]]), torch.eye(2), torch.tensor([0, 1])
    size = torch.tensor([1.0, 3.0])
    assert pm.sparsity.effective_sparsity(hidden, readout, answers, size) == 2
    right = torch.nn.functional.one_hot(answers)
    assert pm.sparsity.effective_sparsity(hidden, readout, answers, size, rest=9 * right) == 0
    assert pm.sparsity.effective_sparsity(hidden, readout, answers, size, rest=torch.tensor([0.5, 0.0])) == 2
    # equal logits are no answer: with none of the neurons, both are
    assert pm.sparsity.effective_sparsity(hidden[:1], readout, answers[:1], size) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_threshold_counts_what_equals_it_in_the_activations_precision(dtype):
    assert pm.sparsity.activation_sparsity(torch.tensor([0.1, 0.2], dtype=dtype), threshold=0.1) == 0.5
