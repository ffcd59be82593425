"""Groups as tables, made without the library."""

import itertools

import torch
from torch import Tensor

import progress_measures as pm


def quaternions() -> Tensor:
    """The table of ±1, ±i, ±j, ±k, in the order 1, -1, i, -i, j, -j, k, -k."""
    units = {
        "1": [[1, 0], [0, 1]],
        "i": [[1j, 0], [0, -1j]],
        "j": [[0, 1], [-1, 0]],
        "k": [[0, 1j], [1j, 0]],
    }
    matrices = torch.stack(
        [sign * torch.tensor(unit, dtype=torch.complex64) for unit in units.values() for sign in (1, -1)]
    )
    products = matrices[:, None] @ matrices
    return (products[:, :, None] == matrices).flatten(3).all(3).int().argmax(2)


def relabelled(table: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The same group with its elements in another order, and the new place of each element."""
    place = torch.randperm(len(table), generator=torch.Generator().manual_seed(seed))
    back = place.argsort()
    return place[table[back][:, back]], place


def cycle_type(permutation: tuple[int, ...]) -> tuple[int, ...]:
    """The lengths of a permutation's cycles, ascending."""
    left, lengths = set(range(len(permutation))), []
    while left:
        start = x = left.pop()
        length = 1
        while (x := permutation[x]) != start:
            left.discard(x)
            length += 1
        lengths.append(length)
    return tuple(sorted(lengths))


def permutations(op: pm.Operation, m: int) -> list[tuple[int, ...]]:
    """The permutations of a symmetric group, in the order of its tokens."""
    every = list(itertools.permutations(range(m)))
    assert op.n == len(every)
    return every


def projection(op: pm.Operation, frequency: int) -> Tensor:
    """The projection on a frequency, ``(n, n)``; it does not depend on the choice of rows."""
    rows = op.basis[op.row_frequency == frequency]
    return rows.T @ rows
