"""The loss with one frequency removed, for all frequencies at once.

Removing frequency k subtracts r_k(s, c) from the logits, which depends on an input only through its answer s. With
margins m to the right answer, the loss of an input is log(1 + Σ exp(m_c + r_k(s, s) - r_k(s, c))) over the wrong
answers c. This sum is a product of exp(m), one row per input, and exp(-r), one column per frequency. So one matrix
product covers all inputs of an answer and all frequencies, and each logit is exponentiated only once. The loss with
nothing removed uses the same exponentials. Where a network was trained on a label other than the answer s, the label
takes the place of the right answer, and r_k remains a function of s.

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
from progress_measures.losses.margins import softplus
from progress_measures.operations.checks import check_logits, check_mask
from progress_measures.operations.on_grid import Group, answer_blocks, answer_means, inputs_by_answer
from progress_measures.operations.operation import Operation

TINY = 1e-200  # terms that underflow, below 1e-308, are negligible in sums of at least this size
MODERATE = 200.0  # the exponential of a margin of this size times TINY neither underflows nor overflows


def excluded_loss_per_frequency(
    logits: Array,
    op: Operation,
    *,
    mask: Array | None = None,
    terms: Terms = "sum",
    loss: Loss = "cross_entropy",
) -> Tensor:
    r"""The excluded loss of each frequency, removed one at a time.

    With the loss ℓ of one input and the part P_k of frequency k, see :func:`restrict`,

    .. math:: E_k = \frac{1}{|M|} \sum_{x \in M} \ell \big( L(x) - P_k(x), s(x) \big)

    Entry i equals ``excluded_loss(logits, op, [op.frequencies[i]])``, at a fraction of the cost.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        mask: The inputs to average over, bool, the shape of ``op.table`` or ``(N,)``; all if None.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.
        loss: The loss ℓ of one input, as for :func:`restricted_loss`.

    Returns:
        Mean losses, in nats if they are cross-entropies, float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, the mask is empty,
            ``terms`` is not one of the choices, or ``loss`` does not return one number per row.

    See Also:
        :func:`excluded_loss`: all chosen frequencies removed together.

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
        labels: The right answer, or the label, of each input, ``(N,)``; the answers if None.
    """
    total: Tensor = torch.zeros((), dtype=torch.float64, device=x.device)
    for group, rows in chosen_by_answer(x, op, mask):
        of_rows, chosen = group.answers[:, None].expand_as(group.inputs), group.only(mask)
        asked, removed = of_rows if labels is None else labels[group.inputs], parts(group.answers)
        if row_losses is cross_entropies:
            losses = Inputs.of(rows, asked).losses_without(removed, constant=labels is None)
            total = total + sums_over(losses, chosen)
        else:  # one function at a time, and only the chosen inputs, because other losses may be infinite
            place = torch.arange(len(rows), device=x.device)[:, None].expand_as(asked)[chosen]
            of_chosen, asked = rows[chosen], asked[chosen]
            each = [row_losses(of_chosen - of_answers[place], asked).sum() for of_answers in removed]
            total = total + torch.stack(each)
    return total / mask.sum()


def mean_over_answers(table: Tensor, op: Operation, mask: Tensor, row_losses: RowLosses) -> Tensor:
    """The mean loss over the inputs of a mask, for logits that depend only on the answer, ``(s, c)``."""
    counts = inputs_per_answer(op, mask)
    there = counts.nonzero()[:, 0]  # leaves out the others, whose losses may be infinite
    return (row_losses(table[there], there) * counts[there]).sum() / counts.sum()


def sums_over(losses: Tensor, chosen: Tensor) -> Tensor:
    """The sums over the chosen inputs, ``(R,)``, of losses, ``(s, input, R)``."""
    return chosen.flatten().to(torch.float64) @ losses.flatten(0, 1)


def chosen_by_answer(x: Tensor, op: Operation, mask: Tensor) -> Iterator[tuple[Group, Tensor]]:
    """Groups of answers in blocks, with all inputs of a mask, and their rows, ``(s, input, c)``.

    Answers with fewer inputs in the mask are padded with inputs outside of it.
    """
    groups = []
    for group in inputs_by_answer(op, x.device, mask):
        most = int(group.only(mask).sum(1).max())
        if most > 0:
            valid = None if group.valid is None else group.valid[:, :most]
            groups.append(Group(group.answers, group.inputs[:, :most], valid))
    return answer_blocks(x, groups)


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

    wrong: Tensor
    """The logits of each input, with -inf at the one in ``right``, ``(s, input, c)``."""
    right: Tensor
    """The logit of the answer in ``asked``, float64, ``(s, input)``."""
    asked: Tensor
    """The right answer of each input, or its label, ``(s, input)``."""
    top: Tensor
    """The largest wrong logit, float64, ``(s, input)``."""
    exponentials: Tensor
    """exp(wrong - top), float64, ``(s, input, c)``."""

    @classmethod
    def of(cls, logits: Tensor, asked: Tensor) -> "Inputs":
        """From logits, ``(s, input, c)``, which may be changed in place. There must be at least two answers."""
        index = asked[..., None]
        right = logits.gather(-1, index)[..., 0].to(torch.float64)
        # In the logits' own dtype, and in place, because memory access takes most of the time.
        wrong = (logits.clone() if logits.requires_grad else logits).scatter_(-1, index, -torch.inf)
        top = wrong.detach().amax(-1).to(torch.float64)
        x = wrong.to(torch.float64, copy=True)
        x -= top[..., None]
        return cls(wrong, right, asked, top, x.exp_())

    def first(self, count: int) -> "Inputs":
        """The first ``count`` inputs of each answer."""
        return Inputs(*(x[:, :count] for x in (self.wrong, self.right, self.asked, self.top, self.exponentials)))

    def losses(self) -> Tensor:
        """The loss of each input, ``(s, input)``."""
        return softplus(self.top - self.right + self.exponentials.sum(-1).log())

    def hits(self) -> Tensor:
        """Whether the largest logit of each input is that of ``asked``, bool, ``(s, input)``."""
        return _largest(self.top - self.right.detach(), self.wrong, self.right, self.asked)

    def hits_without(self, removed: Tensor) -> Tensor:
        """The same after subtracting a function of the answer, ``(s, c)``."""
        rest = self.wrong.detach().to(torch.float64, copy=True).sub_(removed.detach()[:, None])
        right = self.right.detach() - removed.detach().gather(1, self.asked)
        return _largest(rest.amax(-1) - right, rest, right, self.asked)

    def losses_without(self, removed: Tensor, *, constant: bool) -> Tensor:
        """The loss of each input after subtracting each of R functions of the answer, ``(s, input, R)``.

        Args:
            removed: The functions that are subtracted from the logits, ``(R, s, c)``.
            constant: Whether all inputs of a row have the same entry in ``asked``.
        """
        asked = self.asked[:, :1] if constant else self.asked
        least = removed.detach().amin(-1, keepdim=True)
        # How far the right logit rises above the others, at most: (s, 1 or input, R)
        rise = (removed.gather(2, asked.expand(len(removed), *asked.shape)) - least).permute(1, 2, 0)
        sums = self.exponentials @ (least - removed).exp_().permute(1, 2, 0)
        largest = (self.top - self.right)[..., None]
        if float(sums.detach().amin()) < TINY or max(_size(largest), _size(rise)) > MODERATE:
            return softplus(self._logs_without(removed, rise, sums, largest))
        return (sums * largest.exp() * rise.exp()).log1p()

    def _logs_without(self, removed: Tensor, rise: Tensor, sums: Tensor, largest: Tensor) -> Tensor:
        """The logarithms of the sums, rescaled so that neither very small nor very large ones are lost."""
        logs = largest + rise + sums.clamp(min=TINY).log()
        vanished = (sums < TINY).nonzero()
        if len(vanished) > 0:
            right = (rise + removed.detach().amin(-1).T[:, None]).expand_as(sums)
            blocks = torch.split(vanished, block_length(removed.shape[2], logs.device))
            exact = [
                (self.wrong[s, i] - self.right[s, i, None] + right[s, i, r, None] - removed[r, s]).logsumexp(-1)
                for s, i, r in (block.T for block in blocks)
            ]
            logs = logs.index_put(tuple(vanished.T), torch.cat(exact))
        return logs


def _size(x: Tensor) -> float:
    return float(x.detach().abs().amax())


def _largest(margin: Tensor, wrong: Tensor, right: Tensor, asked: Tensor) -> Tensor:
    """Whether the largest margin of a wrong answer is below 0; among equal logits, the first counts."""
    hits, tied = margin < 0, (margin == 0).nonzero(as_tuple=True)
    if len(tied[0]) > 0:
        equal = wrong[tied].to(torch.float64) == right[tied][:, None]
        hits[tied] = asked[tied] < equal.int().argmax(-1)
    return hits
