"""How much of weights, activations or logits lies in each frequency.

A spectrum has one entry per member of ``op.frequencies``, in that order: entry i belongs to frequency i + 1, and the
constant has no entry. A spectrum of the inputs has one axis per operand, each with the constant first. Everything is
computed in float64 and is differentiable.
"""

from progress_measures.spectra.answers import answer_spectrum, cosine_coefficients, logit_spectrum, spectrum
from progress_measures.spectra.inputs import input_spectrum, neuron_spectrum

__all__ = [
    "answer_spectrum",
    "cosine_coefficients",
    "input_spectrum",
    "logit_spectrum",
    "neuron_spectrum",
    "spectrum",
]
