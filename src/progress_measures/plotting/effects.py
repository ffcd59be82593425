"""A picture of the effects of ablating parts of a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes

from progress_measures._checks.columns import check_numeric
from progress_measures._checks.tensors import Array, check_finite
from progress_measures._checks.values import check_choice
from progress_measures.plotting._axes import axes
from progress_measures.plotting._text import as_text
from progress_measures.plotting.checks import check_named
from progress_measures.plotting.colours import KEY, shades_of
from progress_measures.plotting.ticks import log_numbers, rows_of_names

Numbers: TypeAlias = float | Array | Sequence[float]


def plot_effects(
    effects: Mapping[str, Numbers | Mapping[str, Numbers]],
    *,
    reference: float | Array | Mapping[str, float | Array] | None = None,
    order: Literal["given", "largest"] = "given",
    scale: Literal["linear", "log"] = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draws one bar per name, such as the loss without each part of a model, and a line for the whole model.

    If a name has several numbers, such as one per seed, the bar is at their mean, with a point for each. On a linear
    axis, bars begin at 0. On a logarithmic axis, they begin at the reference and show the ratio to it: to the right if
    the number is larger, to the left if it is smaller.

    Args:
        effects: A mapping from names to a number, to several numbers, or to a mapping from labels to either, such as
            ``{"mlp": {"zero": 5.6, "mean": 4.7}}``. With labels, each label has a colour, and each name has a bar per
            label.
        reference: A number at which to draw a dashed line, or a mapping from its label to the number. No line if None.
        order: ``"given"``, or ``"largest"`` for the names with the largest bars on top.
        scale: The scale of the axis of the numbers.
        ax: Where to draw; a new figure if None. The horizontal axis is labelled "effect"; relabel it for your measure.

    Returns:
        The axes.

    Raises:
        TypeError: If ``effects`` is not a mapping, or holds anything but numbers.
        ValueError: If ``effects`` are empty, a number is not finite, there is no such order or scale, or ``scale`` is
            logarithmic and a number is not above 0.

    See Also:
        :func:`ablation_effects`: to measure such effects.

    Example:
        >>> ax = plotting.plot_effects({"attn": 0.4, "mlp": 5.6}, reference={"whole": 0.1}, order="largest")
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['mlp', 'attn']
    """
    check_choice(order, "order", Literal["given", "largest"])
    check_choice(scale, "scale", Literal["linear", "log"])
    numbers = {name: _by_label(value, f"effects[{name!r}]") for name, value in check_named(effects, "effects").items()}
    line = {} if reference is None else _by_label(reference, "reference", label="reference")
    _check_above_zero([*numbers.values(), line], scale)
    if order == "largest":
        numbers = dict(sorted(numbers.items(), key=lambda item: -max(x.mean() for x in item[1].values())))
    ax = axes(ax)
    ax.set_xscale(scale)
    labels = [*dict.fromkeys(label for each in numbers.values() for label in each)]
    start = _start(line, numbers, scale)
    for place, (label, colour) in enumerate(zip(labels, shades_of(len(labels)), strict=True)):
        _draw_bars(ax, numbers, label, colour, start, place, len(labels))
    for name, value in line.items():
        ax.axvline(float(value.mean()), color=KEY, linestyle="--", linewidth=1.5, label=as_text(name))
    log_numbers(ax.xaxis)
    ax.set_xlabel("effect")
    rows_of_names(ax, [as_text(name) for name in numbers])
    return ax


def _draw_bars(
    ax: Axes,
    numbers: Mapping[str, dict[str, np.ndarray]],
    label: str,
    colour: str,
    start: float,
    place: int,
    count: int,
) -> None:
    """Draws the bars of one label, each in its share of the height of its row, with points for several numbers."""
    height = 0.8 / count
    rows = [row for row, each in enumerate(numbers.values()) if label in each]
    values = [each[label] for each in numbers.values() if label in each]
    at = [row + height * (place - (count - 1) / 2) for row in rows]
    means = np.array([x.mean() for x in values])
    words = [as_text(label) if label else "_", *["_"] * (len(rows) - 1)]  # so that the legend has the reference last
    for bar in ax.barh(at, means - start, left=start, height=0.9 * height, color=colour, label=words):
        bar.sticky_edges.x[:] = [0]  # so that a reference is not hidden at the end of the axis
    several = [(x, y) for xs, y in zip(values, at, strict=True) if xs.size > 1 for x in xs]
    if several:
        ax.plot(*zip(*several, strict=True), "o", color="white", markeredgecolor="black", markersize=3.5)


def _start(line: Mapping[str, np.ndarray], numbers: Mapping[str, dict[str, np.ndarray]], scale: str) -> float:
    """Where bars begin: at 0; on a logarithmic axis at the reference or, without one, below all numbers."""
    if scale == "linear":
        return 0.0
    if line:
        return float(next(iter(line.values())).mean())
    return float(min(x.min() for each in numbers.values() for x in each.values())) / 2


def _by_label(value: Any, name: str, *, label: str = "") -> dict[str, np.ndarray]:
    """The numbers of each label; one label if there are none."""
    by_label = value if isinstance(value, Mapping) else {label: value}
    return {key: _numbers(each, name) for key, each in check_named(by_label, name).items()}


def _numbers(value: object, name: str) -> np.ndarray:
    """Requires a finite real number, or several, and returns them along one axis."""
    numbers = check_finite(check_numeric(value, name), name).flatten().numpy()
    if numbers.size == 0:
        raise ValueError(f"`{name}` must hold at least one number. Got none.")
    return numbers


def _check_above_zero(by_label: Iterable[Mapping[str, np.ndarray]], scale: str) -> None:
    """Requires numbers that an axis of the given scale can show."""
    lowest = min(float(x.min()) for each in by_label for x in each.values())
    if scale == "log" and lowest <= 0:
        raise ValueError(f"`scale` must be 'linear' where numbers are not above zero. Got {lowest:g}.")
