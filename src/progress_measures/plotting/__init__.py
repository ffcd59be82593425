"""Pictures of measures, with matplotlib (``pip install "progress_measures[plot]"``).

Each function draws on the given ``Axes``, or on those of a new figure, and returns them. Titles, limits and files are
left to the caller.

- ``curves``: :func:`plot_curves` draws a run with its phases; :func:`plot_runs` draws the mean of several runs with its
  spread
- ``spectra``: :func:`plot_spectrum`
- ``heat_maps``: :func:`plot_grid`, :func:`plot_fourier_grid`
"""

try:
    import matplotlib  # noqa: F401, ICN001 - to say first what is missing
except ImportError as error:  # pragma: no cover - the tests install matplotlib
    raise ImportError('progress_measures.plotting needs matplotlib: pip install "progress_measures[plot]"') from error

from progress_measures.plotting.curves import plot_curves, plot_runs
from progress_measures.plotting.heat_maps import plot_fourier_grid, plot_grid
from progress_measures.plotting.spectra import plot_spectrum

__all__ = ["plot_curves", "plot_fourier_grid", "plot_grid", "plot_runs", "plot_spectrum"]
