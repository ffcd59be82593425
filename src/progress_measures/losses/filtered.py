"""Loss of the logits as they are, restricted to chosen frequencies, or without them; accuracy of the logits."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from progress_measures._blocks import row_blocks
from progress_measures._checks.tensors import Array
from progress_measures.filtering.logits import check_filter
from progress_measures.filtering.parts import (
    ANSWER_TERMS,
    Frequencies,
    Terms,
    answer_coefficients,
    part_and_constant,
    sum_of_parts,
)
from progress_measures.losses.by_answer import mean_over_answers, restricted_logits
from progress_measures.losses.empty import warn_if_none
from progress_measures.losses.kinds import Loss, RowLosses, check_loss, cross_entropies
from progress_measures.losses.margins import hits_of, margins
from progress_measures.operations.checks import check_logits, check_mask
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation


def cross_entropy(logits: Array, op: Operation, *, mask: Array | None = None) -> Tensor:
    r"""The mean cross-entropy between the logits and the right answers.

    With the right answer s(x) of each input x in the mask M,

    .. math:: \frac{1}{|M|} \sum_{x \in M} - \log \frac{\exp L(x, s(x))}{\sum_c \exp L(x, c)}

    It is at least 0, and ln n if all logits are equal. Adding a number to all logits of an input does not change it. It
    keeps its relative precision however small it is.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        mask: The inputs to average over, such as the training inputs, bool, the shape of ``op.table`` or ``(N,)``; all
            if None.

    Returns:
        Mean loss in nats, float64, shape ``()``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, or the mask is empty.

    See Also:
        :func:`accuracy`: when only the largest logit matters.
        :func:`measure`: every loss and accuracy of a checkpoint in one call.

    Example:
        >>> op = pm.addition(5)
        >>> confident = 60.0 * torch.nn.functional.one_hot(op.table, 5)
        >>> f"{pm.cross_entropy(confident, op):.4e}"  # 4 exp(-60)
        '3.5026e-26'
    """
    x = check_logits(logits, op)
    return mean_loss(x, _answers(op, x.device), check_mask(mask, op, x.device), cross_entropies)


def accuracy(logits: Array, op: Operation, *, mask: Array | None = None) -> Tensor:
    r"""The share of inputs whose largest logit is that of the right answer.

    .. math:: \frac{1}{|M|} \sum_{x \in M} 1 \big[ \arg\max_c L(x, c) = s(x) \big]

    Among equal logits, the first counts. Applying a strictly increasing function to all logits does not change it.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        mask: The inputs to average over, bool, the shape of ``op.table`` or ``(N,)``; all if None.

    Returns:
        A share in [0, 1], float64, shape ``()``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, or the mask is empty.

    See Also:
        :func:`cross_entropy`: when the network's confidence matters too.
        :func:`normalized_margin`: how far the right logit is above the others.

    Example:
        >>> op = pm.addition(5)
        >>> pm.accuracy(torch.nn.functional.one_hot(op.table, 5), op)
        tensor(1., dtype=torch.float64)
    """
    x = check_logits(logits, op).detach()
    chosen = check_mask(mask, op, x.device)
    rows = chosen_rows(x, _answers(op, x.device), chosen)
    return mean_of_blocks(hits_of(margins(block, answers), answers) for block, answers in rows)


def restricted_loss(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int] | Iterable[tuple[int, ...]],
    *,
    mask: Array | None = None,
    terms: Terms = "sum",
    loss: Loss = "cross_entropy",
) -> Tensor:
    r"""The loss of the logits restricted to the constant and the chosen frequencies.

    With the loss ℓ of one input, the constant of the logits and the part P_k of each frequency k in R, see
    :func:`restrict`,

    .. math:: \frac{1}{|M|} \sum_{x \in M} \ell \big( L_R(x), s(x) \big), \quad
              L_R(x, c) = \bar L(c) + \sum_{k \in R} P_k(x, c)

    It falls while a network builds its circuit, long before the test loss falls below chance. For the cross-entropy it
    equals ``cross_entropy(restrict(logits, op, frequencies), op, mask=mask)``. The paper averages it over all inputs.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``, or tuples, as for :func:`restrict`. The paper uses the key
            frequencies of the final model.
        mask: The inputs to average over, bool, the shape of ``op.table`` or ``(N,)``; all if None. The restriction
            itself always uses all inputs.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.
        loss: The loss ℓ of one input: ``"cross_entropy"``; ``"mse"``, the mean over the answers of the squared
            difference between the logits and 1 for the right answer, 0 for the others; or a function of logits,
            float64, ``(rows, n)``, and answers, int64, ``(rows,)``, that returns the loss of each row, ``(rows,)``.

    Returns:
        Mean loss, in nats if it is the cross-entropy, float64, shape ``()``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: As for :func:`restrict` and :func:`cross_entropy`, or if ``loss`` does not return one number per
            row.

    See Also:
        :func:`excluded_loss`: whether the network answers without the frequencies.
        :func:`shuffled_label_control`: whether the restricted loss is lower than chance would make it.
        :func:`measure`: every loss and accuracy of a checkpoint in one call.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> bool(torch.isclose(pm.restricted_loss(wave, op, [3]), pm.cross_entropy(wave, op)))
        True
    """
    x, chosen, row_losses = _filtered(logits, op, frequencies, terms, loss)
    mask = check_mask(mask, op, x.device)
    if not chosen:
        warn_if_none(chosen, answer_means(x, op), op, logits=x, stacklevel=2)
    if terms not in ANSWER_TERMS or isinstance(chosen, list):
        kept, constant = part_and_constant(x, op, chosen, terms)
        return mean_loss(constant + kept, _answers(op, x.device), mask, row_losses)
    means = answer_means(x, op)
    kept = sum_of_parts(answer_coefficients(means, op, terms), op, chosen)
    return mean_over_answers(restricted_logits(means, kept), op, mask, row_losses)


def excluded_loss(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int] | Iterable[tuple[int, ...]],
    *,
    mask: Array | None = None,
    terms: Terms = "sum",
    loss: Loss = "cross_entropy",
) -> Tensor:
    r"""The loss of the logits without the chosen frequencies, all removed together.

    With the loss ℓ of one input and the part P_k of each chosen frequency k in R, see :func:`restrict`,

    .. math:: \frac{1}{|M|} \sum_{x \in M} \ell \big( L_E(x), s(x) \big), \quad
              L_E(x, c) = L(x, c) - \sum_{k \in R} P_k(x, c)

    It rises as a network comes to rely on the circuit instead of memory. Adding any multiple of P_k to the logits does
    not change it. The paper averages it over the training inputs.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``, or tuples, as for :func:`restrict`. The paper uses the key
            frequencies of the final model.
        mask: The inputs to average over, such as the training inputs, bool, the shape of ``op.table`` or ``(N,)``; all
            if None. The removed parts are always computed from all inputs.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.
        loss: The loss ℓ of one input, as for :func:`restricted_loss`.

    Returns:
        Mean loss, in nats if it is the cross-entropy, float64, shape ``()``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: As for :func:`exclude` and :func:`cross_entropy`, or if ``loss`` does not return one number per row.

    See Also:
        :func:`excluded_loss_per_frequency`: which single frequency the network relies on.
        :func:`restricted_loss`: whether the frequencies suffice.
        :func:`random_frequency_control`: whether other frequencies would do the same.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> pm.excluded_loss(wave, op, [3])  # nothing is left: ln 7
        tensor(1.9459, dtype=torch.float64)
    """
    x, chosen, row_losses = _filtered(logits, op, frequencies, terms, loss)
    mask, answers = check_mask(mask, op, x.device), _answers(op, x.device)
    if not chosen:
        warn_if_none(chosen, answer_means(x, op), op, logits=x, stacklevel=2)
    if terms not in ANSWER_TERMS or isinstance(chosen, list):
        return mean_loss(x - part_and_constant(x, op, chosen, terms)[0], answers, mask, row_losses)
    removed = sum_of_parts(answer_coefficients(answer_means(x, op), op, terms), op, chosen)
    return mean_loss(x, answers, mask, row_losses, removed)


def _filtered(
    logits: Array, op: Operation, frequencies: object, terms: Terms, loss: Loss
) -> tuple[Tensor, Frequencies, RowLosses]:
    row_losses = check_loss(loss)
    return *check_filter(logits, op, frequencies, terms), row_losses


def mean_loss(x: Tensor, answers: Tensor, mask: Tensor, row_losses: RowLosses, removed: Tensor | None = None) -> Tensor:
    """The mean loss of the rows of a mask, ``(N,)``, minus ``removed``, a function of the answer, ``(s, c)``."""
    losses = (row_losses(rows, of_rows) for rows, of_rows in chosen_rows(x, answers, mask, removed))
    return mean_of_blocks(losses)


def chosen_rows(
    x: Tensor, answers: Tensor, mask: Tensor, removed: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of a mask, ``(N,)``, minus ``removed``, ``(s, c)``, and their answers, block by block."""
    for index, rows in row_blocks(x, mask.nonzero()[:, 0]):
        of_rows = answers[index]
        yield rows if removed is None else rows - removed[of_rows], of_rows


def mean_of_blocks(blocks: Iterable[Tensor]) -> Tensor:
    """The mean over the values of all blocks."""
    total, count = torch.zeros((), dtype=torch.float64, device="cpu"), 0
    for block in blocks:
        total, count = total.to(block.device) + block.sum(), count + len(block)
    return total / count


def _answers(op: Operation, device: torch.device) -> Tensor:
    return op.table.flatten().to(device)
