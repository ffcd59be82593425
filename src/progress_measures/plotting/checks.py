"""Checks of what a picture is drawn from."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from progress_measures._checks.tensors import check_finite, check_real
from progress_measures._checks.values import check_distinct_integers, shape_of, type_name
from progress_measures.trajectory.checks import below_zero


def check_bars(values: object, count: int) -> tuple[int, ...]:
    """Distinct frequencies that have a place in a picture of ``count`` frequencies; possibly none."""
    chosen = check_distinct_integers(values, "key_frequencies")
    for k in chosen:
        if not 1 <= k <= count:
            raise ValueError(f"`key_frequencies` must lie in 1..{count}, as the picture does. Got {k}.")
    return chosen


def check_on_scale(trajectory: Any, scale: str) -> None:
    """Columns that an axis of that scale can show."""
    if scale != "log":
        return
    for name, value, step in below_zero(trajectory.steps, trajectory.columns):
        raise ValueError(
            f"`scale` must be 'linear' where numbers are below zero. Got {value:g} in {name!r} at step {step}."
        )
    for name, values in trajectory.columns.items():
        if (values == 0).any() and not (values > 0).any():
            raise ValueError(
                f"`scale` must be 'linear' for a column without a number above zero. Got {name!r}, whose largest is 0."
            )


def check_square(x: object, name: str) -> Tensor:
    """Finite real values, ``(n, n)`` with n at least 1."""
    values = check_finite(check_real(x, name), name)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.numel() == 0:
        raise ValueError(f"`{name}` must be square: shape (n, n). Got {shape_of(values)}.")
    return values


def check_labels(columns: object) -> dict[str, str]:
    """Labels by name of the columns to draw, from one name, several, or a mapping to labels."""
    if isinstance(columns, str):
        columns = [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, several, or a mapping to labels. Got {type_name(columns)}.")
    found = dict(columns) if isinstance(columns, Mapping) else {name: str(name).replace("_", " ") for name in columns}
    if not found:
        raise ValueError("`columns` must name at least one column. Got none.")
    return found
