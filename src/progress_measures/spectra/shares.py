"""Shares of a variance, and the fewest frequencies that hold a share of the power."""

import torch
from torch import Tensor


def fewest(power: Tensor, share: float) -> list[int]:
    """The fewest frequencies that together hold a share of the power, the largest first; none if there is no power."""
    if len(power) == 0 or float(power.sum()) == 0.0:
        return []
    descending = power.argsort(descending=True, stable=True)
    count = int((power[descending].cumsum(0) < share * power.sum()).sum()) + 1
    return [int(index) + 1 for index in descending[:count]]


def share_of(power: Tensor, centered: Tensor, raw: Tensor, count: int) -> Tensor:
    """Power over the centered sum of squares; zero if that may be rounding of the raw sum of ``count`` squares."""
    varies = centered > (count * torch.finfo(torch.float64).eps) ** 2 * raw
    return torch.where(varies, power / torch.where(varies, centered, 1.0), 0.0)
