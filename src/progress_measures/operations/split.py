"""The inputs that a network was trained on and is tested on, and the labels it was trained on."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures._checks.tensors import check_indices
from progress_measures._checks.values import shape_of
from progress_measures._rows.places import check_input_mask
from progress_measures.operations.checks import check_mask, one_input
from progress_measures.operations.operation import Operation

LABELS = "Pass op.labels(rows, answers), from the tokens of inputs and labels in any order."


@dataclass(frozen=True, eq=False)
class Split:
    """The training and the test inputs of a network, and the labels that it was trained on."""

    train: Tensor
    """The training inputs, bool, ``(N,)``."""
    test: Tensor
    """The test inputs, bool, ``(N,)``; possibly none."""
    labels: Tensor
    """The label of each training input, and the right answer of each other input, ``(N,)``."""
    noisy: bool
    """Whether the label of some training input is wrong."""

    def to(self, device: torch.device) -> "Split":
        """The same on another device."""
        return Split(self.train.to(device), self.test.to(device), self.labels.to(device), self.noisy)


def check_split(op: Operation, device: torch.device, train_mask: object, test_mask: object, labels: object) -> Split:
    """Requires a mask of training inputs, and accepts a mask of test inputs and labels.

    Without a mask of test inputs, all inputs except for the training inputs are test inputs.
    """
    if train_mask is None:
        raise TypeError("`train_mask` must be boolean. Got None.")
    train = check_mask(train_mask, op, device, "train_mask")
    test = ~train if test_mask is None else check_input_mask(test_mask, op.table, "test_mask").to(device)
    answers = op.table.flatten().to(device)
    if labels is None:
        return Split(train, test, answers, False)
    given = check_indices(labels, "labels")
    if given.shape not in (op.table.shape, (op.table.numel(),)):
        raise ValueError(
            f"`labels` must have one index of an answer per {one_input(op)}: shape {shape_of(op.table)}. "
            f"Got {shape_of(given)}."
        )
    given = given.flatten().to(device)
    trained = given[train]
    if int(trained.min()) < 0 or int(trained.max()) >= op.n:
        raise ValueError(
            f"`labels` must be indices 0..{op.n - 1} of `op.elements` where the network was trained. "
            f"Got {int(trained.min())}..{int(trained.max())}. {LABELS}"
        )
    _check_that_labels_are_indices(trained, answers[train], op)
    asked = torch.where(train, given, answers)
    return Split(train, test, asked, bool((asked != answers).any()))


def _check_that_labels_are_indices(labels: Tensor, answers: Tensor, op: Operation) -> None:
    """Requires labels that fit the answers better as indices than as tokens; warns if they do not fit at all."""
    as_indices, as_tokens = (
        float((labels == right).double().mean()) for right in (answers, op.elements.to(labels.device)[answers])
    )
    if as_tokens > 0.5 and as_tokens > as_indices:
        raise ValueError(
            f"`labels` must be indices of `op.elements`. Got tokens: read as tokens, they agree with {as_tokens:.0%} "
            f"of the training inputs' answers; read as indices, with {as_indices:.0%}. {LABELS}"
        )
    chance, count = 1 / op.n, len(labels)
    # With few answers, very noisy labels cannot be told from labels in a wrong order.
    if op.n >= 8 and count >= 30 and as_indices < chance + 2 * (chance / count) ** 0.5:
        warnings.warn(
            f"`labels` agree with {as_indices:.1%} of the training inputs' answers, no more than by chance. They must "
            f"be in the order of `op.inputs`. {LABELS}",
            UserWarning,
            stacklevel=4,
        )
