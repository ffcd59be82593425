"""The boundaries between memorization, circuit formation and cleanup, and how early they can be seen.

A boundary is where a curve turns, or where it crosses a level with the fewest recorded steps on the wrong side. One
recorded step alone is not believed, so noise and spikes move a boundary little. A boundary that a run does not reach is
None, not a guess.
"""

from progress_measures.phases.boundaries import Phases, find_phases
from progress_measures.phases.lead import LeadTimes, lead_times
from progress_measures.phases.spread import PhaseSpread, phase_spread

__all__ = ["LeadTimes", "PhaseSpread", "Phases", "find_phases", "lead_times", "phase_spread"]
