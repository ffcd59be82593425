"""Frequencies of the inputs: tuples with one integer per operand, for products of one function of each operand."""

from collections.abc import Sequence

import torch
from torch import Tensor

from progress_measures._checks.values import as_index, type_name
from progress_measures.fourier import fourier_basis, row_frequency


def operand_basis(tokens: Tensor, elements: Tensor, basis: Tensor) -> Tensor:
    """The basis of the functions of one operand, ``(m, m)``.

    It is the basis of the answers if the tokens are those of the answers, and the Fourier basis on the places
    otherwise.
    """
    if torch.equal(tokens, elements):
        return basis
    if has_answers(tokens, elements):
        ordered, place = elements.sort()
        return basis[:, place[torch.searchsorted(ordered, tokens)]]
    return fourier_basis(len(tokens), device="cpu")


def operand_frequencies(tokens: Tensor, elements: Tensor, of_answers: Tensor) -> Tensor:
    """The frequency of each row of an operand's basis, ``(m,)``."""
    return of_answers if has_answers(tokens, elements) else row_frequency(len(tokens))


def has_answers(tokens: Tensor, elements: Tensor) -> bool:
    """Whether the tokens of an operand are those of the answers, in any order."""
    return torch.equal(tokens.sort().values, elements.sort().values)


def check_tuple(frequency: tuple[object, ...], counts: Sequence[int], name: str = "frequencies") -> tuple[int, ...]:
    """Requires one integer per operand, from 0 to the number of that operand's frequencies."""
    if len(frequency) != len(counts):
        raise ValueError(
            f"`{name}` must have one integer per operand ({len(counts)}). Got {frequency!r}."
            + ("" if counts else " Parts of the inputs need all inputs, and this operation has some only.")
        )
    numbers: list[int] = []
    for value, highest in zip(frequency, counts, strict=True):
        k = as_index(value)
        if k is None:
            raise TypeError(f"`{name}` must be integers, or tuples of them. Got {value!r} ({type_name(value)}).")
        if not 0 <= k <= highest:
            raise ValueError(
                f"`{name}` must lie in 0..{highest} for operand {len(numbers)}, 0 for the constant. "
                f"Got {k} in {frequency!r}."
            )
        numbers.append(k)
    return tuple(numbers)


def label_of_inputs(
    frequency: tuple[int, ...], operands: Sequence[Tensor], elements: Tensor, labels: Sequence[str]
) -> str:
    """The bits, if all operands are bits; otherwise the frequency of each operand, except for the constants.

    An operand with the tokens of the answers has their ``labels``; any other has waves.
    """
    places = [place for place, k in enumerate(frequency) if k > 0]
    if not places:
        return "constant"
    if all(len(tokens) == 2 for tokens in operands):
        return label_of_bits(places)
    names = "ab" if len(operands) == 2 else [f"x{place + 1}" for place in range(len(operands))]
    own = {
        place: labels[frequency[place] - 1]
        if has_answers(operands[place], elements)
        else wave_label(frequency[place], len(operands[place]))
        for place in places
    }
    return " × ".join(f"({own[place]}) of {names[place]}" for place in places)


def label_of_bits(places: Sequence[int]) -> str:
    """The places of at least one bit, in words."""
    *before, last = map(str, places)
    return f"bits {', '.join(before)} and {last}" if before else f"bit {last}"


def wave_label(k: int, n: int) -> str:
    """The rows of frequency k in the Fourier basis of Z/n."""
    return f"cos {k}" if 2 * k == n else f"cos {k}, sin {k}"
