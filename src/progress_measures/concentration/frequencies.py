"""How strongly weights are concentrated on few frequencies, and whether as cosines, sines or both."""

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_fraction, check_number
from progress_measures._scaling import one_where_zero, scale_of
from progress_measures.fourier import change_basis, sum_rows
from progress_measures.operations.checks import check_columns, check_cyclic, check_over_elements
from progress_measures.operations.operation import Operation


def inverse_participation_ratio(x: Array, op: Operation, dim: int = 0, *, exponent: float = 2.0) -> Tensor:
    r"""How strongly weights are concentrated on one frequency, along an axis over the operation's elements.

    With the norms :math:`\hat u_k` of the coefficients in each frequency, including the constant, k = 0,

    .. math:: \mathrm{IPR} = \Big( \frac{\lVert \hat u \rVert_{2r}}{\lVert \hat u \rVert_2} \Big)^{2r}
              = \sum_k \Big( \frac{\hat u_k^2}{\sum_j \hat u_j^2} \Big)^r

    It is 1 for a pure wave of any phase. It is also 1 for a constant: subtract the mean first if that should not count.
    It is :math:`m^{1-r}` if m frequencies have equal norms and the others zero, so at least 1 / (1 + K) for r = 2, and
    0 if all weights are zero. Scaling the weights or shifting their elements cyclically does not change it.

    Args:
        x: Weights with one entry per element along ``dim``. For an embedding ``(n, m)``, each of the m columns has its
            own ratio.
        op: The operation whose basis is used.
        dim: The axis over the elements.
        exponent: The r of the definition, above 1.

    Returns:
        Ratios in [0, 1], float64, the shape of ``x`` without ``dim``; differentiable.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex, or ``exponent`` is not a number.
        ValueError: If ``x`` does not have n entries along ``dim``, or is not finite, or ``exponent`` is not above 1.

    See Also:
        :func:`gini`: how few frequencies matter to the whole matrix.
        :func:`fourier_frequency_density`: a count of the frequencies above a threshold.

    References:
        Gromov (2023), "Grokking modular arithmetic"; Doshi et al. (2023), "To grok or not to grok", whose code this
        follows in counting the cosine and the sine of a frequency together. Differs from that code in taking
        orthonormal coefficients, so that the constant, and n/2 for even n, weigh as much as any other wave.

    Example:
        >>> wave = torch.cos(2 * torch.pi / 7 * torch.arange(7))
        >>> weights = torch.stack([wave, torch.eye(7)[0], torch.zeros(7)], dim=1)
        >>> pm.concentration.inverse_participation_ratio(weights, pm.addition(7))
        tensor([1.0000, 0.2653, 0.0000], dtype=torch.float64)
    """
    x, axis = check_over_elements(x, op, dim)
    exponent = check_number(exponent, "exponent", above=1)
    values = x.to(torch.float64)
    coefficients = change_basis(values / scale_of(values, axis), op.basis.to(x.device), axis)
    power = sum_rows(coefficients.square(), op.row_frequency, axis)
    total = power.sum(axis, keepdim=True)
    return (power / one_where_zero(total)).pow(exponent).sum(axis)


def fourier_frequency_density(x: Array, op: Operation, dim: int = 0, *, threshold: float = 0.5) -> Tensor:
    r"""The share of cosines and sines whose norm is above a fraction of the largest norm of their kind.

    With the norms :math:`\mu_k` and :math:`\nu_k` of the cosine and sine coefficients, over all other axes,

    .. math:: \mathrm{FFD} = \frac{1}{n - 1} \sum_k \big( 1[\mu_k > \eta \max_j \mu_j]
              + 1[\nu_k > \eta \max_j \nu_j] \big)

    It falls as a network drops frequencies. It is 1 if all frequencies have the same norms, and 2m / (n - 1) if m of
    them have the same norms and the others zero. Norms that are zero, to the rounding of the weights' dtype, never
    count. Scaling the weights or rotating the other axes does not change it.

    Args:
        x: Weights with one entry per element along ``dim``, such as the embedding W_E.
        op: A cyclic operation, because only its basis consists of cosines and sines.
        dim: The axis over the elements.
        threshold: The fraction η, at least 0 and below 1.

    Returns:
        The density in [0, 1], float64, shape ``()``; piecewise constant, so without a gradient.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex, or ``threshold`` is not a number.
        ValueError: If ``x`` does not have n entries along ``dim``, or is not finite; if ``op`` is not cyclic or
            ``threshold`` not in [0, 1).

    See Also:
        :func:`gini`: the same question without a threshold, and differentiable.
        :func:`key_frequencies`: the names of the frequencies that stand out.

    References:
        Furuta et al. (2024), "Towards empirical interpretation of internal circuits and properties in grokked
        transformers on modular polynomials". Their denominator 2⌊n/2⌋ is n - 1 for the odd n that they use. For even n,
        n - 1 is still the number of cosines and sines, because the cosine n/2 has no sine.

    Example:
        >>> wave = torch.cos(2 * torch.pi / 7 * torch.arange(7))
        >>> pm.concentration.fourier_frequency_density(wave, pm.addition(7))
        tensor(0.1667, dtype=torch.float64)
    """
    cosines, sines = _cosine_and_sine_norms(x, op, dim)
    check_fraction(threshold, "threshold")
    kinds = [norms.detach() for norms in (cosines, sines) if len(norms) > 0]
    above = sum((norms > threshold * norms.max()).sum() for norms in kinds)
    return torch.as_tensor(above, dtype=torch.float64, device=cosines.device) / max(op.n - 1, 1)


def fourier_coefficient_ratio(x: Array, op: Operation, dim: int = 0) -> Tensor:
    r"""The mean ratio of the smaller to the larger of the cosine and the sine of each frequency.

    With the norms :math:`\mu_k` and :math:`\nu_k` of the cosine and sine coefficients, over all other axes,

    .. math:: \mathrm{FCR} = \frac{1}{K} \sum_{k=1}^{K} \min(\mu_k / \nu_k, \nu_k / \mu_k), \quad
              K = \lfloor (n - 1) / 2 \rfloor

    It tells how evenly weights use both waves: it is 1 if both norms are equal at every frequency, and 0 if every
    frequency has only a cosine or only a sine. A frequency that has neither, to rounding, counts as 0, so the ratio is
    0 if all weights are zero. Scaling the weights or rotating the other axes does not change it. Unlike a spectrum, it
    changes when the elements are shifted.

    Args:
        x: Weights with one entry per element along ``dim``, such as the embedding W_E.
        op: A cyclic operation, because only its basis consists of cosines and sines.
        dim: The axis over the elements.

    Returns:
        The ratio in [0, 1], float64, shape ``()``; differentiable where no two norms of a frequency are equal.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``x`` does not have n entries along ``dim``, or is not finite; if ``op`` is not cyclic.

    See Also:
        :func:`spectrum`: the power of both waves together.

    References:
        Furuta et al. (2024), "Towards empirical interpretation of internal circuits and properties in grokked
        transformers on modular polynomials". For even n the cosine n/2, which has no sine, is left out.

    Example:
        >>> angle = 2 * torch.pi / 7 * torch.arange(7)
        >>> weights = torch.stack([angle.cos(), 0.6 * angle.sin(), (2 * angle).sin()], dim=1)
        >>> # 0.6, 0 and, for a frequency without weights, 0
        >>> pm.concentration.fourier_coefficient_ratio(weights, pm.addition(7))
        tensor(0.2000, dtype=torch.float64)
    """
    cosines, sines = _cosine_and_sine_norms(x, op, dim)
    cosines = cosines[: len(sines)]
    larger = torch.maximum(cosines, sines)
    ratios = torch.minimum(cosines, sines) / one_where_zero(larger)
    return ratios.sum() / max(len(sines), 1)


def _cosine_and_sine_norms(x: Array, op: Operation, dim: int) -> tuple[Tensor, Tensor]:
    """The norms of cosine coefficients, ``(n // 2,)``, and sine coefficients, ``((n - 1) // 2,)``, over the other axes.

    The weights are scaled to at most 1 first. Norms that are no more than rounding become zero.
    """
    check_cyclic(op)
    columns, eps = check_columns(x, op, dim)
    columns = columns / scale_of(columns)
    norms = torch.linalg.vector_norm(op.basis.to(columns.device) @ columns, dim=1)
    rounding = 8 * eps * torch.linalg.vector_norm(columns.detach())
    norms = norms.where(norms > rounding, 0.0)
    return norms[1::2], norms[2::2]
