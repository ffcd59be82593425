"""Reading (:func:`captured`) and replacing (:func:`ablated`) inputs and outputs of submodules while a model runs."""

from progress_measures.ablation.activations import Activations
from progress_measures.ablation.contexts import ablated, captured
from progress_measures.ablation.effects import AblationEffects, ablation_effects
from progress_measures.ablation.heads import Head, heads
from progress_measures.ablation.parts import at
from progress_measures.ablation.projections import project_onto, project_out
from progress_measures.ablation.replacements import mean_ablation, resample_ablation, zero_ablation
from progress_measures.ablation.sites import Site, input_of, output_of

__all__ = [
    "AblationEffects",
    "Activations",
    "Head",
    "Site",
    "ablated",
    "ablation_effects",
    "at",
    "captured",
    "heads",
    "input_of",
    "mean_ablation",
    "output_of",
    "project_onto",
    "project_out",
    "resample_ablation",
    "zero_ablation",
]
