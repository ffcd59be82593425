"""Reading and replacing the output of any named submodule while a model runs.

Both contexts own the hooks that they add: none outlives the context, whatever is raised in it, and hooks of the user's
own are left alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from progress_measures import _checks
from progress_measures.ablation.replacements import Replacement


@contextmanager
def ablated(
    model: nn.Module, path: str | Mapping[str, Replacement], replacement: Replacement | None = None
) -> Iterator[nn.Module]:
    """The model with the output of one or more submodules replaced, for as long as the context lasts.

    Args:
        model: Any module that is not compiled.
        path: The dotted path of a submodule, as in ``model.named_modules()``, or a mapping from paths to replacements.
        replacement: From the submodule's output to what the rest of the model reads instead, of the same shape; it is
            cast to the output's dtype. Left out if ``path`` is a mapping.

    Yields:
        The model itself.

    Raises:
        TypeError: If an argument is of the wrong kind, or a submodule or a replacement does not return a tensor.
        ValueError: If there is no submodule at a path, or a replacement changes the shape.
        RuntimeError: On leaving, if the model never called one of the submodules.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> with pm.ablated(model, "1", pm.zero_ablation()):
        ...     bool((model(torch.randn(5, 3)) == model[2].bias).all())
        True
    """
    replacements = _checks.replacements(path, replacement)
    modules = {at: _checks.submodule(_checks.hookable(model), at) for at in replacements}
    calls = dict.fromkeys(modules, 0)

    def hook_at(at: str) -> Callable[[nn.Module, Any, Any], Tensor]:
        def replace(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
            calls[at] += 1
            activation = _checks.activation(output, at)
            return _checks.replaced(replacements[at](activation), activation, at)

        return replace

    with _hooks([(modules[at], hook_at(at)) for at in modules]):
        yield model
    _checks.fired(calls)


@contextmanager
def captured(model: nn.Module, path: str | Iterable[str]) -> Iterator["Activations"]:
    """The outputs of one or more submodules, recorded for as long as the context lasts.

    Args:
        model: Any module that is not compiled.
        path: The dotted path of a submodule, as in ``model.named_modules()``, or several.

    Yields:
        A mapping from each path to its activations, readable in the context and after it. Activations are detached
        copies; those of several forward passes, such as the batches of ``grid_logits``, are joined along the first
        axis in the order of the calls.

    Raises:
        TypeError: If an argument is of the wrong kind, or a submodule does not return a tensor.
        ValueError: If there is no submodule at a path.
        RuntimeError: On leaving, or on reading, if the model never called one of the submodules.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
        >>> with pm.captured(model, ["0", "1"]) as activations:
        ...     output = model(torch.randn(5, 3))
        >>> activations["0"].shape, bool((activations["1"] == output).all())
        (torch.Size([5, 4]), True)
    """
    modules = {at: _checks.submodule(_checks.hookable(model), at) for at in _checks.paths(path)}
    calls: dict[str, list[Tensor]] = {at: [] for at in modules}

    def hook_at(at: str) -> Callable[[nn.Module, Any, Any], None]:
        def record(_module: nn.Module, _inputs: Any, output: Any) -> None:
            # A copy, because what comes next may work in place.
            calls[at].append(_checks.activation(output, at).detach().clone())

        return record

    with _hooks([(modules[at], hook_at(at)) for at in modules]):
        yield Activations(calls)
    _checks.fired({at: len(chunks) for at, chunks in calls.items()})


class Activations(Mapping[str, Tensor]):
    """What :func:`captured` recorded: the activations by path, calls joined along the first axis."""

    def __init__(self, calls: Mapping[str, list[Tensor]]) -> None:
        self._calls = calls

    @override
    def __getitem__(self, path: str) -> Tensor:
        _checks.captured_path(path, self._calls)
        chunks = self._calls[path]
        _checks.fired({path: len(chunks)})
        return chunks[0] if len(chunks) == 1 else torch.cat(chunks)

    @override
    def __contains__(self, path: object) -> bool:
        return path in self._calls

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    @override
    def __len__(self) -> int:
        return len(self._calls)

    @override
    def __repr__(self) -> str:
        return f"Activations({', '.join(map(repr, self._calls))})"


@contextmanager
def _hooks(hooks: Iterable[tuple[nn.Module, Callable[[nn.Module, Any, Any], Any]]]) -> Iterator[None]:
    handles = []
    try:
        for module, hook in hooks:
            handles.append(module.register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()
