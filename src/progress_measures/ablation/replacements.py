"""Replacements for ``ablated``: functions from an activation to one of the same shape.

The first axis of an activation is the batch, the last one is features.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from progress_measures import _checks

Replacement = Callable[[Tensor], Tensor]
About = Literal["origin", "mean"]


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
        _checks.has_mean(activation)
        return activation.mean(0, keepdim=True).expand_as(activation)

    return mean_over_batch


def at(index: Any, replacement: Replacement) -> Replacement:
    """A replacement of a part of the activation, such as one position, one head or some features.

    ``at(index, f)`` turns x into a copy whose ``x[index]`` is ``f(x[index])``; the rest stays as it is.

    Args:
        index: What a tensor is indexed with: an integer, a slice, ``...``, a list of integers or a mask, or a tuple of
            these; ``numpy.s_[:, -1]`` writes one down. An integer takes an axis away before ``replacement`` sees the
            part, and with the first axis the batch; a slice or a list of one keeps it.
        replacement: From the chosen part to one of its shape.

    Returns:
        A function from an activation to one of its shape.

    Raises:
        TypeError: If ``index`` indexes no tensor, or ``replacement`` cannot be called.
        ValueError: From the replacement: if ``index`` does not fit the activation, chooses nothing, or something twice.

    Example:
        >>> pm.at((..., [0, 2]), pm.zero_ablation())(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[0., 2., 0.]])
    """
    index = _checks.index(index)
    _checks.replacement(replacement)

    def replace(activation: Tensor) -> Tensor:
        _checks.chosen(activation, index)
        part, whole = activation[index], activation.clone()
        whole[index] = _checks.replaced(replacement(part), part, "the part at `index`")
        return whole

    return replace


def resample_ablation(source: _checks.Array, *, seed: int = 0) -> Replacement:
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
    rows = _checks.rows_to_draw(source)
    generator = torch.Generator().manual_seed(_checks.seed(seed))

    def draw(activation: Tensor) -> Tensor:
        _checks.same_features(rows, activation)
        chosen = torch.randint(len(rows), (len(activation),), generator=generator, device="cpu")
        return rows[chosen.to(rows.device)]

    return draw


def project_onto(directions: _checks.Array, *, about: About = "origin") -> Replacement:
    """A replacement that keeps only the span of some directions of feature space.

    Args:
        directions: One direction a row, shape ``(r, features)`` or ``(features,)``; neither orthogonal nor of unit
            length nor independent, but not all zero. They are constants: no gradient flows to them.
        about: What is projected: the activation itself, or what it deviates from its mean over the first axis, which
            then stays as it is. The mean is that of each forward pass, so run all inputs in one.

    Returns:
        A function from an activation, shape ``(…, features)``, to its orthogonal projection on the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or complex.
        ValueError: If they have another shape, are not finite or all zero, or there is no such ``about``; and, from the
            replacement, if the activation has another number of features.

    References:
        Nanda et al. (2023), section 4.4: the activations of the MLP on the directions of W_L.

    Example:
        >>> pm.project_onto(torch.tensor([2.0, 0.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[3., 0.]])
    """
    span = _span(directions)
    _checks.choice(about, "about", About)

    def keep(activation: Tensor) -> Tensor:
        x = _checks.computable(activation).to(torch.float64)
        centre = _centre(x, about)
        return (centre + _projection(x - centre, span)).to(activation)

    return keep


def project_out(directions: _checks.Array, *, about: About = "origin") -> Replacement:
    """A replacement that removes the span of some directions of feature space.

    Args:
        directions: One direction a row, shape ``(r, features)`` or ``(features,)``; neither orthogonal nor of unit
            length nor independent, but not all zero. They are constants: no gradient flows to them.
        about: What is projected: the activation itself, or what it deviates from its mean over the first axis, which
            then stays as it is. The mean is that of each forward pass, so run all inputs in one.

    Returns:
        A function from an activation, shape ``(…, features)``, to what is orthogonal to the span.

    Raises:
        TypeError: If ``directions`` are neither tensor nor array, or complex.
        ValueError: If they have another shape, are not finite or all zero, or there is no such ``about``; and, from the
            replacement, if the activation has another number of features.

    References:
        Nanda et al. (2023), section 4.4: the activations of the MLP on the null space of W_L.

    Example:
        >>> pm.project_out(torch.tensor([2.0, 0.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[0., 4.]])
    """
    span = _span(directions)
    _checks.choice(about, "about", About)

    def remove(activation: Tensor) -> Tensor:
        x = _checks.computable(activation).to(torch.float64)
        centre = _centre(x, about)
        return (x - _projection(x - centre, span)).to(activation)

    return remove


def _span(directions: object) -> Tensor:
    """Orthonormal rows with the same span, float64."""
    rows = _checks.directions(directions).detach().to(torch.float64)
    _, singular, basis = torch.linalg.svd(rows, full_matrices=False)
    tolerance = singular[0] * max(rows.shape) * torch.finfo(torch.float64).eps
    independent: Tensor = basis[singular > tolerance]
    return independent


def _centre(x: Tensor, about: About) -> Tensor:
    """What an activation is projected about."""
    mean = x.mean(0, keepdim=True)
    return mean if about == "mean" else torch.zeros_like(mean)


def _projection(x: Tensor, span: Tensor) -> Tensor:
    _checks.features(x, span.shape[1])
    span = span.to(x.device)
    coordinates: Tensor = x @ span.T
    return coordinates @ span
