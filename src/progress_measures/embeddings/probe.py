"""Whether a linear probe can read a number modulo T from its embedding, for numbers that are held out."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer, check_progress, check_seed
from progress_measures.embeddings.tables import check_positions, check_table

STRENGTHS = torch.logspace(-4, 4, 25, dtype=torch.float64, device="cpu")  # times the mean squared singular value


@dataclass(frozen=True, eq=False)
class ResidueProbe:
    """What :func:`residue_probe` returns.

    Example:
        >>> table = torch.eye(3).repeat(8, 1)
        >>> pm.embeddings.residue_probe(table, 3)
        ResidueProbe(modulus=3, accuracy=1.000, chance=0.333, tokens=24)
    """

    modulus: int
    """The T of the residues."""
    predicted: Tensor
    """The residue predicted for each token when it was held out, int64, shape ``(tokens,)``."""
    correct: Tensor
    """Whether the prediction is right, bool, shape ``(tokens,)``."""
    strengths: Tensor
    """The ridge strength chosen in each fold, divided by the mean squared singular value, ``(folds,)``."""

    @property
    def accuracy(self) -> float:
        """The share of the tokens whose residue was predicted correctly when they were held out."""
        return float(self.correct.double().mean())

    @property
    def chance(self) -> float:
        """The accuracy of guessing, 1 / T."""
        return 1 / self.modulus

    def __repr__(self) -> str:
        numbers = f"accuracy={self.accuracy:.3f}, chance={self.chance:.3f}, tokens={len(self.correct)}"
        return f"ResidueProbe(modulus={self.modulus}, {numbers})"


def residue_probe(
    table: Array,
    modulus: int,
    *,
    positions: Any = None,
    folds: int = 10,
    seed: int = 0,
    progress: Callable[[Iterable[int]], Iterable[int]] | None = None,
) -> ResidueProbe:
    r"""The held-out accuracy of a linear probe of the number modulo T.

    The probe is a ridge regression on the T indicators of the residues, one against the rest, in closed form. In each
    fold, with the centered training rows X and their centered indicators Y, it predicts

    .. math:: \hat r(E) = \arg\max_r \, \big( (E - \bar E) W \big)_r, \quad W = (X^\top X + \lambda)^{-1} X^\top Y .

    Before centering, each indicator is divided by its mean, so that more frequent residues are not preferred. The
    strength λ is the one with the smallest leave-one-out error on the training rows. The tokens of each residue are
    dealt to the folds at random.

    The accuracy lies in [0, 1], and a table without structure has about 1 / T. Scaling, rotating or shifting the table
    does not change the predictions, up to rounding.

    Args:
        table: Embeddings, one row per number, shape ``(tokens, features)``.
        modulus: The T, at least 2. Each residue needs at least two tokens.
        positions: The number of each token, distinct integers in any order; None for 0, 1, ….
        folds: The number of parts into which the tokens are divided; each part is held out once.
        seed: The seed of the folds; no global generator is used.
        progress: A function that wraps the iterable of folds, such as ``tqdm``.

    Returns:
        The held-out predictions, without gradients.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If ``table`` is not of shape ``(tokens, features)`` or not finite, or ``positions`` are not
            distinct; if a residue has fewer than two tokens, or there are more folds than tokens.

    See Also:
        :func:`period_control`: which periods stand out in the spectrum, whether a linear probe can use them or not.

    References:
        Hoerl & Kennard (1970) for ridge regression; arXiv 2604.20817 for why a peak in a spectrum is not enough: it
        distinguishes peaks that a linear probe can use from peaks that it cannot use.

    Example:
        >>> x = torch.arange(60)
        >>> angle = 2 * torch.pi * x / 10
        >>> pm.embeddings.residue_probe(torch.stack([angle.cos(), angle.sin()], 1), 10).accuracy
        1.0
    """
    values, _ = check_table(table, at_least=4)
    values = values.detach()
    places = check_positions(positions, values)
    count = check_integer(modulus, "modulus", at_least=2)
    parts = check_integer(folds, "folds", at_least=2, at_most=len(values), why="A fold has at least one token")
    residues = torch.remainder(places, count)
    _check_residues(residues, count)
    check_progress(progress)
    fold = _dealt(residues, count, parts, torch.Generator().manual_seed(check_seed(seed))).to(values.device)
    residues = residues.to(values.device)
    indicators = torch.nn.functional.one_hot(residues, count).to(torch.float64)
    predicted, strengths = torch.empty_like(residues), []
    for each in range(parts) if progress is None else progress(range(parts)):
        held = fold == each
        weights, mean, strength = _ridge(values[~held], indicators[~held])
        predicted[held] = ((values[held] - mean) @ weights).argmax(1)
        strengths.append(strength)
    return ResidueProbe(count, predicted, predicted == residues, torch.stack(strengths))


def _ridge(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The weights, the mean of the rows, and the strength with the smallest leave-one-out error."""
    mean = x.mean(0)
    each = y / y.mean(0)  # otherwise a residue with more held-out rows, and so fewer training rows, would be at a loss
    target = each - each.mean(0)
    left, singular, right = torch.linalg.svd(x - mean, full_matrices=False)
    squares, along = singular.square(), left.T @ target
    unit = squares.mean()
    strengths = STRENGTHS.to(x.device)
    errors = []
    for strength in strengths:
        kept = squares / (squares + strength * unit).clamp(min=torch.finfo(torch.float64).tiny)
        leverage = 1 / len(x) + (left.square() @ kept)
        rest = target - left @ (kept[:, None] * along)
        errors.append((rest / (1 - leverage).clamp(min=1e-9)[:, None]).square().sum())
    best = strengths[torch.stack(errors).argmin()]
    scaled = singular / (squares + best * unit).clamp(min=torch.finfo(torch.float64).tiny)
    return right.T @ (scaled[:, None] * along), mean, best


def _dealt(residues: Tensor, modulus: int, folds: int, generator: torch.Generator) -> Tensor:
    """The fold of each token. Tokens are sorted by residue, shuffled within it, and dealt to the folds in turn."""
    order = torch.cat(
        [
            rows[torch.randperm(len(rows), generator=generator, device="cpu")]
            for rows in ((residues == r).nonzero().flatten() for r in range(modulus))
        ]
    )
    fold = torch.empty_like(residues)
    fold[order] = torch.arange(len(order), device="cpu") % folds
    return fold


def _check_residues(residues: Tensor, modulus: int) -> None:
    """Requires at least two tokens of each residue: one to hold out and one to train on."""
    counts = Counter(residues.tolist())
    rare = next((r for r in range(modulus) if counts[r] < 2), None)
    if rare is not None:
        raise ValueError(
            f"`modulus` must leave at least two tokens for each residue. Got {modulus} for {len(residues)} tokens, and "
            f"{counts[rare]} for residue {rare}. Pass a smaller modulus, or more tokens."
        )
