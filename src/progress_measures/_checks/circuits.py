"""Checks of what the measures of circuits, and models with a planted one, are given."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.grid import frequencies
from progress_measures._checks.operations import operation
from progress_measures._checks.values import integer, kind, number, shape


def cyclic(op: Any) -> int:
    """The order of a cyclic operation."""
    n = operation(op)
    if not op.cyclic:
        raise ValueError(f"`op` must be cyclic: only then has a frequency a cosine and a sine. Got {op!r}.")
    return n


def sum_or_difference(op: Any) -> int:
    """1 if answers depend on the sum of the inputs' indices modulo n alone, -1 if on their difference."""
    operation(op)
    for sign in (1, -1):
        if torch.equal(op.table.roll((1, -sign), (0, 1)), op.table):  # one more of a, and one less of ±b
            return sign
    raise ValueError(
        f"`op` must have answers that depend on a + b or on a - b alone, indices modulo n: other pairs have no "
        f"distance. Got {op!r}."
    )


def amplitudes(values: object, op: Any) -> dict[int, float]:
    """Positive numbers by frequency of a cyclic operation, at least one."""
    cyclic(op)
    if not isinstance(values, Mapping):
        raise TypeError(f"`amplitudes` must be a mapping from frequencies to numbers. Got {kind(values)}.")
    if not values:
        raise ValueError("`amplitudes` must name at least one frequency. Got an empty mapping.")
    known = zip(frequencies(list(values), op), values.items(), strict=True)
    return {k: number(amplitude, f"amplitudes[{name!r}]", above=0) for k, (name, amplitude) in known}


def positions(values: object) -> tuple[int, int]:
    """The two different positions of the inputs a and b in what an embedding returns."""
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise TypeError(f"`positions` must be two integers. Got {values!r}.")
    first, second = (integer(value, "positions", at_least=0) for value in values)
    if first == second:
        raise ValueError(f"`positions` must be distinct. Got {first} twice.")
    return first, second


def embedded(output: object, batch: int) -> Tensor:
    """What an embedding returned for a batch of pairs."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        found = str(output.dtype) if isinstance(output, Tensor) else kind(output)
        raise TypeError(f"`embedding` must return a real floating-point tensor. Got {found}.")
    if output.ndim < 2 or len(output) != batch:
        raise ValueError(f"`embedding` must return one row per pair ({batch}). Got shape {shape(output)}.")
    return output


def two_inputs(outputs: list[Tensor], places: tuple[int, int]) -> None:
    """Outputs of an embedding that was called once for both inputs, or once for each."""
    first, second = places
    if not outputs:
        raise RuntimeError("`embedding` must be called by `predict`. It was not. Pass the module that `predict` calls.")
    if len(outputs) > 2:
        raise ValueError(
            f"`embedding` must be called once for both inputs, or once for each. Got {len(outputs)} calls. "
            "Pass a module that is called for a and b alone."
        )
    if len(outputs) == 2 and outputs[0].shape != outputs[1].shape:
        found = " and ".join(shape(output) for output in outputs)
        raise ValueError(f"`embedding` must return the same shape for both inputs. Got {found}.")
    if len(outputs) == 1 and (outputs[0].ndim < 3 or outputs[0].shape[1] <= max(first, second)):
        raise ValueError(
            f"`embedding` must return axes (pair, position, feature) with positions {first} and {second}. "
            f"Got shape {shape(outputs[0])}."
        )


def graph(logits: Tensor) -> None:
    """Logits that carry a graph."""
    if not logits.requires_grad:
        raise ValueError(
            "`predict` must return logits that are differentiable with respect to the output of `embedding`. "
            "Got logits without a graph. Leave out torch.no_grad and detach."
        )
