"""How well a helix fits the embeddings of numbers, compared with a polynomial of equally many terms."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures.embeddings.tables import (
    check_periods,
    check_positions,
    check_table,
    orthonormal,
    polynomials,
    waves,
)


@dataclass(frozen=True, eq=False)
class HelixFit:
    """What :func:`helix_fit` returns: the explained variance of both fits, in sample and held out, each shape ``()``.

    Example:
        >>> x = torch.arange(40.0)
        >>> table = torch.stack([x / 40, (2 * torch.pi * x / 10).cos(), (2 * torch.pi * x / 10).sin()], 1)
        >>> pm.embeddings.helix_fit(table, periods=[10])
        HelixFit(terms=3, helix=1.000, polynomial=0.132; held out: helix=1.000, polynomial=-0.071)
    """

    terms: int
    """The number of independent functions in each fit, without the constant. It is the degree of the polynomial."""
    helix: Tensor
    """The share of the variance that the helix explains in sample."""
    polynomial: Tensor
    """The share of the variance that the polynomial explains in sample."""
    helix_held_out: Tensor
    """The share that the helix explains held out, with each token left out once. It may be negative."""
    polynomial_held_out: Tensor
    """The share that the polynomial explains held out. It may be negative."""

    def __repr__(self) -> str:
        inside = f"helix={self.helix.item():.3f}, polynomial={self.polynomial.item():.3f}"
        outside = f"helix={self.helix_held_out.item():.3f}, polynomial={self.polynomial_held_out.item():.3f}"
        return f"HelixFit(terms={self.terms}, {inside}; held out: {outside})"


def helix_fit(table: Array, *, positions: Any = None, periods: Iterable[float] = (2, 5, 10, 100)) -> HelixFit:
    r"""The share of a table's variance that a helix explains, next to a polynomial of equally many terms.

    The helix consists of a constant, x, and cos 2πx/T and sin 2πx/T for each period T. The polynomial consists of a
    constant, x, x², …, up to the degree at which both span equally many dimensions. Each feature of the table is fitted
    by least squares. With the projection H on the functions of a fit, and its diagonal h, the shares are

    .. math:: 1 - \frac{\sum_i \lVert E_i - (H E)_i \rVert^2}{\sum_i \lVert E_i - \bar E \rVert^2}
              \quad \text{in sample, and held out} \quad
              1 - \frac{\sum_i \lVert E_i - (H E)_i \rVert^2 / (1 - h_i)^2}{\sum_i \lVert E_i - \bar E \rVert^2}

    The held-out share predicts each token from a fit to all others. Shares are at most 1, and in sample at least 0.
    For m tokens without structure, either fit explains t / (m - 1) in sample on average, where t is the field
    ``terms``, which leaves out the constant.

    Args:
        table: Embeddings, one row per number, shape ``(tokens, features)``.
        positions: The number of each token, distinct integers in any order; None for 0, 1, ….
        periods: The helix' periods, as for :func:`period_shares`.

    Returns:
        Both fits; differentiable. If all tokens have the same embedding, all shares are 0.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: As for :func:`period_shares`, or if there are not at least two tokens more than a fit has functions.

    See Also:
        :func:`period_shares`: the share of each period, without a fit of all together.
        :func:`circle_fit`: for tokens in a cyclic order, such as weekdays.

    References:
        Kantamneni & Tegmark (2025), "Language models use trigonometry to do addition", arXiv 2502.00873.

    Example:
        >>> x = torch.arange(100.0)
        >>> fit = pm.embeddings.helix_fit((x / 100)[:, None] ** torch.tensor([1, 2, 3]))  # no helix: three powers
        >>> fit.terms, round(fit.helix.item(), 3), round(fit.polynomial.item(), 3)
        (8, 0.995, 1.0)
    """
    values, rounding = check_table(table, at_least=5)
    places = check_positions(positions, values)
    line = polynomials(places, 1)
    columns = torch.cat([waves(places, period) for period in check_periods(periods, places)], 1)
    helix = torch.cat([line, orthonormal(columns, line)], 1)
    functions = helix.shape[1]
    if len(values) < functions + 2:
        raise ValueError(
            f"`table` must have at least two tokens more than the {functions} functions of a helix with these periods. "
            f"Got {len(values)}. Pass fewer `periods`."
        )
    fits = (helix, polynomials(places, functions - 1))
    (helix_in, helix_out), (polynomial_in, polynomial_out) = (_explained(values, fit, rounding) for fit in fits)
    return HelixFit(functions - 1, helix_in, polynomial_in, helix_out, polynomial_out)


def _explained(values: Tensor, functions: Tensor, rounding: float) -> tuple[Tensor, Tensor]:
    """The shares of the variance that orthonormal functions explain, in sample and of each token by all others."""
    functions = functions.to(values.device)
    centered = values - values.mean(0)
    total = centered.square().sum()
    varies = total > values.numel() * rounding**2
    rest = centered - functions @ (functions.T @ centered)
    free = (1 - functions.square().sum(1)).clamp(min=1e-9)  # about 0 for a token that alone decides a function
    missed = (rest.square().sum(), (rest / free[:, None]).square().sum())
    inside, outside = (torch.where(varies, 1 - each / total.where(varies, 1.0), 0.0) for each in missed)
    return inside, outside
