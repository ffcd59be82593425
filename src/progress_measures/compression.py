"""How few bytes the weights of a model are after rounding and bzip2, and how coarsely they can be rounded."""

import bz2
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import Array, check_finite
from progress_measures._checks.values import (
    check_callable,
    check_integer,
    check_model,
    check_number,
    shape_of,
    type_name,
)
from progress_measures._model_state import undisturbed, with_values
from progress_measures.norms import named_parameters, numbers_of

__all__ = ["coarsest_step", "compressed_size"]

LARGEST = 2**31 - 1  # of what is written, integers of 32 bits
FINEST = 60  # how many times the coarsest step is halved at most, after which float64 has no digits left


def compressed_size(model: nn.Module | Mapping[str, Array], *, step: float | Array) -> Tensor:
    r"""The bytes of all weights of a model, rounded to multiples of a step and compressed with bzip2.

    What is compressed, with bzip2's level 9, are the integers :math:`q_i = \mathrm{round}(\theta_i / \Delta)`, where
    halves are rounded to even, each in 4 bytes, the lowest first. Parameters follow each other in the order of
    ``model.named_parameters()``, a shared one once, each in row-major order. The number is the same on every machine.

    Args:
        model: Any module or state dict, as for :func:`sum_squared_weights`.
        step: The step Δ, above 0, such as that of :func:`coarsest_step`.

    Returns:
        The number of bytes, int64, shape ``()``, on the CPU; a count, so without a gradient.

    Raises:
        TypeError: If ``step`` is not a number, and as for :func:`sum_squared_weights`.
        ValueError: If ``step`` is not above 0, or so small that an integer needs more than 4 bytes; if a weight is not
            finite; and as for :func:`sum_squared_weights`.

    References:
        DeMoss et al. (2024), "The complexity dynamics of grokking" (arXiv 2412.09810). Here without their truncation of
        singular values, and without the bytes in which Python stores what a tensor is.

    Example:
        >>> pm.compression.compressed_size({"weight": torch.full((1000,), 0.3)}, step=0.25)
        tensor(42)
    """
    size = _check_step(step)
    parts = []
    for name, parameter in named_parameters(model):
        rounded = (_finite(numbers_of(parameter).detach(), name) / size).round()
        largest = float(rounded.abs().max()) if rounded.numel() > 0 else 0.0
        if largest > LARGEST:
            raise ValueError(
                f"`step` must leave integers of at most 4 bytes. Got {size:g}, where {name!r} has {largest:g} steps. "
                f"Pass at least {1.06 * size * largest / LARGEST:.2g}."  # more than what two digits may take off
            )
        parts.append(rounded.to("cpu", torch.int32).contiguous().numpy().astype("<i4").tobytes())
    return torch.tensor(len(bz2.compress(b"".join(parts), 9)), device="cpu")


def coarsest_step(
    model: nn.Module, loss: Callable[[nn.Module], Tensor], *, tolerance: float, refinements: int = 6
) -> Tensor:
    r"""How coarsely the weights of a model can be rounded before its loss changes by more than a tolerance.

    .. math:: \Delta : \quad | \ell(\mathrm{round}(\theta / \Delta) \, \Delta) - \ell(\theta) | \le \epsilon

    The step is halved, from twice the largest weight on, until the loss is within the tolerance; then the interval to
    the last step that was not is bisected. Larger steps may happen to be within the tolerance too.

    Args:
        model: Any module. Its weights are replaced while the loss is computed, and put back, even after an error; they
            are the same tensors then, with the same values.
        loss: A function from the model to one number, such as
            ``lambda model: pm.cross_entropy(pm.grid_logits(model, op), op, mask=train_mask)``. It is computed without
            gradients, in evaluation mode, and from the same random state each time.
        tolerance: ε, above 0.
        refinements: How often the interval is bisected; each takes one loss. With 6 the step is right to 1.6 %.

    Returns:
        The step, float64, shape ``()``, on the CPU; found by trying steps, so without a gradient. It is 0 if all
        weights are zero, because zeros need no step.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``tolerance`` is not above 0, or ``refinements`` is negative; if a weight or the loss is not
            finite; if no step keeps the loss, as where it changes from one call to the next.

    References:
        DeMoss et al. (2024), "The complexity dynamics of grokking" (arXiv 2412.09810). Their code bisects on the step
        from the start.

    Example:
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> _ = torch.nn.init.constant_(model.weight, 1.0)
        >>> # 2 makes 0 of it; 1 is the next that is tried, and changes nothing
        >>> pm.compression.coarsest_step(model, lambda model: model.weight.sum(), tolerance=0.25, refinements=0)
        tensor(1., dtype=torch.float64)
    """
    check_model(model)
    check_callable(loss, "loss")
    epsilon = check_number(tolerance, "tolerance", above=0)
    bisections = check_integer(refinements, "refinements", at_least=0)
    numbers = {name: _finite(numbers_of(parameter.detach()), name) for name, parameter in named_parameters(model)}
    largest = max((float(x.abs().max()) for x in numbers.values() if x.numel() > 0), default=0.0)
    weights, before = list(model.parameters()), _loss_of(loss, model)
    if largest == 0:
        return torch.zeros((), dtype=torch.float64, device="cpu")

    def keeps(step: float) -> bool:
        with with_values(weights, [_rounded(x.data, step) for x in weights]):
            return abs(_loss_of(loss, model, finite=False) - before) <= epsilon

    coarse = fine = 2 * largest
    for _ in range(FINEST):
        if keeps(fine):
            break
        coarse, fine = fine, fine / 2
    else:
        raise ValueError(
            f"`loss` must be within the tolerance of {epsilon:g} for some step. Got none down to {coarse:g}. "
            "It has to be the same each time that it is computed: draw nothing in it, or from a seed."
        )
    for _ in range(bisections if coarse > fine else 0):
        middle = (coarse + fine) / 2
        coarse, fine = (coarse, middle) if keeps(middle) else (middle, fine)
    return torch.tensor(fine, dtype=torch.float64, device="cpu")


def _rounded(x: Tensor, step: float) -> Tensor:
    """A weight rounded to multiples of a step."""
    parts = torch.view_as_real(x) if x.is_complex() else x
    rounded = ((parts.to(torch.float64) / step).round() * step).to(parts.dtype)
    return torch.view_as_complex(rounded) if x.is_complex() else rounded


def _loss_of(loss: Callable[[nn.Module], Tensor], model: nn.Module, *, finite: bool = True) -> float:
    with undisturbed(model):
        value = loss(model)
    if not isinstance(value, Tensor | float | int) or (isinstance(value, Tensor) and value.numel() != 1):
        shape = f" of shape {shape_of(value)}" if isinstance(value, Tensor) else ""
        raise TypeError(f"`loss` must return one number. Got {type_name(value)}{shape}.")
    number = float(value.detach() if isinstance(value, Tensor) else value)
    if finite and not math.isfinite(number):
        raise ValueError(f"`loss` must be finite for the model as it is. Got {number:g}.")
    return number


def _finite(x: Tensor, name: str) -> Tensor:
    return check_finite(x, name)


def _check_step(step: object) -> float:
    """Requires one number above 0."""
    if isinstance(step, Tensor | np.ndarray) and step.shape in ((), (1,)):
        step = step.item()
    return check_number(step, "step", above=0)
