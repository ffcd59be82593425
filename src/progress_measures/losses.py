"""Cross-entropy and accuracy on the grid, of the logits as they are, restricted, or with frequencies excluded.

All losses are float64, in nats, means over the chosen pairs, and written in margins to the right answer: a pair's loss
is log(1 + Σ exp(L_c - L_s)) over the wrong answers c, so that a confident model's 1e-26 does not vanish beside 1.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from progress_measures import _checks
from progress_measures.filtering import Terms, exclude, parts, restrict
from progress_measures.operations import Operation


def cross_entropy(logits: Tensor, op: Operation, *, mask: Tensor | None = None) -> Tensor:
    r"""The mean cross-entropy of the right answers.

    .. math:: -\frac{1}{|M|} \sum_{(a, b) \in M} \log \frac{\exp L(a, b, a \circ b)}{\sum_c \exp L(a, b, c)}

    It does not change when a number is added to all logits of a pair, and is ln n when all logits are equal. Relative
    precision is kept however small the loss is.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        mask: The pairs to average over, bool, shape ``(n, n)``, e.g. the training pairs; all if None.

    Returns:
        Mean loss in nats, float64, shape ``()``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask do not have their shape, the logits are not finite, or the mask is empty.

    Example:
        >>> op = pm.addition(5)
        >>> confident = 60.0 * torch.nn.functional.one_hot(op.table, 5)
        >>> f"{pm.cross_entropy(confident, op):.4e}"  # 4 exp(-60)
        '3.5026e-26'
    """
    x = _checks.logits_on_grid(logits, op)
    chosen = _checks.mask(mask, op.n, x.device)
    return pair_losses(x[chosen], op.table.to(x.device)[chosen]).mean()


def accuracy(logits: Tensor, op: Operation, *, mask: Tensor | None = None) -> Tensor:
    """The share of pairs whose largest logit is the right answer's.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None.

    Returns:
        A share in [0, 1], float64, shape ``()``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask do not have their shape, the logits are not finite, or the mask is empty.

    Example:
        >>> op = pm.addition(5)
        >>> pm.accuracy(torch.nn.functional.one_hot(op.table, 5), op)
        tensor(1., dtype=torch.float64)
    """
    x = _checks.logits_on_grid(logits, op)
    chosen = _checks.mask(mask, op.n, x.device)
    return pair_hits(x[chosen], op.table.to(x.device)[chosen]).mean()


def restricted_loss(
    logits: Tensor,
    op: Operation,
    frequencies: Iterable[int],
    *,
    mask: Tensor | None = None,
    terms: Terms = "sum",
) -> Tensor:
    """The loss of the logits restricted to the constant and the chosen frequencies.

    It falls while a network builds the circuit, long before its test loss does. The paper takes it over all pairs.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        frequencies: Distinct members of ``op.frequencies``, in the paper the key frequencies of the final model.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None. All pairs are restricted in any case.
        terms: What is meant by the part of a frequency; see ``progress_measures.filtering``.

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
    return cross_entropy(restrict(logits, op, frequencies, terms=terms), op, mask=mask)


def excluded_loss(
    logits: Tensor,
    op: Operation,
    frequencies: Iterable[int],
    *,
    mask: Tensor | None = None,
    terms: Terms = "sum",
) -> Tensor:
    """The loss of the logits with all of the chosen frequencies removed together.

    It rises as a network comes to rely on the circuit instead of memory. The paper takes it over the training pairs.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        frequencies: Distinct members of ``op.frequencies``, in the paper the key frequencies of the final model.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None. What is removed is measured on all pairs.
        terms: What is meant by the part of a frequency; see ``progress_measures.filtering``.

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
    return cross_entropy(exclude(logits, op, frequencies, terms=terms), op, mask=mask)


def excluded_loss_per_frequency(
    logits: Tensor, op: Operation, *, mask: Tensor | None = None, terms: Terms = "sum"
) -> Tensor:
    """The excluded loss of each frequency, one removed at a time.

    Entry i is ``excluded_loss(logits, op, [op.frequencies[i]])``.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        mask: The pairs to average over, bool, shape ``(n, n)``; all if None.
        terms: What is meant by the part of a frequency; see ``progress_measures.filtering``.

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
    _checks.choice(terms, "terms", Terms)
    x = _checks.logits_on_grid(logits, op)
    chosen = _checks.mask(mask, op.n, x.device)
    rows, answers = x[chosen], op.table.to(x.device)[chosen]
    losses = [pair_losses(rows - removed, answers).mean() for removed in parts(x, op, op.frequencies, chosen, terms)]
    return torch.stack(losses) if losses else x.new_zeros(0)


# ---------------------------------------------------------------------------------------------------------------------
# One pair at a time, from checked float64 logits with answers in the last axis


def pair_losses(logits: Tensor, answers: Tensor) -> Tensor:
    """The cross-entropy of each pair in nats, from logits of shape ``(…, n)`` and answers of shape ``(…)``."""
    right = answers[..., None]
    margins = logits - logits.gather(-1, right)
    wrong = margins.scatter(-1, right, -torch.inf)
    # log(1 + Σ exp): as logaddexp with zero it neither overflows above nor loses digits below.
    total = wrong.logsumexp(-1)
    return torch.logaddexp(torch.zeros_like(total), total)


def pair_hits(logits: Tensor, answers: Tensor) -> Tensor:
    """1 for each pair whose largest logit is the right answer's, else 0, float64."""
    return (logits.argmax(-1) == answers).to(torch.float64)
