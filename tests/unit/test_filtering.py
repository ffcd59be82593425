import pytest
import torch

import progress_measures as pm
from tests import _oracle
from tests._asserts import assert_close
from tests._planted import OPERATIONS, learned_logits, planted_logits, random_logits

TERMS = ["sum", "product", "polynomial", "aligned"]

each_terms = pytest.mark.parametrize("terms", TERMS)
each_operation = pytest.mark.parametrize("make", OPERATIONS)


@each_terms
@each_operation
@pytest.mark.parametrize("n", [5, 12, 13])
def test_agrees_with_dense_directions(make, n, terms):
    op = make(n)
    logits = random_logits(n)
    for frequencies in ([], [1], [n // 2], [1, n // 2], list(op.frequencies)):
        expected = _oracle.restrict(logits.numpy(), op.table.numpy(), frequencies, terms)
        assert_close(pm.restrict(logits, op, frequencies, terms=terms), expected, rtol=0, atol=1e-12)
        expected = _oracle.exclude(logits.numpy(), op.table.numpy(), frequencies, terms)
        assert_close(pm.exclude(logits, op, frequencies, terms=terms), expected, rtol=0, atol=1e-12)


@each_terms
@each_operation
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_restrict_and_exclude_add_up_to_the_logits_and_their_constant(make, n, terms):
    op = make(n)
    logits = random_logits(n)
    chosen = op.frequencies[-1:]
    both = pm.restrict(logits, op, chosen, terms=terms) + pm.exclude(logits, op, chosen, terms=terms)
    assert_close(both, logits + logits.mean((0, 1)), rtol=0, atol=1e-12)


@each_terms
@pytest.mark.parametrize("n", [5, 8])
def test_idempotent_linear_and_orthogonal(n, terms):
    op = pm.addition(n)
    x, y = random_logits(n, seed=1), random_logits(n, seed=2)
    for function in (pm.restrict, pm.exclude):
        once = function(x, op, [1, 2], terms=terms)
        assert_close(function(once, op, [1, 2], terms=terms), once, rtol=0, atol=1e-12)
        combined = function(3 * x - 2 * y, op, [1], terms=terms)
        expected = 3 * function(x, op, [1], terms=terms) - 2 * function(y, op, [1], terms=terms)
        assert_close(combined, expected, rtol=0, atol=1e-12)
    part, rest = x - pm.exclude(x, op, [2], terms=terms), pm.exclude(x, op, [2], terms=terms)
    assert abs((part * rest).sum()) < 1e-10


@each_terms
@each_operation
def test_constant_stays_in_both(make, terms):
    op = make(6)
    constant = torch.randn(6, dtype=torch.float64).expand(6, 6, 6)
    assert_close(pm.restrict(constant, op, [2], terms=terms), constant, rtol=0, atol=1e-12)
    assert_close(pm.exclude(constant, op, [2], terms=terms), constant, rtol=0, atol=1e-12)


@each_terms
@each_operation
@pytest.mark.parametrize("n", [7, 8])
def test_planted_waves_are_kept_whole_and_removed_whole(make, n, terms):
    op = make(n)
    logits = planted_logits(op, {1: 3.0, n // 2: 2.0})
    assert_close(pm.restrict(logits, op, [1, n // 2], terms=terms), logits, rtol=0, atol=1e-12)
    assert pm.exclude(logits, op, [n // 2, 1], terms=terms).abs().max() < 1e-12
    assert_close(pm.exclude(logits, op, [n // 2], terms=terms), planted_logits(op, {1: 3.0}), rtol=0, atol=1e-12)


@each_terms
def test_frequencies_do_not_overlap(terms):
    op = pm.addition(9)
    logits = learned_logits(op, (2, 3))
    kept = pm.restrict(logits, op, [2], terms=terms)
    once_more = pm.restrict(kept, op, [3], terms=terms)
    assert_close(once_more, kept.mean((0, 1)).expand(9, 9, 9), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("terms", "rank"), [("sum", 2), ("product", 4), ("polynomial", 8)])
def test_number_of_directions(terms, rank):
    op = pm.addition(7)
    one_per_pair = torch.eye(49, dtype=torch.float64).reshape(7, 7, 49)
    columns = torch.cat(
        [pm.exclude(chunk, op, [2], terms=terms).reshape(49, 7) for chunk in one_per_pair.split(7, dim=2)], dim=1
    )
    removed = torch.eye(49, dtype=torch.float64) - columns
    assert torch.linalg.matrix_rank(removed, tol=1e-9) == rank


@each_terms
def test_shapes_dtypes_and_arrays(terms):
    op = pm.addition(5)
    logits = random_logits(5)
    expected = pm.restrict(logits, op, [1], terms=terms)
    assert_close(pm.restrict(logits.reshape(25, 5), op, [1], terms=terms), expected)
    assert_close(pm.restrict(logits.numpy(), op, torch.tensor([1]), terms=terms), expected)
    half = pm.restrict(logits.float(), op, (1,), terms=terms)
    assert half.dtype == torch.float64
    assert_close(half, expected, rtol=0, atol=1e-6)
