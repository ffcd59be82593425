"""Checks of the name and the numbers of a column."""

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.values import type_name


def check_column_name(name: object, of: str) -> None:
    """Requires a string other than ``"steps"``, which is reserved for the steps."""
    if not isinstance(name, str):
        raise TypeError(f"`{of}` must have strings as names. Got {name!r} ({type_name(name)}).")
    if name == "steps":
        raise ValueError(f"`{of}` must not use the name 'steps'. It is taken by the steps themselves.")


def check_numeric(value: object, name: str) -> Tensor:
    """Requires real numbers; returns a float64 copy on the CPU without a graph, with ``nan`` for masked entries."""
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "biuf":
        value = np.where(np.ma.getmaskarray(value), np.nan, value.data)
    try:
        array = np.asarray(_without_graph(value))
    except ValueError:
        raise TypeError(f"`{name}` must be numbers. Got {type_name(value)}.") from None
    if array.dtype.kind == "c":
        raise TypeError(f"`{name}` must be real. Got {array.dtype}.")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`{name}` must be numbers. Got {type_name(value)}.")
    return torch.from_numpy(np.array(array, dtype=np.float64))


def _without_graph(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_without_graph(item) for item in value]
    if not isinstance(value, Tensor):
        return value
    # NumPy has no bfloat16.
    return value.detach().cpu().to(torch.complex128 if value.is_complex() else torch.float64).numpy()
