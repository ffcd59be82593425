"""Which frequencies of a spectrum stand out, and which one each neuron computes."""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import check_fraction, check_number, shape_of
from progress_measures.operations.checks import check_operation
from progress_measures.operations.operation import Operation

__all__ = ["key_frequencies", "neuron_frequencies"]

ROUNDING = 1e-12  # times the largest power: float32 arithmetic cannot tell less from zero
SUM_TOLERANCE = 0.25  # for shares that were rounded to few bits; those of a matrix that is transposed add up to more
SQUARE, SQUARE_TOLERANCE, SQUARE_TOGETHER = 0.8, 0.1, 0.95  # shares of a squared neuron in k, and in k and 2k
SIGNIFICANCE = 1e-3  # a drop counts if its probability by chance, at one rank, is below this


def key_frequencies(
    power: Array, op: Operation | None = None, *, min_drop: float = 4.0, min_share: float = 0.005
) -> tuple[int, ...]:
    r"""The frequencies that stand out in a spectrum: all above the last sharp drop of the sorted powers.

    With the powers in descending order, :math:`p_1 \ge \dots \ge p_K`, there is a sharp drop from rank j to rank j + 1
    if

    1. :math:`p_j \ge` ``min_drop`` :math:`\cdot\, p_{j+1}`;
    2. :math:`p_j \ge` ``min_share`` :math:`\cdot \sum_i p_i`, so that gaps deep in the noise, or below faint harmonics
       of the key frequencies, do not count; a fall to zero (to rounding) counts however faint :math:`p_j` is;
    3. fewer than one in a thousand spectra of the null model have such a drop at that rank, which matters if K is
       small.

    With ``op``, each power is first divided by the frequency's number of basis rows, because random weights have the
    same power in every row. This matters if the numbers of rows differ, as they do in most groups.

    The null model is a matrix of independent Gaussian weights. A frequency's power is then a chi-squared variable, and
    the powers are more equal if there are more columns. With one column and two basis rows per frequency, the powers
    are exponential variables, and a drop by a factor r after rank j has the probability
    :math:`\prod_{i=j+1}^{K} i / (i + j (r - 1))`. The third condition always uses this probability. In simulations with
    one column, up to 1.0 % of the spectra have a key frequency by chance, and up to 2.4 % for even n, because the lone
    cosine n/2 varies more; with four columns, none of 6000. For groups, with ``op``, up to 15 % of the spectra with one
    column have one, most where many frequencies have one row; under 1 % with two columns; and with four columns none of
    2000 in each of nine groups. The result does not change when the powers are scaled.

    The rule is made for W_L and for the logits of trained networks. Their powers fall by a factor of 5 to 2000 after
    the last key frequency, while neighboring powers of W_L at initialization differ by a factor of less than 1.2. By
    design, it has these limits:

    - If all frequencies are used alike, or there is only one, none stands out.
    - A frequency below ``min_share`` is not named unless the rest is zero.
    - If there are few frequencies, only a large drop is beyond chance: by 2000 after one of two frequencies, by 76
      after one of three, by 27 after one of four, by 8.4 after one of eight, and by over a thousand after all but one.
    - In a network that has learned only half, powers may fall gradually, and the result depends on ``min_drop``.
    - A harmonic that the circuit does not rely on is named too if a sharp drop follows it, as happens in W_E.
    - The logits of an untrained model whose inputs are smooth in the tokens' numbers, or whose embedding has one or two
      dimensions, truly have only a few frequencies of the answer: look at their share of the variance too.

    Args:
        power: Powers (squared norms, not norms) in the order of ``op.frequencies``, shape ``(K,)``, as
            :func:`spectrum` and :func:`logit_spectrum` return them.
        op: The operation that the frequencies belong to; if None, all frequencies count as having equally many rows.
        min_drop: The least factor of a sharp drop.
        min_share: The least share of the total power that a named frequency must have, unless the rest is zero.

    Returns:
        Frequencies, ascending; empty when nothing stands out.

    Raises:
        TypeError: If ``power`` is neither tensor nor array, or an option is not a number.
        ValueError: If ``power`` does not have one axis, is negative or not finite, or does not have one entry for each
            frequency of ``op``; if ``min_drop`` is not above 1 or ``min_share`` not above 0.

    References:
        Nanda et al. (2023), appendix C.2, who publish no threshold. Differs from the paper's code in that single
        neurons alone cannot make a frequency a key frequency.

    Example:
        >>> pm.key_frequencies(torch.tensor([0.2, 9.0, 0.1, 5.0, 0.2, 0.1, 0.1, 0.1]))
        (2, 4)
    """
    if op is not None:
        check_operation(op)
    values = check_power(power, op).cpu().numpy()
    if op is not None:
        values = values / torch.bincount(op.row_frequency)[1:].numpy()
    check_number(min_drop, "min_drop", above=1)
    check_number(min_share, "min_share", above=0)
    if values.size < 2:
        return ()
    order = np.argsort(-values)
    floor = max(ROUNDING * values.max(), np.finfo(np.float64).tiny)
    ranked = np.maximum(values[order], floor)  # powers below the floor count as zero, and zeros are equal
    upper, lower = ranked[:-1], ranked[1:]

    drop = upper / lower
    visible = (upper >= min_share * values.sum()) | (lower == floor)
    sharp = (drop >= min_drop) & visible & (_log_chance(drop) < np.log(SIGNIFICANCE))
    count = int(np.flatnonzero(sharp).max(initial=-1)) + 1
    return tuple(sorted(int(index) + 1 for index in order[:count]))


def neuron_frequencies(share: Array, *, min_share: float = 0.85) -> Tensor:
    """The frequency that explains most of each neuron's variance, or 0 if it does not explain enough.

    Neurons of the same frequency are a cluster in the paper. Neurons that mix frequencies, and dead neurons, have none.
    In a network whose activation function is the square, a neuron has only 0.8 of its variance in its frequency and 0.2
    in twice that: 0.85 names none, of which a warning tells.

    Args:
        share: Share of each neuron's variance per frequency, shape ``(m, K)``, as :func:`neuron_spectrum` returns it.
        min_share: The share that the best frequency has to exceed.

    Returns:
        A frequency in 1..K for each neuron, or 0 for none, int64, shape ``(m,)``.

    Raises:
        TypeError: If ``share`` is neither tensor nor array, or ``min_share`` not a number.
        ValueError: If ``share`` does not have two axes, is not finite, is negative, or adds up to more than 1 for a
            neuron, as it does when it is transposed; or if ``min_share`` is not in [0, 1).

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


def _log_chance(drop: np.ndarray) -> np.ndarray:
    """The log probability of at least this drop after each rank, among independent exponential variables.

    There is one variable per power. By Rényi's representation, the one at rank j + 1 is a sum of independent
    exponentials of rates j + 1, …, K, and the one at rank j exceeds it by an exponential of rate j.
    """
    from scipy.special import betaln  # here, because it takes longer to import than everything else

    count = drop.size + 1
    rank = np.arange(1, count)
    excess = np.maximum(rank * (drop - 1), np.finfo(np.float64).tiny)
    chance: np.ndarray = betaln(count + 1, excess) - betaln(rank + 1, excess)
    return chance


def check_power(x: object, op: Any = None) -> Tensor:
    """Requires finite, non-negative powers, one per frequency of ``op`` if it is given; returns float64, ``(K,)``."""
    values = check_finite(check_real(x, "power").detach(), "power").to(torch.float64)
    if values.ndim != 1:
        raise ValueError(f"`power` must have one entry per frequency: shape (K,). Got {shape_of(values)}.")
    if bool((values < 0).any()):
        raise ValueError(f"`power` must not be negative. Got {float(values.min()):g}.")
    if op is not None and len(values) != len(op.frequencies):
        raise ValueError(
            f"`power` must have one entry per frequency of the operation ({len(op.frequencies)}). Got {len(values)}."
        )
    return values


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
