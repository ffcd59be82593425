"""How often the embeddings of numbers add up as the numbers do."""

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_indices, check_real
from progress_measures._checks.values import check_number, shape_of
from progress_measures._scaling import one_where_zero, scale_of


def parallelogram_quality(x: Array, answers: Array | None = None, *, tolerance: float = 0.1) -> Tensor:
    r"""The share of parallelograms: how often two pairs of numbers with equal sums have embeddings with equal sums.

    Over all pairs {a, b} and {c, d} with a + b = c + d that are not the same pair, with a = b allowed,

    .. math:: \mathrm{RQI} = \mathrm{mean} \; 1 \big[ \lVert E_a + E_b - E_c - E_d \rVert < \delta \big]

    where each column of E is first divided by its standard deviation over the numbers. It is 1 if the embeddings are
    equally spaced points on a line. Scaling or shifting a column does not change it.

    Args:
        x: Embeddings, one row per number 0..n-1, shape ``(n, d)``.
        answers: The sum of each pair, integers, shape ``(n, n)``, symmetric, such as ``op.table``; a + b if None.
        tolerance: δ, above 0.

    Returns:
        A share in [0, 1], float64, shape ``()``; piecewise constant, so without a gradient. Columns that do not vary
        are left out; if none varies, it is 0.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or complex, or ``answers`` are not integers.
        ValueError: If ``x`` does not have two axes, or is not finite; if ``answers`` are not symmetric, or have another
            shape; if there are fewer than 3 rows, or no two pairs have equal sums; or if ``tolerance`` is not above 0.

    See Also:
        :func:`spectrum`: for embeddings on circles instead of a line.

    References:
        Liu et al. (2022), "Towards understanding grokking: an effective theory of representation learning" (arXiv
        2205.10343), section 3, the representation quality index. Their code leaves out the number 0.

    Example:
        >>> pm.fits.parallelogram_quality(torch.arange(5.0)[:, None] * torch.tensor([1.0, -2.0]))
        tensor(1., dtype=torch.float64)
    """
    values, precision = _check_rows(x)
    delta = check_number(tolerance, "tolerance", above=0)
    table = _check_answers(answers, len(values)).to(values.device)
    first, second = torch.triu_indices(len(values), len(values), device=values.device)
    answer, order = table[first, second].sort(stable=True)
    embeddings = _standardized(values, precision)
    sums = (embeddings[first] + embeddings[second])[order]
    found = count = 0
    for group in torch.split(sums, torch.unique_consecutive(answer, return_counts=True)[1].tolist()):
        distances = torch.nn.functional.pdist(group)
        found, count = found + int((distances < delta).sum()), count + len(distances)
    if count == 0:
        raise ValueError(f"`answers` must be equal for two pairs of numbers. Got none among {len(values)} numbers.")
    varies = bool((embeddings != 0).any())
    return torch.tensor(found / count if varies else 0.0, dtype=torch.float64, device=values.device)


ROUNDED = 10  # rounding may change a column by this many epsilons of its largest entry


def _standardized(x: Tensor, precision: float) -> Tensor:
    """Columns of mean 0 and standard deviation 1; zeros where a column does not vary by more than rounding."""
    shifted = x - x[0]
    shifted = torch.where(shifted.abs().amax(0) > ROUNDED * precision * x.abs().amax(0), shifted, 0.0)
    shifted = shifted / scale_of(shifted, 0)
    centered = shifted - shifted.mean(0)
    return centered / one_where_zero(centered.std(0))


def _check_rows(x: object) -> tuple[Tensor, float]:
    """Requires one row per number; returns them in float64, and the precision that they had."""
    given = check_finite(check_real(x, "x"), "x").detach()
    precision = torch.finfo(given.dtype).eps if given.is_floating_point() else 0.0
    values = given.to(torch.float64)
    if values.ndim != 2 or values.shape[1] == 0 or len(values) < 3:
        raise ValueError(f"`x` must have one row per number, at least 3: shape (n, d). Got {shape_of(values)}.")
    return values, precision


def _check_answers(answers: object, n: int) -> Tensor:
    if answers is None:
        number = torch.arange(n, device="cpu")
        return number[:, None] + number
    table = check_indices(answers, "answers")
    if table.shape != (n, n):
        raise ValueError(f"`answers` must have one entry per pair of rows of `x`: ({n}, {n}). Got {shape_of(table)}.")
    if not torch.equal(table, table.T):
        a, b = (table != table.T).nonzero()[0].tolist()
        raise ValueError(
            f"`answers` must be symmetric, as a sum is. Got {int(table[a, b])} at {(a, b)} and {int(table[b, a])} at "
            f"{(b, a)}."
        )
    return table
