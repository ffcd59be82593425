"""Results are on the device of the values that were given, wherever the operation was made."""

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests._elsewhere import Elsewhere, SecondDevice
from tests._planted import learned_logits, random_logits, random_mask
from tests.unit.test_gpu import all_but_controls


def turned(n):
    """Addition in another basis of the same frequencies, for which nothing is computed by a faster way."""
    op = pm.addition(n)
    basis = torch.cat([op.basis[:1], -op.basis[1:]])
    return pm.Operation("turned", op.elements, op.table, basis, op.row_frequency, cyclic=True)


@pytest.mark.parametrize("make", [pm.addition, lambda n: pm.multiplication(n + 1), turned])
def test_the_same_numbers_on_another_device(make):
    op = make(12)
    logits, mask = learned_logits(op, (1, 3)), random_mask(12)
    with SecondDevice():
        there = list(all_but_controls(Elsewhere(logits), op, Elsewhere(mask)))
    for actual, expected in zip(there, all_but_controls(logits, op, mask), strict=True):
        assert isinstance(actual, Elsewhere)
        assert_close(actual.values, expected, rtol=1e-12, atol=1e-15)


def test_sums_that_vanish_on_another_device():
    op, logits = pm.addition(9), random_logits(9, scale=3000)
    with SecondDevice():
        there = pm.excluded_loss_per_frequency(Elsewhere(logits), op)
    assert_close(there.values, pm.excluded_loss_per_frequency(logits, op), rtol=1e-12)


def test_key_frequencies_of_another_device():
    power = torch.tensor([0.2, 9.0, 0.1, 5.0, 0.2, 0.1, 0.1, 0.1])
    with SecondDevice():
        assert pm.key_frequencies(Elsewhere(power)) == (2, 4)


def test_tensors_on_two_devices_are_noticed():
    # The tests above would pass on nothing.
    with SecondDevice(), pytest.raises(AssertionError, match="two devices"):
        Elsewhere(torch.ones(3)) + torch.ones(3)
