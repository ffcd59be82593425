"""The runs in the files of a command."""

import argparse
import os
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path

from progress_measures.trajectory.runs import Runs


def runs_of(options: argparse.Namespace) -> Runs:
    """Reads the files. A run is called as in its file, or else like the file without suffix.

    If two of these names are the same, the path of the file below the folder of all files is the name, or comes
    before it.
    """
    seen: set[Path] = set()
    for path in options.files:
        real = Path(os.path.realpath(path))  # for a loop of links, reading the file raises the error
        if real in seen:
            raise ValueError(f"argument FILE: must be another run each time. Got {path} twice.")
        seen.add(real)
    rename = _rename_of(options.rename)
    read = [(path, Runs.read(path, step=options.step, rename=rename)) for path in options.files]
    short = [name for _, runs in read for name in runs]
    if len(set(short)) == len(short):
        return Runs({name: run for _, runs in read for name, run in runs.items()})
    paths = _below_common_folder([path for path, _ in read])
    return Runs(
        {
            path if len(runs) == 1 else f"{path}: {name}": run
            for path, (_, runs) in zip(paths, read, strict=True)
            for name, run in runs.items()
        }
    )


def _below_common_folder(paths: Sequence[Path]) -> list[str]:
    """The paths without the folders that they share, so that long paths of a sweep are short names of its runs."""
    levels = zip(*(path.parent.parts for path in paths), strict=False)
    shared = len([*takewhile(lambda folders: len(set(folders)) == 1, levels)])
    return [str(Path(*path.parts[shared:])) for path in paths]


def check_output(options: argparse.Namespace) -> None:
    """Requires an output that is none of the runs, not even through a link."""
    for path in options.files:
        if options.output.exists() and path.exists() and path.samefile(options.output):
            raise ValueError(f"argument -o/--output: must be none of the runs. Got {options.output}, which is {path}.")


def _rename_of(pairs: Iterable[str] | None) -> dict[str, str]:
    """A mapping from new names to names in the files, from ``NEW=OLD``."""
    names = {}
    for pair in pairs or ():
        new, sign, old = pair.partition("=")
        if not (new and sign and old):
            raise ValueError(f"argument --rename: must be NEW=OLD. Got {pair!r}. Files come before it.")
        if new in names:
            raise ValueError(f"argument --rename: must give each new name once. Got {new!r} twice.")
        names[new] = old
    return names
