"""What happens in a run, when, and why a step is missing where there is none."""

from dataclasses import dataclass
from typing import Literal

Absence = Literal["not recorded", "not reached", "cannot be told"]


@dataclass(frozen=True)
class Event:
    """A step at which something happens in a run, or why there is no such step.

    Example:
        >>> print(pm.phases.Event(4630, (4600, 4800)))
        4630 (4600 to 4800)
        >>> print(pm.phases.Event(None, absent="not reached"))
        not reached
    """

    step: int | None
    interval: tuple[int, int] | None = None
    """The recorded steps between which it lies; None where there is no step."""
    absent: Absence | None = None
    """Why there is no step: the columns were not recorded, the run did not get there, or the columns do not say."""
    reason: str = ""
    """What the columns show, in words."""
    settled: bool = True
    """Whether more training would hardly move the step: without its last third, the run gives the same one."""

    def __str__(self) -> str:
        if self.step is None:
            return str(self.absent) + (f": {self.reason}" if self.reason else "")
        between = "" if self.interval is None else f" ({self.interval[0]} to {self.interval[1]})"
        return f"{self.step}{between}{'' if self.settled else ', not settled'}"
