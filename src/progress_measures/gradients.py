"""Comparisons of gradients: whether training on one loss lowers another, whether order matters, and gradient noise.

Pass each loss as a function ``model -> number`` that uses the same data at every call. It is called with the model in
evaluation mode, and random numbers that it draws are the same at every call.
"""

import warnings
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from progress_measures._checks.values import check_number, type_name
from progress_measures._derivatives import Loss, check_parameters, check_precision, flat, gradient, unflat
from progress_measures._model_state import with_values
from progress_measures._scaling import one_where_zero, scale_of

__all__ = ["commutator_defect", "cosine", "noise_scale"]

ROUNDED = 10  # the rounding error of a gradient, in epsilons of its norm
LONG = 1e-3  # the length of a step that rounding does not hide, as a share of the norm of the parameters
LOST = 0.1  # the share of a defect that may be rounding error without a warning


def cosine(first: Loss, second: Loss, model: nn.Module) -> Tensor:
    r"""The cosine of the angle between the gradients of two losses.

    .. math:: \frac{\langle \nabla \ell_1, \nabla \ell_2 \rangle}{\lVert \nabla \ell_1 \rVert \,
              \lVert \nabla \ell_2 \rVert}

    If it is positive, a small step of gradient descent on one loss lowers the other; if it is negative, the step raises
    the other. A gradient of zero has no direction, so its cosine is set to 0. Multiplying a loss by a positive number
    does not change the cosine.

    Args:
        first: A function from the model to a loss, such as the training loss.
        second: Another such function, such as the test loss.
        model: The model. The gradients are over all parameters that require a gradient, each counted once.

    Returns:
        The cosine in [-1, 1], float64, shape ``()``. It has no gradient, because differentiating gradients would take
        several times the memory of one backward pass.

    Raises:
        TypeError: If ``model`` is not a module, or a loss is no function or returns no real tensor.
        ValueError: If no parameter requires a gradient, or a loss returns more than one number, has no graph, depends
            on no parameter, or is not finite.

    See Also:
        :func:`commutator_defect`: whether the order of two steps matters.
        :func:`noise_scale`: how much the gradients of many batches agree.

    References:
        Du et al. (2018), arXiv 1812.02224, for an auxiliary and a main loss. The comparison of training and test loss
        is this library's own.

    Example:
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
        >>> pm.gradients.cosine(lambda model: model(x).sum(), lambda model: model(y).sum(), model)
        tensor(0.7071, dtype=torch.float64)
    """
    one, other = (gradient(loss, model, name) for loss, name in ((first, "first"), (second, "second")))
    one, other = one / scale_of(one), other / scale_of(other)
    return (one @ other / one_where_zero(one.norm() * other.norm())).clamp(-1, 1)


def commutator_defect(first: Loss, second: Loss, model: nn.Module, *, lr: float) -> Tensor:
    r"""How much the order of two gradient steps matters.

    Let :math:`\theta_{AB}` be the parameters after a plain gradient step on the first loss and then one on the second,
    :math:`\theta_{BA}` those after the same steps in the other order, and :math:`g_A, g_B` the gradients before both.
    The defect is

    .. math:: \frac{\lVert \theta_{AB} - \theta_{BA} \rVert}
              {\lVert \mathrm{lr} \, g_A \rVert \, \lVert \mathrm{lr} \, g_B \rVert}

    As the steps become small, it tends to :math:`\lVert H_A g_B - H_B g_A \rVert / (\lVert g_A \rVert \, \lVert g_B
    \rVert)`, with the Hessians :math:`H`. This limit depends neither on ``lr`` nor on positive factors of the losses.
    The defect is 0 if both losses are the same or both are linear. It is set to 0 if a gradient is zero before the
    steps.

    The parameters are replaced while a loss is computed, and afterwards put back unchanged. To avoid cancellation in
    float32, the difference of the parameters is computed from gradients, as
    :math:`\mathrm{lr} \, (g_A(\theta_B) - g_A) - \mathrm{lr} \, (g_B(\theta_A) - g_B)`. A warning says if rounding may
    still be more than a tenth of the defect, as with small gradients. Then measure ``copy.deepcopy(model).double()``
    with inputs in float64.

    Args:
        first: A function from the model to a loss, such as the loss of one batch.
        second: Another such function, such as the loss of another batch.
        model: The model, with parameters of 32 or 64 bits. The steps move the parameters that require a gradient.
        lr: The size of the steps, above 0. It may differ from the learning rate of the training.

    Returns:
        The defect, at least 0, float64, shape ``()``. It has no gradient, for the reason given at :func:`cosine`.

    Raises:
        TypeError: If ``model`` is not a module, has parameters of 16 bits, or a loss is no function
            or returns no real tensor.
        ValueError: If ``lr`` is not above 0, no parameter requires a gradient, or a loss returns more than one number,
            has no graph, depends on no parameter, or is not finite, before or after a step.

    Warns:
        RuntimeWarning: If rounding may be more than a tenth of the defect.

    See Also:
        :func:`cosine`: whether a step on one loss lowers the other, at the cost of two gradients instead of four.

    References:
        Xu (2026), arXiv 2602.16746, section 3.2, who takes the median over nine pairs of batches. The paper's code
        computes in training mode and subtracts parameters.

    Example:
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> curved = lambda model: model.weight[0, 0] * model.weight[0, 1]
        >>> linear = lambda model: model.weight[0, 0]
        >>> _ = torch.nn.init.ones_(model.weight)
        >>> pm.gradients.commutator_defect(curved, linear, model, lr=0.01)
        tensor(0.7071, dtype=torch.float64)
    """
    size = check_number(lr, "lr", above=0)
    parameters = check_parameters(model)
    check_precision(parameters, "a small step would be rounded away")
    of_first, of_second = gradient(first, model, "first"), gradient(second, model, "second")
    second_moves, lost = _change(second, model, of_first, of_second, size, "second")
    first_moves, lost_too = _change(first, model, of_second, of_first, size, "first")
    apart, norms = (first_moves - second_moves).norm(), of_first.norm() * of_second.norm()
    rounding = ROUNDED * max(torch.finfo(x.dtype).eps for x in parameters) * (of_first.norm() + of_second.norm())
    share = float(rounding / apart) if apart > 0 else 0.0
    if apart == 0 and _bends(first, second, model, of_first, of_second):
        share = 1.0
    _warn_of_rounding(size, max(lost, lost_too, share))
    return torch.where(norms > 0, apart / (size * one_where_zero(norms)), 0.0)


def noise_scale(losses: Iterable[Loss], model: nn.Module) -> Tensor:
    r"""The number of batches over which to average the gradient until its noise is as small as its signal.

    With the gradients :math:`g_i` of the losses of m batches and their mean :math:`\bar g`, the noise scale is

    .. math:: \frac{S}{\lVert \bar g \rVert^2 - S / m}, \quad
              S = \frac{1}{m - 1} \sum_i \lVert g_i - \bar g \rVert^2

    The numerator estimates the trace of the covariance of one batch's gradient. The denominator is an unbiased estimate
    of the squared norm of the expected gradient. The noise scale is 0 if all gradients are the same. It is infinite if
    the mean gradient is no larger than noise alone would make it: then pass more batches. Multiplying all losses by a
    positive number does not change it. Multiply it by the batch size to get the simple noise scale, in examples.

    Args:
        losses: At least two functions from the model to a loss. Each computes the loss of its own batch; all batches
            have the same size.
        model: The model. The gradients are over all parameters that require a gradient, each counted once.

    Returns:
        The noise scale in batches, at least 0, float64, shape ``()``. It has no gradient, for the reason given at
        :func:`cosine`.

    Raises:
        TypeError: If ``model`` is not a module, ``losses`` are no functions, or one returns no real tensor.
        ValueError: If there are fewer than two losses, no parameter requires a gradient, or a loss returns more than
            one number, has no graph, depends on no parameter, or is not finite.

    See Also:
        :func:`cosine`: the agreement of two gradients, such as those of training and test loss.

    References:
        McCandlish et al. (2018), arXiv 1812.06162, section 2.2 and appendix A.1, with the two batch sizes 1 and m.

    Example:
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> losses = [lambda model, x=x: x * model.weight.sum() for x in (1.0, 2.0, 3.0)]
        >>> pm.gradients.noise_scale(losses, model)  # variance 1, mean 2
        tensor(0.2727, dtype=torch.float64)
    """
    if not isinstance(losses, Iterable):
        raise TypeError(f"`losses` must be a list of functions, each of a batch of its own. Got {type_name(losses)}.")
    functions = list(losses)
    count = len(functions)
    if count < 2:
        raise ValueError(f"`losses` must be at least two, each of a batch of its own. Got {count}.")
    # Welford's algorithm: only one gradient is in memory at a time, besides the mean.
    mean, deviations = gradient(functions[0], model, "losses[0]"), 0.0
    for place, loss in enumerate(functions[1:], start=1):
        away = gradient(loss, model, f"losses[{place}]") - mean
        mean = mean + away / (place + 1)
        deviations = deviations + float(away @ away) * place / (place + 1)
    noise = deviations / (count - 1)
    signal = float(mean @ mean) - noise / count
    found = noise / signal if signal > 0 else float("inf") if noise > 0 else 0.0
    return mean.new_tensor(found)


def _change(loss: Loss, model: nn.Module, step: Tensor, before: Tensor, lr: float, name: str) -> tuple[Tensor, float]:
    """The change that a step makes to the gradient of a loss, and the share of the step that is lost to rounding."""
    parameters = check_parameters(model)
    with torch.inference_mode(False), torch.no_grad():  # tensors made in inference mode could have no gradient later
        origin, wanted = flat(parameters), lr * step
        moved = unflat(origin - wanted, parameters)
        lost = (origin - flat(moved) - wanted).norm() / one_where_zero(wanted.norm())
    with with_values(parameters, moved):
        return gradient(loss, model, name) - before, float(lost)


def _bends(first: Loss, second: Loss, model: nn.Module, of_first: Tensor, of_second: Tensor) -> bool:
    """Whether the order of two long steps matters. If it does, rounding hides that the order of short ones matters."""
    size = float(flat(check_parameters(model)).norm()) or 1.0
    lr = LONG * size / (max(float(of_first.norm()), float(of_second.norm())) or 1.0)
    second_moves, _ = _change(second, model, of_first, of_second, lr, "second")
    first_moves, _ = _change(first, model, of_second, of_first, lr, "first")
    return not torch.equal(first_moves, second_moves)


def _warn_of_rounding(lr: float, share: float) -> None:
    if share > LOST:
        warnings.warn(
            f"`lr` should move the model by more than rounding does. Got {lr:g}, and rounding may be {share:.0%} of "
            "the defect. Pass a larger one, or a copy of the model in float64, copy.deepcopy(model).double(), with "
            "inputs in float64.",
            RuntimeWarning,
            stacklevel=3,
        )
