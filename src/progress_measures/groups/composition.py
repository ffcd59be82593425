"""Composition in finite groups: in any group given by its table, and in some well-known ones."""

import itertools
from collections.abc import Sequence

import torch

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer
from progress_measures.groups.cayley import check_cayley_table
from progress_measures.groups.isotypic import isotypic_parts
from progress_measures.operations.fields import Tokens, check_tokens_of
from progress_measures.operations.operation import Operation


def composition(
    table: Array | Sequence[Sequence[int]],
    *,
    tokens: Tokens | None = None,
    elements: Tokens | None = None,
    name: str = "composition",
) -> Operation:
    r"""Composition in a finite group given by its Cayley table.

    A frequency is an isotypic part of the functions on the group: the span of the matrix entries of one real
    irreducible representation, which may combine two conjugate complex ones. The kernel of the projection onto it is a
    multiple of the character χ_k, and plays the role of cos w_k (s - c):

    .. math:: \sum_{r \in k} F_r(s) F_r(c) = \frac{d}{n} \chi_k(s c^{-1})

    where d is the dimension of a representation of the kind ``"real"``. For the kinds ``"complex"`` and
    ``"quaternionic"`` the factor is d/2n and d/4n, see :class:`Irrep`.

    ``op.irreps[k - 1]`` describes frequency k. Frequencies with fewer rows come first. Frequencies with equally many
    are ordered by the ratio of character to dimension, larger first, on the first class where they differ. The rows
    that span a frequency are arbitrary: no measure depends on them.

    Args:
        table: ``table[a, b]`` is the index of a∘b, integers in 0..n-1, shape ``(n, n)``, or nested lists.
        tokens: The token of each element, shape ``(n,)``; 0..n-1 if None.
        elements: The former name of ``tokens``.
        name: A word for messages and pictures.

    Returns:
        The operation. It has one frequency for each conjugacy class except for the identity's, where the class of an
        element and the class of its inverse count as one.

    Raises:
        TypeError: If ``table`` or ``tokens`` are not integers.
        ValueError: If ``table`` is not the table of a group; the message says which axiom fails, and for which
            elements. Also if ``tokens`` are not n distinct non-negative integers.

    See Also:
        :func:`direct_product`: a product of two operations, faster than its table.
        :func:`operation`: any function that is not the composition of a group.

    References:
        Chughtai et al. (2023), "A toy model of universality" (arXiv 2302.03025), for representations instead of
        frequencies.

    Example:
        >>> number = torch.arange(4)
        >>> klein = pm.groups.composition(number[:, None] ^ number)  # Z/2 × Z/2
        >>> klein.frequencies, klein.irreps[0]
        ((1, 2, 3), Irrep(1, character=(1, 1, -1, -1)))
    """
    table, identity = check_cayley_table(table)
    given, called = (tokens, "tokens") if elements is None else (elements, "elements")
    if tokens is not None and elements is not None:
        raise TypeError("`elements` must be left out where `tokens` are given: both are the token of each element.")
    order = torch.arange(len(table), device="cpu") if given is None else check_tokens_of(given, len(table), called)
    parts = isotypic_parts(table, identity)
    return Operation(name, order, table, parts.basis, parts.row_frequency, classes=parts.classes, irreps=parts.irreps)


def symmetric_group(m: int, *, tokens: Tokens | None = None) -> Operation:
    """Composition of the permutations of m things.

    Element i is the i-th of ``itertools.permutations(range(m))``, in lexicographic order. The answer a∘b is b followed
    by a: it takes x to a[b[x]].

    Args:
        m: The number of things to permute, from 1 to 7; 7 takes a minute and 2 GiB.
        tokens: The token of each element, shape ``(m!,)``; 0..m!-1 if None.

    Returns:
        The operation, of order m!, with one frequency for each partition of m except for the trivial one.

    Raises:
        TypeError: If ``m`` is not an integer, or ``tokens`` are not integers.
        ValueError: If ``m`` is less than 1 or more than 7, or ``tokens`` are not distinct and non-negative, one per
            element.

    Example:
        >>> op = pm.groups.symmetric_group(4)
        >>> op.n, op.rows_per_frequency, op.irreps[2]
        (24, (1, 4, 9, 9), Irrep(3, character=(3, 1, 0, -1, -1)))
    """
    m = check_integer(m, "m", at_least=1, at_most=7, why="The table of the group has (m!)² entries")
    return _of_permutations(list(itertools.permutations(range(m))), f"S{m}", tokens)


def alternating_group(m: int, *, tokens: Tokens | None = None) -> Operation:
    """Composition of the even permutations of m things.

    The elements are in lexicographic order. The answer a∘b is b followed by a, as in :func:`symmetric_group`.

    Args:
        m: The number of things to permute, from 1 to 7.
        tokens: The token of each element; 0..m!/2-1 if None.

    Returns:
        The operation, of order m!/2 (1 for m = 1).

    Raises:
        TypeError: If ``m`` is not an integer, or ``tokens`` are not integers.
        ValueError: If ``m`` is less than 1 or more than 7, or ``tokens`` are not distinct and non-negative, one per
            element.

    Example:
        >>> op = pm.groups.alternating_group(5)
        >>> op.n, op.rows_per_frequency
        (60, (9, 9, 16, 25))
    """
    m = check_integer(m, "m", at_least=1, at_most=7, why="The table of the group has (m!/2)² entries")
    even = [p for p in itertools.permutations(range(m)) if _is_even(p)]
    return _of_permutations(even, f"A{m}", tokens)


def dihedral_group(m: int, *, tokens: Tokens | None = None) -> Operation:
    """Composition of the symmetries of a regular polygon with m corners.

    The answer a∘b is b followed by a, as in :func:`symmetric_group`. For i in 0..m-1, element i is the rotation by i/m
    of a full turn, which takes corner x to x + i. Element m + i is the reflection that keeps corner 0, followed by this
    rotation: it takes corner x to i - x.

    Args:
        m: The number of corners, at least 1.
        tokens: The token of each element; 0..2m-1 if None.

    Returns:
        The operation, of order 2m.

    Raises:
        TypeError: If ``m`` is not an integer, or ``tokens`` are not integers.
        ValueError: If ``tokens`` are not distinct and non-negative, one per element, or ``m`` is less than 1.

    Example:
        >>> op = pm.groups.dihedral_group(5)
        >>> op.table[1, 5], op.table[5, 1]  # the reflection, then a turn; the turn, then the reflection
        (tensor(6), tensor(9))
        >>> op.rows_per_frequency
        (1, 4, 4)
    """
    m = check_integer(m, "m", at_least=1)
    shift = torch.arange(m, device="cpu").repeat(2)
    sign = torch.ones_like(shift)
    sign[m:] = -1
    turned = (shift[:, None] + sign[:, None] * shift) % m
    flipped = sign[:, None] != sign
    return composition(turned + m * flipped, tokens=tokens, name=f"dihedral group of order {2 * m}")


def _of_permutations(permutations: list[tuple[int, ...]], name: str, tokens: Tokens | None) -> Operation:
    """Composition of the given permutations, which are in lexicographic order."""
    p = torch.tensor(permutations, device="cpu")
    place = len(p[0]) ** torch.arange(len(p[0]) - 1, -1, -1, device="cpu")  # the value of each entry as a digit
    numbers = (p * place).sum(1)
    composed = numbers.new_zeros(len(p), len(p))
    for b_of_x, digit in zip(p.T, place, strict=True):  # for each x
        composed += p[:, b_of_x] * digit  # a[b[x]] at (a, b)
    return composition(torch.searchsorted(numbers, composed), tokens=tokens, name=name)


def _is_even(permutation: tuple[int, ...]) -> bool:
    return sum(a > b for a, b in itertools.combinations(permutation, 2)) % 2 == 0
