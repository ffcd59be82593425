"""Inputs with a known answer."""

import math

import torch
from torch import Tensor, nn

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
    """Logits like those of a half-trained network: waves of the answer, waves of the inputs, and noise."""
    waves = planted_logits(op, {k: 2.0 + index for index, k in enumerate(frequencies)})
    generator = torch.Generator().manual_seed(seed)
    of_a, of_b = torch.randn(2, op.n, op.n, dtype=torch.float64, generator=generator)
    return waves + of_a[:, None] + of_b[None] + random_logits(op.n, scale=0.5, seed=seed + 1)


def memorizing_logits(op: pm.Operation, mask: Tensor, *, seed: int = 0) -> Tensor:
    """Noise, and 20 nats for the right answer of each training pair."""
    return random_logits(op.n, seed=seed) + 20 * mask[:, :, None] * nn.functional.one_hot(op.table, op.n)


def random_mask(n: int, *, fraction: float = 0.4, seed: int = 0) -> Tensor:
    """Random pairs, neither none nor all."""
    mask = torch.rand(n, n, generator=torch.Generator().manual_seed(seed)) < fraction
    mask[0, 0], mask[-1, -1] = True, False
    return mask


class Slices(nn.Module):
    """A network of neurons abs(cos(w_k a + u) + cos(w_k b + v)) between a pizza and a clock.

    The neurons of a frequency have each of ``slices`` equally spaced sums of phases u + v, by which their outputs
    cos(w_k c + u + v) are weighted, with each of the given differences u - v. The one difference 0 makes a pizza, whose
    slices are the neurons; differences spread over the whole turn make a clock.
    """

    def __init__(self, n: int, frequencies: tuple[int, ...], slices: int, differences: Tensor) -> None:
        super().__init__()
        angle = 2 * math.pi / n * (torch.arange(n)[:, None] * torch.tensor(frequencies) % n).double()
        total, difference = torch.cartesian_prod(2 * math.pi / slices * torch.arange(slices).double(), differences).T
        phases = torch.stack([total + difference, total - difference]) / 2
        self.waves = torch.stack([phases.cos(), -phases.sin()])[:, None, :, None]  # (x or y, pair, input, 1, neuron)
        self.out = (angle[:, :, None] + total).cos() / len(total)
        self.embed = nn.Embedding(n, 2 * len(frequencies), _weight=torch.cat([angle.cos(), angle.sin()], dim=1))

    def forward(self, pairs: Tensor) -> Tensor:
        points = self.embed(pairs).unflatten(-1, (2, -1)).movedim(2, 0)[..., None]
        return torch.einsum("pkm,ckm->pc", (points * self.waves).sum((0, 2)).abs(), self.out)


def spread(half_width: float, count: int = 8) -> Tensor:
    """Equally spaced angles, in radians, between plus and minus ``half_width`` half turns."""
    return half_width * math.pi * ((2 * torch.arange(count).double() + 1) / count - 1)
