"""What the losses do not depend on, and that all at once are those one at a time."""

import math

import pytest
import torch
from hypothesis import given, strategies as st

import progress_measures as pm
from tests._asserts import assert_close
from tests.properties._strategies import (
    cyclic_operations,
    generator,
    group_operations,
    logits_of,
    masks,
    normal,
    operations,
    seeds,
    some_frequencies,
    terms,
)

pytestmark = pytest.mark.filterwarnings("ignore:.frequencies. are none", "ignore:No frequency is key")  # asked for here


@st.composite
def cases(draw, of=operations):
    op = draw(of)
    return op, draw(logits_of(op)), draw(some_frequencies(op)), draw(masks(op)), draw(terms)


@st.composite
def automorphisms(draw):
    """A case, an automorphism of its group as the places of the elements, and where it takes each frequency.

    Of a cyclic group it is a -> ua for a unit u, which takes the wave of k to that of k/u; of another an inner one,
    which changes no character.
    """
    if draw(st.booleans()):
        case = draw(cases(cyclic_operations))
        n = case[0].n
        u = draw(st.sampled_from([u for u in range(1, n + 1) if math.gcd(u, n) == 1]))
        moved = [k * pow(u, -1, n) % n for k in case[0].frequencies]
        return case, torch.arange(n) * u % n, [min(k, n - k) for k in moved]
    case = draw(cases(group_operations))
    table = case[0].table
    g = draw(st.integers(0, case[0].n - 1))
    right = table[:, g].argsort()  # x g⁻¹ at x
    return case, right[table[g]], [*case[0].frequencies]


def losses(op, x, frequencies, mask, terms):
    return [
        pm.cross_entropy(x, op, mask=mask),
        pm.restricted_loss(x, op, frequencies, mask=mask, terms=terms),
        pm.excluded_loss(x, op, frequencies, mask=mask, terms=terms),
    ]


def assert_same_losses(actual, expected, *sources):
    """Losses as equal as logits of that size, which are rounded, let them be.

    An error of e in the margins changes log(1 + exp m) by a share of less than e, however small it is.
    """
    rounding = 1e-13 * max(float(x.abs().max()) for x in sources)
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == torch.float64
        assert_close(one, other, rtol=1e-11 + rounding)


@given(cases(), seeds)
def test_a_number_added_to_all_logits_of_a_pair_changes_nothing(case, seed):
    op, x, frequencies, mask, terms = case
    x = x.double()
    shifted = x + x.abs().max() * normal(op.n, op.n, 1, seed=seed)
    assert_same_losses(
        losses(op, shifted, frequencies, mask, terms), losses(op, x, frequencies, mask, terms), 10 * shifted
    )
    every = [pm.excluded_loss_per_frequency(logits, op, mask=mask, terms=terms) for logits in (shifted, x)]
    assert_same_losses(*every, 10 * shifted)


@given(automorphisms())
def test_relabelling_by_an_automorphism_permutes_the_frequencies(drawn):
    (op, x, frequencies, mask, terms), place, moved = drawn
    back = place.argsort()
    assert torch.equal(op.table[place][:, place], place[op.table])
    assert sorted(moved) == [*op.frequencies]
    y, mask_of_y = x[back][:, back][:, :, back], mask[back][:, back]  # at (ua, ub, uc) what x is at (a, b, c)
    others = [moved[k - 1] for k in frequencies]
    assert_same_losses(losses(op, y, others, mask_of_y, terms), losses(op, x, frequencies, mask, terms), x)
    to = torch.tensor(moved, dtype=torch.int64) - 1
    of_y, of_x = (
        pm.excluded_loss_per_frequency(logits, op, mask=chosen, terms=terms)
        for logits, chosen in ((y, mask_of_y), (x, mask))
    )
    assert_same_losses(of_y[to], of_x, x)
    for spectrum in (pm.logit_spectrum, pm.cosine_coefficients, pm.spectrum):
        assert_close(spectrum(y, op)[to], spectrum(x, op), rtol=1e-9, atol=1e-11 * float(spectrum(x, op).abs().sum()))


@given(cases(operations.filter(lambda op: torch.equal(op.table, op.table.T))))
def test_swapping_the_inputs_of_a_commutative_operation_changes_nothing(case):
    op, x, frequencies, mask, terms = case
    swapped = losses(op, x.transpose(0, 1), frequencies, mask.T, terms)
    assert_same_losses(swapped, losses(op, x, frequencies, mask, terms), x)
    every = [
        pm.excluded_loss_per_frequency(logits, op, mask=chosen, terms=terms)
        for logits, chosen in ((x.transpose(0, 1), mask.T), (x, mask))
    ]
    assert_same_losses(*every, x)


@given(cases())
def test_losses_per_frequency_are_those_of_one_at_a_time(case):
    op, x, _, mask, terms = case
    at_once = pm.excluded_loss_per_frequency(x, op, mask=mask, terms=terms)
    one_by_one = [pm.excluded_loss(x, op, [k], mask=mask, terms=terms) for k in op.frequencies]
    assert_same_losses(at_once, one_by_one, x)
    if terms == "sum" and not mask.all():
        assert_same_losses(pm.measure(x, op, [], train_mask=mask).excluded_loss_per_frequency, one_by_one, x)


@given(cases())
def test_losses_are_those_of_the_restricted_and_the_remaining_logits(case):
    op, x, frequencies, mask, terms = case
    parts = (x, pm.restrict(x, op, frequencies, terms=terms), pm.exclude(x, op, frequencies, terms=terms))
    expected = [pm.cross_entropy(part, op, mask=mask) for part in parts]
    assert_same_losses(losses(op, x, frequencies, mask, terms), expected, x)


@given(cases())
def test_the_dtype_of_the_logits_changes_nothing_but_their_own_rounding(case):
    op, x, frequencies, mask, terms = case
    assert_same_losses(losses(op, x, frequencies, mask, terms), losses(op, x.double(), frequencies, mask, terms), x)


@given(cases(), st.integers(0, 2**32 - 1))
def test_accuracy_does_not_change_under_what_keeps_the_order_of_each_pairs_logits(case, seed):
    op, x, _, mask, _ = case
    scale = torch.rand(op.n, op.n, 1, generator=generator(seed)).double() + 0.5
    assert pm.accuracy(x.double() * scale, op, mask=mask) == pm.accuracy(x, op, mask=mask)
