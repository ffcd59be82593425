"""Rows of tokens, and answers if there are any, from the containers in which users keep data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

from progress_measures._checks.tensors import check_tensor
from progress_measures._checks.values import type_name

BITS = " Bits of such signs are (1 - x) / 2, whose parity is 1 where the product of the signs is -1."


def read_rows(rows: Any, name: str = "rows") -> tuple[Tensor, Any]:
    """Tokens, int64, from a tensor, an array, lists or a dataset; and the answers after them in a dataset, or None."""
    answers = None
    if not isinstance(rows, Tensor | np.ndarray):
        rows, answers = _of_container(rows, name)
    return whole_numbers(rows, name), answers


def whole_numbers(values: Any, name: str) -> Tensor:
    """Requires whole numbers, also as floats or booleans; returns them as int64 on the CPU."""
    x = check_tensor(values, name).detach().cpu()
    whole = not x.is_complex() and (not x.is_floating_point() or bool((x.isfinite() & (x == x.round())).all()))
    if not whole:
        raise TypeError(f"`{name}` must be whole numbers, the tokens of each row. Got {x.dtype} with other values.")
    return x.to(torch.int64)


def _of_container(rows: Any, name: str) -> tuple[Any, Any]:
    if isinstance(rows, Subset) and type(rows).__getitem__ is Subset.__getitem__ and _is_plain(rows.dataset):
        chosen = torch.as_tensor(np.asarray(rows.indices), dtype=torch.int64, device="cpu")
        whole: Any = rows.dataset  # its declared type says less than _is_plain
        return _of_tensors(tuple(x[chosen] for x in whole.tensors))
    if _is_plain(rows):
        return _of_tensors(rows.tensors)
    if isinstance(rows, str | dict) or not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__")):
        remedy = " Pass its dataset." if hasattr(rows, "dataset") else " Pass the tensor of its tokens."
        raise TypeError(f"`{name}` must be a tensor, an array, lists, or a dataset. Got {type_name(rows)}.{remedy}")
    return _of_items([rows[i] for i in range(len(rows))], name)


def _is_plain(rows: Any) -> bool:
    """Whether the items of a dataset are those of its tensors, so that no loop over them is needed."""
    return isinstance(rows, TensorDataset) and type(rows).__getitem__ is TensorDataset.__getitem__


def _of_tensors(tensors: tuple[Tensor, ...]) -> tuple[Tensor, Any]:
    """The first tensor and the second one; or all tensors as columns, if each has one number per row."""
    if all(x.ndim == 2 and x.shape[1] == 1 for x in tensors):
        return torch.cat(tensors, 1), None
    if tensors[0].ndim > 1:
        return tensors[0], tensors[1] if len(tensors) > 1 else None
    return torch.stack([x for x in tensors if x.ndim == 1], 1), None


def _of_items(items: Sequence[Any], name: str) -> tuple[Any, Any]:
    """The rows of nested lists, or of a dataset whose items are tokens and an answer."""
    if any(isinstance(item, dict) for item in items):
        key = next(iter(next(item for item in items if isinstance(item, dict))), "tokens")
        raise TypeError(f"`{name}` must hold rows of tokens. Got mappings. Pass [item[{key!r}] for item in {name}].")
    if not items:
        return torch.zeros(0, 0, dtype=torch.int64, device="cpu"), None
    answers = None
    if all(isinstance(item, tuple | list) and len(item) > 1 and np.ndim(_plain(item[0])) > 0 for item in items):
        items, answers = [item[0] for item in items], [_plain(item[1]) for item in items]
    try:
        return np.stack([np.asarray(_plain(item)) for item in items]), answers
    except ValueError:
        raise ValueError(f"`{name}` must all have the same number of tokens.") from None


def _plain(item: Any) -> Any:
    """A tensor of any dtype and device as an array; a tuple or list with its tensors as arrays."""
    if isinstance(item, Tensor):
        item = item.detach().cpu()
        return (item.double() if item.is_floating_point() else item).numpy()
    return [_plain(part) for part in item] if isinstance(item, tuple | list) else item
