"""Which progress measure moves first, and which misleads: ``python -m examples.comparison --output out``.

Every measure on the same runs, from curves that come with this package: five seeds of the paper's task, other tasks,
runs that never generalize, and one that does at once. The folder gets ``comparison.md``, ``comparison.csv`` and
``comparison.png``.
"""

import argparse
import csv
import io
import json
import sys
from pathlib import Path

import matplotlib as mpl

from examples.comparison.findings import CURVES, Finding, compare, load
from examples.comparison.report import draw, numbers, table
from examples.files import write_picture, write_text


def main(arguments: list[str] | None = None) -> None:
    """Compares the measures, prints the table, and writes it and the picture."""
    parser = argparse.ArgumentParser(prog="python -m examples.comparison", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for table and picture (default: out)")
    parser.add_argument(
        "--curves", type=Path, default=CURVES,
        help="folder of curves, as examples.comparison.record wrote them (default: those that come with the package)",
    )  # fmt: skip
    parser.add_argument(
        "--since", type=int, metavar="STEP",
        help="measure changes from this step on in all runs (default: from memorization, a training loss of 0.01 nats)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    mpl.use("agg")  # pictures go to files: no screen is needed
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal has a∘b
    try:
        own, bundled = options.curves / "costs.json", CURVES / "costs.json"
        costs = json.loads((own if own.exists() else bundled).read_text(encoding="utf-8"))
        rows = compare(load(options.curves, since=options.since), costs)
        options.output.mkdir(parents=True, exist_ok=True)
        write_text(options.output / "comparison.md", table(rows) + "\n")
        write_text(options.output / "comparison.csv", _csv(rows))
        write_picture(options.output / "comparison.png", draw(rows))
    except (KeyError, OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    print(f"{table(rows)}\n\nWrote comparison.md, comparison.csv and comparison.png in {options.output}.")


def _csv(rows: list[Finding]) -> str:
    text, lines = io.StringIO(), [numbers(row) for row in rows]
    columns = {name: None for line in lines for name in line}  # a measure that a task lacks has no column for it
    writer = csv.DictWriter(text, [*columns], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


if __name__ == "__main__":
    main()
