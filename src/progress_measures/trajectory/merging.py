"""Merging of two recordings of one run."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Part: TypeAlias = tuple[Tensor, Mapping[str, Tensor]]  # steps and columns


def merged(one: Part, other: Part) -> tuple[Tensor, dict[str, Tensor]]:
    """Merges all steps and all columns of two parts; an entry is ``nan`` where neither part has a number."""
    steps = torch.from_numpy(np.union1d(one[0].numpy(), other[0].numpy()))
    columns = {}
    for name in {**one[1], **other[1]}:
        # The list has one tensor or two; with one, the first is also the last.
        aligned = [_aligned(part_steps, part[name], steps) for part_steps, part in (one, other) if name in part]
        _check_same_numbers(aligned[0], aligned[-1], name, steps)
        columns[name] = torch.where(aligned[0].isnan(), aligned[-1], aligned[0])
    return steps, columns


def _aligned(steps: Tensor, values: Tensor, all_steps: Tensor) -> Tensor:
    """Extends values at some steps to all steps, with ``nan`` at the steps that have no value."""
    extended = values.new_full((len(all_steps), *values.shape[1:]), torch.nan)
    extended[torch.searchsorted(all_steps, steps)] = values
    return extended


def _check_same_numbers(one: Tensor, other: Tensor, name: str, steps: Tensor) -> None:
    """Requires two columns of the same shape that are equal wherever both have a number."""
    if one.shape != other.shape:
        raise ValueError(
            f"`other` must have entries of the same shape in {name!r}. "
            f"Got {tuple(other.shape[1:])}, where the trajectory has {tuple(one.shape[1:])}."
        )
    differ = (one != other) & ~one.isnan() & ~other.isnan()
    if differ.any():
        first = tuple(differ.nonzero()[0].tolist())
        entry = "" if one.ndim == 1 else str(list(first[1:]))
        raise ValueError(
            f"`other` must agree with the trajectory wherever both have a number. Got {name}{entry} = "
            f"{float(other[first])!r} at step {steps[first[0]]}, where it has {float(one[first])!r}. "
            "Leave one of them out with select()."
        )
