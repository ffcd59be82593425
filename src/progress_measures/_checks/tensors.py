"""Checks of tensors that need no operation: type, dtype, layout, finiteness and axes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from progress_measures._blocks import blocks
from progress_measures._checks.parameters import check_held
from progress_measures._checks.values import as_index, shape_of, type_name
from progress_measures._files import mapped


def check_indices(x: object, name: str) -> Tensor:
    """Requires integers and returns a copy of them on the CPU, int64."""
    x = check_tensor(x, name)
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"`{name}` must be integers. Got {x.dtype}.")
    return x.to("cpu", torch.int64, copy=True)


_FLOATING = (np.float16, np.float32, np.float64)


WITHOUT_FLOAT64 = ("mps",)  # types of devices


Array: TypeAlias = Tensor | np.ndarray
"""Every public function that computes with a tensor takes either of them."""


def check_tensor(x: object, name: str) -> Tensor:
    """Requires a tensor or a NumPy array of numbers, and returns a tensor to compute with.

    A memory map of floats is not read here: its tensor reads the file when it is used.
    """
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
    """Moves a tensor to the CPU if its device has no float64, and to float32 if its dtype has no arithmetic."""
    x = wide(x)
    return x.cpu() if x.device.type in WITHOUT_FLOAT64 else x


def wide(x: Tensor) -> Tensor:
    """Converts float8, which has no arithmetic, to float32, which holds it exactly; keeps any other dtype."""
    return x.to(torch.float32) if x.is_floating_point() and x.element_size() == 1 else x


def check_dense(x: Tensor, name: str) -> Tensor:
    """Requires a tensor that holds all of its numbers and is neither nested nor sparse."""
    check_held(x, name)
    if x.is_nested:
        raise TypeError(f"`{name}` must be a dense tensor. Got a nested one. Pass its .to_padded_tensor(…).")
    if x.layout != torch.strided:
        layout = str(x.layout).removeprefix("torch.")
        raise TypeError(f"`{name}` must be a dense tensor. Got a {layout} one. Pass its .to_dense().")
    return x


def check_unmasked(x: object, name: str) -> None:
    """Requires that ``x``, if it is a NumPy array, masks no value, because the number under a mask would count."""
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
    """Requires real numbers and returns them in floating point; integers become float64."""
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
    """Requires a tensor without NaN and infinities; the error says how many there are and where the first one is.

    Args:
        x: The tensor.
        name: The tensor's name in the message.
        axes: The names of its axes in the message.
        where: Maps an index in ``x`` to the index that the message shows.
    """
    count, first = 0, tuple[int, ...]()
    for start, block in blocks(x.detach() if x.ndim > 0 else x.detach()[None]):
        if not bool(torch.isfinite(block.sum())):  # the sum may also have overflowed, so look at each value
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
    """Requires distinct axes of ``x``, none of them empty, and returns them as non-negative integers."""
    axes = []
    for value in dim if isinstance(dim, tuple | list) else (dim,):
        axis = as_index(value)
        if axis is None:
            raise TypeError(f"`dim` must be an integer or a tuple of integers. Got {dim!r}.")
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"`dim` must name an axis of a tensor of shape {shape_of(x)}. Got {axis}.")
        if x.shape[axis] == 0:
            raise ValueError(f"`x` must have at least one entry along `dim`. Got shape {shape_of(x)} and dim {axis}.")
        axes.append(axis % x.ndim)
    if len(set(axes)) < len(axes):
        raise ValueError(f"`dim` must name distinct axes. Got {dim!r}.")
    return tuple(axes)


def check_dim(dim: object, x: Tensor) -> int:
    """Requires one axis of ``x``, not an empty one, and returns it as a non-negative integer."""
    axes = check_dims(dim, x)
    if len(axes) != 1:
        raise ValueError(f"`dim` must name one axis. Got {dim!r}.")
    return axes[0]
