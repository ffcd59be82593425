"""Which frequencies a network uses: which stand out, which suffice for its answers, since when, and in which neurons.

A rule is a value, such as ``Share(0.9)``, that names the key frequencies of any checkpoint's logits. Pass it as
``frequencies`` to :func:`grokking_measures`. To write your own, define a class with a method ``of_logits(logits, op)``.
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
