"""The runs that a command is given, and tables of them."""

import argparse
import os
from pathlib import Path

from progress_measures.runs.reading import read_run
from progress_measures.trajectory.runs import Runs


def runs_of(options: argparse.Namespace) -> Runs:
    """Loads the files. A run has its file's name without suffix, or its path if two of these names are the same."""
    seen: set[Path] = set()
    for path in options.files:
        real = Path(os.path.realpath(path))  # leaves a loop of links to the error of reading it
        if real in seen:
            raise ValueError(f"argument FILE: must be another run each time. Got {path} twice.")
        seen.add(real)
    short = [path.stem for path in options.files]
    names = short if len(set(short)) == len(short) else [str(path) for path in options.files]
    return Runs({name: read_run(path, options.step) for name, path in zip(names, options.files, strict=True)})


def table(lines: list[list[str]]) -> str:
    """Rows of cells in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        f"{name:<{widths[0]}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        for name, *cells in lines
    )
