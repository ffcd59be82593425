"""Loss and accuracy of single inputs, from margins: how far the logit of each wrong answer is above the right one."""

import torch
from torch import Tensor
from torch.nn import functional as F


def margins(logits: Tensor, answers: Tensor) -> Tensor:
    """How far each logit is above the logit of the right answer, float64, ``(…, n)``; -inf at the right answer itself.

    Args:
        logits: The logits of each input, ``(…, n)``.
        answers: The right answer of each input, ``(…)``.
    """
    right = answers[..., None]
    x = logits.to(torch.float64, copy=True)
    x -= logits.gather(-1, right)
    return x.scatter_(-1, right, -torch.inf)


def losses_of(margins: Tensor) -> Tensor:
    """The cross-entropy of each input in nats, ``(…)``, from margins, ``(…, n)``."""
    return softplus(margins.logsumexp(-1))


def hits_of(margins: Tensor, answers: Tensor) -> Tensor:
    """Whether the right answer has the largest logit of each input, bool; among equal logits, the first counts."""
    margins = margins.detach()
    largest = margins.amax(-1)
    hits, tied = largest < 0, (largest == 0).nonzero(as_tuple=True)
    hits[tied] = answers[tied] < margins[tied].argmax(-1)
    return hits


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp x), without overflow for large x and without loss of digits for very negative x."""
    return F.softplus(x, threshold=40)  # above it the result is x to rounding
