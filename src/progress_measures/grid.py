"""A model's logits on every pair of inputs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from progress_measures import _checks
from progress_measures.operations import Operation


def grid_logits(
    predict: Callable[[Tensor], Tensor],
    op: Operation,
    batch_size: int | None = None,
    *,
    requires_grad: bool = False,
) -> Tensor:
    """The logits of every answer to every pair of inputs.

    A ``predict`` that is a module is run in evaluation mode, and each of its submodules is put back into the mode it
    was in. Logits are kept in the model's dtype; the measures that read them compute in float64.

    Args:
        predict: From tokens, int64, shape ``(batch, 2)``, to the logits at the answer position, shape ``(batch, V)``:
            a model, or a function around one, which has to put the model into evaluation mode itself. Tokens lie on
            the first parameter's device if it is a module, else on the CPU.
        op: The operation whose pairs are fed, and by whose elements the V columns are gathered.
        batch_size: Pairs per call; all at once if None.
        requires_grad: Whether the result carries a graph back to the parameters.

    Returns:
        Logits, axes ``(a, b, c)``, shape ``(n, n, n)``, in the dtype and on the device of what ``predict`` returns.

    Raises:
        TypeError: If ``predict`` cannot be called or does not return a real tensor.
        ValueError: If it returns another shape, too few columns, or NaN or infinities.

    Example:
        >>> op = pm.addition(5)
        >>> def predict(pairs):
        ...     return torch.nn.functional.one_hot(pairs.sum(1) % 5, 6)  # a column too many, for "="
        >>> bool((pm.grid_logits(predict, op, batch_size=10).argmax(-1) == op.table).all())
        True
    """
    _checks.function(predict, "predict")
    _checks.operation(op)
    size = op.n**2 if batch_size is None else _checks.integer(batch_size, "batch_size", at_least=1)
    with torch.set_grad_enabled(requires_grad), _evaluation(predict):
        columns = [_columns(predict, pairs, op) for pairs in torch.split(op.pairs.to(_device(predict)), size)]
        logits = torch.cat(columns).reshape(op.n, op.n, op.n)
    return _checks.finite(logits, "logits", "(a, b, c)")


def _columns(predict: Callable[[Tensor], Tensor], pairs: Tensor, op: Operation) -> Tensor:
    logits = _checks.predicted(predict(pairs), len(pairs), int(op.elements.max()) + 1)
    return logits.index_select(1, op.elements.to(logits.device))


def _device(predict: Callable[[Tensor], Tensor]) -> torch.device:
    parameter = next(predict.parameters(), None) if isinstance(predict, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device


@contextmanager
def _evaluation(predict: Callable[[Tensor], Tensor]) -> Iterator[None]:
    modes = [(module, module.training) for module in predict.modules()] if isinstance(predict, nn.Module) else []
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training
