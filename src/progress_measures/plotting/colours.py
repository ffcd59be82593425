"""Colours and markers that can be told apart in grey, and the colours of heat maps, which darken with the number."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, to_hex

from progress_measures.plotting._text import fit_height

KEY, OTHER = "#c0392b", "#9aa5b1"  # for what stands out and for everything else; in grey, dark and light
MARKERS = "os^vDPX*"


def shades_of(count: int) -> list[str]:
    """As many colours, from dark to light in grey as well."""
    return [to_hex(mpl.colormaps["cividis"](place)) for place in np.linspace(0.1, 0.8, count)]


def heat(values: np.ndarray, scale: str = "linear") -> dict[str, Any]:
    """The colours of a heat map: white for 0, darker away from it; on a logarithmic scale from the smallest above 0."""
    known = values[np.isfinite(values)]
    extreme = float(np.abs(known).max(initial=0)) or 1.0
    if scale == "log":
        return {"cmap": "Reds", "norm": LogNorm(float(known[known > 0].min()), extreme)}
    if (known < 0).any():
        return {"cmap": "RdBu_r", "norm": Normalize(-extreme, extreme)}
    return {"cmap": "Reds", "norm": Normalize(0, extreme)}


def add_colour_bar(image: ScalarMappable, ax: Axes, label: str = "") -> None:
    """Adds what the colours mean, to the right."""
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, label=label)
    fit_height(bar.ax.yaxis.label, 0.8 * ax.get_window_extent().height)
