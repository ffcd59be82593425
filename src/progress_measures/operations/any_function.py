"""Operations of any function, on all combinations of operands or on some inputs only."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import (
    as_index,
    check_callable,
    check_distinct_integers,
    check_integer,
    shape_of,
    type_name,
)
from progress_measures._rows.containers import read_rows
from progress_measures.operations.cyclic import addition
from progress_measures.operations.fields import Tokens, check_tokens, check_tokens_of, check_tokens_of_inputs, some
from progress_measures.operations.operands import label_of_bits
from progress_measures.operations.operation import Operation

Operand: TypeAlias = int | Tokens | range
Inputs: TypeAlias = Array | Sequence[Sequence[int]]

MOST_INPUTS = 2**24  # Python calls the function for each
MOST_ANSWERS = 2**12  # checking a basis of this many rows and columns takes some 10 s
MOST_BITS = 16


def operation(
    function: Callable[..., Any],
    *operands: Operand,
    inputs: Inputs | None = None,
    answers: int | Tokens | Operation | None = None,
    name: str | None = None,
) -> Operation:
    """The operation whose answers a function returns, for any number of operands.

    Restricted and excluded losses use means over answers, in which each answer counts once, however many inputs have
    it. If all answers have equally many inputs, as in a group, these are plain means.

    Args:
        function: A function of one token per operand, Python integers, that returns the token of the answer. It is
            called once for each input.
        operands: The tokens of each operand: a number m for 0..m-1, or the tokens themselves, such as ``range(1, p)``.
        inputs: The inputs, if they are not all combinations of operands: tokens, shape ``(N, k)``, each row once; a
            tensor, an array, lists or a dataset. Measures that need all combinations raise an error.
        answers: The answers: a number n for 0..n-1 with the Fourier basis of Z/n; tokens, with the Fourier basis on
            their places; or an operation that has the same answers, such as ``pm.groups.symmetric_group(5)``, to use
            its elements, basis and frequencies. If None, all operands must be the same number, which is n.
        name: A word for messages and pictures; the function's name if None.

    Returns:
        The operation. Its table has one axis per operand, or one entry per input if you pass ``inputs``.

    Raises:
        TypeError: If ``function`` cannot be called, or returns something that is not an integer.
        ValueError: If ``function`` raises an exception or returns something that is not an answer, an answer never
            occurs, or there are more than 2**24 inputs.

    Example:
        >>> op = pm.operation(lambda a, b: (a * a + b * b) % 7, 7, 7)
        >>> op.table[2, 3], op.n, op.frequencies
        (tensor(6), 7, (1, 2, 3))
        >>> pm.operation(lambda a, b, c: (a + b + c) % 5, 5, 5, 5).table.shape
        torch.Size([5, 5, 5])
        >>> pm.operation(lambda a, b: a * b % 7, range(7), range(1, 7), answers=pm.multiplication(7, zero=True))
        Operation(operation, n=7, frequencies=4, inputs=42)
    """
    check_callable(function, "function")
    axes = [_operand(x, f"operands[{i}]") for i, x in enumerate(operands)]
    rows = None if inputs is None else _check_rows(inputs, axes)
    if rows is None and not axes:
        raise TypeError("`operands` must be given, or `inputs`. Got neither.")
    whose = _answers(answers, operands)
    count = math.prod(map(len, axes)) if rows is None else len(rows)
    if count > MOST_INPUTS:
        raise ValueError(
            f"`operands` must have at most 2**24 = {MOST_INPUTS} combinations. Got {count}. "
            "Pass a sample of them: inputs=…, shape (N, k)."
        )
    each = itertools.product(*(x.tolist() for x in axes)) if rows is None else rows.tolist()
    table = _table(function, each, count, whose.elements)
    called = getattr(function, "__name__", "<lambda>")
    return Operation(
        name or ("operation" if called == "<lambda>" else called),
        whose.elements,
        table.view([len(x) for x in axes]) if rows is None else table,
        whose.basis,
        whose.row_frequency,
        cyclic=whose.cyclic,
        classes=whose.classes,
        irreps=whose.irreps,
        operands=tuple(axes),
        inputs=rows,
        frequency_labels=whose.frequency_labels,
    )


def parity(bits: int, of: Iterable[int], *, tokens: Tokens | None = None) -> Operation:
    """Sparse parity: whether an odd number of some bits are 1.

    The answer has a single frequency, the character of these bits, (-1)^(their sum). Frequencies of the inputs are
    tuples of 0 and 1, one per bit: the characters of all subsets, see :func:`input_spectrum`.

    Args:
        bits: The number of bits of an input, from 1 to 16. Each is an operand.
        of: The places of the bits that count, distinct integers in 0..bits-1, at least one.
        tokens: The tokens of a bit's 0 and 1; 0 and 1 if None. The answers are always 0 and 1.

    Returns:
        The operation, with 2**bits inputs and the answers 0 and 1. If a model has a single output x that is positive
        for the answer 1, its two logits are 0 and x: ``torch.cat([torch.zeros_like(x), x], -1)``. If it is trained on
        the product of signs, which is -1 for the answer 1, they are x and 0. Convert signs to bits by (1 - x) / 2.

    Raises:
        TypeError: If ``bits`` or ``of`` are not integers.
        ValueError: If there are fewer than 1 or more than 16 bits, or ``of`` is empty, repeats a bit, or names one that
            does not exist.

    See Also:
        :func:`operation`: any other function of bits.

    References:
        Barak et al. (2022), "Hidden progress in deep learning" (arXiv 2207.08799), for the task.

    Example:
        >>> op = pm.parity(5, of=(0, 3))
        >>> op.table[1, 0, 0, 0, 0], op.table[1, 0, 1, 1, 0], op.label(1)
        (tensor(1), tensor(0), 'bits 0 and 3')
    """
    bits = check_integer(bits, "bits", at_least=1, at_most=MOST_BITS, why="All 2**bits inputs are kept in memory")
    chosen = check_distinct_integers(of, "of")
    if not chosen or not all(0 <= place < bits for place in chosen):
        raise ValueError(f"`of` must be places in 0..{bits - 1}, at least one. Got {chosen}.")
    both, tokens_of_bits = addition(2), torch.arange(2, device="cpu") if tokens is None else check_tokens_of(tokens, 2)
    digits = torch.cartesian_prod(*[torch.arange(2, device="cpu")] * bits).reshape(-1, bits)
    table = (digits[:, list(chosen)].sum(1) % 2).view([2] * bits)
    label = label_of_bits(sorted(chosen))
    return Operation(
        f"parity of {label}",
        both.elements,
        table,
        both.basis,
        both.row_frequency,
        cyclic=True,
        classes=both.classes,
        irreps=both.irreps,
        operands=(tokens_of_bits,) * bits,
        frequency_labels=(label,),
    )


def _operand(value: Any, name: str) -> Tensor:
    """The tokens of an operand, from a number or from the tokens themselves."""
    if as_index(value) is not None:
        count = check_integer(value, name, at_least=1, at_most=MOST_INPUTS, why="An operation has at most 2**24 inputs")
        return torch.arange(count, device="cpu")
    if isinstance(value, Sequence) and len(value) > 1 and not isinstance(value, range | str) and value[0] == value[1]:
        raise ValueError(
            f"`{name}` must be a number of tokens or distinct tokens. Got {value!r}. "
            "Pass operands one by one, as in operation(function, 7, 7)."
        )
    return check_tokens(np.asarray(value) if isinstance(value, Sequence) else value, name)


def _check_rows(inputs: Any, axes: list[Tensor]) -> Tensor:
    if axes:
        raise TypeError("`inputs` must be left out where operands are given. Got both.")
    rows, _ = read_rows(inputs, "inputs")
    if rows.ndim != 2:
        raise ValueError(f"`inputs` must have shape (N, k), one row of tokens per input. Got {shape_of(rows)}.")
    check_tokens_of_inputs(rows)
    return rows


def _answers(answers: Any, operands: tuple[Operand, ...]) -> Operation:
    """An operation with the elements and the basis of the answers."""
    if isinstance(answers, Operation):
        return answers
    if answers is None:
        sizes = [as_index(x) for x in operands]
        if not sizes or sizes[0] is None or any(size != sizes[0] for size in sizes):
            raise TypeError(
                "`answers` must be given unless all operands are the same number: how many answers there are, "
                "or an operation with them. Got None."
            )
        answers = operands[0]
    if as_index(answers) is not None:
        why = "The basis has the square of as many entries"
        return addition(check_integer(answers, "answers", at_least=1, at_most=MOST_ANSWERS, why=why))
    tokens = check_tokens(np.asarray(answers) if isinstance(answers, Sequence) else answers, "answers")
    return addition(len(tokens), tokens=tokens)


def _table(function: Callable[..., Any], rows: Iterable[Sequence[int]], count: int, elements: Tensor) -> Tensor:
    """The index of the answer to each row, ``(count,)``."""
    index_of = {token: index for index, token in enumerate(elements.tolist())}
    table, places = np.empty(count, dtype=np.int64), iter(rows)
    for i, row in enumerate(places):
        try:
            answer = function(*row)
        except Exception as error:
            raise _raised(error, row, i) from error
        token = int(answer) if isinstance(answer, bool | np.bool_) else as_index(answer)
        if token is None:
            raise TypeError(
                f"`function` must return an integer. Got {answer!r} ({type_name(answer)}) for {_shown(row)}."
                + _remedy_of_float(answer, function, places)
            )
        if token not in index_of:
            span = f"{min(index_of)}..{max(index_of)}"
            raise ValueError(
                f"`function` must return one of the {len(index_of)} answers, {span}. Got {token} for {_shown(row)}. "
                "Take the remainder, or pass the `answers`."
            )
        table[i] = index_of[token]
    missing = sorted(set(range(len(elements))) - set(table.tolist()))
    if missing:
        there = elements[sorted(set(table.tolist()))].tolist()
        listed = ", ".join(map(str, there[:20])) + (", …" if len(there) > 20 else "")
        raise ValueError(
            f"`answers` must all occur. Got none of {some(elements[missing].tolist())}. Pass only the {len(there)} "
            f"that do, answers=[{listed}], with the frequencies of their places; or add inputs."
        )
    return torch.from_numpy(table)


def _shown(row: Sequence[int]) -> str:
    """A row for a message."""
    return str(tuple(row)) if len(row) <= 8 else f"({', '.join(map(str, row[:4]))}, … {len(row)} tokens)"


def _raised(error: Exception, row: Sequence[int], place: int) -> ValueError:
    """The error for a function that raised one; at the first input, it was probably called wrongly."""
    text = (str(error).splitlines() or [""])[0][:200].rstrip(".")
    if place == 0 and isinstance(error, TypeError | AttributeError):
        remedy = f"It is called with Python integers, one per operand ({len(row)})."
    else:
        remedy = "Leave such inputs out."
    return ValueError(
        f"`function` must return an answer for each input. It raised {type_name(error)} for {_shown(row)}: {text}. "
        + remedy
    )


def _remedy_of_float(answer: Any, function: Callable[..., Any], others: Iterable[Sequence[int]]) -> str:
    """The remedy for an answer that is a float, which depends on whether any answer has a fraction."""
    if not isinstance(answer, float | np.floating):
        return ""
    with suppress(Exception):
        if float(answer).is_integer() and all(float(function(*row)).is_integer() for row in others):
            return " Return int(…) of it."
    return " Division modulo a prime p is x * pow(y, -1, p) % p."
