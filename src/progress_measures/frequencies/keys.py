"""Which frequencies of a spectrum stand out."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import check_fraction, check_number, shape_of
from progress_measures.frequencies.chance import independent_columns, log_chance
from progress_measures.operations.checks import check_columns, check_operation
from progress_measures.operations.operation import Operation
from progress_measures.spectra.answers import spectrum
from progress_measures.spectra.shares import fewest

ROUNDING = 1e-12  # times the largest power: float32 arithmetic cannot tell less from zero
SAME = 1e-3  # relative difference between spectra that are the same to rounding of half precision
MOST, PLAIN = 0.8, 5  # half the drop suffices after this share of the power, by a power of 5 times `min_share`
FEWEST_FOR_TREND, POINTS_OF_TREND = 3, 12  # powers that are not named: to compare slopes; to trust one
SURE, LIKE = 4.0, 4.0  # standard errors: of a slope that is certain; between slopes that may be equal


def key_frequencies(
    power: Array,
    op: Operation | None = None,
    *,
    share: float | None = None,
    weights: Array | None = None,
    false_alarms: float = 0.01,
    min_drop: float = 4.0,
    min_share: float = 0.001,
) -> tuple[int, ...]:
    r"""The frequencies that stand out in a spectrum: all above the last sharp drop of the sorted powers.

    With the powers in descending order, :math:`p_1 \ge \dots \ge p_K`, the key frequencies are those of :math:`p_1,
    \dots, p_j` for the largest rank j with

    .. math::

        D = p_j / p_{j+1} &\ge d \\
        p_j &\ge m \sum_i p_i \\
        \mathrm{Pr}_{\mathrm{random}} \big[ p_j \ge D \, p_{j+1} \big] &\le \alpha / (K - 1)

    1. The drop is sharp: d is ``min_drop``. Half of it suffices if :math:`p_j` holds five times ``min_share`` of the
       power, and the first j together hold 80 %.
    2. The power is visible: m is ``min_share``, so that gaps deep in the noise, or below faint harmonics of the key
       frequencies, do not count. A fall to zero (to rounding) counts however faint :math:`p_j` is.
    3. The drop is beyond chance: α is ``false_alarms``. So at most this share of random spectra has a key frequency.

    A random spectrum is that of a matrix of independent Gaussian weights. The more columns the matrix has, the more
    equal its powers are. So condition 3 assumes a single column unless you pass ``weights``. With ``op``, each power is
    divided by its frequency's number of basis rows before all of this, which matters where these numbers differ, as in
    most groups: random weights have the same power in every row. Scaling the powers does not change the result.

    If the operation is cyclic, a steady fall from low to high frequencies is divided out first. Weights that are smooth
    in the tokens' numbers, such as a random walk over them, have such a trend by chance. Then a frequency has to stand
    out from its neighbours.

    :doc:`Measures </measures>` compares this rule with others on some 900 checkpoints. It has these limits by design:

    - It names none if all frequencies are used alike, if their powers fall little by little, or if there is only one.
      This is common in networks with squares or one-hot inputs: use :func:`sufficient_frequencies`.
    - In ``multiplication(p, zero=True)``, the last frequency tells zero from all other numbers. Its power is high in an
      untrained network too, because inputs with a zero look alike. So it takes no part in the rule, and is named if
      other frequencies are and its power per row is at least that of the weakest of them. Other answers with few inputs
      may stand out for the same reason.
    - A frequency that stands out need not be one that the network relies on, and the other way around.
    - A frequency below ``min_share`` is not named unless the rest is zero.
    - With few frequencies, only a large drop is beyond chance. If all have equally many rows: by 199 after one of two
      frequencies, by 33 after one of three, by 17 after one of four, by 7.8 after one of eight.
    - A trend is found only if it is certain. Of random walks of one column over 113 tokens, 1 in 100 have a key
      frequency; over 53, 1 in 25; over 31, 1 in 5; over a dozen, 1 in 10. Without ``op``, and in other groups, no trend
      is looked for.
    - Logits may have a part that depends on the answer but is the same for every output c. No cross-entropy depends on
      it, but :func:`logit_spectrum` counts it, so its frequency may be named. If your logits have such a part, pass the
      spectrum of ``logits - logits.mean(-1, keepdim=True)``.
    - A harmonic that the circuit does not rely on is named too if a sharp drop follows it, as happens in W_E.
    - The logits of an untrained model whose embedding has one or two dimensions truly have only a few frequencies of
      the answer. Look at their share of the variance too.

    Args:
        power: Powers (squared norms, not norms) in the order of ``op.frequencies``, shape ``(K,)``, as
            :func:`spectrum` and :func:`logit_spectrum` return them.
        op: The operation that the frequencies belong to; if None, all frequencies count as having equally many rows.
        share: If given, use another rule: the fewest frequencies that hold this share of the total power, which is not
            divided by rows. It names some in every spectrum, also in a random one, and ignores the options below.
        weights: The matrix whose spectrum ``power`` is, shape ``(n, …)``. It tells how many independent columns a
            random one would have, so that smaller drops may be beyond chance.
        false_alarms: The largest share of random spectra that may have a key frequency.
        min_drop: The least factor of a sharp drop.
        min_share: The least share of the power of a named frequency, unless the rest is zero. With ``op``, it is a
            share of the sum of powers per row. So a frequency of one row can be named with less of the total power: in
            S5, the sign with 9e-5 of it.

    Returns:
        Frequencies, ascending; empty when nothing stands out.

    Raises:
        TypeError: If ``power`` or ``weights`` are neither tensor nor array, or an option is not a number.
        ValueError: If ``power`` does not have one axis, is negative or not finite, or does not have one entry for each
            frequency of ``op``; if ``weights`` do not have one row per element, or come without ``op``; if ``min_drop``
            is not above 1, ``min_share`` not above 0, or ``share`` or ``false_alarms`` not between 0 and 1.

    See Also:
        :func:`sufficient_frequencies`: which frequencies the network needs for its answers.

    References:
        Nanda et al. (2023), appendix C.2, who publish no threshold. Differs from the paper's code in that single
        neurons alone cannot make a frequency a key frequency.

    Example:
        >>> power = torch.tensor([0.2, 9.0, 0.1, 5.0, 0.2, 0.1, 0.1, 0.1, 0.2, 0.1])
        >>> pm.key_frequencies(power), pm.key_frequencies(power, share=0.5)
        ((2, 4), (2,))
    """
    if op is not None:
        check_operation(op)
    values = check_power(power, op).cpu()
    check_number(min_drop, "min_drop", above=1)
    check_number(min_share, "min_share", above=0)
    check_above_zero(false_alarms, "false_alarms")
    if share is not None:
        check_above_zero(share, "share")
        return tuple(sorted(fewest(values, share)))
    powers = values.numpy()
    rows = np.full(len(values), 2) if op is None else np.array(op.rows_per_frequency)
    columns = 1.0 if weights is None else independent_columns(_check_weights(weights, op, values))
    per_row = powers / (rows if op is not None else 1)
    alone = _of_one_answer(op)
    compared = np.flatnonzero(~alone) if alone.any() else np.arange(len(values))
    if len(compared) < 2:
        return ()

    def peaks(heights: np.ndarray) -> np.ndarray:
        return _above_the_last_drop(heights, rows[compared] * columns, false_alarms, min_drop, min_share)

    heights = per_row[compared]
    named = peaks(heights)
    if op is not None and op.cyclic:
        named = peaks(heights / _trend(heights, named, op.n))
    found = compared[named]
    if found.size > 0 and alone.any():
        found = np.append(found, np.flatnonzero(alone & (per_row >= per_row[found].min())))
    return tuple(sorted(int(index) + 1 for index in found))


def _above_the_last_drop(
    powers: np.ndarray, degrees: np.ndarray, level: float, min_drop: float, min_share: float
) -> np.ndarray:
    """The indices of the powers above the last drop that is sharp and beyond chance; none without such a drop."""
    order = np.argsort(-powers)
    floor = max(ROUNDING * powers.max(), np.finfo(np.float64).tiny)
    ranked = np.maximum(powers[order], floor)  # powers below the floor count as zero, and zeros are equal
    upper, lower = ranked[:-1], ranked[1:]

    drop, share = upper / lower, upper / ranked.sum()
    plain = (share.cumsum() >= MOST) & (share >= PLAIN * min_share)
    sharp = (drop >= min_drop) | (plain & (drop >= min_drop / 2))
    visible = (share >= min_share) | (lower == floor)
    for index in np.flatnonzero(visible & sharp)[::-1]:
        # Divided among the ranks, so that all ranks together have at most this rate of false alarms.
        if log_chance(index + 1, drop[index], degrees) <= math.log(level / drop.size):
            return order[: index + 1]
    return order[:0]


def _trend(powers: np.ndarray, named: np.ndarray, n: int) -> np.ndarray:
    """The powers that a steady fall from low to high frequencies, as in a random walk, predicts, up to a common factor.

    The fall has the form sin(π k / n)^b; random walks have b = -2. It is fitted to all powers if those that are not
    named fall alike, and otherwise to those that are not named, because peaks hide a flat background. All are 1 unless
    the fall is certain.
    """
    heights = np.log(np.maximum(powers, max(ROUNDING * powers.max(), np.finfo(np.float64).tiny)))
    waves = np.log(np.sin(np.pi * np.arange(1, powers.size + 1) / n))
    rest = np.setdiff1d(np.arange(powers.size), named)
    if rest.size < FEWEST_FOR_TREND:
        return np.ones(powers.size)
    slope, error = _slope(waves, heights)
    of_rest, error_of_rest = _slope(waves[rest], heights[rest])
    if slope < -SURE * error and abs(of_rest - slope) <= LIKE * error_of_rest:
        return np.exp(slope * waves)
    certain = rest.size >= POINTS_OF_TREND and of_rest < -SURE * error_of_rest
    return np.exp(of_rest * waves) if certain else np.ones(powers.size)


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The slope of a least-squares line, and its standard error."""
    x, y = x - x.mean(), y - y.mean()
    slope = (x @ y) / (x @ x)
    return slope, math.sqrt(np.square(y - slope * x).sum() / (x.size - 2) / (x @ x))


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


def check_above_zero(x: object, name: str) -> None:
    """Requires a number above 0 and below 1."""
    check_fraction(x, name)
    check_number(x, name, above=0)


def _check_weights(x: object, op: Any, power: Tensor) -> Tensor:
    """Requires the matrix that the powers are a spectrum of; returns one row per element."""
    if op is None:
        raise ValueError("`op` must be given with `weights`. Got None.")
    matrix = check_finite(check_real(x, "weights").detach(), "weights")
    if matrix.ndim == 0 or len(matrix) != op.n:
        remedy = " Pass weights.T." if matrix.ndim == 2 and matrix.shape[1] == op.n else ""
        raise ValueError(
            f"`weights` must have one row per element of the operation ({op.n}). Got {shape_of(matrix)}.{remedy}"
        )
    columns = check_columns(matrix, op, 0, "weights")[0]
    own = spectrum(columns, op).cpu()
    if not torch.allclose(own / own.sum(), power / power.sum(), rtol=SAME, atol=SAME / len(own), equal_nan=True):
        raise ValueError(
            "`power` must be the spectrum of `weights`. Got a different one. Pass spectrum(weights, op), or no weights."
        )
    return columns


def _of_one_answer(op: Operation | None) -> np.ndarray:
    """Which frequencies are a single function that tells one answer from all others, such as zero.

    Its power is high where all inputs of that answer look alike, as products with zero do, even in an untrained
    network.
    """
    if op is None:
        return np.zeros(0, dtype=bool)
    single = torch.tensor(op.rows_per_frequency, device="cpu") == 1
    first = torch.searchsorted(op.row_frequency, torch.arange(1, len(single) + 1, device="cpu"))
    largest = op.basis[first].square().amax(1)
    return (single & (largest > 1 - 1 / op.n - SAME) & (op.n > 3)).numpy()
