"""Pictures of measures, with matplotlib (the extra ``plot``).

Each function draws on the given ``Axes``, or on those of a new figure, and returns them. You set titles and limits, and
save files.

- ``curves``: :func:`plot_curves` draws a run with its phases; :func:`plot_runs` draws the mean of several runs with its
  spread
- ``frequencies``: :func:`plot_frequencies` draws one number per frequency over a run
- ``spectra``: :func:`plot_spectrum`; :func:`plot_input_spectrum` for frequencies of the inputs, such as subsets of bits
- ``embeddings``: :func:`plot_embedding` draws tokens on the circle of a frequency, or by principal components
- ``heat_maps``: :func:`plot_grid`, :func:`plot_fourier_grid`, :func:`plot_neurons`
- ``phases``: :func:`plot_phases` draws where the phases of several runs end
- ``controls``: :func:`plot_controls` draws losses next to their random draws
- ``effects``: :func:`plot_effects` draws the effects of ablations
- ``circuits``: :func:`plot_clock_or_pizza` draws models between an ideal clock and an ideal pizza
"""

try:
    import matplotlib  # noqa: F401, ICN001 - to say first what is missing
except ImportError as error:  # pragma: no cover - the tests install matplotlib
    raise ImportError("progress_measures.plotting needs matplotlib: pip install matplotlib") from error

from progress_measures.plotting.circuits import plot_clock_or_pizza
from progress_measures.plotting.controls import plot_controls
from progress_measures.plotting.curves import plot_curves, plot_runs
from progress_measures.plotting.effects import plot_effects
from progress_measures.plotting.embeddings import plot_embedding
from progress_measures.plotting.frequencies import plot_frequencies
from progress_measures.plotting.heat_maps import plot_fourier_grid, plot_grid, plot_neurons
from progress_measures.plotting.phases import plot_phases
from progress_measures.plotting.spectra import plot_input_spectrum, plot_spectrum

__all__ = [
    "plot_clock_or_pizza",
    "plot_controls",
    "plot_curves",
    "plot_effects",
    "plot_embedding",
    "plot_fourier_grid",
    "plot_frequencies",
    "plot_grid",
    "plot_input_spectrum",
    "plot_neurons",
    "plot_phases",
    "plot_runs",
    "plot_spectrum",
]
