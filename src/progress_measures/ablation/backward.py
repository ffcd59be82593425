"""A backward pass through a model that was ablated: gradient checkpointing calls parts of the model again in it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Event
from types import FrameType
from typing import Any


class Backward:
    """Refuses a backward pass that would compute activations again without their replacement, or only then with it.

    What is computed again is known to checkpointing alone, and PyTorch has no hook for it. So the function that it
    keeps for the backward pass is put into one that looks first whether the context is still there.
    """

    def __init__(self) -> None:
        self.closed = Event()

    def note(self) -> None:
        """Notes, where an activation is replaced, what the backward pass will call again."""
        frames = list(_frames_of_checkpointing())
        names = [frame.f_code.co_name for frame in frames]
        if ("backward" in names or "unpack_hook" in names) and self not in _again.get():
            raise RuntimeError(
                "The forward pass of a model with gradient checkpointing must run inside of `ablated` if its backward "
                "pass does, which computes activations again. It ran before the context. Call both inside of it, or "
                "both outside."
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
        """The context, after which nothing is replaced any more."""
        try:
            yield
        finally:
            self.closed.set()


_again: ContextVar[tuple[Backward, ...]] = ContextVar("again", default=())
"""The contexts whose replacements a call is part of that checkpointing makes again."""


@dataclass(frozen=True)
class _Guarded:
    """A function that checkpointing calls again, and the context in which it was called first."""

    function: Callable[..., Any]
    owner: Backward

    def __call__(self, *args: Any) -> Any:
        if self.owner.closed.is_set():
            raise RuntimeError(
                "The backward pass of a model with gradient checkpointing must run inside of `ablated`, which replaces "
                "again what is computed again. It ran after the context. Call backward inside of it."
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
    """The calls under way of functions of PyTorch's checkpointing, from the innermost outwards."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "torch.utils.checkpoint":
            yield frame
        frame = frame.f_back


def _function_kept(frame: FrameType) -> tuple[Any, str] | None:
    """What holds the function that will be called again, and under which name; None for other calls."""
    names = frame.f_locals
    if frame.f_code.co_name == "forward" and hasattr(names.get("ctx"), "run_function"):
        return names["ctx"], "run_function"  # with reentrance
    if frame.f_code.co_name == "checkpoint" and names.get("gen") is not None:
        kept = names["gen"].gi_frame.f_locals.get("new_frame")
        return None if kept is None else (kept, "recompute_fn")
    return None
