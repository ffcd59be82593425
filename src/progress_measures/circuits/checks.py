"""Checks of what the measures of circuits and the toy models are given."""

from collections.abc import Mapping

import torch
from torch import Tensor

from progress_measures._checks.values import check_integer, check_number, shape_of, type_name
from progress_measures.operations.checks import check_cyclic, check_frequencies, check_operation


def check_sum_or_difference(op: object) -> int:
    """1 if answers depend on the sum of the inputs' indices modulo n alone, -1 if on their difference."""
    table = check_operation(op).table
    for sign in (1, -1):
        if torch.equal(table.roll((1, -sign), (0, 1)), table):  # one more of a, and one less of ±b
            return sign
    raise ValueError(
        f"`op` must have answers that depend on a + b or on a - b alone, indices modulo n: other pairs have no "
        f"distance. Got {op!r}."
    )


def check_amplitudes(values: object, op: object) -> dict[int, float]:
    """Positive numbers by frequency of a cyclic operation, at least one."""
    check_cyclic(op)
    if not isinstance(values, Mapping):
        raise TypeError(f"`amplitudes` must be a mapping from frequencies to numbers. Got {type_name(values)}.")
    if not values:
        raise ValueError("`amplitudes` must name at least one frequency. Got an empty mapping.")
    known = zip(check_frequencies(list(values), op), values.items(), strict=True)
    return {k: check_number(amplitude, f"amplitudes[{name!r}]", above=0) for k, (name, amplitude) in known}


def check_positions(values: object) -> tuple[int, int]:
    """The two different positions of the inputs a and b in what an embedding returns."""
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise TypeError(f"`positions` must be two integers. Got {values!r}.")
    first, second = (check_integer(value, "positions", at_least=0) for value in values)
    if first == second:
        raise ValueError(f"`positions` must be distinct. Got {first} twice.")
    return first, second


def check_embedded(output: object, batch: int) -> Tensor:
    """What an embedding returned for a batch of pairs."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        found = str(output.dtype) if isinstance(output, Tensor) else type_name(output)
        raise TypeError(f"`embedding` must return a real floating-point tensor. Got {found}.")
    if output.ndim < 2 or len(output) != batch:
        raise ValueError(f"`embedding` must return one row per pair ({batch}). Got shape {shape_of(output)}.")
    return output


def check_two_inputs(outputs: list[Tensor], places: tuple[int, int]) -> None:
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
        found = " and ".join(shape_of(output) for output in outputs)
        raise ValueError(f"`embedding` must return the same shape for both inputs. Got {found}.")
    if len(outputs) == 1 and (outputs[0].ndim < 3 or outputs[0].shape[1] <= max(first, second)):
        raise ValueError(
            f"`embedding` must return axes (pair, position, feature) with positions {first} and {second}. "
            f"Got shape {shape_of(outputs[0])}."
        )


def check_graph(logits: Tensor) -> None:
    """Logits that carry a graph."""
    if not logits.requires_grad:
        raise ValueError(
            "`predict` must return logits that are differentiable with respect to the output of `embedding`. "
            "Got logits without a graph. Leave out torch.no_grad and detach."
        )
