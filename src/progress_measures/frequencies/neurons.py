"""The frequency of each neuron."""

import warnings

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import check_fraction, shape_of

SUM_TOLERANCE = 0.25  # for shares that were rounded to few bits; those of a transposed matrix add up to more
SQUARE, SQUARE_TOLERANCE, SQUARE_TOGETHER = 0.8, 0.1, 0.95  # shares of a squared neuron in k, and in k and 2k


def neuron_frequencies(share: Array, *, min_share: float = 0.85) -> Tensor:
    r"""The frequency that explains most of each neuron's variance, or 0 if it does not explain enough.

    With the shares :math:`\rho_{ik}` of neuron i, and the threshold τ,

    .. math:: f_i = \arg\max_k \rho_{ik} \;\text{ if }\; \max_k \rho_{ik} > \tau, \quad f_i = 0 \;\text{ otherwise}

    The paper calls the neurons of one frequency a cluster. Neurons that mix frequencies, and dead neurons, have none.
    In a network whose activation function is the square, a neuron has only 0.8 of its variance in its frequency and 0.2
    in twice that frequency. Then 0.85 names none, and a warning says so.

    Args:
        share: Share of each neuron's variance per frequency, shape ``(m, K)``, as :func:`neuron_spectrum` returns it.
        min_share: The threshold τ, which the share of the best frequency has to exceed.

    Returns:
        A frequency in 1..K for each neuron, or 0 for none, int64, shape ``(m,)``.

    Raises:
        TypeError: If ``share`` is neither tensor nor array, or ``min_share`` not a number.
        ValueError: If ``share`` does not have two axes, is not finite or is negative; if it adds up to more than 1 for
            a neuron, as a transposed one does; or if ``min_share`` is not in [0, 1).

    See Also:
        :func:`project_each_onto_frequency`: replaces each neuron by its polynomial, to test whether this frequency
        suffices.

    References:
        Nanda et al. (2023), section 4.3: 85 %. Differs from the paper's code in that a dead neuron has no frequency.

    Example:
        >>> pm.neuron_frequencies(torch.tensor([[0.05, 0.9], [0.5, 0.5], [0.0, 0.0]]))
        tensor([2, 0, 0])
    """
    shares = _check_shares(share)
    check_fraction(min_share, "min_share")
    if shares.shape[1] == 0:
        return shares.new_zeros(len(shares), dtype=torch.int64)
    best, index = shares.max(dim=1)
    _warn_of_squares(shares, best, index, min_share)
    return torch.where(best > min_share, index + 1, 0)


def _warn_of_squares(shares: Tensor, best: Tensor, index: Tensor, min_share: float) -> None:
    """Warns if most neurons have no frequency because they square the sum of two waves of it.

    Such a square, (cos w_k a + cos w_k b)², has 0.8 of its variance in the products of frequency k, and 0.2 in 2k.
    """
    count = shares.shape[1]
    doubled = 2 * (index + 1)  # as a frequency; above n/2 it is n - 2k, where n is even or odd
    folded = [torch.where(doubled > count, n - doubled, doubled) for n in (2 * count, 2 * count + 1)]
    second = [shares.gather(1, place.clamp(1, count)[:, None] - 1)[:, 0] for place in folded]
    together = best + torch.maximum(*second)
    squares = (best <= min_share) & (best > SQUARE - SQUARE_TOLERANCE) & (together > max(min_share, SQUARE_TOGETHER))
    alive = shares.sum(1) > 0
    if int(alive.sum()) > 0 and int(squares.sum()) > int(alive.sum()) / 2:
        warnings.warn(
            f"`share` names no frequency for {int(squares.sum())} of {int(alive.sum())} neurons, which have about "
            "80 % of their variance in one frequency and the rest in twice that frequency, as squares do. "
            f"Pass min_share={SQUARE - SQUARE_TOLERANCE:g} to name their frequencies.",
            UserWarning,
            stacklevel=3,
        )


def _check_shares(x: object) -> Tensor:
    """Requires finite shares of each neuron's variance by frequency, ``(m, K)``."""
    values = check_finite(check_real(x, "share").detach(), "share", "(neuron, frequency)")
    if values.ndim != 2:
        raise ValueError(f"`share` must have axes (neuron, frequency): shape (m, K). Got {shape_of(values)}.")
    if values.numel() > 0 and float(values.min()) < 0:
        raise ValueError(f"`share` must not be negative. Got {float(values.min()):g}.")
    sums = values.sum(1)
    if values.numel() > 0 and float(sums.max()) > 1 + SUM_TOLERANCE:
        fits = float(values.sum(0).max()) <= 1 + SUM_TOLERANCE
        raise ValueError(
            f"`share` must sum to at most 1 for each neuron. Got {float(sums.max()):.4g} in row {int(sums.argmax())}."
            + (" If the neurons are along axis 1, pass share.T." if fits else "")
        )
    return values
