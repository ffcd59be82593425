"""Whether a network adds as a clock, which multiplies waves of a and b, or as a pizza, which adds them.

A clock turns one hand by both angles: its logits are cos w_k (a + b - c), however far apart a and b are. A pizza
averages the two points on each circle. So its logits are the same waves times abs(cos(w_k (a - b) / 2)), and they
depend on the two inputs only through the sum of their embeddings. ``Clock`` and ``Pizza`` are models of these two
circuits to test measures on: their logits, spectra and losses are known in closed form.
"""

from progress_measures.circuits.clock_or_pizza import circularity, distance_irrelevance, gradient_symmetricity
from progress_measures.circuits.toy_models import Clock, Pizza

__all__ = ["Clock", "Pizza", "circularity", "distance_irrelevance", "gradient_symmetricity"]
