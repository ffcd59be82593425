"""The steps and columns of two recordings of one run, put together."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Part: TypeAlias = tuple[Tensor, Mapping[str, Tensor]]


def merged(one: Part, other: Part) -> tuple[Tensor, dict[str, Tensor]]:
    """All steps and all columns of two parts, ``nan`` where neither has a number."""
    steps = torch.from_numpy(np.union1d(one[0].numpy(), other[0].numpy()))
    columns = {}
    for name in {**one[1], **other[1]}:
        found = [_laid_out(of_part, values[name], steps) for of_part, values in (one, other) if name in values]
        _check_same_numbers(found[0], found[-1], name, steps)
        columns[name] = torch.where(found[0].isnan(), found[-1], found[0])
    return steps, columns


def _laid_out(steps: Tensor, values: Tensor, over: Tensor) -> Tensor:
    """Values at some steps as values at more of them, ``nan`` where there are none."""
    found = values.new_full((len(over), *values.shape[1:]), torch.nan)
    found[torch.searchsorted(over, steps)] = values
    return found


def _check_same_numbers(one: Tensor, other: Tensor, name: str, steps: Tensor) -> None:
    """Two columns of the same shape that are equal wherever both are numbers."""
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
