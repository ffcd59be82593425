"""What the heads of attention attend to and copy, and whether a network makes use of what it has read.

An attention pattern has axes ``(batch, heads, query, key)``: how much of its weight a position, the query, gives to
each position, the key. The weights of a query add up to 1, or to less where a sink takes the rest. ``captured`` records
patterns of any model that computes them in a submodule.
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
