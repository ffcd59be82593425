"""Columns under other common spellings of the library's names, which commands recognise automatically, with a note."""

from collections.abc import Sequence
from shlex import quote

from progress_measures._checks.values import listed
from progress_measures._logs.runs import MAXIMUM, MINIMUM
from progress_measures.phases.names import SPELLINGS, of_a_recorder, spellings
from progress_measures.trajectory.trajectory import Trajectory


def without_prefix(run: Trajectory) -> tuple[Trajectory, list[str]]:
    """The run with all columns of a callback under the names that the recorder gave them, and notes about it."""
    new_names, prefixes = of_a_recorder(run.columns)
    notes = [
        f"reading the columns {prefix}… without {prefix}; --rename test_loss=… chooses another column"
        for prefix in prefixes
    ]
    return (run.select(new_names) if prefixes else run), notes


def recognised(run: Trajectory, wanted: Sequence[str]) -> tuple[Trajectory, list[str]]:
    """The run with columns renamed to the library's names where it has another common spelling, and notes about it.

    A name is not assigned if the run already has it, or has two spellings of it. All columns of a callback lose its
    prefix.

    Args:
        run: The run.
        wanted: The names to look for. Names without an entry in ``SPELLINGS`` are ignored.
    """
    run, notes = without_prefix(run)
    new_names = {name: name for name in run.columns}
    numbers = [name for name, values in run.columns.items() if values.ndim == 1]
    for name in wanted:
        if name in run or name not in SPELLINGS:
            continue
        found = spellings(numbers, name)
        if len(found) > 1:
            choice = f"--rename {quote(f'{name}={found[0]}')} chooses one"
            notes.append(f"{listed(found)} may each be {name}, so none is read as it; {choice}")
        for old in found if len(found) == 1 else ():
            notes.append(f"reading {old} as {name}; --rename {name}=… chooses another")
            for end in ("", MINIMUM, MAXIMUM):
                if old + end in run and name + end not in run:
                    new_names[old + end] = name + end
    return (run if all(old == new for old, new in new_names.items()) else run.select(new_names)), notes
