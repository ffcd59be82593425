"""Backward passes through an ablated model, in which gradient checkpointing calls parts of the model again."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Event
from types import FrameType
from typing import Any


class Backward:
    """Refuses a backward pass that would replace activations differently from the forward pass.

    Only checkpointing knows which activations are computed again, and PyTorch has no hook for it. So the function that
    it keeps for the backward pass is wrapped in one that first checks whether the context is still open.
    """

    def __init__(self) -> None:
        self.closed = Event()

    def note(self) -> None:
        """Called where an activation is replaced: notes the function that the backward pass will call again."""
        frames = list(_frames_of_checkpointing())
        names = [frame.f_code.co_name for frame in frames]
        if ("backward" in names or "unpack_hook" in names) and self not in _again.get():
            raise RuntimeError(
                "The forward pass of a model with gradient checkpointing must run inside of `ablated` if its backward "
                "pass does, because that computes activations again. It ran before the context. Call both inside of "
                "it, or both outside."
            )
        kept = [found for found in map(_function_kept, frames) if found is not None]
        if "checkpoint" in names and not kept:
            raise RuntimeError(
                "Gradient checkpointing must keep the function that it calls again where `ablated` finds it. This "
                "version of PyTorch keeps it elsewhere. Turn gradient checkpointing off."
            )
        for holder, name in kept:
            function = getattr(holder, name)
            if self not in _owners(function):  # once, however many activations are replaced in it
                setattr(holder, name, _Guarded(function, self))

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The context in which activations are replaced."""
        try:
            yield
        finally:
            self.closed.set()


_again: ContextVar[tuple[Backward, ...]] = ContextVar("again", default=())
"""The contexts that a repeated call of checkpointing belongs to."""


@dataclass(frozen=True)
class _Guarded:
    """A function that checkpointing calls again, with the context of its first call."""

    function: Callable[..., Any]
    owner: Backward

    def __call__(self, *args: Any) -> Any:
        if self.owner.closed.is_set():
            raise RuntimeError(
                "The backward pass of a model with gradient checkpointing must run inside of `ablated`, because it "
                "computes activations again. It ran after the context. Call backward inside of it."
            )
        token = _again.set((*_again.get(), self.owner))
        try:
            return self.function(*args)
        finally:
            _again.reset(token)


def _owners(function: Callable[..., Any]) -> Iterator[Backward]:
    """The contexts that a function is guarded for."""
    while isinstance(function, _Guarded):
        yield function.owner
        function = function.function


def _frames_of_checkpointing() -> Iterator[FrameType]:
    """The frames of PyTorch's checkpointing functions that are running, from the innermost outwards."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "torch.utils.checkpoint":
            yield frame
        frame = frame.f_back


def _function_kept(frame: FrameType) -> tuple[Any, str] | None:
    """The object that holds the function to be called again, and the name of its attribute; None for other frames."""
    names = frame.f_locals
    if frame.f_code.co_name == "forward" and hasattr(names.get("ctx"), "run_function"):
        return names["ctx"], "run_function"  # with reentrance
    if frame.f_code.co_name == "checkpoint" and names.get("gen") is not None:
        kept = names["gen"].gi_frame.f_locals.get("new_frame")
        return None if kept is None else (kept, "recompute_fn")
    return None
