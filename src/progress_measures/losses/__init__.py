"""Cross-entropy and accuracy on the grid, of the logits as they are, restricted, or with frequencies excluded.

All losses are float64, in nats, means over the chosen pairs, and written in margins to the right answer: a pair's loss
is log(1 + Σ exp(L_c - L_s)) over the wrong answers c, so that a confident model's 1e-26 does not vanish beside 1.
"""

from progress_measures.losses.by_answer import (
    Pairs,
    excluded_loss_per_frequency,
    pairs_by_answer,
)
from progress_measures.losses.filtered import accuracy, cross_entropy, excluded_loss, restricted_loss
from progress_measures.losses.pairs import margins, pair_hits, pair_losses

__all__ = [
    "Pairs",
    "accuracy",
    "cross_entropy",
    "excluded_loss",
    "excluded_loss_per_frequency",
    "margins",
    "pair_hits",
    "pair_losses",
    "pairs_by_answer",
    "restricted_loss",
]
