"""Whether the loss is lower later in a context."""

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import check_integer, shape_of


def in_context_score(losses: Array, early: int = 50, late: int = 500) -> Tensor:
    r"""The loss late in a context minus the loss early in it.

    With the loss :math:`\ell_{b, i}` of sequence b at position i, counted from 0,

    .. math:: \mathrm{mean}_b \, \ell_{b, \mathrm{late}} - \mathrm{mean}_b \, \ell_{b, \mathrm{early}}

    It is negative if the network uses its context, and 0 if the loss does not depend on the position. Adding a constant
    to all losses does not change it.

    Args:
        losses: Losses per token in nats, axes ``(batch, position)``.
        early: The earlier position.
        late: The later position.

    Returns:
        The difference in nats, float64, shape ``()``; differentiable.

    Raises:
        TypeError: If ``losses`` are neither tensor nor array, or are complex, or a position is not an integer.
        ValueError: If ``losses`` have other axes, too few positions, or are not finite; or ``late`` is not above
            ``early``.

    See Also:
        :func:`prefix_matching_score`: whether induction heads, which often explain this drop, have formed.

    References:
        Olsson et al. (2022), arXiv 2209.11895, section "Models' in-context learning", who compare the 500th token with
        the 50th.

    Example:
        >>> losses = torch.tensor([[4.0, 3.0, 1.0], [4.0, 3.0, 2.0]])
        >>> pm.attention.in_context_score(losses, early=0, late=2)
        tensor(-2.5000, dtype=torch.float64)
    """
    x = check_real(losses, "losses")
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"`losses` must have axes (batch, position). Got shape {shape_of(x)}. Do not average them.")
    first = check_integer(early, "early", at_least=0)
    last = check_integer(late, "late", at_least=first + 1)
    if last >= x.shape[1]:
        raise ValueError(
            f"`losses` must have more than {last} positions, which is `late`. Got {x.shape[1]}. "
            + (f"Pass early={(x.shape[1] - 1) // 10}, late={x.shape[1] - 1}, or feed " if x.shape[1] > 1 else "Feed ")
            + "longer sequences."
        )
    places = (first, last)
    pair = check_finite(x[:, places], "losses", "(batch, position)", where=lambda at: (at[0], places[at[1]]))
    means = pair.to(torch.float64).mean(0)
    return means[1] - means[0]
