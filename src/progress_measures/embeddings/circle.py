"""Whether tokens in a cyclic order, such as weekdays, lie on a circle."""

from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer, check_seed
from progress_measures._scaling import one_where_zero
from progress_measures.embeddings.tables import check_table, waves


@dataclass(frozen=True, eq=False)
class CircleFit:
    """What :func:`circle_fit` returns.

    Example:
        >>> angle = 2 * torch.pi * torch.arange(7) / 7
        >>> pm.embeddings.circle_fit(torch.stack([angle.cos(), 0.5 * angle.sin()], 1))
        CircleFit(share=1.000, chance=0.333, roundness=0.500, p_value=0.003)
    """

    share: Tensor
    """The share of the variance around the mean that one wave around the order explains, shape ``()``."""
    best_plane: Tensor
    """The share of the variance in the plane of the first two principal components, at least ``share``."""
    roundness: Tensor
    """The shorter axis of the fitted ellipse divided by the longer one; 1 for a circle and 0 for a line."""
    draws: Tensor
    """The share in each random order, shape ``(draws,)``."""
    chance: float
    """The mean of the share over all orders, 2 / (n - 1)."""

    @property
    def p_value(self) -> float:
        """(k + 1) / (draws + 1), where k random orders have at least this share.

        Of the n! orders, 2n are the same circle, rotated or reversed. So with many draws it does not fall below
        2 / (n - 1)!.
        """
        above = self.draws >= self.share.detach() * (1 - 1e-9)
        return (int(above.sum()) + 1) / (len(self.draws) + 1)

    def __repr__(self) -> str:
        fit = f"share={self.share.item():.3f}, chance={self.chance:.3f}, roundness={self.roundness.item():.3f}"
        return f"CircleFit({fit}, p_value={self.p_value:.3f})"


def circle_fit(table: Array, *, draws: int = 1000, seed: int = 0) -> CircleFit:
    r"""The share of the variance of tokens in a cyclic order that one turn around an ellipse explains.

    With the rows :math:`E_j` of n tokens, and their mean :math:`\bar E`, the share is

    .. math:: \frac{\lVert Q (E - \bar E) \rVert^2}{\lVert E - \bar E \rVert^2}, \quad
              Q \text{ the projection on } \cos \tfrac{2 \pi j}{n}, \; \sin \tfrac{2 \pi j}{n}.

    It is 1 if the tokens lie in order, evenly spaced, on an ellipse in any plane. It does not change when the order is
    rotated or reversed, or when the table is scaled, rotated or shifted. Its mean over all orders is 2 / (n - 1).

    Args:
        table: Embeddings, one row per token in cyclic order, shape ``(tokens, features)``, at least 4 tokens.
        draws: The number of random orders to compare with.
        seed: The seed of the orders; no global generator is used.

    Returns:
        The share, the shares of random orders, and the roundness of the ellipse. ``share`` and ``best_plane`` are
        differentiable. If all tokens have the same embedding, shares and roundness are 0.

    Raises:
        TypeError: If ``table`` is neither tensor nor array, or is complex, or an option is not an integer.
        ValueError: If ``table`` is not of shape ``(tokens, features)`` or not finite, or has fewer than 4 tokens, or
            ``draws`` is less than 1.

    See Also:
        :func:`period_shares`: for waves of other periods, or tokens that are missing.
        :func:`helix_fit`: for numbers, which have no cyclic order.

    References:
        Engels et al. (2024), "Not all language model features are one-dimensionally linear", who found weekdays and
        months on circles. The share and its control are this library's own.

    Example:
        >>> angle = 2 * torch.pi * torch.arange(12) / 12
        >>> months = torch.stack([angle.cos(), angle.sin(), (3 * angle).cos()], 1)
        >>> fit = pm.embeddings.circle_fit(months)
        >>> round(fit.share.item(), 4), round(fit.roundness.item(), 4), round(fit.chance, 4)
        (0.6667, 1.0, 0.1818)
    """
    values, rounding = check_table(table, at_least=4)
    count = check_integer(draws, "draws", at_least=1)
    generator = torch.Generator().manual_seed(check_seed(seed))
    n = len(values)
    centered = values - values.mean(0)
    total = centered.square().sum()
    if float(total.detach()) <= values.numel() * rounding**2:
        centered, total = centered * 0, total * 0
    basis = waves(torch.arange(n, device="cpu"), n).to(values.device) * (2 / n) ** 0.5
    total = one_where_zero(total)
    still = centered.detach()
    orders = (torch.randperm(n, generator=generator, device="cpu") for _ in range(count))
    drawn = torch.stack([(basis.T @ still[order]).square().sum() for order in orders])
    minor, major = torch.linalg.svdvals(_at_least_two_columns(basis.T @ still)).flip(0)[:2]
    principal = torch.linalg.svdvals(centered)[:2].square().sum() if float(total.detach()) > 0 else total
    return CircleFit(
        share=(basis.T @ centered).square().sum() / total,
        best_plane=principal / total,
        roundness=minor / one_where_zero(major),
        draws=drawn / total.detach(),
        chance=2 / (n - 1),
    )


def _at_least_two_columns(x: Tensor) -> Tensor:
    return torch.nn.functional.pad(x, (0, max(0, 2 - x.shape[1])))
