"""Checks of where in a submodule's input or output an activation is, and of which part of it is meant."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import unmasked
from progress_measures._checks.values import as_index, kind, shape

_SHOWN = 6  # of the sites that a message may name


def site_items(path: object, items: Iterable[object]) -> tuple[int | str, ...]:
    """The items of a site, and that its path is a string."""
    if not isinstance(path, str):
        raise TypeError(f"`path` must be a string. Got {path!r} ({kind(path)}).")
    found: list[int | str] = []
    for item in items:
        place = item if isinstance(item, str) else as_index(item)
        if place is None:
            raise TypeError(f"`items` must be places (integers) or names (strings). Got {item!r} ({kind(item)}).")
        found.append(place)
    return tuple(found)


def only_argument(arguments: dict[Any, Any], key: object, named: Iterable[object]) -> tuple[Any]:
    """The place or name of the one argument that a submodule was called with."""
    if len(arguments) != 1:
        raise TypeError(f"{key!r} must be the only argument. Got {len(arguments) or 'none'}.{_remedy(named)}")
    (only,) = arguments
    return (only,)


def activation(value: object, missing: bool, key: object, named: Iterable[object]) -> Tensor:
    """What a hook found at a site, if it is a tensor; ``named`` are the sites where there is one."""
    if missing:
        raise ValueError(f"{key!r} must be a tensor. Got nothing: there is no such item.{_remedy(named)}")
    if isinstance(value, Tensor) and value.is_nested:
        raise TypeError(
            f"{key!r} must be a tensor with a shape. Got a nested one, which nn.TransformerEncoder makes of padded "
            "inputs. Make the encoder with enable_nested_tensor=False."
        )
    if not isinstance(value, Tensor):
        whole = isinstance(key, str)
        requirement = f"The submodule {key!r} must return a tensor" if whole else f"{key!r} must be a tensor"
        raise TypeError(f"{requirement}. Got {kind(value)}.{_remedy(named)}")
    return value


def _remedy(named: Iterable[object]) -> str:
    first = [repr(site) for site in islice(named, _SHOWN + 1)]
    if not first:
        return " Name the submodule that makes the tensor."
    return f" Name one: {', '.join(first[:_SHOWN])}{', …' if len(first) > _SHOWN else ''}."


def index(value: object) -> tuple[Any, ...]:
    """What a tensor can be indexed with, one entry per axis or more: lists and arrays as tensors on the CPU."""
    return tuple(_index_entry(entry) for entry in (value if isinstance(value, tuple) else (value,)))


def _index_entry(entry: Any) -> Any:
    if entry is Ellipsis or isinstance(entry, slice):
        return entry
    array = _as_array(entry)
    if array.ndim == 0 and array.dtype.kind in "iu":
        return int(array)
    if array.ndim > 0 and (array.dtype.kind in "biu" or (array.size == 0 and array.dtype != object)):
        return torch.from_numpy(array.astype(bool if array.dtype.kind == "b" else np.int64))
    raise TypeError(
        "`index` must be an integer, a slice, ..., a list of integers or a mask, or a tuple of these. "
        f"Got {entry!r} ({kind(entry)})."
    )


def _as_array(entry: Any) -> np.ndarray:
    unmasked(entry, "index")
    try:
        return np.asarray(entry.tolist() if isinstance(entry, Tensor) else entry)
    except ValueError:  # of uneven lengths, such as a list for the tuple of all axes
        return np.empty(0, dtype=object)


def chosen(x: Tensor, index: tuple[Any, ...]) -> None:
    """That an index chooses something of an activation, and nothing twice."""
    taken = torch.zeros(x.shape, dtype=torch.bool, device="cpu")  # where an index out of range can still be caught
    try:
        count = taken[index].numel()
        taken[index] = True
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"`index` must fit an activation of shape {shape(x)}. Got: {error}") from error
    if count == 0:
        raise ValueError(f"`index` chooses nothing of an activation of shape {shape(x)}.")
    if count > int(taken.sum()):
        raise ValueError(
            f"`index` must choose nothing twice. Got {count} entries, {int(taken.sum())} of them distinct."
        )
