"""The command ``frequencies``."""

import argparse
import sys

from torch import Tensor

from progress_measures._checks.values import escaped, listed
from progress_measures._commands.names import own_names
from progress_measures._commands.runs import runs_of
from progress_measures._tables import text_table
from progress_measures.frequencies import key_frequencies, onsets
from progress_measures.trajectory.trajectory import Trajectory

RULES = ("peaks", "share", "sufficient", "recorded")
COLUMNS = {"sufficient": "sufficient_frequencies", "recorded": "key_frequencies"}  # recorded during the run


def frequencies(options: argparse.Namespace) -> str:
    """Returns a table of the key frequencies at the last step, one line per run and frequency."""
    lines, said = [["run", "frequency", "share of power", "a quarter of it from step"]], dict[str, None]()
    for name, run in runs_of(options).items():
        known, notes = _found(run, options.column, COLUMNS.get(options.rule or "recorded"))
        said |= dict.fromkeys(notes)
        try:
            lines += _lines(escaped(name), known, options)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name}: {error.args[0]}") from error
    for note in said:
        print(escaped(note), file=sys.stderr)
    return text_table(lines)


def _lines(name: str, run: Trajectory, options: argparse.Namespace) -> list[list[str]]:
    if options.share is not None and options.rule not in (None, "share"):
        raise ValueError(f"argument --share: is for --rule share. Got --rule {options.rule}.")
    default = "recorded" if COLUMNS["recorded"] in run else "peaks"
    rule = options.rule or (default if options.share is None else "share")
    last = _last(run, options.column)
    named = _recorded(run, COLUMNS[rule]) if rule in COLUMNS else _by_power(last, rule, options)
    steps = onsets(run, options.column, frequencies=named)
    shares = last / (float(last.sum()) or 1.0)
    since = {k: "no power" if step is None else str(step) for k, step in steps.items()}
    rows = [[name, str(k), f"{float(shares[k - 1]):.1%}".replace("%", " %"), since[k]] for k in named]
    return rows or [[name, "none", "", ""]]


def _found(run: Trajectory, spectrum: str, named: str | None) -> tuple[Trajectory, list[str]]:
    """The run in which a spectrum and the frequencies beside it have their own names, and notes about it."""
    known, notes = (run, []) if spectrum in run else own_names(run)
    beside = spectrum[: spectrum.rfind("/") + 1] + str(named)
    if named is None or named in known or beside not in known:
        return known, notes
    return known.select({name: name for name in known.columns} | {beside: named}), [f"reading {beside} as {named}"]


def _by_power(last: Tensor, rule: str, options: argparse.Namespace) -> tuple[int, ...]:
    if rule == "share":
        return key_frequencies(last, share=0.9 if options.share is None else options.share)
    return key_frequencies(last)


def _recorded(run: Trajectory, column: str) -> list[int]:
    return [index + 1 for index, named in enumerate(_last(run, column).tolist()) if named]


def _last(run: Trajectory, column: str) -> Tensor:
    """The last finite vector of a column."""
    if column not in run:
        final = ", 'final', …" if column == COLUMNS["sufficient"] else ""
        remedy = "Choose another --rule." if column in COLUMNS.values() else "Name another spectrum with --column."
        raise ValueError(
            f"must have the column {column!r}, which grokking_measures(…{final}) records. "
            f"Got {listed(run.columns)}. {remedy}"
        )
    values = run[column]
    if values.ndim != 2:
        raise ValueError(f"`{column}` must be one number per frequency at each step. Got one number.")
    finite = values[values.isfinite().all(1)]
    if len(finite) == 0:
        raise ValueError(f"`{column}` must be finite at one step at least. Got none.")
    return finite[-1]
