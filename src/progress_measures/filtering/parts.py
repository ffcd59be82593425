"""The part of checked values on the grid, ``(n, n, m)``, that belongs to a frequency; all computed in float64.

A part that depends on a pair only through its answer s is stored as a table ``(s, m)``: Σ_r F_r(s) w_r over basis rows
r. The coefficients w_r, ``(n, m)``, come from the means over the n pairs of each answer.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import torch
from torch import Tensor

from progress_measures.fourier import sum_rows
from progress_measures.operations.on_grid import answer_means, input_coefficients, rows_by_frequency
from progress_measures.operations.operation import Operation

Terms = Literal["sum", "product", "polynomial", "aligned"]
ActivationTerms = Literal["sum", "product", "polynomial"]
ANSWER_TERMS = ("sum", "aligned")  # terms whose parts depend on a pair only through its answer


def part(x: Tensor, op: Operation, frequencies: Iterable[int], terms: Terms) -> Tensor:
    """The sum of the parts of the given frequencies, without the constant, shape ``(n, n, m)``."""
    if terms in ANSWER_TERMS:
        coefficients = answer_coefficients(answer_means(x, op), op, terms)
        return sum_of_parts(coefficients, op, frequencies)[op.table]
    parts = input_parts(x, op, frequencies, torch.ones_like(op.table), terms)  # at all pairs
    return sum(parts, start=x.new_zeros(op.n**2, x.shape[-1])).reshape(x.shape)


def answer_coefficients(means: Tensor, op: Operation, terms: Terms) -> Tensor:
    """The coefficient of each basis row in the part of its frequency, ``(n, m)``, from the mean of each answer."""
    basis = op.basis.to(means.device)
    coefficients = basis @ means
    if terms == "sum":
        return coefficients
    # Each part is a multiple of the kernel Σ_r F_r(s) F_r(c), whose squared norm is the frequency's number of rows.
    inner_product = sum_rows((coefficients * basis).sum(1), op.row_frequency, 0)
    multiple = inner_product / torch.bincount(op.row_frequency).to(inner_product)
    return basis * multiple[op.row_frequency, None]


def sum_of_parts(coefficients: Tensor, op: Operation, frequencies: Iterable[int]) -> Tensor:
    """The sum of the parts of the given frequencies at every answer, ``(s, m)``."""
    chosen = set(frequencies)
    rows = torch.tensor([k in chosen for k in op.row_frequency.tolist()], device="cpu")
    return op.basis[rows].to(coefficients.device).T @ coefficients[rows]


def part_evaluator(coefficients: Tensor, op: Operation) -> Callable[[Tensor], Tensor]:
    """A function from answers, ``(s,)``, to the part of every frequency at these answers, ``(K, s, m)``."""
    waves, weights = (rows_by_frequency(x, op)[1:] for x in (op.basis.to(coefficients.device), coefficients))
    return lambda answers: waves[:, :, answers].transpose(1, 2) @ weights


def input_parts(x: Tensor, op: Operation, frequencies: Iterable[int], mask: Tensor, terms: Terms) -> Iterator[Tensor]:
    """The part of each given frequency in turn, ``(pairs, m)``, at the pairs of the mask.

    ``terms`` is ``"product"`` or ``"polynomial"``, whose parts depend on more of a pair than its answer.
    """
    coefficients, (a, b) = input_coefficients(x.to(torch.float64), op), mask.nonzero(as_tuple=True)
    for frequency in frequencies:
        rows = (op.row_frequency == frequency).nonzero().flatten()
        if terms == "polynomial":
            rows = torch.cat([rows.new_zeros(1), rows])
        waves = op.basis[rows].to(x.device)
        directions = torch.einsum("ip,jp->pij", waves[:, a], waves[:, b]).flatten(1)
        block = coefficients[rows][:, rows].flatten(0, 1)
        first = 1 if terms == "polynomial" else 0  # leaves out 1 times 1, which comes first
        yield directions[:, first:] @ block[first:]
