"""How large the weights of a model are: all together, by parameter, or by part of the model."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from progress_measures._checks.buffers import is_buffer, warn_of_unsure
from progress_measures._checks.parameters import (
    CODES,
    check_decoded,
    check_gathered,
    check_held,
    check_real_parameter,
    how_to_load,
    raise_packed,
)
from progress_measures._checks.tensors import Array, check_tensor, computable
from progress_measures._checks.values import check_integer, type_name

__all__ = ["parameter_norms", "sum_squared_weights"]


def sum_squared_weights(model: nn.Module | Mapping[str, Array]) -> Tensor:
    r"""The sum of the squares of all parameters of a model; a shared parameter counts once.

    .. math:: \lVert \theta \rVert^2 = \sum_i \theta_i^2

    Under weight decay it falls sharply when a network drops what it memorized. Multiplying all weights by t multiplies
    it by t². For weights that the model computes from others, as with ``torch.nn.utils.parametrize`` or LoRA, the
    underlying parameters count, because weight decay acts on them.

    Args:
        model: Any module, whose buffers do not count; or a state dict. A state dict does not say which tensors are
            buffers. Those that are certainly buffers are left out: running means and variances, those of PyTorch's
            pruning and spectral norm, and masks of attention, either zeros and minus infinity or a triangle of ones.
            All other tensors of floating-point and complex numbers count, with a warning where the name is common for
            buffers. Tensors that share memory count once, as in ``model.state_dict()``; each copy counts, with a
            warning if only one weight has copies. ``dict(model.named_parameters())`` leaves no doubt.

    Returns:
        The sum, float64, shape ``()``, on the first parameter's device; differentiable.

    Raises:
        TypeError: If ``model`` is neither a module nor a state dict, or its weights are quantized, or sharded among
            processes.
        ValueError: If weights are missing because they are offloaded, on the meta device, or not initialized yet.

    See Also:
        :func:`parameter_norms`: which parameters it comes from.
        :func:`compressed_size`: a description length of the weights.

    References:
        Nanda et al. (2023), section 5.2.

    Example:
        >>> layer = torch.nn.Linear(2, 1)
        >>> _ = torch.nn.init.ones_(layer.weight), torch.nn.init.zeros_(layer.bias)
        >>> pm.sum_squared_weights(layer).item()
        2.0
    """
    squares = [numbers_of(parameter).square().sum() for _, parameter in named_parameters(model)]
    if not squares:
        return torch.zeros((), dtype=torch.float64)
    return torch.stack([square.to(squares[0].device) for square in squares]).sum()


def parameter_norms(model: nn.Module | Mapping[str, Array], *, depth: int | None = None) -> dict[str, Tensor]:
    r"""The L2 norm of each parameter of a model, or of the parameters of each of its parts.

    For a parameter, or a part of the model, with the weights P,

    .. math:: \lVert \theta_P \rVert = \sqrt{\textstyle\sum_{i \in P} \theta_i^2}

    A shared parameter counts once, under the first of its names. At any depth, the squares add up to
    :func:`sum_squared_weights`. Norms are differentiable; the gradient of a zero norm is zero.

    Args:
        model: Any module or state dict, as for :func:`sum_squared_weights`.
        depth: If given, group the parameters whose names agree in their first ``depth`` parts. In the bundled
            transformer, 1 gives ``"embed"``, ``"pos_embed"``, ``"blocks"`` and ``"unembed"``, and 3 separates
            ``"blocks.0.attn"`` from ``"blocks.0.mlp"``.

    Returns:
        Norms by name, in the order of ``model.named_parameters()``, each float64, of shape ``()``, on the device of its
        first parameter. ``track`` records such a dictionary as columns.

    Raises:
        TypeError: If ``depth`` is not an integer, and as for :func:`sum_squared_weights`.
        ValueError: If ``depth`` is less than 1, and as for :func:`sum_squared_weights`.

    See Also:
        :func:`sum_squared_weights`: one number for the whole model.

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
    for name, parameter in named_parameters(model):
        norm = torch.linalg.vector_norm(numbers_of(parameter))
        parts.setdefault(".".join(name.split(".")[:depth]), []).append(norm)
    return {
        name: torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))
        for name, norms in parts.items()
    }


def named_parameters(model: object) -> Iterable[tuple[str, Tensor]]:
    """The parameters of a module or of a state dict by name, each tensor once."""
    if isinstance(model, nn.Module):
        return _parameters_of(model)
    if not isinstance(model, Mapping):
        raise TypeError(f"`model` must be a torch.nn.Module or a state dict. Got {type_name(model)}.")
    names, places = {str(name) for name in model}, set()
    parameters = {str(name) for name, value in model.items() if isinstance(value, nn.Parameter)}
    weights: dict[str, Tensor] = {}
    for key, value in model.items():
        name, numbers = str(key), _entry(model, key)
        if not (numbers.is_floating_point() or numbers.is_complex()) or is_buffer(numbers, name, names):
            continue
        place = _place(value) if numbers.numel() > 0 else name
        if place not in places:
            places.add(place)
            weights[name] = numbers
    warn_of_unsure({name: x for name, x in weights.items() if name not in parameters}, stacklevel=4)
    return weights.items()


def _entry(state: Mapping[Any, Any], key: Any) -> Tensor:
    """An entry of a state dict, as numbers to compute with."""
    name, value = str(key), state[key]
    if "_packed_params" in name:
        raise_packed("model", repr(name))
    if not isinstance(value, Tensor | np.ndarray):
        remedy = " Pass the state dict itself." if isinstance(value, Mapping) else ""
        raise TypeError(
            f"`model` must have tensors as values where it is a state dict. Got {type_name(value)} at {name!r}.{remedy}"
        )
    if isinstance(value, Tensor):
        check_decoded(check_held(value, name, _of_state_dict), name, state.keys())
        if value.dtype in CODES and value.ndim > 1 and name.endswith("weight"):
            check_real_parameter(value, name)
    return check_tensor(value, name)


def _place(x: Array) -> object:
    """The memory of the numbers, which is the same for tensors and arrays that share it."""
    if isinstance(x, Tensor):
        return x.data_ptr(), tuple(x.shape), tuple(step * x.element_size() for step in x.stride())
    return x.__array_interface__["data"][0], x.shape, x.strides


def _parameters_of(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters of a module by name, each once, and each as the model computes with it."""
    check_gathered(model)
    load = how_to_load(model)
    names = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    for name, buffer in model.named_buffers():
        check_decoded(buffer, name, names)  # weights that are kept as buffers would be left out
    for name, parameter in model.named_parameters():
        check_decoded(check_held(parameter, name, _of_model, load=load), name, names)
        yield name, check_real_parameter(parameter, name)


def _of_model(call: str) -> str:
    method = call.removeprefix(".").removesuffix("()")
    each = f"x{call} if hasattr(x, {method!r}) else x"
    return f"Pass a state dict: {{name: {each} for name, x in model.named_parameters()}}."


def _of_state_dict(call: str) -> str:
    return f"Put its {call} there."


def numbers_of(parameter: Tensor) -> Tensor:
    """All numbers of a parameter, float64; a complex number counts as two."""
    parts = torch.view_as_real(parameter) if parameter.is_complex() else parameter
    return computable(parts).to(torch.float64)
