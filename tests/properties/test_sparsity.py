"""Gini's coefficient and the effective rank: bounds, what they do not depend on, and second formulas."""

import numpy as np
import torch
from hypothesis import assume, given, strategies as st

import progress_measures as pm
from tests._asserts import assert_close
from tests.properties._strategies import DTYPES, normal, seeds

dtypes = st.sampled_from(DTYPES)
lists = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=64)


@st.composite
def values(draw):
    return torch.tensor(draw(lists), dtype=torch.float64).to(draw(dtypes))


def mean_absolute_difference_form(x):
    """Half the mean absolute difference of two values over their mean."""
    x = np.abs(x)
    return np.abs(x[:, None] - x).mean() / (2 * x.mean())


def hurley_rickard(x):
    """The formula as printed, one term at a time."""
    x, n = sorted(abs(v) for v in x), len(x)
    return 1 - 2 * sum(v / sum(x) * (n - i + 0.5) / n for i, v in enumerate(x, start=1))


@given(values())
def test_gini_agrees_with_both_forms(x):
    assume(x.double().abs().sum() > 1e-3)
    gini = pm.gini(x)
    assert gini.dtype == torch.float64
    assert_close(gini, mean_absolute_difference_form(x.double().numpy()), rtol=1e-10, atol=1e-14)
    assert_close(gini, hurley_rickard(x.tolist()), rtol=0, atol=1e-9)


@given(values())
def test_gini_lies_between_equal_values_and_a_single_one(x):
    assert -1e-15 <= pm.gini(x) <= 1 - 1 / len(x) + 1e-15


@given(values(), st.floats(1e-200, 1e200), st.randoms(), st.integers(1, 5))
def test_gini_does_not_depend_on_scale_signs_order_or_repetition(x, scale, random, times):
    x = x.double()
    order = list(range(len(x)))
    random.shuffle(order)
    signs = torch.tensor([random.choice([-1.0, 1.0]) for _ in order], dtype=torch.float64)
    # Scaling rounds what is subnormal.
    for same in (x[order], x * signs, x.repeat(times), *([x * scale] if (x.abs() > 1e-50).all() else [])):
        assert_close(pm.gini(same), pm.gini(x), rtol=1e-11, atol=1e-14)


@given(values(), st.floats(0, 1e6))
def test_gini_does_not_grow_when_a_number_is_added_to_all(x, more):
    x = x.double().abs()
    assert pm.gini(x + more) <= pm.gini(x) + 1e-14


@given(st.integers(1, 12), st.integers(1, 12), st.floats(1e-150, 1e150), seeds)
def test_effective_rank_lies_between_one_and_the_rank_and_does_not_depend_on_scale_or_rotation(m, n, scale, seed):
    matrix = normal(m, n, seed=seed)
    rank = pm.effective_rank(matrix)
    assert 1 - 1e-12 <= rank <= min(m, n) + 1e-12
    rotation = torch.linalg.qr(normal(n, n, seed=seed + 1)).Q
    for same in (matrix.T, matrix @ rotation, scale * matrix):
        assert_close(pm.effective_rank(same), rank, rtol=1e-10)
