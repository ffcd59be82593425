import math

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests import _oracle
from tests._asserts import assert_close, assert_gradient
from tests._planted import OPERATIONS, learned_logits, planted_logits, random_logits


def wave(n, k, phase=0.4):
    return torch.cos(2 * math.pi / n * (k * torch.arange(n) % n).double() + (0 if 2 * k % n == 0 else phase))


@pytest.mark.parametrize("n", [2, 5, 12, 113])
def test_spectrum_adds_up_to_the_norm_without_the_constant(n):
    op = pm.addition(n)
    x = torch.randn(n, 3, 2, dtype=torch.float64)
    assert_close(pm.spectrum(x, op).sum(), (x - x.mean(0)).square().sum(), rtol=1e-12)
    assert_close(pm.spectrum(x, op), pm.frequency_power(x, 0).sum((1, 2))[1:], rtol=1e-12)


@pytest.mark.parametrize("n", [3, 4, 12, 113])
def test_spectrum_of_pure_waves(n):
    op = pm.addition(n)
    for k in op.frequencies:
        power = pm.spectrum(5 * wave(n, k), op)
        assert_close(power[k - 1], 25 * wave(n, k).square().sum(), rtol=1e-12)
        assert power.sum() == pytest.approx(power[k - 1].item())


def test_spectrum_does_not_change_when_neurons_are_rotated_or_tokens_shifted():
    op = pm.addition(11)
    x = torch.randn(11, 6, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    assert_close(pm.spectrum(x @ rotation, op), pm.spectrum(x, op), rtol=1e-12)
    assert_close(pm.spectrum(x.roll(3, 0), op), pm.spectrum(x, op), rtol=1e-12)


def test_spectrum_along_another_axis_and_of_float32():
    op = pm.addition(5)
    x = torch.randn(4, 5, dtype=torch.float64)
    assert_close(pm.spectrum(x, op, dim=1), pm.spectrum(x.T, op))
    assert_close(pm.spectrum(x, op, dim=-1), pm.spectrum(x.T.numpy(), op))
    assert pm.spectrum(x.float(), op, dim=1).dtype == torch.float64


@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [5, 12, 31])
def test_logit_spectrum_agrees_with_dense_directions(n, make):
    op = make(n)
    for logits in (random_logits(n), learned_logits(op, (1, n // 2)) * 100 + 1000):
        assert_close(pm.logit_spectrum(logits, op), np.array(_oracle.logit_spectrum(logits.numpy(), op.table.numpy())))


@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [4, 5, 12, 113])
def test_logit_spectrum_of_planted_logits(n, make):
    op = make(n)
    shares = pm.logit_spectrum(planted_logits(op, {1: 3.0, n // 2: 1.0}), op)
    # cos² averages to 1/2, except for the lone cosine of n/2
    weights = {1: 4.5, n // 2: 1.0 if n % 2 == 0 else 0.5}
    expected = torch.tensor([weights.get(k, 0.0) for k in op.frequencies]).double() / sum(weights.values())
    assert_close(shares, expected, rtol=0, atol=1e-12)


def test_logit_spectrum_of_other_functions_of_the_inputs():
    op = pm.addition(7)
    of_difference = planted_logits(pm.subtraction(7), {2: 1.0})
    assert pm.logit_spectrum(of_difference, op).max() < 1e-12
    assert pm.logit_spectrum(torch.full((7, 7, 7), 1e6 / 3), op).tolist() == [0, 0, 0]


@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [2, 5, 12, 31])
def test_cosine_coefficients_are_inner_products_with_unit_waves(n, make):
    op = make(n)
    logits = random_logits(n) + 5
    expected = []
    for k in op.frequencies:
        unit = planted_logits(op, {k: 1.0})
        expected.append((logits * unit / unit.norm()).sum())
    assert_close(pm.cosine_coefficients(logits, op), torch.stack(expected), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n", [12, 13])
def test_cosine_coefficients_do_not_see_constants_and_give_amplitudes(n):
    op = pm.addition(n)
    logits = planted_logits(op, {1: 3.0, n // 2: -2.0}) + torch.randn(n, dtype=torch.float64) * 100
    logits += torch.randn(n, n, 1, dtype=torch.float64) * 100
    scale = torch.tensor([1 / n**3 if 2 * k == n else 2 / n**3 for k in op.frequencies], dtype=torch.float64).sqrt()
    expected = torch.zeros(n // 2, dtype=torch.float64)
    expected[0], expected[-1] = 3, -2
    assert_close(pm.cosine_coefficients(logits, op) * scale, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [5, 8, 13])
def test_neuron_spectrum_agrees_with_least_squares(n):
    activations = torch.randn(n, n, 6, dtype=torch.float64).relu() * 30 + 100
    op = pm.addition(n)
    expected = _oracle.neuron_spectrum(activations.numpy())
    assert_close(pm.neuron_spectrum(activations, op), expected, rtol=1e-8)
    assert_close(pm.neuron_spectrum(activations.reshape(n * n, 6), op), expected, rtol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 5, 8, 13])
def test_neuron_spectrum_in_any_order_of_the_elements(n):
    # With elements in another order the basis is not that of Z/n any more, and no sum of indices means anything.
    activations = torch.randn(n, n, 6, dtype=torch.float64).relu() + 2
    activations[..., 0] = 1 / 3
    op, order = pm.addition(n), torch.randperm(n)
    table = order.argsort()[op.table[order][:, order]]
    other = pm.Operation("reordered", order, table, op.basis[:, order], op.row_frequency)
    shares = pm.neuron_spectrum(activations[order][:, order], other)
    assert_close(shares, pm.neuron_spectrum(activations, op), rtol=1e-10)
    assert shares.shape == (6, n // 2)


def test_neuron_spectrum_of_known_neurons():
    n = 12
    op = pm.addition(n)
    product = wave(n, 2)[:, None] * wave(n, 2, 1.1)
    of_a = wave(n, 5)[:, None].expand(n, n)
    highest = wave(n, 6)[:, None] * wave(n, 6) + 3
    mixed = wave(n, 1)[:, None] * wave(n, 4)
    both = wave(n, 1)[:, None] + wave(n, 3)
    dead, constant = torch.zeros(n, n), torch.full((n, n), 1 / 3)
    neurons = torch.stack([product, of_a, highest, mixed, both, dead.double(), constant.double()], -1)
    shares = pm.neuron_spectrum(neurons, op)
    assert shares.shape == (7, 6)
    expected = torch.zeros(7, 6, dtype=torch.float64)
    expected[0, 1] = expected[1, 4] = expected[2, 5] = 1
    expected[4, 0] = expected[4, 2] = 0.5
    assert_close(shares, expected, rtol=0, atol=1e-12)
    assert shares[5:].abs().max() == 0


@pytest.mark.parametrize("rows", [[0, 1, 1, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2, 2], [0, 1, 2, 3, 4, 5, 6]])
def test_neuron_spectrum_of_other_frequencies_in_the_same_basis(rows):
    cyclic = pm.addition(7)
    op = pm.Operation("merged", cyclic.elements, cyclic.table, cyclic.basis, torch.tensor(rows))
    activations = torch.randn(7, 7, 3, dtype=torch.float64)
    centred = activations - activations.mean((0, 1))
    squares = torch.einsum("ia,jb,abm->ijm", cyclic.basis, cyclic.basis, centred).square()
    for k in op.frequencies:
        of_k = torch.tensor(rows) == k
        block = squares[of_k][:, of_k].sum((0, 1)) + squares[0, of_k].sum(0) + squares[of_k, 0].sum(0)
        assert_close(pm.neuron_spectrum(activations, op)[:, k - 1], block / centred.square().sum((0, 1)), rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("offset", [0, 1000])
def test_spectra_are_float64_whatever_the_dtype(dtype, offset):
    op = pm.addition(11)
    logits = (learned_logits(op, (2, 3)) + offset).to(dtype)
    for spectrum in (pm.logit_spectrum, pm.cosine_coefficients, pm.neuron_spectrum, pm.spectrum):
        assert spectrum(logits, op).dtype == torch.float64
        assert_close(spectrum(logits, op), spectrum(logits.double(), op), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("sign", [1, -1])  # of the basis: with another than that of Z/n the definition is computed
def test_a_neuron_that_varies_by_rounding_is_dead(sign):
    basis = torch.cat([pm.fourier_basis(12)[:1], sign * pm.fourier_basis(12)[1:]])
    op = pm.Operation("addition", torch.arange(12), pm.addition(12).table, basis, pm.addition(12).row_frequency)
    wave = 1e6 * wave_of_both(12)
    rounded = 1e6 * (1 + torch.finfo(torch.float64).eps * (wave > 0).double())
    assert len(rounded.unique()) == 2
    shares = pm.neuron_spectrum(torch.stack([wave, rounded, 1e6 + 1e-3 * wave], dim=2), op)
    assert shares[1].abs().max() == 0
    assert_close(shares[2], shares[0], rtol=1e-6, atol=1e-12)
    assert shares[0, 1] > 0.99


def wave_of_both(n):
    return wave(n, 2)[:, None] * wave(n, 2)


def test_differentiable_in_another_basis():
    op = pm.addition(4)
    turned = pm.Operation("turned", op.elements, op.table, -op.basis, op.row_frequency)
    assert_gradient(lambda x: pm.neuron_spectrum(x, turned), torch.randn(4, 4, 2))


def test_gradient_of_a_dead_neuron_is_finite():
    activations = torch.zeros(4, 4, 1, dtype=torch.float64, requires_grad=True)
    pm.neuron_spectrum(activations, pm.addition(4)).sum().backward()
    assert torch.isfinite(activations.grad).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e155, 1e300])
def test_shares_at_extreme_scales(scale):
    op = pm.addition(5)
    logits = learned_logits(op, (2,))
    assert_close(pm.logit_spectrum(logits * scale, op), pm.logit_spectrum(logits, op), rtol=1e-9)
    negative = logits / 100 - 1
    assert_close(pm.logit_spectrum(negative * scale, op), pm.logit_spectrum(logits, op), rtol=1e-9)
    for basis in (op.basis, -op.basis):  # with another than that of Z/n the definition is computed
        like = pm.Operation("addition", op.elements, op.table, basis, op.row_frequency)
        assert_close(pm.neuron_spectrum(logits * scale, like), pm.neuron_spectrum(logits, op), rtol=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_neurons_that_are_largest_or_smallest_at_the_first_pair(sign):
    op = pm.addition(6)
    neuron = sign * 1e300 * wave(6, 1, phase=0)[:, None].expand(6, 6)[..., None]
    assert_close(pm.neuron_spectrum(neuron, op), [[1.0, 0.0, 0.0]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_neurons_vary_from_as_much_as_the_rounding_of_all_values(sign):
    # Half of them above 1 by d: d²/4 of the sum of squares is variance, which has to be above (n² eps)².
    op = pm.addition(12)
    like = pm.Operation("addition", op.elements, op.table, sign * op.basis, op.row_frequency)
    steps = torch.tensor([276, 300]).double() * torch.finfo(torch.float64).eps  # 2 n² is 288
    neurons = 1 + steps * (torch.arange(12) % 2)[:, None].expand(12, 12)[..., None]
    shares = pm.neuron_spectrum(neurons, like)
    assert shares[0].tolist() == [0] * 6
    assert_close(shares[1], [0, 0, 0, 0, 0, 1.0], rtol=0, atol=1e-12)


def test_logits_vary_from_as_much_as_the_rounding_of_all_values():
    # A fifth of them above 1 by d: 4 d²/25 of the sum of squares is variance, which has to be above (n³ eps)².
    op = pm.addition(5)
    for step, found in ((300, 0.0), (325, 1.0)):  # 5/2 n³ is 312.5
        logits = 1 + step * torch.finfo(torch.float64).eps * (op.table == 0).double()[..., None].expand(5, 5, 5)
        assert_close(pm.logit_spectrum(logits, op).sum(), found, rtol=1e-2)


# Of the answer, of any values


@pytest.mark.parametrize("op", [pm.addition(7), pm.addition(8), pm.groups.symmetric_group(3), pm.parity(3, of=(0, 2))])
def test_answer_spectrum_is_what_projecting_explains(op):
    x = torch.randn(op.table.numel(), 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x += op.table.flatten()[:, None].double().cos()
    centered = x - x.mean(0)
    found = pm.spectra.answer_spectrum(x, op)
    for k in op.frequencies:
        kept = pm.project_onto_frequencies(op, [k], terms="sum")(centered)
        assert_close(found[k - 1], pm.explained_variance(centered, kept), rtol=1e-10)
    assert_close(pm.spectra.answer_spectrum(x.view(*op.table.shape, 4).numpy() * 2e307, op), found, rtol=1e-8)
    assert_close(pm.spectra.answer_spectrum(x[:, :1], op), pm.spectra.answer_spectrum(x[:, 0], op), rtol=1e-14)


def test_answer_spectrum_of_logits_is_their_spectrum():
    op = pm.addition(7)
    logits = torch.randn(7, 7, 7, generator=torch.Generator().manual_seed(1))
    assert_close(pm.spectra.answer_spectrum(logits, op), pm.logit_spectrum(logits, op), rtol=1e-12)
    assert not pm.spectra.answer_spectrum(torch.full((7, 7), 2.5), op).any()
