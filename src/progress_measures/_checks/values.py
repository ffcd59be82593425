"""Checks of plain values, and how values are named in messages."""

import math
import operator
import os
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor


def kind(value: object) -> str:
    """The name of a value's type."""
    return type(value).__name__


def shape(x: Tensor) -> str:
    """The shape of a tensor as a tuple."""
    return str(tuple(x.shape))


def as_index(value: Any) -> int | None:
    """An integer of Python's, NumPy's or PyTorch's, or None for what is none; booleans and floats are not integers."""
    if isinstance(value, bool) or getattr(value, "dtype", None) == torch.bool:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def integer(
    value: Any, name: str, *, at_least: int, at_most: int = 2**63 - 1, why: str = "Integers have 64 bits"
) -> int:
    """An integer that is not too small, nor too large for a reason."""
    number = as_index(value)
    if number is None:
        raise TypeError(f"`{name}` must be an integer. Got {value!r} ({kind(value)}).")
    if number < at_least:
        raise ValueError(f"`{name}` must be at least {at_least}. Got {number}.")
    if number > at_most:
        raise ValueError(f"`{name}` must be at most {at_most}. Got {number}. {why}.")
    return number


def seed(value: Any) -> int:
    """A seed of a generator."""
    return integer(value, "seed", at_least=0, at_most=2**64 - 1, why="Generators take 64 bits")


def step(value: Any) -> int:
    """A step of a run, which trajectories keep in 64 bits."""
    return integer(value, "step", at_least=0, why="Steps have 64 bits")


def prime(value: Any, name: str) -> int:
    """A prime number."""
    number = integer(value, name, at_least=2)
    factor = next((d for d in range(2, math.isqrt(number) + 1) if number % d == 0), None)
    if factor is not None:
        raise ValueError(
            f"`{name}` must be prime. Got {number} = {factor} · {number // factor}: multiples of {factor} have no "
            "inverse, so its numbers are no group."
        )
    return number


def real_number(value: object, name: str) -> float:
    """A real number, infinite if it is an integer that is too large for floats."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"`{name}` must be a real number. Got {value!r} ({kind(value)}).")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number(value: object, name: str, *, above: float) -> float:
    """A finite real number greater than ``above``."""
    real = real_number(value, name)
    if not (math.isfinite(real) and real > above):
        raise ValueError(f"`{name}` must be a finite number above {above:g}. Got {value!r}.")
    return real


def fraction(value: object, name: str) -> None:
    """A real number in [0, 1)."""
    if not 0 <= real_number(value, name) < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1. Got {value!r}.")


def choice(value: object, name: str, literal: Any) -> None:
    """One of the values of a ``Literal``."""
    choices = get_args(literal)
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}. Got {value!r}.")


def function(value: object, name: str) -> None:
    """Something that can be called."""
    if not callable(value):
        raise TypeError(f"`{name}` must be callable. Got {kind(value)}.")


def path(value: Any, name: str) -> None:
    """A path of a file, which need not be there yet."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"`{name}` must be a path. Got {value!r} ({kind(value)}).")
    if Path(value).is_dir():
        raise ValueError(f"`{name}` must be a file. Got {os.fspath(value)!r}, which is a folder.")


def progress(value: object) -> None:
    """Something that wraps an iterable, such as ``tqdm``, or nothing."""
    if value is not None and not callable(value):
        raise TypeError(f"`progress` must be a function of an iterable, such as tqdm. Got {kind(value)}.")
