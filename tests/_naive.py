"""The measures written as the paper defines them and its notebook computes them, for cyclic operations.

They use dense unit directions on the n² pairs, one frequency at a time, and a cross-entropy for each. The library must
give the same numbers, faster.
"""

import math

import torch
from torch import Tensor

import progress_measures as pm


def directions(op: pm.Operation, k: int) -> Tensor:
    """cos w_k s and sin w_k s over all pairs, of length one, ``(n², 1 or 2)``."""
    angle = 2 * math.pi / op.n * (k * op.table.flatten() % op.n).double()
    waves = [angle.cos()] if 2 * k == op.n else [angle.cos(), angle.sin()]
    return torch.stack([wave / wave.norm() for wave in waves], dim=1)


def part(x: Tensor, op: pm.Operation, k: int) -> Tensor:
    """The part of the logits, ``(n², n)``, along the directions of a frequency."""
    dense = directions(op, k)
    return dense @ (dense.T @ x)


def pair_losses(x: Tensor, op: pm.Operation) -> Tensor:
    """The cross-entropy of each pair, ``(n²,)``."""
    right = op.table.flatten()[:, None]
    wrong = (x - x.gather(1, right)).scatter(1, right, -torch.inf).logsumexp(1)
    return torch.logaddexp(wrong, torch.zeros_like(wrong))


def hits(x: Tensor, op: pm.Operation) -> Tensor:
    return (x.argmax(1) == op.table.flatten()).double()


def excluded_loss_per_frequency(logits: Tensor, op: pm.Operation, mask: Tensor) -> Tensor:
    x = logits.double().reshape(op.n**2, op.n)
    return torch.stack([pair_losses(x - part(x, op, k), op)[mask.flatten()].mean() for k in op.frequencies])


def measure(logits: Tensor, op: pm.Operation, frequencies: tuple[int, ...], train: Tensor) -> dict[str, Tensor]:
    """All numbers that ``pm.measure`` returns, by name."""
    x, mask = logits.double().reshape(op.n**2, op.n), train.flatten()
    kept = sum((part(x, op, k) for k in frequencies), start=torch.zeros_like(x))
    restricted, excluded = x.mean(0) + kept, x - kept
    return {
        "train_loss": pair_losses(x, op)[mask].mean(),
        "test_loss": pair_losses(x, op)[~mask].mean(),
        "train_accuracy": hits(x, op)[mask].mean(),
        "test_accuracy": hits(x, op)[~mask].mean(),
        "restricted_loss": pair_losses(restricted, op).mean(),
        "restricted_loss_train": pair_losses(restricted, op)[mask].mean(),
        "restricted_loss_test": pair_losses(restricted, op)[~mask].mean(),
        "restricted_accuracy": hits(restricted, op).mean(),
        "excluded_loss": pair_losses(excluded, op)[mask].mean(),
        "excluded_accuracy": hits(excluded, op)[mask].mean(),
        "excluded_loss_per_frequency": excluded_loss_per_frequency(logits, op, train),
    }


def neuron_spectrum(activations: Tensor, op: pm.Operation) -> Tensor:
    """The share of each neuron's variance along the eight dense directions of each frequency, one at a time."""
    n = op.n
    x = activations.double().reshape(n * n, -1)
    x = x - x.mean(0)
    a, b = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T
    shares = []
    for k in op.frequencies:
        of_a, of_b = (
            [torch.ones(n * n, dtype=torch.float64), *(f(2 * math.pi / n * (k * index % n)) for f in functions)]
            for functions in [[torch.cos] if 2 * k == n else [torch.cos, torch.sin]]
            for index in (a.double(), b.double())
        )
        waves = torch.stack([u * v for u in of_a for v in of_b][1:], dim=1)
        shares.append(((waves / waves.norm(dim=0)).T @ x).square().sum(0) / x.square().sum(0))
    return torch.stack(shares, dim=1)
