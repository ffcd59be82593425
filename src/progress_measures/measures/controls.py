"""Restricted and excluded loss compared with chance: with random frequencies, or with renamed answers.

Restricted logits are means over all inputs of an answer, so restricted loss uses the answers of test inputs too. It can
be below chance without a circuit. Then any other functions of the answer give a similar loss.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer, check_seed
from progress_measures._tables import counted, html_table, number
from progress_measures.losses.by_answer import mean_losses_without, restricted_logits
from progress_measures.losses.kinds import Loss, check_loss
from progress_measures.measures.by_answer import losses_of_tables
from progress_measures.measures.checks import check_quantiles
from progress_measures.operations.checks import check_frequencies, check_logits
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import check_split

QUANTILES = (0.05, 0.5, 0.95)
ROUNDING = 1e-9  # relative difference between equal losses


@dataclass(frozen=True, eq=False)
class Control:
    """A loss and the same loss in random draws; one field of :class:`Controls`.

    Example:
        >>> control = pm.measures.Control(torch.tensor(0.25), draws=torch.tensor([0.5, 1.0, 1.5, 0.0]))
        >>> control.share_below, control.quantiles([0.5])
        (0.25, tensor([0.7500]))
    """

    real: Tensor
    """The loss with the chosen frequencies, float64, shape ``()``."""
    draws: Tensor
    """The loss in each draw, float64, shape ``(draws,)``."""

    def __repr__(self) -> str:
        draws, below = f"{counted(self.draws, ROUNDING)}: {number(self.draws)}", number(self._share_below())
        return f"Control({number(self.real)}; {draws}; share_below={below})"

    @property
    def share_below(self) -> float:
        """The share of the draws that are below ``real``, in [0, 1]."""
        return float(self._share_below())

    def _share_below(self) -> Tensor:
        # A draw can be the real set itself, rounded differently. It does not count as below.
        return (self.draws < (1 - ROUNDING) * self.real).double().mean()

    def quantiles(self, at: Iterable[float] = QUANTILES) -> Tensor:
        """Quantiles of the draws, interpolated.

        Args:
            at: The quantiles to compute, numbers in [0, 1].

        Returns:
            One value per entry of ``at``, float64.

        Raises:
            TypeError: If ``at`` is not a sequence of numbers.
            ValueError: If a number does not lie between 0 and 1.
        """
        return self.draws.quantile(self.draws.new_tensor(check_quantiles(at)))


@dataclass(frozen=True, eq=False)
class Controls:
    """Restricted and excluded loss, each with its random draws, as returned by the two controls.

    Example:
        >>> op = pm.addition(31)
        >>> logits = 9 * torch.cos(2 * torch.pi * 3 / 31 * (op.table[:, :, None] - torch.arange(31)))
        >>> controls = pm.random_frequency_control(logits, op, [3], train_mask=op.table < 9, draws=20)
        >>> controls.restricted_loss.real < controls.restricted_loss.draws.median()
        tensor(True)
    """

    restricted_loss: Control
    """Restricted loss over all inputs. If the circuit uses only the chosen frequencies, it is far below its draws."""
    restricted_loss_train: Control
    """Restricted loss over the training inputs."""
    restricted_loss_test: Control
    """Restricted loss over the test inputs."""
    excluded_loss: Control
    """Excluded loss over the training inputs. If the circuit uses only these frequencies, it is far above its draws."""

    def __repr__(self) -> str:
        restricted, excluded = self.restricted_loss, self.excluded_loss
        return f"Controls(restricted_loss={restricted!r}, excluded_loss={excluded!r}, …)"

    def _repr_html_(self) -> str:
        head = ["", "loss", "draws below it", *(f"{q:.0%} of draws" for q in QUANTILES)]
        rows = [
            [name, number(each.real), f"{each.share_below:.0%}", *map(number, each.quantiles())]
            for name, each in vars(self).items()
        ]
        return html_table(f"Controls, {counted(self.excluded_loss.draws, ROUNDING)}", head, rows)


def random_frequency_control(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int],
    *,
    train_mask: Array,
    test_mask: Array | None = None,
    labels: Array | None = None,
    loss: Loss = "cross_entropy",
    draws: int = 100,
    seed: int = 0,
) -> Controls:
    r"""Restricted and excluded loss, compared with random sets of equally many frequencies.

    Draws have equally many functions of the answer only if all frequencies have equally many basis rows, as in cyclic
    groups of odd order: a set with more rows has a lower restricted loss in any network.

    With a loss ℓ(R) of the frequencies R, and D random sets R_d of equally many frequencies, ``share_below`` is

    .. math:: \frac{1}{D} \sum_{d=1}^{D} 1 \big[ \ell(R_d) < \ell(R) \big]

    All S sets are equally likely, including R itself, which does not count as below. If R is like all other sets,
    ``share_below`` is near 0, 1/S, … or 1 − 1/S, equally likely: at most about 3/4 if R is three of four frequencies.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        frequencies: The chosen frequencies R: at least one, but not all.
        train_mask: As for :func:`measure`.
        test_mask: As for :func:`measure`.
        labels: As for :func:`measure`.
        loss: As for :func:`measure`.
        draws: The number of random sets. Each takes about 24 n² bytes.
        seed: The seed of the draws; no global generator is used.

    Returns:
        The losses, equal to those of :func:`measure`, and the losses of each draw.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: As for :func:`measure`, or if ``frequencies`` is empty or contains all frequencies, or ``draws`` is
            less than 1.

    See Also:
        :func:`shuffled_label_control`: keeps the same number of functions in every draw, in any group.

    Example:
        >>> op = pm.addition(23)
        >>> wave = 9 * torch.cos(2 * torch.pi * 3 / 23 * (op.table[:, :, None] - torch.arange(23)))
        >>> control = pm.random_frequency_control(wave, op, [3], train_mask=op.table < 7)
        >>> control.restricted_loss.share_below, control.restricted_loss.quantiles([0.5])  # others have ln 23
        (0.0, tensor([3.1355], dtype=torch.float64))
    """
    chosen = _check_some_frequencies(frequencies, op)
    generator = torch.Generator().manual_seed(check_seed(seed))
    sets = [
        torch.randperm(len(op.frequencies), generator=generator, device="cpu")[: len(chosen)] + 1
        for _ in range(check_integer(draws, "draws", at_least=1))
    ]
    real = torch.tensor(chosen, device="cpu")
    functions = [op.basis[torch.isin(op.row_frequency, members)] for members in (real, *sets)]
    return _controls(logits, op, functions, (train_mask, test_mask, labels), loss)


def shuffled_label_control(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int],
    *,
    train_mask: Array,
    test_mask: Array | None = None,
    labels: Array | None = None,
    loss: Loss = "cross_entropy",
    draws: int = 100,
    seed: int = 0,
) -> Controls:
    r"""Restricted and excluded loss, compared with the same losses after the answers are renamed at random.

    Each draw is a random permutation σ of the elements, which renames the answers and the columns c of the logits:

    .. math:: s(x) \mapsto \sigma(s(x)), \quad L(x, c) \mapsto L(x, \sigma^{-1}(c))

    The network is still right on the same inputs, but a frequency's functions F_r(σ(s)) are now arbitrary. If a loss is
    similar to its draws, arbitrary functions of the answer would do as well. With a circuit of few frequencies,
    restricted loss is far below its draws and excluded loss far above. Renaming only the answers would ask every
    network for wrong ones.

    This says little about a network that uses all frequencies alike, as is common in groups. A draw takes an average
    part of each. So restricted loss is below its draws if the chosen frequencies have more power per basis row than the
    average, and above if less, with or without a circuit. Print the losses of every set of frequencies instead.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        frequencies: The chosen frequencies: at least one, but not all.
        train_mask: As for :func:`measure`.
        test_mask: As for :func:`measure`.
        labels: As for :func:`measure`.
        loss: As for :func:`measure`.
        draws: The number of permutations. Each takes about 24 n² bytes.
        seed: The seed of the draws; no global generator is used.

    Returns:
        The losses, equal to those of :func:`measure`, and the losses of each draw.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: As for :func:`measure`, or if ``frequencies`` is empty or contains all frequencies, or ``draws`` is
            less than 1.

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
    return _controls(logits, op, [real, *shuffled], (train_mask, test_mask, labels), loss)


def _controls(
    logits: Array, op: Operation, functions: list[Tensor], split_of: tuple[Any, Any, Any], loss: Loss
) -> Controls:
    """The losses restricted to each set of functions of the answer, and without it; the first set is the real one."""
    x, row_losses = check_logits(logits, op).detach(), check_loss(loss)
    split, means = check_split(op, x.device, *split_of), answer_means(x, op)
    on_device = (rows.to(x.device) for rows in functions)
    parts = torch.stack([rows.T @ (rows @ means) for rows in on_device])  # (draw, s, c)

    restricted = losses_of_tables(restricted_logits(means, parts), op, split, row_losses)
    asked = split.labels if split.noisy else None
    excluded = mean_losses_without(x, op, split.train, lambda s: parts[:, s], row_losses, asked)
    return Controls(*(Control(losses[0], losses[1:]) for losses in (*restricted, excluded)))


def _check_some_frequencies(values: object, op: Any) -> tuple[int, ...]:
    """Distinct members of an operation's frequencies: at least one, but not all."""
    chosen = check_frequencies(values, op)
    if not 0 < len(chosen) < len(op.frequencies):
        raise ValueError(
            f"`frequencies` must be some of the {len(op.frequencies)} for n={op.n}, and not all. Got {len(chosen)}. "
            "There is nothing to compare them with."
        )
    return chosen
