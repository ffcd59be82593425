"""The names of the columns that are read, and other common spellings of them in logs."""

import difflib
import re
from collections.abc import Iterable, Sequence
from shlex import quote

from progress_measures._checks.values import listed
from progress_measures.trajectory.keys import KEYS
from progress_measures.trajectory.trajectory import Trajectory

KNOWN = (
    "train_loss", "test_loss", "train_accuracy", "test_accuracy",
    "excluded_loss", "restricted_loss", "sum_squared_weights",
)  # fmt: skip
_ALIKE = 0.8  # the least similarity, as difflib counts it, of a name that a message suggests
_TEST, _TRAIN = ("test", "val", "valid", "validation", "eval"), ("train", "training")
_LOSS, _ACCURACY = ("loss", "losses"), ("accuracy", "acc", "accuracies", "accs")


def _of_split(splits: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
    return tuple(spelling for x in splits for number in numbers for spelling in (x + number, number + x))


SPELLINGS = {
    "train_loss": _of_split(_TRAIN, _LOSS),
    "test_loss": _of_split(_TEST, _LOSS),
    "train_accuracy": _of_split(_TRAIN, _ACCURACY),
    "test_accuracy": _of_split(_TEST, _ACCURACY),
    "excluded_loss": ("excludedloss", "totallogitexcludedloss", "logitexcludedloss", "trainexcludedloss"),
    "restricted_loss": ("restrictedloss", "totallogitrestrictedloss", "logitrestrictedloss"),
    "sum_squared_weights": ("sumsquaredweights", "sumofsquaredweights", "sumofsquaresofweights", "sumsqweights"),
}
"""Other spellings of each name, without capitals, slashes, dots, blanks, dashes and underscores."""
RECORDER = ("recorder/", "train/recorder/")
"""Prefixes of the columns of a ``RecorderCallback``; the second is how Hugging Face's trainer writes the first."""
_WEAKER = {"train_loss": ("loss",), "train_accuracy": ("accuracy", "acc")}  # where there is none of the above
_ENDINGS = ("", "epoch", "step")  # as Lightning writes them; of two, the mean over an epoch


def spellings(columns: Iterable[str], name: str) -> list[str]:
    """The columns that a name may mean: a recorder's, or else those with its spelling, or with another known one."""
    plain = {column: _plain(column) for column in columns}
    recorded = tuple(_plain(prefix + name) for prefix in RECORDER)
    for known in (recorded, (_plain(name),), SPELLINGS.get(name, ()), _WEAKER.get(name, ())):
        for ending in _ENDINGS:
            found = [column for column, spelling in plain.items() if spelling in {each + ending for each in known}]
            if found:
                return found
    return []


def of_a_recorder(columns: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The columns of a callback without its prefix, as a mapping from names to new names, and the prefixes left out.

    Only a prefix with at least one of the known columns is left out, and only where no other column has the new name.
    """
    names = [*columns]
    new_names, prefixes = {name: name for name in names}, []
    for prefix in RECORDER:
        own = {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        if not {*own.values()} & {*KNOWN, KEYS, "logit_power"}:
            continue
        free = {old: new for old, new in own.items() if new and new not in new_names.values()}
        new_names |= free
        prefixes += [prefix] * bool(free)
    return new_names, prefixes


def without_prefix(run: Trajectory) -> tuple[Trajectory, list[str]]:
    """The run with the columns of a callback under the names of the recorder, and the prefixes that are left out."""
    new_names, prefixes = of_a_recorder(run.columns)
    return (run.select(new_names) if prefixes else run), prefixes


def how_to_rename(columns: Sequence[str]) -> str:
    """How to rename columns to the known names that they may mean, for a message."""
    found = {name: spellings(columns, name) for name in KNOWN if name not in columns}
    renamed = {name: columns[0] for name, columns in found.items() if columns}
    renamed |= {new: old for old, new in of_a_recorder(columns)[0].items() if new == KEYS != old and renamed}
    if not renamed:
        near = [(column, *difflib.get_close_matches(column, KNOWN, n=1, cutoff=_ALIKE)) for column in columns]
        renamed = {name[0]: column for column, *name in reversed(near) if name} or {"test_loss": "its name"}
    selected = ", ".join(f"{old!r}: {new!r}" for new, old in renamed.items())
    read = ", ".join(f"{new!r}: {old!r}" for new, old in renamed.items())
    options = " ".join(quote(f"{new}={old}") for new, old in renamed.items())
    return (
        f"Rename what is the same by another name: trajectory.select({{{selected}}}), or where it is read, "
        f"rename={{{read}}} or --rename {options}."
    )


def spelled_otherwise(columns: Iterable[str], name: str) -> str:
    """A hint that another column may be the one of a known name without numbers; empty if none may."""
    found = [column for column in spellings(columns, name) if column != name]
    return f"; {listed(map(repr, found))} may be: rename it" if found else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
