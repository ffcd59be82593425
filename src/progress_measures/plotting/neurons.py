"""A picture of which neurons follow which frequency."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from progress_measures._checks.tensors import Array
from progress_measures.plotting._axes import axes
from progress_measures.plotting.checks import check_bars, check_shares_of_neurons
from progress_measures.plotting.colours import add_colour_bar, heat
from progress_measures.plotting.ticks import name_frequencies, whole_numbers


def plot_neurons(shares: Array, *, key_frequencies: Iterable[int] = (), ax: Axes | None = None) -> Axes:
    """Draws neurons by frequencies as a heat map, with neurons of the same dominant frequency below each other.

    The clusters are in the order of their frequencies, and neurons in the order of their share in it, the largest on
    top. Dead neurons, all of whose shares are 0, are at the bottom. White is 0, and 1 is darkest.

    Args:
        shares: The result of ``neuron_spectrum``, shape ``(m, K)``.
        key_frequencies: The only frequencies to name on the axis. If none, a few evenly spaced ones are named.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``shares`` are neither a tensor nor an array, or are complex, or if a frequency is not an integer.
        ValueError: If ``shares`` do not have two axes, are not finite, or do not lie between 0 and 1; or if there is no
            such frequency.

    Example:
        >>> ax = plotting.plot_neurons(torch.tensor([[0.1, 0.9], [0.0, 0.0], [0.8, 0.1]]))
        >>> ax.images[0].get_array().argmax(1)[:2]
        array([0, 1])
    """
    numbers = check_shares_of_neurons(shares).numpy()
    chosen = check_bars(key_frequencies, numbers.shape[1])
    largest = numbers.max(1)
    order = np.lexsort((-largest, numbers.argmax(1), largest == 0))
    ax = axes(ax)
    count, frequencies = numbers.shape
    place = (0.5, frequencies + 0.5, count, 0)
    look = heat(np.ones(1))
    image = ax.imshow(numbers[order], aspect="auto", interpolation="nearest", extent=place, **look)
    add_colour_bar(image, ax, "share of the variance")
    name_frequencies(ax.xaxis, chosen, frequencies)
    whole_numbers(ax.yaxis)
    ax.set(xlabel="frequency", ylabel="neuron, sorted")
    return ax
