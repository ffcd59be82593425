"""Events in a run: when each happens, or why it has no step."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal, Self, cast

import numpy as np

from progress_measures._checks.values import type_name
from progress_measures._tables import html_table
from progress_measures.phases.curves import bracket

KEPT = 0.75  # an event has settled if this first share of the run has it at the same step …
NEAR = 0.05  # … to within this share of the steps before it, or in the same interval of recorded steps
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
    """The recorded steps between which the event lies; None if it has no step."""
    absent: Absence | None = None
    """Why there is no step. The column was not recorded, the run did not reach the event, or the column cannot tell."""
    reason: str = ""
    """What the columns show, in words."""
    settled: bool = True
    """Whether the first three quarters of the run already have the event there, so more training hardly moves it."""

    def __str__(self) -> str:
        if self.step is None:
            return str(self.absent)
        between = "" if self.interval is None else f" ({self.interval[0]} to {self.interval[1]})"
        return f"{self.step}{between}{'' if self.settled else ', not settled'}"


@dataclass(frozen=True)
class Count(Event):
    """An event with a number of steps, or of times, instead of a step, such as a delay."""


class WithEvents:
    """The base of a frozen dataclass of steps that also holds the event of each step."""

    __slots__ = ("_events",)

    @classmethod
    def of(cls, events: Mapping[str, Event], **others: Any) -> Self:
        """The result with the steps of the events, and with any other fields as given."""
        result = cls(**{name: event.step for name, event in events.items()}, **others)
        object.__setattr__(result, "_events", dict(events))
        return result

    @property
    def events(self) -> Mapping[str, Event]:
        """Each step with the interval of recorded steps around it, or why there is none."""
        known: dict[str, Event] = getattr(self, "_events", {})
        shown = [field.name for field in fields(cast("Any", self)) if field.repr]
        return MappingProxyType({name: known.get(name, Event(getattr(self, name))) for name in shown})

    def __reduce__(self) -> tuple[Any, ...]:  # a frozen dataclass cannot set a slot when it is copied or unpickled
        return _rebuilt, (type(self), vars(self), getattr(self, "_events", {}))

    def _repr_html_(self) -> str:
        rows = [[name.replace("_", " "), str(event), event.reason] for name, event in self.events.items()]
        return html_table(type(self).__name__, ["", "step", ""], rows)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={_shown(x)}' for name, x in self.events.items())})"


def check_event(value: object, name: str) -> Event:
    """Requires an event with a step, and returns it."""
    if not isinstance(value, Event) or isinstance(value, Count):
        raise TypeError(
            f"`{name}` must be an Event, as onset returns, or as the `events` of phases and milestones are. "
            f"Got {type_name(value)}."
        )
    return value


def bracketed(steps: np.ndarray, step: float | None, column: str, does: str) -> Event:
    """The event of a column at a step, with the recorded steps next to it; or that the column does not reach it."""
    if step is None:
        return Event(None, absent="not reached", reason=f"no step from which {column} {does}")
    return Event(round(step), bracket(steps, round(step)), reason=f"{column} {does}")


def compared(events: Mapping[str, Event], early: Mapping[str, Event], *, start: int) -> dict[str, Event]:
    """The events, marked as settled if the first part of the run has them at the same step."""
    return {name: replace(event, settled=_same(event, early[name], start)) for name, event in events.items()}


def _same(event: Event, early: Event, start: int) -> bool:
    if event.interval is None:
        return True
    if event.step is None or early.step is None:
        return False
    return event.interval[0] <= early.step <= event.interval[1] or (
        abs(early.step - event.step) <= NEAR * (event.step - start)
    )


def _rebuilt(kind: type[Any], values: Mapping[str, Any], events: Mapping[str, Event]) -> Any:
    result = kind(**values)
    object.__setattr__(result, "_events", dict(events))
    return result


def _shown(event: Event) -> str:
    return f"None: {event}" if event.step is None and event.absent else str(event)
