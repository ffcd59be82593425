"""The end of every numbered script: a table of the paper's numbers and this project's, and a picture on disk."""

import re
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

import progress_measures as pm
from examples.files import write_picture

OUTPUT = Path("out")


def compare(rows: Iterable[tuple[str, str, str]]) -> None:
    """Prints rows of (claim, number in the paper, number here) as a table."""
    table = [("", "paper", "here"), *([re.sub(r"(?<=\d)%", " %", cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    print("\n".join([lines[0], "-|-".join("-" * width for width in widths), *lines[1:]]))


def save(figure: Figure, name: str) -> None:
    """Writes a figure to ``out/name.png`` below the current folder."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{name}.png"
    write_picture(path, figure)
    print(f"\nWrote {path}.")


def stays_below(trajectory: pm.Trajectory, column: str, bound: float, entry: int | None = None) -> int | None:
    """The first recorded step after which a column, or one entry of its vectors, stays below a bound; None if none."""
    values = trajectory[column] if entry is None else trajectory[column][:, entry]
    above = (values >= bound).nonzero().flatten()
    first = int(above[-1]) + 1 if len(above) else 0
    return int(trajectory.steps[first]) if first < len(values) else None
