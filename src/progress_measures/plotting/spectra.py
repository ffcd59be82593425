"""Pictures of spectra: bars per frequency, or points per frequency of the inputs."""

from collections.abc import Iterable
from math import inf

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import shape_of
from progress_measures.frequencies.keys import check_power
from progress_measures.operations.checks import check_all_inputs
from progress_measures.operations.operation import Operation
from progress_measures.plotting._axes import axes
from progress_measures.plotting.checks import check_bars, check_share, check_tuples
from progress_measures.plotting.colours import KEY, OTHER
from progress_measures.plotting.legends import add_legend
from progress_measures.plotting.ticks import whole_numbers

_LINE, _LEFT = 11, 0.6  # points of a line of names, and the share of the height of the axes that the legend leaves
_NAMED, _SMALLEST = 3, 0.05  # the number of frequencies of inputs named by default, and the least share of each


def plot_spectrum(power: Array, *, key_frequencies: Iterable[int] = (), ax: Axes | None = None) -> Axes:
    """Draws a spectrum as one bar per frequency, with key frequencies coloured and numbered.

    Args:
        power: The result of :func:`spectrum` or :func:`logit_spectrum`, or its square root, shape ``(K,)``.
        key_frequencies: The frequencies to colour and number, such as the result of :func:`key_frequencies`.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``power`` is neither a tensor nor an array, or a frequency is not an integer.
        ValueError: If ``power`` does not have one axis, or a frequency has no bar.

    See Also:
        :func:`plot_frequencies`: for the spectrum over a run.
        :func:`plot_input_spectrum`: for frequencies of the inputs.

    Example:
        >>> len(plotting.plot_spectrum(torch.tensor([0.1, 4.0, 0.2]), key_frequencies=[2]).patches)
        3
    """
    heights = check_power(power).cpu()
    frequencies = range(1, len(heights) + 1)
    chosen = check_bars(key_frequencies, len(heights))
    ax = axes(ax)
    colours = [KEY if k in chosen else OTHER for k in frequencies]
    ax.bar(list(frequencies), heights.numpy(), color=colours, width=0.8)
    for k in chosen:
        # The numbers of neighbouring bars are shifted away from each other.
        side = "right" if k + 1 in chosen else "left" if k - 1 in chosen else "center"
        ax.annotate(
            str(k), (k, float(heights[k - 1])), xytext=(0, 2), textcoords="offset points", ha=side, va="bottom",
            fontsize="small", color=KEY,
        )  # fmt: skip
    ax.margins(x=0.01, y=0.12)
    ax.set(xlabel="frequency", ylim=(0, None))
    whole_numbers(ax.xaxis)
    return ax


def plot_input_spectrum(
    share: Array,
    op: Operation,
    *,
    key_frequencies: Iterable[tuple[int, ...]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a spectrum over frequencies of the inputs by their degree, the number of operands that they depend on.

    Each frequency is a point, and a bar is the sum over all frequencies of one degree. For bits, the frequencies of
    degree d are the subsets of d bits.

    Args:
        share: The result of :func:`input_spectrum`, one axis per operand.
        op: The operation of these inputs.
        key_frequencies: The frequencies to colour and name, as tuples with one integer per operand. If None, the three
            largest that have a share of at least 5 %.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``share`` is neither a tensor nor an array, or is complex, or a frequency is no tuple of integers.
        ValueError: If ``share`` does not have one entry per frequency of the inputs, is not finite, or does not lie
            between 0 and 1; if the operation does not have all inputs; or if there is no such frequency.

    See Also:
        :func:`plot_spectrum`: for frequencies of the answer.

    Example:
        >>> op = pm.parity(4, of=(0, 3))
        >>> ax = plotting.plot_input_spectrum(pm.input_spectrum(op.table.double(), op), op)
        >>> [text.get_text() for text in ax.texts]
        ['bits 0 and 3']
    """
    shares = _check_input_spectrum(share, op)
    chosen = _largest(shares) if key_frequencies is None else check_tuples(key_frequencies, shares.shape)
    degrees = sum(np.minimum(index, 1) for index in np.indices(shares.shape))
    ax = axes(ax)
    count = shares.ndim
    totals = np.bincount(degrees.ravel(), shares.ravel(), count + 1)[1:]
    ax.bar(range(1, count + 1), totals, color="0.88", width=0.8, label="sum of each degree")
    ax.plot(degrees.ravel()[1:], shares.ravel()[1:], "_", color="0.3", markersize=9, label="each frequency")
    places = [(int(degrees[each]), float(shares[each])) for each in chosen]
    label = "largest" if key_frequencies is None else "key frequencies"
    for index, place in enumerate(places):
        ax.plot(*place, "D", color=KEY, markersize=5, linestyle="none", label="" if index else label)
    ax.set(xlabel="degree", ylabel="share of the variance", ylim=(0, None), xlim=(0.4, count + 0.6))
    labels = [op.label(each) for each in chosen]
    _name(ax, places, labels, labels if set(shares.shape) == {2} else [str(each) for each in chosen])
    whole_numbers(ax.xaxis)
    add_legend(ax, outside=True)
    return ax


def _name(ax: Axes, places: list[tuple[int, float]], labels: list[str], short: list[str]) -> None:
    """Writes names beside points, above each other where they would overlap, and short ones where long have no room."""
    box, (left, right), top = ax.get_window_extent(), ax.get_xlim(), ax.get_ylim()[1]
    point = ax.figure.dpi / 72
    names, ups = [], [0.0] * len(places)
    above = -inf  # where there is room above the last name, in points
    for place in sorted(range(len(places)), key=lambda place: places[place][1]):
        height = _LEFT * box.height / point * places[place][1] / top
        ups[place] = max(0.0, above - height)
        above = height + ups[place] + _LINE
    for (degree, share), label, words, up in zip(places, labels, short, ups, strict=True):
        side = "right" if degree > (left + right) / 2 else "left"
        name = ax.annotate(
            label, (degree, share), xytext=(-8 if side == "right" else 8, up), textcoords="offset points",
            ha=side, va="center", fontsize="small",
            arrowprops={"arrowstyle": "-", "color": "0.5", "linewidth": 0.5, "shrinkA": 0} if up else None,
        )  # fmt: skip
        room = (degree - left if side == "right" else right - degree) / (right - left) * box.width - 8 * point
        names.append((name, words, Text.get_window_extent(name).width / room))
    if any(share > 1 for *_, share in names):
        for name, words, _ in names:
            name.set_text(words)


def _largest(shares: np.ndarray) -> list[tuple[int, ...]]:
    """The few frequencies with the largest shares, unless they are small."""
    places = [place for place in np.argsort(-shares, axis=None)[:_NAMED] if shares.flat[place] >= _SMALLEST]
    return [tuple(int(i) for i in np.unravel_index(place, shares.shape)) for place in places]


def _check_input_spectrum(share: object, op: Operation) -> np.ndarray:
    """Requires one share for each frequency of the inputs of an operation; returns them on the CPU."""
    sizes = tuple(int(op.operand_basis(axis)[1][-1]) + 1 for axis in range(len(check_all_inputs(op).operands)))
    shares = check_finite(check_real(share, "share"), "share").detach().cpu()
    if tuple(shares.shape) != sizes:
        raise ValueError(
            f"`share` must have one entry per frequency of the inputs, as of `input_spectrum`: shape {sizes}. "
            f"Got {shape_of(shares)}."
        )
    return check_share(shares, "share").double().numpy()
