"""A model's logits on every input."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from progress_measures import _files
from progress_measures._blocks import Progress, every_one
from progress_measures._checks.tensors import check_dense, check_finite, check_tensor, wide
from progress_measures._checks.values import (
    check_callable,
    check_integer,
    check_path,
    check_progress,
    shape_of,
    type_name,
)
from progress_measures._model_state import evaluation, token_device
from progress_measures.ablation.checks import check_hookable
from progress_measures.ablation.passes import Fed, check_same_hooks, feeding
from progress_measures.ablation.sites import hooked
from progress_measures.operations.checks import check_operation, one_input, two_logits
from progress_measures.operations.operation import Operation

__all__ = ["grid_logits"]

BATCH = 2**24  # logits per call of ``predict`` if they go to a file


def grid_logits(
    predict: Callable[[Tensor], Tensor | np.ndarray],
    op: Operation,
    batch_size: int | None = None,
    *,
    requires_grad: bool = False,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Tensor:
    r"""The logits of every answer for every input.

    .. math:: L(x, c) = \mathrm{predict}(x)_{t(c)}

    for each row x of ``op.inputs`` and the token t(c) of answer c in ``op.elements``. Columns of other tokens are
    dropped.

    A module runs in evaluation mode, and each of its submodules returns to its own mode afterwards. Several threads may
    share a module only if it is in evaluation mode already, because they share its mode. Logits keep the model's dtype;
    the measures that read them compute in float64.

    Args:
        predict: A model, or a function that calls one. It takes tokens, an int64 tensor of shape ``(batch, k)`` for k
            operands, and returns the logits at the answer position, shape ``(batch, V)``, as a tensor or a NumPy array.
            Tokens are on the device of a module's first parameter, and on the CPU for a function. A function must put
            its model into evaluation mode itself. Return rows in the order of the tokens; another order cannot be
            detected.
        op: The operation whose ``inputs`` are fed to the model. It keeps the columns of its elements.
        batch_size: Inputs per call. If None, all at once; if ``out`` is given, as many as make 16 million logits.
        requires_grad: Whether the result carries a graph back to the parameters.
        out: A file for logits that do not fit in memory; an existing file is replaced. It is a NumPy file, and every
            measure takes ``numpy.load(out, mmap_mode="r")`` instead of a tensor. The file stores bfloat16 as float32.
        progress: A function that wraps the list of batches, such as ``tqdm``, to show a progress bar.

    Returns:
        Logits, the shape of ``op.table`` plus an axis of answers: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``.
        They have the dtype and device that ``predict`` returns. With ``out`` they are on the CPU and live in the file.
        :func:`measure`, losses, accuracies and spectra read the file piece by piece; the terms ``"product"`` and
        ``"polynomial"`` and frequencies of the inputs need all of it in memory. Writing to the tensor writes to the
        file.

    Raises:
        TypeError: If ``predict`` cannot be called, or does not return a tensor or array of real numbers; or if it is
            compiled and :func:`ablated` or :func:`captured` has to see inside it.
        ValueError: If ``predict`` returns another shape, too few columns, or NaN or infinities; if ``out`` is a folder,
            or is given with ``requires_grad``.
        RuntimeError: If ``progress`` leaves batches out.
        OSError: If the file cannot be written; an existing file then stays as it was.

    See Also:
        :func:`measure`: every loss and accuracy of these logits.
        :func:`grokking_measures`: logits and measures in one function of the model, for a recording.

    Example:
        >>> op = pm.addition(5)
        >>> def predict(pairs):
        ...     return torch.nn.functional.one_hot(pairs.sum(1) % 5, 6)  # a column too many, for "="
        >>> bool((pm.grid_logits(predict, op, batch_size=10).argmax(-1) == op.table).all())
        True
    """
    check_callable(predict, "predict")
    if isinstance(predict, nn.Module) and hooked(predict):
        check_hookable(predict, "predict")
    shape = (*check_operation(op).table.shape, op.n)
    check_progress(progress)
    size = len(op.inputs) if out is None else max(1, BATCH // op.n)
    if batch_size is not None:
        size = check_integer(batch_size, "batch_size", at_least=1)
    if out is not None:
        check_path(out, "out")
    if out is not None and requires_grad:
        raise ValueError("`out` must be None where `requires_grad` is True, because a file holds no graph.")

    # A copy, because a model may change its tokens.
    batches = torch.split(op.inputs.to(token_device(predict), copy=True), size)
    fed: list[Fed] = []
    with torch.set_grad_enabled(requires_grad), evaluation(predict):
        starts = itertools.count(step=size)
        numbered = zip(every_one(batches, progress), starts, strict=False)
        columns = (_columns(predict, tokens, op, start, fed) for tokens, start in numbered)
        if out is None:
            logits = torch.cat([*columns]).reshape(shape)
            check_same_hooks(fed, "predict")
            return logits
        _files.write_npy(out, map(_array, _checked_at_end(columns, fed)), shape)
    return _files.mapped(np.load(out, mmap_mode="r+", allow_pickle=False))


def _checked_at_end(columns: Iterable[Tensor], fed: list[Fed]) -> Iterator[Tensor]:
    """The columns of all batches; an error after the last one prevents the file from being written."""
    yield from columns
    check_same_hooks(fed, "predict")


def _columns(
    predict: Callable[[Tensor], Tensor | np.ndarray], tokens: Tensor, op: Operation, start: int, fed: list[Fed]
) -> Tensor:
    """The logits of the operation's elements for inputs from row ``start`` on; adds the batch to ``fed``."""
    try:
        with feeding(len(tokens), len(op.inputs)) as batch:
            predicted = predict(tokens)
        fed.append(batch)
    except RuntimeError as error:
        if "Long" in str(error) or "long int" in str(error):
            error.add_note("Tokens are int64. Give floats to a model by `lambda tokens: model(tokens.float())`.")
        raise
    logits = check_predicted(predicted, len(tokens), int(op.elements.max()) + 1, one_input(op), op.n)
    columns = logits.index_select(1, op.elements.to(logits.device))

    def where(at: tuple[int, ...]) -> tuple[int, ...]:
        return (*map(int, np.unravel_index(start + at[0], op.table.shape)), at[1])

    return check_finite(columns, "logits", op.axes, where=where)


def _array(x: Tensor) -> np.ndarray:
    x = x.cpu()
    return (x.float() if x.dtype == torch.bfloat16 else x).numpy()  # NumPy has no bfloat16


def check_predicted(logits: object, batch: int, columns: int, one: str = "pair", answers: int = 0) -> Tensor:
    """Requires real logits with one row per pair of the batch and enough columns; returns a tensor."""
    logits = check_tensor(logits, "logits") if isinstance(logits, np.ndarray) else logits
    if not isinstance(logits, Tensor):
        remedy = " Return numpy.asarray of it." if hasattr(logits, "__array__") else ""
        remedy = " Return its .logits at the answer position." if hasattr(logits, "logits") else remedy
        raise TypeError(f"`predict` must return a tensor or a NumPy array of logits. Got {type_name(logits)}.{remedy}")
    logits = wide(check_dense(logits, "logits"))
    if logits.is_complex():
        raise TypeError(f"`predict` must return real logits. Got {logits.dtype}.")
    if logits.ndim == 3:
        batch_first = logits.shape[0] == batch or logits.shape[1] != batch
        position = f"model({one}s)[:, -1]" if batch_first else f"model({one}s.T)[-1]"
        raise ValueError(
            f"`predict` must return logits at the answer position, shape (batch, V). Got {shape_of(logits)}. "
            f"After model.eval(), select the position: lambda {one}s: {position}."
        )
    two = f" {two_logits(logits)}" if answers == 2 and logits.shape in ((batch,), (batch, 1)) else ""
    if logits.ndim != 2 or len(logits) != batch:
        raise ValueError(
            f"`predict` must return one row of logits per {one} ({batch}). Got shape {shape_of(logits)}.{two}"
        )
    if two:
        raise ValueError(f"`predict` must return a logit for each of the 2 answers. Got 1.{two}")
    if logits.shape[1] < columns:
        remedy = ""
        if logits.shape[1] == answers:
            remedy = (
                f" If they are the {answers} answers in their order, the answers' tokens are 0..{answers - 1}: "
                f"pm.operation(function, tokens, tokens, answers={answers})."
            )
        raise ValueError(
            f"`predict` must return a logit for every token of the operation, at least {columns} columns. "
            f"Got {logits.shape[1]}.{remedy}"
        )
    return logits
