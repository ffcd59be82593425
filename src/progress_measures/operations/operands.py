"""Frequencies of the inputs: one integer per operand, for the functions that are products of one of each operand's."""

from collections.abc import Sequence

import torch
from torch import Tensor

from progress_measures._checks.values import as_index, type_name
from progress_measures.fourier import fourier_basis, row_frequency


def operand_basis(tokens: Tensor, elements: Tensor, basis: Tensor, of_rows: Tensor) -> tuple[Tensor, Tensor]:
    """The basis of the functions of one operand, ``(m, m)``, and its rows' frequencies.

    It is the answers' own where the tokens are those of the answers, and the Fourier basis on the places otherwise.
    """
    ordered, place = elements.sort()
    if torch.equal(tokens.sort().values, ordered):
        return basis[:, place[torch.searchsorted(ordered, tokens)]], of_rows
    return fourier_basis(len(tokens), device="cpu"), row_frequency(len(tokens))


def check_tuple(frequency: tuple[object, ...], counts: Sequence[int]) -> tuple[int, ...]:
    """Requires one integer per operand, from 0 to the number of that operand's frequencies."""
    if len(frequency) != len(counts):
        raise ValueError(
            f"`frequencies` must have one integer per operand ({len(counts)}). Got {frequency!r}."
            + ("" if counts else " Parts of the inputs need all inputs, and this operation has some only.")
        )
    numbers: list[int] = []
    for value, highest in zip(frequency, counts, strict=True):
        k = as_index(value)
        if k is None:
            raise TypeError(f"`frequencies` must be integers, or tuples of them. Got {value!r} ({type_name(value)}).")
        if not 0 <= k <= highest:
            raise ValueError(
                f"`frequencies` must lie in 0..{highest} for operand {len(numbers)}, 0 for the constant. "
                f"Got {k} in {frequency!r}."
            )
        numbers.append(k)
    return tuple(numbers)


def label_of_inputs(frequency: tuple[int, ...], operands: Sequence[Tensor]) -> str:
    """The bits of a character of bits; otherwise the frequency of each operand that is not constant."""
    places = [place for place, k in enumerate(frequency) if k > 0]
    if not places:
        return "constant"
    if all(len(tokens) == 2 for tokens in operands):
        *before, last = map(str, places)
        return f"bits {', '.join(before)} and {last}" if before else f"bit {last}"
    names = "ab" if len(operands) == 2 else [f"x{place + 1}" for place in range(len(operands))]
    return " × ".join(f"{frequency[place]} of {names[place]}" for place in places)


def wave_label(k: int, n: int) -> str:
    """The rows of frequency k in the Fourier basis of Z/n."""
    return f"cos {k}" if 2 * k == n else f"cos {k}, sin {k}"
