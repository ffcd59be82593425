"""TensorBoard's event files, through the package ``tensorboard``."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as Folder
from typing import Any, TypeAlias

import numpy as np

from progress_measures._formats.names import cut
from progress_measures._logs.long import SPLITS
from progress_measures._logs.runs import gathered_vectors
from progress_measures._logs.table import Logs, Path, Run, shown

Scalars: TypeAlias = Mapping[str, Mapping[int, float]]  # numbers by tag and step
_FIRST = b"brain.Event:"  # in the first record of every event file
_OF_TRAINER = ("args/text_summary", "model_config/text_summary")  # what Hugging Face's trainer writes about itself
_PART = "tfevents"  # in the name of each
_WHOLE_RUN, _AFTER = "train/train_loss", "train/total_flos"
"""The mean loss of a whole run, which Hugging Face's trainer writes at the last step, and what it writes before."""
_OF_HYPERPARAMETERS = "_hparams_/"  # before the tags of add_hparams


def is_events(content: bytes) -> bool:
    """Whether a file begins like a TensorBoard event file."""
    return _FIRST in content[:64]


def runs_of_events(path: Path) -> Logs:
    """The runs in an event file or a folder: one for each folder with event files."""
    top = Folder(os.fsdecode(path))
    if top.is_file():
        files: dict[str | None, list[Folder]] = {None: [top]}
    else:
        files = {}
        for file in sorted(top.rglob(f"*{_PART}*")):
            if file.is_file():
                inner = file.parent.relative_to(top)
                files.setdefault(None if inner == Folder() else inner.as_posix(), []).append(file)
        if not files:
            raise ValueError(
                f"`path` must be a file, or a folder with TensorBoard's event files. Got {shown(path)}, a folder "
                "without one. Name a file in it."
            )
    left_out: list[str] = []
    found = {name or ".": _scalars(_events(of_run), path) for name, of_run in files.items()}
    scalars = _without_hyperparameters(found, left_out)
    for _, others in found.values():
        left_out.extend(text for text in others if text not in left_out)
    left_out.extend(f"the run {cut(name)!r}, which has no scalar" for name, found in scalars.items() if not found)
    runs = {name: _run(found) for name, found in _of_one_run({k: v for k, v in scalars.items() if v}).items()}
    if not runs:
        raise ValueError(f"`path` must hold scalars. Got none in {shown(path)}. Log some with add_scalar.")
    named: dict[str | None, Run] = {None if len(runs) == 1 else name: run for name, run in runs.items()}
    return Logs(named, left_out)


def _without_hyperparameters(found: Mapping[str, tuple[Scalars, list[str]]], left_out: list[str]) -> dict[str, Scalars]:
    """The scalars of each folder, without the folders that ``add_hparams`` writes below that of a run."""
    below = []
    for name, (_, others) in found.items():
        above = name.rpartition("/")[0] or "."
        of_hyperparameters = [text for text in others if text.startswith(_OF_HYPERPARAMETERS, 1)]
        if of_hyperparameters and name != "." and found.get(above, ({}, []))[0]:
            others[:] = [text for text in others if text not in of_hyperparameters]
            below.append(name)
    if below:
        left_out.append(f"{len(below)} folder{'s'[: len(below) != 1]} of add_hparams below their run's")
    return {name: scalars for name, (scalars, _) in found.items() if name not in below}


def _of_one_run(folders: Mapping[str, Scalars]) -> dict[str, Scalars]:
    """The scalars of each run, whose training and test data may be in separate folders.

    A folder ``val`` with ``loss`` gives ``val/loss`` to the run of the folder above. So does a folder ``loss_val`` with
    only ``loss``, as ``add_scalars`` writes it.
    """
    runs: dict[str, Scalars] = {}
    for name, scalars in folders.items():
        above, _, last = name.rpartition("/")
        (tag, *others) = scalars
        written_apart = tag.replace("/", "_") + "_"
        if last.lower() in SPLITS:
            found = {f"{last}/{tag}": numbers for tag, numbers in scalars.items()}
        elif not others and last.startswith(written_apart):
            found = {f"{tag}/{last.removeprefix(written_apart)}": scalars[tag]}
        else:
            found, above = dict(scalars), name
        runs[above or "."] = {**runs.get(above or ".", {}), **found}
    return runs


def _events(files: Iterable[Folder]) -> Iterator[Any]:
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    except ImportError as error:
        raise ImportError("TensorBoard's event files need tensorboard to be read: pip install tensorboard") from error
    for file in files:
        try:
            yield from EventFileLoader(os.fspath(file)).Load()
        except Exception as error:  # a damaged file can raise nearly anything
            why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise ValueError(f"`path` must be a log that can be read. Got {shown(file)}: {cut(why)}.") from error


def _scalars(events: Iterable[Any], path: Path) -> tuple[Scalars, list[str]]:
    """The numbers by tag and step, and what is left out."""
    found: dict[str, dict[int, float]] = {}
    others: dict[str, None] = {}
    for event in events:
        if event.HasField("session_log") and event.session_log.status == event.session_log.START:
            for numbers in found.values():  # the run was restarted from this step
                for step in [step for step in numbers if step >= event.step]:
                    del numbers[step]
        for value in event.summary.value if event.HasField("summary") else ():
            number = _number(value)
            if value.tag == _WHOLE_RUN and event.step in found.get(_AFTER, ()):
                others[f"the mean of the whole run, {_WHOLE_RUN} at step {event.step}"] = None
                continue
            if value.tag in _OF_TRAINER:
                continue
            if number is None:
                others[repr(cut(value.tag))] = None
                continue
            known = found.setdefault(value.tag, {}).setdefault(event.step, number)
            if known != number and not (known != known and number != number):
                raise ValueError(
                    f"`path` must have one number for each step. Got {cut(value.tag)} = {known!r} and {number!r} at "
                    f"step {event.step} of {shown(path)}. Give each run a folder of its own, and add_scalar its "
                    "global_step."
                )
    return {tag: numbers for tag, numbers in found.items() if numbers}, [*others]


def _number(value: Any) -> float | None:
    """The number in a summary, or None if the summary holds something else, such as a histogram."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor"):
        return None
    from tensorboard.util.tensor_util import make_ndarray

    array = make_ndarray(value.tensor)
    return float(array) if array.ndim == 0 and array.dtype.kind in "iuf" else None


def _run(scalars: Scalars) -> Run:
    steps = sorted({step for numbers in scalars.values() for step in numbers})
    columns = {tag: np.array([numbers.get(step, np.nan) for step in steps]) for tag, numbers in scalars.items()}
    return Run(np.array(steps, dtype=np.int64), gathered_vectors(columns), "step")
