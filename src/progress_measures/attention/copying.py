"""Whether attention heads copy tokens, computed from their weights."""

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import shape_of
from progress_measures._scaling import one_where_zero, scale_of

ROUNDED = 10  # the rounding error of a product of matrices, in epsilons of its norm


def copying_score(embed: Array, value: Array, out: Array, unembed: Array) -> Tensor:
    r"""How consistently each head raises the logit of the token that it attends to.

    The head's circuit from tokens to logits is :math:`W_E W_V W_O W_U`, with one row and one column per token. With its
    eigenvalues :math:`\lambda_i`, the score is

    .. math:: \frac{\sum_i \lambda_i}{\sum_i \lvert \lambda_i \rvert}

    It is 1 if all eigenvalues are positive, as in a head that copies, -1 if all are negative, and near 0 for random
    weights. It is 0 if all eigenvalues are 0. Multiplying a matrix by a positive number does not change it. The score
    depends on the weights only: it ignores attention patterns, layer normalization and biases.

    Args:
        embed: The embedding W_E, shape ``(tokens, d_model)``.
        value: The map W_V from the residual stream to each head's values, shape ``(heads, d_model, d_head)``. If W_V is
            a linear layer, pass ``weight.T.unflatten(1, (heads, -1)).transpose(0, 1)``.
        out: The map W_O from each head back to the residual stream, shape ``(heads, d_head, d_model)``. If W_O is a
            linear layer, pass ``weight.T.unflatten(0, (heads, -1))``.
        unembed: The unembedding W_U, shape ``(d_model, tokens)``. If W_U is a linear layer, pass ``weight.T``.

    Returns:
        A score per head in [-1, 1], float64, shape ``(heads,)``; differentiable if no two eigenvalues are equal.

    Raises:
        TypeError: If an argument is neither tensor nor array, or is complex.
        ValueError: If shapes do not fit, or a weight is not finite.

    See Also:
        :func:`prefix_matching_score`: whether a head finds the token to copy; an induction head has both scores high.

    References:
        Elhage et al. (2021), "A mathematical framework for transformer circuits", section "Summarizing OV/QK
        matrices". The copying score of Olsson et al. (2022) is another number, computed from the logits that a head
        adds.

    Example:
        >>> heads = torch.stack([torch.eye(4), -torch.eye(4)])
        >>> pm.attention.copying_score(torch.eye(5, 4), heads, torch.eye(4).expand(2, 4, 4), torch.eye(4, 5))
        tensor([ 1., -1.], dtype=torch.float64)
    """
    given = _check_circuit(embed, value, out, unembed)
    W_E, W_V, W_O, W_U = (x / scale_of(x, (-2, -1)) for x in (x.to(torch.float64) for x in given))
    # The other eigenvalues of the large matrix are zero.
    eigenvalues: Tensor = torch.linalg.eigvals(W_O @ (W_U @ W_E) @ W_V)
    total = eigenvalues.abs().sum(-1)
    # A circuit that is zero, as of a head that reads nothing of the embedding, has eigenvalues up to rounding error.
    precision = max(torch.finfo(torch.float64 if x.dtype == torch.float64 else torch.float32).eps for x in given)
    norms = W_E.norm() * W_U.norm() * W_V.norm(dim=(-2, -1)) * W_O.norm(dim=(-2, -1))
    score: Tensor = eigenvalues.real.sum(-1) / one_where_zero(total)
    return torch.where(total > ROUNDED * precision * norms, score, torch.zeros_like(score))


def _check_circuit(*matrices: Array) -> tuple[Tensor, ...]:
    """Requires matrices of heads between an embedding and an unembedding, and returns them."""
    names = ("embed", "value", "out", "unembed")
    found = [check_finite(check_real(x, name), name) for x, name in zip(matrices, names, strict=True)]
    embed, value, out, unembed = found
    if [x.ndim for x in found] != [2, 3, 3, 2] or not (
        embed.shape == unembed.T.shape
        and value.shape == out.transpose(1, 2).shape
        and embed.shape[1] == value.shape[1]
        and all(x.numel() > 0 for x in found)
    ):
        shapes = ", ".join(map(shape_of, found))
        raise ValueError(
            "`embed` must fit `value`, `out` and `unembed`: shapes (tokens, d_model), (heads, d_model, d_head), "
            f"(heads, d_head, d_model) and (d_model, tokens). Got {shapes}. Transpose the weights of linear layers. "
            "Where heads share values, repeat these: value.repeat_interleave(…, dim=0)."
        )
    return embed, value.to(embed.device), out.to(embed.device), unembed.to(embed.device)
