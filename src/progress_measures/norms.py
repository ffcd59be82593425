"""How large the weights of a model are: all together, by parameter, or by part of the model."""

import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import computable
from progress_measures._checks.values import check_integer, check_model

__all__ = ["parameter_norms", "sum_squared_weights"]


def sum_squared_weights(model: nn.Module) -> Tensor:
    """The sum of the squares of all parameters of a model; a shared parameter counts once.

    Under weight decay it falls sharply when a network drops what it memorized.

    Args:
        model: Any module; buffers do not count.

    Returns:
        The sum, float64, shape ``()``, on the first parameter's device; differentiable.

    Raises:
        TypeError: If ``model`` is not a module.

    References:
        Nanda et al. (2023), section 5.2.

    Example:
        >>> layer = torch.nn.Linear(2, 1)
        >>> _ = torch.nn.init.ones_(layer.weight), torch.nn.init.zeros_(layer.bias)
        >>> pm.sum_squared_weights(layer).item()
        2.0
    """
    squares = [_numbers(parameter).square().sum() for parameter in check_model(model).parameters()]
    if not squares:
        return torch.zeros((), dtype=torch.float64)
    return torch.stack([square.to(squares[0].device) for square in squares]).sum()


def parameter_norms(model: nn.Module, *, depth: int | None = None) -> dict[str, Tensor]:
    """The L2 norm of each parameter of a model, or of the parameters of each of its parts.

    A shared parameter counts once, under the first of its names. At any depth, the squares add up to
    :func:`sum_squared_weights`. Norms are differentiable; the gradient of a zero norm is zero.

    Args:
        model: Any module; buffers do not count.
        depth: If given, parameters whose names agree in their first ``depth`` parts are taken together. In the bundled
            transformer, 1 gives ``"embed"``, ``"pos_embed"``, ``"blocks"`` and ``"unembed"``, and 3 tells
            ``"blocks.0.attn"`` from ``"blocks.0.mlp"``.

    Returns:
        Norms by name, in the order of ``model.named_parameters()``, each float64, of shape ``()``, on the device of its
        first parameter. ``track`` takes them as columns.

    Raises:
        TypeError: If ``model`` is not a module, or ``depth`` not an integer.
        ValueError: If ``depth`` is less than 1.

    References:
        Nanda et al. (2023), section 5.2, where the squares are summed over the whole model.

    Example:
        >>> layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1, bias=False))
        >>> for weights, value in zip(layers.parameters(), (3.0, 4.0, 0.0)):
        ...     _ = torch.nn.init.constant_(weights, value)
        >>> {name: round(norm.item(), 3) for name, norm in pm.parameter_norms(layers).items()}
        {'0.weight': 6.0, '0.bias': 5.657, '2.weight': 0.0}
        >>> {name: round(norm.item(), 3) for name, norm in pm.parameter_norms(layers, depth=1).items()}
        {'0': 8.246, '2': 0.0}
    """
    if depth is not None:
        depth = check_integer(depth, "depth", at_least=1)
    parts: dict[str, list[Tensor]] = {}
    for name, parameter in check_model(model).named_parameters():
        norm = torch.linalg.vector_norm(_numbers(parameter))
        parts.setdefault(".".join(name.split(".")[:depth]), []).append(norm)
    return {
        name: torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))
        for name, norms in parts.items()
    }


def _numbers(parameter: Tensor) -> Tensor:
    """All numbers of a parameter, float64; a complex number counts as two."""
    parts = torch.view_as_real(parameter) if parameter.is_complex() else parameter
    return computable(parts).to(torch.float64)
