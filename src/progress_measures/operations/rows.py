"""Inputs among rows of tokens: which of them stand in somebody's training data, and which are mirrored there."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import check_tensor
from progress_measures._checks.values import check_distinct_integers, shape_of, type_name


def find_rows(inputs: Tensor, rows: Any, columns: Iterable[int] | None) -> Tensor:
    """The place of each row of tokens among the inputs, ``(N, k)``; an error names the first that is none of them."""
    tokens = _select(_tokens(rows), inputs.shape[1], columns)
    _, group = torch.unique(torch.cat([inputs, tokens]), dim=0, return_inverse=True)
    place = torch.full((int(group.max()) + 1,), -1, device="cpu")
    place[group[: len(inputs)]] = torch.arange(len(inputs), device="cpu")
    found = place[group[len(inputs) :]]
    outside = (found < 0).nonzero().flatten()
    if len(outside) > 0:
        first = int(outside[0])
        more = f" So it is in {len(outside) - 1} more." if len(outside) > 1 else ""
        raise ValueError(
            f"`rows` must hold inputs of the operation. Got {tuple(tokens[first].tolist())} in row {first}, "
            f"which is none.{more}"
        )
    return found


def mirrors(inputs: Tensor, answers: Tensor, mask: Tensor) -> Tensor:
    """The inputs of which another order of the tokens stands in the mask, with the same answer, bool, ``(N,)``."""
    ordered = inputs.sort(1).values
    _, group = torch.unique(torch.cat([ordered, answers[:, None]], 1), dim=0, return_inverse=True)
    masked = torch.bincount(group, weights=mask.double())[group]
    fixed = (ordered.diff(dim=1) == 0).any(1)  # equal tokens: exchanging them is another order of the same input
    return masked - mask.double() * ~fixed > 0


def check_input_mask(mask: object, table: Tensor, name: str) -> Tensor:
    """Requires one boolean per input, in the shape of the table or as one axis; returns it, ``(N,)``."""
    chosen = check_tensor(mask, name)
    if chosen.dtype != torch.bool:
        raise TypeError(f"`{name}` must be boolean. Got {chosen.dtype}.")
    if chosen.shape not in (table.shape, (table.numel(),)):
        one = "pair" if table.ndim == 2 else "input"
        raise ValueError(f"`{name}` must have one entry per {one}: shape {shape_of(table)}. Got {shape_of(chosen)}.")
    return chosen.flatten()


def _tokens(rows: Any) -> Tensor:
    """Rows of integers, from a tensor, an array, lists, or a dataset, ``(rows, columns)``."""
    if not isinstance(rows, Tensor | np.ndarray):
        rows = _stacked(rows)
    x = check_tensor(rows, "rows").detach().cpu()
    if x.dtype == torch.bool or x.is_complex() or (x.is_floating_point() and bool((x != x.round()).any())):
        remedy = " A mask is one already." if x.dtype == torch.bool else ""
        raise TypeError(f"`rows` must be integers, the tokens of each row. Got {x.dtype}.{remedy}")
    return x.to(torch.int64)


def _stacked(rows: Any) -> Tensor | np.ndarray:
    """The rows of nested lists or of a dataset, whose items may be followed by an answer."""
    if hasattr(rows, "tensors"):  # a TensorDataset, without a loop over its items
        return _joined(rows.tensors)
    if hasattr(rows, "dataset") and hasattr(rows, "indices"):  # a Subset
        whole = _tokens(rows.dataset)
        return whole[torch.as_tensor(np.asarray(rows.indices), dtype=torch.int64, device="cpu")]
    if not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__")):
        remedy = " Pass its dataset." if hasattr(rows, "dataset") else " Pass list(…) of it."
        raise TypeError(f"`rows` must be a tensor, an array, lists, or a dataset. Got {type_name(rows)}.{remedy}")
    items = [rows[i] for i in range(len(rows))] if not isinstance(rows, dict) else [rows]
    if any(isinstance(item, dict | str) for item in items):
        raise TypeError("`rows` must hold rows of tokens. Got a mapping or text. Pass the tensor of its tokens.")
    if not items:
        return torch.zeros(0, 0, dtype=torch.int64, device="cpu")
    if all(isinstance(item, tuple) and np.ndim(item[0]) > 0 for item in items):
        items = [item[0] for item in items]  # tokens, and an answer
    try:
        return np.stack([np.asarray(item) for item in items])
    except ValueError:
        raise ValueError("`rows` must all have the same number of tokens.") from None


def _joined(tensors: tuple[Tensor, ...]) -> Tensor:
    """The tokens of a TensorDataset: its first tensor, or all of them side by side if each has one number a row."""
    return tensors[0] if tensors[0].ndim > 1 else torch.stack(tensors, 1)


def _select(tokens: Tensor, count: int, columns: Iterable[int] | None) -> Tensor:
    """The columns of the operands' tokens."""
    if tokens.shape[0] == 0:
        return tokens.new_zeros(0, count)
    if tokens.ndim == 1 and count == 1:
        tokens = tokens[:, None]
    if tokens.ndim != 2:
        raise ValueError(f"`rows` must have shape (rows, {count}). Got {shape_of(tokens)}.")
    if columns is None:
        if tokens.shape[1] != count:
            more = tokens.shape[1] > count
            first = list(range(count))
            remedy = f" Pass `columns`, where the operands' tokens stand, such as columns={first}." if more else ""
            raise ValueError(f"`rows` must have one column per operand ({count}). Got {tokens.shape[1]}.{remedy}")
        return tokens
    chosen, width = check_distinct_integers(columns, "columns"), tokens.shape[1]
    if len(chosen) != count:
        raise ValueError(f"`columns` must name one column per operand ({count}). Got {len(chosen)}.")
    for column in chosen:
        if not -width <= column < width:
            raise ValueError(f"`columns` must be columns of the rows ({width}). Got {column}.")
    return tokens[:, list(check_distinct_integers([column % width for column in chosen], "columns"))]
