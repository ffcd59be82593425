"""The task: every pair of elements, its answer, and which pairs are trained on."""

import random

import torch
from torch import Tensor

import progress_measures as pm

OPERATIONS = {
    "addition": pm.addition,
    "subtraction": pm.subtraction,
    "symmetric_group": pm.groups.symmetric_group,
    "alternating_group": pm.groups.alternating_group,
    "dihedral_group": pm.groups.dihedral_group,
}  # each with the numbers from 0 on as tokens


def train_mask(n: int, *, fraction: float, seed: int) -> Tensor:
    """The training pairs as the paper's code draws them, bool, shape ``(n, n)``.

    All pairs in row-major order are shuffled by ``random.shuffle`` with the seed; the first ``int(fraction * n * n)``
    are trained on. Python's own generator is used because it draws the same pairs on every machine.
    """
    count = int(fraction * n * n) if 0 < fraction < 1 else 0
    if count == 0:
        raise ValueError(f"`fraction` must leave pairs to train and to test on. Got {fraction} of {n * n} pairs.")
    order = list(range(n * n))
    random.Random(seed).shuffle(order)
    mask = torch.zeros(n * n, dtype=torch.bool)
    mask[order[:count]] = True
    return mask.view(n, n)
