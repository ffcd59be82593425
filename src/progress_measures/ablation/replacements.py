"""Replacements for ``ablated``: functions from an activation to one of the same shape.

The first axis of an activation is the batch, and the last axis is the features.
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
        A function from an activation to its mean over the first axis, repeated. Each forward pass has its own mean, so
        run all inputs in one pass.

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
    """A replacement by the activations of other inputs, drawn at random.

    Args:
        source: Activations to draw from, such as those that ``captured`` recorded, shape ``(m, …)`` with m at least 1.
        seed: The seed of the draws. They are with replacement and use no global generator; each call draws new rows.

    Returns:
        A function from an activation, shape ``(batch, …)``, to as many rows of ``source``.

    Raises:
        TypeError: If ``source`` is neither tensor nor array, or ``seed`` is not an integer.
        ValueError: If ``source`` has no row. The replacement raises it if the rows of ``source`` do not have the shape
            of the activation's rows.

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
    """A replacement that keeps only the part of the activation in the span of given directions of feature space.

    Args:
        directions: One direction per row, shape ``(r, features)`` or ``(features,)``. They need not be orthogonal, of
            unit length or independent, but must not all be zero. They are constants: no gradient flows to them.
        center: The point that is subtracted before the projection. ``"origin"`` projects the activation itself.
            ``"mean"`` projects its deviation from the mean over the first axis, and the mean stays as it is. Each
            forward pass has its own mean, so run all inputs in one pass.

    Returns:
        A function from an activation, shape ``(…, features)``, to its orthogonal projection onto the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or are complex.
        ValueError: If ``directions`` have the wrong shape, are not finite or are all zero, or if ``center`` is not one
            of the choices. The replacement raises it if the activation has another number of features.

    References:
        Nanda et al. (2023), section 4.4: the activations of the MLP on the directions of W_L.

    Example:
        >>> pm.project_onto(torch.tensor([2.0, 0.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[3., 0.]])
    """
    span = _span(directions)
    check_choice(center, "center", Center)

    def keep(activation: Tensor) -> Tensor:
        _, center_point, projection = _projected(activation, span, center)
        return (center_point + projection).to(activation)

    return keep


def project_out(directions: Array, *, center: Center = "origin") -> Replacement:
    """A replacement that removes the part of the activation in the span of given directions of feature space.

    Args:
        directions: One direction per row, shape ``(r, features)`` or ``(features,)``. They need not be orthogonal, of
            unit length or independent, but must not all be zero. They are constants: no gradient flows to them.
        center: The point that is subtracted before the projection. ``"origin"`` projects the activation itself.
            ``"mean"`` projects its deviation from the mean over the first axis, and the mean stays as it is. Each
            forward pass has its own mean, so run all inputs in one pass.

    Returns:
        A function from an activation, shape ``(…, features)``, to its part orthogonal to the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or are complex.
        ValueError: If ``directions`` have the wrong shape, are not finite or are all zero, or if ``center`` is not one
            of the choices. The replacement raises it if the activation has another number of features.

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
    """Orthonormal rows with the same span as the directions, float64."""
    rows = _check_directions(directions).detach().to(torch.float64)
    _, singular, basis = torch.linalg.svd(rows, full_matrices=False)
    tolerance = singular[0] * max(rows.shape) * torch.finfo(torch.float64).eps
    independent: Tensor = basis[singular > tolerance]
    return independent


def _projected(activation: Tensor, span: Tensor, center: Center) -> tuple[Tensor, Tensor, Tensor]:
    """An activation, its center point, and the projection of their difference onto the span, all float64."""
    x = computable(activation).to(torch.float64)
    mean = x.mean(0, keepdim=True)
    center_point = mean if center == "mean" else torch.zeros_like(mean)
    _check_features(x, span.shape[1])
    span = span.to(x.device)
    coordinates: Tensor = (x - center_point) @ span.T
    return x, center_point, coordinates @ span


def _check_directions(x: object) -> Tensor:
    """One direction per row, ``(r, features)``, not all zero."""
    rows = check_finite(check_real(x, "directions"), "directions")
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.numel() == 0:
        raise ValueError(f"`directions` must have one direction a row: shape (r, features). Got {shape_of(rows)}.")
    if not bool(rows.any()):
        raise ValueError("`directions` must not all be zero. They span nothing.")
    return rows


def _check_features(x: Tensor, count: int) -> None:
    """Requires an activation with as many features as the directions."""
    if x.ndim == 0 or x.shape[-1] != count:
        raise ValueError(f"The activation must have {count} features, as the directions have. Got shape {shape_of(x)}.")


def _check_has_mean(x: Tensor) -> None:
    """Requires a dtype that can hold a mean, which the integers of tokens cannot."""
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"`mean_ablation` must be of floating-point activations. Got {x.dtype}.")


def _check_source(x: object) -> Tensor:
    """Activations to draw from, at least one row."""
    rows = check_tensor(x, "source")
    if rows.ndim == 0 or len(rows) == 0:
        raise ValueError(f"`source` must have at least one row to draw. Got shape {shape_of(rows)}.")
    return rows


def _check_same_features(source: Tensor, activation: Tensor) -> None:
    """Requires rows of the source to have the shape of the activation's rows."""
    if activation.ndim == 0 or source.shape[1:] != activation.shape[1:]:
        raise ValueError(
            f"`source` must have rows of the activation's shape {tuple(activation.shape[1:])}. "
            f"Got {tuple(source.shape[1:])}."
        )
