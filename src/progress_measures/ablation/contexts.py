"""Reading and replacing what goes into or comes out of any named submodule while a model runs.

Both contexts own the hooks that they add: none outlives the context, whatever is raised in it, and hooks of the user's
own are left alone. Hooks are the model's, not the thread's: who runs it in another thread meanwhile runs it hooked. A
copy that is made inside of a context has copies of its hooks; they do nothing once it is left.
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

# A mapping to types knows one kind of key: one of paths alone is none of keys that may be sites.
Replacements: TypeAlias = Mapping[str, Replacement] | Mapping[Site, Replacement] | Mapping[Key, Replacement]


@contextmanager
def ablated(model: nn.Module, path: Key | Replacements, replacement: Replacement | None = None) -> Iterator[nn.Module]:
    """The model with outputs or inputs of submodules replaced, for as long as the context lasts.

    Args:
        model: Any module that is not compiled.
        path: The dotted path of a submodule that returns a tensor, as in ``model.named_modules()``, or a site from
            :func:`output_of` or :func:`input_of` for any other, or a mapping from these to replacements. A path means
            a module: where it is called twice, or stands at two paths, all of its calls are meant.
        replacement: From the activation, which it leaves as it is, to what the model goes on with instead, of the same
            shape; it is cast to the activation's dtype. :func:`at` replaces a part. Left out if ``path`` is a mapping.

    Yields:
        The model itself.

    Raises:
        TypeError: If an argument is of the wrong kind, or there is no tensor at a site, or a replacement does not
            return one.
        ValueError: If there is no submodule at a path, or no such item, or a replacement changes the shape; if two
            paths lead to one module, or the model runs on several devices at once.
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
    """Outputs or inputs of submodules, recorded for as long as the context lasts.

    Args:
        model: Any module that is not compiled.
        path: The dotted path of a submodule that returns a tensor, as in ``model.named_modules()``, or a site from
            :func:`output_of` or :func:`input_of` for any other, or several of these.

    Yields:
        A mapping from each path or site to its activations, readable in the context and after it. Activations are
        detached copies; those of several forward passes, such as the batches of ``grid_logits``, are joined along the
        first axis in the order of the calls.

    Raises:
        TypeError: If an argument is of the wrong kind, or there is no tensor at a site.
        ValueError: If there is no submodule at a path, or no such item; if two paths lead to one module, or the model
            runs on several devices at once; on reading, if calls have shapes that cannot be joined.
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
            # A copy, because what comes next may work in place.
            calls[key].append(activation.detach().clone())

        return record

    with _hooks((modules[key], key, visit_at(key)) for key in modules):
        yield Activations(calls)
    check_called({path_of(key): len(chunks) for key, chunks in calls.items()})


class Activations(Mapping[Key, Tensor]):
    """What :func:`captured` recorded: the activations by path or site, calls joined along the first axis.

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
    handles, left = [], Event()
    try:
        for module, key, visit in hooks:
            handles.append(register(module, key, visit, left))
        yield
    finally:
        left.set()
        for handle in handles:
            handle.remove()
