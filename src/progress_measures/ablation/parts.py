"""Replacements that apply to a part of an activation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import check_unmasked
from progress_measures._checks.values import shape_of, type_name
from progress_measures.ablation.checks import check_replaced, check_replacement
from progress_measures.ablation.passes import indexed
from progress_measures.ablation.replacements import Replacement

_SHOWN = 8  # entries of a list that a repr shows


def at(index: Any, replacement: Replacement) -> Replacement:
    """A replacement of a part of the activation, such as one position, one head or some features.

    ``at(index, f)`` maps x to a copy in which ``x[index]`` is replaced by ``f(x[index])``. The rest is unchanged.

    Args:
        index: An index of a tensor: an integer, a slice, ``...``, a list of integers or a mask, or a tuple of these,
            such as ``numpy.s_[:, -1]``. An integer removes its axis before ``replacement`` sees the part; on the first
            axis, this removes the batch. To keep the axis, pass a slice or a list of one integer.
        replacement: A function from the chosen part to a tensor of the same shape.

    Returns:
        A function from an activation to one of the same shape.

    Raises:
        TypeError: If ``index`` is not an index of a tensor, or ``replacement`` is not callable.
        ValueError: From the returned function, if ``index`` does not fit the activation, chooses nothing, or chooses an
            entry twice.

    See Also:
        :func:`~progress_measures.ablation.heads`: sites of attention heads, which need no index.

    Example:
        >>> pm.at((..., [0, 2]), pm.zero_ablation())(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[0., 2., 0.]])
    """
    index = _check_index(index)
    check_replacement(replacement)
    return _At(index, replacement)


@dataclass(frozen=True, eq=False)
class _At:
    """What :func:`at` returns; a class, because a nested function cannot be pickled."""

    index: tuple[Any, ...]
    replacement: Replacement

    def __call__(self, activation: Tensor) -> Tensor:
        _check_chosen(activation, self.index)
        part, replaced = activation[self.index], activation.clone()
        with indexed(activation, self.index):
            replaced[self.index] = check_replaced(self.replacement(part), part, "the part at `index`")
        return replaced

    def __repr__(self) -> str:
        return f"at({', '.join(map(_shown, self.index))}; {self.replacement!r})"


def _shown(entry: Any) -> str:
    """An entry of an index, as written between brackets."""
    if isinstance(entry, slice):
        ends = ["" if end is None else str(end) for end in (entry.start, entry.stop)]
        return ":".join([*ends, *([] if entry.step is None else [str(entry.step)])])
    if isinstance(entry, Tensor):
        return str(entry.tolist()) if entry.numel() <= _SHOWN else f"{entry.numel()} places"
    return "..." if entry is Ellipsis else str(entry)


def _check_index(value: object) -> tuple[Any, ...]:
    """The index as a tuple of entries for one or more axes each; lists and arrays become tensors on the CPU."""
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
        f"Got {entry!r} ({type_name(entry)})."
    )


def _as_array(entry: Any) -> np.ndarray:
    check_unmasked(entry, "index")
    try:
        return np.asarray(entry.tolist() if isinstance(entry, Tensor) else entry)
    except ValueError:  # uneven lengths, as in a list where a tuple of entries is meant
        return np.empty(0, dtype=object)  # which _index_entry rejects


def _check_chosen(x: Tensor, index: tuple[Any, ...]) -> None:
    """Requires an index that chooses at least one entry of the activation and no entry twice."""
    taken = torch.zeros(x.shape, dtype=torch.bool, device="cpu")  # on a GPU, an index out of range raises no error
    try:
        count = taken[index].numel()
        taken[index] = True
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"`index` must fit an activation of shape {shape_of(x)}. Got: {error}") from error
    if count == 0:
        raise ValueError(f"`index` chooses nothing of an activation of shape {shape_of(x)}.")
    if count > int(taken.sum()):
        raise ValueError(
            f"`index` must choose nothing twice. Got {count} entries, {int(taken.sum())} of them distinct."
        )
