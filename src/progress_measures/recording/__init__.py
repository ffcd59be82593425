"""Measures inside a training loop, which goes on as if nothing had been measured."""

from progress_measures.recording.grokking import final_measures, grokking_measures
from progress_measures.recording.recorder import Recorder
from progress_measures.recording.rules import dense_early, log_spaced

__all__ = [
    "Recorder",
    "dense_early",
    "final_measures",
    "grokking_measures",
    "log_spaced",
]
