"""Numbers to divide by, so that squares neither overflow nor vanish, and nothing is divided by zero."""

from torch import Tensor


def scale_of(x: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """The largest absolute value along some axes, which stay with length 1, or of all values, ``()``.

    Values divided by it are at most 1 in size. It is 1 where all values are zero, and a constant: it has no gradient.
    """
    sizes = x.detach().abs()
    return one_where_zero(sizes.amax() if dim is None else sizes.amax(dim, keepdim=True))


def one_where_zero(x: Tensor) -> Tensor:
    """Numbers that are not negative, with 1 in the place of 0."""
    return x.where(x > 0, 1.0)
