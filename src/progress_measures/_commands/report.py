"""The command ``report``."""

import argparse
import sys

from progress_measures._checks.values import check_integer, escaped, listed
from progress_measures._commands.names import recognised
from progress_measures._commands.phases import found
from progress_measures._commands.runs import check_output, runs_of
from progress_measures._files import atomic_write
from progress_measures.phases.boundaries import Phases
from progress_measures.phases.milestones import Milestones
from progress_measures.phases.names import KNOWN
from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory

SUFFIXES = (".html", ".htm")


def report(options: argparse.Namespace) -> str:
    """Writes a page about the runs, and returns a line about its content."""
    if options.output.suffix.lower() not in SUFFIXES:
        raise ValueError(f"argument -o/--output: must be a page, such as report.html. Got {options.output}.")
    check_output(options)
    # Imported only here, because other commands do not need bokeh. If it is missing, `report` says so.
    from progress_measures.report import html_page

    runs = runs_of(options)
    results = None if options.answers is None else _found(runs, check_integer(options.answers, "answers", at_least=2))
    page = html_page(
        runs,
        milestones=None if results is None else {name: reached for name, (reached, _) in results.items()},
        phases=None if results is None else {name: ends for name, (_, ends) in results.items()},
        source=listed(str(path) for path in options.files),
        x=options.x,
    )
    with atomic_write(options.output) as scratch_file:
        scratch_file.write_text(page, encoding="utf-8")
    ((name, run), *others) = runs.items()
    shown = f"{len(runs)} runs" if others else f"{len(run)} step{'s'[: len(run) != 1]} of {name}"
    return escaped(f"Wrote {options.output}: {shown}.")


def _found(runs: Runs, answers: int) -> dict[str, tuple[Milestones, Phases]]:
    """The milestones and the phases of each run that has a column that tells one; others are named on stderr."""
    telling = {name: run for name, run in runs.items() if _tells(run)}
    for name in (name for name in runs if name not in telling):
        note = f"{name}: no milestones or phases, because no column is known; --rename test_loss=… names one"
        print(escaped(note), file=sys.stderr)
    return found(Runs(telling), answers) if telling else {}


def _tells(run: Trajectory) -> bool:
    known, _ = recognised(run, KNOWN)
    columns = [known[name] for name in KNOWN if name in known]
    return any(values.ndim == 1 and not bool(values.isnan().all()) for values in columns)
