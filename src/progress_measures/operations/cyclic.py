"""Operations in cyclic groups: addition and subtraction modulo n, multiplication and division modulo a prime."""

import math
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.values import check_integer
from progress_measures.fourier import fourier_basis, row_frequency
from progress_measures.operations.irreps import Kind, irreps_of_basis
from progress_measures.operations.operation import Operation


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
    n = check_integer(n, "n", at_least=1)
    number = torch.arange(n, device="cpu")
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
    n = check_integer(n, "n", at_least=1)
    number = torch.arange(n, device="cpu")
    return _cyclic("subtraction", (number[:, None] - number) % n)


def multiplication(p: int) -> Operation:
    """Multiplication modulo a prime: the answer to (a, b) is a · b, for numbers from 1 to p - 1.

    The elements are in the order of the powers of the least primitive root g: 1, g, g², …. Multiplication adds the
    exponents (the discrete logarithms), so the frequencies are those of Z/(p-1) on the exponents.

    Args:
        p: A prime. Tokens are the numbers 1..p-1; zero has no inverse and is left out.

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
    powers = _powers_of_primitive_root(_check_prime(p, "p"))
    exponent = torch.arange(len(powers), device="cpu")
    return _cyclic("multiplication", (exponent[:, None] + exponent) % len(powers), powers)


def division(p: int) -> Operation:
    """Division modulo a prime: the answer to (a, b) is a / b, for numbers from 1 to p - 1.

    The elements are in the order of the powers of the least primitive root, as in :func:`multiplication`. Division
    subtracts the exponents.

    Args:
        p: A prime. Tokens are the numbers 1..p-1; zero is left out, because it cannot be divided by.

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
    powers = _powers_of_primitive_root(_check_prime(p, "p"))
    exponent = torch.arange(len(powers), device="cpu")
    return _cyclic("division", (exponent[:, None] - exponent) % len(powers), powers)


def _cyclic(name: str, table: Tensor, elements: Tensor | None = None) -> Operation:
    """An operation whose elements are numbered as Z/n."""
    n = len(table)
    elements = torch.arange(n, device="cpu") if elements is None else elements
    basis, frequency, classes = fourier_basis(n, device="cpu"), row_frequency(n), torch.arange(n, device="cpu")
    kinds: list[Kind] = ["real" if 2 * k == n else "complex" for k in range(1, n // 2 + 1)]
    irreps = irreps_of_basis(basis, frequency, classes, kinds)
    return Operation(name, elements, table, basis, frequency, cyclic=True, classes=classes, irreps=irreps)


def _powers_of_primitive_root(p: int) -> Tensor:
    """The powers 1, g, g², … modulo p of the least g whose powers are all of 1..p-1."""
    for root in range(1, p):
        powers = [1]
        while (power := powers[-1] * root % p) != 1:
            powers.append(power)
        if len(powers) == p - 1:
            break
    return torch.tensor(powers, device="cpu")


def _check_prime(value: Any, name: str) -> int:
    """Requires a prime number."""
    number = check_integer(value, name, at_least=2)
    factor = next((d for d in range(2, math.isqrt(number) + 1) if number % d == 0), None)
    if factor is not None:
        raise ValueError(
            f"`{name}` must be prime. Got {number} = {factor} · {number // factor}: multiples of {factor} have no "
            "inverse, so its numbers are no group."
        )
    return number
