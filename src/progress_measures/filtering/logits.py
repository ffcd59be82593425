"""Chosen frequencies of the logits, kept alone or removed."""

from collections.abc import Iterable

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice
from progress_measures.filtering.parts import Terms, part
from progress_measures.operations.checks import check_frequencies, check_logits
from progress_measures.operations.operation import Operation


def restrict(logits: Array, op: Operation, frequencies: Iterable[int], *, terms: Terms = "sum") -> Tensor:
    """The constant and the chosen frequencies of the logits, without everything else.

    This is an orthogonal projection: restricting twice changes nothing. ``restrict + exclude`` is the logits plus their
    constant.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``; the paper uses the key frequencies of the final model.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.

    Returns:
        Restricted logits, float64, shape ``(n, n, n)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits have the wrong shape or are not finite, if a frequency is not one of the operation's
            or is repeated, or if ``terms`` is not one of the choices.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> torch.allclose(pm.restrict(wave, op, [3]), wave.double(), atol=1e-6)
        True
    """
    x, chosen = _check_inputs(logits, op, frequencies, terms)
    return x.mean((0, 1)) + part(x, op, chosen, terms)


def exclude(logits: Array, op: Operation, frequencies: Iterable[int], *, terms: Terms = "sum") -> Tensor:
    """The logits without the chosen frequencies.

    The constant stays.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``; all are removed together.
        terms: The meaning of "the part of a frequency"; see :mod:`progress_measures.filtering`.

    Returns:
        The remaining logits, float64, shape ``(n, n, n)``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits have the wrong shape or are not finite, if a frequency is not one of the operation's
            or is repeated, or if ``terms`` is not one of the choices.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> bool(pm.exclude(wave, op, [3]).abs().max() < 1e-6)
        True
    """
    x, chosen = _check_inputs(logits, op, frequencies, terms)
    return x - part(x, op, chosen, terms)


def _check_inputs(logits: object, op: Operation, frequencies: object, terms: object) -> tuple[Tensor, tuple[int, ...]]:
    check_choice(terms, "terms", Terms)
    x = check_logits(logits, op).to(torch.float64)
    return x, check_frequencies(frequencies, op)
