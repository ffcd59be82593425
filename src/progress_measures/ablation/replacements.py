"""Replacements for ``ablated``: functions from an activation to one of the same shape.

The first axis of an activation is the batch, the last one is features.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real, check_tensor, computable
from progress_measures._checks.values import check_choice, check_seed, shape_of

Replacement = Callable[[Tensor], Tensor]
Center = Literal["origin", "mean"]


def zero_ablation() -> Replacement:
    """A replacement by zeros.

    Returns:
        A function from an activation to zeros of its shape.

    Example:
        >>> pm.zero_ablation()(torch.ones(2))
        tensor([0., 0.])
    """
    return torch.zeros_like


def mean_ablation() -> Replacement:
    """A replacement by the mean over the batch, the same for every input.

    Returns:
        A function from an activation to its mean over the first axis, repeated. The mean is that of each forward pass,
        so run all inputs in one.

    Example:
        >>> pm.mean_ablation()(torch.tensor([[1.0], [3.0]]))
        tensor([[2.],
                [2.]])
    """

    def mean_over_batch(activation: Tensor) -> Tensor:
        _check_has_mean(activation)
        return activation.mean(0, keepdim=True).expand_as(activation)

    return mean_over_batch


def resample_ablation(source: Array, *, seed: int = 0) -> Replacement:
    """A replacement by the activations of randomly drawn other inputs.

    Args:
        source: Activations to draw from, such as ``captured`` gave, shape ``(m, …)`` with m at least 1.
        seed: Of the draw, which is with replacement and from a generator of its own; later calls go on drawing.

    Returns:
        A function from an activation, shape ``(batch, …)``, to as many rows of ``source``.

    Raises:
        TypeError: If ``source`` is not a tensor or array, or ``seed`` not an integer.
        ValueError: If ``source`` has no row; and, from the replacement, if its rows do not have the activation's shape.

    References:
        Chan et al. (2022), "Causal scrubbing".

    Example:
        >>> pm.resample_ablation(torch.tensor([[5.0]]))(torch.zeros(3, 1)).T
        tensor([[5., 5., 5.]])
    """
    rows = _check_source(source)
    generator = torch.Generator().manual_seed(check_seed(seed))

    def draw(activation: Tensor) -> Tensor:
        _check_same_features(rows, activation)
        chosen = torch.randint(len(rows), (len(activation),), generator=generator, device="cpu")
        return rows[chosen.to(rows.device)]

    return draw


def project_onto(directions: Array, *, center: Center = "origin") -> Replacement:
    """A replacement that keeps only the span of some directions of feature space.

    Args:
        directions: One direction a row, shape ``(r, features)`` or ``(features,)``; neither orthogonal nor of unit
            length nor independent, but not all zero. They are constants: no gradient flows to them.
        center: Where the span begins: at the origin, so that the activation itself is projected, or at its mean over
            the first axis, so that its deviation from the mean is projected and the mean stays as it is. The
            mean is that of each forward pass, so run all inputs in one.

    Returns:
        A function from an activation, shape ``(…, features)``, to its orthogonal projection on the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or complex.
        ValueError: If they have another shape, are not finite or all zero, or there is no such ``center``; and, from
            the replacement, if the activation has another number of features.

    References:
        Nanda et al. (2023), section 4.4: the activations of the MLP on the directions of W_L.

    Example:
        >>> pm.project_onto(torch.tensor([2.0, 0.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[3., 0.]])
    """
    span = _span(directions)
    check_choice(center, "center", Center)

    def keep(activation: Tensor) -> Tensor:
        _, start, projection = _projected(activation, span, center)
        return (start + projection).to(activation)

    return keep


def project_out(directions: Array, *, center: Center = "origin") -> Replacement:
    """A replacement that removes the span of some directions of feature space.

    Args:
        directions: One direction a row, shape ``(r, features)`` or ``(features,)``; neither orthogonal nor of unit
            length nor independent, but not all zero. They are constants: no gradient flows to them.
        center: Where the span begins: at the origin, so that the activation itself is projected, or at its mean over
            the first axis, so that its deviation from the mean is projected and the mean stays as it is. The
            mean is that of each forward pass, so run all inputs in one.

    Returns:
        A function from an activation, shape ``(…, features)``, to what is orthogonal to the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or complex.
        ValueError: If they have another shape, are not finite or all zero, or there is no such ``center``; and, from
            the replacement, if the activation has another number of features.

    References:
        Nanda et al. (2023), section 4.4: the activations of the MLP on the null space of W_L.

    Example:
        >>> pm.project_out(torch.tensor([2.0, 0.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[0., 4.]])
    """
    span = _span(directions)
    check_choice(center, "center", Center)

    def remove(activation: Tensor) -> Tensor:
        x, _, projection = _projected(activation, span, center)
        return (x - projection).to(activation)

    return remove


def _span(directions: object) -> Tensor:
    """Orthonormal rows with the same span, float64."""
    rows = _check_directions(directions).detach().to(torch.float64)
    _, singular, basis = torch.linalg.svd(rows, full_matrices=False)
    tolerance = singular[0] * max(rows.shape) * torch.finfo(torch.float64).eps
    independent: Tensor = basis[singular > tolerance]
    return independent


def _projected(activation: Tensor, span: Tensor, center: Center) -> tuple[Tensor, Tensor, Tensor]:
    """An activation, where the span begins, and the projection on the span of what lies between, all float64."""
    x = computable(activation).to(torch.float64)
    mean = x.mean(0, keepdim=True)
    start = mean if center == "mean" else torch.zeros_like(mean)
    _check_features(x, span.shape[1])
    span = span.to(x.device)
    coordinates: Tensor = (x - start) @ span.T
    return x, start, coordinates @ span


def _check_directions(x: object) -> Tensor:
    """One direction a row, ``(r, features)``, not all zero."""
    rows = check_finite(check_real(x, "directions"), "directions")
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.numel() == 0:
        raise ValueError(f"`directions` must have one direction a row: shape (r, features). Got {shape_of(rows)}.")
    if not bool(rows.any()):
        raise ValueError("`directions` must not all be zero. They span nothing.")
    return rows


def _check_features(x: Tensor, count: int) -> None:
    """An activation whose last axis has as many features as the directions."""
    if x.ndim == 0 or x.shape[-1] != count:
        raise ValueError(f"The activation must have {count} features, as the directions have. Got shape {shape_of(x)}.")


def _check_has_mean(x: Tensor) -> None:
    """An activation whose mean has its own dtype; that of tokens has not."""
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"`mean_ablation` must be of floating-point activations. Got {x.dtype}.")


def _check_source(x: object) -> Tensor:
    """Activations to resample from, at least one."""
    rows = check_tensor(x, "source")
    if rows.ndim == 0 or len(rows) == 0:
        raise ValueError(f"`source` must have at least one row to draw. Got shape {shape_of(rows)}.")
    return rows


def _check_same_features(source: Tensor, activation: Tensor) -> None:
    """Rows of the source have the shape of the activation's rows."""
    if activation.ndim == 0 or source.shape[1:] != activation.shape[1:]:
        raise ValueError(
            f"`source` must have rows of the activation's shape {tuple(activation.shape[1:])}. "
            f"Got {tuple(source.shape[1:])}."
        )
