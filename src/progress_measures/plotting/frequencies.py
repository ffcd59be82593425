"""Pictures of one number per frequency over training: key frequencies as lines among the others, or a heat map."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from progress_measures._checks.values import check_choice
from progress_measures.phases.boundaries import Phases
from progress_measures.plotting._axes import axes
from progress_measures.plotting._text import as_text
from progress_measures.plotting.checks import (
    check_bars,
    check_in_reach,
    check_on_scale,
    check_per_frequency,
    check_tuples,
)
from progress_measures.plotting.colours import add_colour_bar, heat
from progress_measures.plotting.legends import add_legend
from progress_measures.plotting.lines import Curve, curve_of, draw, drawable
from progress_measures.plotting.marks import shade
from progress_measures.plotting.scales import check_x, set_x, set_y, sides
from progress_measures.plotting.ticks import label_of_tuple, name_frequencies
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

_OTHERS, _ALL = "0.65", "0.4"  # greys of lines with and without key frequencies among them


def plot_frequencies(
    trajectory: Trajectory,
    column: str,
    *,
    key_frequencies: Iterable[int | tuple[int, ...]] | Mapping[int, int | None] = (),
    kind: Literal["lines", "heat map"] = "lines",
    phases: Phases | None = None,
    scale: Literal["linear", "log"] | None = None,
    x: Literal["linear", "log"] = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draws one number per frequency over the steps, with key frequencies in colours and the others in grey.

    In a heat map, each frequency is a row, and each cell reaches halfway to the recorded steps next to it. A cell is
    white if nothing was measured or, on a logarithmic scale, if the number is 0.

    Args:
        trajectory: A run, such as the result of :func:`track`.
        column: The name of a column of vectors, such as ``"excluded_loss_per_frequency"`` or ``"logit_power"``: one
            entry per frequency, shape ``(T, K)``. A column of :func:`input_spectrum` results has one axis per operand
            after the axis of the steps.
        key_frequencies: The frequencies to colour and name, such as the result of :func:`key_frequencies`. A mapping to
            steps, such as the result of :func:`onsets`, also marks these steps with circles, "onset" in the legend;
            None has no mark. Frequencies of the inputs are tuples with one integer per operand.
        kind: ``"lines"``, or ``"heat map"`` if each frequency is one integer.
        phases: The result of :func:`find_phases`, to shade behind lines as in :func:`plot_curves`.
        scale: The scale of the numbers; if None, as in :func:`plot_curves`.
        x: The scale of the horizontal axis, as in :func:`plot_curves`.
        ax: Where to draw; a new figure if None. If the vertical axis of lines has no label yet, it gets the column's
            name.

    Returns:
        The axes.

    Raises:
        KeyError: If there is no such column.
        TypeError: If ``trajectory`` is not a trajectory, or a frequency is of the wrong kind.
        ValueError: If there is no such kind or scale, the column does not have one number per frequency, or there is no
            such frequency; if no number is finite, or a finite one is beyond ±1e300; or if ``scale`` is logarithmic and
            there is a number below zero or none above zero.

    See Also:
        :func:`plot_spectrum`: for the spectrum at one step.

    Example:
        >>> run = pm.Trajectory([0, 100], {"logit_power": [[0.1, 0.2, 0.1], [0.1, 9.0, 0.1]]})
        >>> ax = plotting.plot_frequencies(run, "logit_power", key_frequencies=[2])
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['frequency 2', 'other frequencies']
    """
    check_x(x)
    check_choice(kind, "kind", Literal["lines", "heat map"])
    chosen = check_trajectory(trajectory).select([column])
    values, sizes = check_per_frequency(chosen[column], column, cells=kind == "heat map")
    keys = _keys(key_frequencies, sizes)
    part = sides(chosen.columns, scale).scale
    check_in_reach(chosen)
    check_on_scale(chosen, part)
    drawable([curve_of(chosen, column, column)], stacklevel=2)
    ax = axes(ax)
    steps, words = chosen.steps.tolist(), as_text(column).replace("_", " ")
    set_x(ax, x, steps, chosen.step_name)
    if kind == "heat map":
        _draw_cells(ax, chosen.steps.numpy(), values.numpy(), keys, part, words)
        return ax
    if phases is not None:
        shade(ax, phases, start=steps[0], end=steps[-1])
    ax.set_yscale(part)
    _draw_lines(ax, chosen.steps.numpy(), values.numpy(), keys)
    set_y(ax, words)
    add_legend(ax, outside=False)
    return ax


@dataclass(frozen=True)
class _Key:
    """A frequency to name, with its column in the values, its label, and a step to mark."""

    place: int
    label: str
    step: int | None


def _keys(values: object, sizes: Sequence[int]) -> list[_Key]:
    """The frequencies to name, of 1..K or of inputs whose operands have these sizes, including the constant."""
    steps = values if isinstance(values, Mapping) else {}
    if len(sizes) == 1:
        return [_Key(k - 1, f"frequency {k}", steps.get(k)) for k in check_bars(values, sizes[0])]
    return [
        _Key(int(np.ravel_multi_index(each, tuple(sizes))) - 1, label_of_tuple(each, sizes), steps.get(each))
        for each in check_tuples(values, sizes)
    ]


def _draw_lines(ax: Axes, steps: np.ndarray, values: np.ndarray, keys: Sequence[_Key]) -> None:
    """Draws the key frequencies as curves with a mark at their steps, in front of thin grey lines for the others."""
    curves = [Curve(each.label, steps, values[:, each.place], each.label, each.label) for each in keys]
    draw([(curve, ax) for curve in curves], ax)
    for curve, key, line in zip(curves, keys, list(ax.get_lines())[-len(keys) :], strict=False):
        known = np.isfinite(curve.values)
        if key.step is not None and known.any():
            height = np.interp(key.step, steps[known], curve.values[known])
            ax.plot(key.step, height, "o", markersize=7, markerfacecolor="white", markeredgecolor=line.get_color())
    if any(key.step is not None for key in keys):
        ax.plot([], [], "o", markersize=7, markerfacecolor="white", markeredgecolor=_ALL, label="onset")
    others = np.delete(values, [each.place for each in keys], axis=1)
    measured = ~np.isnan(others).all(1)
    look: dict[str, Any] = {"color": _OTHERS if keys else _ALL, "linewidth": 0.6, "zorder": 1.8}
    if measured.sum() == 1:
        look |= {"marker": "o", "markersize": 3}  # a line of one point cannot be seen
    lines = ax.plot(steps[measured], others[measured], **look)
    if lines and keys:
        lines[0].set_label("other frequencies")


def _draw_cells(ax: Axes, steps: np.ndarray, values: np.ndarray, keys: Sequence[_Key], scale: str, words: str) -> None:
    """Draws one row of cells per frequency, as wide as the steps are apart, and marks the steps of key frequencies."""
    measured = np.isfinite(values).any(1)
    bounds, count = edges(steps[measured]), values.shape[1]
    look = heat(values, scale)
    cells = np.ma.masked_where(
        ~np.isfinite(values[measured]) | (scale == "log") & (values[measured] <= 0), values[measured]
    )
    add_colour_bar(ax.pcolormesh(bounds, np.arange(count + 1) + 0.5, cells.T, **look), ax, words)
    name_frequencies(ax.yaxis, [each.place + 1 for each in keys], count)
    for key in keys:
        if key.step is not None:
            ax.plot(key.step, key.place + 1, "o", markersize=6, markerfacecolor="white", markeredgecolor="black")
    ax.set_ylabel("frequency")


def edges(steps: np.ndarray) -> np.ndarray:
    """The edges of the cells: halfway between the steps, and equally far beyond the first and the last step."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    between = (steps[1:] + steps[:-1]) / 2
    return np.concatenate([[2 * steps[0] - between[0]], between, [2 * steps[-1] - between[-1]]])
