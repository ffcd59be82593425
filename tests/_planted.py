"""Inputs with a known answer."""

import math

import torch
from torch import Tensor

import progress_measures as pm

OPERATIONS = [pm.addition, pm.subtraction]


def planted_logits(op: pm.Operation, amplitudes: dict[int, float]) -> Tensor:
    """Σ A_k cos w_k (s - c) over (a, b, c), float64; the angle is reduced modulo n first."""
    difference = (op.table[:, :, None] - torch.arange(op.n)) % op.n
    logits = torch.zeros(op.n, op.n, op.n, dtype=torch.float64)
    for k, amplitude in amplitudes.items():
        logits += amplitude * torch.cos(2 * math.pi / op.n * (k * difference % op.n).double())
    return logits


def random_logits(n: int, *, scale: float = 1.0, seed: int = 0) -> Tensor:
    """Independent normal logits."""
    return scale * torch.randn(n, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def learned_logits(op: pm.Operation, frequencies: tuple[int, ...], *, seed: int = 0) -> Tensor:
    """What a network in the middle of learning gives: waves of the answer, waves of the inputs, and noise."""
    waves = planted_logits(op, {k: 2.0 + index for index, k in enumerate(frequencies)})
    generator = torch.Generator().manual_seed(seed)
    of_a, of_b = torch.randn(2, op.n, op.n, dtype=torch.float64, generator=generator)
    return waves + of_a[:, None] + of_b[None] + random_logits(op.n, scale=0.5, seed=seed + 1)


def random_mask(n: int, *, fraction: float = 0.4, seed: int = 0) -> Tensor:
    """A choice of pairs that is neither empty nor everything."""
    mask = torch.rand(n, n, generator=torch.Generator().manual_seed(seed)) < fraction
    mask[0, 0], mask[-1, -1] = True, False
    return mask
