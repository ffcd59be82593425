"""The part of logits at each frequency, and how well a network answers with some of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from progress_measures.filtering.parts import answer_coefficients, sum_of_parts
from progress_measures.losses.by_answer import inputs_per_answer
from progress_measures.losses.filtered import mean_loss
from progress_measures.losses.kinds import cross_entropies
from progress_measures.losses.margins import hits_of, losses_of, margins
from progress_measures.operations.checks import check_all_inputs
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation
from progress_measures.spectra.answers import spectrum
from progress_measures.spectra.inputs import input_spectrum

F = TypeVar("F", bound=int | tuple[int, ...])  # a frequency of the answer, or of the inputs


@dataclass(frozen=True, eq=False)
class Parts(Generic[F]):
    """The parts of the logits, on R rows: one for each answer, or one for each input."""

    frequencies: list[F]
    """The one with the largest share first."""
    part: Callable[[F], Tensor]
    """From a frequency to its part, ``(R, c)``."""
    constant: Tensor
    """``(c,)``."""
    answers: Tensor
    """The right answer of each row, ``(R,)``."""
    weights: Tensor
    """The share of the inputs that each row stands for, ``(R,)``."""
    excluded: Callable[[Tensor], Tensor]
    """From a sum of parts, ``(R, c)``, to the loss without it over all inputs."""

    def sum(self, frequencies: Iterable[F]) -> Tensor:
        """The sum of the parts of some frequencies, ``(R, c)``."""
        return torch.stack([*map(self.part, frequencies)]).sum(0)

    def restricted(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Restricted loss and accuracy over all inputs, with the sum of the parts that are kept, ``(R, c)``."""
        of_rows = margins(self.constant + kept, self.answers)
        return losses_of(of_rows) @ self.weights, hits_of(of_rows, self.answers).to(self.weights) @ self.weights


def parts_of_answer(x: Tensor, op: Operation) -> Parts[int]:
    """The parts of logits, ``(N, n)``, at the frequencies of the answer."""
    means, every = answer_means(x, op), torch.ones(len(x), dtype=torch.bool, device=x.device)
    coefficients = answer_coefficients(means, op, "sum")
    return Parts(
        [index + 1 for index in spectrum(means, op).argsort(descending=True, stable=True).tolist()],
        lambda frequency: sum_of_parts(coefficients, op, [frequency]),
        means.mean(0),
        torch.arange(op.n, device=x.device),
        inputs_per_answer(op, every) / len(x),
        lambda kept: mean_loss(x, op.table.flatten().to(x.device), every, cross_entropies, kept),
    )


def parts_of_inputs(x: Tensor, op: Operation) -> Parts[tuple[int, ...]]:
    """The parts of logits, ``(N, n)``, at the frequencies of the inputs, without the constant."""
    check_all_inputs(op)
    share, values, answers = input_spectrum(x, op), x.to(torch.float64), op.table.flatten().to(x.device)
    tuples = [tuple(place) for place in (share >= 0).nonzero().tolist()]
    order = share.flatten().argsort(descending=True, stable=True).tolist()
    bases = [op.operand_basis(axis) for axis in range(len(op.operands))]

    def part(frequency: tuple[int, ...]) -> Tensor:
        directions = torch.ones(1, 1, dtype=torch.float64, device="cpu")
        for k, (rows, of_rows) in zip(frequency, bases, strict=True):
            directions = torch.einsum("dx,ry->drxy", directions, rows[of_rows == k]).flatten(2).flatten(0, 1)
        directions = directions.to(values.device)
        return directions.T @ (directions @ values)

    return Parts(
        [tuples[place] for place in order if any(tuples[place])],
        part,
        values.mean(0),
        answers,
        values.new_full((len(x),), 1 / len(x)),
        lambda kept: cross_entropies(values - kept, answers).mean(),
    )
