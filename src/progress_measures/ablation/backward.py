"""A backward pass through a model that was ablated: gradient checkpointing calls the model again in it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from torch import Tensor, nn

from progress_measures.ablation import containers
from progress_measures.ablation.sites import not_compiled


class Backward:
    """Refuses a backward pass that would compute activations again without their replacement."""

    def __init__(self) -> None:
        self._checkpointed = False

    def note(self) -> None:
        """Notes, where an activation is replaced, whether the backward pass will compute it again."""
        self._checkpointed = self._checkpointed or _in_checkpoint()

    @contextmanager
    def of(self, model: nn.Module) -> Iterator[None]:
        """Follows what a model returns inside the context."""
        closed = Event()

        def check(_gradient: Tensor) -> None:
            if closed.is_set():
                raise RuntimeError(
                    "The backward pass of a model with gradient checkpointing must run inside of `ablated`, which "
                    "replaces again what is computed again. It ran after the context. Call backward inside of it."
                )

        def watch(_module: nn.Module, _args: Any, output: Any) -> None:
            if self._checkpointed and not closed.is_set():
                for items in containers.items_of_tensors(output):
                    tensor = containers.get(output, items)
                    if tensor.requires_grad:
                        tensor.register_hook(check)

        handle = model.register_forward_hook(not_compiled(watch))
        try:
            yield
        finally:
            closed.set()
            handle.remove()


def _in_checkpoint() -> bool:
    """Whether a call is made by gradient checkpointing; PyTorch has no other way to tell."""
    frame = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "torch.utils.checkpoint":
        frame = frame.f_back  # type: ignore[assignment]  # None after the last
    return frame is not None
