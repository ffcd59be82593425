"""Weights of a model by their path, with one row per element of an operation."""

import operator
from dataclasses import dataclass

from torch import Tensor, nn

from progress_measures._checks.parameters import (
    check_decoded,
    check_gathered,
    check_held,
    check_real_parameter,
    how_to_load,
)
from progress_measures._checks.tensors import check_dim, check_real
from progress_measures._checks.values import check_integer, nearest_name, shape_of, type_name
from progress_measures.operations.axes import Axes, axes_of, smallest_vocabulary
from progress_measures.operations.operation import Operation


@dataclass(frozen=True)
class Weight:
    """The path of weights in a model, as :func:`weight` returns it.

    Example:
        >>> pm.weight("embed.W_E", dim=1).dim
        1
    """

    path: str
    """The dotted path."""
    dim: int | None
    """The axis over the tokens; None if it was not given."""

    def rows(self, model: nn.Module, op: Operation, name: str) -> Tensor:
        """The weights of the operation's elements, ``(n, …)``; ``name`` is their key in ``weights``, for messages."""
        weights = _at_path(model, self.path, name)
        count = smallest_vocabulary(op)
        if weights.ndim == 0 or max(weights.shape) < count:
            raise ValueError(
                f"`{self.path}` must have one row per token of the operation, at least {count}. "
                f"Got shape {shape_of(weights)}. Weights with one row per element are given by a function of the model."
            )
        axis = _token_axis(model, weights, self.path, op) if self.dim is None else check_dim(self.dim, weights)
        if weights.shape[axis] < count:
            raise ValueError(
                f"`{self.path}` must have at least {count} entries along axis {axis}, one per token of the operation. "
                f"Got shape {shape_of(weights)}."
            )
        return weights.movedim(axis, 0)[op.elements.to(weights.device)]


def weight(path: str, *, dim: int = 0) -> Weight:
    """Weights of a model by their path, with the axis over the tokens, for ``weights`` of :func:`grokking_measures`.

    If a model takes one-hot tokens, one after the other, the first columns of its first layer belong to the first
    operand, the next ones to the second: ``dim=1`` reads those of the first operand. For another operand, pass a
    function of the model, such as ``lambda model: model[0].weight[:, n : 2 * n].T``.

    Args:
        path: The dotted path of a parameter or buffer, such as ``"embed.W_E"``.
        dim: The axis over the tokens: 0 for ``(vocabulary, d_model)``, 1 for ``(d_model, vocabulary)``.

    Returns:
        The path with its axis.

    Raises:
        TypeError: If ``path`` is not a string, or ``dim`` not an integer.

    Example:
        >>> pm.weight("embed.W_E", dim=1)
        Weight(path='embed.W_E', dim=1)
    """
    if not isinstance(path, str):
        raise TypeError(f"`path` must be the dotted path of weights. Got {path!r} ({type_name(path)}).")
    return Weight(path, check_integer(dim, "dim", at_least=-64))


def _at_path(model: nn.Module, path: str, name: str) -> Tensor:
    """The weights at a path; an error suggests the nearest path."""
    try:
        weights = operator.attrgetter(path)(model)
    except AttributeError as error:
        paths = [existing for existing, _ in (*model.named_parameters(), *model.named_buffers())]
        hint = f" Did you mean {nearest_name(path, paths)!r}?" if paths else " The model has none."
        raise ValueError(
            f"`weights[{name!r}]` must be the path of weights of the model. Got {path!r}.{hint}"
        ) from error
    if not isinstance(weights, Tensor):
        return check_real(weights, path)
    check_gathered(model)

    def remedy(call: str) -> str:
        return f"Give a function: lambda model: model.get_parameter({path!r}){call}."

    check_held(weights, path, remedy, load=how_to_load(model))
    check_decoded(weights, path, {name for name, _ in (*model.named_parameters(), *model.named_buffers())})
    return check_real(check_real_parameter(weights, path) if isinstance(weights, nn.Parameter) else weights, path)


def _token_axis(model: nn.Module, weights: Tensor, path: str, op: Operation) -> int:
    """The first axis, if only the tokens can be along it; otherwise the user has to name the axis."""
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
    if any(weights is table.weight for table in tables):
        return 0
    count = smallest_vocabulary(op)
    vocabularies = [table.num_embeddings for table in tables if table.num_embeddings >= count]
    axes = axes_of(weights.shape, op, vocabularies, one_hot=not vocabularies)  # a model with an embedding takes indices
    if axes.only == 0:
        return 0
    if axes.only is not None:
        found = f" Axis {axes.only} has {weights.shape[axes.only]}: pass pm.weight({path!r}, dim={axes.only})."
    else:
        found = "".join(f" If {axes.what(axis)}, {_remedy(path, axis, axes, count)}." for axis in axes.possible)
    tokens = f"{op.n} elements" if op.n == count else f"tokens up to {count - 1}"
    raise ValueError(
        f"`{path}` must have the {tokens}, or the vocabulary, along axis 0 and no other. "
        f"Got shape {shape_of(weights)}.{found}"
    )


def _remedy(path: str, axis: int, axes: Axes, count: int) -> str:
    """The remedy for weights whose tokens may be along an axis."""
    if axes.one_hot.get(axis, count) < count:  # not at their tokens
        return "give a function of the model that returns one operand's rows, one per element"
    first = " for the first operand, and a function of the model for another" if axis in axes.one_hot else ""
    return f"pass pm.weight({path!r}, dim={axis}){first}"
