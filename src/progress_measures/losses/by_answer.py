"""The loss with one frequency removed, for all frequencies at once.

Removing frequency k subtracts r_k(s, c) from the logits, which depends on a pair only through its answer s. With
margins m to the right answer, the loss of a pair is log(1 + Σ exp(m_c + r_k(s, s) - r_k(s, c))) over the wrong answers
c. This sum is a product of exp(m), one row per pair, and exp(-r), one column per frequency. So one matrix product
covers all pairs of an answer and all frequencies, and each logit is exponentiated only once. The loss with nothing
removed uses the same exponentials.

Both factors are scaled by their largest entry, so that neither overflows. The product underflows to zero if, for every
answer c, one of the two factors is far below its largest entry. Such a sum is computed term by term.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures._blocks import block_length, row_blocks
from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice
from progress_measures.filtering.parts import ANSWER_TERMS, Terms, answer_coefficients, input_parts, part_evaluator
from progress_measures.losses.pairs import margins, pair_hits, pair_losses, softplus
from progress_measures.operations.checks import check_logits, check_mask
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation

TINY = 1e-250  # terms that underflow, below 1e-308, are negligible in sums of at least this size


def excluded_loss_per_frequency(
    logits: Array, op: Operation, *, mask: Array | None = None, terms: Terms = "sum"
) -> Tensor:
    """The excluded loss of each frequency, removed one at a time.

    Entry i is ``excluded_loss(logits, op, [op.frequencies[i]])``.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.

    Returns:
        Mean losses in nats, float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, the mask is empty, or
            ``terms`` is not one of the choices.

    References:
        Nanda et al. (2023), appendix C.1.5.

    Example:
        >>> op = pm.addition(7)
        >>> wave = 9 * torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> [round(loss, 3) for loss in pm.excluded_loss_per_frequency(wave, op).tolist()]
        [0.065, 0.065, 1.946]
    """
    check_choice(terms, "terms", Terms)
    x = check_logits(logits, op)
    mask = check_mask(mask, op, x.device)
    if not op.frequencies:
        return x.new_zeros(0, dtype=torch.float64)
    if terms not in ANSWER_TERMS:
        rows, answers = x[mask].to(torch.float64), op.table.to(x.device)[mask]
        without = (rows - removed for removed in input_parts(x, op, op.frequencies, mask, terms))
        return torch.stack([pair_losses(margins(rest, answers)).mean() for rest in without])

    parts = part_evaluator(answer_coefficients(answer_means(x, op), op, terms), op)
    pairs, max_count = pairs_by_answer(op, mask)
    answer_of_pair, in_mask = op.table.to(x.device).flatten(), mask.flatten()
    total = x.new_zeros(len(op.frequencies))
    for block, rows in row_blocks(x.flatten(0, 1), pairs[:, :max_count]):
        answers = answer_of_pair[block]
        losses = Pairs.of(rows, answers).losses_without(parts(answers[:, 0]))
        total = total + (losses * in_mask[block]).sum((1, 2))
    return total / in_mask.sum()


def pairs_by_answer(op: Operation, mask: Tensor) -> tuple[Tensor, int]:
    """The pairs of each answer, with the pairs of the mask first.

    Returns:
        The pairs as rows of the flattened grid, ``(s, n)``, and the largest number of pairs that the mask holds of any
        one answer.
    """
    other = (~mask).flatten()
    pairs = (2 * op.table.to(mask.device).flatten() + other).argsort().view(op.n, op.n)
    return pairs, op.n - int(other[pairs].sum(1).min())


def restricted_margins(means: Tensor, parts: Tensor) -> Tensor:
    """The margins of restricted logits at each answer, ``(…, s, c)``.

    Args:
        means: The mean logits of each answer, ``(s, c)``.
        parts: The parts of the means that are kept in addition to the constant, ``(…, s, c)``.
    """
    restricted = means.mean(0) + parts
    return margins(restricted, torch.arange(len(means), device=means.device).expand(restricted.shape[:-1]))


def pairs_per_answer(op: Operation, mask: Tensor) -> Tensor:
    """The number of pairs of each answer in a mask, float64, ``(s,)``: the weights of a mean over these pairs."""
    return torch.bincount(op.table.to(mask.device)[mask], minlength=op.n).to(torch.float64)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of some answers, the same number for each answer, with the exponentials of their margins."""

    logits: Tensor
    """The logits of each pair, ``(s, pair, c)``."""
    answers: Tensor
    """The answer of each pair, the same along a row, ``(s, pair)``."""
    largest: Tensor
    """The largest margin of each pair, ``(s, pair)``."""
    exponentials: Tensor
    """exp(margins - largest), float64, ``(s, pair, c)``."""

    @classmethod
    def of(cls, logits: Tensor, answers: Tensor) -> "Pairs":
        """Computes the exponentials. At least two outputs are required, so that at least one is wrong."""
        x = margins(logits, answers)  # changed in place below, because memory access takes most of the time
        largest = x.detach().amax(-1)
        x -= largest[..., None]
        return cls(logits, answers, largest, x.exp_())

    def first(self, count: int) -> "Pairs":
        """The first ``count`` pairs of each answer."""
        return Pairs(*(x[:, :count] for x in (self.logits, self.answers, self.largest, self.exponentials)))

    def losses(self) -> Tensor:
        """The loss of each pair, ``(s, pair)``."""
        return softplus(self.largest + self.exponentials.sum(-1).log())

    def hits(self) -> Tensor:
        """Whether the right answer has the largest logit of each pair, bool, ``(s, pair)``."""
        hits, tied = self.largest < 0, (self.largest == 0).nonzero(as_tuple=True)
        hits[tied] = pair_hits(margins(self.logits[tied], self.answers[tied]), self.answers[tied])
        return hits

    def losses_without(self, removed: Tensor) -> Tensor:
        """The loss of each pair after subtracting each of R functions of the answer, ``(R, s, pair)``.

        Args:
            removed: The functions that are subtracted from the logits, ``(R, s, c)``.
        """
        right = removed.gather(2, self.answers[None, :, :1].expand(len(removed), -1, 1))
        least = removed.detach().amin(-1, keepdim=True)
        factors = (least - removed).exp_()
        sums = (self.exponentials @ factors.permute(1, 2, 0)).permute(2, 0, 1)
        logs = self.largest + (right - least) + sums.clamp(min=TINY).log()
        vanished = (sums < TINY).nonzero()
        if len(vanished) > 0:
            blocks = torch.split(vanished, block_length(removed.shape[2], logs.device))
            exact = [
                (margins(self.logits[s, pair], self.answers[s, pair]) + right[r, s] - removed[r, s]).logsumexp(-1)
                for r, s, pair in (block.T for block in blocks)
            ]
            logs = logs.index_put(tuple(vanished.T), torch.cat(exact))
        return softplus(logs)
