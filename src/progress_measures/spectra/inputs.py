"""Spectra of activations and logits as functions of the inputs."""

import torch
from torch import Tensor

from progress_measures._blocks import block_length, blocks
from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import shape_of
from progress_measures._scaling import one_where_zero, scale_of
from progress_measures.fourier import fourier_basis, row_frequency, sum_rows
from progress_measures.operations.checks import check_all_inputs, check_on_grid, check_pairs
from progress_measures.operations.on_grid import along_operands, rows_by_frequency
from progress_measures.operations.operation import Operation
from progress_measures.spectra.shares import share_of

REMEDY = " `input_spectrum` has the shares of one neuron: pass activations[..., i]."
OF_SOME = " `spectra.answer_spectrum` has the shares of one neuron that its answer explains: pass activations[..., i]."


def input_spectrum(values: Array, op: Operation) -> Tensor:
    r"""The share of the centered variance that lies in each frequency of the inputs.

    A frequency of the inputs has one integer per operand. Its functions are the products of one basis row of each
    operand's frequency. For two operands,

    .. math:: \frac{\sum_{r \in k} \sum_{q \in l} \big( \sum_{a, b} F_r(a) F_q(b) \, h(a, b) \big)^2}
              {\sum_{a, b} \big( h(a, b) - \bar h \big)^2}

    at entry (k, l), and so on for more. The shares add up to 1. If the values do not vary, all are zero. For bits, this
    is the Walsh spectrum: entry (i, j, …) is the squared correlation with the parity of the bits whose index is 1.

    Args:
        values: Values on every input, such as one logit, the shape of ``op.table`` or ``(N,)``; or several columns,
            such as all logits, on one more axis. Each column is centered, and the variances are added up.
        op: The operation whose inputs they are. An operand has the operation's own basis if its tokens are those of the
            answers, and the Fourier basis on their places otherwise.

    Returns:
        Shares in [0, 1], float64, one axis per operand, shape ``(1 + K_1, …, 1 + K_k)`` for operands of ``K_i``
        frequencies in addition to the constant. Entry (0, …, 0) is 0.

    Raises:
        TypeError: If ``values`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite; if the operation has some inputs only.

    See Also:
        :func:`logit_spectrum`: shares of frequencies of the answer, also if only some inputs exist.
        :func:`neuron_spectrum`: the part of one frequency, for each neuron of a layer.

    References:
        Barak et al. (2022), "Hidden progress in deep learning" (arXiv 2207.08799), for parities.

    Example:
        >>> op = pm.parity(4, of=(0, 3))
        >>> share = pm.input_spectrum(op.table.double(), op)
        >>> share.shape, round(float(share[1, 0, 0, 1]), 6)
        (torch.Size([2, 2, 2, 2]), 1.0)
    """
    check_all_inputs(op)
    x = columns_on_inputs(values, op)
    shift = x[0].detach()  # leaves exact zeros of a constant
    scale = scale_of(x - shift)
    y = (x - shift) / scale
    centered = y - y.mean(0)
    bases = [op.operand_basis(axis) for axis in range(len(op.operands))]
    coefficients = along_operands(centered, [rows for rows, _ in bases])
    power = coefficients.square().sum(1).view([len(rows) for rows, _ in bases])
    for axis, (rows, of_rows) in enumerate(bases):
        if int(of_rows[-1]) + 1 < len(rows):
            power = sum_rows(power, of_rows, axis)
    inside = torch.ones_like(power)
    inside.view(-1)[0] = 0
    return share_of(power * inside, centered.square().sum(), (x / scale).square().sum(), x.numel())


def columns_on_inputs(values: object, op: Operation) -> Tensor:
    """Requires finite values on the inputs; returns them in float64, one row per input, ``(N, m)``."""
    x, grid = check_real(values, "values"), op.table.shape
    whole = (grid, (grid.numel(),))
    if x.shape not in whole and x.shape[:-1] not in whole:
        raise ValueError(
            f"`values` must have one entry per input of the operation, shape {tuple(grid)} or ({grid.numel()},), and "
            f"perhaps one axis more. Got {shape_of(x)}."
        )
    if x.numel() == 0:
        raise ValueError(f"`values` must hold at least one value. Got shape {shape_of(x)}.")
    return check_finite(x, "values").to(torch.float64).reshape(grid.numel(), -1)


def neuron_spectrum(activations: Array, op: Operation) -> Tensor:
    r"""The share of each neuron's centered variance that each frequency of the inputs explains.

    With the basis rows r of frequency k, and the constant row 0,

    .. math:: \frac{\sum_{i, j \in \{0\} \cup k, \, (i, j) \ne (0, 0)}
              \big( \sum_{a, b} F_i(a) F_j(b) \, h(a, b) \big)^2}{\sum_{a, b} \big( h(a, b) - \bar h \big)^2}

    So frequency k explains as much as the best polynomial of degree two in its waves does: a combination of the
    products {1, cos, sin} w_k a times {1, cos, sin} w_k b, without the constant. The shares of a neuron add up to at
    most 1; the remaining variance mixes frequencies. A neuron that does not vary is dead, and all its shares are zero.

    Args:
        activations: Activations on the grid, axes ``(a, b, neuron)``, shape ``(n, n, m)`` or ``(n*n, m)``.
        op: The operation whose basis is used for both operands.

    Returns:
        Shares in [0, 1], float64, shape ``(m, len(op.frequencies))``.

    Raises:
        TypeError: If ``activations`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite.

    See Also:
        :func:`neuron_frequencies`: the one frequency of each neuron, from these shares.
        :func:`input_spectrum`: all frequencies of the inputs, also mixed ones, for the whole layer.

    References:
        Nanda et al. (2023), section 4.3.

    Example:
        >>> wave = torch.cos(2 * torch.pi / 7 * torch.arange(7))
        >>> neurons = torch.stack([wave[:, None] * wave, torch.ones(7, 7)], dim=-1)
        >>> [[round(share, 6) for share in neuron] for neuron in pm.neuron_spectrum(neurons, pm.addition(7)).tolist()]
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    check_pairs(op, "a neuron's polynomial has products of functions of a and of b", remedy=REMEDY, of_some=OF_SOME)
    x = check_on_grid(activations, op, "activations", "(a, b, neuron)").view(op.n, op.n, -1)
    # Subtracting a constant from a neuron changes no variance. One of its own values leaves numbers as small as its
    # variation.
    shift = x[0, 0].detach().to(torch.float64)
    variation = torch.zeros_like(shift)
    for _, block in blocks(x.detach()):
        variation = torch.maximum(variation, torch.maximum(block.amax((0, 1)) - shift, shift - block.amin((0, 1))))
    scale = one_where_zero(variation)
    waves = fourier_basis(op.n, device="cpu")
    cyclic = torch.equal(op.row_frequency, row_frequency(op.n)) and all(
        torch.equal(op.operand_basis(axis)[0], waves) for axis in (0, 1)
    )
    moments_of = _cyclic_moments if cyclic else _moments
    power, squares, mean = moments_of(x, shift, scale, op)
    raw = squares + (op.n * (shift / scale)).square()  # to within a factor of 2
    return share_of(power, (squares - op.n**2 * mean.square())[:, None], raw[:, None], op.n**2)


def _moments(x: Tensor, shift: Tensor, scale: Tensor, op: Operation) -> tuple[Tensor, Tensor, Tensor]:
    """The power in each frequency's block, ``(m, K)``, the sum of squares and the mean of y = (x - shift) / scale."""
    frequency, n = op.row_frequency, op.n
    of_a, of_b = (op.operand_basis(axis)[0].to(x.device) for axis in (0, 1))
    constant_and_own = torch.cat([of_b[:1].expand(1 + len(op.frequencies), 1, -1), rows_by_frequency(of_b, op)], 1)
    moments = []
    for neurons, shifts, scales in zip(
        *(torch.split(y, block_length(n**2, x.device), -1) for y in (x, shift, scale)), strict=True
    ):
        y = (neurons - shifts) / scales
        along_a = torch.tensordot(of_a, y, 1)  # coefficients in the basis of a, (row, b, neuron)
        # A frequency's block combines its rows along a with its rows and the constant along b, and the constant along a
        # with its rows along b.
        power = (constant_and_own[frequency] @ along_a).square().sum(1) + (of_b @ along_a[0]).square()
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
