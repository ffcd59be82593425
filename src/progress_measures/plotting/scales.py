"""The axis of each column: logarithmic on the left for losses, linear on the right for accuracies."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import AutoLocator, NullLocator, ScalarFormatter
from torch import Tensor

from progress_measures._checks.values import check_choice
from progress_measures.phases.milestones import SMALL
from progress_measures.plotting._text import as_text, fit_height
from progress_measures.plotting.ticks import Steps, log_numbers

Scale = Literal["linear", "log"]
_ACCURACY = re.compile(r"accurac(y|ies)|acc(?![a-z])")  # test_acc, val/Acc, trainAcc, acc@1, but no "access"
PERCENT = 100.0  # some logs have accuracies in percent


@dataclass(frozen=True)
class Sides:
    """The columns on the left axis with its scale, and the columns on a linear right axis, if any."""

    scale: str
    left: list[str]
    right: list[str]


def is_accuracy(name: str) -> bool:
    """Whether the name of a column is that of an accuracy."""
    return _ACCURACY.search(name.lower()) is not None


def are_percents(columns: Iterable[tuple[str, np.ndarray]]) -> bool:
    """Whether all columns are accuracies, and one of their numbers can only be a percent."""
    named = [*columns]
    largest = max((values[np.isfinite(values)].max(initial=0.0) for _, values in named), default=0.0)
    return all(is_accuracy(name) for name, _ in named) and bool(SMALL < largest <= PERCENT)


def sides(columns: Mapping[str, Tensor], scale: str | None) -> Sides:
    """Divides columns between two axes: with a scale, all on the left; without one, by their names and numbers."""
    names = list(columns)
    if scale is not None:
        check_choice(scale, "scale", Scale)
        return Sides(scale, names, [])
    numbers = {name: values[values.isfinite()] for name, values in columns.items()}
    known = {name: values for name, values in numbers.items() if values.numel() > 0}
    shares = [name for name, x in known.items() if is_accuracy(name) and x.min() >= 0 and x.max() <= PERCENT]
    others = [name for name in known if name not in shares]
    if not others:
        return Sides("linear" if shares else "log", names, [])
    positive = all(known[name].min() >= 0 and known[name].max() > 0 for name in others)
    return Sides("log" if positive else "linear", [name for name in names if name not in shares], shares)


def set_y(ax: Axes, label: str) -> None:
    """Labels the vertical axis unless it has a label; if too long, in two lines and in smaller letters."""
    if ax.get_ylabel() or not label:
        return
    ax.set_ylabel(label)
    if _share_of_height(ax) > 1:
        ax.set_ylabel(label.replace(" (", "\n(", 1))
    fit_height(ax.yaxis.label, ax.get_window_extent().height)


def _share_of_height(ax: Axes) -> float:
    return float(ax.yaxis.label.get_window_extent().height / ax.get_window_extent().height)


def check_x(x: str) -> None:
    """Requires a scale of the horizontal axis."""
    check_choice(x, "x", Scale)


def set_x(ax: Axes, x: str, steps: list[int], step_name: str) -> None:
    """Sets scale, limits and label of the horizontal axis, from sorted steps.

    Step 0 has no place on a logarithmic axis. So the axis is linear from step 0 to the power of ten at or below the
    next step.
    """
    label = as_text(step_name).replace("_", " ")
    first, last = steps[0], steps[-1]
    if x == "log" and first <= 0:
        above = 10 ** floor(log10(next((step for step in steps if step > 0), 1)))
        decades = log10(max(last / above, 1))
        ax.set_xscale("symlog", linthresh=above, linscale=max(0.4, 0.18 * decades), subs=range(2, 10))
        label = f"{label} (linear below {above})"
    elif ax.get_xscale() != x:
        ax.set_xscale(x)
    narrow = x == "log" and first > 0 and last < 10 * first  # less than a decade, in which powers of ten say little
    if narrow:
        plain = ScalarFormatter(useOffset=False)
        plain.set_scientific(False)
        ax.xaxis.set_major_formatter(plain)
        ax.xaxis.set_minor_locator(NullLocator())
    if narrow or isinstance(ax.xaxis.get_major_locator(), AutoLocator):
        ax.xaxis.set_major_locator(Steps())
    if first < last:
        ax.set_xlim(first, last)
    if x == "log" and first > 0 and not narrow:
        log_numbers(ax.xaxis)
    ax.set_xlabel(label)
