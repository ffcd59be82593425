"""Measures of what a network has learned before its loss shows it.

Data pass through the modules in this order:

- the logits of a model on every input: :func:`grid_logits`, for an :class:`Operation` such as :func:`addition`, one of
  any function, :func:`operation`, or one from :mod:`progress_measures.groups`
- the parts of logits and activations that belong to chosen frequencies: :mod:`progress_measures.filtering`
- losses and accuracies: :mod:`progress_measures.losses`; all of a checkpoint's in one call, or compared with chance:
  :mod:`progress_measures.measures`
- spectra of weights, logits and neurons: :mod:`progress_measures.spectra`; their basis:
  :mod:`progress_measures.fourier`; which frequencies stand out: :mod:`progress_measures.frequencies`
- other measures of weights, neurons and logits: :mod:`progress_measures.sparsity`, :mod:`progress_measures.norms`,
  :mod:`progress_measures.compression`, :mod:`progress_measures.fits`, :mod:`progress_measures.concentration`,
  :mod:`progress_measures.circuits`
- periods, circles and helices in embeddings that belong to no operation: :mod:`progress_measures.embeddings`
- reading and replacing activations of submodules: :mod:`progress_measures.ablation`; scores of attention heads:
  :mod:`progress_measures.attention`
- gradients and curvature of any loss of the model: :mod:`progress_measures.gradients`,
  :mod:`progress_measures.curvature`
- measuring a model while it trains, or over its checkpoints: :mod:`progress_measures.runs`; the recorded values:
  :mod:`progress_measures.trajectory`; their milestones and phases: :mod:`progress_measures.phases`
- plots: :mod:`progress_measures.plotting`, which needs matplotlib; an HTML page of a run:
  :mod:`progress_measures.report`, which needs bokeh

Most names are also in the top module: ``pm.measure`` is ``pm.measures.measure``. Names of ``groups``,
``concentration``, ``circuits``, ``compression``, ``embeddings``, ``attention``, ``gradients`` and ``curvature`` are
only in their own modules. So are some of ``ablation``, ``sparsity``, ``fits``, ``losses`` and ``spectra``, and classes
of results that are rarely named, such as ``pm.phases.LeadTimes``.
"""

from typing import TYPE_CHECKING

from progress_measures import (
    ablation as ablation,
    attention as attention,
    circuits as circuits,
    compression as compression,
    concentration as concentration,
    curvature as curvature,
    embeddings as embeddings,
    fits as fits,
    frequencies as frequencies,
    gradients as gradients,
    groups as groups,
    losses as losses,
    measures as measures,
    phases as phases,
    sparsity as sparsity,
    spectra as spectra,
)
from progress_measures.ablation import (
    ablated as ablated,
    at as at,
    captured as captured,
    input_of as input_of,
    mean_ablation as mean_ablation,
    output_of as output_of,
    project_onto as project_onto,
    project_out as project_out,
    resample_ablation as resample_ablation,
    zero_ablation as zero_ablation,
)
from progress_measures.filtering import (
    exclude as exclude,
    project_each_onto_frequency as project_each_onto_frequency,
    project_onto_frequencies as project_onto_frequencies,
    project_out_frequencies as project_out_frequencies,
    restrict as restrict,
)
from progress_measures.fits import (
    explained_variance as explained_variance,
    fit_waves as fit_waves,
)
from progress_measures.fourier import (
    fourier_basis as fourier_basis,
    fourier_labels as fourier_labels,
    frequency_power as frequency_power,
    from_fourier as from_fourier,
    to_fourier as to_fourier,
)
from progress_measures.frequencies import (
    key_frequencies as key_frequencies,
    neuron_frequencies as neuron_frequencies,
    onsets as onsets,
    sufficient_frequencies as sufficient_frequencies,
)
from progress_measures.grid import (
    grid_logits as grid_logits,
)
from progress_measures.losses import (
    accuracy as accuracy,
    cross_entropy as cross_entropy,
    excluded_loss as excluded_loss,
    excluded_loss_per_frequency as excluded_loss_per_frequency,
    restricted_loss as restricted_loss,
)
from progress_measures.measures import (
    Measures as Measures,
    add_restricted_loss as add_restricted_loss,
    grokking_measures as grokking_measures,
    measure as measure,
    random_frequency_control as random_frequency_control,
    shuffled_label_control as shuffled_label_control,
    weight as weight,
)
from progress_measures.norms import (
    parameter_norms as parameter_norms,
    sum_squared_weights as sum_squared_weights,
)
from progress_measures.operations import (
    Operation as Operation,
    addition as addition,
    division as division,
    multiplication as multiplication,
    operation as operation,
    parity as parity,
    subtraction as subtraction,
)
from progress_measures.phases import (
    Phases as Phases,
    find_phases as find_phases,
    lead_times as lead_times,
    milestones as milestones,
    phase_spread as phase_spread,
)
from progress_measures.runs import (
    Recorder as Recorder,
    load_recording as load_recording,
    log_spaced as log_spaced,
    sqrt_spaced as sqrt_spaced,
    track as track,
)
from progress_measures.sparsity import (
    effective_rank as effective_rank,
    gini as gini,
)
from progress_measures.spectra import (
    cosine_coefficients as cosine_coefficients,
    input_spectrum as input_spectrum,
    logit_spectrum as logit_spectrum,
    neuron_spectrum as neuron_spectrum,
    spectrum as spectrum,
)
from progress_measures.trajectory import (
    Runs as Runs,
    Trajectory as Trajectory,
)

if not TYPE_CHECKING:  # type checkers would take any name for one of the module's
    from progress_measures._checks.rooms import __getattr__ as __getattr__

__version__ = "0.1.0"
__all__ = sorted(name for name, value in globals().items() if callable(value) and not name.startswith("_"))  # no rooms
