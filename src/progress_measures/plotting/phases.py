"""A picture of the ends of the phases of several runs."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from progress_measures.phases.boundaries import Phases, find_phases
from progress_measures.phases.events import Event
from progress_measures.plotting._axes import axes
from progress_measures.plotting._text import as_text
from progress_measures.plotting.checks import check_named
from progress_measures.plotting.colours import MARKERS, shades_of
from progress_measures.plotting.ticks import Steps, rows_of_names
from progress_measures.trajectory.trajectory import Trajectory


def plot_phases(runs: Mapping[str, Trajectory | Phases], *, answers: int | None = None, ax: Axes | None = None) -> Axes:
    """Draws the ends of the phases of each run, with the intervals of recorded steps around them.

    Each run is a row, the first one on top. A hollow marker is an end that has not settled. An end that is unknown, or
    that a run does not reach, has no marker; a row without any marker says so. If no run has any end, a warning says
    why.

    Args:
        runs: A mapping from names to runs. A run is a trajectory or the result of :func:`find_phases`, as for
            :func:`phase_spread`.
        answers: The number of classes that the loss is over; needed if a run is a trajectory.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``runs`` is not a mapping from names to trajectories or phases, or ``answers`` is not an integer
            where it is needed.
        ValueError: If there is no run, or for the reasons of :func:`find_phases`.

    See Also:
        :func:`phase_spread`: the median and the range of each end in numbers.

    Example:
        >>> ax = plotting.plot_phases({"seed 0": pm.Phases(1200, 4630, 7628), "seed 1": pm.Phases(800, 4180, None)})
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['end of memorization', 'end of circuit formation', 'end of cleanup']
    """
    found = {
        name: run if isinstance(run, Phases) else find_phases(run, answers=answers)  # type: ignore[arg-type]  # checked
        for name, run in check_named(runs, "runs").items()
    }
    _warn_if_empty(found.values(), stacklevel=2)
    ax = axes(ax)
    names = [*next(iter(found.values())).events]
    for name, marker, colour in zip(names, MARKERS, shades_of(len(names)), strict=False):
        _draw_ends(ax, [phases.events[name] for phases in found.values()], name, marker, colour)
    if not all(event.settled for phases in found.values() for event in phases.events.values()):
        ax.plot([], [], "o", markerfacecolor="white", markeredgecolor="0.2", label="hollow: not settled")
    ax.set_xlabel(" or ".join(dict.fromkeys(getattr(run, "step_name", "step") for run in runs.values())))
    known = [any(event.step is not None for event in phases.events.values()) for phases in found.values()]
    for row in (row for row, one in enumerate(known) if not one):
        ax.text(0.5, row, "no end found", transform=ax.get_yaxis_transform(), ha="center", va="center", color="0.4")
    if not any(known):
        ax.set_xticks([])  # of no step
    else:
        ax.xaxis.set_major_locator(Steps())
    rows_of_names(ax, [as_text(name) for name in found])
    return ax


def _warn_if_empty(found: Collection[Phases], *, stacklevel: int) -> None:
    """Warns of a picture without markers, because no run has an end of a phase."""
    if any(event.step is not None for phases in found for event in phases.events.values()):
        return
    why = {
        name: " or ".join(dict.fromkeys(phases.events[name].absent or "unknown" for phases in found))
        for name in next(iter(found)).events
    }
    warnings.warn(
        f"`runs` must have an end of a phase to draw. Got none in {len(found)} run{'s'[: len(found) != 1]}: "
        f"{', '.join(f'{name} is {reason}' for name, reason in why.items())}. Record excluded_loss, test_loss and "
        "sum_squared_weights, or draw accuracies and losses with plot_curves and its milestones=.",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def _draw_ends(ax: Axes, events: Sequence[Event], name: str, marker: str, colour: str) -> None:
    """Draws one end of all runs, hollow where it has not settled, with one entry in the legend."""
    label = f"end of {name.removesuffix('_end').replace('_', ' ')}"
    for row, event in enumerate(events):
        if event.step is None:
            continue
        low, high = event.interval or (event.step, event.step)
        look: dict[str, Any] = {
            "fmt": marker,
            "ms": 6,
            "color": colour,
            "mec": "0.2",
            "mew": 0.6,
            "capsize": 3,
            "elinewidth": 1.5,
        }
        if not event.settled:
            look |= {"mfc": "white", "mew": 1.2}
        ax.errorbar(event.step, row, xerr=[[event.step - low], [high - event.step]], label=label, **look)
        label = "_"
