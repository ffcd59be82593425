"""Replacements for ``ablated`` that keep or remove the part of an activation in the span of given directions."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real, computable
from progress_measures._checks.values import check_choice, shape_of
from progress_measures.ablation.passes import check_batch_axis, check_whole_batch
from progress_measures.ablation.replacements import Replacement, check_axis, listed_option

Center = Literal["origin", "mean"]


def project_onto(directions: Array, *, center: Center = "origin", dim: int | None = None) -> Replacement:
    r"""A replacement that keeps only the part of the activation in the span of given directions of feature space.

    With an orthonormal basis V of the span, as columns, and the center m, an activation x becomes

    .. math:: m + V V^\top (x - m)

    Applying it twice changes nothing more. :func:`project_out` keeps the other part: with ``center="origin"``, the two
    results add up to x.

    Args:
        directions: One direction per row, shape ``(r, features)`` or ``(features,)``. They need not be orthogonal, of
            unit length or independent, but must not all be zero. They are constants: no gradient flows to them.
        center: The point m that is subtracted before the projection and added after it. ``"origin"`` is 0. ``"mean"``
            is the mean over the batch. Each forward pass has its own mean, so run all inputs in one pass.
        dim: The axis of the batch, over which the mean is taken; as for :func:`mean_ablation`.

    Returns:
        A function from an activation, shape ``(…, features)``, to its orthogonal projection onto the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or are complex.
        ValueError: If ``directions`` have the wrong shape, are not finite or are all zero, or if ``center`` is not one
            of the choices. The replacement raises it if the activation has another number of features.

    See Also:
        :func:`project_onto_frequencies`: to keep frequencies of an operation instead of directions.

    References:
        Nanda et al. (2023), section 4.4: the activations of the MLP on the directions of W_L.

    Example:
        >>> pm.project_onto(torch.tensor([2.0, 0.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[3., 0.]])
    """
    span = _span(directions)
    check_choice(center, "center", Center)
    return _Projection(span, center, check_axis(dim), keeps=True)


def project_out(directions: Array, *, center: Center = "origin", dim: int | None = None) -> Replacement:
    r"""A replacement that removes the part of the activation in the span of given directions of feature space.

    With an orthonormal basis V of the span, as columns, and the center m, an activation x becomes

    .. math:: x - V V^\top (x - m)

    Applying it twice changes nothing more. With ``center="origin"``, the result is orthogonal to every direction.

    Args:
        directions: One direction per row, shape ``(r, features)`` or ``(features,)``. They need not be orthogonal, of
            unit length or independent, but must not all be zero. They are constants: no gradient flows to them.
        center: The point m, relative to which the part is removed. ``"origin"`` is 0. ``"mean"`` is the mean over the
            batch, which stays as it is. Each forward pass has its own mean, so run all inputs in one pass.
        dim: The axis of the batch, over which the mean is taken; as for :func:`mean_ablation`.

    Returns:
        A function from an activation, shape ``(…, features)``, to its part orthogonal to the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or are complex.
        ValueError: If ``directions`` have the wrong shape, are not finite or are all zero, or if ``center`` is not one
            of the choices. The replacement raises it if the activation has another number of features.

    See Also:
        :func:`project_out_frequencies`: to remove frequencies of an operation instead of directions.

    References:
        Nanda et al. (2023), section 4.4: the activations of the MLP on the null space of W_L.

    Example:
        >>> pm.project_out(torch.tensor([2.0, 0.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[0., 4.]])
    """
    span = _span(directions)
    check_choice(center, "center", Center)
    return _Projection(span, center, check_axis(dim), keeps=False)


@dataclass(frozen=True, eq=False)
class _Projection:
    """What :func:`project_onto` and :func:`project_out` return."""

    span: Tensor
    """Orthonormal rows, float64, ``(r, features)``."""
    center: Center
    dim: int | None
    keeps: bool
    """Whether the projection is kept; otherwise it is removed."""

    def __call__(self, activation: Tensor) -> Tensor:
        x = computable(activation).to(torch.float64)
        _check_features(x, self.span.shape[1])
        center, span = self._center(x), self.span.to(x.device)
        projection = ((x - center) @ span.T) @ span
        return (center + projection if self.keeps else x - projection).to(activation)

    def _center(self, x: Tensor) -> Tensor:
        if self.center == "origin":
            return torch.zeros_like(x[:1])
        check_whole_batch('`center="mean"`')
        axis = check_batch_axis(x, self.dim, "The activation of a projection from the mean")
        if axis == x.ndim - 1:
            raise ValueError(f"`dim` must be another axis than the last, of the features. Got shape {shape_of(x)}.")
        return x.mean(axis, keepdim=True)

    def __repr__(self) -> str:
        name = "project_onto" if self.keeps else "project_out"
        directions = f"{len(self.span)} of {self.span.shape[1]} dimensions"
        return f"{name}({directions}, center={self.center!r}{listed_option(self.dim, ', ')})"


def _span(directions: object) -> Tensor:
    """Orthonormal rows with the same span as the directions, float64."""
    rows = _check_directions(directions).detach().to(torch.float64)
    _, singular, basis = torch.linalg.svd(rows, full_matrices=False)
    tolerance = singular[0] * max(rows.shape) * torch.finfo(torch.float64).eps
    independent: Tensor = basis[singular > tolerance]
    return independent


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
