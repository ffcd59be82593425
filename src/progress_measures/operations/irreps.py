"""The real irreducible representations of a finite group, one for each non-trivial frequency."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from progress_measures.fourier import sum_rows

Kind = Literal["real", "complex", "quaternionic"]


@dataclass(frozen=True, eq=False)
class Irrep:
    """A non-trivial real irreducible representation of a group, described by its character.

    Its matrix entries are functions on the group, and they span one frequency of the operation. That frequency has
    dimension² basis rows if the kind is ``"real"``, dimension² / 2 if it is ``"complex"`` and dimension² / 4 if it is
    ``"quaternionic"``. The kind ``"complex"`` combines two conjugate complex representations and has twice their
    dimension. For example, frequencies k and n - k of Z/n together are a rotation of the plane.

    Example:
        >>> op = pm.groups.symmetric_group(4)
        >>> standard = op.irreps[2]  # a permutation of 4 things moves the vectors whose entries add up to 0
        >>> standard.dimension, standard.kind, standard.character.round().int().tolist()
        (3, 'real', [3, 1, 0, -1, -1])
        >>> swap = 1  # (0, 1, 3, 2), the second of the permutations in order
        >>> int(op.classes[swap]), round(float(standard.character[op.classes[swap]]))  # it keeps two things: 2 - 1
        (1, 1)
    """

    dimension: int
    """The dimension of the real space that the group acts on."""
    kind: Kind
    """Whether the matrices that commute with it form the real numbers, the complex numbers or the quaternions."""
    character: Tensor
    """The trace of the representation on each conjugacy class, in the order of the numbers in ``op.classes``, float64.
    Entry 0, for the identity, is the dimension."""

    @property
    def label(self) -> str:
        """The character on the classes, for a picture or a table."""
        return f"character ({self._values})"

    @property
    def _values(self) -> str:
        return ", ".join(f"{x:.4g}" for x in self.character.round(decimals=9) + 0.0)  # no -0

    def __repr__(self) -> str:
        return f"Irrep({self.dimension}, character=({self._values}))"


def irreps_of_basis(basis: Tensor, row_frequency: Tensor, classes: Tensor, kinds: Sequence[Kind]) -> tuple[Irrep, ...]:
    """The representation of each non-trivial frequency, from its rows of the basis, ``(n, n)``, and its kind."""
    identity = int((classes == 0).nonzero()[0])
    # Σ_r F_r(1) F_r(g) is a multiple of the character; at the identity it is the number of rows over n.
    kernels = sum_rows(basis[:, identity, None] * basis, row_frequency, 0)[1:]
    normalized = kernels[:, first_of_each(classes)] / kernels[:, identity, None]  # 1 at the identity
    counts = torch.bincount(row_frequency)[1:].tolist()
    dimensions = [dimension(rows, kind) for rows, kind in zip(counts, kinds, strict=True)]
    return tuple(Irrep(d, kind, d * x) for d, kind, x in zip(dimensions, kinds, normalized, strict=True))


def first_of_each(classes: Tensor) -> Tensor:
    """The first element of each class, for classes numbered 0, 1, … without a gap."""
    order = classes.argsort(stable=True)
    return order[torch.searchsorted(classes[order], torch.arange(int(classes.max()) + 1, device="cpu"))]


def dimension(rows: int, kind: Kind) -> int:
    """The dimension of a real irreducible representation whose frequency has this many basis rows."""
    return math.isqrt({"real": 1, "complex": 2, "quaternionic": 4}[kind] * rows)
