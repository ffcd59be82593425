"""Which frequencies suffice for a network's answers, and are needed for them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, overload

import torch
from torch import Tensor

from progress_measures._blocks import Progress, every_one
from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_choice, check_integer, check_progress, check_seed
from progress_measures.frequencies.parts import F, Parts, parts_of_answer, parts_of_inputs
from progress_measures.losses.margins import hits_of, losses_of, margins
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

    All losses and accuracies are over all inputs. None are named if there are no such frequencies; if the network's own
    loss is above half of chance, for then it does not answer; or if more than a tenth of random sets of as many
    frequencies meet condition 1 too, unless the network is right for 95 % of all inputs. Restricted logits are means
    over test inputs too: of a network that has memorized, many sets would do. One that is right for more inputs than it
    was trained on, and of which random sets do as well, uses its frequencies alike.

    It fails in these ways:

    - It takes frequencies in the order of their power, so a smaller set in another order may suffice.
    - A network that was trained on more than 95 % of the inputs, and memorized them, has frequencies.
    - One that was trained on most inputs may have some for a while, before it generalizes: in the measurements of
      docs/measures.md, 8 in 97 checkpoints of networks that were trained on 80 % of the inputs.
    - If there are few frequencies, a set has few rivals. If all are needed, it has none: such a set is named only if
      the network is right for 95 % of all inputs.
    - While a network learns, its own loss falls, so that more frequencies may be needed to keep up with it.

    Args:
        logits: Logits on every input, the shape of ``op.table`` and an axis of answers, or ``(N, n)``; for pairs, axes
            ``(a, b, c)``, shape ``(n, n, n)``.
        op: The operation that defines the answers.
        of: ``"answer"`` for frequencies of the answer, or ``"inputs"`` for frequencies of the inputs, as for
            :func:`restrict`, of which there are many more.
        draws: The number of random sets that are compared; if there are fewer sets, each is compared once.
        seed: The seed of the draws; no global generator is used.
        progress: A function that wraps the list of frequencies, such as ``tqdm``. It ends early where few suffice.

    Returns:
        Frequencies, ascending: integers, or tuples with one integer per operand; empty if none suffice.

    Raises:
        TypeError: If an argument is of the wrong kind.
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
    if of == "inputs":
        return _fewest(parts_of_inputs(x, op), _own(x, op), op.n, draws, generator, progress)
    return _fewest(parts_of_answer(x, op), _own(x, op), op.n, draws, generator, progress)


def _own(x: Tensor, op: Operation) -> tuple[Tensor, Tensor]:
    """The network's own loss and accuracy over all inputs."""
    answers = op.table.flatten().to(x.device)
    own = margins(x, answers)
    return losses_of(own).mean(), hits_of(own, answers).double().mean()


def _fewest(
    parts: Parts[F],
    own: tuple[Tensor, Tensor],
    n: int,
    draws: int,
    generator: torch.Generator,
    progress: Progress | None,
) -> tuple[F, ...]:
    """The fewest of some frequencies, the one with the largest share first."""
    goal = _Goal.of(*own, n)
    if not goal.is_met(*own):  # because the network does not answer
        return ()
    kept = torch.zeros((), dtype=torch.float64, device=parts.constant.device)
    for count, frequency in enumerate(every_one(parts.frequencies, progress), start=1):
        kept = kept + parts.part(frequency)
        if not goal.is_met(*parts.restricted(kept)) or float(parts.excluded(kept)) < goal.half:
            continue
        others = _others(parts.frequencies, count, draws, generator)
        named = float(own[1]) >= KNOWS or _rarely(goal.is_met(*parts.restricted(parts.sum(some))) for some in others)
        return tuple(sorted(parts.frequencies[:count])) if named else ()
    return ()


def _rarely(as_well: Iterable[bool]) -> bool:
    """Whether at least one random set was compared, and few of them do as well."""
    found = [*as_well]
    return len(found) > 0 and sum(found) <= RARELY * len(found)


@dataclass(frozen=True)
class _Goal:
    """What restricted logits have to reach to answer as well as the network does."""

    loss: float
    accuracy: float
    half: float

    @classmethod
    def of(cls, loss: Tensor, accuracy: Tensor, n: int) -> "_Goal":
        half = HALF * math.log(n)
        return cls(min(max(TIMES * float(loss), SMALL), half), float(accuracy) - POINT, half)

    def is_met(self, loss: Tensor, accuracy: Tensor) -> bool:
        return float(loss) <= self.loss and float(accuracy) >= self.accuracy


def _others(frequencies: Sequence[F], count: int, draws: int, generator: torch.Generator) -> list[list[F]]:
    """Random sets of as many frequencies, other than the first ones: all such sets, if they are fewer than draws."""
    first = set(frequencies[:count])
    if math.comb(len(frequencies), count) <= draws:
        return [[*some] for some in combinations(frequencies, count) if set(some) != first]
    others: list[list[F]] = []
    for _ in range(draws):
        order = torch.randperm(len(frequencies), generator=generator, device="cpu").tolist()
        drawn = [frequencies[index] for index in order[:count]]
        others += [drawn] if set(drawn) != first else []
    return others
