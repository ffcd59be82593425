"""Checks of plain values, and descriptions of values in messages."""

import difflib
import inspect
import math
import operator
import os
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

_LISTED = 20  # the number of items that a message lists


def check_distinct_integers(values: object, name: str) -> tuple[int, ...]:
    """Requires distinct integers, possibly none, and returns them in the order given."""
    if isinstance(values, Tensor | np.ndarray):
        values = values.tolist()
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise TypeError(f"`{name}` must be a sequence of integers. Got {values!r} ({type_name(values)}).")
    chosen: list[int] = []
    for value in values:
        k = as_index(value)
        if k is None:
            raise TypeError(f"`{name}` must be integers. Got {value!r} ({type_name(value)}).")
        if k in chosen:
            raise ValueError(f"`{name}` must be distinct. Got {k} twice.")
        chosen.append(k)
    return tuple(chosen)


def check_model(value: object, name: str = "model") -> nn.Module:
    """Requires a ``torch.nn.Module``."""
    if not isinstance(value, nn.Module):
        raise TypeError(f"`{name}` must be a torch.nn.Module. Got {type_name(value)}.")
    return value


def nearest_name(path: str, names: list[str]) -> str:
    """The name most similar to ``path``, preferably one that differs from it only by a wrapper's prefix."""
    wrapped = [name for name in names if name.endswith(f".{path}") or name == path.partition(".")[2]]
    (near,) = difflib.get_close_matches(path, wrapped or names, n=1, cutoff=0.0)
    return near


def check_quantile(value: object, name: str) -> float:
    """Requires a real number in [0, 1]."""
    share = check_real_number(value, name)
    if not 0 <= share <= 1:
        raise ValueError(f"`{name}` must lie between 0 and 1. Got {value!r}.")
    return share


def listed(items: Iterable[str], separator: str = ", ", most: int = _LISTED) -> str:
    """Joins items for a message; of many items, only the first ones, and the number of the others."""
    first = [*map(escaped, items)]
    more = len(first) - most
    return separator.join(first if more <= 0 else [*first[:most], "…", f"{more:,} more"])


def escaped(text: str) -> str:
    """Replaces control characters, which a terminal obeys, and bytes that are no letters by their codes."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else repr(c)[1:-1] for c in text)


def type_name(value: object) -> str:
    """The name of a value's type."""
    return type(value).__name__


def shape_of(x: Tensor) -> str:
    """The shape of a tensor, written as a tuple."""
    return str(tuple(x.shape))


def as_index(value: Any) -> int | None:
    """An integer of Python, NumPy or PyTorch as an int; None for anything else, booleans and floats included."""
    if isinstance(value, bool) or getattr(value, "dtype", None) == torch.bool:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_integer(
    value: Any, name: str, *, at_least: int, at_most: int = 2**63 - 1, why: str = "Integers have 64 bits"
) -> int:
    """Requires an integer from ``at_least`` to ``at_most``; ``why`` explains the upper limit."""
    number = as_index(value)
    if number is None:
        raise TypeError(f"`{name}` must be an integer. Got {value!r} ({type_name(value)}).")
    if number < at_least:
        raise ValueError(f"`{name}` must be at least {at_least}. Got {number}.")
    if number > at_most:
        raise ValueError(f"`{name}` must be at most {at_most}. Got {number}. {why}.")
    return number


def check_seed(value: Any) -> int:
    """Requires a seed for a random generator: a non-negative integer of at most 64 bits."""
    return check_integer(value, "seed", at_least=0, at_most=2**64 - 1, why="Generators take 64 bits")


def check_step(value: Any) -> int:
    """Requires a step of a run: a non-negative integer that fits into int64, the dtype of a trajectory's steps."""
    return check_integer(value, "step", at_least=0, why="Steps have 64 bits")


def check_real_number(value: object, name: str) -> float:
    """Requires a real number and returns a float; an integer that is too large for a float becomes infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"`{name}` must be a real number. Got {value!r} ({type_name(value)}).")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def check_number(value: object, name: str, *, above: float) -> float:
    """Requires a finite real number greater than ``above``."""
    real = check_real_number(value, name)
    if not (math.isfinite(real) and real > above):
        raise ValueError(f"`{name}` must be a finite number above {above:g}. Got {value!r}.")
    return real


def check_fraction(value: object, name: str) -> None:
    """Requires a real number in [0, 1)."""
    if not 0 <= check_real_number(value, name) < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1. Got {value!r}.")


def check_choice(value: object, name: str, literal: Any) -> None:
    """Requires one of the values of a ``Literal``."""
    choices = get_args(literal)
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}. Got {value!r}.")


def check_callable(value: object, name: str) -> None:
    """Requires a callable."""
    if not callable(value):
        raise TypeError(f"`{name}` must be callable. Got {type_name(value)}.")


def check_takes(value: Callable[..., Any], name: str, count: int, requirement: str) -> None:
    """Requires a function that takes ``count`` positional arguments, as far as its signature tells."""
    try:
        signature = inspect.signature(value, follow_wrapped=False)
    except (TypeError, ValueError):  # some functions, mostly not written in Python, have no signature
        return
    try:
        signature.bind(*[None] * count)
    except TypeError:
        raise TypeError(f"`{name}` must take {requirement} does. Got a function of {signature}.") from None


def check_string(value: object, name: str) -> str:
    """Requires a string, and returns it."""
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a string. Got {type_name(value)}.")
    return value


def check_path(value: Any, name: str) -> None:
    """Requires the path of a file, which need not exist yet."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"`{name}` must be a path. Got {value!r} ({type_name(value)}).")
    if Path(value).is_dir():
        raise ValueError(f"`{name}` must be a file. Got {os.fspath(value)!r}, which is a folder.")


def check_progress(value: object) -> None:
    """Requires None, or a function that wraps an iterable, such as ``tqdm``."""
    if value is not None and not callable(value):
        raise TypeError(f"`progress` must be a function of an iterable, such as tqdm. Got {type_name(value)}.")
