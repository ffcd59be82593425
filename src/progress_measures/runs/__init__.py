"""Measuring along a run: during training, or on checkpoints afterwards.

A measure is any function of the model; no operation is needed. Training continues as if nothing had been measured.
"""

from progress_measures.runs.journal import load_recording
from progress_measures.runs.recorder import Recorder
from progress_measures.runs.rules import log_spaced, sqrt_spaced
from progress_measures.runs.track import track

__all__ = ["Recorder", "load_recording", "log_spaced", "sqrt_spaced", "track"]
