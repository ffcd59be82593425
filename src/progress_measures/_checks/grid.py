"""Checks of what lives on the elements of an operation, or on the grid of their pairs."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.operations import indices, operation
from progress_measures._checks.tensors import computable, dense, finite, one_dim, real, summable, tensor, wide
from progress_measures._checks.values import as_index, kind, shape


def over_elements(x: object, op: Any, dim: object, name: str = "x") -> tuple[Tensor, int]:
    """A real tensor with one entry per element of the operation along ``dim``, and that axis."""
    x, n = finite(real(x, name), name), operation(op)
    axis = one_dim(dim, x)
    if x.numel() == 0:
        raise ValueError(f"`{name}` must hold at least one value. Got shape {shape(x)}.")
    if x.shape[axis] != n:
        raise ValueError(
            f"`{name}` must have one entry per element of the operation ({n}) along axis {axis}. Got {x.shape[axis]}. "
            f"Select them first: {name}.index_select({axis}, op.elements)."
        )
    return x, axis


def on_grid(x: object, op: Any, name: str, axes: str) -> Tensor:
    """Finite values on every pair of inputs, in their own dtype: ``(n, n, m)``, or ``(n*n, m)`` in row-major order."""
    n = operation(op)
    x = real(x, name)
    if x.ndim == 2 and x.shape[0] == n * n:
        x = x.reshape(n, n, -1)
    if x.ndim != 3 or x.shape[:2] != (n, n):
        raise ValueError(
            f"`{name}` must have axes {axes}: shape ({n}, {n}, m), or ({n * n}, m) in row-major order. Got {shape(x)}."
        )
    return summable(finite(x, name, axes), name, n)


def logits_on_grid(logits: object, op: Any) -> Tensor:
    """Finite logits with axes ``(a, b, c)``, shape ``(n, n, n)``, in their own dtype."""
    x, n = real(logits, "logits"), operation(op)
    if x.ndim in (2, 3) and x.shape[-1] != n and x.shape[:-1] in ((n, n), (n * n,)):
        remedy = " Drop the separator's column." if x.shape[-1] == n + 1 else ""
        if x.shape[-1] > n + 1:
            remedy = " Select those of `op.elements`."
        raise ValueError(
            f"`logits` must have one column per element of the operation ({n}). Got {x.shape[-1]}.{remedy}"
        )
    return on_grid(x, op, "logits", "(a, b, c)")


def mask(mask: object, n: int, device: torch.device, name: str = "mask") -> Tensor:
    """A boolean choice of pairs, ``(n, n)``, that chooses at least one; ``None`` chooses all."""
    if mask is None:
        return torch.ones(n, n, dtype=torch.bool, device=device)
    chosen = tensor(mask, name)
    if chosen.dtype != torch.bool:
        raise TypeError(f"`{name}` must be boolean. Got {chosen.dtype}.")
    if chosen.shape == (n * n,):
        chosen = chosen.reshape(n, n)
    if chosen.shape != (n, n):
        raise ValueError(f"`{name}` must have one entry per pair: shape ({n}, {n}). Got {shape(chosen)}.")
    if not bool(chosen.any()):
        raise ValueError(f"`{name}` selects no pair. A mean over nothing is undefined.")
    return chosen.to(device)


def train_mask(mask_: object, n: int, device: torch.device) -> Tensor:
    """A mask of the training pairs that leaves at least one pair to test on."""
    if mask_ is None:
        raise TypeError("`train_mask` must be boolean. Got None.")
    chosen = mask(mask_, n, device, "train_mask")
    if bool(chosen.all()):
        raise ValueError("`train_mask` leaves no pair to test on. A mean over nothing is undefined.")
    return chosen


def frequencies(values: object, op: Any) -> tuple[int, ...]:
    """Distinct members of an operation's frequencies, in the order given; possibly none."""
    n, known = operation(op), op.frequencies
    chosen = _distinct_integers(values, "frequencies")
    for k in chosen:
        if not known:
            raise ValueError(f"`frequencies` must be empty for n={n}, where there is only the constant. Got {k}.")
        if k not in known:
            remedy = f" Frequencies k and n-k are the same: pass {n - k}." if op.cyclic and n - k in known else ""
            raise ValueError(f"`frequencies` must lie in {known[0]}..{known[-1]} for n={n}. Got {k}.{remedy}")
    return chosen


def some_frequencies(values: object, op: Any) -> tuple[int, ...]:
    """Distinct members of an operation's frequencies, but neither none nor all of them."""
    chosen = frequencies(values, op)
    if not 0 < len(chosen) < len(op.frequencies):
        raise ValueError(
            f"`frequencies` must be some of the {len(op.frequencies)} for n={op.n}, and not all. Got {len(chosen)}. "
            "There is nothing to compare them with."
        )
    return chosen


def frequency_of_each(values: object, op: Any) -> Tensor:
    """A frequency of the operation for each neuron, or 0 for none, int64, ``(m,)``."""
    operation(op)
    known, chosen = len(op.frequencies), indices(values, "frequency")
    if chosen.ndim != 1:
        raise ValueError(f"`frequency` must have one entry per neuron: shape (m,). Got {shape(chosen)}.")
    for k in chosen.tolist():
        if not 0 <= k <= known:
            raise ValueError(f"`frequency` must lie in 0..{known} for n={op.n}, 0 for none. Got {k}.")
    return chosen


def bars(values: object, count: int) -> tuple[int, ...]:
    """Distinct frequencies that have a place in a picture of ``count`` frequencies; possibly none."""
    chosen = _distinct_integers(values, "key_frequencies")
    for k in chosen:
        if not 1 <= k <= count:
            raise ValueError(f"`key_frequencies` must lie in 1..{count}, as the picture does. Got {k}.")
    return chosen


def _distinct_integers(values: object, name: str) -> tuple[int, ...]:
    if isinstance(values, Tensor | np.ndarray):
        values = values.tolist()
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise TypeError(f"`{name}` must be a sequence of integers. Got {values!r} ({kind(values)}).")
    chosen: list[int] = []
    for value in values:
        k = as_index(value)
        if k is None:
            raise TypeError(f"`{name}` must be integers. Got {value!r} ({kind(value)}).")
        if k in chosen:
            raise ValueError(f"`{name}` must be distinct. Got {k} twice.")
        chosen.append(k)
    return tuple(chosen)


def predicted(logits: object, batch: int, columns: int) -> Tensor:
    """What ``predict`` returned for a batch: one row per pair, a column for every token of the operation."""
    logits = tensor(logits, "logits") if isinstance(logits, np.ndarray) else logits
    if not isinstance(logits, Tensor):
        remedy = " Return numpy.asarray of it." if hasattr(logits, "__array__") else ""
        remedy = " Return its .logits at the answer position." if hasattr(logits, "logits") else remedy
        raise TypeError(f"`predict` must return a tensor or a NumPy array of logits. Got {kind(logits)}.{remedy}")
    logits = wide(dense(logits, "logits"))
    if logits.is_complex():
        raise TypeError(f"`predict` must return real logits. Got {logits.dtype}.")
    if logits.ndim == 3:
        raise ValueError(
            f"`predict` must return logits at the answer position, shape (batch, V). Got {shape(logits)}. "
            "After model.eval(), select the position: lambda pairs: model(pairs)[:, -1]."
        )
    if logits.ndim != 2 or len(logits) != batch:
        raise ValueError(f"`predict` must return one row of logits per pair ({batch}). Got shape {shape(logits)}.")
    if logits.shape[1] < columns:
        raise ValueError(
            f"`predict` must return a logit for every token of the operation, at least {columns} columns. "
            f"Got {logits.shape[1]}."
        )
    return logits


def activation_on_grid(x: Tensor, n: int) -> Tensor:
    """An activation with one row per pair as float64 values on the grid, ``(n, n, m)``."""
    if x.ndim < 1 or len(x) != n * n:
        raise ValueError(
            f"The activation must have one row per pair of the grid ({n * n}). Got shape {shape(x)}. "
            "Run the model on `op.pairs` in one forward pass."
        )
    return computable(x).reshape(n, n, -1).to(torch.float64)
