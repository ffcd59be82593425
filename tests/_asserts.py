"""Assertions of properties, by name."""

import numpy as np
import pytest
import torch


def assert_close(actual, expected, *, rtol=1e-8, atol=0.0):
    """Values are equal to a relative tolerance, also near zero unless ``atol`` is given."""
    actual = actual.detach().numpy() if isinstance(actual, torch.Tensor) else np.asarray(actual)
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def assert_orthonormal(rows, *, atol=1e-12):
    torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows), dtype=rows.dtype), rtol=0, atol=atol)


def assert_scalar_loss(loss):
    assert loss.shape == ()
    assert loss.dtype == torch.float64
    assert loss >= 0


def assert_raises(mistake, error, message):
    """A call raises exactly this error with this whole message."""
    with pytest.raises(error) as caught:
        mistake()
    assert caught.type is error
    assert str(caught.value) == message


def assert_gradient(function, x):
    """Autograd agrees with finite differences."""
    assert torch.autograd.gradcheck(function, x.double().requires_grad_())


def assert_same(actual, expected):
    """The same steps, names in the same order, and values, bit for bit (except for the bits of a nan)."""
    assert actual.steps.tolist() == expected.steps.tolist()
    assert list(actual.columns) == list(expected.columns)
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(actual[name].numpy(), values.numpy(), strict=True)
        np.testing.assert_array_equal(actual[name].signbit()[~values.isnan()], values.signbit()[~values.isnan()])
