"""Gradients of two losses beside each other: whether training on one lowers the other, and whether the order matters.

A loss is a function ``model -> number`` that computes it with the model that it is given. It is taken in evaluation
mode; each time, it draws the same random numbers. It has to use the same data each time.
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

ROUNDED = 10  # by how many epsilons of its norm a gradient may be off
LONG = 1e-3  # of the norm of the parameters, for a step that rounding does not hide
LOST = 0.1  # the share of a defect that may be rounding without a word


def cosine(first: Loss, second: Loss, model: nn.Module) -> Tensor:
    r"""The cosine of the angle between the gradients of two losses.

    .. math:: \frac{\langle \nabla \ell_1, \nabla \ell_2 \rangle}{\lVert \nabla \ell_1 \rVert \,
              \lVert \nabla \ell_2 \rVert}

    A small step of gradient descent on one loss lowers the other if it is positive, and raises it if it is negative. A
    gradient of zero has no direction, so its cosine counts as 0. Multiplying a loss by a positive number does not
    change it.

    Args:
        first: A function from the model to a loss, such as that of the training data.
        second: Another, such as that of the test data.
        model: The model. All of its parameters that require a gradient take part, each once.

    Returns:
        The cosine in [-1, 1], float64, shape ``()``. It has no gradient: a graph of the gradients themselves would take
        several times the memory of one backward pass.

    Raises:
        TypeError: If ``model`` is not a module, or a loss is no function or returns no real tensor.
        ValueError: If no parameter requires a gradient, or a loss returns more than one number, has no graph, depends
            on no parameter, or is not finite.

    References:
        Du et al. (2018), arXiv 1812.02224, for an auxiliary loss beside the main one. For training and test loss: own.

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
    r"""How much it matters which of two gradient steps is made first.

    With the parameters :math:`\theta_{AB}` after a plain step on the first loss and then one on the second,
    :math:`\theta_{BA}` after the same in the other order, and the gradients :math:`g_A, g_B` before,

    .. math:: \frac{\lVert \theta_{AB} - \theta_{BA} \rVert}
              {\lVert \mathrm{lr} \, g_A \rVert \, \lVert \mathrm{lr} \, g_B \rVert}

    For small steps it is the norm of :math:`H_A g_B - H_B g_A` over those of the gradients, with the Hessians
    :math:`H`. Then it depends neither on the step nor on numbers that a loss is multiplied by. It is 0 if the losses
    are the same, or both are linear; and if a gradient is zero to begin with, because there is then no step to compare
    with.

    Other numbers take the parameters' place while a loss is computed, and the same tensors are put back. The difference
    is computed from that of the gradients,
    :math:`\mathrm{lr} \, (g_A(\theta_B) - g_A) - \mathrm{lr} \, (g_B(\theta_A) - g_B)`, because little of it is left
    where parameters are subtracted in float32. Where rounding may still be more than a tenth of it, as it is with small
    gradients, it is warned of: measure ``copy.deepcopy(model).double()`` then, with inputs in float64.

    Args:
        first: A function from the model to a loss, such as that of one batch.
        second: Another, such as that of another batch.
        model: The model, with parameters of 32 or 64 bits. Those that require a gradient are moved.
        lr: The size of the steps, above 0. It need not be that of the training.

    Returns:
        The defect, float64, shape ``()``. It has no gradient, for the reason given at :func:`cosine`.

    Raises:
        TypeError: If ``model`` is not a module, has parameters of 16 bits, or a loss is no function
            or returns no real tensor.
        ValueError: If ``lr`` is not above 0, no parameter requires a gradient, or a loss returns more than one number,
            has no graph, depends on no parameter, or is not finite, here or after a step.

    References:
        Xu (2026), arXiv 2602.16746, section 3.2, with the median over nine pairs of batches. The code there computes in
        training mode, and subtracts parameters.

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
    r"""How many batches the gradient has to be averaged over until noise is no larger than signal.

    With the gradients :math:`g_i` of the losses of m batches and their mean :math:`\bar g`,

    .. math:: \frac{S}{\lVert \bar g \rVert^2 - S / m}, \quad
              S = \frac{1}{m - 1} \sum_i \lVert g_i - \bar g \rVert^2

    The numerator is the trace of the covariance of the gradient of one batch. The denominator estimates the square of
    the expected gradient without bias. It is 0 if all gradients are the same. Where the mean is no larger than noise
    alone would make it, it is infinite: more batches may tell. Times the size of a batch it is the simple noise scale,
    in examples.

    Args:
        losses: Functions from the model to a loss, at least two, each of a batch of its own, all of one size.
        model: The model. All of its parameters that require a gradient take part, each once.

    Returns:
        The noise scale in batches, at least 0, float64, shape ``()``. It has no gradient, for the reason given at
        :func:`cosine`.

    Raises:
        TypeError: If ``model`` is not a module, ``losses`` are no functions, or one returns no real tensor.
        ValueError: If there are fewer than two losses, no parameter requires a gradient, or a loss returns more than
            one number, has no graph, depends on no parameter, or is not finite.

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
    # One gradient in memory at a time, beside the mean and the squared deviations from it (Welford).
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
    """By how much a step changes the gradient of a loss; and what share of the step is lost to rounding."""
    parameters = check_parameters(model)
    with torch.inference_mode(False), torch.no_grad():  # where numbers could have no gradient afterwards
        origin, wanted = flat(parameters), lr * step
        moved = unflat(origin - wanted, parameters)
        lost = (origin - flat(moved) - wanted).norm() / one_where_zero(wanted.norm())
    with with_values(parameters, moved):
        return gradient(loss, model, name) - before, float(lost)


def _bends(first: Loss, second: Loss, model: nn.Module, of_first: Tensor, of_second: Tensor) -> bool:
    """Whether the order of two long steps matters: if so, that of short ones does not seem to because of rounding."""
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
