"""The command line: ``python -m progress_measures``, or ``progress-measures``."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn

import progress_measures as pm
from progress_measures._checks.values import escaped
from progress_measures._commands.frequencies import RULES, frequencies
from progress_measures._commands.phases import phases
from progress_measures._commands.plot import plot
from progress_measures._commands.report import report
from progress_measures._commands.summary import summary

FILES = """\
Each FILE is a log of one or several runs, from any program: CSV with any separator, JSON and JSON lines, .npz, Parquet,
TensorBoard event files or their folder, W&B exports, and the files of this library. The content decides, not the name.
A table needs a line of column names. If no column is called `step`, `epoch` or similar, name the column of steps with
--step, or pass `--step index` to number the rows.
"""
EXAMPLES = """\
examples:
  progress-measures phases run.csv --answers 113
  progress-measures phases wandb_export.csv --answers 113 --rename test_loss=holdout/nll
  progress-measures runs seed0.npz seed1.npz --answers 113 --csv runs.csv
  progress-measures frequencies run.jsonl
  progress-measures plot run.csv -o losses.png
  progress-measures plot run.csv -o losses.pdf --columns test_loss excluded_loss --answers 113
  progress-measures plot seed0.npz seed1.npz seed2.npz -o seeds.png --columns test_loss
  progress-measures plot seed0.npz seed1.npz -o runs.png --each --x log
  progress-measures report run.csv -o report.html --answers 113
"""
INTERRUPTED = 128 + 2  # SIGINT: the exit code in a shell of a tool that was stopped with Ctrl-C
CLOSED = 128 + 13  # SIGPIPE: the exit code in a shell of a tool whose reader has stopped reading
LONGEST = 2000  # characters of an error, which may repeat a name or an option that is longer


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        line = escaped(" ".join(message.split()))
        line = line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
        self.exit(2, f"{self.prog}: error: {line}\n")  # without printing the usage

    def print_help(self, file: IO[str] | None = None) -> None:  # type: ignore[override]  # typeshed has a protocol
        if file is not None:
            super().print_help(file)
        else:
            _say(self.format_help().rstrip("\n"))


class _Version(argparse.Action):
    """Prints the version; unlike argparse's own action, it fails if nothing can be written."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        _say(f"{parser.prog} {pm.__version__}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command. An error is one line on stderr, with exit code 2."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # takes any arguments
            _say(options.command(options))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyError as error:
        parser.error(str(error.args[0]))  # str(error) has quotes around it
    except MemoryError as error:
        parser.error(f"not enough memory: {error}")
    except (ImportError, OverflowError, TypeError, ValueError) as error:
        parser.error(str(error))
    except RuntimeError as error:
        if "allocate" not in str(error):  # the word in PyTorch's error if memory does not suffice
            raise
        parser.error(str(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"warning: {escaped(str(message))}", file=sys.stderr)


def _say(text: str) -> None:
    try:
        try:
            print(text, flush=True)
        except UnicodeEncodeError:  # a name has letters that the terminal lacks, or bytes that are no letters
            encoding = sys.stdout.encoding
            print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        # Otherwise Python flushes stdout again when it exits, and reports the error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(CLOSED)
        raise


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="progress-measures",
        description="Analyse recorded runs: milestones, phases, key frequencies, pictures, and a page for a browser.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, function: object, summary: str, description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=summary,
            description=f"{description}\n\n{FILES}",
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(command=function)
        added.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a log of one or several runs")
        added.add_argument(
            "--step", metavar="NAME",
            help="column of steps; `index` numbers the rows from 0 (default: step, global_step, epoch, …)",
        )  # fmt: skip
        added.add_argument(
            "--rename", nargs="+", action="extend", metavar="NEW=OLD",
            help="new names for columns of the files, such as test_loss=val/loss: the new one first",
        )  # fmt: skip
        return added

    ends = command(
        "phases",
        phases,
        "print milestones and ends of phases",
        "Print the milestones and ends of phases of a run, each with the interval of recorded steps around it.\n"
        "Several runs are printed as a table. The command reads the columns train_accuracy or train_loss,\n"
        "test_accuracy or test_loss, excluded_loss, and sum_squared_weights, also under other common names such as\n"
        "val/loss. If a column is missing, the command says what cannot be told.",
    )
    table = command(
        "runs",
        summary,
        "print a table of runs: key frequencies, milestones, ends of phases, last losses",
        "Print one line per run: its last step, the key frequencies recorded at this step, its milestones and ends of\n"
        "phases as in `phases`, and its last losses.",
    )
    for each in (ends, table):
        each.add_argument(
            "--answers", type=int, required=True, metavar="N",
            help="number of possible answers, or classes; the loss at chance is ln(N)",
        )  # fmt: skip
    table.add_argument("--csv", type=Path, metavar="OUT", help="also write the table to this CSV file")
    keys = command(
        "frequencies",
        frequencies,
        "print the key frequencies and when each of them rose",
        "Print the key frequencies of the last step. For each, print its share of the power at this step, and the\n"
        "step from which it has a quarter of its final power for good, which is half of its final amplitude.",
    )
    keys.add_argument("--column", default="logit_power", metavar="NAME", help="the spectrum (default: logit_power)")
    keys.add_argument(
        "--rule", choices=RULES,
        help="how to choose the key frequencies. recorded: from the column key_frequencies (default if there is one); "
        "peaks: those that stand out in the spectrum (default otherwise); share: the fewest that hold a share of the "
        "power; sufficient: from the column sufficient_frequencies",
    )  # fmt: skip
    keys.add_argument(
        "--share", type=float, metavar="SHARE", help="the share of the power; implies --rule share (default: 0.9)"
    )
    picture = command(
        "plot",
        plot,
        "draw columns over steps",
        "Draw columns over steps. For several runs, draw their mean in a band of one standard deviation (on a\n"
        "logarithmic axis, the geometric ones) at the steps that all runs have, or one line per run with --each.",
    )
    picture.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="the .png, .pdf or .svg file to write"
    )
    picture.add_argument(
        "--columns", nargs="+", metavar="NAME",
        help="columns to draw, by their names or the library's, such as test_loss for val/loss (default: the losses, "
        "with the accuracies if only these have test data; without losses, the accuracies; without these, all columns)",
    )  # fmt: skip
    picture.add_argument(
        "--scale", choices=["log", "linear"],
        help="scale of the vertical axis (default: linear for accuracies, on the right if losses are drawn too; log "
        "for other columns, if their numbers allow it)",
    )  # fmt: skip
    picture.add_argument(
        "--x", choices=["log", "linear"], default="linear", help="scale of the horizontal axis (default: linear)"
    )
    picture.add_argument("--each", action="store_true", help="draw each of several runs instead of their mean")
    picture.add_argument(
        "--answers", type=int, metavar="N",
        help="number of possible answers; shades the phases of a single run and marks its milestones, as in `phases`",
    )  # fmt: skip
    page = command(
        "report",
        report,
        "write a page about runs for a browser",
        "Write a self-contained HTML page, which you can send to others and which opens without a network. Each run\n"
        "has a section with its milestones, ends of phases, curves, spectra over the steps and at the last step, and\n"
        "a table of the numbers. Figures can be zoomed and show values under the pointer. Parts for which a run has\n"
        "no data are left out, and the page says why. This needs bokeh: pip install bokeh.",
    )
    page.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the .html file to write")
    page.add_argument("--title", metavar="TEXT", help="title of the page (default: the names of the runs)")
    page.add_argument("--columns", nargs="+", metavar="NAME", help="columns to show (default: all)")
    page.add_argument("--x", choices=["log", "linear"], default="linear", help="axes of steps (default: linear)")
    page.add_argument(
        "--answers", type=int, metavar="N",
        help="number of possible answers; adds milestones, ends of phases as in `phases`, and the loss at chance",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    main()
