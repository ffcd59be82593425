"""Cross-entropy and accuracy on the grid, for the logits as they are, restricted, or with frequencies excluded.

All losses are float64 and means over the chosen inputs. Cross-entropies are in nats, and computed from margins to the
right answer: an input's loss is log(1 + Σ exp(L_c - L_s)) over the wrong answers c. This keeps the loss of a confident
model, such as 1e-26, from being rounded away next to 1.
"""

from progress_measures.losses.by_answer import excluded_loss_per_frequency
from progress_measures.losses.filtered import accuracy, cross_entropy, excluded_loss, restricted_loss
from progress_measures.losses.normalized_margin import normalized_margin

__all__ = [
    "accuracy",
    "cross_entropy",
    "excluded_loss",
    "excluded_loss_per_frequency",
    "normalized_margin",
    "restricted_loss",
]
