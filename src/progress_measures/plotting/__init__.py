"""Pictures of measures, with matplotlib (``pip install "progress_measures[plot]"``).

Each function draws on the ``Axes`` that it is given, or on those of a new figure, and returns them, so that titles,
limits and files stay the caller's.

- ``curves``: :func:`plot_curves` of a run, with its phases; :func:`plot_runs`, the mean of several with its spread
- ``spectra``: :func:`plot_spectrum`
- ``heat_maps``: :func:`plot_grid`, :func:`plot_fourier_grid`
"""

try:
    import matplotlib  # noqa: F401, ICN001 - to say what is missing before anything else does
except ImportError as error:  # pragma: no cover - the tests install matplotlib
    raise ImportError('progress_measures.plotting needs matplotlib: pip install "progress_measures[plot]"') from error

from progress_measures.plotting.curves import plot_curves, plot_runs
from progress_measures.plotting.heat_maps import plot_fourier_grid, plot_grid
from progress_measures.plotting.spectra import plot_spectrum

__all__ = ["plot_curves", "plot_fourier_grid", "plot_grid", "plot_runs", "plot_spectrum"]
