"""Three tasks as streams of fresh sequences, with the answers that a rule determines.

A draw is ``(tokens, answers)``: tokens of shape ``(sequence, length)`` and, for the positions that the task reads,
answers of shape ``(sequence, read positions)``. Answers that cannot be known are ``UNKNOWN``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

UNKNOWN = -100  # the index that PyTorch's cross-entropy ignores

DIGITS = 5
PLUS, EQUALS = 10, 11  # the tokens after the ten digits

# The paper's sequences are longer: 85 tokens out of 128, with a subsequence of 16 and 3 repeats. Half of that length
# takes a third of the time per step.
VOCABULARY = 64
REPEATED = 8  # tokens of the repeated subsequence
OCCURRENCES = 4  # the first and 3 repeats
FILLERS = 8  # random tokens around the occurrences

GROUPS = 8  # one for each token B
VALUES = 8  # tokens A in each group

Draw = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """The sequences of a task, and the positions with an answer.

    Args:
        draw: Draws sequences and their answers, given their number and a generator.
        vocabulary: Number of tokens.
        answers: Number of tokens that can be an answer.
        length: Number of tokens in a sequence.
        read: The positions with an answer.
    """

    draw: Callable[[int, torch.Generator], Draw]
    vocabulary: int
    answers: int
    length: int
    read: slice


def draw_addition(count: int, generator: torch.Generator) -> Draw:
    """Sums ``a + b = c`` of two 5-digit numbers, digit by digit, highest first, with leading zeros.

    The model predicts each digit of the sum at the previous token, so it predicts the first of the six at ``=``.
    """
    a, b = torch.randint(10**DIGITS, (2, count), generator=generator)
    plus, equals = torch.full((count, 1), PLUS), torch.full((count, 1), EQUALS)
    answers = digits(a + b, DIGITS + 1)
    # The model predicts nothing after the last digit, so it is left out: 17 tokens instead of the paper's 18.
    return torch.cat([digits(a, DIGITS), plus, digits(b, DIGITS), equals, answers[:, :-1]], dim=1), answers


def digits(numbers: Tensor, count: int) -> Tensor:
    """Decimal digits, highest first, shape ``(number, count)``."""
    return numbers[:, None] // 10 ** torch.arange(count - 1, -1, -1) % 10


def draw_repeats(count: int, generator: torch.Generator) -> Draw:
    """Random tokens with one random subsequence that occurs four times, at random places that do not overlap.

    All other tokens differ from each other and from those of the subsequence, so the token after a repeated token is
    certain. The model predicts every token of a repeat except the first, which cannot be known.
    """
    distinct = _permutations(count, VOCABULARY, generator)
    subsequence, fillers = distinct[:, :REPEATED], distinct[:, REPEATED : REPEATED + FILLERS]
    # Shuffles fillers and occurrences as pieces of one token each, then expands the occurrences.
    pieces = _permutations(count, FILLERS + OCCURRENCES, generator)
    places = (pieces < OCCURRENCES).nonzero()[:, 1].view(count, OCCURRENCES)
    starts = places + (REPEATED - 1) * torch.arange(OCCURRENCES)
    inside = (starts[:, :, None] + torch.arange(REPEATED)).flatten(1)
    length = FILLERS + OCCURRENCES * REPEATED
    is_filler = torch.ones(count, length, dtype=torch.bool).scatter(1, inside, False)
    tokens = torch.empty(count, length, dtype=torch.long).scatter(1, inside, subsequence.repeat(1, OCCURRENCES))
    tokens[is_filler] = fillers.flatten()
    known = inside.view(count, OCCURRENCES, REPEATED)[:, 1:, 1:].flatten(1)
    answers = torch.full((count, length), UNKNOWN).scatter(1, known - 1, tokens.gather(1, known))
    return tokens, answers


def draw_trigrams(count: int, generator: torch.Generator) -> Draw:
    """Skip trigrams A … B -> C: the last token, B, says which earlier token, A, decides the answer, C.

    Each B has a group of eight tokens A, each with its own answer. A sequence is one A of every group in random order,
    then one B. The A of group g with answer v is token ``8 g + v``; the B of this group is token ``64 + g``. There are
    64 trigrams to learn. Tokens are only names for a model: it learns from examples which A belongs to which B, and the
    answer of each A. The paper does not state its rule; this one is our own.
    """
    values = torch.randint(VALUES, (count, GROUPS), generator=generator)
    groups = torch.arange(GROUPS)
    asked = torch.randint(GROUPS, (count, 1), generator=generator)
    sources = (VALUES * groups + values).gather(1, _permutations(count, GROUPS, generator))
    return torch.cat([sources, GROUPS * VALUES + asked], dim=1), values.gather(1, asked)


def _permutations(count: int, n: int, generator: torch.Generator) -> Tensor:
    """Random orders of 0..n-1, shape ``(count, n)``."""
    return torch.rand(count, n, generator=generator, dtype=torch.float64).argsort(dim=1)


TASKS = {
    "addition": Task(draw_addition, 12, 10, 3 * DIGITS + 2, slice(2 * DIGITS + 1, None)),
    "repeats": Task(draw_repeats, VOCABULARY, VOCABULARY, FILLERS + OCCURRENCES * REPEATED, slice(None)),
    "trigrams": Task(draw_trigrams, GROUPS * (VALUES + 1), VALUES, GROUPS + 1, slice(GROUPS, None)),
}
