"""A picture of losses compared with the same losses in random draws."""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes

from progress_measures._checks.tensors import check_finite
from progress_measures._checks.values import type_name
from progress_measures._tables import count_distinct
from progress_measures.measures.controls import ROUNDING, Control, Controls
from progress_measures.plotting._axes import axes
from progress_measures.plotting.checks import check_named
from progress_measures.plotting.colours import KEY
from progress_measures.plotting.ticks import log_numbers, rows_of_names

MANY = 20  # distinct draws that a box needs


def plot_controls(controls: Controls | Control | Mapping[str, Control], *, ax: Axes | None = None) -> Axes:
    """Draws each loss as a diamond, a vertical line for each random draw, and a box around nine in ten draws.

    Each loss is a row, the first one on top. The axis is logarithmic if all losses are above zero. A loss with fewer
    than 20 distinct draws has no box: it would only run from the smallest draw to the largest.

    Args:
        controls: The result of :func:`random_frequency_control` or :func:`shuffled_label_control`, or one loss of it.
            To compare losses of several results, pass a mapping from labels to losses.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``controls`` are not controls.
        ValueError: If there is no loss, or a loss is not finite.

    See Also:
        :func:`random_frequency_control`, :func:`shuffled_label_control`: to compute controls.

    Example:
        >>> control = pm.measures.Control(torch.tensor(0.1), draws=torch.tensor([3.0, 4.0, 5.0]))
        >>> plotting.plot_controls({"four frequencies": control}).get_xscale()
        'log'
    """
    rows = _check_controls(controls)
    ax = axes(ax)
    places = torch.arange(len(rows))
    real = torch.stack([row.real for row in rows.values()])
    draws = torch.cat([row.draws for row in rows.values()])
    at = places.repeat_interleave(torch.tensor([len(row.draws) for row in rows.values()]))
    ax.set_xscale("log" if bool((real > 0).all() and (draws > 0).all()) else "linear")
    many = [place for place, row in enumerate(rows.values()) if count_distinct(row.draws, ROUNDING) >= MANY]
    if many:
        low, high = torch.stack([[*rows.values()][place].quantiles([0.05, 0.95]) for place in many]).T
        for box in ax.barh(many, high - low, left=low, height=0.6, color="0.85", label="nine in ten draws"):
            box.sticky_edges.x.clear()  # on a logarithmic axis, an edge far below 1 would hide anything below it
    ax.plot(draws, at, "|", color="0.4", markersize=10, markeredgewidth=0.7, label="draws")
    ax.plot(real, places, "D", color=KEY, markersize=7, markeredgecolor="white", label="real")
    log_numbers(ax.xaxis)
    ax.set_xlabel("loss")
    rows_of_names(ax, [*rows])
    return ax


def _check_controls(controls: object) -> dict[str, Control]:
    """Requires the losses of controls; returns them by their labels, on the CPU."""
    if isinstance(controls, Control):
        controls = {"": controls}
    if isinstance(controls, Controls):
        controls = {name.replace("_", " "): control for name, control in vars(controls).items()}
    rows = {}
    for label, control in check_named(controls, "controls").items():
        if not isinstance(control, Control):
            raise TypeError(f"`controls` must be Controls, or a Control for each name. Got {type_name(control)}.")
        real, draws = (
            check_finite(x.detach().cpu().double(), f"controls.{kind}")
            for x, kind in ((control.real, "real"), (control.draws, "draws"))
        )
        rows[label] = Control(real, draws)
    return rows
