"""Operations in cyclic groups: addition and subtraction modulo n, multiplication and division modulo a prime."""

import math
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.values import check_integer
from progress_measures.fourier import fourier_basis, row_frequency
from progress_measures.operations.fields import Tokens, check_tokens_of
from progress_measures.operations.irreps import Kind, irreps_of_basis
from progress_measures.operations.operands import wave_label
from progress_measures.operations.operation import Operation


def addition(n: int, *, tokens: Tokens | None = None) -> Operation:
    """Addition modulo n: the answer to (a, b) is a + b.

    Args:
        n: The order of the group, at least 1.
        tokens: The token of each number 0..n-1, shape ``(n,)``; the numbers themselves if None.

    Returns:
        The operation, with the Fourier basis of Z/n and frequencies 1..n//2.

    Raises:
        TypeError: If ``n`` is not an integer, or ``tokens`` are not integers.
        ValueError: If ``n`` is less than 1, or ``tokens`` are not n distinct non-negative integers.

    Example:
        >>> pm.addition(113)
        Operation(addition, n=113, frequencies=56)
    """
    n = check_integer(n, "n", at_least=1)
    number = torch.arange(n, device="cpu")
    return _cyclic("addition", (number[:, None] + number) % n, number if tokens is None else check_tokens_of(tokens, n))


def subtraction(n: int, *, tokens: Tokens | None = None) -> Operation:
    """Subtraction modulo n: the answer to (a, b) is a - b.

    Args:
        n: The order of the group, at least 1.
        tokens: The token of each number 0..n-1, shape ``(n,)``; the numbers themselves if None.

    Returns:
        The operation, with the Fourier basis of Z/n and frequencies 1..n//2.

    Raises:
        TypeError: If ``n`` is not an integer, or ``tokens`` are not integers.
        ValueError: If ``n`` is less than 1, or ``tokens`` are not n distinct non-negative integers.

    Example:
        >>> pm.subtraction(5).table[1, 3]
        tensor(3)
    """
    n = check_integer(n, "n", at_least=1)
    number = torch.arange(n, device="cpu")
    table = (number[:, None] - number) % n
    return _cyclic("subtraction", table, number if tokens is None else check_tokens_of(tokens, n))


def multiplication(p: int, *, zero: bool = False, tokens: Tokens | None = None) -> Operation:
    """Multiplication modulo a prime: the answer to (a, b) is a · b, for numbers from 1 to p - 1, or from 0.

    The elements, and so the rows and columns of the table, are the powers of the least primitive root g, in this order:
    1, g, g², …. A mask or logits in the order of the numbers have the same shape but mean other pairs, and there is no
    error: make masks with :meth:`Operation.mask`, from rows of tokens. Multiplication adds the exponents (the discrete
    logarithms), so the frequencies are those of Z/(p-1) on the exponents. With ``zero=True``, zero is the last element.
    It adds the last frequency: a function that tells zero from the other numbers.

    Args:
        p: A prime.
        zero: Whether 0 is one of the numbers. Then the operation is not a group, because 0 has no inverse.
        tokens: The token of each number in ascending order, 1..p-1, or 0..p-1; the numbers themselves if None. You may
            pass all p tokens with ``zero=False`` too: the first is ignored.

    Returns:
        The operation, with frequencies 1..(p-1)//2, and one more if ``zero`` is True.

    Raises:
        TypeError: If ``p`` is not an integer, or ``tokens`` are not integers.
        ValueError: If ``p`` is not a prime, or ``tokens`` are not distinct non-negative integers, one per number.

    Example:
        >>> op = pm.multiplication(7)
        >>> op.elements, op.elements[op.table[1, 2]]  # 3 · 2 = 6
        (tensor([1, 3, 2, 6, 4, 5]), tensor(6))
        >>> op = pm.multiplication(7, zero=True)
        >>> op.n, op.label(4)
        (7, 'zero')
    """
    powers = _powers_of_primitive_root(_check_prime(p, "p"))
    exponent = torch.arange(len(powers), device="cpu")
    table, elements = (exponent[:, None] + exponent) % len(powers), _tokens_of_powers(powers, tokens, zero)
    if not zero:
        return _cyclic("multiplication", table, elements)
    return _with_zero("multiplication", torch.nn.functional.pad(table, (0, 1, 0, 1), value=p - 1), elements)


def division(p: int, *, zero: bool = False, tokens: Tokens | None = None) -> Operation:
    """Division modulo a prime: the answer to (a, b) is a / b, for numbers from 1 to p - 1, or from 0 for a.

    The elements are the powers of the least primitive root, as in :func:`multiplication`, and not in the order of the
    numbers: make masks with :meth:`Operation.mask`, from rows of tokens. Division subtracts the exponents.

    Args:
        p: A prime.
        zero: Whether 0 is one of the numbers a and of the answers, as in :func:`multiplication`. Nothing is divided by
            0, so the table has p rows and p - 1 columns.
        tokens: The token of each number, as for :func:`multiplication`.

    Returns:
        The operation, with frequencies 1..(p-1)//2, and one more if ``zero`` is True.

    Raises:
        TypeError: If ``p`` is not an integer, or ``tokens`` are not integers.
        ValueError: If ``p`` is not a prime, or ``tokens`` are not distinct non-negative integers, one per number.

    Example:
        >>> op = pm.division(7)
        >>> op.elements[op.table[3, 2]]  # 6 / 2 = 3
        tensor(3)
    """
    powers = _powers_of_primitive_root(_check_prime(p, "p"))
    exponent = torch.arange(len(powers), device="cpu")
    table, elements = (exponent[:, None] - exponent) % len(powers), _tokens_of_powers(powers, tokens, zero)
    if not zero:
        return _cyclic("division", table, elements)
    rows = torch.nn.functional.pad(table, (0, 0, 0, 1), value=p - 1)
    return _with_zero("division", rows, elements, (elements, elements[:-1]))


def _with_zero(name: str, table: Tensor, elements: Tensor, operands: tuple[Tensor, ...] = ()) -> Operation:
    """An operation on the powers of a primitive root, numbered as Z/(n-1), and zero as the last element."""
    n = len(elements)
    basis = torch.zeros(n, n, dtype=torch.float64, device="cpu")
    basis[:-1, :-1] = fourier_basis(n - 1, device="cpu")
    basis[0] = n**-0.5
    basis[-1] = -((n * (n - 1)) ** -0.5)
    basis[-1, -1] = ((n - 1) / n) ** 0.5
    waves = row_frequency(n - 1)
    highest = int(waves[-1])
    labels = (*(wave_label(k, n - 1) for k in range(1, highest + 1)), "zero")
    frequency = torch.cat([waves, waves.new_tensor([highest + 1])])
    return Operation(name, elements, table, basis, frequency, operands=operands, frequency_labels=labels)


def _tokens_of_powers(powers: Tensor, tokens: Tokens | None, zero: bool) -> Tensor:
    """The tokens of the powers of a primitive root, followed by zero's if it is one of the numbers."""
    numbers = torch.cat([powers, powers.new_zeros(1)]) if zero else powers
    if tokens is None:
        return numbers
    p, given = len(powers) + 1, len(tokens) if hasattr(tokens, "__len__") else -1
    if given == p - 1 and not zero:
        return check_tokens_of(tokens, p - 1)[numbers - 1]
    return check_tokens_of(tokens, p)[numbers]


def _cyclic(name: str, table: Tensor, elements: Tensor) -> Operation:
    """An operation whose elements are numbered as Z/n."""
    n = len(table)
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
