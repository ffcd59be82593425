"""When things happen in a run: milestones, phases, and how early a measure announces them.

A boundary is a step at which a curve turns or crosses a level for good. A single recorded step is never enough
evidence, so noise and spikes move a boundary little. If a run does not reach a boundary, or its log cannot tell, the
boundary is None, and the ``events`` of the result say why.

- ``milestones``: :func:`milestones`, memorization and generalization as most papers report them
- ``boundaries``: :func:`find_phases`, the phases of Nanda et al. (2023); ``ends`` has their rules
- ``onset``: the :func:`onset` of any column, and its :func:`lead` before any event
- ``lead_times``: :func:`lead_times` of restricted and excluded loss
- ``summary``: :func:`summary`, one line per run
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
