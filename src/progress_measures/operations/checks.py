"""Checks of operations, and of arguments that belong to one: frequencies, weights, values on the grid, masks."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._blocks import blocks
from progress_measures._checks.tensors import check_dim, check_finite, check_real
from progress_measures._checks.values import shape_of, type_name
from progress_measures._rows.places import check_input_mask
from progress_measures.operations.axes import axes_of, smallest_vocabulary
from progress_measures.operations.fields import check_members
from progress_measures.operations.operands import check_tuple
from progress_measures.operations.operation import Operation


def two_logits(x: Tensor) -> str:
    """How to make two logits of one output, for messages."""
    join = "cat" if x.ndim > 0 and x.shape[-1] == 1 else "stack"
    return (
        f"If x is one output, positive where the answer is 1, its logits are "
        f"torch.{join}([torch.zeros_like(x), x], -1). "
        "If it is positive where the answer is 0, as a product of signs is, swap the two."
    )


def check_operation(op: object, name: str = "op") -> Operation:
    """Requires an operation."""
    if not isinstance(op, Operation):
        raise TypeError(f"`{name}` must be an Operation, such as addition(113). Got {type_name(op)}.")
    return op


def check_cyclic(op: object) -> Operation:
    """Requires an operation whose frequencies are those of Z/n."""
    checked = check_operation(op)
    if not checked.cyclic:
        raise ValueError(f"`op` must be cyclic: only then has a frequency a cosine and a sine. Got {op!r}.")
    return checked


def check_frequencies(values: object, op: object) -> tuple[int, ...]:
    """Requires distinct frequencies of an operation, possibly none, and returns them in the order given."""
    checked = check_operation(op)
    return check_members(values, checked.frequencies, checked.n, cyclic=checked.cyclic)


def check_parts(values: object, op: object) -> tuple[int, ...] | list[tuple[int, ...]]:
    """Requires distinct frequencies, all of the answer (integers) or all of the inputs (a tuple of integers each)."""
    checked = check_operation(op)
    chosen = values.tolist() if isinstance(values, Tensor | np.ndarray) else values
    chosen = list(chosen) if isinstance(chosen, Iterable) and not isinstance(chosen, str | bytes) else []
    if not any(isinstance(value, tuple | list) for value in chosen):
        if isinstance(values, tuple) and len(values) == len(checked.operands) and len({*chosen, 0}) <= len(chosen):
            raise ValueError(
                f"`frequencies` must be distinct members of `op.frequencies`. Got {values!r}. "
                f"If it is a frequency of the inputs, pass a list of such tuples: [{values!r}]."
            )
        return check_frequencies(chosen or values, checked)
    if not all(isinstance(value, tuple | list) for value in chosen):
        raise TypeError(
            "`frequencies` must be integers, parts of the functions of the answer, or tuples, parts of the functions "
            f"of the inputs. Got both: {chosen!r}. Such parts overlap."
        )
    counts = [int(checked.operand_basis(axis)[1][-1]) for axis in range(len(check_all_inputs(checked).operands))]
    tuples = [check_tuple(tuple(value), counts) for value in chosen]
    for value in tuples:
        if tuples.count(value) > 1:
            raise ValueError(f"`frequencies` must be distinct. Got {value!r} twice.")
        if not any(value):
            raise ValueError(f"`frequencies` must not hold the constant, {value!r}, which is always kept.")
    return tuples


def check_over_elements(x: object, op: object, dim: object, name: str = "x") -> tuple[Tensor, int]:
    """Requires finite real values, one per element of the operation along ``dim``; returns them and that axis."""
    checked = check_operation(op)
    x, n = check_finite(check_real(x, name), name), checked.n
    axis = check_dim(dim, x)
    if x.numel() == 0:
        raise ValueError(f"`{name}` must hold at least one value. Got shape {shape_of(x)}.")
    if x.shape[axis] != n:
        raise ValueError(
            f"`{name}` must have one entry per element of the operation ({n}) along axis {axis}. Got {x.shape[axis]}."
            + _where_elements_are(x, checked, axis, name)
        )
    return x, axis


def _where_elements_are(x: Tensor, op: Operation, axis: int, name: str) -> str:
    """The remedy for weights without one entry per element along an axis."""
    axes = axes_of(x.shape, op, [op.n])
    if axes.possible == [axis] and not axes.one_hot:
        return f" Select them first: {name}.index_select({axis}, op.elements)."
    remedies = {}
    for other in axes.possible:
        said = "" if other == axis else f"dim={other}"
        if x.shape[other] == op.n:
            remedies[other] = said
        elif axes.one_hot.get(other) == op.n < smallest_vocabulary(op):
            remedies[other] = f"one operand's, one per element{said and ', with '}{said}"
        else:
            first = " for the first operand" if other in axes.one_hot else ""
            remedies[other] = f"{name}.index_select({other}, op.elements){said and ' with '}{said}{first}"
    if axes.only is not None:
        return f" Axis {axes.only} has {x.shape[axes.only]}: pass {remedies[axes.only]}."
    return "".join(f" If {axes.what(other)}, pass {remedy}." for other, remedy in remedies.items())


def check_columns(x: object, op: object, dim: object, name: str = "x") -> tuple[Tensor, float]:
    """Requires one entry per element along ``dim``; returns float64 columns, ``(n, m)``, and the rounding of ``x``."""
    checked, axis = check_over_elements(x, op, dim, name)
    columns = checked.to(torch.float64).movedim(axis, 0).reshape(checked.shape[axis], -1)
    return columns, torch.finfo(checked.dtype).eps


def check_pairs(op: object, why: str, *, remedy: str = "", of_some: str = "") -> Operation:
    """Requires all pairs of two operands with the answers' frequencies; ``why`` gives the reason for the message.

    ``remedy`` is for operations on all combinations of their operands, ``of_some`` for those on some inputs only.
    """
    checked = check_operation(op)
    if not checked.on_pairs:
        raise ValueError(
            f"`op` must take all pairs of two operands with the answers' frequencies: {why}. Got {checked!r}."
            + (remedy if checked.operands else of_some)
        )
    return checked


def check_pairs_of_elements(op: object, name: str = "op") -> Operation:
    """Requires all pairs of elements, in their order."""
    checked = check_operation(op, name)
    if len(checked.operands) != 2 or not all(torch.equal(tokens, checked.elements) for tokens in checked.operands):
        raise ValueError(f"`{name}` must take all pairs of its elements, in their order. Got {checked!r}.")
    return checked


def check_all_inputs(op: object) -> Operation:
    """Requires an operation on all combinations of its operands."""
    checked = check_operation(op)
    if not checked.operands:
        raise ValueError(
            f"`op` must have all combinations of its operands: frequencies of the inputs are products of functions "
            f"of each. Got {checked!r}, which has some inputs only. "
            "Frequencies of the answer do not need all: pass integers, or use `spectra.answer_spectrum`."
        )
    return checked


def check_on_grid(x: object, op: object, name: str, axes: str) -> Tensor:
    """Requires finite values on every input, the shape of the table plus one axis, or ``(N, m)`` in its order.

    Returns them in their own dtype, shape ``(N, m)``.
    """
    checked = check_operation(op)
    grid, count = tuple(checked.table.shape), checked.table.numel()
    x = check_real(x, name)
    if x.ndim == 2 and len(x) == count:
        x = x.reshape(*grid, -1)
    if x.ndim != len(grid) + 1 or tuple(x.shape[:-1]) != grid:
        shape = f"({', '.join(map(str, grid))}, m)"
        flat = f", or ({count}, m) in row-major order" if len(grid) > 1 else ""
        raise ValueError(f"`{name}` must have axes {axes}: shape {shape}{flat}. Got {shape_of(x)}.")
    return _check_summable(check_finite(x, name, axes), name, checked).flatten(0, -2)


def check_logits(logits: object, op: Any) -> Tensor:
    """Requires finite logits; returns them in their own dtype, shape ``(N, n)``."""
    x, n = check_real(logits, "logits"), check_operation(op).n
    grid, count = op.table.shape, op.table.numel()
    if n == 2 and x.shape in (grid, (count,), (*grid, 1), (count, 1)):
        raise ValueError(f"`logits` must have one column per answer (2). Got shape {shape_of(x)}. {two_logits(x)}")
    if x.shape[:-1] in (grid, (count,)) and x.shape[-1] != n:
        in_order = torch.equal(op.elements, torch.arange(n, device="cpu"))
        remedy = " Drop the separator's column." if x.shape[-1] == n + 1 and in_order else ""
        if x.shape[-1] > n and not remedy:
            remedy = " Select those of the answers: logits[..., op.elements]."
        raise ValueError(
            f"`logits` must have one column per element of the operation ({n}). Got {x.shape[-1]}.{remedy}"
        )
    return check_on_grid(x, op, "logits", op.axes)


def check_mask(mask: object, op: Operation, device: torch.device, name: str = "mask") -> Tensor:
    """Requires a boolean mask of inputs that selects at least one; returns it, ``(N,)``. None selects all inputs."""
    if mask is None:
        return torch.ones(op.table.numel(), dtype=torch.bool, device=device)
    chosen = check_input_mask(mask, op.table, name)
    if not bool(chosen.any()):
        raise ValueError(f"`{name}` selects no {one_input(op)}. A mean over nothing is undefined.")
    return chosen.to(device)


def one_input(op: Operation) -> str:
    """The word for an input in messages: a pair, if it has two operands."""
    return "pair" if op.table.ndim == 2 else "input"


def _check_summable(x: Tensor, name: str, op: Operation) -> Tensor:
    """Requires values on the inputs whose sums are finite; only float64 can hold larger ones."""
    # Restricting may make values n times larger, and N · n of them are summed.
    limit = torch.finfo(torch.float64).max / op.n**2 / op.table.numel()
    for _, block in blocks(x.detach()) if x.dtype == torch.float64 else ():
        values = block.flatten()
        # The sum of squares takes half the time, and overflows only for the largest values.
        if not bool(torch.isfinite(values @ values)) and (largest := float(values.abs().amax())) > limit:
            raise ValueError(
                f"`{name}` must be at most {limit:.2g} in size for n={op.n}, so that their sums are finite. "
                f"Got {largest:.2g}. Divide them by a number."
            )
    return x
