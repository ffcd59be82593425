"""The command ``report``."""

import argparse

from progress_measures._checks.values import escaped, listed
from progress_measures._commands.phases import found
from progress_measures._commands.runs import check_output, runs_of
from progress_measures._files import atomic_write

SUFFIXES = (".html", ".htm")


def report(options: argparse.Namespace) -> str:
    """Writes a page about the runs, and returns a line about its content."""
    if options.output.suffix.lower() not in SUFFIXES:
        raise ValueError(f"argument -o/--output: must be a page, such as report.html. Got {options.output}.")
    check_output(options)
    # Imported only here, because other commands do not need bokeh. If it is missing, `report` says so.
    from progress_measures.report import html_page

    runs = runs_of(options)
    results = {} if options.answers is None else found(runs, options.answers)
    page = html_page(
        runs,
        milestones={name: reached for name, (reached, _) in results.items()},
        phases={name: ends for name, (_, ends) in results.items()},
        source=listed(str(path) for path in options.files),
    )
    with atomic_write(options.output) as scratch_file:
        scratch_file.write_text(page, encoding="utf-8")
    ((name, run), *others) = runs.items()
    shown = f"{len(runs)} runs" if others else f"{len(run)} step{'s'[: len(run) != 1]} of {name}"
    return escaped(f"Wrote {options.output}: {shown}.")
