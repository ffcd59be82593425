"""The part of logits and activations that belongs to chosen frequencies, kept alone or removed.

Logits have one row per input and one column per answer; those of pairs have axes ``(a, b, c)``. The literature gives
"the part of frequency k" four meanings. Choose one with ``terms``:

- ``"sum"``: for every output c, the part that depends on the true answer s through cos w_k s and sin w_k s. For pairs
  these are two directions of the input grid. The authors' code uses this meaning for every published curve.
- ``"product"``: the block {cos, sin} w_k a times {cos, sin} w_k b. These are four directions, the "20 terms" of section
  5.1 for five key frequencies.
- ``"polynomial"``: the block {1, cos, sin} w_k a times {1, cos, sin} w_k b without 1 times 1. These are eight
  directions, the "40 components" of section 4.4.
- ``"aligned"``: ⟨L, T_k⟩ T_k, where T_k is cos w_k (s - c) over ``(a, b, c)``, scaled to length 1. This is one number
  per frequency. The notebook's "3D" losses use this meaning.

The waves and the numbers of directions, 2, 4 and 8, hold for cyclic operations and their direct products. In any other
group, the r basis rows of frequency k replace {cos, sin} w_k, and the kernel of the projection onto these rows, a
multiple of the character χ_k(s c⁻¹), replaces cos w_k (s - c). Since the matrices of a representation multiply, ρ(a∘b)
= ρ(a) ρ(b), ``"product"`` and ``"polynomial"`` contain ``"sum"``, as they do for waves. Of the n² directions of the
input grid, ``"sum"`` spans r, ``"product"`` r² and ``"polynomial"`` r² + 2r. The larger r, the more any network fits.
For an operation whose basis is not that of a group, all four are defined too, but ``"product"`` and ``"polynomial"``
need not contain ``"sum"``.

``"sum"`` and ``"aligned"`` work for any operation. They start from M(s, c), the mean logit of c over the inputs whose
answer is s, so that each answer counts once. With the basis rows r of frequency k, part k of ``"sum"`` is Σ_r F_r(s)
Σ_t F_r(t) M(t, c), and the constant is the mean of M over the answers. ``"product"`` and ``"polynomial"`` need all
pairs of elements.

A frequency of the inputs is a tuple with one integer per operand, 0 for the constant. Its part is spanned by the
products of one basis row of each operand's frequency. It needs all combinations of the operands.

Parts of different frequencies are orthogonal to each other and to the constant. For frequencies of the answer, this
holds in the inner product that weights each input by 1 / (number of inputs with its answer); for frequencies of the
inputs, in the plain one. Both ``restrict`` and ``exclude`` keep the constant.

All of these functions are linear in the logits and compute in float64.
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
