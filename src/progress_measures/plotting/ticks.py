"""Ticks at some frequencies, where labels of neighbours would overlap."""

from collections.abc import Collection, Sequence
from math import ceil

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from progress_measures.operations.operands import label_of_bits
from progress_measures.plotting._text import shortened
from progress_measures.plotting.legends import add_legend

_FEWEST_APART = 25  # labels that find room along an axis
_LINE = 1.3  # of the size of letters: the height of a line of them
_SMALL, _SMALLEST = 7.0, 5.0  # letters of long names, and of many rows, in points
_WIDEST = 0.5  # of the axes before the layout, for the names of rows
_GAP = 0.15  # inches to the left of the names and between them and the axes


def ticks(rows: list[int], labels: list[str]) -> tuple[list[float], list[str]]:
    """Places and labels of the ticks; neighbours whose labels would overlap share one between them: "cos 5, cos 6"."""
    groups: list[list[int]] = []
    for row in rows:
        if groups and row - groups[-1][-1] < len(labels) / _FEWEST_APART:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [sum(group) / len(group) for group in groups], [", ".join(labels[row] for row in group) for group in groups]


def name_frequencies(axis: Axis, key_frequencies: Collection[int], count: int) -> None:
    """Names the key frequencies of 1..count along an axis, or if there are none, a few whole numbers."""
    if not key_frequencies:
        return whole_numbers(axis)
    places, labels = ticks(sorted(k - 1 for k in key_frequencies), [str(k + 1) for k in range(count)])
    axis.set_ticks([place + 1 for place in places], labels)
    return None


def whole_numbers(*axes: Axis) -> None:
    """Has ticks at whole numbers only."""
    for axis in axes:
        axis.set_major_locator(MaxNLocator(integer=True))


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
    ax.set_yticks(range(0, len(names), each), [label.get_text() for label in ax.get_yticklabels()][::each])
    ax.tick_params("y", labelsize=max(_SMALLEST, min(size, room * each)))


def _fit_width(ax: Axes, names: list[str]) -> float:
    """Fits the names of rows into the left half of the picture; returns the size of their letters."""
    most = _WIDEST * ax.get_window_extent().width
    size = float(ax.get_yticklabels()[0].get_fontsize())
    wide = _width_of_names(ax) / most
    if wide > 1:
        size = max(min(size, _SMALL), size / wide)
        ax.tick_params("y", labelsize=size)
        wide = _width_of_names(ax) / most
    if wide > 1:
        longest = int(max(map(len, names)) / wide)
        ax.set_yticks(range(len(names)), [shortened(name, longest) for name in names])
    if ax.figure.get_layout_engine() is None:  # else the layout makes room
        missing = (_width_of_names(ax) + _GAP * ax.figure.dpi - ax.get_window_extent().x0) / ax.figure.bbox.width
        place = ax.get_position()
        if missing > 0 and ax.get_subplotspec() is not None and ax.get_subplotspec().is_first_col():
            ax.set_position((place.x0 + missing, place.y0, place.width - missing, place.height))
    return size


def _width_of_names(ax: Axes) -> float:
    return max(float(label.get_window_extent().width) for label in ax.get_yticklabels())


def label_of_tuple(frequency: tuple[int, ...], sizes: Sequence[int]) -> str:
    """The subset of a frequency of bits; otherwise its integers."""
    if set(sizes) == {2}:
        return label_of_bits([place for place, k in enumerate(frequency) if k])
    return str(frequency)
