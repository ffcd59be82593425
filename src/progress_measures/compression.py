"""The size of a model's weights after rounding and bzip2, and the coarsest rounding that keeps its loss."""

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

LARGEST = 2**31 - 1  # integer that is written, with 32 bits
FINEST = 60  # halvings of the coarsest step, after which float64 has no digits left


def compressed_size(model: nn.Module | Mapping[str, Array], *, step: float | Array) -> Tensor:
    r"""The bytes of all weights of a model, rounded to multiples of a step and compressed with bzip2.

    .. math:: \big| \, \mathrm{bzip2}(q_1 q_2 \dots q_P) \, \big|, \quad q_i = \mathrm{round}(\theta_i / \Delta)

    Halves are rounded to even. Each integer has 4 bytes, the lowest first, and bzip2 has level 9. Parameters follow
    each other in the order of ``model.named_parameters()``, a shared one once, each in row-major order. The number is
    the same on every machine, and does not change when the weights and the step are multiplied by the same power of
    two.

    Args:
        model: Any module or state dict, as for :func:`sum_squared_weights`.
        step: The step Δ, above 0, such as :func:`coarsest_step` returns.

    Returns:
        The number of bytes, int64, shape ``()``, on the CPU; a count, so without a gradient.

    Raises:
        TypeError: If ``step`` is not a number, and as for :func:`sum_squared_weights`.
        ValueError: If ``step`` is not above 0, or so small that an integer needs more than 4 bytes; if a weight is not
            finite; and as for :func:`sum_squared_weights`.

    See Also:
        :func:`effective_rank`: how many directions a single matrix uses.
        :func:`sum_squared_weights`: the size of the weights, without a step to choose.

    References:
        DeMoss et al. (2024), "The complexity dynamics of grokking" (arXiv 2412.09810). Differs from their code in that
        it does not truncate singular values, and does not count the bytes of Python's description of a tensor.

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
    r"""The coarsest rounding of a model's weights that changes its loss by at most a tolerance.

    .. math:: \Delta : \quad | \ell(\mathrm{round}(\theta / \Delta) \, \Delta) - \ell(\theta) | \le \epsilon

    The search starts from twice the largest weight and halves the step until the loss is within the tolerance. Then it
    bisects between this step and the one before. A larger step may also be within the tolerance by accident.

    Args:
        model: Any module. Its weights are replaced while the loss is computed, and put back even after an error, as the
            same tensors with the same values.
        loss: A function from the model to one number, such as ``lambda model: pm.cross_entropy(pm.grid_logits(model,
            op), op, mask=train_mask)``. It is called without gradients, in evaluation mode, and from the same random
            state each time.
        tolerance: The tolerance ε, above 0.
        refinements: The number of bisections, each of which computes one loss. With 6 the step is right to 1.6 %.

    Returns:
        The step, float64, shape ``()``, on the CPU; without a gradient, because it is found by trial. It is 0 if all
        weights are zero.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``tolerance`` is not above 0, or ``refinements`` is negative; if a weight or the loss is not
            finite; or if no step keeps the loss, for example because it changes from one call to the next.

    See Also:
        :func:`compressed_size`: the bytes of the weights at this step.
        :func:`hessian_trace`: how fast the loss changes for very small changes of the weights.

    References:
        DeMoss et al. (2024), "The complexity dynamics of grokking" (arXiv 2412.09810). Their code bisects from the
        start, without halving.

    Example:
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> _ = torch.nn.init.constant_(model.weight, 1.0)
        >>> # step 2 rounds the weight to 0; step 1 comes next, and changes nothing
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
            "It must not change from call to call: use no random numbers in it, or a fixed seed."
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
        raise ValueError(f"`loss` must be finite before any rounding. Got {number:g}.")
    return number


def _finite(x: Tensor, name: str) -> Tensor:
    return check_finite(x, name)


def _check_step(step: object) -> float:
    """Requires one number above 0."""
    if isinstance(step, Tensor | np.ndarray) and step.shape in ((), (1,)):
        step = step.item()
    return check_number(step, "step", above=0)
