"""Quantities of values on the inputs of an operation that several measures need. Rows are inputs, ``(N, m)``."""

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from progress_measures._blocks import Progress, block_length, every_one, gather
from progress_measures.fourier import change_basis
from progress_measures.operations.operation import Operation

Groups: TypeAlias = list[tuple[Tensor, Tensor]]


def answer_means(x: Tensor, op: Operation) -> Tensor:
    """The mean of values, ``(N, m)``, over the inputs of each answer s, float64, shape ``(n, m)``.

    The means hold everything that depends on the input only through s. The values may have any real dtype.
    """
    means = x.new_zeros(op.n, x.shape[-1], dtype=torch.float64)
    for answers, inputs, rows in answer_blocks(x, inputs_by_answer(op, x.device)):
        means[answers] = rows.sum(1, dtype=torch.float64) / inputs.shape[1]
    return means


def inputs_by_answer(op: Operation, device: torch.device, first: Tensor | None = None) -> Groups:
    """The inputs of each answer; answers with equally many stand together.

    Args:
        op: The operation.
        device: Where the result is needed.
        first: A mask of inputs, ``(N,)``, that come first among those of their answer.

    Returns:
        For each number of inputs that some answer has: the answers, ``(s,)``, and their inputs, ``(s, count)``. Where
        all answers have equally many inputs, as in a group, this is one table.
    """
    table = op.table.flatten().to(device)
    key = table if first is None else 2 * table + ~first
    order, counts = key.argsort(stable=True), torch.bincount(table, minlength=op.n)
    starts = counts.cumsum(0) - counts
    groups = []
    for count in counts.unique().cpu().tolist():
        answers = (counts == count).nonzero().flatten()
        groups.append((answers, order[starts[answers, None] + torch.arange(count, device=device)]))
    return groups


def answer_blocks(
    x: Tensor, groups: Groups, progress: Progress | None = None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yields answers, ``(s,)``, their inputs, ``(s, count)``, and the rows of these, ``(s, count, m)``, in blocks."""
    parts: Groups = []
    for answers, inputs in groups:
        length = block_length(inputs.shape[1] * x.shape[1], x.device)
        parts += zip(torch.split(answers, length), torch.split(inputs, length), strict=True)
    gathered: Iterator[Tensor] | None = None
    if x.requires_grad:  # gather once, because each gathering has a gradient as large as the matrix
        every_input = torch.cat([inputs.flatten() for _, inputs in parts])
        gathered = iter(torch.split(gather(x, every_input), [inputs.numel() for _, inputs in parts]))
    for answers, inputs in every_one(parts, progress):
        rows = gather(x, inputs) if gathered is None else next(gathered).view(*inputs.shape, -1)
        yield answers, inputs, rows


def input_weights(op: Operation, device: torch.device) -> Tensor | None:
    """The weight of each input with which each answer counts once, ``(N,)``, of mean 1; None if all are 1."""
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
    """The coefficients of values on all pairs of elements in the basis along a and along b, shape ``(n, n, m)``."""
    basis = op.basis.to(x.device)
    return change_basis(change_basis(x.reshape(op.n, op.n, -1), basis, 0), basis, 1)


def along_operands(x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Each operand's matrix, applied along the axis of that operand to values on all inputs, ``(N, m)``."""
    width, y = x.shape[1], x
    for matrix in matrices:  # each takes the first axis, and leaves it as the last
        y = (matrix.to(x) @ y.reshape(matrix.shape[1], y.numel() // matrix.shape[1])).T
    return y.reshape(width, math.prod(map(len, matrices))).T
