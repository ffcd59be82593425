"""Restricting and excluding: projections that divide the logits between them."""

import torch
from hypothesis import given, strategies as st

import progress_measures as pm
from tests._asserts import assert_close
from tests.properties._strategies import logits_of, normal, operations, seeds, some_frequencies, terms

both = st.sampled_from([pm.restrict, pm.exclude])


@st.composite
def cases(draw):
    op = draw(operations)
    return op, draw(logits_of(op)), draw(some_frequencies(op)), draw(terms)


def assert_equal_logits(actual, expected, *sources):
    """Equal to the rounding of float64, with respect to the size of what they were computed from."""
    assert actual.dtype == torch.float64
    largest = max(float(x.abs().max()) for x in (expected, *sources))
    assert_close(actual, expected.double(), rtol=0, atol=1e-12 * largest)


@given(cases())
def test_both_add_up_to_the_logits_and_their_constant(case):
    op, x, frequencies, terms = case
    total = pm.restrict(x, op, frequencies, terms=terms) + pm.exclude(x, op, frequencies, terms=terms)
    assert_equal_logits(total, x.double() + x.double().mean((0, 1)))


@given(cases(), both)
def test_idempotent(case, function):
    op, x, frequencies, terms = case
    once = function(x, op, frequencies, terms=terms)
    assert_equal_logits(function(once, op, frequencies, terms=terms), once, x)


@given(cases(), both, st.floats(-10, 10), st.floats(-10, 10), seeds)
def test_linear(case, function, p, q, seed):
    op, x, frequencies, terms = case
    y = float(x.abs().max()) * normal(op.n, op.n, op.n, seed=seed)
    combined = function(p * x.double() + q * y, op, frequencies, terms=terms)
    of_x, of_y = (function(each, op, frequencies, terms=terms) for each in (x, y))
    assert_equal_logits(combined, p * of_x + q * of_y, 10 * x, 10 * y)


@given(cases(), both, seeds)
def test_a_constant_of_each_answer_passes_through(case, function, seed):
    op, x, frequencies, terms = case
    constant = float(x.abs().max()) * normal(op.n, seed=seed)
    moved = function(x.double() + constant, op, frequencies, terms=terms)
    assert_equal_logits(moved, function(x, op, frequencies, terms=terms) + constant, constant)


@given(cases(), both)
def test_self_adjoint(case, function):
    # An idempotent map is an orthogonal projection if and only if this holds.
    op, x, frequencies, terms = case
    y = x.flip(0, 1, 2).double()
    left = (function(x, op, frequencies, terms=terms) * y).sum()
    right = (x.double() * function(y, op, frequencies, terms=terms)).sum()
    assert_close(left, right, rtol=0, atol=1e-12 * float(x.double().square().sum()))


@given(cases())
def test_all_frequencies_are_what_depends_on_the_answer_alone(case):
    op, x, _, _ = case
    kept = pm.restrict(x, op, op.frequencies)
    for s in range(op.n):
        pairs = op.table == s
        assert_equal_logits(kept[pairs], x.double()[pairs].mean(0).expand(op.n, -1), x)


@given(cases())
def test_no_frequencies_are_the_constant_and_everything(case):
    op, x, _, terms = case
    assert_equal_logits(pm.restrict(x, op, [], terms=terms), x.double().mean((0, 1)).expand_as(x))
    assert torch.equal(pm.exclude(x, op, [], terms=terms), x.double())


@given(cases())
def test_frequencies_add_up_one_by_one(case):
    op, x, frequencies, terms = case
    removed = [x.double() - pm.exclude(x, op, [k], terms=terms) for k in frequencies]
    together = x.double() - pm.exclude(x, op, frequencies, terms=terms)
    assert_equal_logits(together, sum(removed, torch.zeros_like(together)), x)
