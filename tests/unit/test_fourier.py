import math

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

import progress_measures as pm
from tests._asserts import assert_close, assert_orthonormal

ORDERS = [1, 2, 3, 4, 12, 64, 113]
small_orders = st.integers(1, 20)


def handwritten_basis(n):
    """One entry at a time, with Python's own cosine."""
    rows = [[1.0] * n]
    for k in range(1, n // 2 + 1):
        rows.append([math.cos(2 * math.pi * ((k * x) % n) / n) for x in range(n)])
        if 2 * k != n:
            rows.append([math.sin(2 * math.pi * ((k * x) % n) / n) for x in range(n)])
    return np.array([np.array(row) / np.linalg.norm(row) for row in rows])


@pytest.mark.parametrize("n", ORDERS)
def test_basis_is_the_handwritten_one(n):
    assert_close(pm.fourier_basis(n), handwritten_basis(n), rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [*ORDERS, 1009])
def test_basis_is_orthonormal(n):
    assert_orthonormal(pm.fourier_basis(n))


def test_quarter_turns_are_exact():
    basis = pm.fourier_basis(8) * 2
    assert basis[1].tolist()[::2] == [1, 0, -1, 0]  # cos 1
    assert basis[4].tolist() == [0, 1, 0, -1, 0, 1, 0, -1]  # sin 2


def test_angles_are_reduced_before_the_cosine():
    # Row cos k at x depends on k x modulo n alone: every entry of a prime order's basis is one of the first rows'.
    n = 1009
    basis = pm.fourier_basis(n)
    x = torch.arange(n)
    assert torch.equal(basis[2 * 504 - 1], basis[1][504 * x % n])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_basis_has_the_dtype_asked_for(dtype):
    basis = pm.fourier_basis(12, dtype=dtype)
    assert basis.dtype == dtype
    assert torch.equal(basis, pm.fourier_basis(12).to(dtype))


@pytest.mark.parametrize(
    ("n", "labels"),
    [
        (1, ["const"]),
        (2, ["const", "cos 1"]),
        (3, ["const", "cos 1", "sin 1"]),
        (4, ["const", "cos 1", "sin 1", "cos 2"]),
        (5, ["const", "cos 1", "sin 1", "cos 2", "sin 2"]),
    ],
)
def test_labels(n, labels):
    assert pm.fourier_labels(n) == labels


@pytest.mark.parametrize("n", ORDERS)
def test_labels_name_the_rows(n):
    basis, x = pm.fourier_basis(n), torch.arange(n)
    for label, row in zip(pm.fourier_labels(n), basis, strict=True):
        kind, _, k = label.partition(" ")
        wave = {"const": lambda _: torch.ones(n), "cos": torch.cos, "sin": torch.sin}[kind]
        values = wave(2 * math.pi * int(k or 0) * x.double() / n).double()
        assert_close(row, values / values.norm(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", ORDERS)
def test_coefficients_are_inner_products(n):
    x = torch.randn(3, n, 2, dtype=torch.float64)
    basis = pm.fourier_basis(n)
    expected = [[[(basis[r] * x[i, :, j]).sum() for j in range(2)] for r in range(n)] for i in range(3)]
    assert_close(pm.to_fourier(x, 1), np.array(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", ORDERS)
def test_round_trip_is_exact_in_float64(n):
    x = torch.randn(n, n, dtype=torch.float64)
    assert_close(pm.from_fourier(pm.to_fourier(x, (0, 1)), (0, 1)), x, rtol=0, atol=1e-12)
    assert_close(pm.to_fourier(pm.from_fourier(x, 0), 0), x, rtol=0, atol=1e-12)


def test_negative_axis_and_list_of_axes_mean_the_same():
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    assert torch.equal(pm.to_fourier(x, (-1, 0)), pm.to_fourier(x, (2, 0)))
    assert torch.equal(pm.to_fourier(x), pm.to_fourier(x, 2))


@pytest.mark.parametrize("n", ORDERS)
def test_power_has_one_entry_per_frequency_and_sums_to_the_square(n):
    x = torch.randn(2, n, 3, dtype=torch.float64)
    power = pm.frequency_power(x, 1)
    assert power.shape == (2, n // 2 + 1, 3)
    assert_close(power.sum(1), x.square().sum(1), rtol=1e-12)


@pytest.mark.parametrize("n", [3, 4, 12, 113])
def test_power_finds_each_pure_wave(n):
    for k in range(n // 2 + 1):
        wave = torch.cos(2 * math.pi / n * (k * torch.arange(n) % n).double() + (0 if 2 * k % n == 0 else 0.7))
        power = pm.frequency_power(wave)
        assert power.argmax() == k
        assert_close(power[k], wave.square().sum(), rtol=1e-12)


def test_power_agrees_with_the_fast_fourier_transform():
    x = torch.randn(12, dtype=torch.float64)
    twice = torch.tensor([1, 2, 2, 2, 2, 2, 1])  # all but the constant and n/2 stand for two complex frequencies
    assert_close(pm.frequency_power(x), torch.fft.rfft(x).abs().square() * twice / 12, rtol=1e-10)


def test_power_over_two_axes_is_that_of_blocks():
    x = torch.randn(5, 4, dtype=torch.float64)
    coefficients = pm.to_fourier(x, (0, 1)).square()
    power = pm.frequency_power(x, (0, 1))
    assert power.shape == (3, 3)
    assert_close(power[1, 2], coefficients[1:3, 3].sum())
    assert_close(power[2, 0], coefficients[3:5, 0].sum())


@pytest.mark.parametrize("function", [pm.to_fourier, pm.from_fourier, pm.frequency_power])
def test_keeps_dtype_and_takes_arrays(function):
    x = np.random.default_rng(0).normal(size=(4, 5))
    assert_close(function(x), function(torch.as_tensor(x)))
    assert_close(function(x[::-1]), function(torch.as_tensor(x).flip(0)))
    assert function(torch.randn(5)).dtype == torch.float32
    assert function(torch.arange(5)).dtype == torch.float64
    assert_close(function(torch.arange(5)), function(torch.arange(5).double()))


def test_input_is_left_alone():
    x = torch.randn(4, 4)
    before = x.clone()
    pm.to_fourier(x, (0, 1)), pm.from_fourier(x), pm.frequency_power(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("dtype", [">f8", ">f4", "f2", "longdouble", "u2", ">i8", "bool"])
def test_takes_arrays_of_any_real_dtype(dtype):
    x = np.array([1, 0, 1, 1, 0], dtype=dtype)
    assert_close(pm.to_fourier(x).double(), pm.to_fourier(torch.tensor([1.0, 0, 1, 1, 0]).double()), rtol=0, atol=1e-3)
