"""Checks of a table of embeddings and of its tokens' positions, and the functions that are fitted to a table."""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import check_finite, check_indices, check_real
from progress_measures._checks.values import check_real_number, shape_of, type_name
from progress_measures._scaling import scale_of

FAINT = 1e-6  # a wave of which the trend leaves less than this share of its length is no wave


def check_table(x: object, at_least: int) -> tuple[Tensor, float]:
    """Requires one row per token; returns float64 rows, scaled to at most 1, and the rounding error of a value."""
    table = check_finite(check_real(x, "table"), "table")
    if table.ndim != 2 or table.numel() == 0:
        raise ValueError(
            f"`table` must have one row per token, shape (tokens, features). Got {shape_of(table)}. "
            "A single feature has shape (tokens, 1): pass table[:, None]."
        )
    if len(table) < at_least:
        raise ValueError(f"`table` must have at least {at_least} tokens. Got {len(table)}.")
    rounding = max(torch.finfo(table.dtype).eps, 64 * torch.finfo(torch.float64).eps)
    values = table.to(torch.float64)
    return values / scale_of(values), rounding


def check_positions(values: object, table: Tensor) -> Tensor:
    """Distinct integers, one per row of the table, 0, 1, … if None; int64, on the CPU."""
    if values is None:
        return torch.arange(len(table), device="cpu")
    if isinstance(values, list | tuple | range):
        values = np.array(values)
    positions = check_indices(values, "positions")
    if positions.shape != (len(table),):
        raise ValueError(
            f"`positions` must have one integer per row of `table`, ({len(table)},). Got shape {shape_of(positions)}."
        )
    ordered = positions.sort().values
    if bool((same := ordered[1:] == ordered[:-1]).any()):
        first = int(ordered[1:][same][0])
        raise ValueError(f"`positions` must be distinct. Got {first} twice. Leave out one of its rows.")
    return positions


def check_periods(values: object, positions: Tensor) -> list[float]:
    """Distinct real numbers, at least one, that are no shorter than two steps between positions."""
    if isinstance(values, Tensor | np.ndarray):
        values = values.tolist()
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise TypeError(f"`periods` must be a sequence of numbers. Got {values!r} ({type_name(values)}).")
    periods = [check_real_number(value, "periods") for value in values]
    if not periods:
        raise ValueError("`periods` must have at least one period. Got none.")
    step = step_of(positions)
    for period in periods:
        if not (math.isfinite(period) and period >= 2):
            raise ValueError(f"`periods` must be finite and at least 2. Got {period:g}.")
        if period < 2 * step:
            raise ValueError(
                f"`periods` must be at least {2 * step} for positions that are multiples of {step} apart, where a "
                f"shorter wave is the same as a longer one. Got {period:g}. Pass positions // {step}, and periods of "
                "these."
            )
    if len(set(periods)) < len(periods):
        raise ValueError(f"`periods` must be distinct. Got {periods}.")
    return periods


def step_of(positions: Tensor) -> int:
    """The greatest common divisor of the distances between positions."""
    return math.gcd(*(positions - positions[0]).tolist())


def span_of(positions: Tensor) -> int:
    """The number of positions from the first to the last, including those without a token."""
    return int(positions.max() - positions.min()) + 1


def polynomials(positions: Tensor, degree: int) -> Tensor:
    """Orthonormal polynomials in the positions, of degrees 0 to ``degree``, shape ``(tokens, degree + 1)``."""
    x = positions.to(torch.float64)
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    scaled = (x - middle) / half
    columns = [torch.special.legendre_polynomial_p(scaled, n) for n in range(degree + 1)]
    found: Tensor = torch.linalg.qr(torch.stack(columns, 1)).Q
    return found


def waves(positions: Tensor, period: float) -> Tensor:
    """The cosine and the sine of a period at the positions, shape ``(tokens, 2)``."""
    angle = 2 * torch.pi * torch.remainder(positions.to(torch.float64) / period, 1.0)
    return torch.stack([angle.cos(), angle.sin()], 1)


def orthonormal(columns: Tensor, given: Tensor) -> Tensor:
    """Orthonormal functions that, with the orthonormal ``given`` ones, span the columns; faint ones are left out."""
    rest = columns - given @ (given.T @ columns)
    rest = rest - given @ (given.T @ rest)  # again, for what rounding left
    left, singular, _ = torch.linalg.svd(rest, full_matrices=False)
    found: Tensor = left[:, singular > FAINT * math.sqrt(len(columns))]
    return found
