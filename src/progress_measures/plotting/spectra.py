"""Pictures of spectra, as bars."""

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from progress_measures._checks.tensors import Array
from progress_measures.frequencies.keys import check_power
from progress_measures.plotting._axes import axes
from progress_measures.plotting.checks import check_bars

_KEY, _OTHER = "#c0392b", "#9aa5b1"


def plot_spectrum(power: Array, *, key_frequencies: Iterable[int] = (), ax: Axes | None = None) -> Axes:
    """Draws a spectrum as one bar per frequency, with key frequencies coloured and numbered.

    Args:
        power: The result of ``spectrum`` or ``logit_spectrum``, or its square root, shape ``(K,)``.
        key_frequencies: The frequencies to colour and number, such as the result of ``key_frequencies``.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``power`` is neither a tensor nor an array, or a frequency is not an integer.
        ValueError: If ``power`` does not have one axis, or a frequency has no bar.

    Example:
        >>> len(plotting.plot_spectrum(torch.tensor([0.1, 4.0, 0.2]), key_frequencies=[2]).patches)
        3
    """
    heights = check_power(power).cpu()
    frequencies = range(1, len(heights) + 1)
    chosen = check_bars(key_frequencies, len(heights))
    ax = axes(ax)
    colours = [_KEY if k in chosen else _OTHER for k in frequencies]
    ax.bar(list(frequencies), heights.numpy(), color=colours, width=0.8)
    for k in chosen:
        # The numbers of neighbouring bars are shifted away from each other.
        side = "right" if k + 1 in chosen else "left" if k - 1 in chosen else "center"
        ax.annotate(
            str(k), (k, float(heights[k - 1])), xytext=(0, 2), textcoords="offset points", ha=side, va="bottom",
            fontsize="small", color=_KEY,
        )  # fmt: skip
    ax.margins(x=0.01, y=0.12)
    ax.set(xlabel="frequency", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax
