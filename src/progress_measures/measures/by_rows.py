"""The measures of a checkpoint for any loss of a row, one comparison at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from progress_measures._blocks import Progress, row_blocks
from progress_measures.filtering.parts import (
    Frequencies,
    answer_coefficients,
    part_and_constant,
    part_evaluator,
    sum_of_parts,
)
from progress_measures.losses.by_answer import mean_losses_without
from progress_measures.losses.kinds import RowLosses
from progress_measures.losses.margins import hits_of, margins
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import Split

Change = Callable[[Tensor, Tensor], Tensor]  # rows of logits (R, n), and the indices of their inputs -> changed logits


def measures_by_rows(
    x: Tensor,
    means: Tensor,
    op: Operation,
    chosen: Frequencies,
    split: Split,
    row_losses: RowLosses,
    progress: Progress | None,
) -> dict[str, Tensor]:
    """The fields of ``Measures``, for any loss and any frequencies."""
    answers, every = op.table.flatten().to(x.device), torch.ones_like(split.train)
    coefficients = answer_coefficients(means, op, "sum")
    if isinstance(chosen, list):
        of_inputs, constant = part_and_constant(x, op, chosen, "sum")
    else:
        of_answers, constant = sum_of_parts(coefficients, op, chosen), means.mean(0)

    def kept(index: Tensor) -> Tensor:
        return of_inputs[index] if isinstance(chosen, list) else of_answers[answers[index]]

    def restricted(_: Tensor, index: Tensor) -> Tensor:
        return constant + kept(index)

    def excluded(rows: Tensor, index: Tensor) -> Tensor:
        return rows - kept(index)

    def over(mask: Tensor, asked: Tensor, change: Change) -> tuple[Tensor, Tensor]:
        return loss_and_accuracy(x, mask, asked, row_losses, change, progress)

    train_loss, train_accuracy = over(split.train, split.labels, _unchanged)
    test_loss, test_accuracy = over(split.test, answers, _unchanged)
    restricted_loss, restricted_accuracy = over(every, answers, restricted)
    excluded_loss, excluded_accuracy = over(split.train, split.labels, excluded)
    labels = split.labels if split.noisy else None
    return {
        "train_loss": train_loss,
        "test_loss": test_loss,
        "train_accuracy": train_accuracy,
        "test_accuracy": test_accuracy,
        "restricted_loss": restricted_loss,
        "restricted_loss_train": over(split.train, split.labels, restricted)[0],
        "restricted_loss_test": over(split.test, answers, restricted)[0],
        "restricted_accuracy": restricted_accuracy,
        "excluded_loss": excluded_loss,
        "excluded_accuracy": excluded_accuracy,
        "excluded_loss_per_frequency": (
            mean_losses_without(x, op, split.train, part_evaluator(coefficients, op), row_losses, labels)
            if op.frequencies
            else x.new_zeros(0, dtype=torch.float64)
        ),
    }


def _unchanged(rows: Tensor, _: Tensor) -> Tensor:
    return rows


def loss_and_accuracy(
    x: Tensor,
    mask: Tensor,
    asked: Tensor,
    row_losses: RowLosses,
    change: Change = _unchanged,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean loss and the share of right answers over the inputs of a mask; both NaN if there are no inputs.

    Args:
        x: The logits, ``(N, n)``.
        mask: The inputs to average over, ``(N,)``.
        asked: The right answer, or the label, of each input, ``(N,)``.
        row_losses: The loss of each row.
        change: A function from rows of the logits and their indices to the logits to compare.
        progress: A function that wraps the list of blocks.
    """
    loss, hits = x.new_zeros(2, dtype=torch.float64)
    for index, rows in row_blocks(x, mask.nonzero()[:, 0], progress):
        logits, of_rows = change(rows, index), asked[index]
        loss = loss + row_losses(logits, of_rows).sum()
        hits = hits + hits_of(margins(logits, of_rows), of_rows).sum()
    count = mask.sum()
    return loss / count, hits / count
