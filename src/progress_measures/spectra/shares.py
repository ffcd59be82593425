"""Shares of a variance."""

import torch
from torch import Tensor


def share_of(power: Tensor, centered: Tensor, raw: Tensor, count: int) -> Tensor:
    """Power over the centered sum of squares; zero if that may be rounding of the raw sum of ``count`` squares."""
    varies = centered > (count * torch.finfo(torch.float64).eps) ** 2 * raw
    return torch.where(varies, power / torch.where(varies, centered, 1.0), 0.0)
