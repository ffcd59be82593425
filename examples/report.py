"""The end of every numbered script: a table of the paper's numbers and this project's, and a picture on disk."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import progress_measures as pm
from examples.files import write_picture

OUTPUT = Path("out")
LINES = {"train": ("C0", "-"), "test": ("C1", "--"), "restricted": ("C2", "-."), "excluded": ("C3", ":")}
"""The colour and the style of each loss and accuracy, by the first word of its label."""


def compare(rows: Iterable[tuple[str, str, str]]) -> None:
    """Prints rows of (claim, number in the paper, number here) as a table."""
    table = [("", "paper", "here"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    print("\n".join([lines[0], "-|-".join("-" * width for width in widths), *lines[1:]]))


def colour_losses(ax: Axes) -> None:
    """Gives training, test, restricted and excluded losses, and accuracies, the same colours in all pictures."""
    for line in ax.get_lines():
        if kind := next((kind for kind in LINES if str(line.get_label()).startswith(kind)), None):
            colour, style = LINES[kind]
            line.set(color=colour, linestyle=style)


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
