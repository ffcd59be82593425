"""Ticks at some frequencies, without overlapping labels."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import ceil
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.ticker import (
    LogFormatterMathtext,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from progress_measures.operations.operands import label_of_bits
from progress_measures.plotting._text import shortened
from progress_measures.plotting.legends import add_legend

_LINES = 25  # of letters that find room along an axis
_LEFT = 0.75  # of an axis, after the layout of the picture
_MOST_SHARE = 4  # labels that a tick has
_MOST_STEPS = 9
_LINE = 1.3  # of the size of letters: the height of a line of them
_SMALL, _SMALLEST = 7.0, 5.0  # letters of long names, and of many rows, in points
_WIDEST = 0.5  # of the axes before the layout, for the names of rows
_GAP = 0.15  # inches to the left of the names and between them and the axes


def ticks(rows: list[int], labels: list[str], *, lines: float = _LINES) -> tuple[list[float], list[str]]:
    """Positions and labels of the ticks; neighbours whose labels would overlap share one, such as "cos 5, cos 6".

    Args:
        rows: Which of the labels to show, ascending.
        labels: A label for each place.
        lines: The length of the axis, in lines of letters.
    """
    groups, left = [[row] for row in rows], 0
    while left + 1 < len(groups):
        if _middle(groups[left + 1]) - _middle(groups[left]) < len(labels) / lines:
            groups[left] += groups.pop(left + 1)
            left = max(left - 1, 0)
        else:
            left += 1
    return [_middle(group) for group in groups], [_words([labels[row] for row in group]) for group in groups]


def _middle(group: list[int]) -> float:
    return sum(group) / len(group)


def _words(labels: list[str]) -> str:
    """Labels that share a tick, of many the first and the last one."""
    return ", ".join(labels if len(labels) <= _MOST_SHARE else [labels[0], "…", labels[-1]])


def name_frequencies(axis: Axis, key_frequencies: Collection[int], count: int) -> None:
    """Names the key frequencies among 1..count along an axis; without key frequencies, a few whole numbers."""
    if not key_frequencies:
        return whole_numbers(axis)
    rows, names = sorted(k - 1 for k in key_frequencies), [str(k + 1) for k in range(count)]
    box, across = axis.axes.get_window_extent(), axis is axis.axes.xaxis
    line = float(axis.label.get_fontsize()) * _LINE * axis.axes.figure.dpi / 72
    lines = _LEFT * (box.width if across else box.height) / line
    widths = [len(names[row]) / 2 + 0.5 for row in rows]  # in lines, of two letters
    apart = [(right - left) * lines / count for left, right in pairwise(rows)]
    upright = across and any(gap < (a + b) / 2 for gap, (a, b) in zip(apart, pairwise(widths), strict=True))
    places, labels = ticks(rows, names, lines=lines)
    axis.set_ticks([place + 1 for place in places], labels, rotation=90 if upright else 0)
    return None


def whole_numbers(*axes: Axis) -> None:
    """Sets ticks at whole numbers only."""
    for axis in axes:
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


class Steps(MaxNLocator):
    """Ticks at whole numbers along a horizontal axis, as many as there is room for when the picture is drawn."""

    def __init__(self) -> None:
        """At most nine, because more make no picture clearer."""
        super().__init__(_MOST_STEPS, steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """The places of the ticks."""
        axis = cast("Axis", self.axis)
        width = axis.axes.get_window_extent().width * 72 / axis.axes.figure.dpi
        digits = len(str(int(max(abs(vmin), abs(vmax)))))
        room = width / (float(axis.label.get_fontsize()) * (0.9 + 0.62 * digits))
        self.set_params(nbins=max(1, min(_MOST_STEPS, int(room))))
        return super().tick_values(vmin, vmax)


class _Decades(LogLocator):
    """Ticks at powers of ten; on an axis of less than two decades, also between them."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """The places of the ticks."""
        if not 0 < vmin < vmax or vmax >= 100 * vmin:
            return super().tick_values(vmin, vmax)
        within = MaxNLocator(4) if vmax < 10 * vmin else LogLocator(subs=(1, 3))
        return [place for place in within.tick_values(vmin, vmax) if place > 0]


class _Numbers(LogFormatterMathtext):
    """Powers of ten; on an axis of less than two decades, plain numbers."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of a tick."""
        low, high = cast("Axis", self.axis).get_view_interval()
        return f"{x:g}" if 0 < low < high < 100 * low else str(super().__call__(x, pos))


def log_numbers(axis: Axis) -> None:
    """Labels an axis, if it is logarithmic, for the decades that it has when the picture is drawn."""
    if axis.get_scale() != "log":
        return
    axis.set_major_locator(_Decades())
    axis.set_major_formatter(_Numbers())
    axis.set_minor_formatter(NullFormatter())


def rows_of_names(ax: Axes, names: list[str]) -> None:
    """Names the rows of a picture, the first one on top, and adds its legend below.

    Long names have smaller letters, and without mathematics at most so many that half of the width is left. If there
    is no room for the names of all rows in small letters, every second one or so has a name.
    """
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    size = _fit_width(ax, names)
    add_legend(ax, outside=True)
    height = ax.get_window_extent().height
    legend = ax.get_legend()
    if legend is not None and ax.figure.get_layout_engine() is not None:
        height -= legend.get_window_extent().height  # for which the layout makes room
    room = 72 / ax.figure.dpi * height / len(names) / _LINE
    each = max(1, ceil(_SMALLEST / room))
    ax.set_yticks(range(0, len(names), each), [label.get_text() for label in _labels(ax)][::each])
    ax.tick_params("y", labelsize=max(_SMALLEST, min(size, room * each)))


def _fit_width(ax: Axes, names: list[str]) -> float:
    """Fits the names of rows into the left half of the picture; returns the size of their letters."""
    most = _WIDEST * ax.get_window_extent().width
    size = float(_labels(ax)[0].get_fontsize())
    wide = _width_of_names(ax) / most
    if wide > 1:
        size = max(min(size, _SMALL), size / wide)
        ax.tick_params("y", labelsize=size)
        wide = _width_of_names(ax) / most
    if wide > 1:
        longest = int(max(map(len, names)) / wide)
        ax.set_yticks(range(len(names)), [shortened(name, longest) for name in names])
    cell = ax.get_subplotspec()
    if ax.figure.get_layout_engine() is None and cell is not None:  # else the layout makes room
        *_, rights = cell.get_gridspec().get_grid_positions(ax.figure)  # type: ignore[arg-type]  # parts of figures have them, too
        beside = float(rights[cell.colspan.start - 1]) if cell.colspan.start > 0 else 0.0
        place = ax.get_position()
        missing = beside + (_width_of_names(ax) + _GAP * ax.figure.dpi) / ax.figure.bbox.width - place.x0
        if missing > 0:
            ax.set_position((place.x0 + missing, place.y0, place.width - missing, place.height))
    return size


def _labels(ax: Axes) -> list[Text]:
    """The names of rows, also where they are hidden because panels share them."""
    return [tick.label1 for tick in ax.yaxis.get_major_ticks()]


def _width_of_names(ax: Axes) -> float:
    return max(float(label.get_window_extent().width) for label in _labels(ax))


def label_of_tuple(frequency: tuple[int, ...], sizes: Sequence[int]) -> str:
    """The subset of a frequency of bits; otherwise its integers."""
    if set(sizes) == {2}:
        return label_of_bits([place for place, k in enumerate(frequency) if k])
    return str(frequency)
