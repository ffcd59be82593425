"""Compare when each progress measure moves, and which ones mislead: ``python -m examples.comparison --output out``.

All measures are compared on the same bundled curves: of five seeds of the paper's task, of other tasks, of runs that
never generalize, and of one that generalizes at once. The command writes ``comparison.md``, ``comparison.csv`` and
``comparison.png`` to the folder.
"""

import csv
import io
import json
from pathlib import Path

import matplotlib as mpl

from examples.command import Parser, say
from examples.comparison.findings import CURVES, Finding, compare, load
from examples.comparison.report import draw, numbers, table
from examples.files import write_picture, write_text


def main(arguments: list[str] | None = None) -> None:
    """Compares the measures, prints the table, and writes table and picture."""
    parser = Parser(prog="python -m examples.comparison", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for table and picture (default: out)")
    parser.add_argument(
        "--curves", type=Path, default=CURVES,
        help="folder of curves from examples.comparison.record (default: the bundled curves)",
    )  # fmt: skip
    parser.add_argument(
        "--since", type=int, metavar="STEP",
        help="measure changes from this step on in all runs (default: from memorization, a training loss of 0.01 nats)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    mpl.use("agg")  # pictures go to files and need no screen
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
    say(f"{table(rows)}\n\nWrote comparison.md, comparison.csv and comparison.png to {options.output}.")


def _csv(rows: list[Finding]) -> str:
    text, lines = io.StringIO(), [numbers(row) for row in rows]
    columns = {name: None for line in lines for name in line}  # a measure has no columns for tasks that lack it
    writer = csv.DictWriter(text, [*columns], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


if __name__ == "__main__":
    main()
