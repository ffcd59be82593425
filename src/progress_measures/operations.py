"""Operations: what the answer to a pair of inputs is, and in which basis functions of the answer are measured.

Everything downstream works on indices 0..n-1 of ``Operation.elements`` and reads the answer from ``Operation.table``
and the basis from ``Operation.basis``; nothing assumes that the answer is a + b. A frequency is a block of basis rows,
numbered by ``Operation.row_frequency``: 0 is the constant, 1..K are the others. For a cyclic operation a block is the
cosine and the sine of one frequency; for another group it is one isotypic part of the functions on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures import _checks
from progress_measures._blocks import row_blocks
from progress_measures.fourier import change_basis, fourier_basis, row_frequency


@dataclass(frozen=True, eq=False)
class Operation:
    """A binary operation on n elements with a basis for functions of the answer.

    :func:`addition`, :func:`subtraction`, :func:`multiplication` and :func:`division` make the cyclic ones; one of
    one's own is as good.

    Args:
        name: A word for messages and pictures.
        elements: Token of each element, distinct non-negative integers, shape ``(n,)``.
        table: ``table[a, b]`` is the index in ``elements`` of the answer to the elements a and b, shape ``(n, n)``.
            Every answer stands exactly once in each row and each column, so each has n pairs.
        basis: Orthonormal rows of functions on the elements, float64, shape ``(n, n)``. Row 0 is constant.
        row_frequency: The frequency of each row, shape ``(n,)``: 0 for row 0 alone, then 1..K, each at least once.
        cyclic: Whether the frequencies are those of Z/n, for which k and n-k are the same.

    Raises:
        TypeError: If a field is not a tensor or array of its kind.
        ValueError: If a field does not have its shape, or breaks the property named above.

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

    def __post_init__(self) -> None:
        for field, value in _checks.operation_fields(self.elements, self.table, self.basis, self.row_frequency).items():
            object.__setattr__(self, field, value)

    @property
    def n(self) -> int:
        """The order: how many elements there are."""
        return len(self.elements)

    @property
    def frequencies(self) -> tuple[int, ...]:
        """The non-trivial frequencies, 1..K; for a cyclic operation K is ``n // 2``."""
        return tuple(range(1, int(self.row_frequency[-1]) + 1))

    @property
    def pairs(self) -> Tensor:
        """The tokens of every pair, row-major, int64, shape ``(n*n, 2)``: what a model is fed."""
        return torch.cartesian_prod(self.elements, self.elements).reshape(-1, 2)

    def rows(self, frequencies: Iterable[int]) -> Tensor:
        """The basis rows of some frequencies, in the order of the basis: the directions that they span.

        ``op.rows(keys) @ W_L`` are the directions u_k, v_k of the neurons that the map W_L reads.

        Args:
            frequencies: Distinct members of :attr:`frequencies`.

        Returns:
            Orthonormal rows, float64, shape ``(r, n)``; two per frequency of a cyclic operation, but one for n/2.

        Raises:
            TypeError: If ``frequencies`` are not integers.
            ValueError: If one is not the operation's, or stands twice.

        References:
            Nanda et al. (2023), section 3.1, equation 2.

        Example:
            >>> pm.addition(5).rows([2]).shape
            torch.Size([2, 5])
        """
        chosen = torch.tensor(_checks.frequencies(frequencies, self), dtype=torch.int64)
        return self.basis[torch.isin(self.row_frequency, chosen)]

    def __repr__(self) -> str:
        return f"Operation({self.name}, n={self.n}, frequencies={len(self.frequencies)})"


def addition(n: int) -> Operation:
    """Addition modulo n: the answer to (a, b) is a + b.

    Args:
        n: Order of the group, at least 1. Tokens are the numbers 0..n-1.

    Returns:
        The operation, with the Fourier basis of Z/n and frequencies 1..n//2.

    Raises:
        TypeError: If ``n`` is not an integer.
        ValueError: If ``n`` is less than 1.

    Example:
        >>> pm.addition(113)
        Operation(addition, n=113, frequencies=56)
    """
    n = _checks.integer(n, "n", at_least=1)
    number = torch.arange(n)
    return _cyclic("addition", (number[:, None] + number) % n)


def subtraction(n: int) -> Operation:
    """Subtraction modulo n: the answer to (a, b) is a - b.

    Args:
        n: Order of the group, at least 1. Tokens are the numbers 0..n-1.

    Returns:
        The operation, with the Fourier basis of Z/n and frequencies 1..n//2.

    Raises:
        TypeError: If ``n`` is not an integer.
        ValueError: If ``n`` is less than 1.

    Example:
        >>> pm.subtraction(5).table[1, 3]
        tensor(3)
    """
    n = _checks.integer(n, "n", at_least=1)
    number = torch.arange(n)
    return _cyclic("subtraction", (number[:, None] - number) % n)


def multiplication(p: int) -> Operation:
    """Multiplication modulo a prime: the answer to (a, b) is a · b, for numbers from 1 to p - 1.

    The elements stand in the order of the powers of the least primitive root g: 1, g, g², …. Multiplication adds the
    exponents (the discrete logarithms), so frequencies are those of Z/(p-1) on them.

    Args:
        p: A prime. Tokens are the numbers 1..p-1; zero has no inverse and takes no part.

    Returns:
        The operation, of order p - 1, with frequencies 1..(p-1)//2.

    Raises:
        TypeError: If ``p`` is not an integer.
        ValueError: If ``p`` is not a prime.

    Example:
        >>> op = pm.multiplication(7)
        >>> op.elements, op.elements[op.table[1, 2]]  # 3 · 2 = 6
        (tensor([1, 3, 2, 6, 4, 5]), tensor(6))
    """
    powers = _powers_of_primitive_root(_checks.prime(p, "p"))
    exponent = torch.arange(len(powers))
    return _cyclic("multiplication", (exponent[:, None] + exponent) % len(powers), powers)


def division(p: int) -> Operation:
    """Division modulo a prime: the answer to (a, b) is a / b, for numbers from 1 to p - 1.

    The elements stand in the order of the powers of the least primitive root, as in :func:`multiplication`; division
    subtracts the exponents.

    Args:
        p: A prime. Tokens are the numbers 1..p-1; one cannot divide by zero.

    Returns:
        The operation, of order p - 1, with frequencies 1..(p-1)//2.

    Raises:
        TypeError: If ``p`` is not an integer.
        ValueError: If ``p`` is not a prime.

    Example:
        >>> op = pm.division(7)
        >>> op.elements[op.table[3, 2]]  # 6 / 2 = 3
        tensor(3)
    """
    powers = _powers_of_primitive_root(_checks.prime(p, "p"))
    exponent = torch.arange(len(powers))
    return _cyclic("division", (exponent[:, None] - exponent) % len(powers), powers)


def answer_means(x: Tensor, op: Operation) -> Tensor:
    """The mean over the n pairs of each answer s, float64, shape ``(n, m)``, of values of any real dtype on the grid.

    It holds all that depends on a pair through s alone.
    """
    rows, pairs = x.reshape(op.n**2, x.shape[-1]), pairs_of_answers(op).to(x.device)
    means, done = x.new_empty(op.n, x.shape[-1], dtype=torch.float64), 0
    for _, block in row_blocks(rows, pairs):
        means[done : done + len(block)] = block.sum(1, dtype=torch.float64) / op.n
        done += len(block)
    return means


def pairs_of_answers(op: Operation) -> Tensor:
    """The n pairs of each answer s as rows of the flattened grid, shape ``(s, n)``."""
    return op.table.flatten().argsort(stable=True).view(op.n, op.n)


def rows_by_frequency(x: Tensor, op: Operation) -> Tensor:
    """Values by basis row, ``(n, m)``, as those of each frequency, ``(1 + K, r, m)``, filled up with zeros to one r."""
    counts = torch.bincount(op.row_frequency)
    widest = int(counts.max())
    place = torch.arange(op.n, device=x.device) % widest  # rows of a frequency follow one another: no two get the same
    return x.new_zeros(len(counts), widest, x.shape[1]).index_put((op.row_frequency.to(x.device), place), x)


def input_coefficients(x: Tensor, op: Operation) -> Tensor:
    """The coefficients in the basis of a and of b, shape ``(n, n, m)``."""
    basis = op.basis.to(x.device)
    return change_basis(change_basis(x, basis, 0), basis, 1)


def _cyclic(name: str, table: Tensor, elements: Tensor | None = None) -> Operation:
    n = len(table)
    elements = torch.arange(n) if elements is None else elements
    return Operation(name, elements, table, fourier_basis(n), row_frequency(n), cyclic=True)


def _powers_of_primitive_root(p: int) -> Tensor:
    """The numbers 1..p-1 as powers 1, g, g², … modulo p of the least g whose powers are all of them."""
    for root in range(1, p):
        powers = [1]
        while (power := powers[-1] * root % p) != 1:
            powers.append(power)
        if len(powers) == p - 1:
            break
    return torch.tensor(powers)
