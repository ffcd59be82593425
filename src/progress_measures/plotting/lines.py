"""Columns as lines that can be told apart in grey, with the bands behind them."""

import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from progress_measures.trajectory.trajectory import Trajectory

LOWEST, HIGHEST = "__MIN", "__MAX"  # what charts of W&B call the ends of the band around a column
STYLES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))
COLOURS = 10  # in matplotlib's own cycle
_REPEAT = 30  # ten colours and six styles meet again after 30 lines, unless the styles then move on by one
_LOOKS = [(index % COLOURS, (index + index // _REPEAT) % len(STYLES)) for index in range(COLOURS * len(STYLES))]
_KNOWN = re.compile(r"(?:.*[/.])?(train|test|restricted|excluded)_(?:loss|acc|accuracy)(?![a-z])")
_KINDS = ("train", "test", "restricted", "excluded")  # have the first four looks wherever they are drawn


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
    """Draws each curve on its axes. A curve on other axes than ``ax`` has an empty line on ``ax``, for the legend.

    Training, test, restricted and excluded losses or accuracies have the same colours and styles in all pictures.
    """
    drawn = [*curves]
    looks = _looks([curve for curve, _ in drawn], ax)
    for (curve, own), (colour, style) in zip(drawn, looks, strict=True):
        _line(ax, own, curve, style if curve.style is None else STYLES[curve.style % len(STYLES)], colour)
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


def _looks(curves: Sequence[Curve], ax: Axes) -> list[tuple[str, Any]]:
    """A colour and a style for each curve, different from each other and from those of lines on the axes."""
    before = {_seen(line) for line in ax.get_lines() if not str(line.get_label()).startswith("_")}
    looks = [Line2D([], [], color=f"C{colour}", linestyle=STYLES[style]) for colour, style in _LOOKS]
    taken = {place for place, look in enumerate(looks) if _seen(look) in before}
    columns = [curve.column for curve in curves]
    places: dict[object, int] = {}  # by the number of the curve, or by the word of curves with the same colour
    for index, curve in enumerate(curves):
        kind = _KNOWN.match(curve.column)
        if kind and not curve.colour and columns.count(curve.column) == 1 and _KINDS.index(kind[1]) not in taken:
            places[index] = _KINDS.index(kind[1])
            taken.add(places[index])
    names = [curve.colour or index for index, curve in enumerate(curves)]
    for name in names:
        if name not in places:
            places[name] = _free(taken)
            taken.add(places[name])
    _advance(ax, to_hex(f"C{max((_LOOKS[place][0] for place in taken), default=0)}"))
    found = [_LOOKS[places[name]] for name in names]
    return [(f"C{colour}", STYLES[style]) for colour, style in found]


def _advance(ax: Axes, last: str) -> None:
    """Has lines that are added to the axes later begin with the colour after the last one in the cycle."""
    for _ in range(COLOURS):
        (line,) = ax.plot([], [])
        line.remove()
        if to_hex(line.get_color()) == last:
            return


def _free(taken: Collection[int]) -> int:
    """The first look in a colour that is not taken; if all are, the first look that is not; then they repeat."""
    colours = {_LOOKS[place][0] for place in taken}
    free = [place for place in range(len(_LOOKS)) if place not in taken]
    new = [place for place in free if _LOOKS[place][0] not in colours]
    return next(iter([*new, *free]), len(taken) % len(_LOOKS))


def _seen(line: Line2D) -> tuple[str, str]:
    """Colour and style of a line, as matplotlib tells them: all dashes of one's own are "--"."""
    return to_hex(line.get_color()), str(line.get_linestyle())


def _alone(finite: np.ndarray) -> list[int]:
    """The places of points without a neighbour: a line of one point cannot be seen."""
    padded = np.pad(finite, 1)
    return np.flatnonzero(finite & ~padded[:-2] & ~padded[2:]).tolist()


def _line(ax: Axes, own: Axes, curve: Curve, style: Any, colour: str) -> None:
    """Draws a column at the steps with a number, a vector as thin lines with one label."""
    values = curve.values.reshape(len(curve.steps), -1)
    measured = ~np.isnan(values).all(1)  # so that a column that was measured at every other step is a line, too
    look: dict[str, Any] = {"linewidth": 1.8, "linestyle": style} if values.shape[1] == 1 else {"linewidth": 0.6}
    alone = _alone(np.isfinite(values[measured]).any(1))
    if len(alone) > 0:
        look |= {"marker": "o", "markersize": 4, "markevery": alone}
    look["color"] = colour
    if own is not ax:
        ax.plot([], [], label=curve.label, **look)
    lines = own.plot(curve.steps[measured], values[measured], label="_" if own is not ax else curve.label, **look)
    for line in lines[1:]:
        line.set_label("_")
