"""The batch of a forward pass, as far as it is known while an activation is read or replaced.

A replacement sees only an activation. ``grid_logits``, which feeds the batch, knows which axis is the batch and whether
it holds all inputs. Sometimes the module that the activation belongs to also knows the axis.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from progress_measures._checks.tensors import check_dim
from progress_measures._checks.values import shape_of
from progress_measures.ablation.layouts import Batch, Doubt, check_stated
from progress_measures.ablation.sites import Key


@dataclass(eq=False)
class Fed:
    """A batch that ``grid_logits`` feeds a model."""

    rows: int
    """The number of inputs in it."""
    total: int
    """The number of inputs in all batches together."""
    hooks: set[tuple[int, Key]] = field(default_factory=set)
    """The hooks that have run in it, by their context and site."""


@dataclass(frozen=True)
class _Layout:
    """The axis of the batch in an activation with so many axes, or why it has none; None: it is of one input."""

    batch: Batch | Literal["packed", "alone"]
    ndim: int


_fed: ContextVar[Fed | None] = ContextVar("fed", default=None)
_layout: ContextVar[_Layout | None] = ContextVar("layout", default=None)
_settled: ContextVar[set[torch.Size] | None] = ContextVar("settled", default=None)
"""For the site that is replaced: shapes of rows for which an earlier batch has determined the axis of the batch."""


@contextmanager
def feeding(rows: int, total: int) -> Iterator[Fed]:
    """The context in which a model runs on a batch, which :func:`current` then returns."""
    fed = Fed(rows, total)
    token = _fed.set(fed)
    try:
        yield fed
    finally:
        _fed.reset(token)


def current() -> Fed | None:
    """The batch that ``grid_logits`` is feeding in this thread; None outside ``grid_logits``."""
    return _fed.get()


@contextmanager
def laid_out(
    batch: Batch, alone: int | None, activation: Tensor, packed: int, settled: set[torch.Size]
) -> Iterator[None]:
    """The context in which an activation is replaced; it passes the axis of the batch on to the replacement.

    Args:
        batch: The axis of the batch, as far as the module determines it.
        alone: The number of axes of an activation without a batch, if the module determines it.
        activation: The activation.
        packed: The number of positions if it is the data of a packed sequence, or else 0.
        settled: The shapes of rows that earlier batches have settled at the same site; this batch may add one.
    """
    # With two axes, one is the features, so the other is the batch; a doubt is about sequences, which have three.
    unknown = batch is None or activation.ndim < 3 or (isinstance(batch, Doubt) and activation.ndim != 3)
    without: Literal["packed", "alone"] | None = None
    if packed > 1:
        without = "packed"
    elif not packed and activation.ndim == alone:
        without = "alone"
    known = None if without is None and unknown else _Layout(without or batch, activation.ndim)
    tokens = _layout.set(known), _settled.set(settled)
    try:
        yield
    finally:
        _layout.reset(tokens[0])
        _settled.reset(tokens[1])


@contextmanager
def indexed(activation: Tensor, index: tuple[Any, ...]) -> Iterator[None]:
    """The context in which a part of an activation is replaced; it passes on the axis of the batch in the part."""
    layout = _layout.get()
    if layout is None or layout.ndim != activation.ndim or layout.batch is None:
        yield
        return
    token = _layout.set(_layout_of_part(activation, index, layout))
    try:
        yield
    finally:
        _layout.reset(token)


def _layout_of_part(activation: Tensor, index: tuple[Any, ...], layout: _Layout) -> _Layout | None:
    """The layout of ``activation[index]``: the batch is the axis along which the places of the inputs change."""
    if isinstance(layout.batch, str):
        return _Layout(layout.batch, activation[index].ndim)
    doubt = isinstance(layout.batch, Doubt)
    axis = layout.batch if isinstance(layout.batch, int) else 1
    if activation.shape[axis] < 2:
        return layout
    along = [-1 if place == axis else 1 for place in range(activation.ndim)]
    inputs = torch.arange(activation.shape[axis], device="cpu").reshape(along).expand(activation.shape)[index]
    changing = next((place for place in range(inputs.ndim) if bool(inputs.diff(dim=place).any())), None)
    if not doubt:
        return _Layout(changing, inputs.ndim)
    # An index such as -1 on the first axis chooses a position if positions come first, and leaves the batch as the
    # first axis. If inputs come first, it chooses one input, over which nobody would average.
    return None if changing == 0 else _Layout(layout.batch, inputs.ndim)


def is_recomputed() -> bool:
    """Whether this call is part of a backward pass, in which gradient checkpointing computes activations again."""
    return bool(torch._C._current_graph_task_id() != -1)


def without_transforms(x: Tensor) -> Tensor:
    """The tensor inside the wrappers of ``torch.func.grad`` and similar; those of ``vmap`` were refused before."""
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
    """The axis of the batch, non-negative: the one passed, which must fit the batch that is fed, or else 0."""
    check_not_mapped(x, what)
    if x.ndim == 0:
        raise ValueError(f"{what} must have an axis of the batch. Got shape ().")
    axis, fed, layout = 0 if dim is None else check_dim(dim, x), _fed.get(), _layout.get()
    if fed is not None:
        _check_fits(x, axis, fed.rows, what)
        if dim is None:
            settled = _settled.get()
            settled = set() if settled is None else settled
            settle(x, fed.rows, settled)
            check_one_fit(x, fed.rows, settled)
    elif layout is not None and layout.ndim == x.ndim:
        asked = layout.batch == "alone" and dim is not None  # such as inputs along the axis of the positions
        if layout.batch is None or (isinstance(layout.batch, str) and not asked):
            raise ValueError(
                f"{what} must have an axis of the batch. Got shape {shape_of(x)}, {_WITHOUT[layout.batch]}"
            )
        if dim is None and not isinstance(layout.batch, str):
            check_stated(x, layout.batch)
    return axis


_WITHOUT: dict[str | None, str] = {
    None: "the part of one input: `index` has an integer at the axis of the batch. Put a slice there, and the integer "
    "at another axis.",
    "packed": "the data of a packed sequence, which has inputs and positions along one axis. Replace a tensor that is "
    "not packed, or pass a function that takes them apart, in place of this one.",
    "alone": "which a layer of PyTorch takes as one input without a batch. Run the model on a batch, or "
    "pass `dim` if an axis has the inputs.",
}


def check_whole_batch(what: str) -> None:
    """Requires that the batch holds all inputs, if the batch is known."""
    fed = _fed.get()
    if fed is not None and fed.rows < fed.total:
        raise ValueError(
            f"{what} must see all {fed.total} inputs in one pass, because each pass has a mean of its own. "
            f"Got {fed.rows} at a time. Pass batch_size={fed.total}."
        )


def check_same_hooks(batches: Sequence[Fed], name: str) -> None:
    """Requires that every hook has run either in all batches or in none."""
    for context, key in set().union(*(fed.hooks for fed in batches)):
        ran = sum((context, key) in fed.hooks for fed in batches)
        if ran < len(batches):
            raise RuntimeError(
                f"`{name}` must call {key!r} in each batch, because it is replaced or read there. It did in {ran} "
                f"of {len(batches)}. If the model may leave it out, such as an expert that no input is sent to, "
                f"run all inputs at once: batch_size={batches[0].total}. If the model is compiled, which leaves out "
                "hooks, pass it as it was before torch.compile."
            )


def _check_fits(x: Tensor, axis: int, rows: int, what: str) -> None:
    if x.shape[axis] == rows:
        return
    # The last axis holds the features, unless it is the only one.
    fitting = [place for place, size in enumerate(x.shape[:-1] if x.ndim > 1 else x.shape) if size == rows]
    if fitting:
        remedy = f"Axis {fitting[0]} has {rows}: pass dim={fitting[0]}."
    elif x.shape[axis] > rows:
        remedy = (
            "No other axis has. If the model joins inputs and positions in one axis, pass a function that takes them "
            "apart, in place of this one."
        )
    else:
        remedy = (
            f"No other axis has. If `predict` splits the batch, let it call the model on all {rows}. If the model "
            "calls the submodule on some inputs only, or on none, pass a function of the rows that it gets, in place "
            "of this one."
        )
    raise ValueError(
        f"{what} must have one entry per input of the batch ({rows}) along `dim`. "
        f"Got {x.shape[axis]} along axis {axis} of shape {shape_of(x)}. {remedy}"
    )


def settle(x: Tensor, rows: int, settled: set[torch.Size]) -> None:
    """Adds the shape of an activation's rows to ``settled`` if only the first axis can be the batch."""
    if x.ndim and x.shape[0] == rows and not _other_fits(x, rows):
        settled.add(x.shape[1:])


def check_one_fit(x: Tensor, rows: int, settled: set[torch.Size]) -> None:
    """Requires that only the first axis can be the batch, in this batch or in another one with rows of this shape."""
    others = _other_fits(x, rows)
    if others and x.shape[1:] not in settled:
        raise ValueError(
            f"`dim` must be given where several axes have as many entries as the batch ({rows}). "
            f"Got shape {shape_of(x)}. Pass dim=0 or dim={others[0]}."
        )


def _other_fits(x: Tensor, rows: int) -> list[int]:
    """The axes that could be the batch, except for the first, and the last, which holds the features."""
    return [axis for axis, size in enumerate(x.shape[:-1]) if size == rows and axis > 0]
