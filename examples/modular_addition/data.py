"""The task: all pairs of elements, their answers, and the training pairs."""

import math
import random

import torch
from torch import Tensor

import progress_measures as pm


def sum_of_squares(n: int) -> pm.Operation:
    """The operation x² + y² modulo n."""
    return pm.operation(lambda x, y: (x * x + y * y) % n, n, n, name="x² + y²")


def division(n: int) -> pm.Operation:
    """The operation x / y modulo a prime, for every x and every y except 0."""
    return pm.division(n, zero=True)


def random_answers(n: int) -> pm.Operation:
    """Random answers, the same on every machine: without a rule, a network can only memorize them."""
    source = random.Random(n)
    answers = [[source.randrange(n) for _ in range(n)] for _ in range(n)]
    return pm.operation(lambda x, y: answers[x][y], n, n, name="random answers")


OPERATIONS = {
    "addition": pm.addition,
    "subtraction": pm.subtraction,
    "division": division,
    "sum_of_squares": sum_of_squares,
    "random_answers": random_answers,
    "symmetric_group": pm.groups.symmetric_group,
    "alternating_group": pm.groups.alternating_group,
    "dihedral_group": pm.groups.dihedral_group,
}  # the tokens of each are 0, 1, 2, …


def train_mask(shape: tuple[int, ...], *, fraction: float, seed: int) -> Tensor:
    """The training pairs of a grid as the paper's code draws them, bool.

    ``random.shuffle`` shuffles all N pairs, in row-major order, with the seed; the first ``int(fraction * N)`` are the
    training pairs. Python's own generator draws the same pairs on every machine.
    """
    pairs = math.prod(shape)
    count = int(fraction * pairs) if 0 < fraction < 1 else 0
    if count == 0:
        raise ValueError(f"`fraction` must leave pairs to train and to test on. Got {fraction} of {pairs} pairs.")
    order = list(range(pairs))
    random.Random(seed).shuffle(order)
    mask = torch.zeros(pairs, dtype=torch.bool)
    mask[order[:count]] = True
    return mask.view(shape)
