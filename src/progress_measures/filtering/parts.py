"""The part of checked values on the inputs, ``(N, m)``, that belongs to a frequency; all computed in float64.

A part that depends on an input only through its answer s is stored as a table ``(s, m)``: Σ_r F_r(s) w_r over basis
rows r. The coefficients w_r, ``(n, m)``, come from the means over the inputs of each answer. So each answer counts
once, however many inputs it has.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from progress_measures.fourier import sum_rows
from progress_measures.operations.checks import check_pairs
from progress_measures.operations.on_grid import along_operands, answer_means, pair_coefficients, rows_by_frequency
from progress_measures.operations.operation import Operation

Terms = Literal["sum", "product", "polynomial", "aligned"]
ActivationTerms = Literal["sum", "product", "polynomial"]
Frequencies: TypeAlias = tuple[int, ...] | list[tuple[int, ...]]  # of the answer, or of the inputs
SUM = ' Pass terms="sum", or leave `terms` out and pass frequencies of the inputs: tuples with one integer per operand.'
SUM_OF_SOME = ' Pass terms="sum".'  # frequencies of the inputs need all of them
ANSWER_TERMS = ("sum", "aligned")  # terms whose parts depend on an input only through its answer


def part_and_constant(x: Tensor, op: Operation, frequencies: Frequencies, terms: Terms) -> tuple[Tensor, Tensor]:
    """The sum of the parts of the given frequencies, ``(N, m)``, and the constant, ``(m,)``.

    For functions of the answer, the constant is the mean over the answers. For functions of the inputs, it is the mean
    over the inputs, so that all parts together with the constant are the values themselves.
    """
    if terms in ANSWER_TERMS and not isinstance(frequencies, list):
        means = answer_means(x, op)
        kept = sum_of_parts(answer_coefficients(means, op, terms), op, frequencies)
        return kept[op.table.flatten().to(x.device)], means.mean(0)
    return part_of_inputs(x.to(torch.float64), op, _tuples(op, frequencies, terms)), x.mean(0, dtype=torch.float64)


def _tuples(op: Operation, frequencies: Frequencies, terms: Terms) -> list[tuple[int, ...]]:
    """The frequencies of the inputs that ``terms`` stands for."""
    if isinstance(frequencies, list):
        return frequencies
    check_pairs(op, f"terms={terms!r} are products of functions of a and of b", remedy=SUM, of_some=SUM_OF_SOME)
    if terms == "product":
        return [(k, k) for k in frequencies]
    return [of_inputs for k in frequencies for of_inputs in ((k, k), (k, 0), (0, k))]


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


def pair_parts(x: Tensor, op: Operation, frequencies: Iterable[int], mask: Tensor, terms: Terms) -> Iterator[Tensor]:
    """Yields the part of each given frequency, ``(pairs, m)``, at the pairs of the mask, ``(N,)``.

    This is some ten times faster than ``part_of_inputs`` for each, because one frequency has few directions. ``terms``
    is ``"product"`` or ``"polynomial"``, whose parts depend on more of a pair than its answer.
    """
    check_pairs(op, f"terms={terms!r} are products of functions of a and of b", remedy=SUM, of_some=SUM_OF_SOME)
    coefficients = pair_coefficients(x.to(torch.float64), op)
    a, b = mask.view(op.n, op.n).nonzero(as_tuple=True)
    of_a, of_b = (op.operand_basis(axis)[0].to(x.device) for axis in (0, 1))
    for frequency in frequencies:
        rows = (op.row_frequency == frequency).nonzero().flatten()
        if terms == "polynomial":
            rows = torch.cat([rows.new_zeros(1), rows])
        directions = torch.einsum("ip,jp->pij", of_a[rows][:, a], of_b[rows][:, b]).flatten(1)
        block = coefficients[rows][:, rows].flatten(0, 1)
        first = 1 if terms == "polynomial" else 0  # leaves out 1 times 1, which comes first
        yield directions[:, first:] @ block[first:]


def part_of_inputs(x: Tensor, op: Operation, frequencies: Iterable[tuple[int, ...]]) -> Tensor:
    """The projection of values, ``(N, m)``, on the products of the operands' basis rows of these frequencies."""
    bases = [op.operand_basis(axis) for axis in range(len(op.operands))]
    kept = torch.zeros(op.table.shape, dtype=torch.bool, device="cpu")
    for frequency in frequencies:
        chosen = torch.ones((), dtype=torch.bool, device="cpu")
        for k, (_, of_rows) in zip(frequency, bases, strict=True):
            chosen = chosen[..., None] & (of_rows == k)
        kept |= chosen
    coefficients = along_operands(x, [rows for rows, _ in bases]) * kept.flatten().to(x.device)[:, None]
    return along_operands(coefficients, [rows.T for rows, _ in bases])
