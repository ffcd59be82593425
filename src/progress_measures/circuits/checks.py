"""Checks of the arguments of the measures of circuits and of the toy models."""

from collections.abc import Mapping

import torch
from torch import Tensor

from progress_measures._checks.values import check_integer, check_number, shape_of, type_name
from progress_measures.operations.checks import check_cyclic, check_frequencies, check_pairs_of_elements


def check_sum_or_difference(op: object) -> int:
    """1 if answers depend only on the sum of the inputs' indices modulo n, -1 if only on their difference."""
    table = check_pairs_of_elements(op).table
    once = torch.equal(table[0].sort().values, torch.arange(len(table), device="cpu"))
    for sign in (1, -1) if once else ():
        if torch.equal(table.roll((1, -sign), (0, 1)), table):  # a one step forward and ±b one step back
            return sign
    raise ValueError(
        f"`op` must have answers that depend only on a + b or only on a - b, for indices modulo n: otherwise pairs "
        f"have no distance. Got {op!r}."
    )


def check_amplitudes(values: object, op: object) -> dict[int, float]:
    """A dictionary from frequencies of a cyclic operation, at least one, to positive numbers."""
    check_cyclic(op)
    if not isinstance(values, Mapping):
        raise TypeError(f"`amplitudes` must be a mapping from frequencies to numbers. Got {type_name(values)}.")
    if not values:
        raise ValueError("`amplitudes` must name at least one frequency. Got an empty mapping.")
    items = zip(check_frequencies(list(values), op), values.items(), strict=True)
    return {k: check_number(amplitude, f"amplitudes[{key!r}]", above=0) for k, (key, amplitude) in items}


def check_positions(values: object) -> tuple[int, int]:
    """The two different positions of the inputs a and b in the output of an embedding."""
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise TypeError(f"`positions` must be two integers. Got {values!r}.")
    first, second = (check_integer(value, "positions", at_least=0) for value in values)
    if first == second:
        raise ValueError(f"`positions` must be distinct. Got {first} twice.")
    return first, second


def check_embedded(output: object, batch: int) -> Tensor:
    """The output of an embedding for a batch of pairs: a real tensor with one row per pair."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        kind = str(output.dtype) if isinstance(output, Tensor) else type_name(output)
        raise TypeError(f"`embedding` must return a real floating-point tensor. Got {kind}.")
    if output.ndim < 2 or len(output) != batch:
        raise ValueError(f"`embedding` must return one row per pair ({batch}). Got shape {shape_of(output)}.")
    return output


def check_two_inputs(outputs: list[Tensor], places: tuple[int, int]) -> None:
    """Requires the outputs of an embedding that was called once for both inputs, or once for each."""
    first, second = places
    if not outputs:
        raise RuntimeError("`embedding` must be called by `predict`. It was not. Pass the module that `predict` calls.")
    if len(outputs) > 2:
        raise ValueError(
            f"`embedding` must be called once for both inputs, or once for each. Got {len(outputs)} calls. "
            "Pass a module that is called only for a and b."
        )
    if len(outputs) == 2 and outputs[0].shape != outputs[1].shape:
        shapes = " and ".join(shape_of(output) for output in outputs)
        raise ValueError(f"`embedding` must return the same shape for both inputs. Got {shapes}.")
    if len(outputs) == 1 and (outputs[0].ndim < 3 or outputs[0].shape[1] <= max(first, second)):
        raise ValueError(
            f"`embedding` must return axes (pair, position, feature) with positions {first} and {second}. "
            f"Got shape {shape_of(outputs[0])}."
        )


def check_graph(logits: Tensor) -> None:
    """Requires logits that are differentiable."""
    if not logits.requires_grad:
        raise ValueError(
            "`predict` must return logits that are differentiable with respect to the output of `embedding`. "
            "Got logits without a graph. Leave out torch.no_grad and detach."
        )
