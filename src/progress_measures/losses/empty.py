"""A warning for losses of no frequency, which look like a measurement of a circuit and are none."""

import warnings
from collections.abc import Sized

from torch import Tensor

from progress_measures.operations.operation import Operation
from progress_measures.spectra.answers import logit_spectrum, spectrum
from progress_measures.spectra.shares import fewest

SHARE = 0.9  # of the power of the mean logits: the warning names the fewest frequencies that hold it
WHAT = (
    "With no frequency, restricted loss is the loss of the constant, about chance, and excluded loss is the loss of "
    "all logits, whether or not the network has a circuit."
)
REMEDY = "Pass those that `sufficient_frequencies` names, if any."


def warn_if_none(
    frequencies: Sized, means: Tensor, op: Operation, *, logits: Tensor | None = None, stacklevel: int
) -> None:
    """Warns if no frequency is chosen, and says where most of the logits' dependence on the answer lies.

    Args:
        frequencies: The chosen frequencies.
        means: The mean logits of each answer, ``(s, c)``.
        op: The operation.
        logits: The logits, ``(N, n)``, if they are known: how much of their variance the named frequencies hold.
        stacklevel: As for ``warnings.warn``, of the caller.
    """
    if len(frequencies) == 0 and op.frequencies:
        found = _where_they_vary(means.detach(), op, None if logits is None else logits.detach())
        warnings.warn(f"`frequencies` are none. {WHAT}{found}", UserWarning, stacklevel=stacklevel + 1)


def _where_they_vary(means: Tensor, op: Operation, logits: Tensor | None) -> str:
    power = spectrum(means, op).cpu()
    if float(power.sum()) == 0.0:
        return ""
    named = sorted(fewest(power, SHARE))
    places = [k - 1 for k in named]
    part = f"{_share(power / power.sum(), places)} of the part of the logits that depends on the answer alone"
    if logits is not None:
        part += f" ({_share(logit_spectrum(logits, op), places)} of their variance)"
    if len(named) > len(op.frequencies) / 2:
        return f" No small set stands out: {len(named)} of {len(op.frequencies)} frequencies hold {part}. {REMEDY}"
    return f" {tuple(named)} hold {part}, but need not be a circuit. {REMEDY}"


def _share(shares: Tensor, places: list[int]) -> str:
    return f"{float(shares[places].sum()):.0%}"
