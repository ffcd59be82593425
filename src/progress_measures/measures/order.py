"""Whether a mask of training inputs seems to be in the order of the numbers, which may not be the operation's order."""

import torch
from torch import Tensor

from progress_measures.losses.filtered import accuracy
from progress_measures.operations.operation import Operation

KNOWN = 0.99  # accuracy: of a network that has memorized its training inputs
ENOUGH = 30  # training inputs: of fewer, a network may be right by chance
ORDER = (
    "`train_mask` seems to be in the order of the numbers, which is not the order of `op.operands`: read in the order "
    "of the numbers, the network is right for {natural:.1%} of the training inputs; as it is, for {given:.1%}. Make "
    "the mask with op.mask(rows), from rows of tokens in any order."
)


def seems_in_order_of_numbers(logits: Tensor, op: Operation, train: Tensor, train_accuracy: Tensor) -> str:
    """A warning if a network knows its training inputs only if their mask is in the order of the numbers; else empty.

    Args:
        logits: The logits, shape ``(*op.table.shape, n)``.
        op: The operation.
        train: The training inputs, bool, shape ``(N,)``.
        train_accuracy: The accuracy on them.
    """
    natural = _reordered(train, op)
    if int(train.sum()) < ENOUGH or torch.equal(natural, train) or bool(train_accuracy >= KNOWN):
        return ""
    found = accuracy(logits, op, mask=natural.reshape(op.table.shape))
    if bool(found < KNOWN):
        return ""
    return ORDER.format(natural=float(found), given=float(train_accuracy))


def _reordered(train: Tensor, op: Operation) -> Tensor:
    """The mask as it would be if its axes were in the ascending order of the tokens."""
    mask = train.reshape(op.table.shape)
    for axis, tokens in enumerate(op.operands):
        mask = mask.index_select(axis, tokens.argsort().argsort().to(mask.device))
    return mask.flatten()
