"""Scores of attention patterns, axes ``(batch, heads, query, key)``."""

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_indices, check_real
from progress_measures._checks.values import shape_of

ROUNDING = 1e-3  # how far above 1 the weights of a query may add up


def previous_token_score(pattern: Array) -> Tensor:
    r"""How much each head attends to the token before.

    With the weight :math:`A_{q, k}` that query q gives to key k, the mean over sequences and over the queries that have
    a token before them:

    .. math:: \mathrm{mean}_{q \ge 1} \, A_{q, q - 1}

    It is 1 if each position attends to the one before it alone. Uniform causal attention over L positions has
    :math:`(H_L - 1) / (L - 1)`, with the harmonic number :math:`H_L`.

    Args:
        pattern: Attention after the softmax, axes ``(batch, heads, query, key)``, from each position to each; causal or
            not.

    Returns:
        A score per head in [0, 1], float64, shape ``(heads,)``; differentiable.

    Raises:
        TypeError: If ``pattern`` is neither tensor nor array, or is complex.
        ValueError: If ``pattern`` has other axes, a single position, or numbers that are no weights of attention.

    References:
        Elhage et al. (2021), "A mathematical framework for transformer circuits", for heads of this kind. The
        ``"previous_token_head"`` of TransformerLens' ``detect_head`` also counts the first query: it is this score
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
    r"""How much each head attends to earlier occurrences of the token that it is at.

    With the weight :math:`A_{q, k}` that query q gives to key k and the tokens t, the mean over the queries whose token
    has occurred before:

    .. math:: \mathrm{mean}_q \sum_{k < q, \; t_k = t_q} A_{q, k}

    Args:
        pattern: Attention after the softmax, axes ``(batch, heads, query, key)``.
        tokens: The tokens at the same positions, integers, shape ``(batch, position)``. Padding counts as a token that
            repeats: feed sequences of equal length.

    Returns:
        A score per head in [0, 1], float64, shape ``(heads,)``; differentiable with respect to ``pattern``.

    Raises:
        TypeError: If an argument is neither tensor nor array, or ``tokens`` are no integers.
        ValueError: If ``pattern`` is no attention, ``tokens`` have another shape, or no token occurs twice.

    References:
        Wang et al. (2022), arXiv 2211.00593, section 3, for heads of this kind. The ``"duplicate_token_head"`` of
        TransformerLens' ``detect_head`` averages over all queries, those without an earlier occurrence among them.

    Example:
        >>> tokens = torch.tensor([[5, 7, 5, 5]])
        >>> pattern = torch.eye(4)[[0, 0, 0, 1]][None, None]  # the last one attends to the 7
        >>> pm.attention.duplicate_token_score(pattern, tokens)
        tensor([0.5000], dtype=torch.float64)
    """
    weights = _check_pattern(pattern)
    return _mean_weight(weights, _repeated(tokens, weights), shift=0)


def prefix_matching_score(pattern: Array, tokens: Array) -> Tensor:
    r"""How much each head attends to what came after earlier occurrences of the token that it is at.

    With the weight :math:`A_{q, k}` that query q gives to key k and the tokens t, the mean over the queries whose token
    has occurred before:

    .. math:: \mathrm{mean}_q \sum_{k \le q, \; t_{k - 1} = t_q} A_{q, k}

    where k - 1 is before q. It is 1 for an induction head, and high for no other if the distance between occurrences is
    random. If it is always the same, a head that attends to a fixed distance has 1 too.

    Args:
        pattern: Attention after the softmax, axes ``(batch, heads, query, key)``.
        tokens: The tokens at the same positions, integers, shape ``(batch, position)``, such as random tokens that
            repeat with a random period. Padding counts as a token that repeats: feed sequences of equal length.

    Returns:
        A score per head in [0, 1], float64, shape ``(heads,)``; differentiable with respect to ``pattern``.

    Raises:
        TypeError: If an argument is neither tensor nor array, or ``tokens`` are no integers.
        ValueError: If ``pattern`` is no attention, ``tokens`` have another shape, or no token occurs twice.

    References:
        Olsson et al. (2022), arXiv 2209.11895, appendix "Head activation evaluators". The ``"induction_head"`` of
        TransformerLens' ``detect_head`` averages over all queries, those without an earlier occurrence among them.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> periods = torch.randint(4, 8, (50, 1), generator=generator)
        >>> random = torch.randint(1000, (50, 16), generator=generator)
        >>> tokens = random.gather(1, torch.arange(16) % periods)
        >>> key = (torch.arange(16) - periods + 1).clamp(min=0)  # what came after the last occurrence
        >>> induction = torch.eye(16)[key][:, None]
        >>> fixed = torch.eye(16)[(torch.arange(16) - 4).clamp(min=0)].expand(50, 1, 16, 16)
        >>> pm.attention.prefix_matching_score(torch.cat([induction, fixed], dim=1), tokens)
        tensor([1.0000, 0.2548], dtype=torch.float64)
    """
    weights = _check_pattern(pattern)
    return _mean_weight(weights, _repeated(tokens, weights), shift=1)


def _mean_weight(weights: Tensor, repeated: Tensor, shift: int) -> Tensor:
    """The weight on keys that are ``shift`` after an earlier equal token, over queries that have an equal one."""
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
    """Which keys are earlier and of an equal token, shape ``(batch, query, key)``."""
    t = check_indices(tokens, "tokens").to(weights.device)
    batch, _, length, _ = weights.shape
    if t.shape != (batch, length):
        raise ValueError(
            f"`tokens` must have one token per sequence and position of `pattern`: shape ({batch}, {length}). "
            f"Got {shape_of(t)}."
        )
    return (t[:, :, None] == t[:, None, :]).tril(-1)


def _check_pattern(pattern: Array) -> Tensor:
    """Requires attention from each position to each, and returns it in float64."""
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
            "Pass what comes out of the softmax, of a model in evaluation mode."
        )
    return weights
