"""Checks of tensors by themselves."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from progress_measures._blocks import blocks
from progress_measures._checks.values import as_index, kind, shape
from progress_measures._files import mapped

_FLOATING = (np.float16, np.float32, np.float64)
WITHOUT_FLOAT64 = ("mps",)  # kinds of devices

Array: TypeAlias = Tensor | np.ndarray
"""What every public function takes where it computes with a tensor."""


def tensor(x: object, name: str) -> Tensor:
    """A tensor to compute with, also of a NumPy array; that of a memory map reads the file when it is used."""
    if isinstance(x, Tensor):
        return computable(dense(x, name))
    unmasked(x, name)
    if isinstance(x, np.memmap) and x.dtype in _FLOATING and x.flags.c_contiguous and x.flags.aligned:
        return mapped(x)
    if isinstance(x, np.ndarray | np.number):
        if x.dtype.kind not in "biufc":
            raise TypeError(f"`{name}` must be numbers. Got an array of {x.dtype}.")
        # A copy, because PyTorch reads neither negative strides nor a foreign byte order nor more than 64 bits.
        return torch.from_numpy(np.array(x, dtype=_known_to_torch(x.dtype), order="C"))
    raise TypeError(f"`{name}` must be a tensor or a NumPy array. Got {kind(x)}.")


def computable(x: Tensor) -> Tensor:
    """A tensor on a device that has float64, in a dtype that has arithmetic; as it is wherever that is the case."""
    x = wide(x)
    return x.cpu() if x.device.type in WITHOUT_FLOAT64 else x


def wide(x: Tensor) -> Tensor:
    """A tensor in a dtype that has arithmetic: float8, which has none, becomes float32, which holds it exactly."""
    return x.to(torch.float32) if x.is_floating_point() and x.element_size() == 1 else x


def dense(x: Tensor, name: str) -> Tensor:
    """A tensor whose numbers lie in memory one beside the other."""
    if x.is_nested:
        raise TypeError(f"`{name}` must be a dense tensor. Got a nested one. Pass its .to_padded_tensor(…).")
    if x.layout != torch.strided:
        layout = str(x.layout).removeprefix("torch.")
        raise TypeError(f"`{name}` must be a dense tensor. Got a {layout} one. Pass its .to_dense().")
    return x


def unmasked(x: object, name: str) -> None:
    """No NumPy array that masks something: what is behind its mask would be taken for a value."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.getmaskarray(x).any():
        raise ValueError(
            f"`{name}` must not mask any value. Got {np.ma.getmaskarray(x).sum()} masked of {x.size}. "
            "Fill them in, or leave them out: `.filled(…)`, `.compressed()`."
        )


def _known_to_torch(dtype: "np.dtype[Any]") -> "np.dtype[Any]":
    native = dtype.newbyteorder("=")
    return {np.dtype(np.longdouble): np.dtype(np.float64), np.dtype(np.clongdouble): np.dtype(np.complex128)}.get(
        native, native
    )


def real(x: object, name: str) -> Tensor:
    """A tensor of real floating-point numbers; integers become float64."""
    x = tensor(x, name)
    if x.is_complex():
        raise TypeError(f"`{name}` must be real. Got {x.dtype}.")
    return x if x.is_floating_point() else x.to(torch.float64)


def finite(
    x: Tensor,
    name: str,
    axes: str = "index",
    *,
    where: Callable[[tuple[int, ...]], tuple[int, ...]] = lambda index: index,
) -> Tensor:
    """A tensor without NaN and infinities; the message says how many and where the first is.

    Args:
        x: The tensor.
        name: What it is called.
        axes: What its axes are called.
        where: From an index in ``x`` to that which the message names.
    """
    count, first = 0, tuple[int, ...]()
    for start, block in blocks(x.detach() if x.ndim > 0 else x.detach()[None]):
        if not bool(torch.isfinite(block.sum())):  # or the sum is too large: then each value is looked at
            bad = (~torch.isfinite(block)).nonzero()
            if count == 0 and len(bad) > 0:
                first = (start + int(bad[0, 0]), *bad[0, 1:].tolist())[: x.ndim]
            count += len(bad)
    if count > 0:
        raise ValueError(
            f"`{name}` must be finite. Got {count} non-finite of {x.numel()} values, "
            f"the first ({x[first].item()}) at {axes} {where(first)}."
        )
    return x


def summable(x: Tensor, name: str, n: int) -> Tensor:
    """Finite values on the grid of an operation, small enough for their sums to be finite; only float64 has larger."""
    limit = torch.finfo(torch.float64).max / n**4  # what is restricted may be n times as large, and n³ are added up
    for _, block in blocks(x.detach()) if x.dtype == torch.float64 else ():
        values = block.flatten()
        # The sum of squares takes half the time, and is finite for all but the largest.
        if not bool(torch.isfinite(values @ values)) and (largest := float(values.abs().amax())) > limit:
            raise ValueError(
                f"`{name}` must be at most {limit:.2g} in size for n={n}, so that their sums are finite. "
                f"Got {largest:.2g}. Divide them by a number."
            )
    return x


def dims(dim: object, x: Tensor) -> tuple[int, ...]:
    """Axes of ``x`` as distinct non-negative integers."""
    given = dim if isinstance(dim, tuple | list) else (dim,)
    found = []
    for each in given:
        axis = as_index(each)
        if axis is None:
            raise TypeError(f"`dim` must be an integer or a tuple of integers. Got {dim!r}.")
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"`dim` must name an axis of a tensor of shape {shape(x)}. Got {axis}.")
        if x.shape[axis] == 0:
            raise ValueError(f"`x` must have at least one entry along `dim`. Got shape {shape(x)} and dim {axis}.")
        found.append(axis % x.ndim)
    if len(set(found)) < len(found):
        raise ValueError(f"`dim` must name distinct axes. Got {dim!r}.")
    return tuple(found)


def some_dims(dim: object, x: Tensor) -> tuple[int, ...]:
    """At least one axis of ``x`` as distinct non-negative integers."""
    axes = dims(dim, x)
    if not axes:
        raise ValueError(f"`dim` must name at least one axis. Got {dim!r}.")
    return axes


def one_dim(dim: object, x: Tensor) -> int:
    """One axis of ``x`` as a non-negative integer."""
    axes = dims(dim, x)
    if len(axes) != 1:
        raise ValueError(f"`dim` must name one axis. Got {dim!r}.")
    return axes[0]


def floating_dtype(dtype: object) -> None:
    """A real floating-point dtype."""
    if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"`dtype` must be a real floating-point type. Got {dtype!r}.")


def power(x: object, op: Any = None) -> Tensor:
    """Powers by frequency, of an operation if there is one: finite, non-negative, float64, ``(K,)``."""
    values = finite(real(x, "power").detach(), "power").to(torch.float64)
    if values.ndim != 1:
        raise ValueError(f"`power` must have one entry per frequency: shape (K,). Got {shape(values)}.")
    if bool((values < 0).any()):
        raise ValueError(f"`power` must not be negative. Got {float(values.min()):g}.")
    if op is not None and len(values) != len(op.frequencies):
        raise ValueError(
            f"`power` must have one entry per frequency of the operation ({len(op.frequencies)}). Got {len(values)}."
        )
    return values


def shares(x: object) -> Tensor:
    """Shares of each neuron's variance by frequency: finite, ``(m, K)``."""
    values = finite(real(x, "share").detach(), "share", "(neuron, frequency)")
    if values.ndim != 2:
        raise ValueError(f"`share` must have axes (neuron, frequency): shape (m, K). Got {shape(values)}.")
    return values


def square(x: object, name: str) -> Tensor:
    """Finite real values, ``(n, n)`` with n at least 1."""
    values = finite(real(x, name), name)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.numel() == 0:
        raise ValueError(f"`{name}` must be square: shape (n, n). Got {shape(values)}.")
    return values


def matrices(x: object, name: str) -> Tensor:
    """Finite matrices with entries, float64, ``(…, rows, columns)``."""
    values = finite(real(x, name), name).to(torch.float64)
    if values.ndim < 2 or values.numel() == 0:
        raise ValueError(f"`{name}` must have rows and columns: shape (…, rows, columns). Got {shape(values)}.")
    return values


def same_shape(x: object, other: object, name: str) -> tuple[Tensor, Tensor]:
    """Two finite float64 tensors of one shape, the first called ``x``."""
    first, second = (finite(real(value, as_), as_).to(torch.float64) for value, as_ in ((x, "x"), (other, name)))
    if first.shape != second.shape:
        raise ValueError(f"`{name}` must have the shape of `x`, {shape(first)}. Got {shape(second)}.")
    if first.numel() == 0:
        raise ValueError(f"`x` must have values. Got shape {shape(first)}.")
    return first, second.to(first.device)


def points(x: object, waves: object) -> tuple[Tensor, Tensor, float]:
    """Finite float64 values, ``(points, …)``, functions of the points, ``(r, points)``, and the rounding of those."""
    values, rows = (finite(real(value, as_), as_) for value, as_ in ((x, "x"), (waves, "waves")))
    if rows.ndim != 2 or rows.numel() == 0:
        raise ValueError(f"`waves` must have one function a row: shape (r, points). Got {shape(rows)}.")
    if values.ndim == 0 or len(values) != rows.shape[1]:
        raise ValueError(
            f"`x` must have one row for each of the waves' {rows.shape[1]} points. Got shape {shape(values)}. "
            "A grid's first two axes are flattened to one: x.flatten(0, 1)."
        )
    if values.numel() == 0:
        raise ValueError(f"`x` must have values. Got shape {shape(values)}.")
    rounding = torch.finfo(rows.dtype).eps
    return values.to(torch.float64), rows.detach().to(values.device, torch.float64), rounding


def not_constant(centred: Tensor, rounding: float) -> None:
    """Waves of size 1 that vary, by what is left of them without their mean."""
    varies = centred.abs().amax(1) > 8 * rounding
    if not bool(varies.all()):
        row = int((~varies).nonzero()[0])
        raise ValueError(f"`waves` must not be constant; the constant is always fitted. Got one in row {row}.")


def independent(singular: Tensor, count: int, rounding: float) -> None:
    """Waves none of which is a combination of the others, by the singular values of their centred unit rows."""
    rank = int((singular > min(32 * rounding * math.sqrt(count), 0.1)).sum())
    if rank < count:
        raise ValueError(
            f"`waves` must be independent of each other and of a constant. Got {count} of rank {rank}. "
            "Leave out what the others make up; the constant is always fitted."
        )
