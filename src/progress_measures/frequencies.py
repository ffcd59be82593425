"""Which frequencies of a spectrum stand out, and which one each neuron computes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import check_fraction, check_number, shape_of
from progress_measures.operations.checks import check_operation
from progress_measures.operations.operation import Operation

__all__ = ["key_frequencies", "neuron_frequencies"]

ROUNDING = 1e-12  # of the largest power: what is below it is zero in float32 arithmetic
SIGNIFICANCE = 1e-3  # how rarely chance may make a drop that counts, at one rank


def key_frequencies(
    power: Array, op: Operation | None = None, *, min_drop: float = 4.0, min_share: float = 0.005
) -> tuple[int, ...]:
    r"""The frequencies that stand out of a spectrum: all above the lowest sharp drop of the sorted powers.

    With the powers in descending order, :math:`p_1 \ge \dots \ge p_K`, the fall from rank j to rank j + 1 is a sharp
    drop if

    1. :math:`p_j \ge` ``min_drop`` :math:`\cdot\, p_{j+1}`;
    2. :math:`p_j \ge` ``min_share`` :math:`\cdot \sum_i p_i`, so that gaps deep in the noise, or below faint harmonics
       of the key frequencies, do not count; a fall to zero (to rounding) counts however faint :math:`p_j` is;
    3. fewer than one of a thousand spectra of the null model have such a drop at that rank, which matters when K is
       small.

    With ``op``, powers are first divided by the numbers of basis rows of the frequencies, because what nothing has
    shaped has the same power in every row. That matters where frequencies differ in size, as those of most groups do.

    The null model is a matrix of independent Gaussian weights. A frequency's power is then a chi-squared variable, and
    the more columns, the more equal the powers. One column with two basis rows per frequency has exponential powers,
    for which a drop by r after rank j has the probability :math:`\prod_{i=j+1}^{K} i / (i + j (r - 1))`; that one is
    used. In simulations with one column up to 1.0 % of the spectra have a key frequency by chance, for even n up to
    2.4 % (the lone cosine n/2 varies more); with four columns none of 6000. For groups, with ``op``, up to 15 % of the
    spectra of one column, most where many frequencies have one row, under 1 % with two columns, and with four none of
    2000 for each of nine groups. The result does not change when the powers are scaled.

    It was made for W_L and for the logits of trained networks, whose powers fall by a factor of 5 to 2000 after the
    last key frequency, while neighbours differ by less than 1.2 in W_L at initialization. It fails, by design, as
    follows. Where all frequencies are used alike, or there is only one, none stands out. A frequency below
    ``min_share`` is not named unless the rest is zero. Where frequencies are few, only a large drop is beyond chance:
    after one of two frequencies by 2000, of three by 76, of four by 27, of eight by 8.4; after all but one by over a
    thousand. In a network that has learned only half, powers may fall gradually, and the answer depends on
    ``min_drop``. A harmonic that the circuit does not rely on is named too if a sharp drop follows it: W_E has such.
    The logits of an untrained model whose inputs are smooth in the tokens' numbers, or whose embedding has one or two
    dimensions, truly have a few frequencies of the answer: look at their share of the variance too.

    Args:
        power: Powers (squared norms, not norms) in the order of ``op.frequencies``, shape ``(K,)``, as
            :func:`spectrum` and :func:`logit_spectrum` return them.
        op: The operation whose frequencies they are; if None, all frequencies are taken to have equally many rows.
        min_drop: The least factor that is a sharp drop.
        min_share: The least share of the whole power that a named frequency has, unless the rest is zero.

    Returns:
        Frequencies, ascending; empty when nothing stands out.

    Raises:
        TypeError: If ``power`` is neither tensor nor array, or an option is not a number.
        ValueError: If ``power`` does not have one axis, is negative or not finite, or does not have one entry for each
            frequency of ``op``; if ``min_drop`` is not above 1 or ``min_share`` not above 0.

    References:
        Nanda et al. (2023), appendix C.2, who publish no threshold. Differs from the paper's code in naming no
        frequency for the sake of single neurons.

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
    ranked = np.maximum(values[order], floor)  # what is below the floor is zero, and zeros do not differ
    upper, lower = ranked[:-1], ranked[1:]

    drop = upper / lower
    visible = (upper >= min_share * values.sum()) | (lower == floor)
    sharp = (drop >= min_drop) & visible & (_log_chance(drop) < np.log(SIGNIFICANCE))
    count = int(np.flatnonzero(sharp).max(initial=-1)) + 1
    return tuple(sorted(int(index) + 1 for index in order[:count]))


def neuron_frequencies(share: Array, *, min_share: float = 0.85) -> Tensor:
    """The frequency that explains most of each neuron's variance, where it explains enough.

    Neurons of one frequency are a cluster of the paper; those that mix frequencies, and dead ones, belong to none.

    Args:
        share: Share of each neuron's variance per frequency, shape ``(m, K)``, as :func:`neuron_spectrum` returns it.
        min_share: What the best frequency has to explain more than.

    Returns:
        A frequency in 1..K for each neuron, or 0 for none, int64, shape ``(m,)``.

    Raises:
        TypeError: If ``share`` is neither tensor nor array, or ``min_share`` not a number.
        ValueError: If ``share`` does not have two axes or is not finite, or ``min_share`` is not in [0, 1).

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
    return torch.where(best > min_share, index + 1, 0)


def _log_chance(drop: np.ndarray) -> np.ndarray:
    """The log probability of such a drop after each rank among as many exponential variables as there are powers.

    By Rényi's representation, the variable of rank j + 1 is a sum of independent exponentials of rates j + 1, …, K, and
    the one above it exceeds it by an exponential of rate j.
    """
    from scipy.special import betaln  # here: scipy.special takes longer to import than everything else

    count = drop.size + 1
    rank = np.arange(1, count)
    excess = np.maximum(rank * (drop - 1), np.finfo(np.float64).tiny)
    chance: np.ndarray = betaln(count + 1, excess) - betaln(rank + 1, excess)
    return chance


def check_power(x: object, op: Any = None) -> Tensor:
    """Powers by frequency, of an operation if there is one: finite, non-negative, float64, ``(K,)``."""
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
    """Shares of each neuron's variance by frequency: finite, ``(m, K)``."""
    values = check_finite(check_real(x, "share").detach(), "share", "(neuron, frequency)")
    if values.ndim != 2:
        raise ValueError(f"`share` must have axes (neuron, frequency): shape (m, K). Got {shape_of(values)}.")
    return values
