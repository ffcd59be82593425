"""Inputs among rows of tokens: which inputs are in the training data, with which labels, and in another order."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import check_tensor
from progress_measures._checks.values import check_distinct_integers, shape_of
from progress_measures._rows.containers import BITS, read_rows, whole_numbers

WITH_ZERO = {  # by the name of the operation: what lets rows with the number 0 in
    "multiplication": " Pass multiplication(p, zero=True), which includes 0.",
    "division": " Pass division(p, zero=True), which includes 0 among the numbers a of a / b.",
}


def find_rows(
    inputs: Tensor, rows: Any, columns: Iterable[int] | None, grid: torch.Size, name: str = ""
) -> tuple[Tensor, Any]:
    """The index of each row of tokens among the inputs, ``(N, k)``, and the answers after the tokens in a dataset."""
    if str(getattr(rows, "dtype", "")).endswith("bool") and rows.shape == grid != inputs.shape:
        raise TypeError(f"`rows` must be tokens. Got booleans of shape {tuple(grid)}, which are a mask already.")
    read, answers = read_rows(rows)
    tokens = _select(read, inputs, columns)
    _, group = torch.unique(torch.cat([inputs, tokens]), dim=0, return_inverse=True)
    place = torch.full((int(group.max()) + 1,), -1, device="cpu")
    place[group[: len(inputs)]] = torch.arange(len(inputs), device="cpu")
    found = place[group[len(inputs) :]]
    outside = (found < 0).nonzero().flatten()
    if len(outside) > 0:
        first = int(outside[0])
        more = f" The same holds for other rows, {len(outside) - 1} in number." if len(outside) > 1 else ""
        remedy = WITH_ZERO.get(name, "") if bool((tokens[outside] == 0).any(1).all()) else ""
        signs = BITS if bool((tokens.abs() == 1).all()) and bool((tokens < 0).any()) else ""
        raise ValueError(
            f"`rows` must hold inputs of the operation. Got {tuple(tokens[first].tolist())} in row {first}, "
            f"which is none.{more}{signs}{remedy}"
        )
    return found, answers


def find_labels(found: Tensor, answers: Any, elements: Tensor, table: Tensor) -> Tensor:
    """The index of the answer in each input's label, ``(N,)``; its true answer if no row has the input.

    Args:
        found: The index of each row among the inputs, ``(rows,)``.
        answers: The token of each row's label.
        elements: The tokens of the answers.
        table: The index of the answer to each input, ``(N,)``.
    """
    if answers is None:
        raise TypeError("`answers` must be the label of each row, unless `rows` are a dataset of tokens and labels.")
    tokens = whole_numbers(answers if hasattr(answers, "shape") else torch.as_tensor(answers), "answers").flatten()
    if len(tokens) != len(found):
        raise ValueError(f"`answers` must have one label per row ({len(found)}). Got {len(tokens)}.")
    ordered, order = elements.sort()
    index = order[torch.searchsorted(ordered, tokens).clamp(max=len(elements) - 1)]
    wrong = (elements[index] != tokens).nonzero().flatten()
    if len(wrong) > 0:
        raise ValueError(
            f"`answers` must be tokens of `op.elements`. Got {int(tokens[wrong[0]])} in row {int(wrong[0])}."
        )
    labels = table.clone()
    labels[found] = index
    different = (labels[found] != index).nonzero().flatten()
    if len(different) > 0:
        row = int(different[0])
        raise ValueError(
            f"`answers` must be the same where an input is repeated. Got {int(tokens[row])} in row {row}, and "
            f"{int(elements[labels[found[row]]])} elsewhere."
        )
    return labels


def mirrors(inputs: Tensor, answers: Tensor, mask: Tensor) -> Tensor:
    """The inputs of which another order of the tokens, with the same answer, is in the mask, bool, ``(N,)``."""
    ordered = inputs.sort(1).values
    _, group = torch.unique(torch.cat([ordered, answers[:, None]], 1), dim=0, return_inverse=True)
    masked = torch.bincount(group, weights=mask.double())[group]
    fixed = (ordered.diff(dim=1) == 0).any(1)  # equal tokens: exchanging them is another order of the same input
    return masked - mask.double() * ~fixed > 0


def check_input_mask(mask: object, table: Tensor, name: str) -> Tensor:
    """Requires one boolean per input, in the shape of the table or along one axis; returns the mask, ``(N,)``."""
    chosen = check_tensor(mask, name)
    if chosen.dtype != torch.bool:
        raise TypeError(f"`{name}` must be boolean. Got {chosen.dtype}.")
    if chosen.shape not in (table.shape, (table.numel(),)):
        one = "pair" if table.ndim == 2 else "input"
        raise ValueError(f"`{name}` must have one entry per {one}: shape {shape_of(table)}. Got {shape_of(chosen)}.")
    return chosen.flatten()


def _select(tokens: Tensor, inputs: Tensor, columns: Iterable[int] | None) -> Tensor:
    """The columns of the operands' tokens."""
    count = inputs.shape[1]
    if tokens.shape[0] == 0:
        return tokens.new_zeros(0, count)
    if tokens.ndim == 1 and count == 1:
        tokens = tokens[:, None]
    if tokens.ndim != 2:
        places = " Of places among `op.inputs`, mask.view(-1)[places] = True makes a mask." if tokens.ndim == 1 else ""
        raise ValueError(f"`rows` must have shape (rows, {count}). Got {shape_of(tokens)}.{places}")
    _check_not_one_hot(tokens, count)
    if columns is not None:
        return tokens[:, _check_columns(columns, count, tokens.shape[1])]
    if tokens.shape[1] != count:
        remedy = ""
        if len(tokens) == count:
            remedy = " Pass their transpose, rows.T."
        elif tokens.shape[1] > count:
            remedy = " Pass `columns`, the places of the operands' tokens in a row."
        raise ValueError(f"`rows` must have one column per operand ({count}). Got {shape_of(tokens)}.{remedy}")
    return tokens


def _check_not_one_hot(tokens: Tensor, count: int) -> None:
    """Requires tokens rather than one-hot vectors."""
    width = tokens.shape[1] // count
    if width < 3 or tokens.shape[1] % count != 0 or not bool(((tokens == 0) | (tokens == 1)).all()):
        return
    if bool((tokens.view(-1, count, width).sum(-1) == 1).all()):
        raise ValueError(
            f"`rows` must have one column per operand ({count}). Got {tokens.shape[1]}, of which each {width} have a "
            f"single 1. Pass the places of these: rows.view(-1, {count}, {width}).argmax(-1)."
        )


def _check_columns(columns: Iterable[int], count: int, width: int) -> list[int]:
    """Requires distinct columns, one per operand."""
    chosen = check_distinct_integers(columns, "columns")
    if len(chosen) != count:
        raise ValueError(f"`columns` must name one column per operand ({count}). Got {len(chosen)}.")
    for column in chosen:
        if not -width <= column < width:
            raise ValueError(f"`columns` must be columns of the rows ({width}). Got {column}.")
    return [*check_distinct_integers([column % width for column in chosen], "columns")]
