"""The step at which a frequency rises."""

from collections.abc import Iterable

import torch
from torch import Tensor

from progress_measures._checks.values import check_fraction, check_number, shape_of
from progress_measures.frequencies.keys import key_frequencies
from progress_measures.operations.fields import check_members
from progress_measures.trajectory.checks import check_column
from progress_measures.trajectory.keys import KEYS
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory


def onsets(
    trajectory: Trajectory,
    column: str = "logit_power",
    *,
    frequencies: Iterable[int] | None = None,
    share: float = 0.25,
) -> dict[int, int | None]:
    r"""The first step from which each frequency keeps a share of its final power.

    With the power :math:`p_k(t)` at the recorded steps t, of which T is the last, and the share q,

    .. math:: \min \{ t : p_k(u) \ge q \, p_k(T) \text{ for all recorded } u \ge t \}

    Key frequencies need not form together. A rule that names key frequencies at each step compares them with each
    other; this compares each frequency with itself, so scaling its power at all steps changes nothing.

    Args:
        trajectory: A run with a spectrum at each step, as :func:`grokking_measures` records it. Steps at which it is
            ``nan`` are skipped.
        column: The spectrum: powers in the order of ``op.frequencies``, shape ``(T, K)``. Avoid shares of a whole that
            changes, such as :func:`logit_spectrum`: they rise and fall with the rest of it.
        frequencies: Some of 1..K. If None, those that are key at the last step: from the column ``key_frequencies`` if
            it was recorded, or else by :func:`key_frequencies` of the spectrum without ``op``.
        share: The share q, above 0 and below 1. By default it is the power of a wave with half of its final amplitude.

    Returns:
        The step for each frequency; None if the frequency has no power at the last step. The frequency rose between the
        recorded step before it and this one.

    Raises:
        KeyError: If there is no such column.
        TypeError: If an argument has the wrong type.
        ValueError: If the column does not hold spectra, has a negative power, or is finite at no step; if a frequency
            is not one of 1..K or is repeated; or if ``share`` does not lie between 0 and 1.

    See Also:
        :func:`find_phases`: the phases of the whole run, from its losses.

    Example:
        >>> power = [[0.0, 0.1, 0.0], [0.5, 0.2, 0.0], [1.0, 0.3, 0.1], [1.0, 2.0, 0.1]]
        >>> run = pm.Trajectory([0, 10, 20, 30], {"logit_power": power})
        >>> pm.onsets(run, frequencies=[1, 2])
        {1: 10, 2: 30}
    """
    check_fraction(share, "share")
    check_number(share, "share", above=0)
    check_column(column, check_trajectory(trajectory).columns)
    steps, power = _measured(trajectory, column)
    chosen = _key_at_the_end(trajectory, power) if frequencies is None else frequencies
    count = power.shape[1]
    named = check_members(chosen, tuple(range(1, count + 1)), 2 * count + 1, cyclic=False)
    return {k: _onset(steps, power[:, k - 1], share) for k in named}


def _onset(steps: list[int], power: Tensor, share: float) -> int | None:
    if float(power[-1]) == 0:
        return None
    below = (power < share * power[-1]).nonzero()[:, 0]
    return steps[int(below[-1]) + 1] if len(below) > 0 else steps[0]


def _measured(trajectory: Trajectory, column: str) -> tuple[list[int], Tensor]:
    """The steps at which a spectrum was measured, and its powers, ``(T, K)``."""
    power = trajectory[column]
    if "loss" in column or column.endswith("_frequencies"):
        raise ValueError(f"`{column}` must be a spectrum, the power of each frequency. Got another quantity.")
    if power.ndim != 2:
        raise ValueError(
            f"`{column}` must be one number per frequency at each step: shape (T, K). Got {shape_of(power)}."
        )
    finite = power.isfinite().all(1)
    if not bool(finite.any()):
        raise ValueError(f"`{column}` must be finite at one step at least. Got none.")
    if bool((power[finite] < 0).any()):
        raise ValueError(f"`{column}` must not be negative. Got {float(power[finite].min()):g}.")
    return trajectory.steps[finite].tolist(), power[finite]


def _key_at_the_end(trajectory: Trajectory, power: Tensor) -> tuple[int, ...]:
    if KEYS in trajectory and trajectory[KEYS].shape[1:] == power.shape[1:]:
        recorded = trajectory[KEYS]
        named = recorded[recorded.isfinite().all(1)][-1:]
        return tuple((torch.cat([named, torch.zeros(1, power.shape[1])])[0].nonzero()[:, 0] + 1).tolist())
    return key_frequencies(power[-1])
