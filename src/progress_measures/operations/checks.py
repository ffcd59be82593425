"""Checks of arguments that are operations, or that belong to one: frequencies, weights, values on the grid, masks."""

import torch
from torch import Tensor

from progress_measures._blocks import blocks
from progress_measures._checks.tensors import check_dim, check_finite, check_real, check_tensor
from progress_measures._checks.values import shape_of, type_name
from progress_measures.operations.fields import check_members
from progress_measures.operations.operation import Operation


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


def check_over_elements(x: object, op: object, dim: object, name: str = "x") -> tuple[Tensor, int]:
    """Requires finite real values, one per element of the operation along ``dim``; returns them and that axis."""
    x, n = check_finite(check_real(x, name), name), check_operation(op).n
    axis = check_dim(dim, x)
    if x.numel() == 0:
        raise ValueError(f"`{name}` must hold at least one value. Got shape {shape_of(x)}.")
    if x.shape[axis] != n:
        raise ValueError(
            f"`{name}` must have one entry per element of the operation ({n}) along axis {axis}. Got {x.shape[axis]}. "
            f"Select them first: {name}.index_select({axis}, op.elements)."
        )
    return x, axis


def check_columns(x: object, op: object, dim: object, name: str = "x") -> tuple[Tensor, float]:
    """Requires one entry per element along ``dim``; returns float64 columns, ``(n, m)``, and the rounding of ``x``."""
    checked, axis = check_over_elements(x, op, dim, name)
    columns = checked.to(torch.float64).movedim(axis, 0).reshape(checked.shape[axis], -1)
    return columns, torch.finfo(checked.dtype).eps


def check_on_grid(x: object, op: object, name: str, axes: str) -> Tensor:
    """Requires finite values on every pair of inputs, ``(n, n, m)``, or ``(n*n, m)`` in row-major order.

    Returns them in their own dtype, shape ``(n, n, m)``.
    """
    n = check_operation(op).n
    x = check_real(x, name)
    if x.ndim == 2 and x.shape[0] == n * n:
        x = x.reshape(n, n, -1)
    if x.ndim != 3 or x.shape[:2] != (n, n):
        raise ValueError(
            f"`{name}` must have axes {axes}: shape ({n}, {n}, m), or ({n * n}, m) in row-major order. "
            f"Got {shape_of(x)}."
        )
    return _check_summable(check_finite(x, name, axes), name, n)


def check_logits(logits: object, op: object) -> Tensor:
    """Requires finite logits; returns them in their own dtype with axes ``(a, b, c)``, shape ``(n, n, n)``."""
    x, n = check_real(logits, "logits"), check_operation(op).n
    if x.ndim in (2, 3) and x.shape[-1] != n and x.shape[:-1] in ((n, n), (n * n,)):
        remedy = " Drop the separator's column." if x.shape[-1] == n + 1 else ""
        if x.shape[-1] > n + 1:
            remedy = " Select those of `op.elements`."
        raise ValueError(
            f"`logits` must have one column per element of the operation ({n}). Got {x.shape[-1]}.{remedy}"
        )
    return check_on_grid(x, op, "logits", "(a, b, c)")


def check_mask(mask: object, op: Operation, device: torch.device, name: str = "mask") -> Tensor:
    """Requires a boolean mask of pairs that selects at least one; returns it, ``(n, n)``. None selects all pairs."""
    n = op.n
    if mask is None:
        return torch.ones(n, n, dtype=torch.bool, device=device)
    chosen = check_tensor(mask, name)
    if chosen.dtype != torch.bool:
        raise TypeError(f"`{name}` must be boolean. Got {chosen.dtype}.")
    if chosen.shape == (n * n,):
        chosen = chosen.reshape(n, n)
    if chosen.shape != (n, n):
        raise ValueError(f"`{name}` must have one entry per pair: shape ({n}, {n}). Got {shape_of(chosen)}.")
    if not bool(chosen.any()):
        raise ValueError(f"`{name}` selects no pair. A mean over nothing is undefined.")
    return chosen.to(device)


def check_train_mask(mask: object, op: Operation, device: torch.device) -> Tensor:
    """Requires a mask of training pairs that leaves at least one pair to test on."""
    if mask is None:
        raise TypeError("`train_mask` must be boolean. Got None.")
    chosen = check_mask(mask, op, device, "train_mask")
    if bool(chosen.all()):
        raise ValueError("`train_mask` leaves no pair to test on. A mean over nothing is undefined.")
    return chosen


def _check_summable(x: Tensor, name: str, n: int) -> Tensor:
    """Requires values on the grid so small that their sums are finite; only float64 has larger values."""
    limit = torch.finfo(torch.float64).max / n**4  # restricting may make values n times as large, and n³ are summed
    for _, block in blocks(x.detach()) if x.dtype == torch.float64 else ():
        values = block.flatten()
        # The sum of squares takes half the time, and overflows only for the largest values.
        if not bool(torch.isfinite(values @ values)) and (largest := float(values.abs().amax())) > limit:
            raise ValueError(
                f"`{name}` must be at most {limit:.2g} in size for n={n}, so that their sums are finite. "
                f"Got {largest:.2g}. Divide them by a number."
            )
    return x
