"""Heat maps of pairs of inputs, of pairs of their Fourier components, and of neurons by frequencies."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures.fourier import fourier_labels
from progress_measures.plotting._axes import axes
from progress_measures.plotting.checks import check_bars, check_shares_of_neurons, check_square
from progress_measures.plotting.colours import add_colour_bar, heat
from progress_measures.plotting.ticks import name_frequencies, ticks, whole_numbers


def plot_grid(values: Array, *, ax: Axes | None = None) -> Axes:
    """Draws one number per pair of operands as a heat map, with a downwards and b to the right.

    White is 0, red is positive and blue is negative.

    Args:
        values: One number per pair, such as one neuron or one logit on the grid, axes ``(a, b)``, shape ``(n, n)``.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``values`` are neither a tensor nor an array, or are complex.
        ValueError: If ``values`` are not square or not finite.

    See Also:
        :func:`plot_fourier_grid`: the same numbers as Fourier components.

    Example:
        >>> plotting.plot_grid(torch.rand(5, 5)).get_ylabel()
        'a'
    """
    ax = _heat_map(check_square(values, "values"), axes(ax))
    ax.set(xlabel="b", ylabel="a")
    whole_numbers(ax.xaxis, ax.yaxis)
    return ax


def plot_fourier_grid(components: Array, *, key_frequencies: Iterable[int] = (), ax: Axes | None = None) -> Axes:
    """Draws one number per pair of Fourier components as a heat map, with a downwards and b to the right.

    White is 0, red is positive and blue is negative.

    Args:
        components: One number per pair, shape ``(n, n)``, in the order of ``fourier_labels(n)``, such as
            ``to_fourier(values, (0, 1))`` or the norms of the components of all logits.
        key_frequencies: The frequencies to name on the axes. If empty, a few evenly spaced components are named.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``components`` are neither a tensor nor an array, or are complex, or if a frequency is not an
            integer.
        ValueError: If ``components`` are not square or not finite, or if there is no such frequency.

    See Also:
        :func:`to_fourier`: to compute the components.

    Example:
        >>> plotting.plot_fourier_grid(torch.eye(5)).get_xlabel()
        'component of b'
    """
    grid = check_square(components, "components")
    n = len(grid)
    chosen = check_bars(key_frequencies, n // 2)
    ax = _heat_map(grid, axes(ax))
    # Row 2k - 1 is cos k.
    rows = [2 * k - 1 for k in chosen] or sorted(set(np.linspace(0, n - 1, min(n, 9)).round().astype(int).tolist()))
    places, labels = ticks(sorted(rows), fourier_labels(n))
    ax.set_xticks(places, labels, rotation=90, fontsize="small")
    ax.set_yticks(places, labels, fontsize="small")
    ax.set(xlabel="component of b", ylabel="component of a")
    return ax


def plot_neurons(shares: Array, *, key_frequencies: Iterable[int] = (), ax: Axes | None = None) -> Axes:
    """Draws neurons by frequencies as a heat map, grouped by dominant frequency.

    The groups are sorted by their frequency, and the neurons of a group by their share of it, with the largest on top.
    Dead neurons, whose shares are all 0, are at the bottom. White is 0, and 1 is darkest.

    Args:
        shares: The result of :func:`neuron_spectrum`, shape ``(m, K)``.
        key_frequencies: The frequencies to name on the axis. If empty, a few evenly spaced ones are named.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``shares`` are neither a tensor nor an array, or are complex, or if a frequency is not an integer.
        ValueError: If ``shares`` do not have two axes, are not finite, or do not lie between 0 and 1; or if there is no
            such frequency.

    See Also:
        :func:`neuron_frequencies`: the dominant frequency of each neuron.

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


def _heat_map(values: Tensor, ax: Axes) -> Axes:
    numbers = values.detach().cpu().numpy()
    add_colour_bar(ax.imshow(numbers, interpolation="nearest", **heat(numbers)), ax)
    return ax
