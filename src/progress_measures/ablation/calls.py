"""The calls that ``captured`` follows, and how they ended."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import Any, NamedTuple

from torch import Tensor, nn

from progress_measures._checks.values import listed
from progress_measures.ablation import containers
from progress_measures.ablation.passes import Fed
from progress_measures.ablation.sites import Key, not_compiled


@dataclass(eq=False)
class Run:
    """One call of the model, or of a module in it."""

    sizes: frozenset[int] = frozenset()
    """The lengths of the axes of its tensors."""
    error: type[BaseException] | None = None
    """The exception that ended it, if it did not return."""


class Call(NamedTuple):
    """One call of a submodule."""

    activation: Tensor
    fed: Fed | None
    """The batch that ``grid_logits`` was feeding."""
    runs: tuple[Run, ...]
    """The enclosing calls of the model and of modules in it, from the outermost inwards."""
    packed: int
    """The number of positions if the activation is the data of a packed sequence, or else 0."""

    @property
    def error(self) -> type[BaseException] | None:
        """The exception that ended the call or an enclosing call."""
        return next((run.error for run in self.runs if run.error is not None), None)


class Runs:
    """The calls of a model that are running in each thread, and whether they end in an error.

    A function may catch an error and call the model again, for example on a smaller batch. Without this, activations
    recorded before the error would count twice.
    """

    def __init__(self) -> None:
        self._in_thread: dict[int, list[Run]] = {}

    def under_way(self) -> tuple[Run, ...]:
        """The calls that are running in this thread, from the outermost inwards."""
        return tuple(self._in_thread.get(get_ident(), ()))

    @contextmanager
    def of(self, modules: Iterable[nn.Module]) -> Iterator[None]:
        """Follows the calls of modules inside the context."""

        # Functions, because copying a model copies its hooks, and a copy of a function is the function itself.
        def begin(_module: nn.Module, *arguments: Any) -> None:
            tensors = (containers.get(arguments, items) for items in containers.items_of_tensors(arguments))
            sizes = frozenset(size for tensor in tensors if not tensor.is_nested for size in tensor.shape)
            self._in_thread.setdefault(get_ident(), []).append(Run(sizes))

        def end(_module: nn.Module, _args: Any, output: Any) -> None:
            # After an error, PyTorch calls the hook without an output while it handles the error.
            if under_way := self._in_thread.get(get_ident()):
                under_way.pop().error = sys.exc_info()[0] if output is None else None

        handles = []
        try:
            for module in dict.fromkeys(modules):
                handles.append(module.register_forward_pre_hook(not_compiled(begin), prepend=True, with_kwargs=True))
                handles.append(module.register_forward_hook(not_compiled(end), always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()


_REPEATED = RuntimeError, MemoryError, KeyboardInterrupt
"""Exceptions after which a call may be repeated. PyTorch raises the first one, also if memory is full."""


def check_ended(calls: Sequence[Call], path: Key) -> list[Call]:
    """The calls that count: those that returned, or else those that the user's own exception stopped."""
    returned = [call for call in calls if call.error is None]
    stopped = [call for call in calls if call.error is not None and not issubclass(call.error, _REPEATED)]
    if returned and any(call.fed is None for call in stopped):
        raise ValueError(
            f"{path!r} must be read from calls that all returned, or all were stopped, because one that raised an "
            f"exception may have been repeated. Got {len(returned)} that returned, and {len(stopped)} that ended in "
            f"{_names(stopped)}. Capture either kind in a context of its own."
        )
    if not returned and not stopped:
        raise RuntimeError(
            f"{path!r} must be read from calls that returned. Got only calls that ended in {_names(calls)}. To stop a "
            "call on purpose, raise an exception that is no RuntimeError."
        )
    return returned or stopped


def _names(calls: Sequence[Call]) -> str:
    return listed(dict.fromkeys(call.error.__name__ for call in calls if call.error is not None))
