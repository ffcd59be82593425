"""Derivatives of a loss, a function of a model, with respect to the model's parameters; the model stays unchanged.

A vector has one entry for each number in the parameters that require a gradient, each parameter once, in the order of
``model.parameters()``. A complex number counts as two real ones.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from progress_measures._checks.parameters import check_gathered, check_held, how_to_load
from progress_measures._checks.tensors import check_finite, computable
from progress_measures._checks.values import check_callable, check_model, shape_of, type_name
from progress_measures._model_state import undisturbed

Loss = Callable[[Any], Tensor]


@contextmanager
def differentiable(model: nn.Module) -> Iterator[None]:
    """Turns gradients and evaluation mode on, also inside ``no_grad``; afterwards restores the model's state.

    The random states are restored too, so losses that are computed in separate contexts draw the same numbers.
    """
    with undisturbed(model), torch.inference_mode(False), torch.enable_grad():
        yield


def gradient(loss: Loss, model: nn.Module, name: str = "loss") -> Tensor:
    """The gradient of a loss, float64, without a graph."""
    parameters = check_parameters(model)
    with differentiable(model):
        return flat(_gradients(check_loss(loss, model, name), parameters, name))


def gradient_with_graph(loss: Loss, model: nn.Module, parameters: Sequence[Tensor], name: str = "loss") -> list[Tensor]:
    """The gradient of a loss with a graph, one part for each parameter; call it inside ``differentiable``."""
    value = check_loss(loss, model, name)
    check_twice(value, name)
    return _gradients(value, parameters, name, create_graph=True)


def hessian_product(gradients: Sequence[Tensor], parameters: Sequence[Tensor], vector: Tensor) -> Tensor:
    """The product of the Hessian with a vector, from gradients with a graph; call it inside ``differentiable``."""
    parts = unflat(vector, parameters)
    chosen = [(each, part) for each, part in zip(gradients, parts, strict=True) if each.requires_grad]
    if not chosen:  # of a loss that is linear
        return torch.zeros_like(vector)
    outputs, directions = zip(*chosen, strict=True)
    try:
        products = torch.autograd.grad(
            outputs, parameters, directions, retain_graph=True, allow_unused=True, materialize_grads=True
        )
    except RuntimeError as error:
        raise_if_once(error)
        raise
    return check_finite(flat(products), "second derivatives").to(vector.device)


def check_parameters(model: object) -> list[Tensor]:
    """Requires a model with parameters that require a gradient, and returns these."""
    found = check_model(model)
    check_gathered(found)
    every = {id(x): (name, x) for name, x in found.named_parameters()}
    for name, x in every.values():
        check_held(x, name, load=how_to_load(found))
    chosen = [(name, x) for name, x in every.values() if x.requires_grad]
    if not chosen:
        raise ValueError(
            f"`model` must have a parameter that requires a gradient. Got none of {len(every)}. "
            "Pass model.requires_grad_(), or a copy of it where the model is to stay frozen."
        )
    for name, x in chosen:
        if x.is_inference():
            raise ValueError(
                f"`model` must be made outside of torch.inference_mode(). Got {name!r}, which was made inside. "
                "Make or load the model outside."
            )
    return [x for _, x in chosen]


def check_precision(parameters: Sequence[Tensor], why: str) -> None:
    """Requires parameters of at least 32 bits."""
    for x in parameters:
        if torch.finfo(x.dtype).bits < 32:
            raise TypeError(
                f"`model` must have parameters of 32 or 64 bits: {why}. Got {x.dtype}. "
                "Measure a copy, with inputs in float32 where they are not tokens: copy.deepcopy(model).float()."
            )


def check_loss(loss: Loss, model: nn.Module, name: str) -> Tensor:
    """Calls a loss, requires a finite number that has a graph, and returns it."""
    check_callable(loss, name)
    value = loss(model)
    if not isinstance(value, Tensor):
        remedy = " Return the tensor, not its .item()." if isinstance(value, float) else ""
        raise TypeError(f"`{name}` must return a tensor. Got {type_name(value)}.{remedy}")
    if value.numel() != 1:
        raise ValueError(
            f"`{name}` must return one number. Got shape {shape_of(value)}. Take the mean of the losses: .mean()."
        )
    if not value.is_floating_point():
        raise TypeError(f"`{name}` must return a real number. Got {value.dtype}.")
    if not value.requires_grad:
        raise ValueError(
            f"`{name}` must return a number with a graph. Got one without. It must not use torch.no_grad(), .detach() "
            "or .item(), and has to compute with the model that it is given."
        )
    if not math.isfinite(float(value.detach())):
        raise ValueError(f"`{name}` must return a finite number. Got {float(value.detach())}.")
    return value.sum()


def _gradients(value: Tensor, parameters: Sequence[Tensor], name: str, *, create_graph: bool = False) -> list[Tensor]:
    found = torch.autograd.grad(value, parameters, create_graph=create_graph, allow_unused=True)
    if all(each is None for each in found):
        raise ValueError(
            f"`{name}` must depend on the parameters of the model that it is given. Got one that depends on none of "
            f"the {len(parameters)} that require a gradient. Compute it with the function's argument."
        )
    parts = [torch.zeros_like(x) if each is None else each for x, each in zip(parameters, found, strict=True)]
    for each in parts:
        check_finite(each.detach(), f"gradients of {name}")
    return parts


def flat(parts: Sequence[Tensor]) -> Tensor:
    """Joins tensors, one for each parameter, to a vector; float64, on their device, or the CPU if there are several."""
    rows = [torch.view_as_real(x) if x.is_complex() else x for x in parts]
    rows = [computable(x.detach()).to(torch.float64).flatten() for x in rows]
    devices = {x.device for x in rows}
    device = devices.pop() if len(devices) == 1 else torch.device("cpu")
    return torch.cat([x.to(device) for x in rows])


def unflat(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Splits a vector into parts, one for each parameter, with the parameter's shape, dtype and device."""
    views = [torch.view_as_real(x.detach()) if x.is_complex() else x.detach() for x in like]
    pieces = torch.split(vector, [x.numel() for x in views])
    parts = [piece.to(x.dtype).view(x.shape).to(x.device) for piece, x in zip(pieces, views, strict=True)]
    return [torch.view_as_complex(part) if x.is_complex() else part for part, x in zip(parts, like, strict=True)]


def raise_if_once(error: RuntimeError) -> None:
    """Raises a clearer error if an operation has no second derivative."""
    said = str(error)
    if "attention" in said and "not implemented" in said:
        raise ValueError(
            "`loss` must have second derivatives. Got a kernel of attention that has none. Compute the loss inside of "
            "torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)."
        ) from error
    if "torch.compile" in said:
        raise ValueError(
            "`loss` must have second derivatives. Got a compiled model, which has none. Measure model._orig_mod."
        ) from error
    if "not implemented" in said:
        raise ValueError(
            f"`loss` must have second derivatives. Got an operation without: {said.splitlines()[0].rstrip('.')}. "
            "Compute the loss with other operations."
        ) from error


def check_twice(value: Tensor, name: str) -> None:
    """Requires that no function in a graph is marked ``once_differentiable``: PyTorch may take it for a linear one."""
    seen, nodes = set(), [value.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        nodes += [each for each, _ in node.next_functions]
        function: Any = getattr(node, "_forward_cls", None)  # of a custom function
        code = getattr(getattr(function, "backward", None), "__code__", None)
        if code is not None and code.co_filename == torch.autograd.function.__file__:
            raise ValueError(
                f"`{name}` must have second derivatives. Got {function.__name__}, which is marked once_differentiable. "
                "Compute the loss with other operations."
            )
