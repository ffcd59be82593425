"""The basis, and the change to it and back."""

import torch
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import progress_measures as pm
from tests._asserts import assert_close, assert_orthonormal
from tests.properties._strategies import DTYPES, normal, operations, seeds

orders = st.integers(1, 64)
dtypes = st.sampled_from(DTYPES)


@st.composite
def values(draw):
    """Values of some shape in some dtype, the axes to transform, and what rounding in that dtype may do to them."""
    shape = draw(
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=64).filter(lambda s: len(s) < 3 or s[0] < 9)
    )
    dims = draw(st.lists(st.integers(-len(shape), -1), min_size=1, max_size=len(shape), unique=True))
    x = normal(*shape, seed=draw(seeds)).to(draw(dtypes))
    # The entries of the basis, the sums and the result are rounded once along each axis.
    rounding = 4 * len(dims) * torch.finfo(x.dtype).eps * (1 + x.double().norm())
    return x, tuple(dims), float(rounding)


@given(operations)
def test_basis_of_an_operation_is_orthonormal_and_complete(op):
    assert_orthonormal(op.basis)
    assert_orthonormal(op.basis.T)
    assert_close(op.basis[0], torch.full((op.n,), op.n**-0.5, dtype=torch.float64), rtol=1e-15)
    assert sum(op.rows_per_frequency) == op.n - 1
    assert_orthonormal(op.rows(op.frequencies))


@given(orders, dtypes)
def test_fourier_basis_is_orthonormal_to_its_dtype(n, dtype):
    assert_orthonormal(pm.fourier_basis(n, dtype=dtype).double(), atol=1e-14 + torch.finfo(dtype).eps)


@given(values())
def test_there_and_back(drawn):
    x, dims, rounding = drawn
    back = pm.from_fourier(pm.to_fourier(x, dims), dims)
    assert back.dtype == x.dtype
    assert_close(back.double(), x.double(), rtol=0, atol=rounding)
    assert_close(pm.to_fourier(pm.from_fourier(x, dims), dims).double(), x.double(), rtol=0, atol=rounding)


@given(values())
def test_parseval(drawn):
    x, dims, rounding = drawn
    coefficients = pm.to_fourier(x, dims)
    assert coefficients.dtype == x.dtype
    assert_close(coefficients.double().norm(), x.double().norm(), rtol=0, atol=rounding)
    power = pm.frequency_power(x, dims)
    assert power.dtype == x.dtype
    assert power.min() >= 0
    assert_close(power.double().sum().sqrt(), x.double().norm(), rtol=0, atol=rounding)


@given(operations, st.integers(1, 9), seeds)
def test_parseval_of_weights(op, columns, seed):
    x = normal(op.n, columns, seed=seed)
    assert_close(pm.spectrum(x, op).sum(), (x - x.mean(0)).square().sum(), rtol=1e-11, atol=1e-24)


@given(orders, st.integers(-100, 100), seeds)
def test_power_does_not_change_when_values_are_shifted_cyclically_or_mirrored(n, shift, seed):
    x = normal(n, seed=seed)
    for moved in (x.roll(shift), x.flip(0)):
        assert_close(pm.frequency_power(moved), pm.frequency_power(x), rtol=0, atol=1e-12 * n)
