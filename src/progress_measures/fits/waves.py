"""How well an approximation, or a fit of waves, explains measured values."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_dims, check_finite, check_real
from progress_measures._checks.values import shape_of
from progress_measures._scaling import scale_of


@dataclass(frozen=True, eq=False)
class WaveFit:
    """The result of :func:`fit_waves`: ``constant + Σ coefficients · waves``, fitted to each feature separately.

    Example:
        >>> wave = torch.cos(2 * torch.pi * torch.arange(5) / 5)
        >>> fit = pm.fit_waves(1 + 3 * wave, wave[None])
        >>> round(float(fit.constant), 4), round(float(fit.coefficients[0]), 4), round(float(fit.explained_variance), 4)
        (1.0, 3.0, 1.0)
    """

    constant: Tensor
    """The constant of each feature, float64, shape ``(…)``."""
    coefficients: Tensor
    """The coefficient of each wave, float64, shape ``(r, …)``."""
    fitted: Tensor
    """The fitted values, float64, shape ``(points, …)``."""
    explained_variance: Tensor
    """The share of each feature's variance that the fit explains, float64, shape ``(…)``."""


def explained_variance(x: Array, approximation: Array, dim: int | tuple[int, ...] | None = None) -> Tensor:
    r"""The share of the variance of x that an approximation explains.

    .. math:: 1 - \frac{\sum (x - \hat x)^2}{\sum (x - \bar x)^2}

    It is 1 if the approximation equals x, 0 if it is the mean of x, and negative if it is worse than the mean. If x
    does not vary, it is 0.

    Args:
        x: The values to explain.
        approximation: Approximate values, of the same shape.
        dim: The axis, or the axes, over which the mean and both sums are taken; all if None. Center logits of pairs for
            each answer first: ``x - x.mean((0, 1))``, and the approximation in the same way.

    Returns:
        Shares of at most 1, float64, the shape of ``x`` without ``dim``; differentiable.

    Raises:
        TypeError: If an argument is neither tensor nor array, or is complex.
        ValueError: If the shapes differ, there is no value or one is not finite, or ``dim`` names no axis of ``x``, or
            an axis twice.

    See Also:
        :func:`fit_waves`: finds the best combination of waves first.
        :func:`logit_spectrum`: the share of each frequency in logits.

    Example:
        >>> x = torch.tensor([0.0, 1.0, 2.0, 3.0])
        >>> pm.explained_variance(x, torch.tensor([0.5, 0.5, 2.5, 2.5]))
        tensor(0.8000, dtype=torch.float64)
    """
    x, approximation = _check_same_shape(x, approximation, "approximation")
    axes = tuple(range(x.ndim)) if dim is None else _check_some_dims(dim, x)
    scale = scale_of(x, axes)
    x, approximation = x / scale, approximation / scale
    total = (x - x.mean(axes, keepdim=True)).square().sum(axes)
    rest = (x - approximation).square().sum(axes)
    varies = total > (x.numel() / total.numel()) * (4 * torch.finfo(torch.float64).eps) ** 2
    return torch.where(varies, 1 - rest / total.where(varies, 1.0), 0.0)


def fit_waves(x: Array, waves: Array) -> WaveFit:
    r"""The least-squares fit of measured values by a constant and the given waves.

    .. math:: x(p) \approx c + \sum_r \alpha_r \, f_r(p), \quad
              (c, \alpha) = \arg\min \sum_p \Big( x(p) - c - \sum_r \alpha_r \, f_r(p) \Big)^2

    The residual is orthogonal to the constant and to every wave.

    Args:
        x: The values to fit, one row per point, shape ``(points, …)``. Each feature is fitted separately. For an
            operation on pairs, the points are its n*n pairs, in the order of ``op.inputs``.
        waves: Functions of the points, one per row, shape ``(r, points)``. They must be linearly independent of each
            other and of a constant, but need not be orthogonal or of unit length. No gradient flows to them.

    Returns:
        The fit; differentiable with respect to ``x``.

    Raises:
        TypeError: If an argument is neither tensor nor array, or is complex.
        ValueError: If ``waves`` do not have as many columns as ``x`` has rows; if there is no value or one is not
            finite; or if a wave is, to the rounding of its dtype, a combination of the others and a constant.

    See Also:
        :func:`explained_variance`: for an approximation that you already have.
        :func:`cosine_coefficients`: the waves cos w_k (s - c) of logits, for all frequencies at once.

    References:
        Nanda et al. (2023), sections 4.2 and 4.3, and appendix C.1.3.

    Example:
        >>> op = pm.addition(7)
        >>> a, b = 2 * torch.pi * 3 / 7 * op.inputs.T.double()
        >>> x = 0.5 + 0.25 * (a.cos() - b.cos())
        >>> fit = pm.fit_waves(x, torch.stack([a.cos() - b.cos(), a.sin() - b.sin()]))
        >>> round(fit.constant.item(), 6), [abs(round(alpha, 6)) for alpha in fit.coefficients.tolist()]
        (0.5, [0.25, 0.0])
    """
    x, waves, rounding = _check_points(x, waves)
    # Scale each wave to at most 1, center it, and scale it to unit length, so that its unit does not matter.
    unit = waves.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    centered = waves / unit - (waves / unit).mean(1, keepdim=True)
    _check_not_constant(centered, rounding)
    length = centered.norm(dim=1, keepdim=True)
    directions = centered / length
    left, singular, right = torch.linalg.svd(directions, full_matrices=False)
    _check_independent(singular, len(waves), rounding)
    columns = x.flatten(1) if x.ndim > 1 else x[:, None]
    mean = (columns / len(columns)).sum(0)  # divided first: a sum of values near the largest float overflows
    along = left @ ((right @ (columns - mean)) / singular[:, None])
    coefficients = along / (length * unit)
    constant = mean - waves.mean(1) @ coefficients
    fitted = mean + directions.T @ along
    features = x.shape[1:]
    return WaveFit(
        constant=constant.reshape(features),
        coefficients=coefficients.reshape(len(waves), *features),
        fitted=fitted.reshape(x.shape),
        explained_variance=explained_variance(columns, fitted, 0).reshape(features),
    )


def _check_some_dims(dim: object, x: Tensor) -> tuple[int, ...]:
    """Requires at least one axis of ``x``, each once, and returns them as non-negative integers."""
    axes = check_dims(dim, x)
    if not axes:
        raise ValueError(f"`dim` must name at least one axis. Got {dim!r}.")
    return axes


def _check_same_shape(x: object, other: object, name: str) -> tuple[Tensor, Tensor]:
    """Requires finite values of one shape, not empty; returns them in float64, on the device of the first."""
    first, second = (
        check_finite(check_real(value, label), label).to(torch.float64) for value, label in ((x, "x"), (other, name))
    )
    if first.shape != second.shape:
        raise ValueError(f"`{name}` must have the shape of `x`, {shape_of(first)}. Got {shape_of(second)}.")
    if first.numel() == 0:
        raise ValueError(f"`x` must have values. Got shape {shape_of(first)}.")
    return first, second.to(first.device)


def _check_points(x: object, waves: object) -> tuple[Tensor, Tensor, float]:
    """Requires finite values, ``(points, …)``, and functions of the points, ``(r, points)``.

    Returns both in float64, and the rounding error of the functions' own dtype.
    """
    values, rows = (check_finite(check_real(value, name), name) for value, name in ((x, "x"), (waves, "waves")))
    if rows.ndim != 2 or rows.numel() == 0:
        raise ValueError(f"`waves` must have one function a row: shape (r, points). Got {shape_of(rows)}.")
    if values.ndim == 0 or len(values) != rows.shape[1]:
        raise ValueError(
            f"`x` must have one row for each of the waves' {rows.shape[1]} points. Got shape {shape_of(values)}. "
            "A grid's first two axes are flattened to one: x.flatten(0, 1)."
        )
    if values.numel() == 0:
        raise ValueError(f"`x` must have values. Got shape {shape_of(values)}.")
    rounding = torch.finfo(rows.dtype).eps
    return values.to(torch.float64), rows.detach().to(values.device, torch.float64), rounding


def _check_not_constant(centered: Tensor, rounding: float) -> None:
    """Requires waves that vary; ``centered`` are the waves, scaled to at most 1, minus their means."""
    varies = centered.abs().amax(1) > 8 * rounding
    if not bool(varies.all()):
        row = int((~varies).nonzero()[0])
        raise ValueError(f"`waves` must not be constant; the constant is always fitted. Got one in row {row}.")


def _check_independent(singular: Tensor, count: int, rounding: float) -> None:
    """Requires linearly independent waves, judged by the singular values of the centered waves of unit length."""
    rank = int((singular > min(32 * rounding * math.sqrt(count), 0.1)).sum())
    if rank < count:
        raise ValueError(
            f"`waves` must be independent of each other and of a constant. Got {count} of rank {rank}. "
            "Leave out what the others make up; the constant is always fitted."
        )
