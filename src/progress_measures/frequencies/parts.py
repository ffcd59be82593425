"""The part of logits at each frequency, and how well a network answers with some of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from progress_measures.filtering.parts import answer_coefficients, sum_of_parts
from progress_measures.losses.by_answer import inputs_per_answer
from progress_measures.losses.filtered import chosen_rows, mean_loss, mean_of_blocks
from progress_measures.losses.kinds import cross_entropies
from progress_measures.losses.margins import hits_of, losses_of, margins
from progress_measures.operations.checks import check_all_inputs
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation
from progress_measures.spectra.answers import power_of_means
from progress_measures.spectra.inputs import input_spectrum

F = TypeVar("F", bound=int | tuple[int, ...])  # a frequency of the answer, or of the inputs


@dataclass(frozen=True, eq=False)
class Parts(Generic[F]):
    """The parts of the logits, on R rows: one for each answer, or one for each input."""

    frequencies: list[F]
    """In descending order of their share of the power."""
    part: Callable[[F], Tensor]
    """From a frequency to its part, ``(R, c)``."""
    constant: Tensor
    """``(c,)``."""
    answers: Tensor
    """The right answer of each row, ``(R,)``."""
    weights: Tensor
    """The share of the inputs in each row, ``(R,)``."""
    loss_without: Callable[[Tensor], Tensor]
    """From a sum of parts, ``(R, c)``, to the loss without it over all inputs."""
    accuracy_without: Callable[[Tensor], Tensor]
    """From a sum of parts, ``(R, c)``, to the accuracy without it over all inputs."""
    rival: Callable[[list[F], torch.Generator], list[F]]
    """From a set of frequencies to a random set of equally many, of the same form where they are tuples."""

    def sum(self, frequencies: Iterable[F]) -> Tensor:
        """The sum of the parts of some frequencies, ``(R, c)``."""
        return torch.stack([*map(self.part, frequencies)]).sum(0)

    def restricted(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Restricted loss and accuracy over all inputs, from the sum of the parts to keep, ``(R, c)``."""
        of_rows = margins(self.constant + kept, self.answers)
        return losses_of(of_rows) @ self.weights, hits_of(of_rows, self.answers).to(self.weights) @ self.weights


def parts_of_answer(x: Tensor, op: Operation) -> Parts[int]:
    """The parts of logits, ``(N, n)``, at the frequencies of the answer."""
    means, every = answer_means(x, op), torch.ones(len(x), dtype=torch.bool, device=x.device)
    coefficients, answers = answer_coefficients(means, op, "sum"), op.table.flatten().to(x.device)

    def accuracy_without(kept: Tensor) -> Tensor:
        rows = chosen_rows(x, answers, every, kept)
        return mean_of_blocks(hits_of(margins(block, s), s) for block, s in rows)

    return Parts(
        [index + 1 for index in power_of_means(means, op).argsort(descending=True, stable=True).tolist()],
        lambda frequency: sum_of_parts(coefficients, op, [frequency]),
        means.mean(0),
        torch.arange(op.n, device=x.device),
        inputs_per_answer(op, every) / len(x),
        lambda kept: mean_loss(x, answers, every, cross_entropies, kept),
        accuracy_without,
        lambda chosen, generator: [*_order(len(op.frequencies), generator)[: len(chosen)]],
    )


def parts_of_inputs(x: Tensor, op: Operation) -> Parts[tuple[int, ...]]:
    """The parts of logits, ``(N, n)``, at the frequencies of the inputs, without the constant."""
    check_all_inputs(op)
    values, answers = x.to(torch.float64), op.table.flatten().to(x.device)
    share = input_spectrum(values - values.mean(1, keepdim=True), op)
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
        lambda kept: hits_of(margins(values - kept, answers), answers).to(values).mean(),
        lambda chosen, generator: _renamed(chosen, [size - 1 for size in share.shape], generator),
    )


def _order(count: int, generator: torch.Generator) -> list[int]:
    """1..count in a random order."""
    return (torch.randperm(count, generator=generator, device="cpu") + 1).tolist()


def _renamed(chosen: list[tuple[int, ...]], counts: list[int], generator: torch.Generator) -> list[tuple[int, ...]]:
    """Frequencies of the inputs with their integers renamed, and their operands in another order.

    Operands with equally many frequencies share one renaming and may change places. So pairs (k, k) become other pairs
    of this form: a random pair (k, l) would be too weak a rival.
    """
    names = {count: [0, *_order(count, generator)] for count in sorted(set(counts))}
    source = [0] * len(counts)
    for size in sorted(set(counts)):
        axes = [axis for axis, count in enumerate(counts) if count == size]
        for axis, index in zip(axes, _order(len(axes), generator), strict=True):
            source[axis] = axes[index - 1]
    return [tuple(names[count][each[source[axis]]] for axis, count in enumerate(counts)) for each in chosen]
