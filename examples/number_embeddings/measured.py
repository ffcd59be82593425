"""The measures of the encoder, as results of the library or as numbers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

import progress_measures as pm
from examples.number_embeddings.encoder import Encoder

NUMBERS = range(342)  # each is a single token
FIRST_HUNDRED = range(100)  # as in the paper on helices
PERIODS = (2, 2.5, 3, 10 / 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
MODULI = (2, 3, 5, 7, 10, 11)
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
RANDOM_WORDS = 64
SENTENCES = (
    "the quick brown fox jumps over the lazy dog , and then it sleeps under a tree in the warm afternoon sun .",
    "in the year 1905 he wrote four papers ; each of them changed what people thought about space , time and light .",
    "when the test loss falls at last , the network has known for a long time how to add two numbers .",
)


@dataclass(frozen=True)
class Findings:
    """All results."""

    keys: tuple[int, ...]
    """Of ``pm.key_frequencies``, as if the numbers were the elements of addition modulo 342."""
    periods: pm.embeddings.PeriodControl
    """Of the numbers from 0 to 341."""
    circles: dict[str, pm.embeddings.CircleFit]
    helices: dict[str, pm.embeddings.HelixFit]
    """Of the numbers up to 99, as in the paper, and of all numbers."""
    probes: dict[str, dict[int, pm.embeddings.ResidueProbe]]
    """By modulus, for the same numbers."""
    previous: dict[str, Tensor]
    """The mean attention of each head of layer 0 to the previous token, in sentences and in random words."""


def measure(encoder: Encoder, *, draws: int = 200, progress: Callable[[Iterable], Iterable] | None = None) -> Findings:
    """Measures the encoder; the permutations of rows and the probes take the most time."""
    table = encoder.embeddings([str(number) for number in NUMBERS]).double()
    texts = {"sentences": [text.split() for text in SENTENCES], "random words": _random(encoder)}
    ranges = {"0 to 99": table[: len(FIRST_HUNDRED)], "0 to 341": table}
    op = pm.addition(len(NUMBERS))
    control = pm.embeddings.period_control(table, PERIODS, draws=draws, progress=progress)
    return Findings(
        keys=pm.key_frequencies(pm.spectrum(table, op), op, weights=table),
        periods=control,
        circles={
            name: pm.embeddings.circle_fit(encoder.embeddings(tokens))
            for name, tokens in {"weekdays": WEEKDAYS, "months": MONTHS}.items()
        },
        helices={name: pm.embeddings.helix_fit(rows) for name, rows in ranges.items()},
        probes={
            name: {modulus: pm.embeddings.residue_probe(rows, modulus) for modulus in MODULI}
            for name, rows in ranges.items()
        },
        previous={kind: _attention_to_the_token_before(encoder, rows) for kind, rows in texts.items()},
    )


def _attention_to_the_token_before(encoder: Encoder, rows: Iterable[Sequence[str]]) -> Tensor:
    """The mean score of each head over rows of tokens, whose lengths may differ."""
    patterns = (encoder.first_patterns(tokens)[None] for tokens in rows)
    return torch.stack([pm.attention.previous_token_score(pattern) for pattern in patterns]).mean(0)


def _random(encoder: Encoder) -> list[list[str]]:
    """Ten rows of whole words in random order, without any meaning for a head to follow."""
    words = sorted(token for token in encoder.vocabulary if token.isalpha() and token.isascii())
    generator = torch.Generator().manual_seed(0)
    return [[words[i] for i in row] for row in torch.randint(len(words), (10, RANDOM_WORDS), generator=generator)]
