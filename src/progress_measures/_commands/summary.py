"""The command ``runs``: one line for each run."""

import argparse

from progress_measures._commands.phases import read
from progress_measures._commands.runs import runs_of
from progress_measures.phases.summary import Summary


def summary(options: argparse.Namespace) -> str:
    """Returns a table of the runs, and writes it to a CSV file if ``--csv`` names one."""
    for path in options.files:
        if options.csv is not None and options.csv.exists() and path.exists() and path.samefile(options.csv):
            raise ValueError(f"argument --csv: must be none of the runs. Got {options.csv}, which is {path}.")
    found = Summary.of(read(runs_of(options), options.answers))
    if options.csv is not None:
        found.to_csv(options.csv)
    return str(found)
