"""Common spellings of the library's column names, which the commands recognise unasked and say so."""

import re
import sys
from collections.abc import Sequence

from progress_measures._checks.values import escaped, listed
from progress_measures._logs.runs import MAXIMUM, MINIMUM
from progress_measures.trajectory.trajectory import Trajectory

_TEST, _TRAIN = ("test", "val", "valid", "validation", "eval"), ("train", "training")


def _of_split(splits: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
    return tuple(spelling for x in splits for number in numbers for spelling in (x + number, number + x))


_LOSS, _ACCURACY = ("loss", "losses"), ("accuracy", "acc", "accuracies", "accs")
SPELLINGS = {
    "train_loss": _of_split(_TRAIN, _LOSS),
    "test_loss": _of_split(_TEST, _LOSS),
    "train_accuracy": _of_split(_TRAIN, _ACCURACY),
    "test_accuracy": _of_split(_TEST, _ACCURACY),
    "excluded_loss": ("excludedloss", "totallogitexcludedloss", "logitexcludedloss", "trainexcludedloss"),
    "restricted_loss": ("restrictedloss", "totallogitrestrictedloss", "logitrestrictedloss"),
    "sum_squared_weights": ("sumsquaredweights", "sumofsquaredweights", "sumofsquaresofweights", "sumsqweights"),
}
"""By name, other spellings of it, without capitals, slashes, dots, blanks, dashes and underscores."""
_WEAKER = {"train_loss": ("loss",)}  # where there is none of the above


def recognised(run: Trajectory, wanted: Sequence[str]) -> Trajectory:
    """The run with columns under the library's names where it has them in another common spelling.

    What is renamed is said on stderr. A name is left alone if the run has it, or has two spellings of it.

    Args:
        run: The run.
        wanted: The names to look for, of ``SPELLINGS``; others are passed over.
    """
    new_names = {name: name for name in run.columns}
    for name in wanted:
        if name in run or name not in SPELLINGS:
            continue
        found = _spellings(run, name)
        if len(found) > 1:
            choice = f"--rename {name}={found[0]} chooses one"
            _say(f"{listed(found)} may each be {name}, so none is read as it; {choice}")
        for old in found if len(found) == 1 else ():
            _say(f"reading {old} as {name}; --rename {name}=… chooses another")
            for end in ("", MINIMUM, MAXIMUM):
                if old + end in run and name + end not in run:
                    new_names[old + end] = name + end
    return run if all(old == new for old, new in new_names.items()) else run.select(new_names)


def _spellings(run: Trajectory, name: str) -> list[str]:
    """The columns of numbers that may be meant by a name: those spelled as it is, or else as one of the others."""
    plain = {column: _plain(column) for column, values in run.columns.items() if values.ndim == 1}
    for known in ((_plain(name),), SPELLINGS[name], _WEAKER.get(name, ())):
        found = [column for column, spelling in plain.items() if spelling in known]
        if found:
            return found
    return []


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _say(text: str) -> None:
    print(escaped(text), file=sys.stderr)
