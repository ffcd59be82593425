"""Contexts that read or replace the inputs and outputs of named submodules while a model runs.

Both contexts own the hooks that they add: they remove them on leaving, even after an error, and leave other hooks
alone. Hooks belong to the model, not to a thread: if another thread runs the model meanwhile, the hooks run there too.
A copy of the model made inside a context keeps copies of the hooks, which do nothing after the context is left.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import TypeAlias

from torch import Size, Tensor, nn
from torch.utils.hooks import RemovableHandle

from progress_measures.ablation.activations import Activations
from progress_measures.ablation.backward import Backward
from progress_measures.ablation.calls import Call, Runs
from progress_measures.ablation.checks import (
    check_called,
    check_called_at_all,
    check_distinct,
    check_hookable,
    check_paths,
    check_repeatable,
    check_replaced,
    check_replacements,
    check_submodule,
)
from progress_measures.ablation.heads import Head, check_fits
from progress_measures.ablation.inside import InsideOfAttention, attention_around
from progress_measures.ablation.layouts import axes_without_batch, axis_of_batch
from progress_measures.ablation.parts import at
from progress_measures.ablation.passes import Fed, check_not_mapped, current, is_recomputed, laid_out
from progress_measures.ablation.replacements import Replacement, check_axis
from progress_measures.ablation.sites import Key, Site, Visit, as_site, modules_on, path_of, register

# To type checkers, mappings are invariant in their keys: a mapping from paths is not one from paths or sites.
Replacements: TypeAlias = Mapping[str, Replacement] | Mapping[Site, Replacement] | Mapping[Key, Replacement]


@contextmanager
def ablated(model: nn.Module, path: Key | Replacements, replacement: Replacement | None = None) -> Iterator[nn.Module]:
    """Replaces outputs or inputs of submodules inside the context.

    Gradient checkpointing computes activations again in the backward pass: run the backward pass inside the context
    too.

    Args:
        model: Any module that is not compiled.
        path: The activation to replace. Pass the dotted path of a submodule that returns a tensor, as in
            ``model.named_modules()``; a site from :func:`output_of` or :func:`input_of` for any other tensor; an
            attention head from :func:`~progress_measures.ablation.heads`; or a mapping from these to replacements.
            Every call of the submodule is replaced, even if the model has it at several paths.
        replacement: A function from the activation to a tensor of the same shape, which the model uses instead. It
            must not change the activation in place. The tensor is cast to the activation's dtype. Use :func:`at` to
            replace a part. Leave it out if ``path`` is a mapping.

    Yields:
        The model itself.

    Raises:
        TypeError: If an argument is of the wrong kind, a site holds no tensor, or a replacement does not return one.
        ValueError: If a path or an item does not exist, a replacement changes the shape, two paths lead to one module,
            or the model runs on several devices at once.
        RuntimeError: On leaving, if the model never called one of the submodules. With gradient checkpointing, also if
            the forward pass is inside the context and the backward pass is not, or the other way around.

    See Also:
        :func:`ablation_effects`: to ablate several components one after the other.
        :func:`zero_ablation`, :func:`mean_ablation`, :func:`resample_ablation`: for ``replacement``.
        :func:`captured`: to read activations without replacing them.

    References:
        Nanda et al. (2023), section 4.4.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> with pm.ablated(model, "1", pm.zero_ablation()):
        ...     bool((model(torch.randn(5, 3)) == model[2].bias).all())
        True
    """
    replacements = {
        key: at(key.index, value) if isinstance(key, Head) else value
        for key, value in check_replacements(path, replacement, Key).items()
    }
    modules = _modules(model, replacements)
    check_distinct({path_of(key): module for key, module in modules.items()})
    calls, feeding, backward = dict.fromkeys(modules, 0), current(), Backward()
    on_path = {key: modules_on(model, path_of(key)) for key in modules}
    axes = {key: (axis_of_batch(on_path[key], as_site(key)), axes_without_batch(on_path[key])) for key in modules}

    def visit_at(key: Key) -> Visit:
        settled: set[Size] = set()

        def replace(activation: Tensor, packed: int) -> Tensor:
            calls[key] += 1
            backward.note()
            _mark(calls, key, feeding)
            if isinstance(key, Head):
                check_fits(key, activation)
            with laid_out(*axes[key], activation, packed, settled):
                if is_recomputed():
                    check_repeatable(replacements[key], activation, repr(key))
                return check_replaced(replacements[key](activation), activation, repr(key))

        return replace

    with _hooks(model, {key: visit_at(key) for key in modules}), backward.inside():
        yield model
    check_called({path_of(key): count for key, count in calls.items()})


@contextmanager
def captured(model: nn.Module, path: Key | Iterable[Key], *, dim: int | None = None) -> Iterator[Activations]:
    """Records outputs or inputs of submodules inside the context.

    Args:
        model: Any module that is not compiled.
        path: The activations to record. Pass the dotted path of a submodule that returns a tensor, as in
            ``model.named_modules()``; a site from :func:`output_of` or :func:`input_of` for any other tensor; or
            several of these.
        dim: The axis of the batch, along which the activations of several calls are joined. If None, it is the first.

    Yields:
        A mapping from each path or site to its activations, to read inside the context or after it. Activations are
        detached copies. Several calls are joined along ``dim`` in their order; batches of :func:`grid_logits` are
        joined in the order of one large batch. If the batch is, or may be, along another axis, reading several calls
        raises an error until you pass ``dim``, as in :func:`mean_ablation`. Two kinds of activations are left out:
        activations that gradient checkpointing computes again, and activations of a call of the model that failed with
        a ``RuntimeError``, because such calls are repeated. A call that another exception stopped on purpose counts.

    Raises:
        TypeError: If an argument is of the wrong kind, or a site holds no tensor.
        ValueError: If a path or an item does not exist, two paths lead to one module, or the model runs on several
            devices at once or inside ``torch.func.vmap``; on reading, if calls cannot be joined along ``dim``, or if
            some returned and some were stopped.
        RuntimeError: On leaving, or on reading, if the model never called one of the submodules, or all calls failed.

    See Also:
        :func:`ablated`: to replace activations.
        :func:`grid_logits`: to run the model on every input of an operation.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
        >>> with pm.captured(model, ["0", "1"]) as activations:
        ...     output = model(torch.randn(5, 3))
        >>> activations["0"].shape, bool((activations["1"] == output).all())
        (torch.Size([5, 4]), True)
    """
    modules = _modules(model, check_paths(path, Key))
    check_distinct({path_of(key): module for key, module in modules.items()})
    calls: dict[Key, list[Call]] = {key: [] for key in modules}
    runs, feeding = Runs(), current()

    def visit_at(key: Key) -> Visit:
        def record(activation: Tensor, packed: int) -> None:
            check_not_mapped(activation, repr(key))
            if not is_recomputed():
                _mark(calls, key, feeding)
                # A copy, because the next module may work in place.
                part = _part(activation, key)
                calls[key].append(Call(part.detach().clone(), current(), runs.under_way(), packed))

        return record

    on_path = {key: modules_on(model, path_of(key)) for key in modules}
    axes = {key: (axis_of_batch(on_path[key], as_site(key)), axes_without_batch(on_path[key])) for key in modules}
    activations = Activations(calls, check_axis(dim), axes)
    within = [module for key in modules for module in on_path[key]]
    with _hooks(model, {key: visit_at(key) for key in modules}), runs.of(within):
        yield activations
    check_called({path_of(key): len(chunks) for key, chunks in calls.items()})


@contextmanager
def _hooks(model: nn.Module, visits: Mapping[Key, Visit]) -> Iterator[None]:
    """Adds hooks, and removes them on leaving."""
    handles: list[RemovableHandle | InsideOfAttention] = []
    closed = Event()
    try:
        for key, visit in visits.items():
            handles.append(register(model.get_submodule(path_of(key)), key, visit, closed))
            attention = attention_around(model, key)
            if attention is not None:
                handles.append(InsideOfAttention(attention, key, visit, closed))
        yield
    finally:
        closed.set()
        for handle in handles:
            handle.remove()


def _part(activation: Tensor, key: Key) -> Tensor:
    """The part of an activation that a key names: of a head, what is its own."""
    if not isinstance(key, Head):
        return activation
    check_fits(key, activation)
    return activation[key.index]


def _mark(context: object, key: Key, entered: Fed | None) -> None:
    """Notes in the batch of ``grid_logits`` that a hook has run, if its context was entered before the batch."""
    fed = current()
    if fed is not None and fed is not entered:
        fed.hooks.add((id(context), key))


def _modules(model: nn.Module, keys: Iterable[Key]) -> dict[Key, nn.Module]:
    """The submodule of each path or site."""
    modules = {key: check_submodule(check_hookable(model), path_of(key)) for key in keys}
    for site in map(as_site, modules):
        if site.of == "output":
            check_called_at_all(model, site.path)
    return modules
