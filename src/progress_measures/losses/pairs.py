"""Loss and accuracy of one pair at a time, from its margins: how far each wrong answer is above the right one."""

import torch
from torch import Tensor
from torch.nn import functional as F


def margins(logits: Tensor, answers: Tensor) -> Tensor:
    """How far each logit, ``(…, n)``, is above that of the right answer, ``(…)``: minus infinity for that itself."""
    right = answers[..., None]
    x = logits.to(torch.float64, copy=True)
    x -= logits.gather(-1, right)
    return x.scatter_(-1, right, -torch.inf)


def pair_losses(margins: Tensor) -> Tensor:
    """The cross-entropy of each pair in nats, ``(…)``, from margins, ``(…, n)``."""
    return softplus(margins.logsumexp(-1))


def pair_hits(margins: Tensor, answers: Tensor) -> Tensor:
    """Whether each pair's largest logit is the right answer's, bool; of equal ones the first is."""
    margins = margins.detach()
    largest = margins.amax(-1)
    hits, tied = largest < 0, (largest == 0).nonzero(as_tuple=True)
    hits[tied] = answers[tied] < margins[tied].argmax(-1)
    return hits


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp x), which neither overflows above nor loses digits below."""
    return F.softplus(x, threshold=40)  # from there on exp(-x) is nothing beside x
