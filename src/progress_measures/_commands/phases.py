"""The command ``phases``: milestones and phases of runs."""

import argparse
import math
import sys
from collections.abc import Sequence

import torch

from progress_measures._checks.values import escaped
from progress_measures._commands.names import recognised
from progress_measures._commands.runs import runs_of
from progress_measures._tables import text_table
from progress_measures.phases.boundaries import PHASES, Phases, find_phases
from progress_measures.phases.events import Event
from progress_measures.phases.milestones import Milestones, milestones
from progress_measures.phases.names import KNOWN
from progress_measures.phases.summary import LEGEND, UNSETTLED, ended_at
from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory

ANY = " or ".join(PHASES)  # if the phase is unknown
LISTED = 5  # the number of relapses that are listed with their steps
HEADS = {  # by the field of `Milestones` or `Phases`
    "memorized": "memorized",
    "generalized": "generalized",
    "relapses": "relapses",
    "memorization_end": "memorization ends",
    "circuit_formation_end": "circuit formation ends",
    "cleanup_end": "cleanup ends",
}


def phases(options: argparse.Namespace) -> str:
    """Returns the milestones and ends of phases of a run in six lines, or a table of several runs, one line each."""
    runs = runs_of(options)
    results = found(runs, options.answers)
    if len(runs) == 1:
        ((name, run),) = runs.items()
        return _summary(name, run, *results[name], math.log(options.answers))
    rows = {name: _events(*each) for name, each in results.items()}
    lines = [[escaped(name), *(_brief(events[head]) for head in HEADS)] for name, events in rows.items()]
    unsettled = any(cell.endswith(UNSETTLED) for line in lines for cell in line[1:])
    return text_table([["run", *HEADS.values()], *lines]) + (f"\n{LEGEND}" if unsettled else "")


def found(runs: Runs, answers: int) -> dict[str, tuple[Milestones, Phases]]:
    """The milestones and the phases of each run. An error names the run.

    Columns may have other names, with a note on stderr.
    """
    return {name: (reached, ends) for name, (_, reached, ends) in read(runs, answers).items()}


def read(runs: Runs, answers: int) -> dict[str, tuple[Trajectory, Milestones, Phases]]:
    """Each run with its columns under known names, its milestones and its phases."""
    results, said = {}, dict[str, None]()
    for name, run in runs.items():
        results[name], notes = _read_one(name, run, answers)
        said |= dict.fromkeys(notes)
    for note in said:
        print(escaped(note), file=sys.stderr)
    return results


def found_in(name: str, run: Trajectory, answers: int) -> tuple[tuple[Milestones, Phases], list[str]]:
    """The milestones and the phases of one run, and notes about the columns that were read."""
    (_, reached, ends), notes = _read_one(name, run, answers)
    return (reached, ends), notes


def _read_one(name: str, run: Trajectory, answers: int) -> tuple[tuple[Trajectory, Milestones, Phases], list[str]]:
    known, notes = recognised(run, KNOWN)
    kept, infinite = _finite(known)
    try:
        results = kept, milestones(kept, answers=answers), find_phases(kept, answers=answers)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return results, notes + [f"{name}: {note}" for note in infinite]


def _finite(run: Trajectory) -> tuple[Trajectory, list[str]]:
    """The run without -inf in the columns that are read, and notes about infinite and missing numbers in them."""
    columns, notes = dict(run.columns), []
    for name in KNOWN:
        if name not in columns or columns[name].ndim != 1:
            continue
        infinite = columns[name].isinf()
        if infinite.any():
            columns[name] = columns[name].where(columns[name] != -torch.inf, torch.nan)
            notes.append(f"{name} is infinite at {int(infinite.sum())} of {len(run)} steps")
        last = ended_at(Trajectory(run.steps, {name: columns[name]}), name)
        if last is not None:
            notes.append(f"{name} has no number after {run.step_name} {last}")
    return Trajectory(run.steps, columns, step_name=run.step_name), notes


def _events(*results: Milestones | Phases) -> dict[str, Event]:
    return {name: event for result in results for name, event in result.events.items()}


def _summary(name: str, run: Trajectory, reached: Milestones, ends: Phases, chance: float) -> str:
    events, steps = _events(reached, ends), [int(run.steps[0]), int(run.steps[-1])]
    lines = [[HEADS[head], str(events[head]), events[head].reason] for head in HEADS if head != "relapses"]
    lines[1][2] += _delay(reached) + _relapses(reached)
    phase = ends.at(steps[1])
    last = "" if phase == ANY else f"last phase: {phase}; "
    span = f"{run.step_name} {steps[0]} to {steps[1]}, {len(run)} recorded"
    head = f"{name}: {span}; {last}loss at chance {chance:.3g}"
    return "\n".join([escaped(head), *_left(lines)])


def _delay(reached: Milestones) -> str:
    return "" if reached.delay is None else f", {reached.delay} after it memorized"


def _relapses(reached: Milestones) -> str:
    if not reached.relapses:
        return "" if reached.generalized is None else ", not lost again"
    listed = [str(step) for step in reached.relapse_steps[:LISTED]] + ["…"] * (reached.relapses > LISTED)
    return f", lost again {reached.relapses} time{'s'[: reached.relapses != 1]}: at {', '.join(listed)}"


def _brief(event: Event) -> str:
    return str(event.absent) if event.step is None else f"{event.step}{'' if event.settled else UNSETTLED}"


def _left(lines: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells in left-aligned columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
