"""What happens in a run and when: milestones, phases, and how early a measure announces them.

A boundary is where a curve turns, or where it crosses a level so that the least time is spent on the wrong side. One
recorded step alone is not believed, so noise and spikes move a boundary little. What a run does not reach, or its log
does not say, is None and not a guess; the ``events`` of each result say why.

- ``milestones``: :func:`milestones`, as most papers report them
- ``boundaries``: :func:`find_phases`, the paper's phases; ``ends`` has their rules
- ``onset``: :func:`onset` of any column and its :func:`lead` before any event
- ``lead_times``: :func:`lead_times` of restricted and excluded loss
- ``summary``: :func:`summary`, one line for each of several runs
- ``spread``: :func:`phase_spread` over several runs
"""

from progress_measures.phases.boundaries import Phases, find_phases
from progress_measures.phases.events import Event
from progress_measures.phases.lead_times import LeadTimes, lead_times
from progress_measures.phases.milestones import Milestones, milestones
from progress_measures.phases.onset import Lead, lead, onset
from progress_measures.phases.spread import PhaseSpread, phase_spread
from progress_measures.phases.summary import Summary, summary

__all__ = [
    "Event",
    "Lead",
    "LeadTimes",
    "Milestones",
    "PhaseSpread",
    "Phases",
    "Summary",
    "find_phases",
    "lead",
    "lead_times",
    "milestones",
    "onset",
    "phase_spread",
    "summary",
]
