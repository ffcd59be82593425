"""The command ``report``."""

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from progress_measures._checks.values import check_integer, escaped, listed
from progress_measures._commands.names import own_names, recognised
from progress_measures._commands.phases import found_in
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

    said: dict[str | None, list[str]] = {}
    with _noted(said.setdefault(None, [])):
        runs = runs_of(options)
    results = None if options.answers is None else _found(runs, options.answers, said)
    page = html_page(
        runs,
        milestones=None if results is None else {name: reached for name, (reached, _) in results.items()},
        phases=None if results is None else {name: ends for name, (_, ends) in results.items()},
        title=options.title,
        source=listed(str(path) for path in options.files),
        x=options.x,
        columns=options.columns,
        answers=options.answers,
        notes=said,
    )
    with atomic_write(options.output) as scratch_file:
        scratch_file.write_text(page, encoding="utf-8")
    ((name, run), *others) = runs.items()
    shown = f"{len(runs)} runs" if others else f"{len(run)} step{'s'[: len(run) != 1]} of {name}"
    return escaped(f"Wrote {options.output}: {shown}.")


def _found(runs: Runs, answers: int, said: dict[str | None, list[str]]) -> dict[str, tuple[Milestones, Phases]]:
    """The milestones and the phases of each run that has a column that tells one; others are named on stderr.

    What stderr says about a run is added to ``said``, by its name.
    """
    check_integer(answers, "answers", at_least=2)
    results, printed = {}, dict[str, None]()
    for name, run in runs.items():
        notes = said.setdefault(name, [])
        if not _tells(run):
            note = "no milestones or phases, because no column is known; --rename test_loss=… names one"
            printed[f"{name}: {note}"] = None
            continue
        named, without = own_names(run)  # which the page says as well
        with _noted(notes):
            results[name], found = found_in(name, named, answers)
        notes += found
        printed |= dict.fromkeys(without + found)
    for note in printed:
        print(escaped(note), file=sys.stderr)
    return results


@contextmanager
def _noted(notes: list[str]) -> Iterator[None]:
    """Adds the text of each warning to the notes, and lets it be shown as well."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    notes += [str(warning.message) for warning in caught]
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _tells(run: Trajectory) -> bool:
    known, _ = recognised(run, KNOWN)
    columns = [known[name] for name in KNOWN if name in known]
    return any(values.ndim == 1 and not bool(values.isnan().all()) for values in columns)
