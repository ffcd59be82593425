"""The smallest margin of a network, divided by a power of the norm of its weights."""

import math

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_real
from progress_measures._checks.values import check_number, shape_of
from progress_measures.losses.filtered import chosen_rows
from progress_measures.losses.margins import margins
from progress_measures.operations.checks import check_logits, check_mask
from progress_measures.operations.operation import Operation


def normalized_margin(
    logits: Array, op: Operation, norm: Array | float, *, homogeneity: float, mask: Array | None = None
) -> Tensor:
    r"""The smallest margin of the right answer over any other, divided by a power of the norm of the weights.

    .. math:: \frac{1}{\lVert \theta \rVert^{\nu}} \min_x \Big( L(x, s(x)) - \max_{c \ne s(x)} L(x, c) \Big)

    It is above 0 exactly if every chosen input has the right answer. If multiplying the weights by t multiplies the
    logits by :math:`t^\nu`, the measure does not depend on the scale of the weights. Otherwise it does.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        norm: The norm of the weights, one number, such as ``pm.sum_squared_weights(model).sqrt()``.
        homogeneity: The exponent ν, for a network without biases: 2 for two layers with ReLUs, 3 for two layers with
            squares.
        mask: The inputs to take the minimum over, such as the training inputs, bool, the shape of ``op.table`` or
            ``(N,)``; all if None.

    Returns:
        The margin, float64, shape ``()``; differentiable where a single input and a single wrong answer attain the
        minimum.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, or the mask is empty; if
            there is only one answer; if ``norm`` or ``homogeneity`` is not above 0.

    See Also:
        :func:`accuracy`: the share of inputs with a margin above 0.
        :func:`parameter_norms`: norms of single parameters, for a norm of your own.

    References:
        Morwani et al. (2023), "Feature emergence via margin maximization" (arXiv 2311.07568), section 2. Their norm is
        the 3-norm of the 2-norms of neurons, each with the weights into and out of it.

    Example:
        >>> op = pm.addition(5)
        >>> right = torch.nn.functional.one_hot(op.table, 5)
        >>> pm.losses.normalized_margin(8.0 * right, op, 2.0, homogeneity=2)
        tensor(2., dtype=torch.float64)
    """
    x = check_logits(logits, op)
    chosen, size = check_mask(mask, op, x.device), _check_norm(norm)
    power = check_number(homogeneity, "homogeneity", above=0)
    if op.n < 2:
        raise ValueError(f"`op` must have at least two answers. Got {op!r}.")
    rows = chosen_rows(x, op.table.flatten().to(x.device), chosen)
    closest = torch.stack([margins(values, answers).amax() for values, answers in rows]).amax()
    scale = size.to(x.device) ** power
    if not 0 < float(scale.detach()) < math.inf:
        number = float(size.detach())
        raise ValueError(f"`norm` must have a power that float64 can hold. Got {number:g} to the power {power:g}.")
    return -closest / scale


def _check_norm(norm: object) -> Tensor:
    """Requires one number above 0; returns it in float64, with its graph."""
    given = torch.tensor(norm, dtype=torch.float64, device="cpu") if isinstance(norm, int | float) else norm
    size = check_finite(check_real(given, "norm"), "norm").to(torch.float64)
    if size.numel() != 1:
        raise ValueError(f"`norm` must be one number. Got shape {shape_of(size)}.")
    if not float(size.detach()) > 0:
        raise ValueError(f"`norm` must be above 0. Got {float(size.detach()):g}.")
    return size.reshape(())
