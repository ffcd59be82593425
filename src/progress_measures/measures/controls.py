"""Restricted and excluded loss beside what they are by chance: with other frequencies, or with the answers renamed.

Restricted logits are means over all pairs of an answer, so restricted loss knows the answers, of test pairs too. A
network that has only memorized can have one below chance: what tells it from one with a circuit is not how low it is,
but that any other functions of the answer would do as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from progress_measures._blocks import row_blocks
from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer, check_quantile, check_seed, type_name
from progress_measures.losses.by_answer import Pairs, pairs_by_answer, pairs_per_answer, restricted_margins
from progress_measures.losses.pairs import pair_losses
from progress_measures.operations.checks import check_frequencies, check_logits, check_train_mask
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation

QUANTILES = (0.05, 0.5, 0.95)
ROUNDING = 1e-9  # of a loss


@dataclass(frozen=True, eq=False)
class Control:
    """A loss beside what it is in draws where nothing is meant; one of the :class:`Controls`.

    Example:
        >>> control = pm.measures.Control(torch.tensor(0.25), draws=torch.tensor([0.5, 1.0, 1.5, 0.0]))
        >>> control.share_below, control.quantiles([0.5])
        (0.25, tensor([0.7500]))
    """

    real: Tensor
    """The loss itself, float64, shape ``()``."""
    draws: Tensor
    """The same loss of each draw, float64, shape ``(draws,)``."""

    @property
    def share_below(self) -> float:
        """The share of the draws below the loss itself, 0 if all are above it and 1 if all are below."""
        # The real set may be among the draws, where it may be rounded otherwise.
        return float((self.draws < (1 - ROUNDING) * self.real).double().mean())

    def quantiles(self, at: Iterable[float] = QUANTILES) -> Tensor:
        """Quantiles of the draws, interpolated, float64.

        Args:
            at: Which, in [0, 1].

        Returns:
            One per entry of ``at``.

        Raises:
            TypeError: If ``at`` are no numbers.
            ValueError: If one does not lie between 0 and 1.
        """
        return self.draws.quantile(self.draws.new_tensor(_check_quantiles(at)))


@dataclass(frozen=True, eq=False)
class Controls:
    """Restricted and excluded loss, each beside its draws; what the two controls return.

    Example:
        >>> op = pm.addition(31)
        >>> logits = 9 * torch.cos(2 * torch.pi * 3 / 31 * (op.table[:, :, None] - torch.arange(31)))
        >>> controls = pm.random_frequency_control(logits, op, [3], train_mask=op.table < 9, draws=20)
        >>> controls.restricted_loss.real < controls.restricted_loss.draws.median()
        tensor(True)
    """

    restricted_loss: Control
    """Over all pairs. Where there is a circuit, it is far below its draws."""
    restricted_loss_train: Control
    """The same over the training pairs."""
    restricted_loss_test: Control
    """The same over all other pairs."""
    excluded_loss: Control
    """Over the training pairs. Where there is a circuit, it is far above its draws."""


def random_frequency_control(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int],
    *,
    train_mask: Array,
    draws: int = 100,
    seed: int = 0,
) -> Controls:
    """Restricted and excluded loss beside those of as many frequencies drawn at random.

    Each draw is a set of that many of ``op.frequencies``, all sets equally likely, the real one among them. If the
    chosen frequencies are like all others, the loss is below a share of the draws that is uniform in [0, 1].

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of. Where its frequencies differ in size, as those of most groups do,
            sets of equally many keep more or less: :func:`shuffled_label_control` keeps equally many functions.
        frequencies: The frequencies in question, at least one, and not all.
        train_mask: The training pairs, bool, shape ``(n, n)``; all others are test pairs.
        draws: How many sets; they take some 24 n² bytes each.
        seed: Of the draws, which touch no other generator.

    Returns:
        The losses, as :func:`measure` has them, and those of each draw.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: As for :func:`measure`, or if ``frequencies`` are none or all, or there is no draw.

    Example:
        >>> op = pm.addition(23)
        >>> wave = 9 * torch.cos(2 * torch.pi * 3 / 23 * (op.table[:, :, None] - torch.arange(23)))
        >>> control = pm.random_frequency_control(wave, op, [3], train_mask=op.table < 7)
        >>> control.restricted_loss.share_below, control.restricted_loss.quantiles([0.5])  # others have ln 23
        (0.0, tensor([3.1355], dtype=torch.float64))
    """
    chosen = _check_some_frequencies(frequencies, op)
    generator = torch.Generator().manual_seed(check_seed(seed))
    of_row, counted = op.row_frequency, len(op.frequencies)
    sets = [
        torch.randperm(counted, generator=generator, device="cpu")[: len(chosen)] + 1
        for _ in range(check_integer(draws, "draws", at_least=1))
    ]
    rows = [op.basis[torch.isin(of_row, some)] for some in (torch.tensor(chosen, device="cpu"), *sets)]
    return _controls(logits, op, rows, train_mask)


def shuffled_label_control(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int],
    *,
    train_mask: Array,
    draws: int = 100,
    seed: int = 0,
) -> Controls:
    """Restricted and excluded loss beside those with the labels of the answers shuffled.

    Each draw is a random permutation σ of the elements, by which the answers and the columns of the logits are renamed
    together: the answer to a, b is σ(a∘b), and the logit of σ(c) is what that of c was. What the network gets right it
    still gets right, and its loss is the same; but a frequency of the renamed answers, the functions φ(σ(s)), has
    nothing to do with the operation. Where the loss needs no more than some functions of the answer, as many as the
    frequencies have, it is like its draws; where it needs the operation's own, as a circuit does, it is far from them.

    Were the answers alone renamed, and not the columns, every network that knows its training pairs would be far from
    its draws, because they would ask it for the wrong answers.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that the answers are of.
        frequencies: The frequencies in question, at least one, and not all.
        train_mask: The training pairs, bool, shape ``(n, n)``; all others are test pairs.
        draws: How many permutations; they take some 24 n² bytes each.
        seed: Of the draws, which touch no other generator.

    Returns:
        The losses, as :func:`measure` has them, and those of each draw.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: As for :func:`measure`, or if ``frequencies`` are none or all, or there is no draw.

    Example:
        >>> op = pm.addition(23)
        >>> wave = 9 * torch.cos(2 * torch.pi * 3 / 23 * (op.table[:, :, None] - torch.arange(23)))
        >>> control = pm.shuffled_label_control(wave, op, [3], train_mask=op.table < 7)
        >>> control.restricted_loss.share_below, control.excluded_loss.share_below
        (0.0, 1.0)
    """
    chosen = _check_some_frequencies(frequencies, op)
    generator = torch.Generator().manual_seed(check_seed(seed))
    real = op.rows(chosen)
    shuffled = [
        real[:, torch.randperm(op.n, generator=generator, device="cpu")]
        for _ in range(check_integer(draws, "draws", at_least=1))
    ]
    return _controls(logits, op, [real, *shuffled], train_mask)


def _controls(logits: Array, op: Operation, rows: list[Tensor], train_mask: Array) -> Controls:
    """The losses restricted to, and without, each of some sets of functions of the answer, the real one first."""
    x = check_logits(logits, op).detach()
    train = check_train_mask(train_mask, op, x.device)
    means, of_pair = answer_means(x, op), op.table.to(x.device).flatten()
    parts = torch.stack([some.T @ (some @ means) for some in (each.to(x.device) for each in rows)])  # (draw, s, c)

    restricted = pair_losses(restricted_margins(means, parts))
    of_train, of_test = pairs_per_answer(op, train), pairs_per_answer(op, ~train)

    pairs, widest = pairs_by_answer(op, train)
    is_train, excluded = train.flatten(), x.new_zeros(len(rows), dtype=torch.float64)
    for block, values in row_blocks(x.flatten(0, 1), pairs[:, :widest]):
        answers = of_pair[block]
        losses = Pairs.of(values, answers).losses_without(parts[:, answers[:, 0]])
        excluded = excluded + (losses * is_train[block]).sum((1, 2))
    found = [restricted.mean(1), restricted @ of_train / of_train.sum(), restricted @ of_test / of_test.sum()]
    return Controls(*(Control(losses[0], losses[1:]) for losses in (*found, excluded / is_train.sum())))


def _check_some_frequencies(values: object, op: Any) -> tuple[int, ...]:
    """Distinct members of an operation's frequencies, but neither none nor all of them."""
    chosen = check_frequencies(values, op)
    if not 0 < len(chosen) < len(op.frequencies):
        raise ValueError(
            f"`frequencies` must be some of the {len(op.frequencies)} for n={op.n}, and not all. Got {len(chosen)}. "
            "There is nothing to compare them with."
        )
    return chosen


def _check_quantiles(values: object) -> list[float]:
    """Several real numbers in [0, 1]."""
    if not isinstance(values, Iterable):
        raise TypeError(f"`at` must be a sequence of numbers between 0 and 1. Got {values!r} ({type_name(values)}).")
    return [check_quantile(value, "at") for value in (values.tolist() if isinstance(values, Tensor) else values)]
