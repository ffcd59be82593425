"""The probability that chance explains a drop between neighbouring powers of a sorted spectrum."""

import math

import numpy as np
import torch
from torch import Tensor

POINTS = 1500  # of the integral, over the logarithm of the power
TAIL = 1e-60  # the probability of powers below the range of the integral, and above it


def log_chance(rank: int, drop: float, degrees: np.ndarray) -> float:
    r"""The log probability of at least this drop after the given rank of the sorted powers.

    The powers are independent, and each is a mean of ``degrees`` squared Gaussian numbers. If degrees differ, each
    power counts as drawn from the mixture of all of them. With their density f, distribution function F and its
    complement S, the power at rank j + 1 of K is x, and those above it all exceed r x, with the probability

    .. math:: \frac{K!}{j! (K - j - 1)!} \int S(r x)^j F(x)^{K - j - 1} f(x) \, dx

    Args:
        rank: The rank j, 1..K-1.
        drop: The factor r.
        degrees: The number of squares of each of the K powers, any positive numbers.
    """
    # Here, because it takes longer to import than everything else.
    from scipy.special import gammainc, gammaincc, gammainccinv, gammaincinv, gammaln

    kinds, counts = np.unique(degrees, return_counts=True)
    shape, weight = kinds[:, None] / 2, (counts / counts.sum())[:, None]
    least = np.log(np.maximum(gammaincinv(shape, TAIL), np.finfo(np.float64).tiny) / shape).min()
    most = np.log(gammainccinv(shape, TAIL) / shape).max()
    log_x, step = np.linspace(least, most, POINTS, retstep=True)
    scaled = shape * np.exp(log_x)
    density = np.exp(shape * np.log(scaled) - scaled - gammaln(shape))  # of log x
    count = len(degrees)
    with np.errstate(divide="ignore"):
        integrand = (
            rank * np.log((weight * gammaincc(shape, scaled * drop)).sum(0))
            + (count - rank - 1) * np.log((weight * gammainc(shape, scaled)).sum(0))
            + np.log((weight * density).sum(0))
        )
    largest = integrand.max()
    if largest == -np.inf:
        return -math.inf
    log_integral = largest + math.log(np.exp(integrand - largest).sum() * step)
    choose = math.lgamma(count + 1) - math.lgamma(rank + 1) - math.lgamma(count - rank)
    return min(float(choose + log_integral), 0.0)


def independent_columns(weights: Tensor) -> float:
    """How many independent columns a random matrix needs to vary in as many directions as this one, at least 1.

    With the eigenvalues λ of the covariance of the rows, it is (Σ λ)² / Σ λ², corrected for the bias of few rows. A sum
    of squares over correlated columns varies like one over this many independent columns.

    Args:
        weights: The matrix, ``(n, m)``.
    """
    centered = weights.to(torch.float64) - weights.to(torch.float64).mean(0)
    squares = torch.linalg.svdvals(centered).square()
    total, rows = float(squares.sum()), len(weights) - 1
    if total == 0 or rows < 1:
        return 1.0
    concentration = float((squares / total).square().sum())  # 1/n more than that of the covariance
    unbiased = (concentration - 1 / rows) / (1 + 1 / rows)
    return min(max(1 / max(unbiased, 1 / weights.shape[1]), 1.0), float(weights.shape[1]))
