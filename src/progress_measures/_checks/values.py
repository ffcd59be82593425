"""Checks of plain values, and how values are named in messages."""

import math
import operator
import os
from pathlib import Path
from typing import Any, get_args

import numpy as np
from torch import Tensor


def kind(value: object) -> str:
    """The name of a value's type."""
    return type(value).__name__


def shape(x: Tensor) -> str:
    """The shape of a tensor as a tuple."""
    return str(tuple(x.shape))


def integer(value: Any, name: str, *, at_least: int, at_most: int | None = None, why: str = "") -> int:
    """An integer that is not too small, nor too large for a reason; booleans and floats are not integers."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer. Got {value!r} ({kind(value)}).") from None
    if number < at_least:
        raise ValueError(f"`{name}` must be at least {at_least}. Got {number}.")
    if at_most is not None and number > at_most:
        raise ValueError(f"`{name}` must be at most {at_most}. Got {number}. {why}.")
    return number


def step(value: Any) -> int:
    """A step of a run, which trajectories keep in 64 bits."""
    return integer(value, "step", at_least=0, at_most=2**63 - 1, why="Steps have 64 bits")


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


def number(value: object, name: str, *, above: float) -> float:
    """A finite real number greater than ``above``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"`{name}` must be a real number. Got {value!r} ({kind(value)}).")
    real = float(value)
    if not (math.isfinite(real) and real > above):
        raise ValueError(f"`{name}` must be a finite number above {above:g}. Got {value!r}.")
    return real


def fraction(value: object, name: str) -> None:
    """A real number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"`{name}` must be a real number. Got {value!r} ({kind(value)}).")
    if not 0 <= float(value) < 1:
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
