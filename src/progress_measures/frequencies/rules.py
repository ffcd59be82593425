"""Rules for key frequencies, as values: each names the key frequencies of any checkpoint of a run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from progress_measures._checks.values import check_integer, check_number, check_seed
from progress_measures.frequencies.keys import check_above_zero, key_frequencies
from progress_measures.frequencies.sufficient import sufficient_frequencies
from progress_measures.operations.checks import check_logits
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation
from progress_measures.spectra.answers import power_of_means


@runtime_checkable
class Rule(Protocol):
    """Any object that names the key frequencies in the logits of a checkpoint: write your own with this method.

    Example:
        >>> class Largest:
        ...     def of_logits(self, logits, op):
        ...         return [int(pm.logit_spectrum(logits, op).argmax()) + 1]
        >>> isinstance(Largest(), pm.frequencies.Rule)
        True
    """

    def of_logits(self, logits: Tensor, op: Operation) -> Iterable[int] | Iterable[tuple[int, ...]]:
        """The key frequencies of one checkpoint.

        Args:
            logits: The logits of the checkpoint, ``(N, n)``.
            op: The operation that defines the answers.

        Returns:
            Distinct members of ``op.frequencies``, or tuples, as for :func:`restrict`; empty if none is key.
        """


@dataclass(frozen=True)
class Peaks:
    """The frequencies that stand out in the spectrum of the logits: :func:`key_frequencies` with its default rule.

    A number added to all logits of an input is ignored, because no cross-entropy depends on it.

    Example:
        >>> pm.frequencies.Peaks(min_drop=8)
        Peaks(false_alarms=0.01, min_drop=8.0, min_share=0.001)
    """

    false_alarms: float = 0.01
    """The largest share of random spectra that may have a key frequency."""
    min_drop: float = 4.0
    """The least factor of a sharp drop."""
    min_share: float = 0.001
    """The least share of a named frequency in the sum of powers per basis row."""

    def __post_init__(self) -> None:
        check_above_zero(self.false_alarms, "false_alarms")
        check_number(self.min_drop, "min_drop", above=1)
        check_number(self.min_share, "min_share", above=0)
        _set(self, float)

    def of_logits(self, logits: Tensor, op: Operation) -> tuple[int, ...]:
        """The key frequencies of one checkpoint."""
        return key_frequencies(_power(logits, op), op, **vars(self))


@dataclass(frozen=True)
class Share:
    """The fewest frequencies that hold a share of the power of the mean logits: :func:`key_frequencies` with ``share``.

    It names some in every network, even in one that has learned nothing. The power is that of the mean logits of each
    answer, the part that depends on the answer alone, which may be a small share of the logits' variance.

    Example:
        >>> pm.frequencies.Share(0.95)
        Share(share=0.95)
    """

    share: float = 0.9
    """The share of the power of the mean logits that these frequencies hold together."""

    def __post_init__(self) -> None:
        check_above_zero(self.share, "share")
        _set(self, float)

    def of_logits(self, logits: Tensor, op: Operation) -> tuple[int, ...]:
        """The key frequencies of one checkpoint."""
        return key_frequencies(_power(logits, op), op, share=self.share)


@dataclass(frozen=True)
class Sufficient:
    """The strongest frequencies that answer as well as the network does: :func:`sufficient_frequencies`.

    Example:
        >>> pm.frequencies.Sufficient()
        Sufficient(draws=100, seed=0)
    """

    draws: int = 100
    """The number of random sets to compare with."""
    seed: int = 0
    """The seed of the draws."""

    def __post_init__(self) -> None:
        check_integer(self.draws, "draws", at_least=1)
        check_seed(self.seed)
        _set(self, int)

    def of_logits(self, logits: Tensor, op: Operation) -> tuple[int, ...]:
        """The key frequencies of one checkpoint."""
        return sufficient_frequencies(logits, op, **vars(self))


def _set(rule: object, kind: type) -> None:
    """Stores the options of a rule as plain numbers, so that equal rules look the same in recordings."""
    for name, value in vars(rule).items():
        object.__setattr__(rule, name, kind(value))


def _power(logits: Tensor, op: Operation) -> Tensor:
    """The power of the mean logits of each answer, after subtracting each answer's mean over all outputs."""
    return power_of_means(answer_means(check_logits(logits, op).detach(), op), op)
