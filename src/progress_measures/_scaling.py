"""Divisors that are never zero, and that keep squares from overflowing and vanishing."""

from torch import Tensor


def scale_of(x: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """The largest absolute value along the axes ``dim``, kept with length 1, or of all values, shape ``()``.

    Values divided by it are at most 1 in size. It is 1 where all values are zero. No gradient flows through it.
    """
    sizes = x.detach().abs()
    return one_where_zero(sizes.amax() if dim is None else sizes.amax(dim, keepdim=True))


def one_where_zero(x: Tensor) -> Tensor:
    """Replaces zeros by 1; ``x`` must not be negative."""
    return x.where(x > 0, 1.0)
