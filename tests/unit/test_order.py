"""A mask in the order of the numbers, for an operation whose tokens have another order, is a mask of other inputs."""

import re

import pytest
import torch

import progress_measures as pm

OPERATIONS = {"multiplication": pm.multiplication(11), "division with 0": pm.division(11, zero=True)}


class Memory(torch.nn.Module):
    """Right for the inputs that it has seen, and wrong for all others."""

    def __init__(self, op, seen):
        super().__init__()
        self.elements = op.elements
        wrong = (op.table + 1) % op.n
        self.logits = torch.nn.functional.one_hot(torch.where(seen, op.table, wrong), op.n).float() * 9

    def forward(self, pairs):
        columns = torch.zeros(len(pairs), int(self.elements.max()) + 1)
        columns[:, self.elements] = self.logits.flatten(0, -2)
        return columns


def masks(op):
    """The inputs that a network has seen: in the order of the operation, and in the order of the numbers."""
    natural = torch.rand(op.table.shape, generator=torch.Generator().manual_seed(0)) < 0.4
    return in_order_of(op, natural), natural


def in_order_of(op, natural):
    """A mask in the order of the numbers, in the order of the operation."""
    tokens = [axis.sort().values for axis in op.operands]
    return op.mask([(int(tokens[0][i]), int(tokens[1][j])) for i, j in natural.nonzero().tolist()])


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_mask_in_the_order_of_the_numbers_is_warned_of(name):
    op = OPERATIONS[name]
    right, natural = masks(op)
    model = Memory(op, right)
    with pytest.warns(UserWarning, match="order of the numbers") as caught:
        measured = pm.measure(model.logits, op, [1], train_mask=natural)
    (warning,) = caught
    shown = [float(share) for share in re.findall(r"([\d.]+)%", str(warning.message))]
    assert shown == [100.0, pytest.approx(100 * float(measured.train_accuracy), abs=0.05)]
    assert warning.filename == __file__
    # The remedy, which is silent.
    assert pm.measure(model.logits, op, [1], train_mask=right).train_accuracy == 1


def test_a_recording_warns_once():
    op = OPERATIONS["multiplication"]
    right, natural = masks(op)
    model = Memory(op, right)
    measures = pm.grokking_measures(None, op, [1], natural)
    with pytest.warns(UserWarning, match="order of the numbers"):
        measures(model)
    measures(model)
    assert pm.grokking_measures(None, op, [1], right)(model)["train_accuracy"] == 1


def test_other_masks_are_not_warned_of():
    op = OPERATIONS["multiplication"]
    right, natural = masks(op)
    half = Memory(op, right & (torch.rand(op.table.shape, generator=torch.Generator().manual_seed(1)) < 0.9))
    pm.measure(half.logits, op, [1], train_mask=right)  # it has not learned everything yet
    pm.measure(half.logits, op, [1], train_mask=natural)
    few = torch.zeros(10, 10, dtype=torch.bool)
    few[[2, 6]] = True
    pm.measure(
        Memory(op, in_order_of(op, few)).logits, op, [1], train_mask=few
    )  # a network may be right for 20 by chance
    addition = pm.addition(11)
    logits = Memory(addition, torch.rand(11, 11) < 0.5).logits
    pm.measure(logits, addition, [1], train_mask=torch.ones(11, 11, dtype=torch.bool))  # in this order
