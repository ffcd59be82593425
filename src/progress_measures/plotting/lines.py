"""Columns as lines that can be told apart in grey, with the bands behind them."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from progress_measures.trajectory.trajectory import Trajectory

LOWEST, HIGHEST = "__MIN", "__MAX"  # what charts of W&B call the ends of the band around a column
STYLES = ("-", "--", "-.", ":")
COLOURS = 10  # in matplotlib's own cycle
_REPEAT = 20  # ten colours and four styles meet again after 20 lines, unless the styles then move on by one


@dataclass(frozen=True, eq=False)
class Curve:
    """One column to draw: values of shape ``(T,)`` or ``(T, …)``, and the ends of a band around them."""

    column: str
    steps: np.ndarray
    values: np.ndarray
    label: str
    name: str
    """Its name in messages."""
    band: tuple[np.ndarray, np.ndarray] | None = None
    colour: str | None = None
    """Curves with the same word have the same colour. None for a colour of its own."""
    style: int | None = None


def curve_of(trajectory: Trajectory, column: str, label: str, **options: Any) -> Curve:
    """A column, with the band between its lowest and highest numbers if these were recorded."""
    values, band = trajectory[column], None
    ends = [column + LOWEST, column + HIGHEST]
    if values.ndim == 1 and all(end in trajectory and trajectory[end].ndim == 1 for end in ends):
        low, high = (trajectory[end].numpy() for end in ends)
        band = (low, high)
    return Curve(
        column, trajectory.steps.numpy(), values.numpy(), label, **{"name": repr(column), "band": band} | options
    )


def with_ends(trajectory: Trajectory, columns: Iterable[str]) -> Trajectory:
    """Selects columns together with the ends of their bands."""
    names = [*columns]
    ends = [name + end for name in names for end in (LOWEST, HIGHEST)]
    return trajectory.select([*names, *(end for end in ends if end in trajectory and end not in names)])


def drawable(curves: Sequence[Curve], *, stacklevel: int) -> list[Curve]:
    """Leaves out curves without a finite number, with a warning; at least one must be left."""
    empty = [curve for curve in curves if not np.isfinite(curve.values).any()]
    if not empty:
        return [*curves]
    found = "; ".join(
        f"{curve.name}, {'nan' if np.isnan(curve.values).all() else 'nan or infinite'} at each of "
        f"{len(curve.steps)} steps"
        for curve in empty
    )
    message = f"`columns` must have a finite number to be drawn. Got {found}."
    if len(empty) == len(curves):
        raise ValueError(f"{message} Draw other columns.")
    warnings.warn(f"{message} The picture leaves out what has none.", UserWarning, stacklevel=stacklevel + 1)
    return [curve for curve in curves if curve not in empty]


def draw(curves: Iterable[tuple[Curve, Axes]], ax: Axes) -> None:
    """Draws each curve on its axes. A curve on other axes than ``ax`` has an empty line on ``ax``, for the legend."""
    colours: dict[str, Any] = {}
    before = sum(not str(line.get_label()).startswith("_") for line in ax.get_lines())
    for index, (curve, own) in enumerate(curves, start=before):
        style = STYLES[(index + index // _REPEAT if curve.style is None else curve.style) % len(STYLES)]
        colour = _line(ax, own, curve, style, colours.get(curve.colour) if curve.colour else None)
        if curve.colour:
            colours[curve.colour] = colour
        if curve.band is not None:
            low, high = curve.band
            own.fill_between(
                curve.steps,
                low,
                high,
                where=np.isfinite(low) & np.isfinite(high),
                color=colour,
                alpha=0.25,
                linewidth=0,
            )


def _alone(finite: np.ndarray) -> list[int]:
    """The places of points without a neighbour: a line of one point cannot be seen."""
    padded = np.pad(finite, 1)
    return np.flatnonzero(finite & ~padded[:-2] & ~padded[2:]).tolist()


def _line(ax: Axes, own: Axes, curve: Curve, style: str, colour: Any) -> Any:
    """Draws a column at the steps with a number, a vector as thin lines with one label; returns its colour."""
    values = curve.values.reshape(len(curve.steps), -1)
    measured = ~np.isnan(values).all(1)  # so that a column that was measured at every other step is a line, too
    look: dict[str, Any] = {"linewidth": 1.8, "linestyle": style} if values.shape[1] == 1 else {"linewidth": 0.6}
    alone = _alone(np.isfinite(values[measured]).any(1))
    if len(alone) > 0:
        look |= {"marker": "o", "markersize": 4, "markevery": alone}
    if colour is not None:
        look["color"] = colour
    if own is not ax:
        (empty,) = ax.plot([], [], label=curve.label, **look)
        look = look | {"color": empty.get_color()}
    lines = own.plot(curve.steps[measured], values[measured], label="_" if own is not ax else curve.label, **look)
    for line in lines[1:]:
        line.set(color=lines[0].get_color(), label="_")
    return lines[0].get_color() if lines else None
