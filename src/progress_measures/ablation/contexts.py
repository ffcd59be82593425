"""Contexts that read or replace the inputs and outputs of named submodules while a model runs.

Both contexts own the hooks that they add: they remove them on leaving, even after an error, and leave other hooks
alone. Hooks belong to the model, not to a thread: if another thread runs the model meanwhile, the hooks run there too.
A copy of the model made inside a context keeps copies of the hooks, which do nothing after the context is left.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import TypeAlias

import torch
from torch import Tensor, nn
from typing_extensions import override

from progress_measures.ablation.checks import (
    check_called,
    check_captured_path,
    check_distinct,
    check_hookable,
    check_joinable,
    check_paths,
    check_replaced,
    check_replacements,
    check_submodule,
)
from progress_measures.ablation.replacements import Replacement
from progress_measures.ablation.sites import Key, Site, Visit, path_of, register

# To type checkers, mappings are invariant in their keys: a mapping from paths is not one from paths or sites.
Replacements: TypeAlias = Mapping[str, Replacement] | Mapping[Site, Replacement] | Mapping[Key, Replacement]


@contextmanager
def ablated(model: nn.Module, path: Key | Replacements, replacement: Replacement | None = None) -> Iterator[nn.Module]:
    """The model with outputs or inputs of submodules replaced inside the context.

    Args:
        model: Any module that is not compiled.
        path: What to replace: the dotted path of a submodule that returns a tensor, as in ``model.named_modules()``;
            a site from :func:`output_of` or :func:`input_of` for any other tensor; or a mapping from these to
            replacements. Every call of the submodule is replaced, even if the model has it at several paths.
        replacement: A function from the activation, which it must not change in place, to a tensor of the same shape
            for the model to use instead. The tensor is cast to the activation's dtype. :func:`at` replaces a part.
            Leave it out if ``path`` is a mapping.

    Yields:
        The model itself.

    Raises:
        TypeError: If an argument is of the wrong kind, a site holds no tensor, or a replacement does not return one.
        ValueError: If a path or an item does not exist, a replacement changes the shape, two paths lead to one module,
            or the model runs on several devices at once.
        RuntimeError: On leaving, if the model never called one of the submodules.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> with pm.ablated(model, "1", pm.zero_ablation()):
        ...     bool((model(torch.randn(5, 3)) == model[2].bias).all())
        True
    """
    replacements = check_replacements(path, replacement, Key)
    modules = {key: check_submodule(check_hookable(model), path_of(key)) for key in replacements}
    check_distinct({path_of(key): module for key, module in modules.items()})
    calls = dict.fromkeys(modules, 0)

    def visit_at(key: Key) -> Visit:
        def replace(activation: Tensor) -> Tensor:
            calls[key] += 1
            return check_replaced(replacements[key](activation), activation, repr(key))

        return replace

    with _hooks((modules[key], key, visit_at(key)) for key in modules):
        yield model
    check_called({path_of(key): count for key, count in calls.items()})


@contextmanager
def captured(model: nn.Module, path: Key | Iterable[Key]) -> Iterator["Activations"]:
    """The outputs or inputs of submodules, recorded inside the context.

    Args:
        model: Any module that is not compiled.
        path: What to record: the dotted path of a submodule that returns a tensor, as in ``model.named_modules()``; a
            site from :func:`output_of` or :func:`input_of` for any other tensor; or several of these.

    Yields:
        A mapping from each path or site to its activations, to read inside the context or after it. Activations are
        detached copies. Those of several calls, such as the batches of ``grid_logits``, are joined along the first axis
        in the order of the calls.

    Raises:
        TypeError: If an argument is of the wrong kind, or a site holds no tensor.
        ValueError: If a path or an item does not exist, two paths lead to one module, or the model runs on several
            devices at once; on reading, if calls have shapes that cannot be joined.
        RuntimeError: On leaving, or on reading, if the model never called one of the submodules.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
        >>> with pm.captured(model, ["0", "1"]) as activations:
        ...     output = model(torch.randn(5, 3))
        >>> activations["0"].shape, bool((activations["1"] == output).all())
        (torch.Size([5, 4]), True)
    """
    modules = {key: check_submodule(check_hookable(model), path_of(key)) for key in check_paths(path, Key)}
    check_distinct({path_of(key): module for key, module in modules.items()})
    calls: dict[Key, list[Tensor]] = {key: [] for key in modules}

    def visit_at(key: Key) -> Visit:
        def record(activation: Tensor) -> None:
            # A copy, because the next module may work in place.
            calls[key].append(activation.detach().clone())

        return record

    with _hooks((modules[key], key, visit_at(key)) for key in modules):
        yield Activations(calls)
    check_called({path_of(key): len(chunks) for key, chunks in calls.items()})


class Activations(Mapping[Key, Tensor]):
    """The activations that :func:`captured` recorded, by path or site, with all calls joined along the first axis.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
        >>> with pm.captured(model, ["0", "1"]) as activations:
        ...     outputs = [model(torch.ones(4, 2)) for _ in range(2)]
        >>> activations, activations["1"].shape
        (Activations('0', '1'), torch.Size([8, 3]))
    """

    def __init__(self, calls: Mapping[Key, list[Tensor]]) -> None:
        self._calls = calls

    @override
    def __getitem__(self, path: Key) -> Tensor:
        check_captured_path(path, self._calls)
        chunks = self._calls[path]
        check_called({path_of(path): len(chunks)})
        check_joinable(chunks, path)
        return chunks[0] if len(chunks) == 1 else torch.cat(chunks)

    @override
    def __contains__(self, path: object) -> bool:
        return path in self._calls

    @override
    def __iter__(self) -> Iterator[Key]:
        return iter(self._calls)

    @override
    def __len__(self) -> int:
        return len(self._calls)

    @override
    def __repr__(self) -> str:
        return f"Activations({', '.join(map(repr, self._calls))})"


@contextmanager
def _hooks(hooks: Iterable[tuple[nn.Module, Key, Visit]]) -> Iterator[None]:
    """Adds hooks, and removes them on leaving."""
    handles, closed = [], Event()
    try:
        for module, key, visit in hooks:
            handles.append(register(module, key, visit, closed))
        yield
    finally:
        closed.set()
        for handle in handles:
            handle.remove()
