"""Where a run passes from memorization to circuit formation to cleanup, and how early that shows.

A boundary is where a curve turns or crosses a level, at the place that the fewest recorded steps contradict. What one
recorded step alone says is not believed: noise and spikes move little, and a run cut short has None, not a guess.
"""

from progress_measures.phases.boundaries import Phases, find_phases
from progress_measures.phases.lead import LeadTimes, lead_times
from progress_measures.phases.spread import PhaseSpread, phase_spread

__all__ = ["LeadTimes", "PhaseSpread", "Phases", "find_phases", "lead_times", "phase_spread"]
