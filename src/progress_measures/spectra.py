"""How much of weights, activations or logits lies in each frequency.

A spectrum has one entry per member of ``op.frequencies``, in that order: entry i belongs to frequency i + 1, and the
constant has no entry. Everything is computed in float64 and is differentiable.
"""

import torch
from torch import Tensor

from progress_measures._blocks import block_length, blocks
from progress_measures._checks.tensors import Array
from progress_measures._scaling import one_where_zero
from progress_measures.fourier import fourier_basis, row_frequency, sum_rows
from progress_measures.operations.checks import check_columns, check_logits, check_on_grid
from progress_measures.operations.on_grid import answer_means, rows_by_frequency
from progress_measures.operations.operation import Operation

__all__ = ["cosine_coefficients", "logit_spectrum", "neuron_spectrum", "spectrum"]


def spectrum(x: Array, op: Operation, dim: int = 0) -> Tensor:
    """The power of weights in each frequency, along an axis over the operation's elements.

    The power is the sum of the squared coefficients over the frequency's basis rows and over all other axes; its square
    root is the norm. It does not change when the other axes are rotated. Together with the
    constant's power, the powers add up to the squared Frobenius norm.

    Args:
        x: Weights with one entry per element along ``dim``, such as the embedding W_E or the neuron-logit map W_L.
        op: The operation whose basis is used.
        dim: The axis over the elements.

    Returns:
        Powers, float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``x`` does not have n entries along ``dim``, or is not finite.

    References:
        Nanda et al. (2023), section 4.1 and appendix C.2.

    Example:
        >>> pm.spectrum(torch.tensor([1.0, -1.0, 1.0, -1.0]), pm.addition(4))
        tensor([0., 4.], dtype=torch.float64)
    """
    columns, _ = check_columns(x, op, dim)
    return sum_rows((op.basis.to(columns.device) @ columns).square().sum(1), op.row_frequency, 0)[1:]


def logit_spectrum(logits: Array, op: Operation) -> Tensor:
    """The share of the logits' centered variance that lies in each frequency of the answer a∘b.

    Centering subtracts from each output its mean over all pairs. The shares add up to at most 1; the remaining variance
    does not depend on the answer alone. They are the shares of the components that ``restrict(…, terms="sum")`` keeps.
    If the logits do not vary, all shares are zero.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that gives the answers.

    Returns:
        Shares in [0, 1], float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If ``logits`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite.

    References:
        Nanda et al. (2023), section 4.2; the sum terms of section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> [round(share, 6) for share in pm.logit_spectrum(wave, op).tolist()]
        [0.0, 0.0, 1.0]
    """
    x = check_logits(logits, op)
    largest = [torch.maximum(block.amax(), -block.amin()) for _, block in blocks(x.detach())]
    scale = one_where_zero(torch.stack(largest).amax())
    means = answer_means(x, op) / scale
    mean = means.mean(0)
    squares = [(block.to(torch.float64) / scale - mean).square().sum() for _, block in blocks(x)]
    centered = torch.stack(squares).sum()
    power = op.n * sum_rows((op.basis.to(x.device) @ means).square().sum(1), op.row_frequency, 0)[1:]
    return _share(power, centered, centered + op.n**2 * mean.square().sum(), op.n**3)


def cosine_coefficients(logits: Array, op: Operation) -> Tensor:
    r"""The coefficients of the logits along cos w_k (s - c) for each frequency k, where s = a∘b is the answer.

    .. math:: \langle L, T_k \rangle, \quad T_k(a, b, c) = \cos(w_k (a \circ b - c)) / \lVert \cdot \rVert

    The waves T_k are orthogonal to each other, and to everything that depends on the pair alone or on the output alone.
    So the coefficients are also those of a least-squares fit, which is ``restrict(…, terms="aligned")``. The amplitude
    of a wave is its coefficient times :math:`\sqrt{2 / n^3}` (:math:`\sqrt{1 / n^3}` for k = n/2).

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that gives the answers. If it is not cyclic, T_k is the kernel of the projection onto the
            frequency's rows, scaled to length 1.

    Returns:
        Coefficients, float64, shape ``(len(op.frequencies),)``; differentiable.

    Raises:
        TypeError: If ``logits`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite.

    References:
        Nanda et al. (2023), section 4.2 and figure 14.

    Example:
        >>> op = pm.addition(7)
        >>> wave = 5 * torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> amplitudes = pm.cosine_coefficients(wave, op) * (2 / 7**3) ** 0.5
        >>> [abs(round(amplitude, 5)) for amplitude in amplitudes.tolist()]
        [0.0, 0.0, 5.0]
    """
    x = check_logits(logits, op)
    # The wave is Σ_r F_r(s) F_r(c). It repeats for the n pairs of each s, so its squared norm is n times the rows.
    basis = op.basis.to(x.device)
    along = (op.n * (basis @ answer_means(x, op)) * basis).sum(1)
    rows = torch.bincount(op.row_frequency)[1:].to(along)
    return sum_rows(along, op.row_frequency, 0)[1:] / (op.n * rows).sqrt()


def neuron_spectrum(activations: Array, op: Operation) -> Tensor:
    """The share of each neuron's centered variance that each frequency of the inputs explains.

    Frequency k explains as much as the best polynomial of degree two in its waves of a and b does: a combination of the
    products {1, cos, sin} w_k a times {1, cos, sin} w_k b, without the constant. The shares of a neuron add up to at
    most 1; the remaining variance mixes frequencies. A neuron that does not vary is dead, and all its shares are zero.

    Args:
        activations: Activations on the grid, axes ``(a, b, neuron)``, shape ``(n, n, m)`` or ``(n*n, m)``.
        op: The operation whose basis is used for both inputs.

    Returns:
        Shares in [0, 1], float64, shape ``(m, len(op.frequencies))``.

    Raises:
        TypeError: If ``activations`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite.

    References:
        Nanda et al. (2023), section 4.3.

    Example:
        >>> wave = torch.cos(2 * torch.pi / 7 * torch.arange(7))
        >>> neurons = torch.stack([wave[:, None] * wave, torch.ones(7, 7)], dim=-1)
        >>> [[round(share, 6) for share in neuron] for neuron in pm.neuron_spectrum(neurons, pm.addition(7)).tolist()]
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    x = check_on_grid(activations, op, "activations", "(a, b, neuron)")
    # Subtracting a constant from a neuron changes no variance. One of its own values leaves numbers as small as its
    # variation.
    shift = x[0, 0].detach().to(torch.float64)
    variation = torch.zeros_like(shift)
    for _, block in blocks(x.detach()):
        variation = torch.maximum(variation, torch.maximum(block.amax((0, 1)) - shift, shift - block.amin((0, 1))))
    scale = one_where_zero(variation)
    waves = fourier_basis(op.n, device="cpu")
    cyclic = torch.equal(op.basis, waves) and torch.equal(op.row_frequency, row_frequency(op.n))
    moments_of = _cyclic_moments if cyclic else _moments
    power, squares, mean = moments_of(x, shift, scale, op)
    raw = squares + (op.n * (shift / scale)).square()  # to within a factor of 2
    return _share(power, (squares - op.n**2 * mean.square())[:, None], raw[:, None], op.n**2)


def _moments(x: Tensor, shift: Tensor, scale: Tensor, op: Operation) -> tuple[Tensor, Tensor, Tensor]:
    """The power in each frequency's block, ``(m, K)``, the sum of squares and the mean of y = (x - shift) / scale."""
    basis, frequency, n = op.basis.to(x.device), op.row_frequency, op.n
    constant_and_own = torch.cat([basis[:1].expand(1 + len(op.frequencies), 1, -1), rows_by_frequency(basis, op)], 1)
    moments = []
    for neurons, shifts, scales in zip(
        *(torch.split(y, block_length(n**2, x.device), -1) for y in (x, shift, scale)), strict=True
    ):
        y = (neurons - shifts) / scales
        along_a = torch.tensordot(basis, y, 1)  # coefficients in the basis of a, (row, b, neuron)
        # A frequency's block combines its rows along a with its rows and the constant along b, and the constant along a
        # with its rows along b.
        power = (constant_and_own[frequency] @ along_a).square().sum(1) + (basis @ along_a[0]).square()
        moments.append((sum_rows(power, frequency, 0)[1:].T, y.square().sum((0, 1)), y.mean((0, 1))))
    powers, squares, means = zip(*moments, strict=True)
    return torch.cat(powers), torch.cat(squares), torch.cat(means)


def _cyclic_moments(x: Tensor, shift: Tensor, scale: Tensor, op: Operation) -> tuple[Tensor, Tensor, Tensor]:
    """The same as :func:`_moments` for the basis and the frequencies of Z/n, in a fraction of the time.

    Products of waves of a and of b are waves of a + b and of a - b. So the block of a frequency consists of functions
    of a, of b, of a + b and of a - b, and its power follows from the sums over the pairs that share one of these.
    """
    n = op.n
    index = torch.arange(n, device=x.device)
    a, b = index[:, None].expand(n, n), index.expand(n, n)
    groups = (a, b, (a + b) % n, (a - b) % n)
    sums = [x.new_zeros(n, x.shape[2], dtype=torch.float64) for _ in groups]
    squares = torch.zeros_like(shift)
    for start, block in blocks(x):
        y, rows = (block - shift).div_(scale).flatten(0, 1), slice(start, start + len(block))
        sums = [total.index_add(0, group[rows].flatten(), y) for total, group in zip(sums, groups, strict=True)]
        squares = squares + y.square().sum(0)
    coefficients = op.basis.to(x.device) @ torch.stack(sums)
    power = sum_rows(coefficients.square(), op.row_frequency, 1)[:, 1:] / n
    if n % 2 == 0:
        power[-1, -1] = 0  # cos n/2 of a - b equals cos n/2 of a + b: count it once
    return power.sum(0).T, squares, sums[0].sum(0) / n**2


def _share(power: Tensor, centered: Tensor, raw: Tensor, count: int) -> Tensor:
    """Power over the centered sum of squares; zero if that may be rounding of the raw sum of ``count`` squares."""
    varies = centered > (count * torch.finfo(torch.float64).eps) ** 2 * raw
    return torch.where(varies, power / torch.where(varies, centered, 1.0), 0.0)
