"""The loss with one frequency removed, for all frequencies at once.

Removing frequency k subtracts r_k(s, c) from the logits, which depends on an input only through its answer s. With
margins m to the right answer, the loss of an input is log(1 + Σ exp(m_c + r_k(s, s) - r_k(s, c))) over the wrong
answers c. This sum is a product of exp(m), one row per input, and exp(-r), one column per frequency. So one matrix
product covers all inputs of an answer and all frequencies, and each logit is exponentiated only once. The loss with
nothing removed uses the same exponentials. Where a network was trained on a label that is not the answer s, the label
takes the place of the right answer, and r_k stays that of s.

Both factors are scaled by their largest entry, so that neither overflows. The product underflows to zero if, for every
answer c, one of the two factors is far below its largest entry. Such a sum is computed term by term.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures._blocks import block_length
from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice
from progress_measures.filtering.parts import ANSWER_TERMS, Terms, answer_coefficients, pair_parts, part_evaluator
from progress_measures.losses.kinds import Loss, RowLosses, check_loss, cross_entropies
from progress_measures.losses.pairs import margins, pair_hits, softplus
from progress_measures.operations.checks import check_logits, check_mask
from progress_measures.operations.on_grid import answer_blocks, answer_means, inputs_by_answer
from progress_measures.operations.operation import Operation

TINY = 1e-250  # terms that underflow, below 1e-308, are negligible in sums of at least this size


def excluded_loss_per_frequency(
    logits: Array,
    op: Operation,
    *,
    mask: Array | None = None,
    terms: Terms = "sum",
    loss: Loss = "cross_entropy",
) -> Tensor:
    """The excluded loss of each frequency, removed one at a time.

    Entry i is ``excluded_loss(logits, op, [op.frequencies[i]])``.

    Args:
        logits: Logits on every input, the shape of ``op.table`` and an axis of answers, or ``(N, n)``; for pairs, axes
            ``(a, b, c)``, shape ``(n, n, n)``.
        op: The operation that defines the answers.
        mask: The inputs to average over, bool, the shape of ``op.table`` or ``(N,)``; all if None.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.
        loss: As for :func:`excluded_loss`.

    Returns:
        Mean losses, in nats if they are cross-entropies, float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, the mask is empty,
            ``terms`` is not one of the choices, or ``loss`` does not return one number per row.

    References:
        Nanda et al. (2023), appendix C.1.5.

    Example:
        >>> op = pm.addition(7)
        >>> wave = 9 * torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> [round(loss, 3) for loss in pm.excluded_loss_per_frequency(wave, op).tolist()]
        [0.065, 0.065, 1.946]
    """
    check_choice(terms, "terms", Terms)
    row_losses = check_loss(loss)
    x = check_logits(logits, op)
    chosen, answers = check_mask(mask, op, x.device), op.table.flatten().to(x.device)
    if not op.frequencies:
        return x.new_zeros(0, dtype=torch.float64)
    if terms not in ANSWER_TERMS:
        rows, of_rows = x[chosen].to(torch.float64), answers[chosen]
        without = (rows - removed for removed in pair_parts(x, op, op.frequencies, chosen, terms))
        return torch.stack([row_losses(rest, of_rows).mean() for rest in without])
    parts = part_evaluator(answer_coefficients(answer_means(x, op), op, terms), op)
    return mean_losses_without(x, op, chosen, parts, row_losses)


def mean_losses_without(
    x: Tensor,
    op: Operation,
    mask: Tensor,
    parts: Callable[[Tensor], Tensor],
    row_losses: RowLosses,
    labels: Tensor | None = None,
) -> Tensor:
    """The mean loss over the inputs of a mask after subtracting each of R functions of the answer, ``(R,)``.

    Args:
        x: The logits, ``(N, n)``.
        op: The operation.
        mask: The inputs to average over, ``(N,)``.
        parts: A function from answers, ``(s,)``, to the R functions at these answers, ``(R, s, c)``.
        row_losses: The loss of each row.
        labels: What is compared with the logits, ``(N,)``; the answers if None.
    """
    total: Tensor = torch.zeros((), dtype=torch.float64, device=x.device)
    for answers, inputs, rows in chosen_by_answer(x, op, mask):
        asked, removed = (answers[:, None].expand_as(inputs) if labels is None else labels[inputs]), parts(answers)
        if row_losses is cross_entropies:
            losses = Inputs.of(rows, asked).losses_without(removed, constant=labels is None)
        else:  # one function at a time
            each = [row_losses((rows - of_answers[:, None]).flatten(0, 1), asked.flatten()) for of_answers in removed]
            losses = torch.stack(each).view(len(each), *inputs.shape)
        total = total + (losses * mask[inputs]).sum((1, 2))
    return total / mask.sum()


def chosen_by_answer(x: Tensor, op: Operation, mask: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Blocks of answers, ``(s,)``, their inputs, ``(s, input)``, and rows, ``(s, input, c)``, with all of a mask's.

    Inputs that are not in the mask fill up the answers with fewer than others have.
    """
    groups = inputs_by_answer(op, x.device, mask)
    longest = [int(mask[inputs].sum(1).max()) for _, inputs in groups]
    return answer_blocks(x, [(s, inputs[:, :most]) for (s, inputs), most in zip(groups, longest, strict=True) if most])


def restricted_logits(means: Tensor, parts: Tensor) -> Tensor:
    """Restricted logits at each answer, ``(…, s, c)``.

    Args:
        means: The mean logits of each answer, ``(s, c)``.
        parts: The parts of the means that are kept in addition to the constant, ``(…, s, c)``.
    """
    return means.mean(0) + parts


def inputs_per_answer(op: Operation, mask: Tensor) -> Tensor:
    """The number of inputs of each answer in a mask, float64, ``(s,)``: the weights of a mean over these inputs."""
    return torch.bincount(op.table.flatten().to(mask.device)[mask], minlength=op.n).to(torch.float64)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs of some answers, equally many for each answer, with the exponentials of their margins."""

    logits: Tensor
    """The logits of each input, ``(s, input, c)``."""
    asked: Tensor
    """What each input is asked for, the answer of its row or another label, ``(s, input)``."""
    largest: Tensor
    """The largest margin of each input, ``(s, input)``."""
    exponentials: Tensor
    """exp(margins - largest), float64, ``(s, input, c)``."""

    @classmethod
    def of(cls, logits: Tensor, asked: Tensor) -> "Inputs":
        """Computes the exponentials. At least two outputs are required, so that at least one is wrong."""
        index = asked[..., None]
        wrong = logits.scatter(
            -1, index, -torch.inf
        )  # in the logits' own dtype, as memory access takes most of the time
        top = wrong.detach().amax(-1, keepdim=True).to(torch.float64)
        x = wrong.to(torch.float64, copy=True)
        x -= top
        largest = (top - logits.gather(-1, index).to(torch.float64))[..., 0]
        return cls(logits, asked, largest, x.exp_())

    def first(self, count: int) -> "Inputs":
        """The first ``count`` inputs of each answer."""
        return Inputs(*(x[:, :count] for x in (self.logits, self.asked, self.largest, self.exponentials)))

    def losses(self) -> Tensor:
        """The loss of each input, ``(s, input)``."""
        return softplus(self.largest + self.exponentials.sum(-1).log())

    def hits(self) -> Tensor:
        """Whether what is asked has the largest logit of each input, bool, ``(s, input)``."""
        hits, tied = self.largest < 0, (self.largest == 0).nonzero(as_tuple=True)
        hits[tied] = pair_hits(margins(self.logits[tied], self.asked[tied]), self.asked[tied])
        return hits

    def losses_without(self, removed: Tensor, *, constant: bool) -> Tensor:
        """The loss of each input after subtracting each of R functions of the answer, ``(R, s, input)``.

        Args:
            removed: The functions that are subtracted from the logits, ``(R, s, c)``.
            constant: Whether all inputs of a row are asked for the same.
        """
        asked = self.asked[:, :1] if constant else self.asked
        right = removed.gather(2, asked.expand(len(removed), *asked.shape))
        least = removed.detach().amin(-1, keepdim=True)
        factors = (least - removed).exp_()
        sums = (self.exponentials @ factors.permute(1, 2, 0)).permute(2, 0, 1)
        logs = self.largest + (right - least) + sums.clamp(min=TINY).log()
        vanished = (sums < TINY).nonzero()
        if len(vanished) > 0:
            blocks = torch.split(vanished, block_length(removed.shape[2], logs.device))
            right = right.expand_as(sums)[..., None]
            exact = [
                (margins(self.logits[s, i], self.asked[s, i]) + right[r, s, i] - removed[r, s]).logsumexp(-1)
                for r, s, i in (block.T for block in blocks)
            ]
            logs = logs.index_put(tuple(vanished.T), torch.cat(exact))
        return softplus(logs)
