"""Scores of attention patterns, axes ``(batch, heads, query, key)``."""

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_indices, check_real
from progress_measures._checks.values import shape_of

ROUNDING = 1e-3  # how far above 1 the weights of a query may add up


def previous_token_score(pattern: Array) -> Tensor:
    r"""How much each head attends to the previous token.

    With the weight :math:`A_{q, k}` that query q gives to key k, the score is the mean over sequences and over all
    queries except the first:

    .. math:: \mathrm{mean}_{q \ge 1} \, A_{q, q - 1}

    It is 1 if each position attends only to the one before it. Uniform causal attention over L positions scores
    :math:`(H_L - 1) / (L - 1)`, with the harmonic number :math:`H_L`.

    Args:
        pattern: Attention after the softmax, axes ``(batch, heads, query, key)``, with as many queries as keys. It need
            not be causal.

    Returns:
        A score per head in [0, 1], float64, shape ``(heads,)``; differentiable.

    Raises:
        TypeError: If ``pattern`` is neither tensor nor array, or is complex.
        ValueError: If ``pattern`` has other axes or a single position, has a negative number, or adds up to more than 1
            over the keys.

    See Also:
        :func:`prefix_matching_score`: for induction heads, which build on previous-token heads.
        :func:`duplicate_token_score`: for attention to earlier copies of the same token.

    References:
        Elhage et al. (2021), "A mathematical framework for transformer circuits", for heads of this kind. The
        ``"previous_token_head"`` of TransformerLens' ``detect_head`` also counts the first query, so it is this score
        times (L - 1) / L.

    Example:
        >>> pattern = torch.eye(4).roll(-1, dims=1).expand(2, 3, 4, 4)  # each to the one before, the first to the last
        >>> pm.attention.previous_token_score(pattern)
        tensor([1., 1., 1.], dtype=torch.float64)
    """
    weights = _check_pattern(pattern)
    if weights.shape[-1] < 2:
        raise ValueError(
            "`pattern` must have at least two positions. Got one, which has no token before it. Feed longer sequences."
        )
    return weights.diagonal(-1, -2, -1).mean((0, 2))


def duplicate_token_score(pattern: Array, tokens: Array) -> Tensor:
    r"""How much each head attends to earlier occurrences of the current token.

    With the weight :math:`A_{q, k}` that query q gives to key k and the tokens t, the score is the mean over the
    queries whose token has occurred before:

    .. math:: \mathrm{mean}_q \sum_{k < q, \; t_k = t_q} A_{q, k}

    It is 1 if each of these queries attends only to earlier occurrences, and 0 if none of them does. Renaming the
    tokens does not change it.

    Args:
        pattern: Attention after the softmax, axes ``(batch, heads, query, key)``.
        tokens: The tokens at the same positions, integers, shape ``(batch, position)``. Use sequences of equal length:
            padding would count as a token that repeats.

    Returns:
        A score per head in [0, 1], float64, shape ``(heads,)``; differentiable with respect to ``pattern``.

    Raises:
        TypeError: If an argument is neither tensor nor array, or ``tokens`` are no integers.
        ValueError: If ``pattern`` is no attention pattern, ``tokens`` have another shape, or no token occurs twice.

    See Also:
        :func:`prefix_matching_score`: for attention to the token after an earlier occurrence.

    References:
        Wang et al. (2022), arXiv 2211.00593, section 3, for heads of this kind. The ``"duplicate_token_head"`` of
        TransformerLens' ``detect_head`` averages over all queries, including those whose token has not occurred before.

    Example:
        >>> tokens = torch.tensor([[5, 7, 5, 5]])
        >>> pattern = torch.eye(4)[[0, 0, 0, 1]][None, None]  # the last one attends to the 7
        >>> pm.attention.duplicate_token_score(pattern, tokens)
        tensor([0.5000], dtype=torch.float64)
    """
    weights = _check_pattern(pattern)
    return _mean_weight(weights, _repeated(tokens, weights), shift=0)


def prefix_matching_score(pattern: Array, tokens: Array) -> Tensor:
    r"""How much each head attends to the tokens that followed earlier occurrences of the current token.

    With the weight :math:`A_{q, k}` that query q gives to key k and the tokens t, the score is the mean over the
    queries whose token has occurred before:

    .. math:: \mathrm{mean}_q \sum_{1 \le k \le q, \; t_{k - 1} = t_q} A_{q, k}

    It is 1 for an ideal induction head. Draw the distance between occurrences at random: if it is constant, a head that
    attends to a fixed distance also scores 1. Renaming the tokens does not change the score.

    Args:
        pattern: Attention after the softmax, axes ``(batch, heads, query, key)``.
        tokens: The tokens at the same positions, integers, shape ``(batch, position)``, such as random tokens that
            repeat with a random period. Use sequences of equal length: padding would count as a token that repeats.

    Returns:
        A score per head in [0, 1], float64, shape ``(heads,)``; differentiable with respect to ``pattern``.

    Raises:
        TypeError: If an argument is neither tensor nor array, or ``tokens`` are no integers.
        ValueError: If ``pattern`` is no attention pattern, ``tokens`` have another shape, or no token occurs twice.

    See Also:
        :func:`duplicate_token_score`: for attention to the earlier occurrence itself.
        :func:`copying_score`: whether the head then copies what it attends to.

    References:
        Olsson et al. (2022), arXiv 2209.11895, appendix "Head activation evaluators". The ``"induction_head"`` of
        TransformerLens' ``detect_head`` averages over all queries, including those whose token has not occurred before.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> periods = torch.randint(4, 8, (50, 1), generator=generator)
        >>> random = torch.randint(1000, (50, 16), generator=generator)
        >>> tokens = random.gather(1, torch.arange(16) % periods)
        >>> key = (torch.arange(16) - periods + 1).clamp(min=0)  # the token after the last occurrence
        >>> induction = torch.eye(16)[key][:, None]
        >>> fixed = torch.eye(16)[(torch.arange(16) - 4).clamp(min=0)].expand(50, 1, 16, 16)
        >>> pm.attention.prefix_matching_score(torch.cat([induction, fixed], dim=1), tokens)
        tensor([1.0000, 0.2548], dtype=torch.float64)
    """
    weights = _check_pattern(pattern)
    return _mean_weight(weights, _repeated(tokens, weights), shift=1)


def _mean_weight(weights: Tensor, repeated: Tensor, shift: int) -> Tensor:
    """The mean weight on keys ``shift`` positions after an earlier equal token, over queries that have such a token."""
    queries = repeated.any(-1)
    if not bool(queries.any()):
        raise ValueError(
            "`tokens` must repeat: the mean is over queries whose token has occurred before. Got no token that occurs "
            "twice in a sequence. Feed random tokens that repeat."
        )
    chosen = repeated[..., : repeated.shape[-1] - shift]
    on_keys = (weights[..., shift:] * chosen[:, None]).sum(-1)
    return on_keys.sum((0, 2)) / queries.sum()


def _repeated(tokens: Array, weights: Tensor) -> Tensor:
    """Which keys are earlier positions with the query's token, shape ``(batch, query, key)``."""
    t = check_indices(tokens, "tokens").to(weights.device)
    batch, _, length, _ = weights.shape
    if t.shape != (batch, length):
        raise ValueError(
            f"`tokens` must have one token per sequence and position of `pattern`: shape ({batch}, {length}). "
            f"Got {shape_of(t)}."
        )
    return (t[:, :, None] == t[:, None, :]).tril(-1)


def _check_pattern(pattern: Array) -> Tensor:
    """Requires an attention pattern with as many queries as keys, and returns it in float64."""
    x = check_real(pattern, "pattern")
    if x.ndim != 4 or x.shape[2] != x.shape[3] or x.numel() == 0:
        raise ValueError(
            "`pattern` must have axes (batch, heads, query, key), with as many queries as keys. "
            f"Got shape {shape_of(x)}."
            + (" For a single sequence or head, insert the axis with None." if x.ndim == 3 else "")
        )
    weights = check_finite(x, "pattern", "(batch, head, query, key)").to(torch.float64)
    low, high = float(weights.detach().amin()), float(weights.detach().sum(-1).amax())
    if low < 0 or high > 1 + max(ROUNDING, 4 * torch.finfo(x.dtype).eps):
        found = f"a weight of {low:.3g}" if low < 0 else f"weights that add up to {high:.3g}"
        raise ValueError(
            f"`pattern` must be at least 0 and add up to at most 1 over keys, the last axis. Got {found}. "
            "Pass the output of the softmax, from a model in evaluation mode."
        )
    return weights
