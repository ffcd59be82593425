"""Restricted loss of a run whose key frequencies were not known while it was recorded."""

import os
from collections.abc import Iterable

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import listed
from progress_measures.filtering.parts import answer_coefficients, sum_of_parts
from progress_measures.frequencies import Peaks, Rule, Sufficient
from progress_measures.losses.by_answer import inputs_per_answer, restricted_logits
from progress_measures.losses.empty import warn_if_none
from progress_measures.losses.kinds import Loss, check_loss
from progress_measures.losses.margins import hits_of, margins
from progress_measures.measures.by_answer import losses_of_tables
from progress_measures.measures.checks import (
    check_answer_tables,
    check_no_class,
    check_same_operation,
    check_same_split,
)
from progress_measures.operations.checks import check_frequencies, check_operation
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import check_split
from progress_measures.runs.journal import load_recording
from progress_measures.sparsity import gini
from progress_measures.spectra import spectrum
from progress_measures.trajectory.checks import check_complete
from progress_measures.trajectory.trajectory import Trajectory

MEANS, MEANS_TRAIN, MEANS_TEST = "answer_means", "mean_logits_loss_train", "mean_logits_loss_test"  # columns
SUFFICIENT = "sufficient_frequencies"  # a column too
REPLACED = {MEANS, MEANS_TRAIN, MEANS_TEST}  # by the restricted losses


def add_restricted_loss(
    trajectory: Trajectory | str | os.PathLike[str],
    op: Operation,
    frequencies: Iterable[int] | Rule | None = None,
    *,
    train_mask: Array,
    test_mask: Array | None = None,
    labels: Array | None = None,
    loss: Loss = "cross_entropy",
) -> Trajectory:
    """Restricted losses and accuracy, added to a run that was recorded before its key frequencies were known.

    The mean logits of each answer suffice for restricted loss and accuracy over all, the training or the test inputs,
    because restricted logits depend on an input only through its answer. Excluded loss needs the logits of every
    training input: the run records it for each single frequency. To exclude several frequencies at once, save the
    models and :func:`track` them.

    Args:
        trajectory: A run recorded by :func:`grokking_measures` with ``frequencies="final"``, or its file.
        op: The operation of the recorded run. Another one is an error, because its ``gini_logits``, or its losses of
            the mean logits, differ from the recorded ones.
        frequencies: Members of ``op.frequencies``; or a rule, such as ``pm.frequencies.Share(0.9)``, which names them
            from the mean logits of the last step. ``pm.frequencies.Sufficient()`` names the sufficient frequencies of
            the last step as they were recorded, whatever its ``draws``. If None, those that stand out in the logits of
            the last step.
        train_mask: The training inputs of the recorded run, as for :func:`measure`. Others are an error.
        test_mask: The test inputs of the recorded run, as for :func:`measure`. Others are an error.
        labels: The labels of the recorded run, as for :func:`measure`. Others are an error.
        loss: The loss of the recorded run, as for :func:`measure`. Another is an error.

    Returns:
        The trajectory with the columns ``restricted_loss``, ``restricted_loss_train``, ``restricted_loss_test``,
        ``restricted_accuracy`` and ``key_frequencies`` instead of ``answer_means``. Their values equal those that
        :func:`grokking_measures` records for known frequencies.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the trajectory has no ``answer_means`` that fit the operation, or was recorded with another
            operation, training or test set, labels or loss; if a frequency is not one of the operation's or is
            repeated; or if there is no training input.

    See Also:
        :func:`restricted_loss`: from logits of one model.

    Example:
        >>> op = pm.addition(7)
        >>> model = torch.nn.Sequential(torch.nn.Embedding(7, 4), torch.nn.Flatten(), torch.nn.Linear(8, 7))
        >>> recorder = pm.Recorder(pm.grokking_measures(None, op, "final", op.table < 3))
        >>> _ = recorder(0, model)
        >>> pm.add_restricted_loss(recorder.trajectory, op, [1, 2], train_mask=op.table < 3)["key_frequencies"]
        tensor([[1., 1., 0.]], dtype=torch.float64)
    """
    if isinstance(trajectory, str | os.PathLike):
        trajectory = load_recording(trajectory)
    tables = check_answer_tables(trajectory, MEANS, check_operation(op).n)
    row_losses, split = check_loss(loss), check_split(op, tables.device, train_mask, test_mask, labels)
    power = [spectrum(means, op) for means in tables]
    ginis = torch.stack([gini(of_step.sqrt()) for of_step in power])
    check_same_operation(ginis, trajectory.columns.get("gini_logits"), op)
    _, of_train, of_test = losses_of_tables(tables, op, split, row_losses)
    check_same_split(of_train, trajectory.columns.get(MEANS_TRAIN), "training")
    check_same_split(of_test, trajectory.columns.get(MEANS_TEST), "test")
    check_no_class(frequencies)
    if isinstance(frequencies, Sufficient):
        chosen: Iterable[object] = _of_last_step(trajectory, op)
    elif isinstance(frequencies, Rule):
        chosen = frequencies.of_logits(tables[-1][op.table.flatten()], op)
    else:
        chosen = Peaks().of_logits(tables[-1][op.table.flatten()], op) if frequencies is None else frequencies
    keys, answers = check_frequencies(chosen, op), torch.arange(op.n, device="cpu")
    warn_if_none(keys, tables[-1], op, stacklevel=2)

    restricted = torch.stack(
        [restricted_logits(means, sum_of_parts(answer_coefficients(means, op, "sum"), op, keys)) for means in tables]
    )
    over_all, over_train, over_test = losses_of_tables(restricted, op, split, row_losses)
    hits = torch.stack([hits_of(margins(table, answers), answers) for table in restricted]).to(torch.float64)
    added = {
        "restricted_loss": over_all,
        "restricted_loss_train": over_train,
        "restricted_loss_test": over_test,
        "restricted_accuracy": hits @ inputs_per_answer(op, torch.ones_like(split.train)) / op.table.numel(),
        "key_frequencies": indicator(keys, op).expand(len(tables), -1),
    }
    kept = {name: x for name, x in trajectory.columns.items() if name not in REPLACED}
    return Trajectory(trajectory.steps, kept | added, step_name=trajectory.step_name)


def _of_last_step(trajectory: Trajectory, op: Operation) -> list[int]:
    """The frequencies that sufficed at the last step, as they were recorded."""
    if SUFFICIENT not in trajectory:
        raise ValueError(
            f"`trajectory` must have the column {SUFFICIENT!r}, because mean logits do not tell which frequencies "
            f"suffice. Got {listed(trajectory.columns)}. Record 'final' again, or pass other `frequencies`."
        )
    found = check_complete(trajectory[SUFFICIENT], SUFFICIENT, "(step, frequency)", [SUFFICIENT])[-1]
    return [k for k, named in zip(op.frequencies, found.tolist(), strict=True) if named]


def indicator(frequencies: Iterable[int], op: Operation) -> Tensor:
    """1 for each of the given frequencies and 0 for the others, in the order of ``op.frequencies``."""
    chosen = set(frequencies)
    return torch.tensor([k in chosen for k in op.frequencies], dtype=torch.float64, device="cpu")
