import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import progress_measures as pm
from tests._asserts import assert_close, assert_gradient

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=30)


def mean_absolute_difference_form(x):
    """Half the mean absolute difference of two values over their mean."""
    x = np.abs(x)
    return np.abs(x[:, None] - x).mean() / (2 * x.mean())


def hurley_rickard(x):
    """The formula as printed, one term at a time."""
    x, n = sorted(abs(v) for v in x), len(x)
    return 1 - 2 * sum(v / sum(x) * (n - i + 0.5) / n for i, v in enumerate(x, start=1))


@given(values)
def test_agrees_with_both_forms(x):
    assume(sum(x) > 1e-3)
    gini = pm.gini(torch.tensor(x, dtype=torch.float64)).item()
    assert gini == pytest.approx(mean_absolute_difference_form(np.array(x)), abs=1e-12)
    assert gini == pytest.approx(hurley_rickard(x), abs=1e-9)


@given(values, st.floats(1e-6, 1e6), st.randoms())
def test_range_scaling_and_permutation(x, scale, random):
    tensor = torch.tensor(x, dtype=torch.float64)
    gini = pm.gini(tensor)
    assert -1e-12 <= gini <= 1 - 1 / len(x) + 1e-12
    random.shuffle(x)
    assert_close(pm.gini(torch.tensor(x, dtype=torch.float64)), gini, rtol=0, atol=1e-12)
    if tensor.sum() > 1e-3:
        assert_close(pm.gini(tensor * scale), gini, rtol=0, atol=1e-9)


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


def test_differentiable():
    assert_gradient(pm.gini, torch.tensor([0.3, 1.7, 0.9, 4.0]))


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-3, 1e307])
def test_extreme_scales(scale):
    x = torch.tensor([0.0, 1.0, 3.0, 8.0], dtype=torch.float64)
    assert_close(pm.gini(x * scale), pm.gini(x), rtol=1e-12)
