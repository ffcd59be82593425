"""When a network has memorized and when it generalizes, as most papers report it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from progress_measures.phases.events import Event


@dataclass(frozen=True)
class Milestones:
    """When a run memorized and when it generalized; the result of :func:`milestones`."""

    memorized: int | None
    generalized: int | None
    delay: int | None
    relapses: int | None
    events: Mapping[str, Event] = field(default_factory=dict, compare=False, repr=False)
    """``memorized``, ``generalized``, ``delay`` and ``relapses`` with their intervals, or why they are None."""
