"""Which part of the logits belongs to a frequency: restricting to it, and excluding it.

The logits have axes ``(a, b, c)``. The field means several things by "the part of frequency k", so ``terms`` says
which, per frequency k:

- ``"sum"``: what depends on the true answer s = a∘b through cos w_k s and sin w_k s, for every output c. Two directions
  of the input grid; the code behind every published curve.
- ``"product"``: the block {cos, sin} w_k a times {cos, sin} w_k b: four directions, the "20 terms" of section 5.1 for
  five key frequencies.
- ``"polynomial"``: the block {1, cos, sin} w_k a times {1, cos, sin} w_k b without 1 times 1: eight directions, the "40
  components" of section 4.4.
- ``"aligned"``: the single unit tensor along cos w_k (s - c) over ``(a, b, c)``; the notebook's "3D" losses.

The numbers of directions, 2, 4 and 8, are those of cyclic operations and their direct products, and so is the reading
as waves. But all four have a meaning for every group: in place of {cos, sin} w_k stand the r basis rows of frequency k,
and in place of cos w_k (s - c) the kernel of the projection on them, a multiple of the character χ_k(s c⁻¹). Matrices
of a representation multiply, ρ(a∘b) = ρ(a) ρ(b), so ``"product"`` and ``"polynomial"`` hold ``"sum"`` as they do for
waves; but with r² and r² + 2r of the n² directions of the input grid they tell less, the larger r is. For an operation
of one's own whose basis is not that of a group they are defined as well, but need not hold ``"sum"``.

Parts of different frequencies are orthogonal to each other and to the constant, the mean over all pairs for each
output, which both ``restrict`` and ``exclude`` keep.

Everything here is linear in the logits, and computed in float64.
"""

from progress_measures.filtering.activations import (
    project_each_onto_frequency,
    project_onto_frequencies,
    project_out_frequencies,
)
from progress_measures.filtering.logits import exclude, restrict

__all__ = [
    "exclude",
    "project_each_onto_frequency",
    "project_onto_frequencies",
    "project_out_frequencies",
    "restrict",
]
