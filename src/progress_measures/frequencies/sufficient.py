"""The frequencies that a network needs for its answers, and that suffice for them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, overload

import torch
from torch import Tensor

from progress_measures._blocks import Progress, every_one
from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice, check_integer, check_progress, check_seed
from progress_measures.frequencies.parts import F, Parts, parts_of_answer, parts_of_inputs
from progress_measures.losses.filtered import accuracy, cross_entropy
from progress_measures.operations.checks import check_logits
from progress_measures.operations.operation import Operation

POINT = 0.01  # of accuracy that may be lost
TIMES, SMALL = 2.0, 0.01  # how much larger the loss may be; a loss that is always small enough
HALF = 0.5  # of the loss at chance
RARELY = 0.1  # of the random sets may do as well
KNOWS = 0.95  # unless the network is right for this share of all inputs, which it cannot have memorized

Of = Literal["answer", "inputs"]


@overload
def sufficient_frequencies(
    logits: Array,
    op: Operation,
    *,
    of: Literal["answer"] = ...,
    draws: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
) -> tuple[int, ...]: ...


@overload
def sufficient_frequencies(
    logits: Array,
    op: Operation,
    *,
    of: Literal["inputs"],
    draws: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
) -> tuple[tuple[int, ...], ...]: ...


def sufficient_frequencies(
    logits: Array,
    op: Operation,
    *,
    of: Of = "answer",
    draws: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
    r"""The strongest frequencies that answer as well as the network does, and without which it does not answer.

    The paper calls frequencies key if the network relies on them. This measures it. Frequencies are added in descending
    order of their power, until they suffice and the network does not answer without them. The power is that of the mean
    logits of each answer, minus each answer's mean over the outputs c: a part that is the same for every output does
    not count, because no cross-entropy depends on it. The frequencies R are named if

    .. math::

        A(L_R) \ge A(L) - 0.01, \quad \ell(L_R) &\le \min \big( \max(2 \, \ell(L), 0.01), \tfrac{1}{2} \ln n \big) \\
        \ell(L_E) &\ge \tfrac{1}{2} \ln n

    Here A is the accuracy and ℓ the cross-entropy over all inputs, and ln n the loss at chance. The logits L_R are
    restricted to the chosen frequencies and the constant; L_E are the logits without these frequencies. Adding a number
    to all logits of an input does not change the result.

    Which network has such frequencies depends on its own loss and accuracy:

    - *The loss is at most half of chance, and the accuracy below 95 %.* The network may have memorized. Restricted
      logits are means over test inputs too, so many sets would do for it. R is named only if at most a tenth of random
      sets of equally many frequencies suffice too.
    - *The loss is at most half of chance, and the accuracy at least 95 %.* R is named in any case. If random sets do as
      well, the network uses all its frequencies alike.
    - *The loss is above half of chance, and the accuracy at least 95 %.* The network is only unsure, as after training
      on squared errors. Only accuracies count: with R, within a point of its own; without R, at most half of this.
    - *The loss is above half of chance, and the accuracy below 95 %.* The network does not answer. None are named.

    If frequencies are tuples, the random sets have their integers renamed, so that pairs (k, k) are compared with other
    pairs of this form.

    It has these limits:

    - It adds frequencies in the order of their power, so another set of the same size, or a smaller one, may suffice
      too: these need not be the fewest. In a group, which has few frequencies, compare the restricted losses of all
      sets before you say which ones the network uses.
    - A loss of 0.01 is small enough, even if the network's own is far smaller. So a frequency that lowers the loss from
      0.01 to 1e-7 is not needed.
    - A network that memorized most of the inputs may have such frequencies: about one in five of those trained on 85 or
      90 %, and more of those that also know the mirror (b, a) of each training pair. From 95 % on, nothing tells it
      from one that generalizes.
    - A network that was trained on 80 % may have some for a while, before it generalizes.
    - With few frequencies, a set has few rivals. If all are needed, it has none: such a set is named only if the
      network is right for 95 % of all inputs.
    - While a network learns, its own loss falls, so more frequencies may be needed to keep up with it.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        of: ``"answer"`` for frequencies of the answer; ``"inputs"`` for frequencies of the inputs, tuples as for
            :func:`restrict`, which are many more.
        draws: The number of random sets to compare with. If there are fewer sets, each is compared once.
        seed: The seed of the draws; no global generator is used.
        progress: A function that wraps the list of frequencies, such as ``tqdm``. It stops early if few suffice.

    Returns:
        The frequencies in ascending order, integers or tuples with one integer per operand; empty if none suffice.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits have the wrong shape or are not finite, an option has no such value, or ``of`` is
            ``"inputs"`` and the operation has some inputs only.

    See Also:
        :func:`key_frequencies`: which frequencies stand out in a spectrum, of weights too.
        :func:`random_frequency_control`: how the losses of a set compare with those of random sets.

    References:
        Nanda et al. (2023), sections 4.2 and 5.1, for what a key frequency is. The thresholds are this library's.

    Example:
        >>> op = pm.addition(23)
        >>> waves = torch.cos(2 * torch.pi / 23 * torch.tensor([3, 5, 8]) * (op.table[..., None, None]
        ...     - torch.arange(23)[:, None]))
        >>> pm.sufficient_frequencies(waves @ torch.tensor([9.0, 8.0, 1e-3]), op)  # 8 is not needed
        (3, 5)
    """
    check_choice(of, "of", Of)
    check_progress(progress)
    draws, generator = check_integer(draws, "draws", at_least=1), torch.Generator().manual_seed(check_seed(seed))
    x = check_logits(logits, op).detach()
    goal = _Goal.of(float(cross_entropy(x, op)), float(accuracy(x, op)), math.log(op.n))
    if of == "inputs":
        return _fewest(parts_of_inputs(x, op), goal, draws, generator, progress)
    return _fewest(parts_of_answer(x, op), goal, draws, generator, progress)


def _fewest(
    parts: Parts[F], goal: "_Goal", draws: int, generator: torch.Generator, progress: Progress | None
) -> tuple[F, ...]:
    """The first of some frequencies that meet the goal, taken in the order of their share."""
    if not goal.can_be_met:
        return ()
    kept = torch.zeros((), dtype=torch.float64, device=parts.constant.device)
    for count, frequency in enumerate(every_one(parts.frequencies, progress), start=1):
        kept = kept + parts.part(frequency)
        if not goal.is_met(*parts.restricted(kept)) or not goal.is_missed(parts, kept):
            continue
        chosen = parts.frequencies[:count]
        named = goal.knows or _rarely(
            goal.is_met(*parts.restricted(parts.sum(some))) for some in _others(parts, chosen, draws, generator)
        )
        return tuple(sorted(chosen)) if named else ()
    return ()


def _rarely(as_well: Iterable[bool]) -> bool:
    """Whether at least one random set was compared, and few of them do as well."""
    found = [*as_well]
    return len(found) > 0 and sum(found) <= RARELY * len(found)


@dataclass(frozen=True)
class _Goal:
    """The loss and the accuracy that some frequencies need to answer as well as the network does."""

    loss: float
    accuracy: float
    knows: bool
    """Whether the network is right for too many inputs to have memorized them."""
    half: float
    can_be_met: bool

    @classmethod
    def of(cls, loss: float, accuracy: float, chance: float) -> "_Goal":
        half, knows = HALF * chance, accuracy >= KNOWS
        if loss > half:  # it is unsure, as after training on squared errors; or it does not answer
            return cls(math.inf, accuracy - POINT, knows, half, can_be_met=knows)
        return cls(min(max(TIMES * loss, SMALL), half), accuracy - POINT, knows, half, can_be_met=True)

    def is_met(self, loss: Tensor, accuracy: Tensor) -> bool:
        """Whether restricted logits with this loss and accuracy answer as well."""
        return float(loss) <= self.loss and float(accuracy) >= self.accuracy

    def is_missed(self, parts: Parts[F], kept: Tensor) -> bool:
        """Whether the network does not answer without a sum of parts."""
        if self.loss == math.inf:
            return float(parts.accuracy_without(kept)) <= HALF * self.accuracy
        return float(parts.loss_without(kept)) >= self.half


def _others(parts: Parts[F], chosen: list[F], draws: int, generator: torch.Generator) -> list[list[F]]:
    """Random sets of equally many frequencies, without the chosen set; all such sets if they are fewer than draws."""
    first, all_sets = set(chosen), math.comb(len(parts.frequencies), len(chosen))
    if all_sets <= draws:
        return [[*some] for some in combinations(parts.frequencies, len(chosen)) if set(some) != first]
    drawn = (parts.rival(chosen, generator) for _ in range(draws))
    return [some for some in drawn if set(some) != first]
