"""All losses and accuracies of a checkpoint: in one call, compared with chance, or as one function of the model."""

from progress_measures.measures.checkpoint import Measures, measure
from progress_measures.measures.controls import Control, Controls, random_frequency_control, shuffled_label_control
from progress_measures.measures.grokking import grokking_measures
from progress_measures.measures.restricted import add_restricted_loss
from progress_measures.measures.weights import Weight, weight

__all__ = [
    "Control",
    "Controls",
    "Measures",
    "Weight",
    "add_restricted_loss",
    "grokking_measures",
    "measure",
    "random_frequency_control",
    "shuffled_label_control",
    "weight",
]
