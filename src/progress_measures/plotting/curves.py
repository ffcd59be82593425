"""Pictures of columns over steps: of one run with its phases, or of the mean of several runs with its spread."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Literal

from matplotlib.axes import Axes

from progress_measures._checks.values import check_choice
from progress_measures.phases.boundaries import Phases
from progress_measures.plotting._axes import axes
from progress_measures.plotting.checks import check_in_reach, check_labels, check_on_scale
from progress_measures.trajectory.keys import filtered, warn_if_no_keys
from progress_measures.trajectory.runs import Runs, warn_of_runs_without_keys
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

_PHASES = {  # for each field of `Phases`, the name and the colour of the phase that it ends
    "memorization_end": ("memorization", "#fbe3c2"),
    "circuit_formation_end": ("circuit formation", "#cfe3f5"),
    "cleanup_end": ("cleanup", "#d6edd3"),
}


def plot_curves(
    trajectory: Trajectory,
    columns: str | Sequence[str] | Mapping[str, str],
    *,
    phases: Phases | None = None,
    scale: Literal["linear", "log"] = "log",
    ax: Axes | None = None,
) -> Axes:
    """Draws columns of a trajectory over its steps, with the phases shaded behind them.

    A line connects the steps at which its column has a number. It skips steps with ``nan``, where nothing was measured.

    Args:
        trajectory: A run, such as ``track`` returns.
        columns: The name of a column of numbers or of vectors, several names, or a mapping from names to labels. The
            entries of a vector are drawn as one thin line each.
        phases: The result of ``find_phases``. A phase is shaded if both of its ends are known. The phase in which the
            run stopped is shaded to the end of the run.
        scale: The scale of the vertical axis. On a logarithmic axis, a curve leaves the picture at the bottom where it
            is 0.
        ax: Where to draw; a new figure if None. If the vertical axis has no label yet, it gets the words that all
            labels of columns end in, such as "loss".

    Returns:
        The axes.

    Raises:
        KeyError: If there is no such column.
        TypeError: If ``trajectory`` is not a trajectory.
        ValueError: If there is no such scale, or no column is named; if a finite number is beyond ±1e300; or if, on the
            logarithmic scale, a column has a number below zero or no number above zero.

    Example:
        >>> trajectory = pm.Trajectory([0, 100], {"test_loss": [4.7, 0.1]})
        >>> plotting.plot_curves(trajectory, {"test_loss": "test"}).get_xlabel()
        'step'
    """
    check_choice(scale, "scale", Literal["linear", "log"])
    labels = check_labels(columns)
    chosen = check_trajectory(trajectory).select(list(labels))
    warn_if_no_keys(trajectory.columns, labels, stacklevel=2)
    check_in_reach(chosen)
    check_on_scale(chosen, scale)
    ax = axes(ax)
    if phases is not None:
        _shade(ax, phases, start=int(trajectory.steps[0]), end=int(trajectory.steps[-1]))
    for name, label in labels.items():
        _curve(ax, chosen, name, label)
    _finish(ax, chosen, scale, _shared_ending(labels.values()))
    return ax


def plot_runs(
    runs: Runs | Mapping[str, Trajectory],
    columns: str | Sequence[str] | Mapping[str, str],
    *,
    scale: Literal["linear", "log"] = "log",
    ax: Axes | None = None,
) -> Axes:
    """Draws the mean of columns over several runs in a band of one standard deviation, at the steps that all runs have.

    On a logarithmic axis, the mean is the geometric mean. The band then reaches from the mean divided by the geometric
    standard deviation to the mean multiplied by it. So on either axis, the band is as wide above the mean as below it.

    Args:
        runs: Several runs, such as one per seed, or a mapping from names to trajectories. One run alone has no band.
        columns: The name of a column of numbers or of vectors, several names, or a mapping from names to labels. The
            means of the entries of a vector are drawn as one thin line each, without bands.
        scale: The scale of the vertical axis, of the mean and of the band.
        ax: Where to draw; a new figure if None. If the vertical axis has no label yet, it gets one.

    Returns:
        The axes.

    Raises:
        KeyError: If a run has no such column.
        TypeError: If ``runs`` is not a mapping from names to trajectories.
        ValueError: If there is no such scale, no column is named, or the runs have no step in common; if a finite
            number is beyond ±1e300; or if, on the logarithmic scale, a column has a number below zero or no mean above
            zero.

    Example:
        >>> seeds = {str(seed): pm.Trajectory([0, 100], {"test_loss": [4.7, 10.0**-seed]}) for seed in range(3)}
        >>> plotting.plot_runs(pm.Runs(seeds), "test_loss").get_yscale()
        'log'
    """
    labels = check_labels(columns)
    chosen = Runs(runs).select(list(labels))
    if filtered(labels):
        warn_of_runs_without_keys(runs, stacklevel=2)
    for run in chosen.values():  # the mean of such numbers may be infinite
        check_in_reach(run)
    mean = chosen.mean(scale=scale)
    check_on_scale(mean, scale)
    spread = chosen.std(scale=scale) if len(chosen) > 1 else None
    ax = axes(ax)
    steps = mean.steps.numpy()
    for name, label in labels.items():
        colour = _curve(ax, mean, name, label)
        if spread is not None and mean[name].ndim == 1:
            middle, width = mean[name].numpy(), spread[name].numpy()
            low, high = (middle / width, middle * width) if scale == "log" else (middle - width, middle + width)
            ax.fill_between(steps, low, high, color=colour, alpha=0.25, linewidth=0)
    what = "geometric mean" if scale == "log" else "mean"
    _finish(ax, mean, scale, f"{_shared_ending(labels.values())} ({what} of {len(runs)} runs)".lstrip())
    return ax


def _curve(ax: Axes, trajectory: Trajectory, name: str, label: str) -> Any:
    """Draws a column, a vector as thin lines with one label, at the steps where it has a number; returns its colour."""
    values = trajectory[name].reshape(len(trajectory), -1)
    measured = ~values.isnan().all(1)  # so that a column that was measured at every other step is a line, too
    width = 1.8 if values.shape[1] == 1 else 0.6
    lines = ax.plot(trajectory.steps[measured].numpy(), values[measured].numpy(), linewidth=width, label=label)
    for line in lines[1:]:
        line.set(color=lines[0].get_color(), label="_")
    return lines[0].get_color() if lines else None


def _shared_ending(labels: Iterable[str]) -> str:
    """The words that all labels end in."""
    ends = zip(*(label.split()[::-1] for label in labels), strict=False)
    return " ".join([words[0] for words in takewhile(lambda words: len({*words}) == 1, ends)][::-1])


def _finish(ax: Axes, trajectory: Trajectory, scale: str, label: str) -> None:
    first, last = int(trajectory.steps[0]), int(trajectory.steps[-1])
    ax.set(xlabel="step", yscale=scale, ylabel=ax.get_ylabel() or label)
    if first < last:
        ax.set_xlim(first, last)
    ax.legend(loc="best", fontsize="small", framealpha=0.9)


def _shade(ax: Axes, phases: Phases, *, start: int, end: int) -> None:
    """Shades each phase whose two ends are known, and the phase in which the run stopped to the end of the run."""
    stops = [getattr(phases, field) for field in _PHASES]
    starts = [start, *stops]
    for index, (name, colour) in enumerate(_PHASES.values()):
        begin, stop = starts[index], stops[index]
        if stop is None and all(later is None for later in stops[index:]):
            stop = end
        if begin is not None and stop is not None:
            ax.axvspan(begin, stop, color=colour, linewidth=0, label=name, zorder=0)
        if stop == end:
            return
