"""Scores of attention heads, and of how much a network gains from its context.

An attention pattern has axes ``(batch, heads, query, key)``. Entry ``[b, h, q, k]`` is the weight that position q, the
query, gives to position k, the key. The weights of a query add up to 1, or to less if an attention sink takes the rest.
:func:`captured` records the patterns of any model that computes them in a submodule.
"""

from progress_measures.attention.copying import copying_score
from progress_measures.attention.in_context import in_context_score
from progress_measures.attention.patterns import duplicate_token_score, prefix_matching_score, previous_token_score

__all__ = [
    "copying_score",
    "duplicate_token_score",
    "in_context_score",
    "prefix_matching_score",
    "previous_token_score",
]
