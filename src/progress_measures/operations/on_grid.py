"""Quantities of values on an operation's inputs that several measures need. Rows are inputs, ``(N, m)``."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from progress_measures._blocks import Progress, block_length, every_one, gather
from progress_measures.fourier import change_basis
from progress_measures.operations.operation import Operation

PADDED = 1.25  # answers are in one group if none has more than this many times the inputs of another


class Group(NamedTuple):
    """Some answers, ``(s,)``, and the inputs of each, ``(s, count)``.

    Answers with fewer inputs repeat their first one; ``valid``, ``(s, count)``, marks the inputs that are no
    repetition. It is None if all answers have equally many inputs.
    """

    answers: Tensor
    inputs: Tensor
    valid: Tensor | None

    def only(self, chosen: Tensor) -> Tensor:
        """Which entries of ``inputs`` are in a mask, ``(N,)``, each input once, bool."""
        found = chosen[self.inputs]
        return found if self.valid is None else found & self.valid


def answer_means(x: Tensor, op: Operation) -> Tensor:
    """The mean of values, ``(N, m)``, over the inputs of each answer s, float64, shape ``(n, m)``.

    The means contain everything that depends on the input only through s. The values may have any real dtype.
    """
    groups, means = inputs_by_answer(op, x.device), list[Tensor]()
    for (_, inputs, valid), rows in answer_blocks(x, groups):
        if valid is None:
            means.append(rows.sum(1, dtype=torch.float64) / inputs.shape[1])
        else:
            count = valid.sum(1, keepdim=True)
            repeated = (inputs.shape[1] - count) * rows[:, 0].to(torch.float64)
            means.append((rows.sum(1, dtype=torch.float64) - repeated) / count)
    if len(groups) == 1:  # its answers are in order
        return torch.cat(means)
    return torch.cat(means)[torch.cat([group.answers for group in groups]).argsort()]


def inputs_by_answer(op: Operation, device: torch.device, first: Tensor | None = None) -> list[Group]:
    """The inputs of each answer; answers with about equally many are in one group.

    Args:
        op: The operation.
        device: The device of the result.
        first: A mask of inputs, ``(N,)``, that come first among those of their answer.

    Returns:
        Groups that hold each answer once. If all answers have equally many inputs, there is one group, without padding.
    """
    table = op.table.flatten().to(device)
    key = table if first is None else 2 * table + ~first
    order, counts = key.argsort(stable=True), torch.bincount(table, minlength=op.n)
    sizes = torch.unique(counts).cpu()  # ascending
    if len(sizes) == 1:
        return [Group(torch.arange(op.n, device=device), order.view(op.n, -1), None)]
    starts, groups = counts.cumsum(0) - counts, list[Group]()
    while len(sizes) > 0:
        least, most = int(sizes[0]), int(sizes[sizes <= PADDED * sizes[0]][-1])
        answers = ((counts >= least) & (counts <= most)).nonzero().flatten()
        place = torch.arange(most, device=device).expand(len(answers), most)
        valid = None if least == most else place < counts[answers, None]
        real = place if valid is None else place * valid
        groups.append(Group(answers, order[starts[answers, None] + real], valid))
        sizes = sizes[sizes > most]
    return groups


def answer_blocks(
    x: Tensor, groups: Sequence[Group], progress: Progress | None = None
) -> Iterator[tuple[Group, Tensor]]:
    """Yields groups in blocks of answers, and the rows of their inputs, ``(s, count, m)``."""
    parts = list[Group]()
    for group in groups:
        length = block_length(group.inputs.shape[1] * x.shape[1], x.device)
        columns = [[None] * len(group.answers) if y is None else torch.split(y, length) for y in group]
        parts += [Group(*block) for block in zip(*columns, strict=False)]
    gathered: Iterator[Tensor] | None = None
    if x.requires_grad:  # gather once, because each gathering has a gradient as large as the matrix
        every_input = torch.cat([part.inputs.flatten() for part in parts])
        gathered = iter(torch.split(gather(x, every_input), [part.inputs.numel() for part in parts]))
    for part in every_one(parts, progress):
        yield part, gather(x, part.inputs) if gathered is None else next(gathered).view(*part.inputs.shape, -1)


def input_weights(op: Operation, device: torch.device) -> Tensor | None:
    """The weight of each input that makes each answer count once, ``(N,)``, of mean 1; None if all are 1."""
    counts = torch.bincount(op.table.flatten())
    if bool((counts == counts[0]).all()):
        return None
    per_answer = op.table.numel() / op.n / counts.to(torch.float64)
    return per_answer[op.table.flatten()].to(device)


def rows_by_frequency(x: Tensor, op: Operation) -> Tensor:
    """Groups values by basis row, ``(n, m)``, by frequency, ``(1 + K, r, m)``; zeros pad each to the largest r."""
    counts = torch.bincount(op.row_frequency)
    widest = int(counts.max())
    place = torch.arange(op.n, device=x.device) % widest  # distinct, because a frequency has consecutive rows
    return x.new_zeros(len(counts), widest, x.shape[1]).index_put((op.row_frequency.to(x.device), place), x)


def pair_coefficients(x: Tensor, op: Operation) -> Tensor:
    """The coefficients of values on all pairs in the bases along a and along b, shape ``(n, n, m)``."""
    of_a, of_b = (op.operand_basis(axis)[0].to(x.device) for axis in (0, 1))
    return change_basis(change_basis(x.reshape(op.n, op.n, -1), of_a, 0), of_b, 1)


def along_operands(x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Applies each operand's matrix along the axis of that operand, to values on all inputs, ``(N, m)``."""
    width, y = x.shape[1], x
    for matrix in matrices:  # each moves the first axis to the end
        y = (matrix.to(x) @ y.reshape(matrix.shape[1], y.numel() // matrix.shape[1])).T
    return y.reshape(width, math.prod(map(len, matrices))).T
