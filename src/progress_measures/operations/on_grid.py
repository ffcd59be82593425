"""Quantities of values on the grid of an operation's pairs that several measures need."""

import torch
from torch import Tensor

from progress_measures._blocks import row_blocks
from progress_measures.fourier import change_basis
from progress_measures.operations.operation import Operation


def answer_means(x: Tensor, op: Operation) -> Tensor:
    """The mean of values on the grid over the n pairs of each answer s, float64, shape ``(n, m)``.

    The means hold everything that depends on the pair only through s. The values may have any real dtype.
    """
    rows, pairs = x.reshape(op.n**2, x.shape[-1]), pairs_of_answers(op).to(x.device)
    means, done = x.new_empty(op.n, x.shape[-1], dtype=torch.float64), 0
    for _, block in row_blocks(rows, pairs):
        means[done : done + len(block)] = block.sum(1, dtype=torch.float64) / op.n
        done += len(block)
    return means


def pairs_of_answers(op: Operation) -> Tensor:
    """The n pairs of each answer s, as rows of the flattened grid: axes ``(s, pair)``, shape ``(n, n)``."""
    return op.table.flatten().argsort(stable=True).view(op.n, op.n)


def rows_by_frequency(x: Tensor, op: Operation) -> Tensor:
    """Groups values by basis row, ``(n, m)``, by frequency, ``(1 + K, r, m)``; zeros pad each to the largest r."""
    counts = torch.bincount(op.row_frequency)
    widest = int(counts.max())
    place = torch.arange(op.n, device=x.device) % widest  # distinct, because a frequency has consecutive rows
    return x.new_zeros(len(counts), widest, x.shape[1]).index_put((op.row_frequency.to(x.device), place), x)


def input_coefficients(x: Tensor, op: Operation) -> Tensor:
    """The coefficients of values on the grid in the basis along a and along b, shape ``(n, n, m)``."""
    basis = op.basis.to(x.device)
    return change_basis(change_basis(x, basis, 0), basis, 1)
