"""How strongly weights are concentrated on few frequencies, or on the cosets of a subgroup."""

from progress_measures.concentration.cosets import coset_concentration
from progress_measures.concentration.frequencies import (
    fourier_coefficient_ratio,
    fourier_frequency_density,
    inverse_participation_ratio,
)

__all__ = [
    "coset_concentration",
    "fourier_coefficient_ratio",
    "fourier_frequency_density",
    "inverse_participation_ratio",
]
