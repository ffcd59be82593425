import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

import progress_measures as pm
from tests._asserts import assert_close


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dim", [None, 0, -1, (0, 1), (0, 2), [1]])
def test_explained_variance_is_one_minus_rest_over_variance(dim):
    x, approximation = normal(4, 5, 6) + 7, normal(4, 5, 6, seed=1) + 7
    axes = tuple(range(3)) if dim is None else tuple(dim) if isinstance(dim, list | tuple) else dim
    x_, y_ = x.numpy(), approximation.numpy()
    expected = 1 - ((x_ - y_) ** 2).mean(axes) / x_.var(axes)
    assert_close(pm.explained_variance(x, approximation, dim), expected, rtol=1e-12)


def test_explained_variance_of_itself_its_mean_and_worse():
    x = normal(9)
    assert pm.explained_variance(x, x) == 1
    assert abs(pm.explained_variance(x, x.mean().expand(9))) < 1e-15
    assert_close(pm.explained_variance(x - x.mean(), x.mean() - x), -3.0, rtol=1e-12)


@given(st.floats(-300, 300), st.floats(-3, 3))
def test_explained_variance_does_not_change_with_scale_and_shift(exponent, shift):
    x, approximation = normal(8) + shift, normal(8, seed=1) + shift
    scaled = pm.explained_variance(x * 10**exponent, approximation * 10**exponent)
    expected = pm.explained_variance(normal(8), normal(8, seed=1))
    assert_close(scaled, expected, rtol=1e-9)


def test_what_does_not_vary_is_explained_by_nothing():
    constant = torch.full((5, 2), 1 / 3)
    assert pm.explained_variance(constant, constant, 0).tolist() == [0, 0]
    assert pm.explained_variance(torch.zeros(3), torch.ones(3)) == 0
    rounded = torch.tensor([0.1 + 0.2, 0.3], dtype=torch.float64)
    assert rounded[0] != rounded[1]
    assert pm.explained_variance(rounded, torch.zeros(2)) == 0


@pytest.mark.parametrize("shape", [(), (3,), (3, 2)])
@pytest.mark.parametrize("count", [1, 4])
def test_fit_agrees_with_least_squares_and_an_intercept(shape, count):
    x, waves = normal(30, *shape) * 5 + 3, normal(count, 30, seed=1) + 2
    design = np.column_stack([np.ones(30), waves.numpy().T])
    solution = np.linalg.lstsq(design, x.reshape(30, -1).numpy(), rcond=None)[0]
    fit = pm.fit_waves(x, waves)
    assert_close(fit.constant, solution[0].reshape(shape), rtol=1e-10)
    assert_close(fit.coefficients, solution[1:].reshape(count, *shape), rtol=1e-9, atol=1e-12)
    assert_close(fit.fitted, (design @ solution).reshape(30, *shape), rtol=1e-9)
    assert_close(fit.explained_variance, pm.explained_variance(x, fit.fitted, 0), rtol=1e-12)


def test_residual_is_orthogonal_to_waves_and_constant():
    x, waves = normal(40, 2), normal(3, 40, seed=1)
    rest = x - pm.fit_waves(x, waves).fitted
    assert (waves @ rest).abs().max() < 1e-12
    assert rest.sum(0).abs().max() < 1e-12


@pytest.mark.parametrize("unit", [1e-300, 1e-14, 1e14, 1e160, 1e300])
def test_units_of_waves_do_not_matter(unit):
    x, waves = normal(40, 2), normal(3, 40, seed=1)
    expected = pm.fit_waves(x, waves)
    units = torch.tensor([[1.0], [unit], [1.0]], dtype=torch.float64)
    fit = pm.fit_waves(x, waves * units)
    assert_close(fit.coefficients * units, expected.coefficients, rtol=1e-10)
    assert_close(fit.fitted, expected.fitted, rtol=1e-10)
    assert_close(fit.constant, expected.constant, rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dependent_waves_are_found_at_the_precision_of_their_dtype(dtype):
    a, b = 2 * math.pi * 4 / 13 * pm.addition(13).inputs.T.double()
    waves = torch.stack([a.cos() * b.cos(), a.sin() * b.sin(), (a + b).cos()]).to(dtype)
    with pytest.raises(ValueError, match="Got 3 of rank 2"):
        pm.fit_waves(a, waves)
    pm.fit_waves(a, waves[:2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_many_orthogonal_waves_are_independent_at_any_precision(dtype):
    op = pm.addition(41)
    x = normal(41)
    fit = pm.fit_waves(x, op.rows(op.frequencies).to(dtype))
    assert fit.explained_variance > 0.999


@pytest.mark.parametrize("scale", [1e-300, 1e300, 1e306])
def test_scale_of_what_is_fitted_does_not_matter(scale):
    x, waves = normal(5000).clamp(-1, 1), normal(2, 5000, seed=1)
    assert_close(pm.fit_waves(x * scale, waves).fitted / scale, pm.fit_waves(x, waves).fitted, rtol=1e-8)


def test_small_variation_about_a_large_mean_is_explained():
    x = normal(10**5) + 1e10
    assert_close(pm.explained_variance(x, x.round()), 1 - 1 / 12, rtol=0.01)


def test_a_known_mixture_is_taken_apart():
    op = pm.addition(13)
    a, b = 2 * math.pi * 4 / 13 * op.inputs.T.double()
    waves = torch.stack([a.cos() - b.cos(), a.sin() - b.sin()])
    heads = torch.stack([0.5 + 0.3 * waves[0] - 0.1 * waves[1], torch.full_like(a, 0.25)], dim=1)
    fit = pm.fit_waves(heads.float(), waves)
    assert_close(fit.constant, [0.5, 0.25], rtol=1e-6)
    assert_close(fit.coefficients, [[0.3, 0.0], [-0.1, 0.0]], rtol=1e-6, atol=1e-7)
    assert_close(fit.explained_variance, [1.0, 0.0], rtol=1e-6)
    assert fit.fitted.dtype == torch.float64


def test_gradient_of_what_does_not_vary_is_finite():
    x = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    pm.explained_variance(x, torch.ones(6)).backward()
    assert torch.isfinite(x.grad).all()


def test_arrays_are_taken():
    x, waves = normal(10).numpy(), normal(2, 10, seed=1).numpy()
    assert_close(pm.fit_waves(x, waves).fitted, pm.fit_waves(torch.tensor(x), torch.tensor(waves)).fitted)
    assert pm.explained_variance(x, x) == 1


# Parallelograms


NUMBERS = torch.arange(12).double()


# The loop of phase_diagram_plot/phase_diagram.ipynb, of the code of Liu et al. (2022),
# github.com/ejmichaud/grokking-squared, run once: over 125 parallelograms, with a row before these that it leaves out
# and that changes no standard deviation.
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (torch.stack([NUMBERS + 0.3 * torch.cos(3 * NUMBERS), 2 * NUMBERS + 0.2 * torch.sin(5 * NUMBERS)], 1), 0.56),
        ((NUMBERS + 0.1 * torch.cos(3 * NUMBERS))[:, None], 0.968),
    ],
)
def test_parallelogram_quality_is_that_of_the_released_code(x, expected):
    assert_close(pm.fits.parallelogram_quality(x), expected, rtol=1e-12)
    assert_close(pm.fits.parallelogram_quality(1e6 - 3 * x), expected, rtol=1e-12)
    assert_close(pm.fits.parallelogram_quality(x.numpy().astype(np.float32)), expected, rtol=1e-12)


def test_parallelogram_quality_of_a_line_a_circle_and_nothing():
    assert pm.fits.parallelogram_quality(torch.stack([NUMBERS, torch.full_like(NUMBERS, 2.0)], 1)) == 1
    assert pm.fits.parallelogram_quality(torch.ones(5, 2)) == 0
    angle = 2 * math.pi / 12 * NUMBERS
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    opposites = (NUMBERS[:, None] - NUMBERS).abs() == 6
    by_hand = [
        bool((circle[a] + circle[b] - circle[c] - circle[d]).norm() < 0.05)
        for a in range(12) for b in range(a, 12) for c in range(12) for d in range(c, 12)
        if opposites[a, b] == opposites[c, d] and (a, b) < (c, d)
    ]  # fmt: skip
    opposite = pm.fits.parallelogram_quality(circle, opposites.long())
    assert 0 < sum(by_hand) < len(by_hand)
    assert_close(opposite, sum(by_hand) / len(by_hand), rtol=1e-12)


def test_columns_that_differ_by_rounding_alone_are_left_out_of_parallelograms():
    line = torch.linspace(0, 1, 20)[:, None]
    noise = 0.1 + 1e-8 * torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    assert pm.fits.parallelogram_quality(torch.cat([line, noise], 1)) == pm.fits.parallelogram_quality(line) == 1
