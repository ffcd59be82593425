"""The command ``phases``."""

import argparse
import sys

from progress_measures._checks.values import escaped
from progress_measures._commands.runs import runs_of, table
from progress_measures.phases.boundaries import COLUMNS as NEEDED, Phases, find_phases
from progress_measures.trajectory.trajectory import Trajectory

BOUNDARIES = ("memorization_end", "circuit_formation_end", "cleanup_end")


def phases(options: argparse.Namespace) -> str:
    """Returns a table of the boundaries, one line per run."""
    runs = runs_of(options)
    heads = ["run", *(name.removesuffix("_end").replace("_", " ") for name in BOUNDARIES)]
    return table([heads, *([escaped(name), *_ends(name, run, options.answers)] for name, run in runs.items())])


def phases_of(name: str, run: Trajectory, answers: int) -> Phases:
    """The phases, from the steps at which all of their columns are finite; says on stderr how many others there are."""
    columns = [column for column in NEEDED if column in run]
    try:
        kept = run.complete(columns)
        found = find_phases(kept, answers=answers)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if len(kept) < len(run):
        missing = f"{len(run) - len(kept)} of {len(run)} steps, without a finite number in one of {', '.join(columns)}"
        print(f"{escaped(name)}: left out {missing}", file=sys.stderr)
    return found


def _ends(name: str, run: Trajectory, answers: int) -> list[str]:
    run_phases = phases_of(name, run, answers)
    ends = [getattr(run_phases, boundary) for boundary in BOUNDARIES]
    return ["not reached" if end is None else str(end) for end in ends]
