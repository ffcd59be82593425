"""How few of many quantities matter: norms, singular values, weights, or the neurons of a layer."""

from progress_measures.sparsity.neurons import activation_sparsity, effective_sparsity
from progress_measures.sparsity.spread import absolute_weight_entropy, effective_rank, gini

__all__ = ["absolute_weight_entropy", "activation_sparsity", "effective_rank", "effective_sparsity", "gini"]
