"""Where to draw."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes


def axes(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    return plt.subplots(layout="constrained")[1] if ax is None else ax
