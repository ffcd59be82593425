"""The curvature of a loss around a model's parameters: the trace of the Hessian and its largest eigenvalue.

Pass the loss as a function ``model -> number``; it is called with the model in evaluation mode. The Hessian of a large
model is never built. It is multiplied with vectors, and each product costs about as much as two gradients.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from progress_measures._checks.values import check_integer, check_seed
from progress_measures._derivatives import (
    Loss,
    check_parameters,
    check_precision,
    differentiable,
    flat,
    gradient_with_graph,
    hessian_product,
)

__all__ = ["hessian_trace", "largest_eigenvalue"]

SMALL = 32  # the largest number of parameters for which the whole matrix is built
TOLERANCE = 1e-4  # of the eigenvector's residual; the error of a well-separated eigenvalue is about its square
WHY = "differences of rounded gradients say little of curvature"


def hessian_trace(loss: Loss, model: nn.Module, *, samples: int = 10, seed: int = 0) -> Tensor:
    r"""An estimate of the trace of a loss's Hessian, the sum of its eigenvalues.

    With m random vectors v whose entries are 1 or -1 (Hutchinson's estimator), the estimate is

    .. math:: \frac{1}{m} \sum_{i=1}^m v_i^\top H v_i

    Its mean over draws is the trace, and its variance is :math:`\frac{2}{m} \sum_{i \ne j} H_{ij}^2`, so it is exact
    for a diagonal Hessian. The vectors depend only on the seed. At every step of a run they are the same, so only the
    model changes the estimate.

    Args:
        loss: A function from the model to a loss, such as the training loss. Its graph is kept in memory.
        model: The model, with parameters of 32 or 64 bits. The Hessian is over all parameters that require a gradient,
            each counted once.
        samples: The number m of vectors. Four times as many halve the error.
        seed: The seed of the draws; no global generator is used.

    Returns:
        The estimate, float64, shape ``()``. It has no gradient, which would need third derivatives of the loss.

    Raises:
        TypeError: If ``model`` is not a module or has parameters of 16 bits, ``loss`` is no function or returns no real
            tensor, or ``samples`` or ``seed`` are no integers.
        ValueError: If ``samples`` is less than 1, ``seed`` is negative, no parameter requires a gradient, or the loss
            returns more than one number, has no graph or no second derivatives, depends on no parameter, or is not
            finite.

    See Also:
        :func:`largest_eigenvalue`: the curvature in the sharpest direction, which limits the learning rate.

    References:
        Hutchinson (1989); Yao et al. (2020), "PyHessian", arXiv 1912.07145, section 3. For ReLU networks, both here
        and there, the Hessian leaves out the kinks.

    Example:
        >>> model = torch.nn.Linear(3, 1, bias=False)
        >>> loss = lambda model: (torch.tensor([1.0, 2.0, 3.0]) * model.weight.square()).sum()
        >>> pm.curvature.hessian_trace(loss, model)
        tensor(12., dtype=torch.float64)
    """
    count = check_integer(samples, "samples", at_least=1)
    generator = torch.Generator().manual_seed(check_seed(seed))
    parameters = check_parameters(model)
    check_precision(parameters, WHY)
    with differentiable(model):
        gradients = gradient_with_graph(loss, model, parameters)
        origin, found = flat(parameters), []
        for _ in range(count):
            signs = 2.0 * torch.randint(2, origin.shape, generator=generator, device="cpu") - 1
            vector = signs.to(origin)
            found.append(vector @ hessian_product(gradients, parameters, vector))
    return torch.stack(found).mean()


def largest_eigenvalue(loss: Loss, model: nn.Module, *, seed: int = 0) -> Tensor:
    r"""The largest eigenvalue of a loss's Hessian, the curvature in its sharpest direction (sharpness).

    .. math:: \lambda = \max_{\lVert v \rVert = 1} v^\top H v

    It is the largest eigenvalue by value, not by magnitude: it is negative if the loss curves down in every direction.
    Plain gradient descent is stable along the eigenvector if the learning rate is below :math:`2 / \lambda`.
    Multiplying the loss by a positive number multiplies :math:`\lambda` by it.

    For up to 32 parameters, the whole Hessian is computed. For more, restarted Lanczos iterations find the eigenvalue:
    ``scipy.sparse.linalg.eigsh`` with a tolerance of 1e-4 for the eigenvector. They keep 20 vectors in float64 on the
    CPU.

    Args:
        loss: A function from the model to a loss, such as the training loss. Its graph is kept in memory.
        model: The model, with parameters of 32 or 64 bits. The Hessian is over all parameters that require a gradient,
            each counted once.
        seed: The seed of the iterations' first vector; no global generator is used.

    Returns:
        The eigenvalue, float64, shape ``()``. It has no gradient, which would need third derivatives of the loss.

    Raises:
        TypeError: If ``model`` is not a module or has parameters of 16 bits, ``loss`` is no function or returns no real
            tensor, or ``seed`` is no integer.
        ValueError: If ``seed`` is negative, no parameter requires a gradient, or the loss returns more than one number,
            has no graph or no second derivatives, depends on no parameter, or is not finite.
        RuntimeError: If the iterations do not converge.

    See Also:
        :func:`hessian_trace`: the curvature over all directions together, at a fixed cost.

    References:
        Cohen et al. (2021), arXiv 2103.00065, section 2, who call it sharpness. PyHessian (arXiv 1912.07145) uses power
        iteration, which finds the eigenvalue of largest magnitude.

    Example:
        >>> model = torch.nn.Linear(3, 1, bias=False)
        >>> loss = lambda model: (torch.tensor([1.0, 2.0, -3.0]) * model.weight.square()).sum()
        >>> pm.curvature.largest_eigenvalue(loss, model)
        tensor(4., dtype=torch.float64)
    """
    start = np.random.default_rng(check_seed(seed))
    parameters = check_parameters(model)
    check_precision(parameters, WHY)
    with differentiable(model):
        gradients = gradient_with_graph(loss, model, parameters)
        origin = flat(parameters)

        def product(vector: np.ndarray) -> np.ndarray:
            found = hessian_product(gradients, parameters, torch.from_numpy(vector.copy()).to(origin))
            result: np.ndarray = found.cpu().numpy()
            return result

        return origin.new_tensor(_largest(product, len(origin), start))


def _largest(product: Callable[[np.ndarray], np.ndarray], size: int, rng: np.random.Generator) -> float:
    """The largest eigenvalue of a symmetric matrix that is given by its products with vectors."""
    if size <= SMALL:
        matrix = np.stack([product(row) for row in np.eye(size)])
        return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
    # Imported late: it takes longer than the rest of the room.
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    first = rng.standard_normal(size)
    length = float(np.linalg.norm(product(first)) / np.linalg.norm(first))
    if length == 0:
        return 0.0  # the matrix is zero, which `eigsh` does not accept
    # Scaled to eigenvalues of about 1, because the iterations take small ones for zero.
    operator = LinearOperator((size, size), matvec=lambda vector: product(vector) / length, dtype=np.float64)
    try:
        (found,) = eigsh(operator, k=1, which="LA", v0=first, tol=TOLERANCE, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        raise RuntimeError(
            "`loss` must have a Hessian whose largest eigenvalue stands apart from the next. The iterations did not "
            "converge. Compute the loss of a model in float64, whose products are more exact."
        ) from error
    return length * float(found)
