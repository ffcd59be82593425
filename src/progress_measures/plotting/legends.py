"""A legend that stays on the page: inside the picture if it is small, else below it."""

from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from progress_measures.plotting._text import fit_height, shortened

_HIGHEST, _WIDEST, _LARGEST = 0.6, 0.9, 0.25  # shares of the axes that a legend in the picture may take
_SIZES = (8.0, 7.0, 6.0, 5.0)  # of letters below the picture, in points
_SHARE, _MOST = 0.35, 0.5  # of the height of the axes: the most that a legend below may take; in the smallest letters
_LAID_OUT = 0.93  # of the height of the axes before the layout of a small picture: what they have after it
_LOWEST = 0.2  # of the height of the axes: the least that a legend leaves for their label
_GAP = 4 / 72  # inches
_BETWEEN = 1.2  # between the columns of a legend, in widths of a letter


def add_legend(ax: Axes, *, outside: bool) -> None:
    """Adds a legend of everything that has a label; below the picture if it is large or must be outside."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    axes = ax.get_window_extent()
    inside = ax.legend(loc="upper right", fontsize="small", framealpha=0.9)  # to measure it
    box = inside.get_window_extent()
    high, wide = box.height / axes.height, box.width / axes.width
    if not outside and high <= _HIGHEST and wide <= _WIDEST and high * wide <= _LARGEST:
        inside.set_loc("best")
        if not _covers(inside, ax):
            return
    _fit_below(ax, handles, labels)


def _covers(legend: Legend, ax: Axes) -> bool:
    """Whether a curve passes behind the legend."""
    ax.get_ylim()  # has the axes find their limits
    box = legend.get_window_extent()
    paths = (line.get_transform().transform_path(line.get_path()) for line in ax.get_lines())
    return any(path.intersects_bbox(box, filled=False) for path in paths if np.size(path.vertices) > 2)


def _fit_below(ax: Axes, handles: list[Any], labels: list[str]) -> None:
    """Uses the largest letters in which all labels fit; in the smallest letters, leaves out labels that do not fit."""
    axes = ax.get_window_extent()
    width = 1.2 * axes.width  # the labels of the vertical axis have room as well
    if ax.figure.get_layout_engine() is not None:
        width -= max(0, _width(ax.yaxis) - 0.3 * axes.width)  # unless they are wide, which moves the axes to the right
    for size in _SIZES:
        legend = _below(ax, handles, labels, size, 1)
        one = legend.get_window_extent()
        gap = _BETWEEN * size * ax.figure.dpi / 72
        count = max(1, min(len(labels), int((width + gap) // (one.width + gap))))
        legend = _below(ax, handles, labels, size, count)
        if one.width <= width and legend.get_window_extent().height <= _SHARE * axes.height:
            break
    else:
        longest = max(map(len, labels))
        if one.width > width:
            labels = [shortened(label, int(longest * 0.9 * width / one.width)) for label in labels]
        rows = max(1, int(_MOST * axes.height / (one.height / len(labels))))
        if ceil(len(labels) / count) > rows:
            kept = rows * count - 1
            handles, labels = (
                [*handles[:kept], Line2D([], [], linestyle="none")],
                [*labels[:kept], f"and {len(labels) - kept} more"],
            )
        legend = _below(ax, handles, labels, size, count)
    height = _LAID_OUT * axes.height - legend.get_window_extent().height
    if ax.figure.get_layout_engine() is None or ax.get_subplotspec() is None:  # else the layout makes room
        _make_room(ax, legend)
        height = ax.get_window_extent().height
    for each in ax.figure.axes:
        if each.bbox.bounds == ax.bbox.bounds:  # as of the axes to the right
            fit_height(each.yaxis.label, max(height, _LOWEST * axes.height))


def _make_room(ax: Axes, legend: Legend) -> None:
    """Lowers the axes by the height of the legend and, if other axes are below, also of the ticks and their label."""
    cell, box = ax.get_subplotspec(), legend.get_window_extent()
    height = max(box.height, -box.y0)  # what is below the page comes onto it
    if cell is not None and not cell.is_last_row():
        height += (_depth(ax) + _GAP) * ax.figure.dpi
    place = ax.get_position()
    room = min(height / ax.figure.bbox.height, 0.7 * place.height)
    ax.set_position((place.x0, place.y0 + room, place.width, place.height - room))


def _depth(ax: Axes) -> float:
    """How far the ticks and their label reach below the axes, in inches."""
    ticks = ax.xaxis.get_tightbbox()
    return 0.0 if ticks is None else max(0.0, (ax.get_window_extent().y0 - ticks.y0) / ax.figure.dpi)


def _width(axis: Axis) -> float:
    box = axis.get_tightbbox()
    return 0.0 if box is None else float(box.width)


def _below(ax: Axes, handles: list[Any], labels: list[str], size: float, columns: int) -> Legend:
    below = ax.transAxes + ScaledTranslation(0, -_depth(ax) - _GAP, ax.figure.dpi_scale_trans)
    return ax.legend(
        handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=columns,
        fontsize=size, frameon=False, borderaxespad=0, borderpad=0, labelspacing=0.25, columnspacing=_BETWEEN,
        handlelength=2.6,
    )  # fmt: skip
