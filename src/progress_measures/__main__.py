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
Each FILE is a log of one run or several, by any program: CSV with any separator, JSON and lines of JSON, .npz, Parquet,
TensorBoard's event files or their folder, W&B's exports, and what this library writes. It is told by what it holds.
A table needs a line of names, one of them `step`, `epoch` or similar; --step names another, or `index` for none.
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
        self.exit(2, f"{self.prog}: error: {line}\n")  # without the usage

    def print_help(self, file: IO[str] | None = None) -> None:  # type: ignore[override]  # typeshed has a protocol
        if file is not None:
            super().print_help(file)
        else:
            _say(self.format_help().rstrip("\n"))


class _Version(argparse.Action):
    """Says the version; unlike argparse's own action, not in vain where nothing can be written."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        _say(f"{parser.prog} {pm.__version__}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command. An error is one line on stderr, with exit code 2."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # takes whatever it is given
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
        if "allocate" not in str(error):  # PyTorch's word where memory does not suffice
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
        except UnicodeEncodeError:  # a name with a letter that the terminal lacks, or with bytes that are no letter
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
        description="Measures of a run that was recorded: its phases, its key frequencies, pictures and a page of it.",
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
        added.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a log, of whatever kind")
        added.add_argument(
            "--step", metavar="NAME",
            help="column of steps; `index` numbers the rows from 0 (default: step, global_step, epoch, …)",
        )  # fmt: skip
        added.add_argument(
            "--rename", nargs="+", action="extend", metavar="NEW=OLD", help="new names for columns of the files"
        )
        return added

    ends = command(
        "phases",
        phases,
        "print what happens in a run: milestones, and ends of phases",
        "Print what happens in a run and when, each with the interval of recorded steps that it lies in, as far as\n"
        "the columns say: train_accuracy or train_loss, test_accuracy or test_loss, excluded_loss, and\n"
        "sum_squared_weights. Common names of other programs, such as val/loss, are known. Several runs make a table.",
    )
    table = command(
        "runs",
        summary,
        "print one line for each run: key frequencies, milestones, ends of phases, last losses",
        "Print one line for each run: its last step, the key frequencies that were recorded there, its milestones and\n"
        "the ends of its phases as `phases` finds them, and its last losses.",
    )
    for each in (ends, table):
        each.add_argument(
            "--answers", type=int, required=True, metavar="N",
            help="number of classes that the loss is over; the loss at chance is ln(N)",
        )  # fmt: skip
    table.add_argument("--csv", type=Path, metavar="OUT", help="also write the table to this CSV file")
    keys = command(
        "frequencies",
        frequencies,
        "print the key frequencies, and when each rose",
        "Print the frequencies that are key at the last step, the share of the power that each holds there, and the\n"
        "step from which it has a quarter of that for good, as a wave of half the amplitude has.",
    )
    keys.add_argument("--column", default="logit_power", metavar="NAME", help="the spectrum (default: logit_power)")
    keys.add_argument(
        "--rule", choices=RULES,
        help="recorded: those that the run was measured with, in its column key_frequencies (default, if it has one); "
        "peaks: those that stand out, without knowledge of the operation; share: the fewest that hold a share of the "
        "power; sufficient: those in the column sufficient_frequencies",
    )  # fmt: skip
    keys.add_argument("--share", type=float, metavar="SHARE", help="for --rule share, which it implies (default: 0.9)")
    picture = command(
        "plot",
        plot,
        "draw columns over steps",
        "Draw columns over steps. One run is drawn as it is. Several runs are drawn as their mean, in a band of one\n"
        "standard deviation, at the steps that all of them have (on a logarithmic axis, the geometric ones), or with\n"
        "--each as one line per run.",
    )
    picture.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a .png, .pdf or .svg to write"
    )
    picture.add_argument(
        "--columns", nargs="+", metavar="NAME",
        help="what to draw (default: the losses; without losses, the accuracies; without these, every column)",
    )  # fmt: skip
    picture.add_argument(
        "--scale", choices=["log", "linear"],
        help="vertical axis (default: linear for accuracies, to the right if losses are drawn too; log for the others, "
        "unless their numbers forbid it)",
    )  # fmt: skip
    picture.add_argument("--x", choices=["log", "linear"], default="linear", help="horizontal axis (default: linear)")
    picture.add_argument("--each", action="store_true", help="draw each of several runs, instead of their mean")
    picture.add_argument("--answers", type=int, metavar="N", help="shade the phases of the run, as `phases` finds them")
    page = command(
        "report",
        report,
        "write a page of a run, for a browser",
        "Write a page of HTML that holds all it needs, so that it can be sent, and opens without a network: the\n"
        "milestones, ends of phases, curves, spectra over the steps and at the last one, and a table of the numbers.\n"
        "Figures can be zoomed and say the values under the pointer. Several runs are a section each. What a run does\n"
        'not have is left out, and the page says why. It needs bokeh: pip install "progress_measures[report]".',
    )
    page.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .html to write")
    page.add_argument("--x", choices=["log", "linear"], default="linear", help="axes of steps (default: linear)")
    page.add_argument(
        "--answers", type=int, metavar="N",
        help="number of classes that the loss is over, for milestones and phases as `phases` finds them (default: "
        "these are left out)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    main()
