"""The middle of columns over several runs, in a band that says how far the runs lie apart."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from torch import Tensor

from progress_measures.plotting.checks import check_on_scale
from progress_measures.plotting.lines import Curve
from progress_measures.plotting.scales import PERCENT, Sides, is_accuracy
from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory

Spread = Literal["std", "quantiles", "each"]
_LOW, _HIGH = 0.1, 0.9  # the quantiles between which eight in ten runs lie


def middles(runs: Runs, labels: Mapping[str, str], parts: Sides, spread: Spread) -> list[Curve]:
    """The mean or the median of each column over the runs in its band, as suits its axis."""
    curves = {}
    for scale, names in ((parts.scale, parts.left), ("linear", parts.right)):
        if not names:
            continue
        middle, ends = _middle(runs.select(names), scale, spread)
        check_on_scale(middle, scale)
        for name in names:
            band = None
            if len(runs) > 1 and middle[name].ndim == 1:
                top = top_of(name, [run[name] for run in runs.values()])
                low, high = (end[name].numpy() for end in ends)
                band = (low, high) if top is None else (np.maximum(low, 0), np.minimum(high, top))
            words = f"the {'median' if spread == 'quantiles' else 'mean'} of {name!r}"
            curves[name] = Curve(name, middle.steps.numpy(), middle[name].numpy(), labels[name], words, band)
    return [curves[name] for name in labels]


def words(spread: Spread, scale: str, count: int) -> str:
    """What the lines and their bands are, behind the name of an axis; nothing where each run is a line."""
    if spread == "each":
        return ""
    mean = "median" if spread == "quantiles" else "geometric mean" if scale == "log" else "mean"
    band = "10–90 %" if spread == "quantiles" else "×÷ 1 sd" if scale == "log" else "± 1 sd"
    return f"({mean} of {count} runs, {band})" if count > 1 else f"({mean} of 1 run)"


def _middle(runs: Runs, scale: str, spread: Spread) -> tuple[Trajectory, tuple[Trajectory, Trajectory]]:
    """The middle of each column at each step, and both ends of its band."""
    if spread == "quantiles":
        return runs.quantile(0.5), (runs.quantile(_LOW), runs.quantile(_HIGH))
    mean = runs.mean(scale=scale)  # type: ignore[arg-type]  # a string that was checked
    if len(runs) == 1:
        return mean, (mean, mean)
    width = runs.std(scale=scale)  # type: ignore[arg-type]  # as above
    columns = {name: (values, width[name]) for name, values in mean.columns.items()}
    lows = {name: x / y if scale == "log" else x - y for name, (x, y) in columns.items()}
    highs = {name: x * y if scale == "log" else x + y for name, (x, y) in columns.items()}
    return mean, (Trajectory(mean.steps, lows), Trajectory(mean.steps, highs))


def top_of(name: str, numbers: list[Tensor]) -> float | None:
    """The largest number that an accuracy may be, 1 or 100; None for other columns."""
    known = [values[values.isfinite()] for values in numbers]
    largest = max((float(values.max()) for values in known if values.numel() > 0), default=0.0)
    lowest = min((float(values.min()) for values in known if values.numel() > 0), default=0.0)
    if not is_accuracy(name) or lowest < 0 or largest > PERCENT:
        return None
    return 1.0 if largest <= 1 else PERCENT
