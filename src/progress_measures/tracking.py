"""Measures over the checkpoints of a run."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from progress_measures import _checks
from progress_measures.trajectory import Trajectory


def track(
    checkpoints: Iterable[tuple[int, nn.Module]],
    measure: Callable[[nn.Module], Mapping[str, Any]] | Mapping[str, Callable[[nn.Module], Any]],
) -> Trajectory:
    """The measures of every checkpoint of a run.

    Checkpoints are taken one at a time, so an iterator that loads them keeps one in memory. Wrap it in ``tqdm`` for a
    progress bar.

    Args:
        checkpoints: Pairs of step and model, each step once; they are sorted by step.
        measure: From a model to numbers or tensors by name, the same names and shapes at every step, or a mapping from
            names to functions of the model.

    Returns:
        The trajectory, with one column per name.

    Raises:
        TypeError: If an argument, a checkpoint or a measured value is of the wrong kind.
        ValueError: If there is no checkpoint, a step stands twice, or names or shapes change between steps.
        Exception: Whatever ``measure`` raises, with a note that names the step.

    Example:
        >>> checkpoints = ((step, torch.nn.Linear(2, 2)) for step in (0, 100))
        >>> pm.track(checkpoints, {"weights": lambda model: model.weight})["weights"].shape
        torch.Size([2, 2, 2])
    """
    numbers_of = _checks.measure(measure)
    rows: dict[int, dict[str, Tensor]] = {}
    for checkpoint in _checks.checkpoint_pairs(checkpoints):
        step, model = _checks.checkpoint(checkpoint, rows)
        try:
            rows[step] = _checks.row(numbers_of(model), next(iter(rows.values()), None))
        except Exception as error:
            error.add_note(f"This was at step {step}.")
            raise
        del checkpoint, model  # before the next one is loaded
    if not rows:
        raise ValueError("`checkpoints` must hold at least one (step, model). Got none.")
    steps = sorted(rows)
    return Trajectory(steps, {name: torch.stack([rows[step][name] for step in steps]) for name in rows[steps[0]]})
