"""The class of operations."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures.operations.fields import check_fields, check_irreps, check_members, check_rows_of_waves
from progress_measures.operations.irreps import Irrep


@dataclass(frozen=True, eq=False)
class Operation:
    """A binary operation on n elements with a basis for functions of the answer.

    :func:`addition`, :func:`subtraction`, :func:`multiplication` and :func:`division` make cyclic operations,
    :func:`composition` makes the operation of any finite group, and :func:`direct_product` combines two operations. You
    can also define your own, which works in the same way.

    Args:
        name: A word for messages and pictures.
        elements: Token of each element, distinct non-negative integers, shape ``(n,)``.
        table: ``table[a, b]`` is the index in ``elements`` of the answer to the elements a and b, shape ``(n, n)``.
            Every answer appears exactly once in each row and each column, so each answer has n pairs.
        basis: Orthonormal functions on the elements, one per row, float64, shape ``(n, n)``. Row 0 is constant.
        row_frequency: The frequency of each row, shape ``(n,)``: 0 for row 0 alone, then 1..K in ascending order,
            each at least once.
        cyclic: Whether the frequencies are those of Z/n, where k and n-k are the same, and the rows are laid out as in
            :func:`fourier_basis`.
        classes: The number of each element's conjugacy class, shape ``(n,)``, in the group whose functions the basis
            describes. The identity's class is 0. None if there is no such group.
        irreps: The real irreducible representation of each frequency 1..K, with its character on the classes; empty if
            ``classes`` is None. Basis rows of a representation of the kind ``"complex"`` come in pairs u, J u, where J
            commutes with the group and J² = -1, like cosine and sine; :func:`direct_product` relies on these pairs.

    Raises:
        TypeError: If a field is not a tensor or array of its kind.
        ValueError: If a field does not have its shape, or breaks a property named above.

    Example:
        >>> op = pm.addition(5)
        >>> op.table[3, 4], op.frequencies
        (tensor(2), (1, 2))
    """

    name: str
    elements: Tensor
    table: Tensor
    basis: Tensor
    row_frequency: Tensor
    cyclic: bool = False
    classes: Tensor | None = None
    irreps: tuple[Irrep, ...] = ()

    def __post_init__(self) -> None:
        fields = check_fields(self.elements, self.table, self.basis, self.row_frequency)
        fields |= check_irreps(self.classes, self.irreps, fields["basis"], fields["row_frequency"])
        if self.cyclic:
            check_rows_of_waves(fields["row_frequency"])
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @property
    def n(self) -> int:
        """The order, which is the number of elements."""
        return len(self.elements)

    @property
    def frequencies(self) -> tuple[int, ...]:
        """The non-trivial frequencies, 1..K; for a cyclic operation K is ``n // 2``."""
        return tuple(range(1, int(self.row_frequency[-1]) + 1))

    @property
    def rows_per_frequency(self) -> tuple[int, ...]:
        """The number of basis rows of each of :attr:`frequencies`; in a cyclic operation two, but one for n/2."""
        return tuple(torch.bincount(self.row_frequency)[1:].tolist())

    @property
    def pairs(self) -> Tensor:
        """The tokens of every pair, as a model is fed them, in row-major order, int64, shape ``(n*n, 2)``."""
        return torch.cartesian_prod(self.elements, self.elements).reshape(-1, 2)

    def rows(self, frequencies: Iterable[int]) -> Tensor:
        """The basis rows of the given frequencies, in the order of the basis.

        ``op.rows(keys) @ W_L`` are the directions u_k, v_k in the space of neurons from which W_L reads these
        frequencies.

        Args:
            frequencies: Distinct members of :attr:`frequencies`.

        Returns:
            Orthonormal rows, float64, shape ``(r, n)``; in a cyclic operation two per frequency, but one for n/2.

        Raises:
            TypeError: If ``frequencies`` are not integers.
            ValueError: If one is not a frequency of the operation, or is repeated.

        References:
            Nanda et al. (2023), section 3.1, equation 2.

        Example:
            >>> pm.addition(5).rows([2]).shape
            torch.Size([2, 5])
        """
        chosen = check_members(frequencies, self.frequencies, self.n, cyclic=self.cyclic)
        return self.basis[torch.tensor([k in chosen for k in self.row_frequency.tolist()], device="cpu")]

    def __repr__(self) -> str:
        return f"Operation({self.name}, n={self.n}, frequencies={len(self.frequencies)})"
