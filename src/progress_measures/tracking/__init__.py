"""Measures over the checkpoints of a run, one after another or on many workers."""

from progress_measures.tracking.track import track

__all__ = ["track"]
