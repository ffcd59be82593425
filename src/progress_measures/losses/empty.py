"""A warning for losses of no frequency, which look like a measurement of a circuit and are none."""

import warnings
from collections.abc import Sized

from torch import Tensor

from progress_measures.operations.operation import Operation
from progress_measures.spectra.answers import spectrum
from progress_measures.spectra.shares import fewest

SHARE = 0.9  # of the logits' power: the warning names the fewest frequencies that hold it
WHAT = (
    "With no frequency, restricted loss is the loss of the constant, about chance, and excluded loss is the loss of "
    "all logits, whether or not the network has a circuit."
)


def warn_if_none(frequencies: Sized, means: Tensor, op: Operation, *, stacklevel: int) -> None:
    """Warns if no frequency is chosen, and suggests the fewest that hold most of the logits' power.

    Args:
        frequencies: The chosen frequencies.
        means: The mean logits of each answer, ``(s, c)``.
        op: The operation.
        stacklevel: As for ``warnings.warn``, of the caller.
    """
    if len(frequencies) == 0 and op.frequencies:
        warnings.warn(f"`frequencies` are none. {WHAT}{_suggestion(means, op)}", UserWarning, stacklevel=stacklevel + 1)


def _suggestion(means: Tensor, op: Operation) -> str:
    power = spectrum(means.detach(), op).cpu()
    if float(power.sum()) == 0.0:
        return ""
    named = sorted(fewest(power, SHARE))
    if len(named) > len(op.frequencies) / 2:
        return (
            f" No small set stands out in the logits: {len(named)} of {len(op.frequencies)} hold {SHARE:.0%} of their "
            "power."
        )
    return f" The fewest that hold {SHARE:.0%} of the power of the logits are {tuple(named)}: pass these."
