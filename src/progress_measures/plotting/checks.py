"""Checks of the data and the labels of a picture."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from progress_measures._checks.tensors import check_finite, check_real
from progress_measures._checks.values import check_distinct_integers, listed, shape_of, type_name
from progress_measures.operations.operands import check_tuple
from progress_measures.plotting._text import as_text
from progress_measures.trajectory.checks import below_zero, span_of

_FEW, _SHORT = 0.1, 0.5  # a mean over a smaller share of a run's steps, or of its length, is worth a warning
ROUNDING = 1e-6  # of shares in float32
_FARTHEST = 1e300  # beyond it, the margins of the axis and the positions of its ticks are not finite


def check_bars(values: object, count: int) -> tuple[int, ...]:
    """Requires distinct frequencies from 1 to ``count``, possibly none."""
    chosen = check_distinct_integers(values, "key_frequencies")
    for k in chosen:
        if not 1 <= k <= count:
            raise ValueError(f"`key_frequencies` must lie in 1..{count}, as the picture does. Got {k}.")
    return chosen


def check_on_scale(trajectory: Any, scale: str) -> None:
    """Requires columns that an axis of the given scale can show."""
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


def check_in_reach(trajectory: Any) -> None:
    """Requires numbers that an axis can reach; numbers that are not finite are left out of a picture."""
    for name, values in trajectory.columns.items():
        places = (values.isfinite() & (values.abs() > _FARTHEST)).nonzero()
        if len(places) > 0:
            place = tuple(places[0].tolist())
            raise ValueError(
                f"`columns` must lie within ±{_FARTHEST:g}, because matplotlib's axes end there. "
                f"Got {values[place]:g} in {name!r} at step {trajectory.steps[place[0]]}. Leave that step out."
            )


def check_common_steps(runs: Any) -> list[int]:
    """Requires a step that all runs have, at which their mean is drawn."""
    steps: list[int] = runs.steps.tolist()
    if not steps:
        spans = listed(f"{name} with {len(run.steps)} in {span_of(run.steps)}" for name, run in runs.items())
        raise ValueError(
            f"`runs` must have a step in common. Got {spans}. Draw each run, not their mean: spread='each' (--each)."
        )
    return steps


def warn_of_few_common_steps(runs: Any, *, stacklevel: int) -> None:
    """Warns of a mean that leaves out most of a run's steps, or most of its length."""
    common = runs.steps
    fewest = min(map(len, runs.values()))
    name, longest = max(runs.items(), key=lambda item: int(item[1].steps[-1] - item[1].steps[0]))
    length = int(longest.steps[-1] - longest.steps[0])
    if len(common) < _FEW * fewest or int(common[-1] - common[0]) < _SHORT * length:
        warnings.warn(
            f"`runs` have only {len(common)} steps in common, in {span_of(common)}, and the mean is drawn at these. "
            f"{name!r} has {len(longest)} in {span_of(longest.steps)}. "
            "Draw each run, not their mean: spread='each' (--each).",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def check_square(x: object, name: str) -> Tensor:
    """Requires finite real values, shape ``(n, n)`` with n at least 1, and returns them."""
    values = check_finite(check_real(x, name), name)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.numel() == 0:
        raise ValueError(f"`{name}` must be square: shape (n, n). Got {shape_of(values)}.")
    return values


def check_labels(columns: object) -> dict[str, str]:
    """Maps the name of each column to draw to its label, given one name, several names, or a mapping to labels."""
    if isinstance(columns, str):
        columns = [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, several, or a mapping to labels. Got {type_name(columns)}.")
    if isinstance(columns, Mapping):
        labels = dict(columns)  # the caller's own labels, which may have mathematics
        for name, label in labels.items():
            if not isinstance(label, str):
                raise TypeError(
                    f"`columns` must map names to labels. Got {type_name(label)} for {name!r}. Pass the names alone: "
                    "list(run.columns)."
                )
    else:
        labels = {name: _label(str(name)) for name in columns}
    if not labels:
        raise ValueError("`columns` must name at least one column. Got none.")
    return labels


def _label(name: str) -> str:
    """A column's name in words; the name of a parameter, which has a dot, stays as it is."""
    return as_text(name) if "." in name else as_text(name).replace("_", " ")


def check_per_frequency(column: Tensor, name: str, *, cells: bool) -> tuple[Tensor, tuple[int, ...]]:
    """Requires one number per frequency at each step; returns them as ``(T, K)`` without the constant, and their sizes.

    The sizes are ``(K,)`` or, for frequencies of inputs, the number that each operand has, including the constant.
    """
    sizes = tuple(column.shape[1:])
    if not sizes or column.numel() == 0 or (len(sizes) > 1 and column[0].numel() == 1):
        raise ValueError(
            "`column` must have one number per frequency at each step: shape (T, K). "
            f"Got {shape_of(column)} in {name!r}."
        )
    if len(sizes) == 1:
        return column, sizes
    if cells:
        raise ValueError(
            "`kind` must be 'lines' for frequencies of the inputs, which have no order. "
            f"Got {shape_of(column)} in {name!r}."
        )
    return column.flatten(1)[:, 1:], sizes


def check_tuples(values: object, sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Requires distinct frequencies of inputs other than the constant: tuples with one integer per operand."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise TypeError(f"`key_frequencies` must be a sequence of tuples. Got {values!r} ({type_name(values)}).")
    given = [*values]
    for value in given:
        if not isinstance(value, tuple):
            raise TypeError(
                f"`key_frequencies` must be tuples, one integer per operand ({len(sizes)}). "
                f"Got {value!r} ({type_name(value)})."
            )
    chosen = [check_tuple(value, [size - 1 for size in sizes], "key_frequencies") for value in given]
    for value in chosen:
        if chosen.count(value) > 1:
            raise ValueError(f"`key_frequencies` must be distinct. Got {value!r} twice.")
        if not any(value):
            raise ValueError(f"`key_frequencies` must not hold the constant, {value!r}.")
    return chosen


def check_named(values: object, name: str) -> Mapping[str, Any]:
    """Requires a mapping from names to at least one value."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`{name}` must be a mapping from names to them. Got {type_name(values)}.")
    for key in values:
        if not isinstance(key, str):
            raise TypeError(f"`{name}` must have strings for names. Got {key!r} ({type_name(key)}).")
    if not values:
        raise ValueError(f"`{name}` must hold at least one. Got none.")
    return values


def check_shares_of_neurons(values: object) -> Tensor:
    """Requires shares in [0, 1], one row per neuron and one column per frequency; returns them on the CPU."""
    shares = check_finite(check_real(values, "shares"), "shares").detach().cpu()
    if shares.ndim != 2 or shares.numel() == 0:
        raise ValueError(
            f"`shares` must have one row per neuron, as of `neuron_spectrum`: shape (m, K). Got {shape_of(shares)}."
        )
    return check_share(shares, "shares")


def check_share(values: Tensor, name: str) -> Tensor:
    """Requires numbers from 0 to 1, to within rounding."""
    for extreme in (values.min(), values.max()):
        if not -ROUNDING <= float(extreme) <= 1 + ROUNDING:
            raise ValueError(f"`{name}` must lie between 0 and 1. Got {float(extreme):g}.")
    return values
