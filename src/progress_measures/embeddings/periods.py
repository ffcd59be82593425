"""Periods in a table of embeddings: how much variance each explains, and which stand out from their neighbours."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_fraction, check_integer, check_progress, check_seed
from progress_measures.embeddings.tables import (
    check_periods,
    check_positions,
    check_table,
    orthonormal,
    polynomials,
    span_of,
    step_of,
    waves,
)

NEIGHBOURS = (2, 3, 4, 5, 6)  # on each side; a wave over all tokens leaks into nearer ones
ROUNDING = 1e-24  # of a share


@dataclass(frozen=True, eq=False)
class PeriodControl:
    """What :func:`period_control` returns: shares and prominences of the periods, and the largest in shuffled tables.

    Example:
        >>> x = 2 * torch.pi * torch.arange(60) / 5
        >>> pm.embeddings.period_control(torch.stack([x.cos(), x.sin()], 1), [3, 5], draws=19)
        PeriodControl(standing_out=(5.0,) of 2 periods, draws=19)
    """

    periods: tuple[float, ...]
    """The periods that were passed."""
    shares: Tensor
    """The share of the variance that each period explains, as in :func:`period_shares`, ``(periods,)``."""
    prominences: Tensor
    """Each share divided by the median of its neighbours' shares, ``(periods,)``."""
    largest_shares: Tensor
    """The largest share of any of the periods in each draw, ``(draws,)``."""
    largest_prominences: Tensor
    """The largest prominence of any of the periods in each draw, ``(draws,)``."""

    @property
    def p_values(self) -> Tensor:
        """For each period, (k + 1) / (draws + 1), where k draws reach its prominence, or its share.

        The larger of the two counts is used, because a peak must be high and also higher than its neighbours.
        """
        pairs = ((self.shares, self.largest_shares), (self.prominences, self.largest_prominences))
        counts = [(drawn >= real[:, None] * (1 - 1e-9)).sum(1) for real, drawn in pairs]
        return (torch.maximum(*counts).to(torch.float64) + 1) / (len(self.largest_shares) + 1)

    def standing_out(self, level: float = 0.05) -> tuple[float, ...]:
        """The periods whose p-value is at most ``level``.

        Args:
            level: The chance that a table in random order has any such period. No p-value is below 1 / (draws + 1).

        Returns:
            The periods, in the order in which they were passed.

        Raises:
            TypeError: If ``level`` is not a number.
            ValueError: If ``level`` is not in [0, 1).
        """
        check_fraction(level, "level")
        return tuple(period for period, p in zip(self.periods, self.p_values.tolist(), strict=True) if p <= level)

    def __repr__(self) -> str:
        found = f"standing_out={self.standing_out()} of {len(self.periods)} periods"
        return f"PeriodControl({found}, draws={len(self.largest_shares)})"


def period_shares(table: Array, periods: Iterable[float], *, positions: Any = None, trend: int = 1) -> Tensor:
    r"""The share of a table's variance that the cosine and the sine of each period explain, beyond a trend.

    A trend is a least-squares polynomial of degree ``trend`` in the positions x. Let R be the table minus its trend,
    and :math:`Q_T` the projection on cos 2πx/T and sin 2πx/T minus their trends. The share of period T is

    .. math:: \frac{\lVert Q_T R \rVert^2}{\lVert R \rVert^2}

    Each period is fitted separately: this is a Lomb-Scargle periodogram of all features together, with a trend instead
    of a constant. So tokens may be missing, and periods need not divide the number of tokens.

    The share is 1 for a trend plus a wave of that period, with any phase in each feature. For m tokens without
    structure it is 2 / (m - 1 - trend) on average, and half of that for period 2, which has only a cosine. It does not
    change when the table is scaled or rotated, or a trend is added. If the trend explains the whole table, it is 0.

    Args:
        table: Embeddings, one row per token, shape ``(tokens, features)``.
        periods: Distinct real numbers, at least 2.
        positions: The integer of each token, in any order; None for 0, 1, ….
        trend: The degree of the polynomial that is fitted together with each period; 0 is a constant.

    Returns:
        Shares in [0, 1], float64, shape ``(periods,)``; differentiable.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If ``table`` is not of shape ``(tokens, features)`` or not finite, or has fewer than ``trend`` + 4
            tokens; if ``positions`` or ``periods`` are not distinct; or if a period is less than 2, is shorter than
            two steps between positions, or is a wave that the trend already explains.

    See Also:
        :func:`period_control`: which periods stand out by more than chance.
        :func:`spectrum`: for embeddings of an operation's elements.

    References:
        Lomb (1976), Scargle (1982). Zhou et al. (2024), "Pre-trained large language models use Fourier features to
        compute addition", take the Fourier transform of such a table; Kantamneni & Tegmark (2025), "Language models
        use trigonometry to do addition", transform hidden states for numbers. A spectrum does not say where its peaks
        come from: counts of numbers in texts also have peaks at 2, 5 and 10 (arXiv 2604.20817).

    Example:
        >>> x = torch.tensor([0, 1, 2, 4, 5, 7, 8, 9, 12, 13, 14, 17, 18, 19])  # some are missing
        >>> table = torch.stack([3 * x + torch.cos(2 * torch.pi * x / 2.5), torch.sin(2 * torch.pi * x / 2.5)], 1)
        >>> shares = pm.embeddings.period_shares(table, [2.5, 4], positions=x)
        >>> [round(share, 3) for share in shares.tolist()]
        [1.0, 0.062]
    """
    values, places, degree, rounding = _check(table, positions, trend)
    given = polynomials(places, degree)
    found = [_basis(places, period, given) for period in check_periods(periods, places)]
    return _shares(values, given.to(values.device), [basis.to(values.device) for basis in found], rounding)


def period_control(
    table: Array,
    periods: Iterable[float],
    *,
    positions: Any = None,
    trend: int = 1,
    draws: int = 200,
    seed: int = 0,
    progress: Callable[[Iterable[int]], Iterable[int]] | None = None,
) -> PeriodControl:
    r"""Which periods stand out, compared with neighbouring frequencies and with tables whose rows are shuffled.

    The *prominence* of a period T compares its share s from :func:`period_shares` with the shares of neighbouring
    frequencies. Each share is divided by its number r of waves, which is 2, or 1 for period 2:

    .. math:: \frac{s(1/T) / r}{\mathrm{median}_j \, s(1/T + j/S) / r_j}, \quad j = \pm 2, \dots, \pm 6,

    where S is the number of positions from the first to the last. A smooth spectrum has a prominence of about 1
    everywhere, however steep it is.

    Each draw permutes the rows of the table after its trend is subtracted, and keeps the largest share and the largest
    prominence over all periods. So the p-values hold for all periods together: in random order, the chance that *any*
    period stands out at 5 % is at most 5 %.

    Args:
        table: Embeddings, one row per token, shape ``(tokens, features)``.
        periods: As for :func:`period_shares`, but at most S / 7, so that there are neighbours on both sides.
        positions: As for :func:`period_shares`.
        trend: As for :func:`period_shares`.
        draws: The number of permutations.
        seed: The seed of the permutations; no global generator is used.
        progress: A function that wraps the iterable of draws, such as ``tqdm``.

    Returns:
        The shares, prominences and draws, without gradients.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: As for :func:`period_shares`, or if a period is longer than S / 7, or ``draws`` is less than 1.

    See Also:
        :func:`residue_probe`: whether a linear probe can use the period.

    References:
        The rule is this library's own. For the question: Zhou et al. (2024), "Pre-trained large language models use
        Fourier features to compute addition"; arXiv 2604.20817.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> table = torch.randn(80, 6, generator=generator)
        >>> table[:, 0] += 4 * torch.cos(2 * torch.pi * torch.arange(80) / 10)
        >>> pm.embeddings.period_control(table, [2, 5, 10]).standing_out()
        (10.0,)
    """
    values, places, degree, rounding = _check(table, positions, trend)
    values = values.detach()
    wanted = check_periods(periods, places)
    span, fastest = span_of(places), 1 / (2 * step_of(places))
    for period in wanted:
        if 1 / period < (1 + max(NEIGHBOURS)) / span:
            raise ValueError(
                f"`periods` must be at most {span / (1 + max(NEIGHBOURS)):.4g} for positions that span {span}. "
                f"Got {period:g}. Longer ones have no neighbours on both sides: for their shares alone, use "
                "period_shares."
            )
    check_integer(draws, "draws", at_least=1)
    check_progress(progress)
    generator = torch.Generator().manual_seed(check_seed(seed))

    given = polynomials(places, degree)
    offsets = [side * j / span for j in NEIGHBOURS for side in (1, -1)]
    around = [[1 / (1 / period + d) for d in (0.0, *offsets) if 1 / period + d <= fastest] for period in wanted]
    bases = [[_basis(places, period, given).to(values.device) for period in family] for family in around]
    given = given.to(values.device)
    every = [basis for family in bases for basis in family]

    def both(rows: Tensor) -> tuple[Tensor, Tensor]:
        per_wave = _shares(rows, given, every, rounding) / given.new_tensor([basis.shape[1] for basis in every])
        families = torch.split(per_wave, [len(family) for family in bases])
        shares = torch.stack([x[0] * family[0].shape[1] for x, family in zip(families, bases, strict=True)])
        medians = torch.stack([x[1:].quantile(0.5) for x in families])
        return shares, (torch.stack([x[0] for x in families]) + ROUNDING) / (medians + ROUNDING)

    shares, prominences = both(values)
    steps = range(draws) if progress is None else progress(range(draws))
    rest = values - given @ (given.T @ values)
    found = [both(rest[torch.randperm(len(values), generator=generator, device="cpu")]) for _ in steps]
    return PeriodControl(
        tuple(wanted),
        shares,
        prominences,
        torch.stack([drawn.amax() for drawn, _ in found]),
        torch.stack([drawn.amax() for _, drawn in found]),
    )


def _shares(rows: Tensor, given: Tensor, bases: list[Tensor], rounding: float) -> Tensor:
    """The share of each basis in the rows minus the ``given`` polynomials; 0 if only rounding error is left."""
    rest = rows - given @ (given.T @ rows)
    total = rest.square().sum()
    along = (torch.cat(bases, 1).T @ rest).square().sum(1)
    shares = torch.stack([part.sum() for part in torch.split(along, [basis.shape[1] for basis in bases])])
    varies = total > rows.numel() * rounding**2
    return torch.where(varies, shares / total.where(varies, 1.0), 0.0)


def _basis(positions: Tensor, period: float, given: Tensor) -> Tensor:
    basis = orthonormal(waves(positions, period), given)
    if basis.shape[1] == 0:
        raise ValueError(
            f"`periods` must be waves that a trend of degree {given.shape[1] - 1} does not explain. Got {period:g} for "
            f"positions that span {span_of(positions)}. Lower `trend`, or leave this period out."
        )
    return basis


def _check(table: object, positions: object, trend: object) -> tuple[Tensor, Tensor, int, float]:
    degree = check_integer(trend, "trend", at_least=0, at_most=20, why="Higher ones are no trend")
    values, rounding = check_table(table, at_least=degree + 4)
    return values, check_positions(positions, values), degree, rounding
