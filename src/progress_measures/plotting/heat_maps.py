"""One number per pair of inputs, or of their Fourier components."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures.fourier import fourier_labels
from progress_measures.plotting._axes import axes
from progress_measures.plotting.checks import check_bars, check_square


def plot_grid(values: Array, *, ax: Axes | None = None) -> Axes:
    """A heat map of one number per pair of inputs, a downwards and b to the right; white is zero, red above.

    Args:
        values: For instance one neuron or one logit on the grid, axes ``(a, b)``, shape ``(n, n)``.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``values`` are neither tensor nor array, or complex.
        ValueError: If they are not square or not finite.

    Example:
        >>> plotting.plot_grid(torch.rand(5, 5)).get_ylabel()
        'a'
    """
    ax = _heat_map(check_square(values, "values"), axes(ax))
    ax.set(xlabel="b", ylabel="a")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def plot_fourier_grid(components: Array, *, key_frequencies: Iterable[int] = (), ax: Axes | None = None) -> Axes:
    """A heat map of one number per pair of Fourier components, of a downwards and of b to the right; white is zero.

    Args:
        components: For instance ``to_fourier(values, (0, 1))``, or the norms of all logits' components, shape
            ``(n, n)``, in the order of ``fourier_labels(n)``.
        key_frequencies: The only ones to be named on the axes; without them a few evenly spaced ones are.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``components`` are neither tensor nor array, or complex, or a frequency is not an integer.
        ValueError: If they are not square or not finite, or there is no such frequency.

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
    places, labels = _ticks(sorted(rows), fourier_labels(n))
    ax.set_xticks(places, labels, rotation=90, fontsize="small")
    ax.set_yticks(places, labels, fontsize="small")
    ax.set(xlabel="component of b", ylabel="component of a")
    return ax


def _ticks(rows: list[int], labels: list[str]) -> tuple[list[float], list[str]]:
    """Where to name which rows; neighbours whose names would overlap share one: "cos 5, cos 6" between them."""
    groups: list[list[int]] = []
    for row in rows:
        if groups and row - groups[-1][-1] < len(labels) / 25:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [sum(group) / len(group) for group in groups], [", ".join(labels[row] for row in group) for group in groups]


def _heat_map(values: Tensor, ax: Axes) -> Axes:
    values = values.detach().cpu()
    extreme = float(values.abs().max()) or 1.0
    signed = bool((values < 0).any())
    colours, lowest = ("RdBu_r", -extreme) if signed else ("Reds", 0.0)
    image = ax.imshow(values.numpy(), cmap=colours, vmin=lowest, vmax=extreme, interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, shrink=0.8)
    return ax
