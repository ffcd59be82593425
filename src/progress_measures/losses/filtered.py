"""Loss of the logits as they are, restricted to chosen frequencies, or without them; accuracy of the logits."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from progress_measures._blocks import row_blocks
from progress_measures._checks.tensors import Array
from progress_measures.filtering.logits import exclude, restrict
from progress_measures.filtering.parts import ANSWER_TERMS, Terms, answer_coefficients, sum_of_parts
from progress_measures.losses.by_answer import restricted_margins
from progress_measures.losses.pairs import margins, pair_hits, pair_losses
from progress_measures.operations.checks import check_frequencies, check_logits, check_mask
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation


def cross_entropy(logits: Array, op: Operation, *, mask: Array | None = None) -> Tensor:
    r"""The mean cross-entropy between the logits and the right answers.

    .. math:: -\frac{1}{|M|} \sum_{(a, b) \in M} \log \frac{\exp L(a, b, a \circ b)}{\sum_c \exp L(a, b, c)}

    Adding a number to all logits of a pair does not change it, and it is ln n if all logits are equal. It keeps its
    relative precision however small it is.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        mask: The pairs to average over, bool, shape ``(n, n)``, e.g. the training pairs; all if None.

    Returns:
        Mean loss in nats, float64, shape ``()``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, or the mask is empty.

    Example:
        >>> op = pm.addition(5)
        >>> confident = 60.0 * torch.nn.functional.one_hot(op.table, 5)
        >>> f"{pm.cross_entropy(confident, op):.4e}"  # 4 exp(-60)
        '3.5026e-26'
    """
    return _mean_loss(check_logits(logits, op), op, mask)


def accuracy(logits: Array, op: Operation, *, mask: Array | None = None) -> Tensor:
    """The share of pairs whose largest logit belongs to the right answer; among equal logits, the first counts.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None.

    Returns:
        A share in [0, 1], float64, shape ``()``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, or the mask is empty.

    Example:
        >>> op = pm.addition(5)
        >>> pm.accuracy(torch.nn.functional.one_hot(op.table, 5), op)
        tensor(1., dtype=torch.float64)
    """
    x = check_logits(logits, op).detach()
    chosen = check_mask(mask, op, x.device)
    return _mean(pair_hits(block, answers) for block, answers in _margins(x, op, chosen))


def restricted_loss(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int],
    *,
    mask: Array | None = None,
    terms: Terms = "sum",
) -> Tensor:
    """The loss of the logits restricted to the constant and the chosen frequencies.

    It falls while a network builds the circuit, long before the test loss falls below chance. The paper averages it
    over all pairs.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``; the paper uses the key frequencies of the final model.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None. The restriction uses all pairs.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.

    Returns:
        Mean loss in nats, float64, shape ``()``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: As for :func:`restrict` and :func:`cross_entropy`.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> bool(torch.isclose(pm.restricted_loss(wave, op, [3]), pm.cross_entropy(wave, op)))
        True
    """
    if terms not in ANSWER_TERMS:
        return _mean_loss(restrict(logits, op, frequencies, terms=terms), op, mask)
    x = check_logits(logits, op)
    means = answer_means(x, op)
    losses = pair_losses(restricted_margins(means, _sum_of_parts(means, op, frequencies, terms)))
    return losses[op.table.to(x.device)[check_mask(mask, op, x.device)]].mean()


def excluded_loss(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int],
    *,
    mask: Array | None = None,
    terms: Terms = "sum",
) -> Tensor:
    """The loss of the logits without the chosen frequencies, all removed together.

    It rises as a network comes to rely on the circuit instead of memory. The paper averages it over the training pairs.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``; the paper uses the key frequencies of the final model.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None. The removed part uses all pairs.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.

    Returns:
        Mean loss in nats, float64, shape ``()``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: As for :func:`exclude` and :func:`cross_entropy`.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> pm.excluded_loss(wave, op, [3])  # nothing is left: ln 7
        tensor(1.9459, dtype=torch.float64)
    """
    if terms not in ANSWER_TERMS:
        return _mean_loss(exclude(logits, op, frequencies, terms=terms), op, mask)
    x = check_logits(logits, op)
    removed = _sum_of_parts(answer_means(x, op), op, frequencies, terms)
    return _mean_loss(x, op, mask, removed)


def _sum_of_parts(means: Tensor, op: Operation, frequencies: object, terms: Terms) -> Tensor:
    return sum_of_parts(answer_coefficients(means, op, terms), op, check_frequencies(frequencies, op))


def _mean_loss(x: Tensor, op: Operation, mask: object, removed: Tensor | None = None) -> Tensor:
    """The mean cross-entropy over the pairs of the mask, after ``removed``, ``(s, c)``, is subtracted."""
    return _mean(pair_losses(block) for block, _ in _margins(x, op, check_mask(mask, op, x.device), removed))


def _margins(x: Tensor, op: Operation, mask: Tensor, removed: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """The margins and the answers of the pairs of the mask, block by block, after ``removed`` is subtracted."""
    answer_of_pair = op.table.to(x.device).flatten()
    for pairs, rows in row_blocks(x.flatten(0, 1), mask.flatten().nonzero()[:, 0]):
        answers = answer_of_pair[pairs]
        yield margins(rows if removed is None else rows - removed[answers], answers), answers


def _mean(blocks: Iterable[Tensor]) -> Tensor:
    """The mean over all blocks together."""
    total, count = torch.zeros((), dtype=torch.float64, device="cpu"), 0
    for block in blocks:
        total, count = total.to(block.device) + block.sum(), count + len(block)
    return total / count
