"""The axes to draw on."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes


def axes(ax: Axes | None) -> Axes:
    """Returns the given axes, or those of a new figure."""
    return plt.subplots(layout="constrained")[1] if ax is None else ax
