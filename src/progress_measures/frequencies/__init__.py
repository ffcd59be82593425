"""Which frequencies a network uses: by their power, by whether they suffice for its answers, since when, and by neuron.

A rule is a value, such as ``Share(0.9)``, that names the key frequencies of any checkpoint's logits. Pass it as the
``frequencies`` of :func:`grokking_measures`. Your own is any object with a method ``of_logits(logits, op)``.
"""

from progress_measures.frequencies.keys import key_frequencies
from progress_measures.frequencies.neurons import neuron_frequencies
from progress_measures.frequencies.onsets import onsets
from progress_measures.frequencies.rules import Peaks, Rule, Share, Sufficient
from progress_measures.frequencies.sufficient import sufficient_frequencies

__all__ = [
    "Peaks",
    "Rule",
    "Share",
    "Sufficient",
    "key_frequencies",
    "neuron_frequencies",
    "onsets",
    "sufficient_frequencies",
]
