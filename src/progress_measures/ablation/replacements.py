"""Replacements for ``ablated``: functions from an activation to one of the same shape.

The first axis of an activation is the batch, unless ``dim`` names another one, and the last axis is the features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_dim, check_tensor
from progress_measures._checks.values import as_index, check_seed, shape_of, type_name
from progress_measures.ablation.passes import check_batch_axis, check_whole_batch

Replacement = Callable[[Tensor], Tensor]


def zero_ablation() -> Replacement:
    """A replacement by zeros.

    Returns:
        A function from an activation to zeros of its shape.

    See Also:
        :func:`mean_ablation`: if zero is far from all activations, so that zeros would do more than remove information.

    Example:
        >>> pm.zero_ablation()(torch.ones(2))
        tensor([0., 0.])
    """
    return _Zero()


def mean_ablation(*, dim: int | None = None) -> Replacement:
    """A replacement by the mean over the batch, the same for every input.

    Args:
        dim: The axis of the batch. If None, it is the first axis. Pass it where the batch is along another axis: in
            ``nn.TransformerEncoderLayer`` and recurrent layers without ``batch_first=True``, and in the states of every
            recurrent layer. Also pass it for other activations with three axes in a model with such a layer. Inside
            :func:`grid_logits`, this axis must have as many entries as inputs are fed.

    Returns:
        A function from an activation to its mean over the axis, repeated. Each forward pass has its own mean, so run
        all inputs in one pass. (Outside :func:`grid_logits`, a loop over batches is not detected.) If one pass does not
        fit into memory, record activations in batches with :func:`captured`, take their mean, and replace by it:
        ``lambda x: mean.expand_as(x)``. The function raises a ``ValueError`` if the layers of the model show that the
        batch is, or may be, along another axis, or if the batch does not hold all inputs of :func:`grid_logits`.

    Raises:
        TypeError: If ``dim`` is not an integer.

    See Also:
        :func:`resample_ablation`: if the mean is unlike any activation of a single input.

    Example:
        >>> pm.mean_ablation()(torch.tensor([[1.0], [3.0]]))
        tensor([[2.],
                [2.]])
    """
    return _Mean(check_axis(dim))


def resample_ablation(source: Array, *, dim: int | None = None, seed: int = 0) -> Replacement:
    """A replacement by the activations of other inputs, drawn at random.

    Args:
        source: Activations to draw from, such as those that :func:`captured` recorded, shape ``(m, …)`` with m at least
            1, or with the m inputs along ``dim``.
        dim: The axis of the batch in ``source`` and in the activation, as for :func:`mean_ablation`.
        seed: The seed of the draws, which use no global generator. Rows are drawn with replacement, anew at each call.
            With gradient checkpointing, the backward pass would draw other rows, so it is refused.

    Returns:
        A function from an activation, shape ``(batch, …)``, to as many rows of ``source``.

    Raises:
        TypeError: If ``source`` is neither tensor nor array, or ``dim`` or ``seed`` is not an integer.
        ValueError: If ``source`` has no row. The replacement raises it if the rows of ``source`` do not have the shape
            of the activation's rows, or if the batch is, or may be, along another axis.

    See Also:
        :func:`mean_ablation`: the same replacement for every input, without draws.

    References:
        Chan et al. (2022), "Causal scrubbing".

    Example:
        >>> pm.resample_ablation(torch.tensor([[5.0]]))(torch.zeros(3, 1)).T
        tensor([[5., 5., 5.]])
    """
    rows, axis = _check_source(source, check_axis(dim))
    return _Resample(rows, axis, torch.Generator().manual_seed(check_seed(seed)))


@dataclass(frozen=True)
class _Zero:
    """What :func:`zero_ablation` returns; a class, because a nested function cannot be pickled."""

    def __call__(self, activation: Tensor) -> Tensor:
        return torch.zeros_like(activation)

    def __repr__(self) -> str:
        return "zero_ablation()"


@dataclass(frozen=True)
class _Mean:
    """What :func:`mean_ablation` returns."""

    dim: int | None

    def __call__(self, activation: Tensor) -> Tensor:
        _check_has_mean(activation)
        check_whole_batch("`mean_ablation`")
        axis = check_batch_axis(activation, self.dim, "The activation of `mean_ablation`")
        return activation.mean(axis, keepdim=True).expand_as(activation)

    def __repr__(self) -> str:
        return f"mean_ablation({listed_option(self.dim)})"


@dataclass(frozen=True, eq=False)
class _Resample:
    """What :func:`resample_ablation` returns."""

    rows: Tensor
    dim: int | None
    generator: torch.Generator

    def __call__(self, activation: Tensor) -> Tensor:
        axis = check_batch_axis(activation, self.dim, "The activation of `resample_ablation`")
        _check_same_features(self.rows, activation, axis)
        shape = (activation.shape[axis],)
        chosen = torch.randint(self.rows.shape[axis], shape, generator=self.generator, device="cpu")
        return self.rows.index_select(axis, chosen.to(self.rows.device))

    def __repr__(self) -> str:
        return f"resample_ablation({shape_of(self.rows)}{listed_option(self.dim, ', ')})"


def listed_option(dim: int | None, before: str = "") -> str:
    """The option ``dim`` of a replacement, as its repr shows it; empty if it was not passed."""
    return "" if dim is None else f"{before}dim={dim}"


def _check_has_mean(x: Tensor) -> None:
    """Requires a dtype that can hold a mean; integers, such as tokens, cannot."""
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"`mean_ablation` must be of floating-point activations. Got {x.dtype}.")


def check_axis(dim: object) -> int | None:
    """Requires an integer or None: an axis of activations that are not known yet."""
    if dim is None:
        return None
    axis = as_index(dim)
    if axis is None:
        raise TypeError(f"`dim` must be an integer, the axis of the batch. Got {dim!r} ({type_name(dim)}).")
    return axis


def _check_source(x: object, dim: int | None) -> tuple[Tensor, int | None]:
    """Requires at least one activation along the axis of the batch; returns the source and the non-negative axis."""
    rows = check_tensor(x, "source")
    if rows.ndim == 0 or rows.shape[0 if dim is None or not -rows.ndim <= dim < rows.ndim else dim] == 0:
        raise ValueError(f"`source` must have at least one row to draw. Got shape {shape_of(rows)}.")
    return rows, None if dim is None else check_dim(dim, rows)


def _check_same_features(source: Tensor, activation: Tensor, axis: int) -> None:
    """Requires rows of the source to have the shape of the activation's rows."""
    of_source, of_activation = (tuple(x.shape[:axis] + x.shape[axis + 1 :]) for x in (source, activation))
    if of_source != of_activation:
        raise ValueError(f"`source` must have rows of the activation's shape {of_activation}. Got {of_source}.")
