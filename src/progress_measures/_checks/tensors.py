"""Checks of tensors by themselves."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from progress_measures._blocks import blocks
from progress_measures._checks.values import as_index, shape_of, type_name
from progress_measures._files import mapped


def check_indices(x: object, name: str) -> Tensor:
    """A tensor of integers, int64."""
    x = check_tensor(x, name)
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"`{name}` must be integers. Got {x.dtype}.")
    return x.to("cpu", torch.int64, copy=True)


_FLOATING = (np.float16, np.float32, np.float64)


WITHOUT_FLOAT64 = ("mps",)  # kinds of devices


Array: TypeAlias = Tensor | np.ndarray
"""What every public function takes where it computes with a tensor."""


def check_tensor(x: object, name: str) -> Tensor:
    """A tensor to compute with, also of a NumPy array; that of a memory map reads the file when it is used."""
    if isinstance(x, Tensor):
        return computable(check_dense(x, name))
    check_unmasked(x, name)
    if isinstance(x, np.memmap) and x.dtype in _FLOATING and x.flags.c_contiguous and x.flags.aligned:
        return mapped(x)
    if isinstance(x, np.ndarray | np.number):
        if x.dtype.kind not in "biufc":
            raise TypeError(f"`{name}` must be numbers. Got an array of {x.dtype}.")
        # A copy, because PyTorch reads neither negative strides nor a foreign byte order nor more than 64 bits.
        return torch.from_numpy(np.array(x, dtype=_known_to_torch(x.dtype), order="C"))
    raise TypeError(f"`{name}` must be a tensor or a NumPy array. Got {type_name(x)}.")


def computable(x: Tensor) -> Tensor:
    """A tensor on a device that has float64, in a dtype that has arithmetic; as it is wherever that is the case."""
    x = wide(x)
    return x.cpu() if x.device.type in WITHOUT_FLOAT64 else x


def wide(x: Tensor) -> Tensor:
    """A tensor in a dtype that has arithmetic: float8, which has none, becomes float32, which holds it exactly."""
    return x.to(torch.float32) if x.is_floating_point() and x.element_size() == 1 else x


def check_dense(x: Tensor, name: str) -> Tensor:
    """A tensor whose numbers lie in memory one beside the other."""
    if x.is_nested:
        raise TypeError(f"`{name}` must be a dense tensor. Got a nested one. Pass its .to_padded_tensor(…).")
    if x.layout != torch.strided:
        layout = str(x.layout).removeprefix("torch.")
        raise TypeError(f"`{name}` must be a dense tensor. Got a {layout} one. Pass its .to_dense().")
    return x


def check_unmasked(x: object, name: str) -> None:
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


def check_real(x: object, name: str) -> Tensor:
    """A tensor of real floating-point numbers; integers become float64."""
    x = check_tensor(x, name)
    if x.is_complex():
        raise TypeError(f"`{name}` must be real. Got {x.dtype}.")
    return x if x.is_floating_point() else x.to(torch.float64)


def check_finite(
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


def check_dims(dim: object, x: Tensor) -> tuple[int, ...]:
    """Axes of ``x`` as distinct non-negative integers."""
    given = dim if isinstance(dim, tuple | list) else (dim,)
    found = []
    for each in given:
        axis = as_index(each)
        if axis is None:
            raise TypeError(f"`dim` must be an integer or a tuple of integers. Got {dim!r}.")
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"`dim` must name an axis of a tensor of shape {shape_of(x)}. Got {axis}.")
        if x.shape[axis] == 0:
            raise ValueError(f"`x` must have at least one entry along `dim`. Got shape {shape_of(x)} and dim {axis}.")
        found.append(axis % x.ndim)
    if len(set(found)) < len(found):
        raise ValueError(f"`dim` must name distinct axes. Got {dim!r}.")
    return tuple(found)


def check_dim(dim: object, x: Tensor) -> int:
    """One axis of ``x`` as a non-negative integer."""
    axes = check_dims(dim, x)
    if len(axes) != 1:
        raise ValueError(f"`dim` must name one axis. Got {dim!r}.")
    return axes[0]
