"""Spectra along an axis over the elements, and of logits as functions of the answer."""

import torch
from torch import Tensor

from progress_measures._blocks import blocks
from progress_measures._checks.tensors import Array
from progress_measures._scaling import one_where_zero, scale_of
from progress_measures.fourier import sum_rows
from progress_measures.operations.checks import check_columns, check_logits, check_operation
from progress_measures.operations.on_grid import answer_means, input_weights
from progress_measures.operations.operation import Operation
from progress_measures.spectra.inputs import columns_on_inputs
from progress_measures.spectra.shares import share_of


def spectrum(x: Array, op: Operation, dim: int = 0) -> Tensor:
    r"""The power of weights in each frequency, along an axis over the operation's elements.

    With the basis rows r of frequency k, and the columns :math:`x_j` of all other axes,

    .. math:: p_k = \sum_{r \in k} \sum_j \langle F_r, x_j \rangle^2

    Together with the constant's power, the powers add up to the squared Frobenius norm. Rotating the other axes does
    not change them. The norm of a frequency is the square root of its power.

    Args:
        x: Weights with one entry per element along ``dim``, such as the embedding W_E or the neuron-logit map W_L.
        op: The operation whose basis is used.
        dim: The axis over the elements.

    Returns:
        Powers, float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If ``x`` is neither tensor nor array, or is complex.
        ValueError: If ``x`` does not have n entries along ``dim``, or is not finite.

    See Also:
        :func:`logit_spectrum`: for logits, as shares of their variance.
        :func:`frequency_power`: along several axes at once, without an operation.
        :func:`key_frequencies`: which frequencies of a spectrum stand out.

    References:
        Nanda et al. (2023), section 4.1 and appendix C.2.

    Example:
        >>> pm.spectrum(torch.tensor([1.0, -1.0, 1.0, -1.0]), pm.addition(4))
        tensor([0., 4.], dtype=torch.float64)
    """
    columns, _ = check_columns(x, op, dim)
    return sum_rows((op.basis.to(columns.device) @ columns).square().sum(1), op.row_frequency, 0)[1:]


def logit_spectrum(logits: Array, op: Operation) -> Tensor:
    r"""The share of the logits' centered variance that lies in each frequency of the answer.

    With the mean logits M(t, c) over the :math:`N_t` inputs whose answer is t, and their mean :math:`\bar L(c)` over
    the answers,

    .. math:: \frac{\sum_{r \in k} \sum_c \big( \sum_t F_r(t) M(t, c) \big)^2}
              {\sum_x \sum_c \big( L(x, c) - \bar L(c) \big)^2 / N_{s(x)}}

    So each answer counts once, however many inputs it has. The shares add up to at most 1; the remaining variance does
    not depend on the answer alone. They are the shares of the parts that ``restrict(…, terms="sum")`` keeps. If the
    logits do not vary, all shares are zero.

    A number that is added to all logits of an input changes no cross-entropy, but it changes these shares: a part that
    depends on the answer and is the same for every output c counts. To leave such parts out, pass
    ``logits - logits.mean(-1, keepdim=True)``. In the bundled networks that generalize they hold at most 2e-5 of
    the variance.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.

    Returns:
        Shares in [0, 1], float64, shape ``(len(op.frequencies),)``.

    Raises:
        TypeError: If ``logits`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite.

    See Also:
        :func:`input_spectrum`: shares of frequencies of the inputs, which add up to 1.
        :func:`answer_spectrum`: the same for neurons or other values.
        :func:`cosine_coefficients`: only the part along cos w_k (s - c), with its sign.

    References:
        Nanda et al. (2023), section 4.2; the sum terms of section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> [round(share, 6) for share in pm.logit_spectrum(wave, op).tolist()]
        [0.0, 0.0, 1.0]
    """
    return _share_by_answer(check_logits(logits, op), op)


def answer_spectrum(values: Array, op: Operation) -> Tensor:
    r"""The share of the centered variance that lies in each frequency of the answer, for any values on the inputs.

    With the means H(t, i) of column i over the :math:`N_t` inputs whose answer is t,

    .. math:: \frac{\sum_{r \in k} \sum_i \big( \sum_t F_r(t) H(t, i) \big)^2}
              {\sum_x \sum_i \big( h_i(x) - \bar h_i \big)^2 / N_{s(x)}}, \quad \bar h_i = \frac{1}{n} \sum_t H(t, i)

    This is :func:`logit_spectrum` for any number of columns, such as the neurons of a layer. The shares add up to at
    most 1. Their sum, ``answer_spectrum(values, op).sum()``, is the share that depends on the answer alone: about
    (n - 1) / (N - 1) for noise on N inputs, which is 1 / (n + 1) for all pairs.

    With :func:`input_spectrum` you can tell how much of the neurons, at frequency k, is a function of a, of b and of
    a∘b: ``input_spectrum(neurons, op)[k, 0]``, ``input_spectrum(neurons, op)[0, k]`` and
    ``answer_spectrum(neurons, op)[k - 1]``.

    Args:
        values: Values on every input, such as one neuron, the shape of ``op.table`` or ``(N,)``; or several columns,
            such as all neurons, on one more axis. Each column is centered, and the variances are added up.
        op: The operation that defines the answers.

    Returns:
        Shares in [0, 1], float64, shape ``(len(op.frequencies),)``; differentiable.

    Raises:
        TypeError: If ``values`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite.

    See Also:
        :func:`neuron_spectrum`: each neuron separately.

    References:
        Chughtai et al. (2023), "A toy model of universality" (arXiv 2302.03025): the share of the neurons that the
        matrix entries of ρ(ab) explain.

    Example:
        >>> op = pm.addition(7)
        >>> waves = torch.cos(2 * torch.pi * 3 / 7 * torch.stack([op.table, op.operands[0][:, None].expand(7, 7)], -1))
        >>> [round(share, 6) for share in pm.spectra.answer_spectrum(waves, op).tolist()]
        [0.0, 0.0, 0.5]
    """
    x = columns_on_inputs(values, check_operation(op))
    return _share_by_answer(x / scale_of(x), op)  # so that no sum overflows


def _share_by_answer(x: Tensor, op: Operation) -> Tensor:
    """The share of each frequency of the answer in the centered variance of values, ``(N, m)``."""
    largest = [torch.maximum(block.amax(), -block.amin()) for _, block in blocks(x.detach())]
    scale = one_where_zero(torch.stack(largest).amax())
    means = answer_means(x, op) / scale
    mean, weights, per_answer = means.mean(0), input_weights(op, x.device), len(x) / op.n
    squares = [
        _weighted((block.to(torch.float64) / scale - mean).square(), weights, start) for start, block in blocks(x)
    ]
    centered = torch.stack(squares).sum()
    power = per_answer * sum_rows((op.basis.to(x.device) @ means).square().sum(1), op.row_frequency, 0)[1:]
    return share_of(power, centered, centered + len(x) * mean.square().sum(), x.numel())


def cosine_coefficients(logits: Array, op: Operation) -> Tensor:
    r"""The coefficients of the logits along cos w_k (s - c) for each frequency k, where s is the answer.

    .. math:: \langle L, T_k \rangle, \quad T_k(x, c) = \cos(w_k (s(x) - c)) / \lVert \cdot \rVert

    The inner product is :math:`\frac{N}{n} \sum_x \sum_c L(x, c) \, T_k(x, c) / N_{s(x)}` for N inputs, of which
    :math:`N_t` have the answer t: each answer counts once. The waves T_k have length 1. They are orthogonal to each
    other, and to everything that depends only on the input or only on the output. So the coefficients are also those of
    a least-squares fit, ``restrict(…, terms="aligned")``. The amplitude of a wave is its coefficient times
    :math:`\sqrt{2 / (N n)}`, or :math:`\sqrt{1 / (N n)}` for k = n/2; for pairs N = n².

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers. If it is not cyclic, T_k is the kernel of the projection onto the
            frequency's rows, scaled to length 1.

    Returns:
        Coefficients, float64, shape ``(len(op.frequencies),)``; differentiable.

    Raises:
        TypeError: If ``logits`` are neither tensor nor array, or complex.
        ValueError: If they do not have the shape above, or are not finite.

    See Also:
        :func:`logit_spectrum`: everything that depends on the answer through frequency k, as a share.

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
    per_answer = len(x) / op.n
    along = (per_answer * (basis @ answer_means(x, op)) * basis).sum(1)
    rows = torch.bincount(op.row_frequency)[1:].to(along)
    return sum_rows(along, op.row_frequency, 0)[1:] / (per_answer * rows).sqrt()


def power_of_means(means: Tensor, op: Operation) -> Tensor:
    """The power of the mean logits of each answer, ``(s, c)``, minus each answer's mean over all outputs c."""
    return spectrum(means - means.mean(1, keepdim=True), op)


def _weighted(squares: Tensor, weights: Tensor | None, start: int) -> Tensor:
    """The sum of a block of squares, each row weighted by its input; ``start`` is the index of the first row."""
    if weights is None:
        return squares.sum()
    return weights[start : start + len(squares)] @ squares.sum(1)
