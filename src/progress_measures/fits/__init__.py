"""How well an approximation, a fit of waves, or sums of embeddings explain measured values."""

from progress_measures.fits.parallelograms import parallelogram_quality
from progress_measures.fits.waves import WaveFit, explained_variance, fit_waves

__all__ = ["WaveFit", "explained_variance", "fit_waves", "parallelogram_quality"]
