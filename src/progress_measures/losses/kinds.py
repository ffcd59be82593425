"""The loss of one input: cross-entropy, squared error, or a function of the user's."""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from progress_measures._checks.values import check_takes, shape_of, type_name
from progress_measures.losses.margins import losses_of, margins

NamedLoss: TypeAlias = Literal["cross_entropy", "mse"]
Loss: TypeAlias = NamedLoss | Callable[[Tensor, Tensor], Tensor]
RowLosses: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # logits (R, n), answers (R,) -> (R,), float64


def check_loss(loss: object) -> RowLosses:
    """Requires the name of a loss, or a function of logits and answers; returns a function with float64 results."""
    if loss == "cross_entropy":
        return cross_entropies
    if loss == "mse":
        return squared_errors
    if not callable(loss):
        names = ", ".join(map(repr, get_args(NamedLoss)))
        raise (ValueError if isinstance(loss, str) else TypeError)(
            f"`loss` must be one of {names}, or a function of logits and answers. Got {loss!r}."
        )
    check_takes(loss, "loss", 2, "logits and answers, as `lambda logits, answers: …`")

    def row_losses(logits: Tensor, answers: Tensor) -> Tensor:
        try:
            losses = loss(logits.to(torch.float64), answers)
        except Exception as error:
            error.add_note(
                "`loss` is called with logits, float64, (rows, n), and the indices of answers, int64, (rows,). "
                "The squared error of logits and a one-hot answer is loss='mse'."
            )
            raise
        return _check_losses(losses, logits)

    return row_losses


def cross_entropies(logits: Tensor, answers: Tensor) -> Tensor:
    """The cross-entropy of each row in nats."""
    return losses_of(margins(logits, answers))


def squared_errors(logits: Tensor, answers: Tensor) -> Tensor:
    """The mean over the answers of (logit − 1)² for the right one and logit² for each other."""
    x = logits.to(torch.float64, copy=True)
    return x.scatter_add(-1, answers[..., None], x.new_full((*answers.shape, 1), -1.0)).square().mean(-1)


def _check_losses(losses: object, logits: Tensor) -> Tensor:
    """Requires one real number per row."""
    if not isinstance(losses, Tensor):
        raise TypeError(f"`loss` must return a tensor. Got {type_name(losses)}.")
    if losses.is_complex() or losses.dtype == torch.bool:
        raise TypeError(f"`loss` must return real numbers. Got {losses.dtype}.")
    if losses.shape != logits.shape[:1]:
        remedy = " Pass reduction='none'." if losses.ndim == 0 else " Take the mean over the answers."
        raise ValueError(f"`loss` must return one number per row ({len(logits)}). Got {shape_of(losses)}.{remedy}")
    return losses.to(torch.float64)
