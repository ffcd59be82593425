"""The losses without each frequency by itself, for all frequencies at once.

Removing a frequency takes r_k(s, c) off the logits, which depends on the pair through its answer s alone. With margins
m to the right answer, the loss of a pair is log(1 + Σ exp(m_c + r_k(s, s) - r_k(s, c))) over the wrong answers c. The
sum is a product of exp(m), one row per pair, and exp(-r), one column per frequency: all pairs of an answer and all
frequencies are one matrix product, and each logit is exponentiated once, for the loss as it is as well.

Both factors are scaled by their largest entry, so that neither overflows. Where the largest margin and the largest
change belong to different answers, and every answer is far below one of them, the product vanishes; that sum is taken
term by term.
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

TINY = 1e-250  # beside it, what a sum leaves out because it is below 1e-308 is nothing


def excluded_loss_per_frequency(
    logits: Array, op: Operation, *, mask: Array | None = None, terms: Terms = "sum"
) -> Tensor:
    """The excluded loss of each frequency, one removed at a time.

    Entry i is ``excluded_loss(logits, op, [op.frequencies[i]])``.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None.
        terms: What is meant by the part of a frequency; see :mod:`progress_measures.filtering`.

    Returns:
        Mean losses in nats, float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask do not have their shape, the logits are not finite, the mask is empty, or
            there are no such ``terms``.

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
    pairs, widest = pairs_by_answer(op, mask)
    of_pair, counts = op.table.to(x.device).flatten(), mask.flatten()
    total = x.new_zeros(len(op.frequencies))
    for block, rows in row_blocks(x.flatten(0, 1), pairs[:, :widest]):
        answers = of_pair[block]
        losses = Pairs.of(rows, answers).losses_without(parts(answers[:, 0]))
        total = total + (losses * counts[block]).sum((1, 2))
    return total / counts.sum()


def pairs_by_answer(op: Operation, mask: Tensor) -> tuple[Tensor, int]:
    """The pairs of each answer, those of the mask first.

    Returns:
        Rows of the flattened grid, ``(s, n)``, and the largest number of pairs of the mask that an answer has.
    """
    other = (~mask).flatten()
    pairs = (2 * op.table.to(mask.device).flatten() + other).argsort().view(op.n, op.n)
    return pairs, op.n - int(other[pairs].sum(1).min())


def restricted_margins(means: Tensor, parts: Tensor) -> Tensor:
    """The margins of restricted logits at each answer, ``(…, s, c)``.

    Args:
        means: The mean logits of each answer, ``(s, c)``.
        parts: What is kept of them besides the constant, ``(…, s, c)``.
    """
    restricted = means.mean(0) + parts
    return margins(restricted, torch.arange(len(means), device=means.device).expand(restricted.shape[:-1]))


def pairs_per_answer(op: Operation, mask: Tensor) -> Tensor:
    """How many pairs of a mask each answer has, float64, ``(s,)``: the weights of means over these pairs."""
    return torch.bincount(op.table.to(mask.device)[mask], minlength=op.n).to(torch.float64)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Equally many pairs of some answers, and the exponentials of their margins, which are taken once."""

    logits: Tensor
    """``(s, pair, c)``."""
    answers: Tensor
    """s, as often as there are pairs, ``(s, pair)``."""
    largest: Tensor
    """The largest margin of each pair, ``(s, pair)``."""
    exponentials: Tensor
    """exp(margins - largest), float64, ``(s, pair, c)``."""

    @classmethod
    def of(cls, logits: Tensor, answers: Tensor) -> "Pairs":
        """Takes the exponentials; there have to be two answers, so that one is wrong."""
        x = margins(logits, answers)  # and from here on in its place: most of the time is that of fetching memory
        largest = x.detach().amax(-1)
        x -= largest[..., None]
        return cls(logits, answers, largest, x.exp_())

    def first(self, count: int) -> "Pairs":
        """The first pairs of each answer."""
        return Pairs(*(x[:, :count] for x in (self.logits, self.answers, self.largest, self.exponentials)))

    def losses(self) -> Tensor:
        """The loss of each pair, ``(s, pair)``."""
        return softplus(self.largest + self.exponentials.sum(-1).log())

    def hits(self) -> Tensor:
        """Whether each pair's largest logit is the right answer's, bool, ``(s, pair)``."""
        hits, tied = self.largest < 0, (self.largest == 0).nonzero(as_tuple=True)
        hits[tied] = pair_hits(margins(self.logits[tied], self.answers[tied]), self.answers[tied])
        return hits

    def losses_without(self, removed: Tensor) -> Tensor:
        """The loss of each pair without each function of the answer, ``(R, s, c)``: shape ``(R, s, pair)``."""
        right = removed.gather(2, self.answers[None, :, :1].expand(len(removed), -1, 1))
        least = removed.detach().amin(-1, keepdim=True)
        factors = (least - removed).exp_()
        sums = (self.exponentials @ factors.permute(1, 2, 0)).permute(2, 0, 1)
        logs = self.largest + (right - least) + sums.clamp(min=TINY).log()
        vanished = (sums < TINY).nonzero()
        if len(vanished) > 0:
            at_once = torch.split(vanished, block_length(removed.shape[2], logs.device))
            exact = [
                (margins(self.logits[s, pair], self.answers[s, pair]) + right[r, s] - removed[r, s]).logsumexp(-1)
                for r, s, pair in (some.T for some in at_once)
            ]
            logs = logs.index_put(tuple(vanished.T), torch.cat(exact))
        return softplus(logs)
