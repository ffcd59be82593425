"""The real orthonormal Fourier basis of the functions on Z/n, and the change of basis along any axes.

The rows are laid out as::

    odd n:   constant, cos 1, sin 1, cos 2, sin 2, …, cos (n-1)/2, sin (n-1)/2
    even n:  constant, cos 1, sin 1, cos 2, sin 2, …, cos n/2 - 1, sin n/2 - 1, cos n/2

Row r belongs to frequency (r + 1) // 2, and there are always n rows. For even n the highest frequency has only a
cosine, because its sine is zero at every integer.
"""

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_dims, check_real
from progress_measures._checks.values import check_integer

__all__ = ["fourier_basis", "fourier_labels", "frequency_power", "from_fourier", "to_fourier"]


def row_frequency(n: int) -> Tensor:
    """The frequency of each row of the basis: 0, 1, 1, 2, 2, …, shape ``(n,)``."""
    return (torch.arange(n, device="cpu") + 1) // 2


def fourier_basis(n: int, *, dtype: torch.dtype = torch.float64, device: torch.device | str | None = None) -> Tensor:
    r"""The real orthonormal Fourier basis of the functions on Z/n, one function per row.

    .. math:: F_0(x) = \sqrt{1/n}, \quad F_{2k-1}(x) = \sqrt{2/n} \cos(2 \pi k x / n), \quad
              F_{2k}(x) = \sqrt{2/n} \sin(2 \pi k x / n)

    For even n there is a last row :math:`(-1)^x \sqrt{1/n}`. The rows are orthonormal: ``basis @ basis.T`` is the
    identity. Entries are exact to the last bits for every n, because k x is reduced modulo n and the waves are computed
    in float64.

    Args:
        n: Order of the group, at least 1.
        dtype: Dtype of the result.
        device: Device of the result; PyTorch's default if None.

    Returns:
        The basis, shape ``(n, n)``, with rows in the order of :func:`fourier_labels` and columns for x = 0..n-1.

    Raises:
        TypeError: If ``n`` is not an integer, or ``dtype`` is not a real floating-point type.
        ValueError: If ``n`` is less than 1.

    See Also:
        :func:`to_fourier`: the coefficients of values in this basis.

    References:
        Nanda et al. (2023), section 4.1; the layout for even n is this library's.

    Example:
        >>> pm.fourier_basis(2)
        tensor([[ 0.7071,  0.7071],
                [ 0.7071, -0.7071]], dtype=torch.float64)
    """
    n = check_integer(n, "n", at_least=1)
    _check_dtype(dtype)
    row = torch.arange(n, device="cpu")[:, None]
    frequency = row_frequency(n)[:, None]
    turn = frequency * row.T % n  # in n-ths of a full turn
    angle = turn.to(torch.float64) * (2 * math.pi / n)
    waves = torch.where((row % 2 == 1) | (row == 0), torch.cos(angle), torch.sin(angle))
    waves = torch.where(4 * turn % n == 0, waves.round(), waves)  # quarter turns: exactly 0, 1 or -1
    alone = 2 * frequency % n == 0  # the constant, and cos n/2 for even n, whose mean square is 1, not 1/2
    norm = (n / torch.where(alone, 1, 2).to(torch.float64)).sqrt()
    return (waves / norm).to(dtype=dtype, device=torch.get_default_device() if device is None else device)


def fourier_labels(n: int) -> list[str]:
    """The names of the basis rows: ``"const"``, ``"cos 1"``, ``"sin 1"`` and so on.

    Args:
        n: Order of the group, at least 1.

    Returns:
        ``n`` names, in the order of the rows of :func:`fourier_basis`.

    Raises:
        TypeError: If ``n`` is not an integer.
        ValueError: If ``n`` is less than 1.

    Example:
        >>> pm.fourier_labels(4)
        ['const', 'cos 1', 'sin 1', 'cos 2']
    """
    n = check_integer(n, "n", at_least=1)
    return ["const", *(f"{'sin' if row % 2 == 0 else 'cos'} {(row + 1) // 2}" for row in range(1, n))]


def to_fourier(x: Array, dim: int | tuple[int, ...] = -1) -> Tensor:
    r"""The coefficients of ``x`` in the Fourier basis along one or more axes.

    Along an axis of length n, with the rows F_r of ``fourier_basis(n)``,

    .. math:: \hat x_r = \sum_{j=0}^{n-1} F_r(j) \, x_j

    The basis is orthonormal, so the sum of squares does not change (Parseval), and :func:`from_fourier` is the inverse.

    Args:
        x: Real values on Z/n along each axis in ``dim``.
        dim: The axis, or the axes, to transform. Their lengths may differ.

    Returns:
        Coefficients, same shape, dtype and device as ``x`` (integers become float64).

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``dim`` names no axis of ``x``, an axis twice, or an empty one.

    See Also:
        :func:`frequency_power`: the power of each frequency, whatever its phase.

    References:
        Nanda et al. (2023), section 4.1.

    Example:
        >>> pm.to_fourier(torch.tensor([1.0, -1.0, 1.0, -1.0]))  # a pure "cos 2"
        tensor([0., 0., 0., 2.])
    """
    x = check_real(x, "x")
    for axis in check_dims(dim, x):
        x = change_basis(x, fourier_basis(x.shape[axis], dtype=x.dtype, device=x.device), axis)
    return x


def from_fourier(x: Array, dim: int | tuple[int, ...] = -1) -> Tensor:
    r"""The values whose coefficients in the Fourier basis are ``x``; the inverse of :func:`to_fourier`.

    .. math:: x_j = \sum_{r=0}^{n-1} F_r(j) \, \hat x_r

    Args:
        x: Real coefficients along each axis in ``dim``, in the order of :func:`fourier_labels`.
        dim: The axis, or the axes, to transform back.

    Returns:
        Values, same shape, dtype and device as ``x`` (integers become float64).

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``dim`` names no axis of ``x``, an axis twice, or an empty one.

    Example:
        >>> pm.from_fourier(torch.tensor([0.0, 0.0, 0.0, 2.0]))
        tensor([ 1., -1.,  1., -1.])
    """
    x = check_real(x, "x")
    for axis in check_dims(dim, x):
        x = change_basis(x, fourier_basis(x.shape[axis], dtype=x.dtype, device=x.device).T, axis)
    return x


def frequency_power(x: Array, dim: int | tuple[int, ...] = -1) -> Tensor:
    r"""The squared norm of ``x`` in each frequency along one or more axes.

    With the coefficients of :func:`to_fourier`, of which rows 2k - 1 and 2k are cosine and sine k,

    .. math:: p_0 = \hat x_0^2, \quad p_k = \hat x_{2k-1}^2 + \hat x_{2k}^2

    For even n the last frequency has only a cosine. Shifting ``x`` cyclically does not change the powers. Along the
    axis they add up to the sum of squares of ``x`` (Parseval).

    Args:
        x: Real values on Z/n along each axis in ``dim``.
        dim: The axis, or the axes, to transform.

    Returns:
        Powers, same dtype and device as ``x``. An axis of length n becomes one of length ``n // 2 + 1``, with frequency
        0 first.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``dim`` names no axis of ``x``, an axis twice, or an empty one.

    See Also:
        :func:`spectrum`: for weights of an operation, summed over their other axes, without the constant.

    Example:
        >>> pm.frequency_power(torch.tensor([1.0, -1.0, 1.0, -1.0]))
        tensor([0., 0., 4.])
    """
    x = check_real(x, "x")
    axes = check_dims(dim, x)
    power = to_fourier(x, axes).square()
    for axis in axes:
        power = sum_rows(power, row_frequency(x.shape[axis]), axis)
    return power


def sum_rows(x: Tensor, group: Tensor, dim: int) -> Tensor:
    """Sums of the entries of ``x`` along ``dim`` by group; groups are numbered 0, 1, … without a gap."""
    shape = list(x.shape)
    shape[dim] = int(group.max()) + 1
    return x.new_zeros(shape).index_add(dim, group.to(x.device), x)


def change_basis(x: Tensor, rows: Tensor, axis: int) -> Tensor:
    """The inner products of ``x`` with each row along an axis, which becomes an axis over the rows."""
    with _own_precision(x.device):
        if axis == x.ndim - 1:
            return x @ rows.T
        return (rows @ x.flatten(axis + 1)).view(*x.shape[:axis], len(rows), *x.shape[axis + 1 :])


def _own_precision(device: torch.device) -> AbstractContextManager[object]:
    """A context that turns off autocast, which would multiply float32 in bfloat16; float64 is never affected."""
    if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def _check_dtype(dtype: object) -> None:
    """Requires a real floating-point dtype."""
    if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"`dtype` must be a real floating-point type. Got {dtype!r}.")
