"""How unevenly sizes are spread, for norms, singular values or weights."""

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_dim, check_finite, check_real
from progress_measures._checks.values import shape_of
from progress_measures._scaling import one_where_zero, scale_of


def gini(x: Array, dim: int = -1) -> Tensor:
    r"""The Gini coefficient of the absolute values of ``x`` along an axis.

    With the N absolute values in ascending order,

    .. math:: G = 1 - 2 \sum_{i=1}^{N} \frac{x_{(i)}}{\lVert x \rVert_1} \cdot \frac{N - i + 1/2}{N}

    This is half the mean absolute difference between two values, divided by the mean. It is 0 if all values are equal
    (or all zero), and 1 - 1/N if only one is not zero. Scaling or permuting ``x`` does not change it.

    Args:
        x: Values. The paper uses the norms, not the powers, of the frequencies of W_E or W_L.
        dim: The axis to measure along.

    Returns:
        Coefficients in [0, 1), float64, the shape of ``x`` without ``dim``.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``x`` has NaN or infinities, or ``dim`` names no axis of it, or an empty one.

    See Also:
        :func:`inverse_participation_ratio`: concentration on few frequencies, for each column of the weights.
        :func:`effective_rank`: how many directions a matrix uses, in any basis.

    References:
        Gini (1912), "Variabilità e mutabilità". Hurley & Rickard (2009), "Comparing measures of sparsity", compare it
        with others; Nanda et al. (2023), section 5.2, apply it to norms of frequencies.

    Example:
        >>> pm.gini(torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]))
        tensor([0.0000, 0.7500], dtype=torch.float64)
    """
    x = check_finite(check_real(x, "x"), "x")
    axis = check_dim(dim, x)
    ascending = x.movedim(axis, -1).to(torch.float64).abs().sort(-1).values
    largest = ascending[..., -1:].detach()
    # Scaled so that the sum neither overflows nor loses subnormal digits, by a power of two so that nothing is rounded.
    power_of_two = largest / (2 * torch.frexp(largest).mantissa)
    ascending = ascending / one_where_zero(power_of_two)
    count = ascending.shape[-1]
    rank = torch.arange(1, count + 1, dtype=torch.float64, device=x.device)
    # 1 - 2 (N - i + 1/2) / N. The weights add up to 0, so the smallest value can be subtracted from all. This loses no
    # digit if the values are nearly equal.
    weight = (2 * rank - count - 1) / count
    above = ascending - ascending[..., :1]
    return (above * weight).sum(-1) / ascending.sum(-1).clamp(min=1)  # the largest is at least 1, unless all are zero


def effective_rank(matrix: Array) -> Tensor:
    r"""The effective rank of a matrix: the exponential of the entropy of its normalized singular values.

    .. math:: \exp \Big( - \sum_i p_i \ln p_i \Big), \quad p_i = \sigma_i / \sum_j \sigma_j

    It lies between 1 and the rank, and is r if r singular values are equal and the others are zero. For a matrix of
    zeros it is 0. Scaling, rotating or transposing the matrix does not change it.

    Args:
        matrix: A matrix, or several, shape ``(…, rows, columns)``, such as W_L.

    Returns:
        Effective ranks, float64, shape ``(…)``; differentiable where no singular value is zero.

    Raises:
        TypeError: If ``matrix`` is neither tensor nor array, or is complex.
        ValueError: If it has fewer than two axes or no entries, or is not finite.

    See Also:
        :func:`gini`: how few entries matter, in the given basis.
        :func:`compressed_size`: a description length of all weights of a model.

    References:
        Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality".

    Example:
        >>> round(pm.effective_rank(torch.diag(torch.tensor([3.0, 3.0, 3.0, 0.0]))).item(), 6)
        3.0
    """
    matrix = _check_matrices(matrix, "matrix")
    singular = torch.linalg.svdvals(matrix / scale_of(matrix, (-2, -1)))
    total = singular.sum(-1)
    entropy = torch.special.entr(singular / total[..., None]).sum(-1)  # NaN for a matrix of zeros
    return torch.where(total > 0, entropy.exp(), 0.0)


def absolute_weight_entropy(x: Array) -> Tensor:
    r"""The entropy of the absolute values of weights, which are not normalized.

    .. math:: H = - \sum_i |w_i| \ln |w_i|

    It adds up over parts of the weights. A weight of size 1/e adds the most, weights of 0 and 1 add nothing, and larger
    ones subtract. So it does not measure spread alone: scaling the weights changes it.

    Args:
        x: Weights, of any shape.

    Returns:
        The entropy in nats, float64, shape ``()``; differentiable, with a gradient of 0 for weights that are zero.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``x`` is empty or not finite, or so large that the sum is not.

    See Also:
        :func:`gini`: a spread that does not depend on the scale.
        :func:`sum_squared_weights`: the size of the weights.

    References:
        Golechha (2024), "Progress measures for grokking on real-world tasks" (arXiv 2405.12755), section 4.

    Example:
        >>> pm.sparsity.absolute_weight_entropy(torch.tensor([0.5, -0.5, 1.0, 0.0]))
        tensor(0.6931, dtype=torch.float64)
    """
    sizes = check_finite(check_real(x, "x"), "x").to(torch.float64).abs()
    check_some(sizes, "x")
    entropy: Tensor = torch.special.entr(sizes.where(sizes > 0, 1.0)).sum()
    if not bool(torch.isfinite(entropy)):
        largest = float(sizes.detach().max())
        raise ValueError(f"`x` must be so small that the sum of its logarithms is finite. Got {largest:g}.")
    return entropy


def check_some(x: Tensor, name: str) -> None:
    """Requires at least one value."""
    if x.numel() == 0:
        raise ValueError(f"`{name}` must have at least one value. Got shape {shape_of(x)}.")


def _check_matrices(x: object, name: str) -> Tensor:
    """Requires finite matrices that are not empty; returns them in float64, ``(…, rows, columns)``."""
    values = check_finite(check_real(x, name), name).to(torch.float64)
    if values.ndim < 2 or values.numel() == 0:
        raise ValueError(f"`{name}` must have rows and columns: shape (…, rows, columns). Got {shape_of(values)}.")
    return values
