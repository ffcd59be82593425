"""Columns under other common spellings of the library's names, which commands recognise automatically, with a note."""

import sys
from collections.abc import Sequence
from shlex import quote

from progress_measures._checks.values import escaped, listed
from progress_measures._logs.runs import MAXIMUM, MINIMUM
from progress_measures.phases.names import RECORDER, SPELLINGS, spellings, without_prefix
from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory


def own_names(run: Trajectory) -> tuple[Trajectory, list[str]]:
    """The run with all columns of a callback under the names that the recorder gave them, and notes about it."""
    known, prefixes = without_prefix(run)
    return known, [
        f"reading the columns {prefix}… without {prefix}; --rename test_loss=… chooses another column"
        for prefix in prefixes
    ]


def recognised(run: Trajectory, wanted: Sequence[str]) -> tuple[Trajectory, list[str]]:
    """The run with columns renamed to the library's names where it has another common spelling, and notes about it.

    A name is not assigned if the run already has it, or has two spellings of it. All columns of a callback lose its
    prefix. Where the trainer has a column of the same name, the callback's is read if it is wanted.

    Args:
        run: The run.
        wanted: The names to look for. Names without an entry in ``SPELLINGS`` are read from a recorder's columns only.
    """
    of_trainer = run.columns
    run, notes = own_names(run)
    new_names = {name: name for name in run.columns}
    numbers = [name for name, values in run.columns.items() if values.ndim == 1]
    for name in wanted:
        among = numbers if name in SPELLINGS else run.columns
        found = spellings(among, name)
        if name in run:
            found = [prefix + name for prefix in RECORDER if name in of_trainer and prefix + name in among][:1]
        if len(found) > 1:
            choice = f"--rename {quote(f'{name}={found[0]}')} chooses one"
            notes.append(f"{listed(found)} may each be {name}, so none is read as it; {choice}")
        for old in found if len(found) == 1 else ():
            notes.append(
                f"reading {old} as {name}, not the column {name}; --rename unread={old} keeps that one"
                if name in run
                else f"reading {old} as {name}; --rename {name}=… chooses another"
            )
            for end in ("", MINIMUM, MAXIMUM):
                if name in run:
                    new_names.pop(name + end, None)
                if old + end in run and name + end not in new_names:
                    new_names[old + end] = name + end
    return (run if all(old == new for old, new in new_names.items()) else run.select(new_names)), notes


def with_names(runs: Runs, wanted: Sequence[str]) -> Runs:
    """The runs with the wanted names added where a column has another common spelling of them, and notes on stderr.

    Unlike in :func:`recognised`, columns keep their own names, too.
    """
    results, said = {}, dict[str, None]()
    for name, run in runs.items():
        known, notes = recognised(run, [column for column in wanted if column not in run])
        said |= dict.fromkeys(notes)
        ends = tuple(column + end for column in wanted for end in ("", MINIMUM, MAXIMUM))
        added = [column for column in known.columns if column in ends and column not in run]
        results[name] = run.merge(known.select(added)) if added else run
    for note in said:
        print(escaped(note), file=sys.stderr)
    return Runs(results)
