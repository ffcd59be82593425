"""What is known of a forward pass while an activation is read or replaced: its batch, and whether it is the first.

A replacement sees an activation alone. Which of the axes is the batch, and whether all inputs are in it, is known to
``grid_logits``, which feeds the batch, and sometimes to the module that the activation belongs to.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import check_dim
from progress_measures._checks.values import shape_of
from progress_measures.ablation.sites import Key, Site


@dataclass(eq=False)
class Fed:
    """A batch that ``grid_logits`` feeds a model."""

    rows: int
    """How many inputs are in it."""
    total: int
    """How many inputs are in all batches together."""
    hooks: set[tuple[int, Key]] = field(default_factory=set)
    """The hooks that have run in it: of which context, and at which site."""


@dataclass(frozen=True)
class _Layout:
    """Where a module has its batch: the axis, in activations with so many axes; None if an index has removed it."""

    axis: int | None
    ndim: int


_fed: ContextVar[Fed | None] = ContextVar("fed", default=None)
_layout: ContextVar[_Layout | None] = ContextVar("layout", default=None)


@contextmanager
def feeding(rows: int, total: int) -> Iterator[Fed]:
    """Makes a batch known while a model runs on it."""
    fed = Fed(rows, total)
    token = _fed.set(fed)
    try:
        yield fed
    finally:
        _fed.reset(token)


def current() -> Fed | None:
    """The batch that ``grid_logits`` is feeding in this thread, if it is."""
    return _fed.get()


@contextmanager
def laid_out(axis: int | None, activation: Tensor) -> Iterator[None]:
    """Makes known where the module of an activation has its batch, while the activation is replaced."""
    token = _layout.set(None if axis is None or activation.ndim < 3 else _Layout(axis, activation.ndim))
    try:
        yield
    finally:
        _layout.reset(token)


@contextmanager
def indexed(activation: Tensor, index: tuple[Any, ...]) -> Iterator[None]:
    """Makes known where a part of an activation has the batch, while the part is replaced."""
    layout = _layout.get()
    if layout is None or layout.axis is None or layout.ndim != activation.ndim or activation.shape[layout.axis] < 2:
        yield
        return
    token = _layout.set(_layout_of_part(activation, index, layout.axis))
    try:
        yield
    finally:
        _layout.reset(token)


def _layout_of_part(activation: Tensor, index: tuple[Any, ...], axis: int) -> _Layout:
    """The layout of ``activation[index]``: the batch is the axis along which the places of the inputs change."""
    along = [-1 if place == axis else 1 for place in range(activation.ndim)]
    inputs = torch.arange(activation.shape[axis], device="cpu").reshape(along).expand(activation.shape)[index]
    changing = (place for place in range(inputs.ndim) if bool(inputs.diff(dim=place).any()))
    return _Layout(next(changing, None), inputs.ndim)


def is_recomputed() -> bool:
    """Whether this is part of a backward pass, where gradient checkpointing computes activations again."""
    return bool(torch._C._current_graph_task_id() != -1)


def without_transforms(x: Tensor) -> Tensor:
    """The tensor inside the wrappers of ``torch.func.grad`` and its like; ``vmap``'s are refused before."""
    functorch: Any = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(x):
        x = functorch.get_unwrapped(x)
    return x


def check_not_mapped(x: Tensor, what: str) -> None:
    """Requires an activation with its batch, which ``torch.func.vmap`` hides."""
    functorch: Any = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(x):
        if functorch.is_batchedtensor(x):
            raise ValueError(
                f"{what} must see the whole batch. Got one input at a time, inside of torch.func.vmap. "
                "Run the model on the batch itself."
            )
        x = functorch.get_unwrapped(x)


def check_batch_axis(x: Tensor, dim: int | None, what: str) -> int:
    """The axis of the batch, as a non-negative integer: the one given, which must fit the batch that is fed, or 0."""
    check_not_mapped(x, what)
    if x.ndim == 0:
        raise ValueError(f"{what} must have an axis of the batch. Got shape ().")
    axis, fed, layout = 0 if dim is None else check_dim(dim, x), _fed.get(), _layout.get()
    if fed is not None:
        _check_fits(x, axis, fed.rows, what)
        if dim is None:
            check_one_fit(x, fed.rows)
    elif layout is not None and layout.ndim == x.ndim:
        if layout.axis is None:
            raise ValueError(
                f"{what} must have an axis of the batch. Got shape {shape_of(x)}, the part of one input: `index` has "
                "an integer at the axis of the batch. Put a slice there, and the integer at another axis."
            )
        if dim is None:
            check_stated(x, layout.axis)
    return axis


def check_stated(x: Tensor, axis: int | None) -> None:
    """Requires that a module has its batch first, as far as its layout is known; otherwise the axis has to be said."""
    if axis:
        raise ValueError(
            f"`dim` must be given where a module has its batch along another axis than 0. Got shape {shape_of(x)} "
            f"from a module that has it along axis {axis}: pass dim={axis}."
        )


def check_whole_batch(what: str) -> None:
    """Requires that the batch, if it is known, holds all inputs."""
    fed = _fed.get()
    if fed is not None and fed.rows < fed.total:
        raise ValueError(
            f"{what} must see all {fed.total} inputs in one pass, because each pass has a mean of its own. "
            f"Got {fed.rows} at a time. Pass batch_size={fed.total}."
        )


def check_same_hooks(batches: Sequence[Fed], name: str) -> None:
    """Requires that each hook that has run in one batch has run in all."""
    for context, key in set().union(*(fed.hooks for fed in batches)):
        ran = sum((context, key) in fed.hooks for fed in batches)
        if ran < len(batches):
            raise RuntimeError(
                f"`{name}` must call {key!r} in each batch, because it is replaced or read there. It did in {ran} "
                f"of {len(batches)}. Compiled code leaves out hooks: pass the model as it was before torch.compile. "
                f"If the model may leave it out of a batch, run all inputs at once: batch_size={batches[0].total}."
            )


def axis_of_batch(modules: Sequence[nn.Module], site: Site) -> int | None:
    """The axis of the batch by a module's own layout, or None if it is unknown.

    Args:
        modules: The modules from the model down to the one in question.
        site: Which of its tensors.
    """
    module = modules[-1]
    states: dict[str, list[tuple[int | str, ...]]] = {"output": [(1,), (-1,)], "input": [(1,), ("hx",)]}
    if isinstance(module, nn.RNNBase) and site.items[:1] in states[site.of]:
        return 1  # the states have the layers along axis 0, whatever the layout of the sequences
    if isinstance(module, nn.MultiheadAttention) and site.of == "output" and site.items in [(1,), (-1,)]:
        return 0  # attention weights
    return next((axis for module in reversed(modules) for axis in _axes(module)), None)


def _axes(module: nn.Module) -> Iterable[int]:
    """The axis of the batch in a module of PyTorch that can have its batch first or second; for others none."""
    if isinstance(module, nn.Transformer | nn.TransformerEncoder | nn.TransformerDecoder):
        first = next((layer for layer in module.modules() if isinstance(layer, nn.MultiheadAttention)), None)
        return [] if first is None else _axes(first)
    if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        return _axes(module.self_attn)
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
        return [0 if module.batch_first else 1]
    return []


def _check_fits(x: Tensor, axis: int, rows: int, what: str) -> None:
    if x.shape[axis] == rows:
        return
    # The last axis holds the features, unless it is the only one.
    fitting = [place for place, size in enumerate(x.shape[:-1] if x.ndim > 1 else x.shape) if size == rows]
    remedy = f"Axis {fitting[0]} has {rows}: pass dim={fitting[0]}." if fitting else (
        f"No other axis has. If `predict` splits the batch, let it call the model on all {rows}. If the model joins "
        "inputs and positions in one axis, pass a function that takes them apart, in place of this one."
    )  # fmt: skip
    raise ValueError(
        f"{what} must have one entry per input of the batch ({rows}) along `dim`. "
        f"Got {x.shape[axis]} along axis {axis} of shape {shape_of(x)}. {remedy}"
    )


def check_one_fit(x: Tensor, rows: int) -> None:
    """Requires that no other axis could be the batch. The last one is not asked, because it holds the features."""
    others = [axis for axis, size in enumerate(x.shape[:-1]) if size == rows and axis > 0]
    if others:
        raise ValueError(
            f"`dim` must be given where several axes have as many entries as the batch ({rows}). "
            f"Got shape {shape_of(x)}. Pass dim=0 or dim={others[0]}."
        )
