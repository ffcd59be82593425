"""Which frequencies suffice for a network's answers, and are needed for them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, overload

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
TIMES, SMALL = 2.0, 0.01  # how much larger the loss may be, and what is small enough in any case
HALF = 0.5  # of the loss at chance
RARELY = 0.1  # of the random sets may do as well,
KNOWS = 0.95  # unless the network is right for so many of all inputs that it cannot have memorized them

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
) -> Any:
    """The fewest frequencies that answer as the network does, and without which it does not answer.

    The paper calls frequencies key that the network relies on. This measures it: in the order of their share of the
    logits' power, the largest first, as many frequencies are taken as it takes until

    1. with them and the constant alone, the accuracy is at most one point below the network's own, and the loss at
       most twice its own or 0.01, and at most half of chance, (ln n) / 2;
    2. without them, the loss is at least half of chance.

    All losses and accuracies are over all inputs. A network whose own loss is above half of chance does not answer, and
    has none; but if it is right for 95 % of all inputs, it is only unsure, as after training on squared errors, and is
    judged by accuracy: within a point of its own with them, and at most half of it without.

    None are named if more than a tenth of random sets of as many frequencies meet condition 1 too, unless the network
    is right for 95 % of all inputs. Restricted logits are means over test inputs too: of a network that has memorized,
    many sets would do. One that is right for more inputs than it was trained on, and of which random sets do as well,
    uses its frequencies alike. Random sets of frequencies of the inputs have their integers renamed, so that pairs
    (k, k) are compared with other such pairs.

    It fails in these ways:

    - It takes frequencies in the order of their power, so a smaller set in another order may suffice.
    - A network that memorized most of the inputs may have frequencies: trained on 85 or 90 % about one in five, and
      more of those that also know the mirror (b, a) of each pair that they know. From 95 % on, nothing tells it from
      one that generalizes.
    - One that was trained on 80 % may have some for a while, before it generalizes.
    - If there are few frequencies, a set has few rivals. If all are needed, it has none: such a set is named only if
      the network is right for 95 % of all inputs.
    - While a network learns, its own loss falls, so that more frequencies may be needed to keep up with it.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        of: ``"answer"`` for frequencies of the answer, or ``"inputs"`` for frequencies of the inputs, as for
            :func:`restrict`, of which there are many more.
        draws: The number of random sets that are compared; if there are fewer sets, each is compared once.
        seed: The seed of the draws; no global generator is used.
        progress: A function that wraps the list of frequencies, such as ``tqdm``. It ends early where few suffice.

    Returns:
        The frequencies in ascending order, integers or tuples with one integer per operand; empty if none suffice.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits have the wrong shape or are not finite, an option has no such value, or ``of`` is
            ``"inputs"`` and the operation has some inputs only.

    References:
        Nanda et al. (2023), sections 4.2 and 5.1, for what a key frequency is. The numbers are this library's.

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
    """The fewest of some frequencies, the one with the largest share first."""
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
    """What some frequencies have to reach to answer as well as the network does."""

    loss: float
    accuracy: float
    knows: bool
    """Whether the network is right for so many inputs that it cannot have memorized them."""
    half: float
    can_be_met: bool

    @classmethod
    def of(cls, loss: float, accuracy: float, chance: float) -> "_Goal":
        half, knows = HALF * chance, accuracy >= KNOWS
        if loss > half:  # unsure of what it knows, as after training on squared errors; or it does not answer
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
    """Random sets of as many frequencies, other than the chosen ones; all such sets, if they are fewer than draws."""
    first, all_sets = set(chosen), math.comb(len(parts.frequencies), len(chosen))
    if all_sets <= draws:
        return [[*some] for some in combinations(parts.frequencies, len(chosen)) if set(some) != first]
    drawn = (parts.rival(chosen, generator) for _ in range(draws))
    return [some for some in drawn if set(some) != first]
