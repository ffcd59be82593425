"""Any submodule's output, read by ``captured`` or replaced by ``ablated`` while a model runs."""

from progress_measures.ablation.contexts import Activations, ablated, captured
from progress_measures.ablation.replacements import (
    Replacement,
    mean_ablation,
    project_onto,
    project_out,
    resample_ablation,
    zero_ablation,
)

__all__ = [
    "Activations",
    "Replacement",
    "ablated",
    "captured",
    "mean_ablation",
    "project_onto",
    "project_out",
    "resample_ablation",
    "zero_ablation",
]
