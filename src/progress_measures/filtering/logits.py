"""Frequencies of the logits: kept or removed."""

from collections.abc import Iterable

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice
from progress_measures.filtering.parts import Terms, part
from progress_measures.operations.checks import check_frequencies, check_logits
from progress_measures.operations.operation import Operation


def restrict(logits: Array, op: Operation, frequencies: Iterable[int], *, terms: Terms = "sum") -> Tensor:
    """The constant and the chosen frequencies of the logits; everything else is dropped.

    An orthogonal projection: restricting twice changes nothing, and ``restrict + exclude`` is x plus its constant.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        frequencies: Distinct members of ``op.frequencies``, in the paper those of the final model.
        terms: What is meant by the part of a frequency; see :mod:`progress_measures.filtering`.

    Returns:
        Restricted logits, float64, shape ``(n, n, n)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits do not have their shape or are not finite, if a frequency is not one of the
            operation's or stands twice, or if there are no such ``terms``.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> torch.allclose(pm.restrict(wave, op, [3]), wave.double(), atol=1e-6)
        True
    """
    x, chosen = _arguments(logits, op, frequencies, terms)
    return x.mean((0, 1)) + part(x, op, chosen, terms)


def exclude(logits: Array, op: Operation, frequencies: Iterable[int], *, terms: Terms = "sum") -> Tensor:
    """The logits without the chosen frequencies; the constant stays.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        frequencies: Distinct members of ``op.frequencies``; all are removed together.
        terms: What is meant by the part of a frequency; see :mod:`progress_measures.filtering`.

    Returns:
        The remaining logits, float64, shape ``(n, n, n)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits do not have their shape or are not finite, if a frequency is not one of the
            operation's or stands twice, or if there are no such ``terms``.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> bool(pm.exclude(wave, op, [3]).abs().max() < 1e-6)
        True
    """
    x, chosen = _arguments(logits, op, frequencies, terms)
    return x - part(x, op, chosen, terms)


def _arguments(logits: object, op: Operation, frequencies: object, terms: object) -> tuple[Tensor, tuple[int, ...]]:
    check_choice(terms, "terms", Terms)
    x = check_logits(logits, op).to(torch.float64)
    return x, check_frequencies(frequencies, op)
