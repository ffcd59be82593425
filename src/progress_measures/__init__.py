"""Measures of what a network has learned before its loss shows it.

The path of the data, and the functions along it:

- Fourier basis: :func:`fourier_basis`, :func:`fourier_labels`, :func:`to_fourier`, :func:`from_fourier`,
  :func:`frequency_power`
- operations: :class:`Operation`, :func:`addition`, :func:`subtraction`, :func:`multiplication`,
  :func:`division`; of any finite group: :func:`composition`, :func:`symmetric_group`, :func:`alternating_group`,
  :func:`dihedral_group`, :func:`direct_product`, :class:`Irrep`
- a model's logits on every pair of inputs: :func:`grid_logits`
- parts of the logits: :func:`restrict`, :func:`exclude`
- losses: :func:`cross_entropy`, :func:`accuracy`, :func:`restricted_loss`, :func:`excluded_loss`,
  :func:`excluded_loss_per_frequency`; all at once: :func:`measure`, :class:`Measures`;
  beside chance: :func:`random_frequency_control`, :func:`shuffled_label_control`, :class:`Controls`, :class:`Control`
- spectra of weights, logits and neurons: :func:`spectrum`, :func:`logit_spectrum`, :func:`neuron_spectrum`; which
  frequencies stand out: :func:`key_frequencies`, :func:`neuron_frequencies`; how much of each wave is in the logits:
  :func:`cosine_coefficients`
- how well something simple explains something measured: :func:`explained_variance`, :func:`fit_waves`,
  :class:`WaveFit`
- sparsity, rank and size: :func:`gini`, :func:`effective_rank`, :func:`sum_squared_weights`, :func:`parameter_norms`;
  how few frequencies weights have, and whether cosines or sines: :func:`inverse_participation_ratio`,
  :func:`fourier_frequency_density`, :func:`fourier_coefficient_ratio`
- clock or pizza: :func:`gradient_symmetricity`, :func:`distance_irrelevance`, :func:`circularity`; models that are one:
  :class:`Clock`, :class:`Pizza`
- submodules read and replaced: :func:`captured`, :class:`Activations`, :func:`ablated` with :func:`zero_ablation`,
  :func:`mean_ablation`, :func:`resample_ablation`, :func:`project_onto`, :func:`project_out`,
  :func:`project_onto_frequencies`, :func:`project_each_onto_frequency`, :func:`project_out_frequencies`; a part of an
  activation: :func:`at`; one of several inputs or outputs: :func:`input_of`, :func:`output_of`, :class:`Site`
- while a model is trained: :class:`Recorder`, :func:`log_spaced`, :func:`dense_early`, :func:`grokking_measures`,
  :func:`final_measures`, :func:`load_recording`
- runs: :func:`track`, :class:`Trajectory`, several of them as :class:`Runs`; their phases: :func:`find_phases`,
  :class:`Phases`; how early they
  are announced: :func:`lead_times`, :class:`LeadTimes`; over several runs: :func:`phase_spread`,
  :class:`PhaseSpread`

Pictures are in ``progress_measures.plotting``, which needs matplotlib.
"""

from progress_measures.ablation import (
    Activations,
    Site,
    ablated,
    at,
    captured,
    input_of,
    mean_ablation,
    output_of,
    project_onto,
    project_out,
    resample_ablation,
    zero_ablation,
)
from progress_measures.circuits import circularity, distance_irrelevance, gradient_symmetricity
from progress_measures.concentration import (
    fourier_coefficient_ratio,
    fourier_frequency_density,
    inverse_participation_ratio,
)
from progress_measures.controls import Control, Controls, random_frequency_control, shuffled_label_control
from progress_measures.filtering import (
    exclude,
    project_each_onto_frequency,
    project_onto_frequencies,
    project_out_frequencies,
    restrict,
)
from progress_measures.fits import WaveFit, explained_variance, fit_waves
from progress_measures.fourier import fourier_basis, fourier_labels, frequency_power, from_fourier, to_fourier
from progress_measures.frequencies import key_frequencies, neuron_frequencies
from progress_measures.grid import grid_logits
from progress_measures.journal import load_recording
from progress_measures.losses import (
    accuracy,
    cross_entropy,
    excluded_loss,
    excluded_loss_per_frequency,
    restricted_loss,
)
from progress_measures.measures import Measures, measure
from progress_measures.norms import parameter_norms, sum_squared_weights
from progress_measures.operations import (
    Irrep,
    Operation,
    addition,
    alternating_group,
    composition,
    dihedral_group,
    direct_product,
    division,
    multiplication,
    subtraction,
    symmetric_group,
)
from progress_measures.phases import LeadTimes, Phases, PhaseSpread, find_phases, lead_times, phase_spread
from progress_measures.planted import Clock, Pizza
from progress_measures.recording import (
    Recorder,
    dense_early,
    final_measures,
    grokking_measures,
    log_spaced,
)
from progress_measures.sparsity import effective_rank, gini
from progress_measures.spectra import cosine_coefficients, logit_spectrum, neuron_spectrum, spectrum
from progress_measures.tracking import track
from progress_measures.trajectory import Runs, Trajectory

__version__ = "0.1.0"
__all__ = [
    "Activations",
    "Clock",
    "Control",
    "Controls",
    "Irrep",
    "LeadTimes",
    "Measures",
    "Operation",
    "PhaseSpread",
    "Phases",
    "Pizza",
    "Recorder",
    "Runs",
    "Site",
    "Trajectory",
    "WaveFit",
    "ablated",
    "accuracy",
    "addition",
    "alternating_group",
    "at",
    "captured",
    "circularity",
    "composition",
    "cosine_coefficients",
    "cross_entropy",
    "dense_early",
    "dihedral_group",
    "direct_product",
    "distance_irrelevance",
    "division",
    "effective_rank",
    "exclude",
    "excluded_loss",
    "excluded_loss_per_frequency",
    "explained_variance",
    "final_measures",
    "find_phases",
    "fit_waves",
    "fourier_basis",
    "fourier_coefficient_ratio",
    "fourier_frequency_density",
    "fourier_labels",
    "frequency_power",
    "from_fourier",
    "gini",
    "gradient_symmetricity",
    "grid_logits",
    "grokking_measures",
    "input_of",
    "inverse_participation_ratio",
    "key_frequencies",
    "lead_times",
    "load_recording",
    "log_spaced",
    "logit_spectrum",
    "mean_ablation",
    "measure",
    "multiplication",
    "neuron_frequencies",
    "neuron_spectrum",
    "output_of",
    "parameter_norms",
    "phase_spread",
    "project_each_onto_frequency",
    "project_onto",
    "project_onto_frequencies",
    "project_out",
    "project_out_frequencies",
    "random_frequency_control",
    "resample_ablation",
    "restrict",
    "restricted_loss",
    "shuffled_label_control",
    "spectrum",
    "subtraction",
    "sum_squared_weights",
    "symmetric_group",
    "to_fourier",
    "track",
    "zero_ablation",
]
