"""Pictures of columns over steps: of one run with its phases, or of several runs, as their mean or one line each."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Literal

import numpy as np
import torch
from matplotlib.axes import Axes

from progress_measures._checks.values import check_choice, check_integer
from progress_measures.phases.boundaries import Phases
from progress_measures.phases.milestones import Milestones
from progress_measures.plotting._axes import axes
from progress_measures.plotting._text import as_text
from progress_measures.plotting.bands import Spread, middles, top_of, words
from progress_measures.plotting.checks import (
    check_common_steps,
    check_in_reach,
    check_labels,
    check_on_scale,
    warn_of_few_common_steps,
)
from progress_measures.plotting.legends import add_legend
from progress_measures.plotting.lines import COLOURS, STYLES, Curve, curve_of, draw, drawable, with_ends
from progress_measures.plotting.marks import draw_chance, mark, shade
from progress_measures.plotting.scales import Sides, are_percents, check_x, is_accuracy, set_x, set_y, sides
from progress_measures.plotting.ticks import log_numbers
from progress_measures.trajectory.keys import filtered, warn_if_no_keys
from progress_measures.trajectory.runs import Runs, warn_of_runs_without_keys
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

_LONGEST = 60  # letters of the longest name for which the vertical axis has room


def plot_curves(
    trajectory: Trajectory,
    columns: str | Sequence[str] | Mapping[str, str],
    *,
    phases: Phases | None = None,
    milestones: Milestones | None = None,
    answers: int | None = None,
    scale: Literal["linear", "log"] | None = None,
    x: Literal["linear", "log"] = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draws columns of a trajectory over its steps, with the phases shaded behind them.

    A line connects the steps at which its column has a number, and skips steps with ``nan``. If the trajectory has
    columns ``X__MIN`` and ``X__MAX`` for a column ``X``, as charts of W&B do, a band between them is drawn behind X.

    By default, accuracies have a linear axis and all other columns a logarithmic one. Drawn together, accuracies have
    their own axis on the right, from 0 to 1. A column is an accuracy if ``acc`` or ``accuracy`` is in its name, as in
    ``test_acc`` or ``val/accuracy``, and its numbers lie between 0 and 1, or 0 and 100. The axis of the other columns
    is linear if one of them has a number below zero or none above zero.

    Columns such as ``train_loss``, ``test_loss``, ``restricted_loss`` and ``excluded_loss``, or accuracies of the same
    kinds, have the same colours and line styles in all pictures, whichever of them are drawn.

    Args:
        trajectory: A run, such as the result of :func:`track`. Its ``step_name`` labels the horizontal axis.
        columns: The name of a column of numbers or of vectors, several names, or a mapping from names to labels. The
            entries of a vector are drawn as one thin line each; use :func:`plot_frequencies` to name some of them.
        phases: The result of :func:`find_phases`. A phase is shaded if both of its ends are known. The phase in which
            the run stopped is shaded to the end of the run. An end that has not settled is a dashed line.
        milestones: The result of :func:`milestones`. Thin lines, with words above the picture, show the steps at which
            the run memorized and generalized. They are dashed if they have not settled.
        answers: The number of answers, to draw chance as a dotted line: the loss ln(answers) of a guess or, if all
            columns are accuracies, its accuracy 1 / answers. No line if None.
        scale: The scale of the vertical axis, for all columns together. If None, it depends on their names and numbers,
            as above. On a logarithmic axis, a curve leaves the picture at the bottom where it is 0.
        x: The scale of the horizontal axis. A logarithmic axis is linear between step 0 and a power of ten, at most the
            first step above 0, and its label says so.
        ax: Where to draw; a new figure if None. If the vertical axis has no label yet, it gets the words that all
            column labels end with, such as "loss", or else "loss" or "accuracy" if all columns are; "(%)" follows
            accuracies in percents. A legend that is too large for the picture is placed below it.

    Returns:
        The axes; if there are two, those on the left.

    Raises:
        KeyError: If there is no such column.
        TypeError: If ``trajectory`` is not a trajectory, or ``answers`` is not an integer.
        ValueError: If there is no such scale, or no column is named; if no column has a finite number; if a finite
            number is beyond ±1e300; if ``scale`` is logarithmic and a column has a number below zero or no number above
            zero; or if ``answers`` is less than 2.

    Warns:
        UserWarning: If a column has no finite number. It is not drawn.

    See Also:
        :func:`plot_runs`: for several runs.

    Example:
        >>> trajectory = pm.Trajectory([0, 100], {"test_loss": [4.7, 0.1]})
        >>> plotting.plot_curves(trajectory, {"test_loss": "test"}).get_xlabel()
        'step'
    """
    check_x(x)
    count = None if answers is None else check_integer(answers, "answers", at_least=2)
    labels = check_labels(columns)
    chosen = check_trajectory(trajectory).select(list(labels))
    parts = sides(chosen.columns, scale)
    warn_if_no_keys(trajectory.columns, labels, stacklevel=2)
    check_in_reach(with_ends(trajectory, labels))
    check_on_scale(chosen.select(parts.left), parts.scale)
    curves = drawable([curve_of(trajectory, name, label) for name, label in labels.items()], stacklevel=2)
    ax = axes(ax)
    steps = trajectory.steps.tolist()
    set_x(ax, x, steps, trajectory.step_name)
    if phases is not None:
        shade(ax, phases, start=steps[0], end=steps[-1])
    _finish(ax, curves, parts, labels)
    if count is not None:
        tops = [top_of(name, [values]) for name, values in chosen.columns.items()]
        accuracies = [top for top in tops if top is not None]
        draw_chance(ax, math.log(count) if len(accuracies) < len(tops) else max(accuracies) / count)
    if milestones is not None:
        mark(ax, milestones)
    add_legend(ax, outside=bool(parts.right))
    return ax


def plot_runs(
    runs: Runs | Mapping[str, Trajectory],
    columns: str | Sequence[str] | Mapping[str, str],
    *,
    spread: Literal["std", "quantiles", "each"] = "std",
    scale: Literal["linear", "log"] | None = None,
    x: Literal["linear", "log"] = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draws the mean of columns over several runs in a band of one standard deviation, or each run as its own line.

    The mean is drawn at the steps that all runs have. On a logarithmic axis, it is the geometric mean, and the band
    reaches from the mean divided by the geometric standard deviation to the mean multiplied by it. So on either axis,
    the band is as wide above the mean as below it; but that of accuracies ends at 0 and 1, or 100. The label of the
    vertical axis says what the lines and bands are.

    If runs differ in more than their seed, their mean has no meaning. Then draw each of them with ``spread="each"``,
    with its own steps and its name in the legend. Columns ``X__MIN`` and ``X__MAX`` then become a band, as in
    :func:`plot_curves`.

    Args:
        runs: Several runs, such as one per seed, or a mapping from names to trajectories. A single run has no band.
        columns: The name of a column of numbers or of vectors, several names, or a mapping from names to labels. The
            means of the entries of a vector are drawn as one thin line each, without bands.
        spread: ``"std"`` for the mean and the standard deviation, ``"quantiles"`` for the median and the band between
            the quantiles 0.1 and 0.9, ``"each"`` for one line per run.
        scale: The scale of the vertical axis, the mean and the band; if None, as in :func:`plot_curves`.
        x: The scale of the horizontal axis, as in :func:`plot_curves`.
        ax: Where to draw; a new figure if None. If the vertical axis has no label yet, it gets one.

    Returns:
        The axes; if there are two, those on the left.

    Raises:
        KeyError: If a run has no such column.
        TypeError: If ``runs`` is not a mapping from names to trajectories.
        ValueError: If there is no such scale or spread, no column is named, or the runs have no step in common for
            their mean or median; if no column has a finite number; if a finite number is beyond ±1e300; or if ``scale``
            is logarithmic and a column has a number below zero or no mean above zero.

    Warns:
        UserWarning: If a column has no finite number, so that it is not drawn, or if the mean leaves out most of the
            runs because they have few steps in common.

    Example:
        >>> seeds = {str(seed): pm.Trajectory([0, 100], {"test_loss": [4.7, 10.0**-seed]}) for seed in range(3)}
        >>> plotting.plot_runs(pm.Runs(seeds), "test_loss").get_yscale()
        'log'
    """
    check_x(x)
    check_choice(spread, "spread", Spread)
    labels = check_labels(columns)
    whole = Runs(runs)
    chosen = whole.select(list(labels))
    if filtered(labels):
        warn_of_runs_without_keys(runs, stacklevel=2)
    for run in chosen.values():  # the mean of such numbers may be infinite
        check_in_reach(run)
    parts = sides({name: torch.cat([run[name].flatten() for run in chosen.values()]) for name in labels}, scale)
    if spread == "each":
        for run in whole.values():
            check_in_reach(with_ends(run, labels))
            check_on_scale(run.select(parts.left), parts.scale)
        curves = _each(whole, labels)
        steps = sorted({step for run in chosen.values() for step in run.steps.tolist()})
    else:
        steps = check_common_steps(chosen)
        warn_of_few_common_steps(chosen, stacklevel=2)
        curves = middles(chosen, labels, parts, spread)
    drawn = drawable(curves, stacklevel=2)
    ax = axes(ax)
    set_x(ax, x, steps, " or ".join(dict.fromkeys(run.step_name for run in chosen.values())))
    _finish(ax, drawn, parts, labels, [words(spread, scale, len(chosen)) for scale in (parts.scale, "linear")])
    add_legend(ax, outside=bool(parts.right))
    return ax


def _each(runs: Runs, labels: Mapping[str, str]) -> list[Curve]:
    """One line per run and column. If possible, the colour shows the run and the line style shows the column."""
    sorted_out = 1 < len(labels) <= len(STYLES) and len(runs) <= COLOURS
    return [
        curve_of(
            run, column, as_text(name) + (f", {label}" if len(labels) > 1 else ""), name=f"{column!r} of {name!r}",
            colour=name if sorted_out else None, style=index if sorted_out else None,
        )
        for name, run in runs.items()
        for index, (column, label) in enumerate(labels.items())
    ]  # fmt: skip


def _finish(
    ax: Axes, curves: Sequence[Curve], parts: Sides, labels: Mapping[str, str], how: Sequence[str] = ("", "")
) -> None:
    """Draws the curves on their axes and labels the axes; ``how`` adds to the labels on the left and the right."""
    right = ax.twinx() if parts.right else ax
    ax.set_yscale(parts.scale)
    if parts.scale == "log":
        log_numbers(ax.yaxis)
    draw([(curve, right if curve.column in parts.right else ax) for curve in curves], ax)
    set_y(ax, _words_of(parts.left, curves, labels, how[0]))
    if parts.right:
        top = 1.0 if all(np.nanmax(curve.values) <= 1 for curve in curves if curve.column in parts.right) else 100.0
        right.set_ylim(-0.03 * top, 1.03 * top)
        set_y(right, _words_of(parts.right, curves, labels, how[1]))


def _words_of(columns: Sequence[str], curves: Sequence[Curve], labels: Mapping[str, str], how: str) -> str:
    """What an axis shows: the words that its labels share, or else that all are accuracies or losses; then ``how``."""
    losses = all("loss" in name.lower() for name in columns)
    kind = "accuracy" if all(map(is_accuracy, columns)) else "loss" if losses else ""
    words = _shared_ending([labels[name] for name in columns]) or kind
    shown = [curve for curve in curves if curve.column in columns]
    if "%" not in words and are_percents((curve.column, curve.values) for curve in shown):
        how = how.replace("(", "(%, ", 1) or "(%)"
    return f"{words} {how}".strip()


def _shared_ending(labels: Iterable[str]) -> str:
    """The words that all labels end with, such as "loss"; a single label is kept whole, unless it is too long."""
    several = [*labels]
    if len(several) == 1:
        return several[0] if len(several[0]) <= _LONGEST else ""
    ends = zip(*(re.split(r"[\s/]+", label)[::-1] for label in several), strict=False)
    return " ".join([words[0] for words in takewhile(lambda words: len({*words}) == 1, ends)][::-1]).strip(" -:|")
