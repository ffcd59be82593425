"""Cross-entropy and accuracy of the logits as they are, restricted to frequencies, or without them.

All losses are float64, and means over the inputs that you choose. Cross-entropies are in nats. They are computed from
margins to the right answer: the loss of an input is log(1 + Σ exp(L_c - L_s)) over the wrong answers c. So the loss of
a confident model, such as 1e-26, is not rounded to zero.
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
